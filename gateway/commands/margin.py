"""gateway margin: what accounts owe, have and how far liquidation is, from a journal and marks that
are given. Reads files; a running gateway does not notice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gateway.analytics.desk_margin import DeskMargin
from gateway.commands.desk_sources import (
    DeskWords,
    desk_options,
    margin_of,
    need_known,
    open_orders,
)
from gateway.commands.output import json_option, print_json, print_table
from gateway.config.faults import ConfigError
from gateway.valuation.brackets import Brackets, load_brackets, mantissa

__all__ = ["command"]

_ACCOUNTS = (
    "account", "venue", "currency", "equity", "initial", "maintenance", "ratio", "headroom",
    "state",
)  # fmt: skip
_PORTFOLIO = (
    "account", "currency", "maintenance", "initial", "loss", "price_move", "volatility_move",
    "short_options", "offset_futures",
)  # fmt: skip
_POSITIONS = (
    "account", "instrument", "leg", "margin_mode", "margin_mode_source", "quantity", "collateral",
    "notional", "unrealised", "initial", "maintenance", "liquidation_price",
    "liquidation_distance_percent", "reason",
)  # fmt: skip


def brackets_of(path: Path) -> Brackets:
    """The schedules of a file. click.BadParameter names what is wrong with it."""
    try:
        return load_brackets(path)
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--brackets") from None


def collateral_of(words: Sequence[str]) -> dict[tuple[str, str, str], str]:
    """ACCOUNT|INSTRUMENT|LEG=AMOUNT each, as the keys of the stream's positions begin."""
    found = {}
    for word in words:
        key, _, amount = word.rpartition("=")
        names = key.split("|")
        if len(names) != 3 or not all(names) or not _is_amount(amount):
            raise click.BadParameter(
                f"{word[:64]} is not ACCOUNT|INSTRUMENT|LEG=AMOUNT", param_hint="--collateral"
            )
        found[names[0], names[1], names[2]] = amount
    return found


def _is_amount(text: str) -> bool:
    try:
        return mantissa(text, 18) >= 0
    except ValueError:
        return False


@click.command("margin")
@desk_options
@click.option(
    "--brackets",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Margin schedules, as conf/margin.toml.",
)
@click.option(
    "--collateral",
    multiple=True,
    help="ACCOUNT|INSTRUMENT|LEG=AMOUNT of an isolated position, instead of what its venue told; "
    "repeated.",
)
@json_option
def command(desk: DeskWords, brackets: Path, collateral: tuple[str, ...], as_json: bool) -> None:
    """Margin, headroom and liquidation prices of the accounts in a journal's newest state, or as of
    a moment. A journal holds no marks: what has none is named and left out.

    \b
    Example:
      gateway margin var/gateway --brackets conf/margin.toml --mark BTCUSDT.binance=64000
    """
    schedules, isolated = brackets_of(brackets), collateral_of(collateral)
    replica, given = desk.valued()
    need_known((key[1] for key in isolated), given.instruments, "--collateral")
    found = margin_of(replica, given, schedules, orders=open_orders(replica), collateral=isolated)
    if as_json:
        print_json({"sequence": replica.sequence, **found._asdict()})
        return
    _show(found, replica.sequence)


def _show(found: DeskMargin, sequence: int) -> None:
    if found.portfolio:
        print_table(found.portfolio, _PORTFOLIO, "")
    print_table(found.accounts, _ACCOUNTS, "No account is on margin.")
    print_table(found.positions, _POSITIONS, "No position is on margin.")
    for row in found.accounts:
        for text in row["excluded"]:
            click.echo(f"{row['account']} {row['currency']}: left out: {text}", err=True)
        for text in row["estimates"]:
            click.echo(f"{row['account']} {row['currency']}: an estimate: {text}", err=True)
    click.echo(f"as of sequence {sequence}")
