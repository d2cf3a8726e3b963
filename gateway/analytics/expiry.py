"""Expiry of options and futures: when, in its venue's own time zone, and what a position is worth
then, exactly. Facts for whoever books a settlement; must never book one itself.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from gateway.api.decimal_text import plain_text

__all__ = [
    "Settlement",
    "Window",
    "expiry_ns",
    "settlement_of",
    "trading_days",
    "years_between",
]

DAY_NS = 86_400 * 10**9
YEAR_NS = 365 * DAY_NS
TRADING_DAYS = 252
_MONEY = Decimal("1e-18")
_WIDE = Context(prec=80, rounding=ROUND_HALF_EVEN)

Outcome = Literal["exercised", "assigned", "worthless", "settled"]
Kind = Literal["call", "put", "future"]


class Window(NamedTuple):
    """When an instrument is settled, as its venue writes it: a time of day in a time zone."""

    hour: int
    minute: int = 0
    zone: str = "UTC"


class Settlement(NamedTuple):
    """What one position becomes: `cash` in the settlement currency, signed, decimal text; the
    position closes exactly."""

    outcome: Outcome
    cash: str
    closed_quantity: str


def expiry_ns(day: date, window: Window) -> int:
    """Nanoseconds since 1970 of the settlement on a day. ValueError: the clock of the zone skips
    that time on that day. Where it shows it twice, the first time counts."""
    zone = ZoneInfo(window.zone)
    local = datetime.combine(day, time(window.hour, window.minute), zone)
    back = datetime.fromtimestamp(local.timestamp(), zone)
    if (back.hour, back.minute) != (local.hour, local.minute):
        raise ValueError(f"{window.zone} has no {window.hour:02}:{window.minute:02} on {day}")
    return int(local.timestamp()) * 10**9


def settlement_of(
    kind: Kind,
    *,
    quantity: str,
    price: str,
    strike: str = "0",
    multiplier: str = "1",
    entry: str = "0",
    is_in_coin: bool = False,
) -> Settlement:
    """Cash of a position at its settlement price. An option pays what exercise is worth, a future
    its gain since `entry`. `is_in_coin`: paid in the coin at the settlement price (an option), or
    an inverse contract (a future). Rounded half-even at 10^-18. ValueError: a price not above
    zero."""
    size, at = Decimal(quantity), Decimal(price)
    if not at.is_finite() or not size.is_finite() or at <= 0:
        raise ValueError(f"no settlement of {quantity[:64]} at {price[:64]}")
    if kind == "future":
        paid = _future(size, at, Decimal(entry), Decimal(multiplier), is_in_coin)
        return Settlement("settled", _text(paid), _text(-size))
    worth = at - Decimal(strike) if kind == "call" else Decimal(strike) - at
    if worth <= 0:
        return Settlement("worthless", "0", _text(-size))
    cash = _WIDE.multiply(_WIDE.multiply(worth, size), Decimal(multiplier))
    if is_in_coin:
        cash = _WIDE.divide(cash, at)
    return Settlement("exercised" if size > 0 else "assigned", _text(cash), _text(-size))


def trading_days(start: date, end: date, holidays: Collection[date] = ()) -> int:
    """Days after `start`, up to and including `end`, that are neither weekend nor holiday."""
    days = (start + timedelta(days=each) for each in range(1, (end - start).days + 1))
    return sum(day.weekday() < 5 and day not in holidays for day in days)


def years_between(
    now_ns: int, until_ns: int, *, holidays: Collection[date] | None = None, zone: str = "UTC"
) -> float:
    """Years left, never below 0: calendar time over 365 days, or with `holidays` whole trading
    days of the zone over 252."""
    if until_ns <= now_ns:
        return 0.0
    if holidays is None:
        return (until_ns - now_ns) / YEAR_NS
    days = [
        datetime.fromtimestamp(each // 10**9, ZoneInfo(zone)).date() for each in (now_ns, until_ns)
    ]
    return trading_days(days[0], days[1], holidays) / TRADING_DAYS


def _future(
    size: Decimal, at: Decimal, entry: Decimal, multiplier: Decimal, is_inverse: bool
) -> Decimal:
    contracts = _WIDE.multiply(size, multiplier)
    if not is_inverse:
        return _WIDE.multiply(contracts, at - entry)
    if not entry > 0:
        raise ValueError("an inverse contract needs an entry price above zero")
    return _WIDE.subtract(_WIDE.divide(contracts, entry), _WIDE.divide(contracts, at))


def _text(value: Decimal) -> str:
    rounded = value.quantize(_MONEY, context=_WIDE)
    return plain_text(rounded)
