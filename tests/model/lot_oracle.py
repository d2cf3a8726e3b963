"""Lots in exact rationals: one list per method, a search for every question, rounded only where
the rule says so (docs/decisions/0040). Written from the rules and not from the C++. Amounts of
money are whole numbers of 10^-18, unit costs are fractions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from position_oracle import BUY, INVERSE

METHODS = ("fifo", "lifo", "hifo", "specific", "wac")


@dataclass
class Lot:
    """What was opened by one fill and is still held."""

    number: int
    quantity: int
    cost: int
    unit_cost: Fraction  # when it was opened


def share(amount: int, part: int, whole: int) -> int:
    """Part of an amount, half-even by magnitude; the whole of it for the whole, and the remainder
    stays behind."""
    if part == whole:
        return amount
    found, rest = divmod(abs(amount) * part, whole)
    if 2 * rest > whole or (2 * rest == whole and found % 2):
        found += 1
    return found if amount > 0 else -found


@dataclass
class LotOracle:
    """One position under one method. Quantities are mantissas, money is whole 10^-18."""

    method: str
    quantity: int = 0
    cost: int = 0
    realised: int = 0
    lots: list[Lot] = field(default_factory=list)
    wishes: Mapping[int, Sequence[tuple[int, int]]] = field(default_factory=dict)
    named: int = 0  # parts that were taken because they were named

    def next_part(self, wishes: list[tuple[int, int]], closed: int) -> tuple[Lot, int]:
        """The lot that gives next, and how much of it. `wishes` of the closing fill, (lot,
        quantity), are used up: first those that meet a lot, then the method's order."""
        while wishes:
            number, wanted = wishes.pop(0)
            found = next((lot for lot in self.lots if lot.number == number), None)
            if found is not None and wanted:
                self.named += 1
                return found, min(wanted, closed, found.quantity)
        lot = self.next_lot()
        return lot, min(closed, lot.quantity)

    def next_lot(self) -> Lot:
        if self.method == "lifo":
            return self.lots[-1]
        if self.method == "hifo":
            return max(self.lots, key=lambda lot: lot.unit_cost)  # the oldest of equals
        return self.lots[0]

    def apply(self, number: int, signed: int, cash: int) -> None:
        """`signed` is the quantity, positive for a buy; `cash` what was paid, signed."""
        size, held = abs(signed), abs(self.quantity)
        closed = min(size, held) if self.quantity * signed < 0 else 0
        closing = share(cash, closed, size) if closed else 0
        if closed:
            released = self.release(number, closed, held)
            self.cost -= released
            self.realised -= closing + released
        if closed < size:
            opening = cash - closing
            if self.method != "wac":
                unit_cost = Fraction(opening, size - closed)
                self.lots.append(Lot(number, size - closed, opening, unit_cost))
            self.cost += opening
        self.quantity += signed

    def release(self, number: int, closed: int, held: int) -> int:
        if self.method == "wac":
            return share(self.cost, closed, held)
        released = 0
        wishes = list(self.wishes.get(number, ())) if self.method == "specific" else []
        while closed:
            lot, taken = self.next_part(wishes, closed)
            part = share(lot.cost, taken, lot.quantity)
            lot.quantity -= taken
            lot.cost -= part
            released += part
            closed -= taken
            if not lot.quantity:
                self.lots.remove(lot)
        return released


def cash_of(kind: int, multiplier: Fraction, side: int, price: Fraction, quantity: Fraction) -> int:
    """Cash of a fill, paid is positive: an inverse buy counts as received, and is rounded once."""
    turnover = quantity * 10**18 * multiplier
    exact = turnover / price if kind == INVERSE else turnover * price
    worth = round(exact)  # a fraction's is half-even
    assert kind == INVERSE or worth == exact
    return worth if (side == BUY) != (kind == INVERSE) else -worth
