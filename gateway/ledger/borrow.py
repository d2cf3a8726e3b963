"""Interest on what was borrowed, as venues reckon it: whole periods or the time that passed, simple
or on interest too, with a day count. Exact fractions up to the settlement, which is rounded once:
an accrual is its settlement to the last unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

__all__ = ["BINANCE_MARGIN", "HOUR_NS", "BorrowTerms", "Charge", "accrual", "charges", "settled"]

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
DayCount = Literal["actual/365", "actual/360"]
_YEAR_DAYS: dict[str, int] = {"actual/365": 365, "actual/360": 360}


class BorrowTerms(NamedTuple):
    """`period_ns`: interest is charged at each full period of the clock. `charges_at_start`: and
    at once when something is borrowed, for a period. `is_compound`: on interest charged before."""

    period_ns: int = HOUR_NS
    charges_at_start: bool = False
    is_compound: bool = False
    day_count: DayCount = "actual/365"
    unit: Decimal = Decimal("0.00000001")


# Binance, "New Dynamic Interest Rate System for Binance Margin Trading", 18 October 2024: simple
# interest, one hour's when it is borrowed and one hour's at the start of every hour.
BINANCE_MARGIN = BorrowTerms(charges_at_start=True)


class Charge(NamedTuple):
    """One period's interest, exact."""

    time_ns: int
    principal: Decimal
    rate: Decimal  # a year
    interest: Fraction


Steps = Sequence[tuple[int, Decimal]]  # (since ns, value), by time


def charges(principals: Steps, rates: Steps, terms: BorrowTerms, until_ns: int) -> list[Charge]:
    """Every charge up to and with `until_ns`. `principals`: what is owed from then on, 0 = repaid;
    `rates`: a year's rate from then on. ValueError: times out of order."""
    for steps in (principals, rates):
        if [at for at, _ in steps] != sorted({at for at, _ in steps}):
            raise ValueError("each value needs its own, later time")
    found: list[Charge] = []
    owed = Fraction(0)
    moments = _moments(principals, terms, until_ns)
    at_once = {at_ns: part for at_ns, part in moments if part is not None}
    for at_ns, part in moments:
        principal = _value_at(principals, at_ns) if part is None else part
        if part is None:
            principal -= at_once.get(at_ns, Decimal(0))  # this hour of it is charged already
        rate = _value_at(rates, at_ns)
        base = Fraction(principal) + (owed if terms.is_compound and part is None else 0)
        interest = base * Fraction(rate) * _year_part(terms.period_ns, terms)
        if principal and interest:
            owed += interest
            found.append(Charge(at_ns, principal, rate, interest))
        elif not _value_at(principals, at_ns):
            owed = Fraction(0)  # repaid, with its interest
    return found


def accrual(principal: Decimal, rate: Decimal, held_ns: int, terms: BorrowTerms) -> Fraction:
    """What the time since the last charge makes, for an estimate."""
    return Fraction(principal) * Fraction(rate) * _year_part(held_ns, terms)


def settled(found: Sequence[Charge], terms: BorrowTerms) -> Decimal:
    """The sum of charges in whole units of the currency, half up as venues print it."""
    units = sum((each.interest for each in found), Fraction(0)) / Fraction(terms.unit)
    whole = (2 * units.numerator + units.denominator) // (2 * units.denominator)
    return whole * terms.unit


def _moments(
    principals: Steps, terms: BorrowTerms, until_ns: int
) -> list[tuple[int, Decimal | None]]:
    """When interest is charged: at borrowing for the part that is new, at each period for all."""
    if not principals:
        return []
    found: list[tuple[int, Decimal | None]] = []
    if terms.charges_at_start:
        before = Decimal(0)
        for at_ns, principal in principals:
            if principal > before and at_ns <= until_ns:
                found.append((at_ns, principal - before))
            before = principal
    first = principals[0][0] // terms.period_ns + 1
    last = until_ns // terms.period_ns
    found += [(number * terms.period_ns, None) for number in range(first, last + 1)]
    return sorted(found, key=lambda moment: moment[0])


def _value_at(steps: Steps, at_ns: int) -> Decimal:
    value = Decimal(0)
    for since_ns, each in steps:
        if since_ns > at_ns:
            break
        value = each
    return value


def _year_part(held_ns: int, terms: BorrowTerms) -> Fraction:
    return Fraction(held_ns, _YEAR_DAYS[terms.day_count] * DAY_NS)
