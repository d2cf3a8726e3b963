"""Exact position arithmetic, one book per object. Decimal text in and out; enumerations are the
integers of core_ext/include/gateway_core/types/side.hpp. The live books stay in the engine."""

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

def fill_dtype() -> np.dtype[np.void]:
    """One fill in 32 bytes: price, quantity, fee_e18 (i8, mantissas), side (u1)."""

class PositionRow(TypedDict):
    quantity: str  # signed
    cost: str  # signed cash paid in for what is open
    realised: str
    fees: str
    fills: int
    state: str

class PositionModel:
    """A fault raises ValueError(CODE) and leaves the book as it was."""

    def __init__(
        self,
        kind: int,
        price_scale: int,
        quantity_scale: int,
        multiplier_scale: int = 0,
        multiplier: str = "1",
    ) -> None: ...
    def apply(
        self,
        side: int,
        price: str,
        quantity: str,
        fee: str = "0",
        value: str = "",
        is_base_fee: bool = False,
    ) -> str:
        """Book one fill; returns the state. value "" = compute from the price, which may carry up
        to 18 decimals. is_base_fee: the fee is in the base currency, valued at the fill's price."""
    def apply_many(
        self,
        sides: NDArray[np.int64],
        prices: NDArray[np.int64],
        quantities: NDArray[np.int64],
        fees_e18: NDArray[np.int64],
    ) -> None:
        """Book fills in order, mantissas in the instrument's scales. Stops at the first fault;
        those before it stay booked."""
    def apply_fills(self, fills: NDArray[Any]) -> None:
        """apply_many from one structured array of fill_dtype(), read where it lies. TypeError:
        another dtype. ValueError: shape or gaps between rows, or the first fill that faults."""
    def apply_mantissas(self, side: int, price: int, quantity: int, fee_e18: int = 0) -> int:
        """Book one fill from mantissas in the instrument's scales; the state's number."""
    def row(self) -> PositionRow: ...
    def unrealised(self, mark: str) -> str: ...
    def average_price(self, scale: int) -> str | None: ...
    def break_even(self, scale: int) -> str | None: ...
