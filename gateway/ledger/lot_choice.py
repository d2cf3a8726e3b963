"""Which lots each close should take so that the least tax falls due with it, when what was held
for long is taxed at another rate: names lots for the method `specific`. It chooses an order of
realising and nothing else, moves no entry, and is no advice on what the law is."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any, NamedTuple

from gateway.api.decimal_text import plain_text
from gateway.ledger.books import Designation

__all__ = ["Rates", "lots_of_least_tax", "tax_by_currency"]

Row = Mapping[str, Any]
Book = tuple[str, ...]
_Offer = tuple[Fraction, int, int]  # cost beside others of its heap, when it was opened, number
_BOOK = ("account", "strategy", "instrument", "leg", "margin_mode")
_DAY_NS = 86_400_000_000_000
_WIDE = Context(prec=100, rounding=ROUND_HALF_EVEN)
_LAST_DIGIT = Decimal(1).scaleb(-18)


class Rates(NamedTuple):
    """Parts of a gain, of which a loss saves as much; long is what was held for more full days than
    `long_after_days`."""

    short: Fraction
    long: Fraction
    long_after_days: int

    def of(self, days: int) -> Fraction:
        return self.long if days > self.long_after_days else self.short


@dataclass(slots=True)
class _Amount:
    """What was opened or closed by one record on one side of a book, and its worth in money."""

    time_ns: int
    quantity: Fraction = Fraction(0)
    worth: Fraction = Fraction(0)
    left: Fraction = Fraction(0)

    def add(self, quantity: Fraction, worth: Fraction) -> None:
        self.quantity += quantity
        self.left += quantity
        self.worth += worth

    @property
    def unit_worth(self) -> Fraction:
        return self.worth / self.quantity


class _Side:
    """Openings and closings of the long or the short side of one book, by number of record."""

    def __init__(self, is_short: bool) -> None:
        self.is_short = is_short
        self.lots: dict[int, _Amount] = {}
        self.closes: dict[int, _Amount] = {}

    def chosen(self, rates: Rates) -> Iterable[Designation]:
        """Closes by time; of lots that cost the same the oldest."""
        offers = _Offers(self.lots, rates, self.is_short)
        by_time = sorted((each.time_ns, number) for number, each in self.closes.items())
        for time_ns, number in by_time:
            close = self.closes[number]
            offers.come_to(time_ns)
            for opened_by in offers.cheapest_first(close, number):
                taken = min(close.left, self.lots[opened_by].left)
                close.left -= taken
                self.lots[opened_by].left -= taken
                yield Designation(number, opened_by, _text(taken))


class _Offers:
    """Lots that are there at a time that only grows: those held short and those held long apart,
    so that within each the worth alone says which one costs least."""

    def __init__(self, lots: dict[int, _Amount], rates: Rates, is_short: bool) -> None:
        self._lots, self._rates, self._sign = lots, rates, 1 if is_short else -1
        self._coming = deque(sorted((lot.time_ns, number) for number, lot in lots.items()))
        self._ageing: deque[tuple[int, int]] = deque()
        self._heaps: tuple[list[_Offer], list[_Offer]] = ([], [])  # short, long
        self._long: set[int] = set()

    def come_to(self, time_ns: int) -> None:
        while self._coming and self._coming[0][0] <= time_ns:
            self._ageing.append(self._coming[0])
            self._push(self._coming.popleft()[1], is_long=False)
        while self._ageing and self._is_long(time_ns - self._ageing[0][0]):
            number = self._ageing.popleft()[1]
            self._long.add(number)
            self._push(number, is_long=True)

    def cheapest_first(self, close: _Amount, number: int) -> Iterator[int]:
        """Until the close is complete; lots that a later record opened stay for later closes."""
        aside: list[int] = []
        while close.left and (found := self._pop(close)) is not None:
            if found >= number:
                aside.append(found)
                continue
            yield found
            if self._lots[found].left:
                aside.append(found)
        for each in aside:
            self._push(each, is_long=each in self._long)

    def _is_long(self, held_ns: int) -> bool:
        return held_ns // _DAY_NS > self._rates.long_after_days

    def _rate(self, is_long: bool) -> Fraction:
        return self._rates.long if is_long else self._rates.short

    def _push(self, number: int, *, is_long: bool) -> None:
        lot = self._lots[number]
        if lot.left:
            cost = self._sign * lot.unit_worth * self._rate(is_long)
            heappush(self._heaps[is_long], (cost, lot.time_ns, number))

    def _pop(self, close: _Amount) -> int | None:
        """The one with the least tax for a unit of this close."""
        short, long = self._heaps
        while short and short[0][2] in self._long:  # it stands among the long ones
            heappop(short)
        at_close = [-self._sign * close.unit_worth * self._rate(each) for each in (False, True)]
        best = [
            (heap[0][0] + base, *heap[0][1:], heap)
            for heap, base in zip((short, long), at_close, strict=True)
            if heap
        ]
        if not best:
            return None
        *_, number, heap = min(best, key=lambda each: each[:3])
        heappop(heap)
        return number


def lots_of_least_tax(
    disposals: Iterable[Row], lots: Iterable[Row], rates: Rates
) -> list[Designation]:
    """Lots for every close, out of the disposals and open lots of the method `fifo`, which tell all
    openings and closings. Each close takes for itself what costs least then, and nothing that a
    later record opened."""
    sides: dict[tuple[Book, bool], _Side] = {}

    def side_of(row: Row, is_short: bool) -> _Side:
        book = tuple(row[name] for name in _BOOK)
        return sides.setdefault((book, is_short), _Side(is_short))

    for row in disposals:
        is_short, quantity = row["side"] == "short", Fraction(row["quantity"])
        bought, sold = Fraction(row["basis"]), Fraction(row["proceeds"])
        opened, closed = (sold, bought) if is_short else (bought, sold)
        side = side_of(row, is_short)
        _at(side.lots, row["lot"], row["opened_ns"]).add(quantity, opened)
        _at(side.closes, row["closed_by"], row["closed_ns"]).add(quantity, closed)
    for row in lots:
        quantity, cost = Fraction(row["quantity"]), Fraction(row["cost"])
        is_short = quantity < 0
        side = side_of(row, is_short)
        worth = -cost if is_short else cost
        _at(side.lots, row["lot"], row["opened_ns"]).add(abs(quantity), worth)
    return [each for side in sides.values() for each in side.chosen(rates)]


def tax_by_currency(disposals: Iterable[Row], rates: Rates) -> dict[str, str]:
    """What disposals bring due in each currency, rounded once to 18 decimals, half to even."""
    sums: dict[str, Fraction] = defaultdict(Fraction)
    for row in disposals:
        sums[row["currency"]] += Fraction(row["taxable"]) * rates.of(row["held_days"])
    return {currency: _text(tax) for currency, tax in sorted(sums.items())}


def _at(found: dict[int, _Amount], number: str, time_ns: int) -> _Amount:
    return found.setdefault(int(number), _Amount(time_ns))


def _text(number: Fraction) -> str:
    exact = _WIDE.divide(Decimal(number.numerator), Decimal(number.denominator))
    return plain_text(exact.quantize(_LAST_DIGIT, context=_WIDE))
