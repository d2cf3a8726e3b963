"""Values and greeks of options in doubles: Black-Scholes with a yield, Black-76, American exercise,
implied volatility, and whole columns at once. Estimates: nothing from here may enter a book.

Units: vega for one point of volatility (0.01), theta for one day, rho for one percentage point of
rate; rates are continuously compounded, volatility 1 = 100 %. Errors: docs/concepts/greeks.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway._core import valuation as native
from gateway.valuation.mark import chosen_level

__all__ = [
    "CALENDAR_DAYS",
    "COLUMNS",
    "TRADING_DAYS",
    "Greeks",
    "GreeksColumns",
    "Implied",
    "american_greeks",
    "black_76_greeks",
    "black_scholes_greeks",
    "greeks_columns",
    "implied_volatility",
]

OptionKind = Literal["call", "put"]
Model = Literal["black_scholes", "black_76"]
Doubles = NDArray[np.float64]

CALENDAR_DAYS = 365.0
TRADING_DAYS = 252.0
COLUMNS = ("price", "delta", "gamma", "vega", "theta", "rho")
INPUTS = ("spot", "strike", "years", "volatility", "rate", "carry")
_REASONS = (
    "",
    "not a number",
    "out of range",
    "below intrinsic",
    "above bound",
    "expired",
    "no convergence",
)


class Greeks(NamedTuple):
    """One option. NaN in every number when `reason` says why there is none."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float
    reason: str = ""


class Implied(NamedTuple):
    """`volatility` is None when `reason` says why there is none."""

    volatility: float | None
    reason: str
    iterations: int


class GreeksColumns(NamedTuple):
    """Each column of COLUMNS, and how many rows have no value (NaN in all of them)."""

    columns: dict[str, Doubles]
    without_value: int


def black_scholes_greeks(
    kind: OptionKind,
    *,
    spot: float,
    strike: float,
    years: float,
    volatility: float,
    rate: float = 0.0,
    carry: float = 0.0,
    days_per_year: float = CALENDAR_DAYS,
) -> Greeks:
    """European exercise on an asset that yields `carry`. `days_per_year`: CALENDAR_DAYS, or
    TRADING_DAYS for theta over a trading day."""
    return _told(
        native.european(
            is_call=_is_call(kind),
            spot=spot,
            strike=strike,
            years=years,
            volatility=volatility,
            rate=rate,
            carry=carry,
            is_black_76=False,
            days_per_year=days_per_year,
        )
    )


def black_76_greeks(
    kind: OptionKind,
    *,
    future: float,
    strike: float,
    years: float,
    volatility: float,
    rate: float = 0.0,
    days_per_year: float = CALENDAR_DAYS,
) -> Greeks:
    """European exercise on a future: delta and gamma by the future, which rho holds still."""
    return _told(
        native.european(
            is_call=_is_call(kind),
            spot=future,
            strike=strike,
            years=years,
            volatility=volatility,
            rate=rate,
            carry=0.0,
            is_black_76=True,
            days_per_year=days_per_year,
        )
    )


def american_greeks(
    kind: OptionKind,
    *,
    spot: float,
    strike: float,
    years: float,
    volatility: float,
    rate: float = 0.0,
    carry: float = 0.0,
    steps: int = 201,
    days_per_year: float = CALENDAR_DAYS,
) -> Greeks:
    """American exercise by a Leisen-Reimer tree of `steps` (3 to 2001), corrected by what the same
    tree makes of the European option. A future: carry = rate."""
    return _told(
        native.american(
            is_call=_is_call(kind),
            spot=spot,
            strike=strike,
            years=years,
            volatility=volatility,
            rate=rate,
            carry=carry,
            steps=steps,
            days_per_year=days_per_year,
        )
    )


def implied_volatility(
    kind: OptionKind,
    *,
    price: float,
    spot: float,
    strike: float,
    years: float,
    rate: float = 0.0,
    carry: float = 0.0,
    model: Model = "black_scholes",
) -> Implied:
    """The volatility at which a European option costs `price`; black_76: `spot` is the future."""
    found, status, iterations = native.implied_volatility(
        is_call=_is_call(kind),
        spot=spot,
        strike=strike,
        years=years,
        rate=rate,
        carry=carry,
        price=price,
        is_black_76=model == "black_76",
    )
    return Implied(None if math.isnan(found) else found, _REASONS[status], iterations)


def greeks_columns(
    options: Mapping[str, Doubles],
    is_call: NDArray[np.uint8],
    *,
    model: Model = "black_scholes",
    out: Mapping[str, Doubles] | None = None,
    days_per_year: float = CALENDAR_DAYS,
    level: str = "",
) -> GreeksColumns:
    """Many European options: columns spot, strike, years, volatility, rate, carry in, COLUMNS out.
    Read and written where they lie. Every instruction set gives the same bits. ValueError: columns
    that overlap, or a year that cannot have `days_per_year`."""
    found = dict(out) if out is not None else {name: np.empty(len(is_call)) for name in COLUMNS}
    without = native.greeks_columns(
        dict(options), is_call, found, model == "black_76", days_per_year, level or chosen_level()
    )
    return GreeksColumns(found, without)


def _is_call(kind: str) -> bool:
    if kind not in ("call", "put"):
        raise ValueError(f"{kind[:32]!r} is neither call nor put")
    return kind == "call"


def _told(found: tuple[float, float, float, float, float, float, int]) -> Greeks:
    return Greeks(*found[:6], _REASONS[found[6]])
