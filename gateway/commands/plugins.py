"""gateway plugins: what is installed, and why something is not taken."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import click

from gateway.api.version import API_LEVEL
from gateway.commands.connection import connect, connection_options
from gateway.commands.output import json_option, print_json, print_table

__all__ = ["command", "installed"]

GROUP = "gateway.plugins"


@click.command("plugins")
@click.option("--running", is_flag=True, help="Ask the running gateway instead of this install.")
@connection_options
@json_option
def command(
    running: bool,
    url: str | None,
    key_file: Path | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """List the plugins with version, API level and state.

    \b
    Example:
      gateway plugins --json
    """
    if running:
        answer = connect(url, key_file, config_file).get("/v1/plugins")
    else:
        answer = {"plugins": [installed(point) for point in entry_points(group=GROUP)]}
    if as_json:
        print_json(answer)
    else:
        columns = ("name", "version", "api", "state", "reason")
        empty = "No plugins are installed. `pip install` one, for instance plugins/paper."
        print_table(answer["plugins"], columns, empty)


def installed(point: EntryPoint) -> dict[str, Any]:
    """One installed plugin: imported, asked for its API level, never started."""
    version = point.dist.version if point.dist else ""
    row: dict[str, Any] = {"name": point.name, "version": version, "api": None}
    try:
        plugin = point.load()
        row["api"] = plugin.gateway_api_level()
        row["name"] = plugin.gateway_venue_name()
    except Exception as error:  # Whatever a plugin raises is shown as its reason.
        return row | {"state": "broken", "reason": f"{type(error).__name__}: {error}"}
    if row["api"] != API_LEVEL:
        reason = f"written for API level {row['api']}, this gateway has {API_LEVEL}"
        return row | {"state": "refused", "reason": reason}
    return row | {"state": "ready", "reason": ""}
