"""gateway run: the live program."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from gateway.commands.settings import file_argument, load_settings

__all__ = ["command"]


@click.command("run")
@file_argument
@click.option("--json", "as_json", is_flag=True, help="No effect here: logs are JSON lines.")
def command(file: Path, as_json: bool) -> None:
    """Start the gateway with the configuration FILE and serve until SIGTERM or Ctrl-C.

    \b
    Example:
      gateway run conf/gateway.toml
    """
    settings = load_settings(file)
    daemon = importlib.import_module("gateway.daemon")
    sys.exit(daemon.main(settings) or 0)
