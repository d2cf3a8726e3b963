"""One leg of a group from the rows of its orders, and what several legs are together. Exact
fractions; pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from gateway.analytics.aggregation import OPEN_STATES

__all__ = ["Leg", "canceled_legs", "is_balanced", "late_legs", "state_of", "units_of"]

Row = Mapping[str, Any]


class Leg:
    """Quantities are without sign: `entered` on the leg's own side, `exited` on the other."""

    def __init__(self, number: int, ratio: Decimal, rule: Row) -> None:
        self.number, self.ratio, self.rule = number, ratio, rule
        self.instrument = str(rule["name"])
        self.lot = Fraction(rule["lot"])
        self.entered = self.exited = Fraction(0)
        self.working_in = self.working_out = Fraction(0)  # what open orders may execute still
        self.is_cut = False  # an order ended before all of it executed
        self._entry = self._exit = Fraction(0)  # worth in terms of which profit is a difference
        self._is_inverse = rule["kind"] == "inverse"
        self._size = Fraction(rule["multiplier"])

    def add(self, row: Row, *, is_exit: bool) -> None:
        """One of its orders."""
        done = Fraction(row["cumulative_quantity"])
        left = max(Fraction(row["quantity"]) - done, Fraction(0))
        working = left if row["state"] in OPEN_STATES else Fraction(0)
        worth = done * self._term(Fraction(row["average_price"])) if done else Fraction(0)
        if is_exit:
            self.exited += done
            self.working_out += working
            self._exit += worth
        else:
            self.entered += done
            self.working_in += working
            self._entry += worth
            self.is_cut |= bool(left) and not working

    @property
    def net(self) -> Fraction:
        return self.entered - self.exited

    @property
    def signed_net(self) -> Fraction:
        """Bought above zero."""
        return self.net * self._sign

    @property
    def units(self) -> Fraction:
        """Spreads that its net is."""
        return self.net / self._parts

    @property
    def is_open(self) -> bool:
        return bool(self.working_in or self.working_out)

    @property
    def average(self) -> Fraction | None:
        """Of what it entered at; None: nothing yet."""
        return self._price(self._entry, self.entered)

    @property
    def exit_average(self) -> Fraction | None:
        return self._price(self._exit, self.exited)

    def bounds(self) -> tuple[Fraction, Fraction]:
        """The fewest and the most spreads that its open orders can leave, give or take less than
        one lot: a ratio that no lot meets is met by the next one."""
        low = self.net - self.working_out - self.lot
        return low / self._parts, (self.net + self.working_in + self.lot) / self._parts

    def now(self) -> tuple[Fraction, Fraction]:
        """The same for what executed."""
        return (self.net - self.lot) / self._parts, (self.net + self.lot) / self._parts

    def alone(self, units: Fraction) -> Fraction:
        """Signed quantity beyond so many spreads."""
        return (self.net - units * self._parts) * self._sign

    def profit(self, mark: Decimal | None) -> tuple[Fraction, Fraction] | None:
        """(realised, unrealised) in the settlement currency, by the average prices of both sides.
        None: something is held and has no mark."""
        closed, held = min(self.entered, self.exited), self.net
        if held and mark is None:
            return None
        size, realised, unrealised = self._size * self._sign, Fraction(0), Fraction(0)
        if closed:
            realised = closed * (self._exit / self.exited - self._entry / self.entered) * size
        if held:
            assert mark is not None, "looked at above"
            entry = self._entry / self.entered if held > 0 else self._exit / self.exited
            unrealised = held * (self._term(Fraction(mark)) - entry) * size
        return realised, unrealised

    @property
    def _sign(self) -> int:
        return 1 if self.ratio > 0 else -1

    @property
    def _parts(self) -> Fraction:
        return abs(Fraction(self.ratio))

    def _term(self, price: Fraction) -> Fraction:
        """What one of quantity gains by is a difference of these: an inverse contract pays its
        worth in coins."""
        return -1 / price if self._is_inverse else price

    def _price(self, worth: Fraction, quantity: Fraction) -> Fraction | None:
        if not quantity:
            return None
        return -quantity / worth if self._is_inverse else worth / quantity


def units_of(legs: Sequence[Leg]) -> Fraction:
    """Spreads that all legs hold; beyond them each stands alone. Legs that stand in their ratio
    within a lot hold what the least of them does."""
    units = [leg.units for leg in legs]
    if all(each >= 0 for each in units):
        return min(units)
    return max(units) if all(each <= 0 for each in units) else Fraction(0)


def is_balanced(bounds: Sequence[tuple[Fraction, Fraction]]) -> bool:
    """Whether one number of spreads lies within all of them."""
    return max(low for low, _ in bounds) < min(high for _, high in bounds)


def state_of(legs: Sequence[Leg]) -> str:
    """none: nothing executed. partial: some did, and what works can bring all legs into their
    ratio. filled: they stand in it, and nothing works any more. broken: what works cannot bring
    them there. closing, closed: as partial and filled, once an exit executed; closed holds
    nothing."""
    if not any(leg.entered or leg.exited for leg in legs):
        return "none"
    if not is_balanced([leg.bounds() for leg in legs]):
        return "broken"
    has_exits = any(leg.exited for leg in legs)
    if any(leg.is_open for leg in legs):
        return "closing" if has_exits else "partial"
    is_flat = all(abs(leg.net) < leg.lot for leg in legs)
    return "closed" if has_exits and is_flat else "filled"


def canceled_legs(legs: Sequence[Leg]) -> list[int]:
    """Numbers of legs of which an entry ended early and none works any more."""
    return [leg.number for leg in legs if leg.is_cut and not leg.working_in]


def late_legs(legs: Sequence[Leg]) -> list[int]:
    """Numbers of legs that are behind another by a lot or more, and still work for it."""
    ahead = max((leg.now()[0] for leg in legs), default=Fraction(0))
    return [leg.number for leg in legs if leg.working_in and leg.now()[1] <= ahead]
