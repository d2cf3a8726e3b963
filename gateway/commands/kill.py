"""gateway kill: halt one level at once. It latches; only a named person lifts it."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.commands.connection import connect, connection_options
from gateway.commands.output import confirm, json_option, print_json

__all__ = ["LEVELS", "check_target", "command"]

LEVELS = ("firm", "account", "strategy", "venue", "instrument")


def check_target(level: str, name: str) -> None:
    """The firm has no name; every other level needs one."""
    if (level == "firm") == bool(name):
        raise click.UsageError("The firm takes no NAME." if name else f"{level} needs a NAME.")


@click.command("kill")
@click.argument("level", type=click.Choice(LEVELS))
@click.argument("name", default="")
@click.option("--actor", required=True, help="Who does this; it is journaled.")
@click.option("--reason", required=True, help="Why; it is journaled.")
@click.option("--keep-orders", is_flag=True, help="Halt only; leave open orders working.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection_options
@json_option
def command(
    level: str,
    name: str,
    actor: str,
    reason: str,
    keep_orders: bool,
    yes: bool,
    url: str | None,
    key_file: Path | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Halt trading at LEVEL (with its NAME) and cancel its open orders.

    \b
    Example:
      gateway kill firm --actor anna --reason "runaway strategy" --yes
      gateway kill account demo --actor anna --reason "wrong book" --keep-orders
    """
    check_target(level, name)
    confirm(f"Halt {level} {name}".rstrip(), yes)
    body = {"level": level, "name": name, "actor": actor, "reason": reason}
    body |= {"cancel": not keep_orders}  # type: ignore[dict-item]
    answer = connect(url, key_file, config_file).request("POST", "/v1/kill", body)
    if as_json:
        print_json(answer)
    else:
        sent = answer.get("cancels_sent")
        click.echo(
            f"{level} {name}".rstrip() + " is halted" + (f", {sent} cancels" if sent else "")
        )
        click.echo(f"Lift it with `gateway enable {level} {name}`.".replace(" `.", "`."))
