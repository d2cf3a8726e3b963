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
