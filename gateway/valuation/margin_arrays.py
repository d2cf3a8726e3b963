"""Margin of numpy rows, for callers who hold many: the same native functions without the names.
Fields: core_ext/include/gateway_core/valuation/margin.hpp. Must never convert or copy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gateway._core import valuation as native
from gateway.valuation.brackets import BracketTables

__all__ = ["MARGIN_TYPES", "margin_arrays"]

MARGIN_TYPES = native.margin_dtypes()


def margin_arrays(
    rows: NDArray[np.void],
    orders: NDArray[np.void],
    tables: BracketTables,
    positions: NDArray[np.void],
    pools: NDArray[np.void],
) -> None:
    """Fills `positions`, one for each row, and the sums of `pools`, which come with their
    balances. dtypes: row, order, position and pool of MARGIN_TYPES."""
    native.margin(rows, orders, tables.schedules, tables.brackets, positions, pools)
