"""gateway why: the chain of records that made an order, a position or a balance what it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gateway.commands.moments import as_of_option
from gateway.commands.output import json_option, print_json
from gateway.commands.past import (
    archive_option,
    moment_within,
    opened_history,
    tell_beginning,
)
from gateway.commands.verify import directory_argument, ring_option

__all__ = ["command"]

_POSITION = ("account", "instrument", "strategy", "leg", "margin_mode")
_BALANCE = ("account", "currency")
chain_option = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, help="Newest records of the chain."
)


@click.group("why")
def command() -> None:
    """Why an order, a position or a balance is as it is.

    \b
    Example:
      gateway why order var/gateway 2251801961168897
    """


@command.command("order")
@directory_argument
@click.argument("name", metavar="ID")
@ring_option
@archive_option
@json_option
def order(
    directory: Path, name: str, ring_directory: str, archive: Path | None, as_json: bool
) -> None:
    """Intent, risk decision, events of the venue, fills and what they made of the position.

    ID is an order id or a client order id; a refused one has a chain too.

    \b
    Example:
      gateway why order var/gateway my-order-1
    """
    with opened_history(directory, archive, ring_directory) as history:
        from gateway.history.why import why_order

        show(why_order(history, name), as_json)


@command.command("position")
@directory_argument
@click.argument("key", nargs=-1, required=True, metavar="ACCOUNT INSTRUMENT STRATEGY [LEG]")
@as_of_option
@chain_option
@ring_option
@archive_option
@json_option
def position(
    directory: Path, key: tuple[str, ...], as_of: str | None, limit: int,
    ring_directory: str, archive: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """The records that made a position, each with what it moved and the quantity behind it.

    \b
    Example:
      gateway why position var/gateway main BTC-USDT alpha
    """
    wanted = key_of(key, _POSITION, 3)
    with opened_history(directory, archive, ring_directory) as history:
        from gateway.history.why import why_position

        moment = moment_within(history, directory, as_of)
        show(why_position(history, wanted, moment=moment, limit=limit), as_json)


@command.command("balance")
@directory_argument
@click.argument("key", nargs=-1, required=True, metavar="ACCOUNT CURRENCY")
@as_of_option
@chain_option
@ring_option
@archive_option
@json_option
def balance(
    directory: Path, key: tuple[str, ...], as_of: str | None, limit: int,
    ring_directory: str, archive: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """The records that moved a balance, each with its change and the total behind it.

    \b
    Example:
      gateway why balance var/gateway main USDT --as-of 2026-11-21T14:30:00
    """
    wanted = key_of(key, _BALANCE, 2)
    with opened_history(directory, archive, ring_directory) as history:
        from gateway.history.why import why_balance

        moment = moment_within(history, directory, as_of)
        show(why_balance(history, wanted, moment=moment, limit=limit), as_json)


def key_of(words: Sequence[str], names: Sequence[str], least: int) -> dict[str, str]:
    """Words of the command line by their names."""
    if not least <= len(words) <= len(names):
        raise click.UsageError(f"the key is {' '.join(names[:least]).upper()}")
    return dict(zip(names, words, strict=False))


def show(found: dict[str, Any], as_json: bool) -> None:
    """The chain, one record a line."""
    if as_json:
        print_json(found)
        return
    for step in found["chain"]:
        seconds, rest_ns = divmod(step["time_ns"], 1_000_000_000)
        when = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        words = "".join(letter if letter.isprintable() else "?" for letter in step["words"])
        click.echo(f"{step['sequence']:>10} {when}.{rest_ns:09d} {words}")
    tell_beginning(found["begins_at"])
    if found["is_cut"] and not found["begins_at"]:
        click.echo("older records are not shown: raise --limit", err=True)
