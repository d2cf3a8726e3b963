"""gateway enable: a named person lifts a halt."""

from __future__ import annotations

import click

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.kill import LEVELS, check_target
from gateway.commands.output import confirm, json_option, print_json

__all__ = ["command"]


@click.command("enable")
@click.argument("level", type=click.Choice(LEVELS))
@click.argument("name", default="")
@click.option("--actor", required=True, help="Who answers for this; it is journaled.")
@click.option("--reason", required=True, help="Why trading may go on; it is journaled.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection_options
@json_option
def command(
    level: str,
    name: str,
    actor: str,
    reason: str,
    yes: bool,
    gateway: RunningGateway,
    as_json: bool,
) -> None:
    """Lift the halt of LEVEL (with its NAME), so that orders may flow again.

    \b
    Example:
      gateway enable account demo --actor anna --reason "book corrected"
    """
    check_target(level, name)
    confirm(f"Let {level} {name} trade again".replace("  ", " "), yes)
    body = {"level": level, "name": name, "actor": actor, "reason": reason}
    answer = gateway.connect().request("POST", "/v1/enable", body)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{level} {name}".rstrip() + " is enabled")
