"""Pure valuation over numpy arrays, read and written where they lie; the interpreter's lock is
released. Must never convert or copy: another dtype, shape or stride is refused by name."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

def levels() -> list[str]:
    """Instruction sets with code of their own that this machine runs, slowest first."""

def best_level() -> str: ...
def money_dtype() -> np.dtype[np.void]:
    """128 bits at 10^-18: low (u8), high (i8, carries the sign)."""

def position_dtype() -> np.dtype[np.void]:
    """One position in 64 bytes: quantity, mark, multiplier, cost_e18, scale, kind."""

def value_columns(
    quantity: NDArray[np.int64],
    mark: NDArray[np.int64],
    multiplier: NDArray[np.int64],
    cost_e18: NDArray[np.void],
    scale: NDArray[np.int8],
    kind: NDArray[np.uint8],
    out: NDArray[np.void],
    level: str = "",
) -> tuple[int, int]:
    """(rows without a value, rows that took the 128-bit path). TypeError: dtype. ValueError: shape,
    contiguity, alignment, overlap with out, or a level this machine lacks."""

def value_rows(
    positions: NDArray[Any], out: NDArray[np.void], level: str = ""
) -> tuple[int, int]: ...
def margin_dtypes() -> dict[str, np.dtype[np.void]]:
    """Rows of margin: bracket, schedule, row, order, position, pool, liquidation. Fields as in
    core_ext/include/gateway_core/valuation/{margin,liquidation}.hpp."""

def schedule_fault(schedules: NDArray[np.void], brackets: NDArray[np.void], place: int) -> str:
    """Why a schedule cannot be used; empty = it can."""

def fill_amounts(brackets: NDArray[np.void]) -> None:
    """Maintenance amounts of the steps of one schedule, from its rates and floors; in place."""

def margin(
    rows: NDArray[np.void],
    orders: NDArray[np.void],
    schedules: NDArray[np.void],
    brackets: NDArray[np.void],
    positions: NDArray[np.void],
    pools: NDArray[np.void],
) -> None:
    """Fills `positions` (one per row) and `pools`, which come with their balances."""

def liquidation(
    rows: NDArray[np.void],
    positions: NDArray[np.void],
    schedules: NDArray[np.void],
    brackets: NDArray[np.void],
    pools: NDArray[np.void],
    out: NDArray[np.void],
) -> None:
    """Fills `out` from the rows and what margin() made of them."""

def option_margin(
    *,
    strike: int,
    underlying: int,
    mark_e18: int,
    is_call: bool,
    initial_rate_e12: int,
    initial_floor_e12: int,
    maintenance_rate_e12: int,
    factor_e12: int,
    initial_covers_maintenance: bool,
) -> tuple[int, int] | None:
    """(initial, maintenance) at 10^-18 of the coin, strike and underlying at one scale."""

def european(
    *,
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    volatility: float,
    rate: float,
    carry: float,
    is_black_76: bool,
    days_per_year: float,
) -> tuple[float, float, float, float, float, float, int]:
    """price, delta, gamma, vega, theta, rho, status (PricingStatus of valuation/greeks.hpp)."""

def american(
    *,
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    volatility: float,
    rate: float,
    carry: float,
    steps: int,
    days_per_year: float,
) -> tuple[float, float, float, float, float, float, int]: ...
def implied_volatility(
    *,
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    carry: float,
    price: float,
    is_black_76: bool,
) -> tuple[float, int, int]:
    """volatility (NaN without one), status, iterations."""

def greeks_columns(
    options: dict[str, NDArray[np.float64]],
    is_call: NDArray[np.uint8],
    out: dict[str, NDArray[np.float64]],
    is_black_76: bool,
    days_per_year: float,
    level: str,
) -> int:
    """Fills the columns of `out`; returns how many rows have no value. ValueError as for
    value_columns."""
