"""gateway observe: the downstream program, which reads and never trades."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from gateway.commands.settings import file_argument, load_settings

__all__ = ["command"]


@click.command("observe")
@file_argument
@click.option("--json", "as_json", is_flag=True, help="No effect here: logs are JSON lines.")
def command(file: Path, as_json: bool) -> None:
    """Start the observer of the gateway with the configuration FILE, until SIGTERM or Ctrl-C.

    \b
    Example:
      gateway observe conf/gateway.toml
    """
    settings = load_settings(file)
    observer = importlib.import_module("gateway.observer")
    sys.exit(observer.main(settings) or 0)
