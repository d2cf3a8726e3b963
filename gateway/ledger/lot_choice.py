"""Which lots each close should take so that the least tax falls due with it, when what was held
for long is taxed at another rate: names lots for the method `specific`. It chooses an order of
realising and nothing else, moves no entry, and is no advice on what the law is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from gateway.api.decimal_text import plain_text
from gateway.ledger.books import Designation

__all__ = ["Rates", "lots_of_least_tax", "tax_by_currency"]

Row = Mapping[str, Any]
Book = tuple[str, ...]
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
        for _, number in sorted((each.time_ns, number) for number, each in self.closes.items()):
            close = self.closes[number]
            known = [
                (self._tax(lot, close, rates), lot.time_ns, opened_by)
                for opened_by, lot in self.lots.items()
                if opened_by < number and lot.time_ns <= close.time_ns
            ]
            for _, _, opened_by in sorted(known):
                if not close.left:
                    break
                yield Designation(number, opened_by, _text(self._take(close, opened_by)))

    def _take(self, close: _Amount, opened_by: int) -> Fraction:
        lot = self.lots[opened_by]
        taken = min(close.left, lot.left)
        close.left -= taken
        lot.left -= taken
        if not lot.left:
            del self.lots[opened_by]
        return taken

    def _tax(self, lot: _Amount, close: _Amount, rates: Rates) -> Fraction:
        """What a unit of the lot brings due with this close; below zero when it saves."""
        gain = close.unit_worth - lot.unit_worth
        days = max(close.time_ns - lot.time_ns, 0) // _DAY_NS
        return (-gain if self.is_short else gain) * rates.of(days)


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
