"""gateway check: is this configuration complete and allowed?"""

from __future__ import annotations

from pathlib import Path

import click

from gateway.commands.output import json_option, print_json
from gateway.commands.settings import file_argument, load_settings

__all__ = ["command"]


@click.command("check")
@file_argument
@json_option
def command(file: Path, as_json: bool) -> None:
    """Check the configuration FILE and its limits. Every fault is named, with file and line.

    \b
    Example:
      gateway check conf/gateway.toml
    """
    settings = load_settings(file)
    names = {
        "venues": sorted(settings.venues),
        "accounts": sorted(settings.accounts),
        "strategies": sorted(settings.strategies),
        "principals": sorted(settings.principals),
    }
    if as_json:
        print_json({"ok": True, "file": str(file), **names})
        return
    click.echo(f"{file}: ok")
    for kind, found in names.items():
        click.echo(f"  {kind}: {', '.join(found) or 'none'}")
