"""gateway margin: what accounts owe, have and how far liquidation is, from a journal and marks that
are given. Reads files; a running gateway does not notice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gateway.analytics.desk_margin import DeskMargin
from gateway.commands.desk_sources import (
    desk_at,
    live_marks_option,
    margin_of,
    mark_options,
    named_marks,
    need_known,
    open_orders,
    options_of,
    options_option,
    valued,
    with_live,
)
from gateway.commands.history import archive_option
from gateway.commands.output import json_option, print_json, print_table
from gateway.commands.points import as_of_option
from gateway.commands.verify import directory_argument, ring_option
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
@directory_argument
@click.option(
    "--brackets",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Margin schedules, as conf/margin.toml.",
)
@options_option
@mark_options
@live_marks_option
@click.option(
    "--collateral",
    multiple=True,
    help="ACCOUNT|INSTRUMENT|LEG=AMOUNT of an isolated position, instead of what its venue told; "
    "repeated.",
)
@as_of_option
@archive_option
@ring_option
@json_option
def command(
    directory: Path, brackets: Path, options_file: Path | None, marks: Path | None,
    mark_words: tuple[str, ...], live_marks: bool, collateral: tuple[str, ...],
    as_of: str | None, archive: Path | None, ring_directory: str, as_json: bool,
) -> None:  # fmt: skip
    """Margin, headroom and liquidation prices of the accounts in a journal's newest state, or as of
    a moment. A journal holds no marks: what has none is named and left out.

    \b
    Example:
      gateway margin var/gateway --brackets conf/margin.toml --mark BTCUSDT.binance=64000
    """
    schedules, prices = brackets_of(brackets), named_marks(marks, mark_words)
    isolated = collateral_of(collateral)
    settings = options_of(options_file)
    replica, now_ns = desk_at(directory, ring_directory, as_of, archive)
    known = replica.registry("instrument")
    need_known(prices, known, "--mark", "--marks")
    need_known((key[1] for key in isolated), known, "--collateral")
    marks_now = with_live(prices, ring_directory, as_of, is_wanted=live_marks)
    given = valued(replica, settings, marks_now, now_ns=now_ns)
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
        for text in row["stale"]:
            click.echo(f"{row['account']} {row['currency']}: left out: {text}", err=True)
        for text in row["estimates"]:
            click.echo(f"{row['account']} {row['currency']}: an estimate: {text}", err=True)
    click.echo(f"as of sequence {sequence}")
