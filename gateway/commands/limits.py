"""gateway limits: show the limits in force, or apply a file of limits with a name and a reason."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.output import confirm, json_option, print_json, print_table
from gateway.commands.settings import refused
from gateway.config import ConfigError, LimitRow, Limits, load_limits
from gateway.config.limits import DEFAULT, LEVELS, OFF

__all__ = ["changes", "command"]

FIELDS = LimitRow.__struct_fields__


@click.group("limits")
def command() -> None:
    """Show or change the limits of the risk gate.

    \b
    Example:
      gateway limits show
    """


@command.command("show")
@connection_options
@json_option
def show(gateway: RunningGateway, as_json: bool) -> None:
    """List the limits in force, with who set them and why.

    \b
    Example:
      gateway limits show --json
    """
    answer = gateway.connect().get("/v1/limits")
    if as_json:
        print_json(answer)
        return
    rows = [
        {"level": row["level"], "name": row["name"], "limit": field, "value": row.get(field)}
        | {"version": row.get("version"), "actor": row.get("actor"), "reason": row.get("reason")}
        for row in answer["limits"]
        for field in FIELDS
    ]
    columns = ("level", "name", "limit", "value", "version", "actor", "reason")
    print_table(rows, columns, "No limits: nothing trades.")


@command.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--actor", required=True, help="Who answers for this; it is journaled.")
@click.option("--reason", required=True, help="Why; it is journaled.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection_options
@json_option
def apply(
    file: Path,
    actor: str,
    reason: str,
    yes: bool,
    gateway: RunningGateway,
    as_json: bool,
) -> None:
    """Compare FILE with the limits in force, show the difference and apply it.

    \b
    Example:
      gateway limits apply conf/limits.toml --actor anna --reason "new quarter"
    """
    try:
        limits = load_limits(file)
    except ConfigError as error:
        raise refused(error.faults) from None
    connection = gateway.connect()
    found = list(changes(limits, connection.get("/v1/limits")["limits"]))
    if found and not as_json:
        print_table(found, ("level", "name", "limit", "now", "new"), "")
    if found:
        confirm(f"Apply {len(found)} changes", yes)
    for level, name in dict.fromkeys((change["level"], change["name"]) for change in found):
        row = limits.row(level, name)
        assert row is not None, "a change comes from a row"
        body = {"level": level, "name": name, "fields": row.fields()}
        connection.request("PUT", "/v1/limits", body | {"actor": actor, "reason": reason})
    if as_json:
        print_json({"changes": found})
    elif not found:
        click.echo("The limits in force are those of the file.")


def changes(limits: Limits, in_force: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every single limit that the file would change, for each entity that has or gets a row."""
    now = {(row["level"], "" if row["level"] == "firm" else row["name"]): row for row in in_force}
    wanted = dict.fromkeys(now)
    for level in LEVELS:
        if level == "firm":
            wanted[level, ""] = None
        else:
            names = [name for name in getattr(limits, level) if name != DEFAULT]
            wanted |= dict.fromkeys((level, name) for name in names)
    for level, name in wanted:
        row = limits.row(level, name)
        for field, new in (row.fields() if row else {}).items():
            old = now.get((level, name), {}).get(field)
            if old is None or _number(old) != _number(new):
                yield {"level": level, "name": name, "limit": field, "now": old, "new": new}


def _number(value: object) -> Decimal:
    return Decimal("Infinity") if value == OFF else Decimal(str(value))
