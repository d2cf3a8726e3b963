"""gateway margin: what accounts owe, have and how far liquidation is, from a journal and marks that
are given. Reads files; a running gateway does not notice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gateway.commands.output import json_option, print_json, print_table
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.config.faults import ConfigError
from gateway.journal import reader
from gateway.valuation.brackets import Brackets, load_brackets
from gateway.valuation.margin import MarkPrice, margin_rows

__all__ = ["command"]

_ORDERS_MAX = 1_000_000
_ACCOUNTS = (
    "account", "venue", "currency", "equity", "initial", "maintenance", "ratio", "headroom",
    "state",
)  # fmt: skip
_POSITIONS = (
    "account", "instrument", "leg", "margin_mode", "quantity", "notional", "unrealised", "initial",
    "maintenance", "liquidation_price", "liquidation_distance_percent", "reason",
)  # fmt: skip


def brackets_of(path: Path) -> Brackets:
    """The schedules of a file. click.BadParameter names what is wrong with it."""
    try:
        return load_brackets(path)
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--brackets") from None


def marks_of(words: Sequence[str]) -> dict[str, MarkPrice]:
    """NAME=PRICE each."""
    found = {}
    for word in words:
        name, _, price = word.rpartition("=")
        if not name or not price:
            raise click.BadParameter(f"{word[:64]} is not NAME=PRICE", param_hint="--mark")
        found[name] = MarkPrice(price, 0)
    return found


@click.command("margin")
@directory_argument
@click.option(
    "--brackets",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Margin schedules, as conf/margin.toml.",
)
@click.option("--mark", "marks", multiple=True, help="NAME=PRICE of an instrument; repeated.")
@ring_option
@json_option
def command(
    directory: Path, brackets: Path, marks: tuple[str, ...], ring_directory: str, as_json: bool
) -> None:
    """Margin, headroom and liquidation prices of the accounts in a journal's newest state.
    A journal holds no marks: what has none is named and left out.

    \b
    Example:
      gateway margin var/gateway --brackets conf/margin.toml --mark BTCUSDT.binance=64000
    """
    schedules, prices = brackets_of(brackets), marks_of(marks)
    with opened(directory):
        replica = reader.open_replica(directory, ring_directory, use_snapshot=True)
        while replica.follow(1 << 20):
            pass
        orders = reader.every_order(replica, is_open=True, limit=_ORDERS_MAX)
    found = margin_rows(
        replica.positions(),
        replica.balances(),
        replica.registry("instrument"),
        schedules,
        prices,
        orders=orders,
    )
    if as_json:
        print_json({"sequence": replica.sequence, **found._asdict()})
        return
    print_table(found.accounts, _ACCOUNTS, "No account is on margin.")
    print_table(found.positions, _POSITIONS, "No position is on margin.")
    for row in found.accounts:
        for text in row["stale"]:
            click.echo(f"{row['account']} {row['currency']}: left out: {text}", err=True)
    click.echo(f"as of sequence {replica.sequence}")
