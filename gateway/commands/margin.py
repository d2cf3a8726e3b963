"""gateway margin: what accounts owe, have and how far liquidation is, from a journal and marks that
are given. Reads files; a running gateway does not notice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gateway import process
from gateway.analytics.greek_book import GreekInput
from gateway.analytics.portfolio_margin import portfolio_rows, with_portfolio
from gateway.commands.desk_sources import (
    live_marks_option,
    mark_option,
    marks_of,
    need_known,
    newest,
    options_of,
    options_option,
    with_live,
)
from gateway.commands.output import json_option, print_json, print_table
from gateway.commands.verify import directory_argument, ring_option
from gateway.config.faults import ConfigError
from gateway.journal import reader
from gateway.valuation.brackets import Brackets, load_brackets, mantissa
from gateway.valuation.margin import AGE_MS_MAX, margin_rows
from gateway.valuation.option_terms import OptionBook

__all__ = ["command"]

_ORDERS_MAX = 1_000_000
_ACCOUNTS = (
    "account", "venue", "currency", "equity", "initial", "maintenance", "ratio", "headroom",
    "state",
)  # fmt: skip
_PORTFOLIO = (
    "account", "currency", "maintenance", "initial", "loss", "price_move", "volatility_move",
    "short_options", "offset_futures",
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


def margin_accounts(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Accounts that may trade on margin, whether or not they hold something."""
    return frozenset(row["name"] for row in rows if row["margin_mode"] != "cash")


@click.command("margin")
@directory_argument
@click.option(
    "--brackets",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Margin schedules, as conf/margin.toml.",
)
@options_option
@mark_option
@live_marks_option
@click.option(
    "--collateral",
    multiple=True,
    help="ACCOUNT|INSTRUMENT|LEG=AMOUNT of an isolated position; repeated.",
)
@ring_option
@json_option
def command(
    directory: Path, brackets: Path, options_file: Path | None, marks: tuple[str, ...],
    live_marks: bool, collateral: tuple[str, ...], ring_directory: str, as_json: bool,
) -> None:  # fmt: skip
    """Margin, headroom and liquidation prices of the accounts in a journal's newest state.
    A journal holds no marks: what has none is named and left out.

    \b
    Example:
      gateway margin var/gateway --brackets conf/margin.toml --mark BTCUSDT.binance=64000
    """
    schedules, prices = brackets_of(brackets), marks_of(marks)
    isolated = collateral_of(collateral)
    settings = options_of(options_file)
    replica = newest(directory, ring_directory)
    instruments = replica.registry("instrument")
    need_known([*prices, *(key[1] for key in isolated)], instruments)
    orders = reader.every_order(replica, is_open=True, limit=_ORDERS_MAX)
    known = with_live(prices, ring_directory, is_wanted=live_marks)
    given = GreekInput(
        positions=replica.positions(),
        instruments=instruments,
        options=OptionBook(settings, instruments),
        marks=known,
        rates={row["name"]: float(row["rate"]) for row in replica.registry("currency")},
        now_ns=process.wall_ns(),
        age_ms_max=AGE_MS_MAX,
    )
    found = margin_rows(
        given.positions,
        replica.balances(),
        instruments,
        schedules,
        known,
        orders=orders,
        collateral=isolated,
        margin_accounts=margin_accounts(replica.registry("account")),
        options=given.options,
        now_ns=given.now_ns,
    )
    portfolio = portfolio_rows(given)
    found = found._replace(accounts=with_portfolio(found.accounts, portfolio))
    if as_json:
        print_json({"sequence": replica.sequence, **found._asdict(), "portfolio": portfolio})
        return
    if portfolio:
        print_table(portfolio, _PORTFOLIO, "")
    print_table(found.accounts, _ACCOUNTS, "No account is on margin.")
    print_table(found.positions, _POSITIONS, "No position is on margin.")
    for row in found.accounts:
        for text in row["stale"]:
            click.echo(f"{row['account']} {row['currency']}: left out: {text}", err=True)
        for text in row["estimates"]:
            click.echo(f"{row['account']} {row['currency']}: an estimate: {text}", err=True)
    click.echo(f"as of sequence {replica.sequence}")
