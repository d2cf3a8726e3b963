"""gateway plugins: what is installed, and why something is not taken."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.output import json_option, print_json, print_table

__all__ = ["command", "installed"]


@click.command("plugins")
@click.option("--running", is_flag=True, help="Ask the running gateway instead of this install.")
@connection_options
@json_option
def command(running: bool, gateway: RunningGateway, as_json: bool) -> None:
    """List the plugins with version, API level and state.

    \b
    Example:
      gateway plugins --json
    """
    answer = gateway.connect().get("/v1/plugins") if running else {"plugins": installed()}
    if as_json:
        print_json(answer)
    else:
        columns = ("name", "version", "api", "state", "conformance", "reason")
        empty = "No plugins are installed. `pip install` one, for instance plugins/paper."
        print_table(answer["plugins"], columns, empty)


def installed() -> list[dict[str, Any]]:
    """Every installed plugin, judged as the daemon judges it at its start; none is started."""
    from gateway.venues.registry import Plugins

    return [msgspec.to_builtins(row) for row in Plugins.discover().rows]
