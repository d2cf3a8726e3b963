"""Share matching of the United Kingdom: disposals meet what was acquired the same day, then what
was acquired in the 30 days after, earliest first, then the section 104 pool (TCGA 1992 s104 to
s106A; HMRC manuals CG51550 and CRYPTO22250, read November 2026). A report over trades; it moves
nothing. Whether it is law for what you trade is not ours to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

__all__ = ["WINDOW_DAYS", "Match", "MatchedDay", "Pool", "Trade", "share_matching"]

WINDOW_DAYS = 30


class Trade(NamedTuple):
    """What was acquired (above zero) or disposed of on a day, and the money, not negative."""

    day: date
    quantity: Fraction
    money: Fraction


class Match(NamedTuple):
    """A part of a disposal and what it cost. `rule`: same_day, 30_days, pool, or unmatched, which
    was never acquired and has no cost."""

    rule: str
    acquired: date | None
    quantity: Fraction
    cost: Fraction


class MatchedDay(NamedTuple):
    """All disposals of one day, which are one."""

    day: date
    quantity: Fraction
    proceeds: Fraction
    matches: list[Match]

    @property
    def cost(self) -> Fraction:
        return sum((each.cost for each in self.matches), Fraction(0))

    @property
    def gain(self) -> Fraction:
        return self.proceeds - self.cost


class Pool(NamedTuple):
    """What is left of one asset."""

    quantity: Fraction
    cost: Fraction


EMPTY = Pool(Fraction(0), Fraction(0))


class _Side:
    __slots__ = ("left", "money", "quantity")

    def __init__(self) -> None:
        self.quantity = self.money = self.left = Fraction(0)

    def add(self, quantity: Fraction, money: Fraction) -> None:
        self.quantity += quantity
        self.left += quantity
        self.money += money

    def take(self, wanted: Fraction) -> tuple[Fraction, Fraction]:
        """Quantity and its share of the money."""
        taken = min(wanted, self.left)
        self.left -= taken
        return taken, self.money * taken / self.quantity if taken else Fraction(0)


def share_matching(trades: Iterable[Trade], opening: Pool = EMPTY) -> tuple[list[MatchedDay], Pool]:
    """The disposals of one asset day by day, and its pool behind the last trade. Days are those of
    the place; all acquisitions of a day are one, and so are all disposals."""
    bought: dict[date, _Side] = defaultdict(_Side)
    sold: dict[date, _Side] = defaultdict(_Side)
    for day, quantity, money in trades:
        (bought if quantity > 0 else sold)[day].add(abs(quantity), money)
    matches: dict[date, list[Match]] = {day: [] for day in sorted(sold)}
    for day, side in sorted(sold.items()):
        if day in bought:
            _meet("same_day", day, side, bought[day], matches[day])
    for day, side in sorted(sold.items()):  # the earliest disposal first
        for after in sorted(bought):
            if day < after <= day + timedelta(days=WINDOW_DAYS):
                _meet("30_days", after, side, bought[after], matches[day])
    pool = _through_the_pool(bought, sold, matches, opening)
    return [
        MatchedDay(day, sold[day].quantity, sold[day].money, found)
        for day, found in matches.items()
    ], pool


def _meet(rule: str, day: date, sold: _Side, bought: _Side, found: list[Match]) -> None:
    quantity, cost = bought.take(sold.left)
    if quantity:
        sold.left -= quantity
        found.append(Match(rule, day, quantity, cost))


def _through_the_pool(
    bought: dict[date, _Side],
    sold: dict[date, _Side],
    matches: dict[date, list[Match]],
    opening: Pool,
) -> Pool:
    """What met nothing enters the pool and leaves it at its average, in the order of days."""
    quantity, cost = opening
    for day in sorted({*bought, *sold}):
        if day in bought:
            entering, money = bought[day].take(bought[day].left)
            quantity, cost = quantity + entering, cost + money
        if day in sold and (wanted := sold[day].left):
            taken = min(wanted, quantity)
            if taken:
                part = cost * taken / quantity
                quantity, cost = quantity - taken, cost - part
                matches[day].append(Match("pool", None, taken, part))
            if wanted > taken:
                matches[day].append(Match("unmatched", None, wanted - taken, Fraction(0)))
    return Pool(quantity, cost)
