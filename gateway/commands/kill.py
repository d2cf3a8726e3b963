"""gateway kill: halt one level at once. It latches; only a named person lifts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.output import (
    NOT_RUNNING,
    CommandFailure,
    confirm,
    json_option,
    print_json,
)
from gateway.commands.settings import load_settings
from gateway.journal import reader

__all__ = ["LEVELS", "check_target", "command"]

LEVELS = ("firm", "account", "strategy", "venue", "instrument")


def check_target(level: str, name: str) -> None:
    """The firm has no name; every other level needs one."""
    if (level == "firm") == bool(name):
        raise click.UsageError("The firm takes no NAME." if name else f"{level} needs a NAME.")


@click.command("kill")
@click.argument("level", type=click.Choice(LEVELS))
@click.argument("name", default="")
@click.option("--actor", required=True, help="Who does this; journaled, 40 letters.")
@click.option("--reason", required=True, help="Why; journaled, 48 letters.")
@click.option("--keep-orders", is_flag=True, help="Halt only; leave open orders working.")
@click.option("--word", "is_word", is_flag=True, help="Firm only: past the API, by shared memory.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection_options
@json_option
def command(
    level: str,
    name: str,
    actor: str,
    reason: str,
    keep_orders: bool,
    is_word: bool,
    yes: bool,
    gateway: RunningGateway,
    as_json: bool,
) -> None:
    """Halt trading at LEVEL (with its NAME) and cancel its open orders.

    With --word the firm is halted through the engine's own memory: that works while the API does
    not answer. Actor and reason are then not journaled; the record says "kill word".

    \b
    Example:
      gateway kill firm --actor anna --reason "runaway strategy" --yes
      gateway kill account demo --actor anna --reason "wrong book" --keep-orders
    """
    check_target(level, name)
    confirm(f"Halt {level} {name}".rstrip(), yes)
    if is_word:
        return halt_by_word(level, keep_orders, gateway.config_file, as_json)
    body = {"level": level, "name": name, "actor": actor, "reason": reason}
    body |= {"cancel": not keep_orders}  # type: ignore[dict-item]
    answer = gateway.connect().request("POST", "/v1/kill", body)
    if as_json:
        print_json(answer)
    else:
        target = f"{level} {name}".rstrip()
        click.echo(f"{target} is halted{told_of(answer)}")
        click.echo(f"Lift it with `gateway enable {target} --actor NAME --reason TEXT`.")


def told_of(answer: dict[str, Any]) -> str:
    """What became of the orders that worked there."""
    words = (("cancels", "cancels_sent"), ("were being canceled", "cancels_pending"),
             ("are not yours to cancel", "cancels_refused"))  # fmt: skip
    told = "".join(f", {answer[key]} {word}" for word, key in words if answer.get(key))
    waiting = answer.get("waiting", {})
    return told + "".join(f", {count} wait ({code})" for code, count in waiting.items())


def halt_by_word(level: str, keep_orders: bool, config_file: Path | None, as_json: bool) -> None:
    """Raise the kill word in the ring of the configured gateway."""
    if level != "firm" or keep_orders:
        raise click.UsageError("--word halts the firm and cancels everything.")
    ring = load_settings(config_file).places.ring_directory
    try:
        word = reader.raise_kill_word(ring)
    except RuntimeError as error:
        hint = "Start it with `gateway run FILE`, or name its configuration with --config."
        raise CommandFailure(NOT_RUNNING, "NOT_RUNNING", str(error), hint) from None
    if as_json:
        print_json({"kill_word": word})
    else:
        click.echo(
            f"kill word raised to {word}; lift the halt with "
            "`gateway enable firm --actor NAME --reason TEXT`."
        )
