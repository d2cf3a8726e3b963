"""Share matching of the United Kingdom: disposals meet what was acquired the same day, then what
was acquired in the 30 days after, earliest first, then the section 104 pool, and last of all what
was acquired later still, earliest first (TCGA 1992 s104 to s106A, the last one s105(2); HMRC
manuals CG51555 and CRYPTO22250, read November 2026). A report over trades; it moves nothing.
Whether it is law for what you trade is not ours to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from gateway.api.decimal_text import plain_text
from gateway.journal.names import NamesLearned

__all__ = [
    "Match",
    "MatchedDay",
    "Pool",
    "Trade",
    "matched",
    "share_matching",
    "trades_of",
]

WINDOW_DAYS = 30
Row = dict[str, Any]
Asset = tuple[str, str]  # coin and the money it was traded for
_BUY, _SPOT = 1, 1
_REVISIONS = ("fill_busted", "fill_corrected")
_EXECUTIONS = ("order_filled", "position_adopted", *_REVISIONS)


class Trade(NamedTuple):
    """What was acquired (above zero) or disposed of on a day, and the money, not negative."""

    day: date
    quantity: Fraction
    money: Fraction


class Match(NamedTuple):
    """A part of a disposal and what it cost. `rule`: same_day, 30_days, pool, later, or unmatched,
    which was never acquired so far and has no cost."""

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
    """What met nothing enters the pool and leaves it at its average, in the order of days. What the
    pool could not give waits for what is acquired later, which enters no pool."""
    quantity, cost = opening
    waiting: list[date] = []
    for day in sorted({*bought, *sold}):
        if day in bought:
            for before in waiting:  # the earliest disposal first
                _meet("later", day, sold[before], bought[day], matches[before])
            waiting = [before for before in waiting if sold[before].left]
            entering, money = bought[day].take(bought[day].left)
            quantity, cost = quantity + entering, cost + money
        if day in sold and (wanted := sold[day].left):
            taken = min(wanted, quantity)
            if taken:
                part = cost * taken / quantity
                quantity, cost = quantity - taken, cost - part
                matches[day].append(Match("pool", None, taken, part))
                sold[day].left -= taken
            if wanted > taken:
                waiting.append(day)
    for day in waiting:
        matches[day].append(Match("unmatched", None, sold[day].left, Fraction(0)))
    return Pool(quantity, cost)


def trades_of(records: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> dict[Asset, list[Trade]]:
    """Executions of spot instruments, and positions taken over, as trades of their coin, by coin
    and money; days are those of the zone by the venue's time, by the journal's where it told none.
    A bust or correction takes the place of its fill. Fees are no part of the money."""
    names, fills = NamesLearned(), dict[int, tuple[Asset, Trade]]()
    executions = 0
    for record in records:
        names.learn(record)
        if record["kind"] not in _EXECUTIONS:
            continue
        executions += record["kind"] not in _REVISIONS
        ordinal = record.get("fill_ordinal", executions)
        rules = names.row("instrument", record["instrument"])
        if rules["instrument_kind"] != _SPOT:
            continue
        asset = names.name("currency", rules["base"]), names.name("currency", rules["quote"])
        quantity = Fraction(record["quantity"], 10 ** rules["quantity_scale"])
        signed = quantity if record["side"] == _BUY else -quantity
        before = fills.get(ordinal)
        time_ns = record.get("venue_time_ns") or record["time_ns"]
        day = before[1].day if before else day_of(time_ns, zone)
        fills[ordinal] = asset, Trade(day, signed, Fraction(record["value"]))
    found: dict[Asset, list[Trade]] = defaultdict(list)
    for asset, trade in fills.values():
        if trade.quantity:
            found[asset].append(trade)
    return dict(found)


def day_of(time_ns: int, zone: ZoneInfo) -> date:
    """The calendar day there."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, zone).date()


def matched(trades: Mapping[Asset, Iterable[Trade]]) -> tuple[list[Row], list[Row]]:
    """(one row for each part of each disposal, one row for each pool), as decimal text of 18
    digits; a part's proceeds are its share of the day's. A coin is one pool for the law; amounts in
    several currencies cannot be added without rates of the day, so each row of a coin that was
    traded for others too names them in `other_currencies`: its matches are not final."""
    disposals: list[Row] = []
    pools: list[Row] = []
    moneys: dict[str, set[str]] = defaultdict(set)
    for coin, currency in trades:
        moneys[coin].add(currency)
    for (coin, currency), each in sorted(trades.items()):
        days, pool = share_matching(each)
        names = {"coin": coin, "currency": currency}
        others = sorted(moneys[coin] - {currency})
        for day in days:
            for part in day.matches:
                proceeds = day.proceeds * part.quantity / day.quantity
                disposals.append(
                    {
                        **names,
                        "day": str(day.day),
                        "rule": part.rule,
                        "acquired": str(part.acquired or ""),
                        "quantity": _text(part.quantity),
                        "proceeds": _text(proceeds),
                        "cost": _text(part.cost),
                        "gain": _text(proceeds - part.cost),
                        "other_currencies": others,
                    }
                )
        left = {"quantity": _text(pool.quantity), "cost": _text(pool.cost)}
        pools.append({**names, **left, "other_currencies": others})
    return disposals, pools


def _text(value: Fraction) -> str:
    """Rounded half-even at 10^-18, which is exact for what was traded and for sums of it."""
    return plain_text(Decimal(round(value * 10**18)).scaleb(-18, Context(prec=100)))
