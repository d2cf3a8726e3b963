"""gateway status: what the running gateway is doing."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.commands.connection import connect, connection_options
from gateway.commands.output import json_option, print_json, print_pairs, print_table

__all__ = ["command"]


@click.command("status")
@connection_options
@json_option
def command(
    url: str | None, key_file: Path | None, config_file: Path | None, as_json: bool
) -> None:
    """Show state, venues, open orders and the state hash of the running gateway.

    \b
    Example:
      gateway status --config conf/gateway.toml
    """
    status = connect(url, key_file, config_file).get("/v1/status")
    if as_json:
        print_json(status)
        return
    plain = {name: value for name, value in status.items() if not isinstance(value, dict | list)}
    print_pairs(plain)
    click.echo()
    print_table(status.get("venues", []), ["name", "state", "reconciled"], "No venues.")
