"""A naive spread: every fill alone, every future tried. Slow and obvious; shares no line with
gateway.analytics.leg_state. Lots of one; ratios are whole numbers up to three."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import NamedTuple

# Legs of nine at most: no bound of an interval has a denominator above three.
STEPS = [Fraction(step, 12) for step in range(-12 * 10, 12 * 10 + 1)]


class Fill(NamedTuple):
    """One of quantity 1."""

    price: Fraction
    is_exit: bool


class NaiveLeg(NamedTuple):
    ratio: int
    kind: str
    multiplier: Fraction
    fills: list[Fill]
    may_enter: int  # what its open orders may execute still
    may_exit: int

    @property
    def net(self) -> int:
        return sum(-1 if fill.is_exit else 1 for fill in self.fills)

    def worth(self, price: Fraction) -> Fraction:
        """What profit is a difference of: money, or minus the coins that one of quote buys."""
        return -Fraction(1) / price if self.kind == "inverse" else price


def is_in_ratio(nets: list[int], ratios: list[int]) -> bool:
    """Some number of spreads is less than a lot from every leg."""
    return any(
        all(abs(net - units * abs(ratio)) < 1 for net, ratio in zip(nets, ratios, strict=True))
        for units in STEPS
    )


def can_be_in_ratio(legs: list[NaiveLeg]) -> bool:
    """Some future leads there."""
    futures = [
        [leg.net + more - less
         for more in range(leg.may_enter + 1) for less in range(leg.may_exit + 1)]
        for leg in legs
    ]  # fmt: skip
    ratios = [leg.ratio for leg in legs]
    return any(is_in_ratio(list(nets), ratios) for nets in product(*map(set, futures)))


def state(legs: list[NaiveLeg]) -> str:
    if not any(leg.fills for leg in legs):
        return "none"
    if not can_be_in_ratio(legs):
        return "broken"
    has_exits = any(fill.is_exit for leg in legs for fill in leg.fills)
    if any(leg.may_enter or leg.may_exit for leg in legs):
        return "closing" if has_exits else "partial"
    return "closed" if has_exits and not any(leg.net for leg in legs) else "filled"


def alone(legs: list[NaiveLeg]) -> list[Fraction]:
    """Signed, of each leg: what no full spread holds."""
    if is_in_ratio([leg.net for leg in legs], [leg.ratio for leg in legs]):
        return [Fraction(0) for _ in legs]
    units = sorted(Fraction(leg.net, abs(leg.ratio)) for leg in legs)
    held = units[0] if units[0] > 0 else units[-1] if units[-1] < 0 else Fraction(0)
    return [(leg.net - held * abs(leg.ratio)) * (1 if leg.ratio > 0 else -1) for leg in legs]


def profit(leg: NaiveLeg, mark: Fraction) -> tuple[Fraction, Fraction]:
    """(realised, unrealised): what closed is bought and sold at the average of its side, and both
    together are what every fill has made alone since."""
    worths = {side: [leg.worth(fill.price) for fill in leg.fills if fill.is_exit is side]
              for side in (False, True)}  # fmt: skip
    sign = 1 if leg.ratio > 0 else -1
    entries, exits = worths[False], worths[True]
    closed = min(len(entries), len(exits))
    realised = Fraction(0)
    if closed:
        realised = closed * (sum(exits) / len(exits) - sum(entries) / len(entries))
    now = leg.worth(mark)
    every = sum((now - each for each in entries), Fraction(0))
    every += sum((each - now for each in exits), Fraction(0))
    size = sign * leg.multiplier
    return realised * size, (every - realised) * size


def spread_price(legs: list[NaiveLeg]) -> Fraction | None:
    total = Fraction(0)
    for leg in legs:
        prices = [fill.price for fill in leg.fills if not fill.is_exit]
        if not prices:
            return None
        mean = sum(prices, Fraction(0)) / len(prices)
        if leg.kind == "inverse":
            mean = len(prices) / sum(1 / price for price in prices)
        total += leg.ratio * mean
    return total
