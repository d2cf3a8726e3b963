"""Margin of options held and ordered: exact rationals, rounded up at 10^-18 of the currency. A
bought option asks for nothing, its premium is paid; a sold one by its venue's rule.

Pure; rates and documents are in conf/options.toml, formulas in docs/concepts/margin.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from gateway.valuation.option_terms import OptionBook, OptionMarginRule, OptionTerms

__all__ = ["OptionAmounts", "OptionMargins", "Requirement", "order_requirement", "sold_requirement"]

Row = Mapping[str, Any]
Pool = tuple[str, str]  # account, currency
Price = Callable[[str], tuple[str, Fraction]]  # instrument -> why there is none, or the mark
_UNIT = 10**18
_ONE, _NONE = Fraction(1), Fraction(0)


class Requirement(NamedTuple):
    """Of one option on one coin, in the currency it settles in."""

    initial: Fraction
    maintenance: Fraction


class OptionAmounts(NamedTuple):
    """Integers at 10^-18."""

    notional: int
    unrealised: int
    initial: int
    maintenance: int


def sold_requirement(
    rule: OptionMarginRule, terms: OptionTerms, underlying: Fraction, mark: Fraction
) -> Requirement:
    """What one sold option asks for. `mark` in the currency it settles in."""
    scale = _ONE if terms.is_in_coin else underlying
    strike = Fraction(terms.strike)
    away = strike - underlying if terms.kind == "call" else underlying - strike
    factor, kept = Fraction(rule.factor), Fraction(rule.maintenance_rate)
    share = Fraction(rule.initial_rate) - max(away, _NONE) / underlying
    initial = max(share, Fraction(rule.initial_floor)) * factor * scale + mark
    least = max(scale, mark) if terms.kind == "put" else scale
    maintenance = kept * least * factor + mark
    if rule.initial_covers_maintenance:
        initial = max(initial, maintenance)
    return Requirement(initial, maintenance)


def order_requirement(
    rule: OptionMarginRule,
    terms: OptionTerms,
    underlying: Fraction,
    mark: Fraction,
    price: Fraction,
    *,
    is_buy: bool,
) -> Fraction:
    """What an order on one option asks for: who buys pays the premium, who sells gets it."""
    if is_buy:
        return price
    scale = _ONE if terms.is_in_coin else underlying
    asked = sold_requirement(rule, terms, underlying, mark).initial - price
    return max(asked, Fraction(rule.order_floor) * scale)


@dataclass(slots=True)
class _Sums:
    worth: int = 0
    initial: int = 0
    maintenance: int = 0


@dataclass(slots=True)
class OptionMargins:
    """The options of one calculation: amounts of positions, and what they add to their pools."""

    book: OptionBook
    price: Price
    sums: dict[Pool, _Sums] = field(default_factory=dict)
    estimates: dict[Pool, set[str]] = field(default_factory=dict)

    def holds(self, instrument: str) -> bool:
        return instrument in self.book.terms

    def take(
        self, instrument: str, pool: Pool, quantity: Fraction, cost: int, now_ns: int
    ) -> OptionAmounts | str:
        """One cross position, which its pool counts, or why it cannot be valued."""
        amounts = self.amounts_of(instrument, pool, quantity, cost, now_ns)
        if not isinstance(amounts, str):
            sums = self.sums.setdefault(pool, _Sums())
            sums.worth += amounts.unrealised + cost  # all of it: the balance has the premium
            sums.initial += amounts.initial
            sums.maintenance += amounts.maintenance
        return amounts

    def amounts_of(
        self, instrument: str, pool: Pool, quantity: Fraction, cost: int, now_ns: int
    ) -> OptionAmounts | str:
        """One position in any margin mode, or why it cannot be valued."""
        terms = self.book.terms[instrument]
        if terms.expiry_ns <= now_ns:
            return "expired"
        found = self._prices(terms)
        if isinstance(found, str):
            return found
        underlying, mark = found
        size = quantity * Fraction(terms.multiplier)
        worth = size * mark
        needed = Requirement(_NONE, _NONE)
        if size < 0:
            rule = self.book.margin_rule(terms.venue)
            if rule is None:
                return f"no margin rule for options of {terms.venue}"
            needed = sold_requirement(rule, terms, underlying, mark)
            if rule.is_estimate:
                self.estimates.setdefault(pool, set()).add(f"{instrument}: {rule.source}")
        return OptionAmounts(
            notional=_up(abs(worth)),
            unrealised=_down(worth) - cost,
            initial=_up(needed.initial * -size) if size < 0 else 0,
            maintenance=_up(needed.maintenance * -size) if size < 0 else 0,
        )

    def take_order(
        self, instrument: str, pool: Pool, quantity: Fraction, price: Fraction | None, *,
        is_buy: bool,
    ) -> str:  # fmt: skip
        """An open order; a market order counts at the mark. Why it cannot be valued, or ""."""
        terms = self.book.terms[instrument]
        found, rule = self._prices(terms), self.book.margin_rule(terms.venue)
        if isinstance(found, str):
            return found
        if rule is None:
            return f"no margin rule for options of {terms.venue}"
        underlying, mark = found
        at = mark if price is None else price
        asked = order_requirement(rule, terms, underlying, mark, at, is_buy=is_buy)
        size = quantity * Fraction(terms.multiplier)
        self.sums.setdefault(pool, _Sums()).initial += _up(asked * size)
        return ""

    def _prices(self, terms: OptionTerms) -> tuple[Fraction, Fraction] | str:
        """(underlying, mark), or what is missing."""
        if not terms.underlying:
            return "no underlying is named"
        reason, underlying = self.price(terms.underlying)
        if reason:
            return f"{terms.underlying}: {reason}"
        reason, mark = self.price(terms.instrument)
        return reason or (underlying, mark)


def _up(amount: Fraction) -> int:
    return -(-amount.numerator * _UNIT // amount.denominator)


def _down(amount: Fraction) -> int:
    return amount.numerator * _UNIT // amount.denominator
