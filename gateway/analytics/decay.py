"""How a book of options loses value as time goes by while everything else stands still. An option
that expires on the way is worth what exercise pays from then on. Estimates; pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gateway.analytics.expiry import DAY_NS
from gateway.analytics.portfolio_greeks import (
    Excluded,
    Market,
    OptionFacts,
    portfolio_greeks,
)
from gateway.valuation.margin import MARK_AGE_MS_MAX

__all__ = ["DecayPath", "DecayPoint", "decay_path"]

DAYS_MAX = 3660


class DecayPoint(NamedTuple):
    """The book after so many days: its value, what expired by then and pays, and the theta of
    what is left, for one day; all in the reporting currency."""

    day: int
    value: float
    settled: float
    theta: float


class DecayPath(NamedTuple):
    """Points from today on, and the positions that are in none of them."""

    points: list[DecayPoint]
    excluded: list[Excluded]


def decay_path(
    positions: Iterable[Mapping[str, Any]],
    facts: Mapping[str, OptionFacts],
    market: Market,
    now_ns: int,
    days: int,
    *,
    age_ms_max: int = MARK_AGE_MS_MAX,
) -> DecayPath:
    """`value` of day n is that of what lives then plus what has expired until then, so the path
    has no jump but the one of time value. The first step is theta to first order. `days`: 0 to
    3660, else ValueError."""
    if not 0 <= days <= DAYS_MAX:
        raise ValueError(f"days: 0 to {DAYS_MAX}, not {days}")
    rows = [row for row in positions if float(row["quantity"])]
    today = portfolio_greeks(rows, facts, market, now_ns, age_ms_max=age_ms_max)
    left_out = {(each.account, each.instrument) for each in today.excluded}
    rows = [row for row in rows if (row["account"], row["instrument"]) not in left_out]
    points = []
    for day in range(days + 1):
        then_ns = now_ns + day * DAY_NS
        living = [row for row in rows if not _is_over(facts[row["instrument"]], then_ns)]
        settled = sum(
            _exercise(row, facts[row["instrument"]], market)
            for row in rows
            if _is_over(facts[row["instrument"]], then_ns)
        )
        book = portfolio_greeks(living, facts, market, then_ns, age_ms_max=age_ms_max)
        points.append(DecayPoint(day, book.total.value + settled, settled, book.total.theta))
    return DecayPath(points, today.excluded)


def _is_over(facts: OptionFacts, now_ns: int) -> bool:
    return facts.kind != "linear" and facts.expiry_ns <= now_ns


def _exercise(row: Mapping[str, Any], facts: OptionFacts, market: Market) -> float:
    away = market.underlyings[facts.underlying].price - facts.strike
    worth = max(away if facts.kind == "call" else -away, 0.0)
    return worth * float(row["quantity"]) * facts.multiplier * market.currencies[facts.currency]
