"""Lots in fractions: one list per method, a search for every question, rounded only where the rule
says so (docs/decisions/0041). Written from the rules and not from the C++.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from position_oracle import BUY, INVERSE, UNIT, half_even

METHODS = ("fifo", "lifo", "hifo", "specific", "wac")


@dataclass
class Lot:
    """What was opened by one fill and is still held."""

    number: int
    quantity: int
    cost: Fraction
    unit_cost: Fraction  # when it was opened


def share(amount: Fraction, part: int, whole: int) -> Fraction:
    """Part of an amount; the whole of it for the whole, and the remainder stays behind."""
    return amount if part == whole else half_even(amount * part / whole, UNIT)


@dataclass
class LotOracle:
    """One position under one method. Quantities are mantissas, money is exact fractions."""

    method: str
    quantity: int = 0
    cost: Fraction = Fraction(0)
    realised: Fraction = Fraction(0)
    lots: list[Lot] = field(default_factory=list)

    def next_lot(self) -> Lot:
        if self.method == "lifo":
            return self.lots[-1]
        if self.method == "hifo":
            return max(self.lots, key=lambda lot: lot.unit_cost)  # the oldest of equals
        return self.lots[0]

    def apply(self, number: int, signed: int, cash: Fraction) -> None:
        """`signed` is the quantity, positive for a buy; `cash` what was paid, signed."""
        size, held = abs(signed), abs(self.quantity)
        closed = min(size, held) if self.quantity * signed < 0 else 0
        closing = share(cash, closed, size) if closed else Fraction(0)
        if closed:
            released = self.release(closed, held)
            self.cost -= released
            self.realised -= closing + released
        if closed < size:
            opening = cash - closing
            self.lots.append(Lot(number, size - closed, opening, opening / (size - closed)))
            self.cost += opening
        self.quantity += signed

    def release(self, closed: int, held: int) -> Fraction:
        if self.method == "wac":
            self.lots = [] if closed == held else self.lots
            return share(self.cost, closed, held)
        released = Fraction(0)
        while closed:
            lot = self.next_lot()
            taken = min(closed, lot.quantity)
            part = share(lot.cost, taken, lot.quantity)
            lot.quantity -= taken
            lot.cost -= part
            released += part
            closed -= taken
            if not lot.quantity:
                self.lots.remove(lot)
        return released


def cash_of(
    kind: int, multiplier: Fraction, side: int, price: Fraction, quantity: Fraction
) -> Fraction:
    """Cash of a fill, paid is positive: an inverse buy counts as received, and is rounded once."""
    if kind == INVERSE:
        worth = half_even(quantity * multiplier / price, UNIT)
    else:
        worth = price * quantity * multiplier
    return worth if (side == BUY) != (kind == INVERSE) else -worth
