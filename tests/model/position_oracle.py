"""A position in fractions: slow, obvious, written from the rules in docs and not from the C++.

`Oracle` rounds where the documented rule rounds (half-even at 10^-18, and only there).
`Unrounded` never rounds; `Oracle.divisions` bounds how far the two may drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

BUY, SELL = 1, 2
SPOT, LINEAR, INVERSE, QUANTO = 1, 2, 3, 4
UNIT = Fraction(1, 10**18)


def half_even(value: Fraction, unit: Fraction) -> Fraction:
    """The multiple of `unit` nearest to `value`, ties to the even multiple, sign by magnitude."""
    size = abs(value) / unit
    whole, rest = divmod(size.numerator, size.denominator)
    doubled = 2 * rest
    if doubled > size.denominator or (doubled == size.denominator and whole % 2 == 1):
        whole += 1
    return (whole if value >= 0 else -whole) * unit


def text(value: Fraction, scale: int) -> str:
    """Canonical decimal text of a value that has at most `scale` decimals."""
    mantissa = value * 10**scale
    assert mantissa.denominator == 1, f"{value} has more than {scale} decimals"
    return decimal_text(mantissa.numerator, scale)


def decimal_text(mantissa: int, scale: int) -> str:
    """The same of a whole number of 10^-scale."""
    digits = str(abs(mantissa)).rjust(scale + 1, "0")
    whole, fraction = (digits[:-scale], digits[-scale:]) if scale else (digits, "")
    fraction = fraction.rstrip("0")
    sign = "-" if mantissa < 0 else ""
    return sign + whole + ("." + fraction if fraction else "")


@dataclass
class Unrounded:
    """Weighted average cost in exact fractions."""

    kind: int
    multiplier: Fraction
    quantity: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)
    realised: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)
    fills: int = 0
    state: str = "FLAT"
    divisions: int = 0
    cash: Fraction = field(default=Fraction(0))  # everything paid minus everything received

    def divided(self, value: Fraction) -> Fraction:
        return value

    def worth(self, price: Fraction, quantity: Fraction) -> Fraction:
        if self.kind == INVERSE:
            return self.divided(quantity * self.multiplier / price)
        return price * quantity * self.multiplier

    def signed_worth(self, price: Fraction) -> Fraction:
        worth = self.worth(price, self.quantity)
        return -worth if self.kind == INVERSE else worth

    def apply(self, side: int, price: Fraction, quantity: Fraction, fee: Fraction) -> None:
        signed = quantity if side == BUY else -quantity
        worth = self.worth(price, quantity)
        paid = worth if (side == BUY) != (self.kind == INVERSE) else -worth
        held = abs(self.quantity)
        is_against = self.quantity * signed < 0
        closed = min(held, quantity) if is_against else Fraction(0)
        paid_to_close = paid
        released = self.cost
        if closed < quantity:
            paid_to_close = self.divided(paid * closed / quantity) if closed else Fraction(0)
        if closed < held:
            released = self.divided(self.cost * closed / held) if closed else Fraction(0)
        if is_against:
            self.realised -= paid_to_close + released
            self.cost -= released
            self.state = "PARTIALLY_CLOSED" if quantity < held else "CLOSED"
            self.state = "FLIPPED" if quantity > held else self.state
        else:
            self.state = "OPEN"
        if closed < quantity:
            self.cost += paid - paid_to_close
        self.quantity += signed
        self.cash += paid
        self.fees += fee
        self.fills += 1

    def unrealised(self, mark: Fraction) -> Fraction:
        return self.signed_worth(mark) - self.cost if self.quantity else Fraction(0)

    def average_price(self) -> Fraction:
        return self.price_for(self.cost)

    def break_even(self) -> Fraction | None:
        target = self.cost + self.fees - self.realised
        if self.quantity == 0 or target == 0:
            return None
        price = self.price_for(target)
        return price if price > 0 else None

    def price_for(self, signed_worth: Fraction) -> Fraction:
        if self.kind == INVERSE:
            return self.quantity * self.multiplier / -signed_worth
        return signed_worth / (self.quantity * self.multiplier)


@dataclass
class Oracle(Unrounded):
    """The same, rounded by the rule: one half-even at 10^-18 per division, none elsewhere."""

    def divided(self, value: Fraction) -> Fraction:
        self.divisions += 1
        return half_even(value, UNIT)
