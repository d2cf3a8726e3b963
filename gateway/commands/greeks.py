"""gateway greeks: what a desk's positions move like, from a journal and marks that are given. Reads
files; a running gateway does not notice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import click

from gateway.analytics.decay import DAYS_MAX, decay_path
from gateway.analytics.expiry_calendar import expiry_rows
from gateway.analytics.greek_book import (
    GREEK_LEVELS,
    SUMS,
    GreekBook,
    Shock,
    book_of,
    greek_rows,
    plain,
    position_rows,
    shock_row,
)
from gateway.commands.desk_sources import DeskWords, desk_options, need_known
from gateway.commands.output import json_option, print_json, print_table
from gateway.commands.time_zone import zone_of

__all__ = ["command"]

_POSITIONS = ("account", "strategy", "instrument", "underlying", "volatility", "delta", "gamma",
              *SUMS)  # fmt: skip
_LEVELS = ("level", "name", *SUMS, "theta_trading_day", "beta_delta")
_SHOCKS = ("spot", "vol", "profit", *SUMS)
_DECAY = ("day", "value", "settled", "theta")
_EXPIRIES = ("expiry", "account", "instrument", "quantity", "outcome", "cash", "currency",
             "reason")  # fmt: skip


def named_numbers(words: Sequence[str], hint: str) -> dict[str, float]:
    """NAME=NUMBER each, not below zero."""
    found = {}
    for word in words:
        name, _, text = word.rpartition("=")
        try:
            found[name] = float(text)
        except ValueError:
            found[name] = math.nan
        if not name or not 0.0 <= found[name] < math.inf:
            raise click.BadParameter(f"{word[:64]} is not NAME=NUMBER", param_hint=hint)
    return found


def shock_of(word: str) -> Shock:
    """spot=-0.1,vol=0.05 in any order; what is left out does not move."""
    parts: dict[str, float] = {}
    for each in word.split(","):
        name, _, text = each.partition("=")
        try:
            parts[name.strip()] = float(text)
        except ValueError:
            parts[""] = math.nan
    if not parts.keys() <= {"spot", "vol"} or not all(map(math.isfinite, parts.values())):
        raise click.BadParameter(
            f"{word[:64]} is not spot=SHARE,vol=POINTS, such as spot=-0.1,vol=0.05",
            param_hint="--shock",
        )
    return Shock(**parts)


@click.command("greeks")
@desk_options
@click.option("--volatility", multiple=True, help="NAME=0.6, instead of what its mark implies.")
@click.option(
    "--by",
    type=click.Choice(("position", *GREEK_LEVELS)),
    default="asset",
    help="Positions, or sums by this level.",
)
@click.option("--shock", "shocks", multiple=True, help="spot=SHARE,vol=POINTS; repeated.")
@click.option("--decay", type=click.IntRange(0, DAYS_MAX), help="Value of the options day by day.")
@click.option("--expiries", is_flag=True, help="What ends when, and what it would become.")
@click.option("--time-zone", default="UTC", help="Clock of --expiries.")
@json_option
def command(
    desk: DeskWords, volatility: tuple[str, ...], by: str, shocks: tuple[str, ...],
    decay: int | None, expiries: bool, time_zone: str, as_json: bool,
) -> None:  # fmt: skip
    """Delta, gamma, vega, theta and rho of a journal's positions at given marks, in the reporting
    currency: vega for a point of volatility, theta for a day, rho for a point of rate. What has no
    price, rate or volatility is named and in no sum.

    \b
    Example:
      gateway greeks var/gateway --mark BTC-USD-SWAP.okx=64000 --shock spot=-0.1,vol=0.1
    """
    zone = zone_of(time_zone)
    moves, told = [shock_of(word) for word in shocks], named_numbers(volatility, "--volatility")
    replica, given = desk.valued(told)
    need_known(told, given.instruments, "--volatility")
    book = book_of(given)
    venues = {row["name"]: row["venue"] for row in given.instruments}
    answer: dict[str, Any] = {"sequence": replica.sequence, "time_ns": given.now_ns, "by": by}
    answer["rows"] = (
        position_rows(book, venues) if by == "position" else greek_rows(book, venues, (by,))
    )
    answer["excluded"] = greek_rows(book, venues, ("firm",))[0]["excluded"] if book.held else []
    if moves:
        answer["shocks"] = [_shocked(book, move) for move in moves]
    if decay is not None:
        answer["decay"] = _decay(book, decay)
    if expiries:
        known = (given.positions, given.instruments, given.options, given.marks, given.now_ns)
        answer["expiries"] = expiry_rows(*known, zone=str(zone), age_ms_max=given.age_ms_max)
    print_json(answer) if as_json else _show(answer, by)


def _shocked(book: GreekBook, move: Shock) -> dict[str, Any]:
    try:
        return shock_row(book, move)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--shock") from None


def _decay(book: GreekBook, days: int) -> list[dict[str, Any]]:
    """Of the options alone: a future loses nothing by waiting."""
    held = [
        row
        for row in book.held
        if row["instrument"] in book.facts and book.facts[row["instrument"]].kind != "linear"
    ]
    path = decay_path(held, book.facts, book.market, book.now_ns, days, age_ms_max=book.age_ms_max)
    names = ("value", "settled", "theta")
    return [
        {"day": each.day} | {name: plain(getattr(each, name)) for name in names}
        for each in path.points
    ]


def _show(answer: dict[str, Any], by: str) -> None:
    print_table(answer["rows"], _POSITIONS if by == "position" else _LEVELS, "Nothing is held.")
    parts = {"shocks": _SHOCKS, "decay": _DECAY, "expiries": _EXPIRIES}
    for name, columns in parts.items():
        if name in answer:
            click.echo(f"\n{name}")
            print_table(answer[name], columns, "Nothing.")
    for text in answer["excluded"]:
        click.echo(f"left out: {text}", err=True)
    click.echo(f"as of sequence {answer['sequence']}")
