"""Mark-to-market of many positions held in numpy arrays, exact to the last digit.

Arrays are read and written where they lie: what does not fit is refused, never converted.
How it is proved and what it costs: docs/concepts/simd_valuation.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway._core import valuation as native

__all__ = [
    "KINDS",
    "MONEY",
    "NO_VALUE",
    "POSITION",
    "Valued",
    "chosen_level",
    "levels",
    "mark_columns",
    "mark_positions",
    "money_array",
    "money_integers",
]

MONEY = native.money_dtype()
POSITION = native.position_dtype()
KINDS = {"spot": 1, "linear": 2, "inverse": 3, "quanto": 4}
NO_VALUE = -(2**127)  # no money is ever this number
_WORD = 2**64


class Valued(NamedTuple):
    """Unrealised profit of each row at 10^-18, and what happened on the way."""

    unrealised_e18: NDArray[np.void]
    without_value: (
        int  # rows that hold NO_VALUE: no value at such a mark, scale, kind or multiplier
    )
    exact_rows: int  # rows of blocks that did not fit 64 bits


def levels() -> list[str]:
    """Instruction sets this machine can use, slowest first; "scalar" is always there."""
    return native.levels()


def chosen_level(environment: Mapping[str, str] = os.environ) -> str:
    """The level of GATEWAY_SIMD, else the best one. ValueError for one this machine lacks."""
    wanted = environment.get("GATEWAY_SIMD", "")
    if wanted and wanted not in native.levels():
        here = ", ".join(native.levels())
        raise ValueError(f"GATEWAY_SIMD={wanted}: this machine has {here}")
    return wanted or native.best_level()


def mark_columns(
    *,
    quantity: NDArray[np.int64],
    mark: NDArray[np.int64],
    multiplier: NDArray[np.int64],
    cost_e18: NDArray[np.void],
    scale: NDArray[np.int8],
    kind: NDArray[np.uint8],
    out: NDArray[np.void] | None = None,
    level: str = "",
) -> Valued:
    """Value positions held as columns of mantissas; `scale` counts the decimals of
    quantity x multiplier x mark (inverse: quantity x multiplier / mark)."""
    results = np.empty(len(quantity), MONEY) if out is None else out
    counts = native.value_columns(
        quantity, mark, multiplier, cost_e18, scale, kind, results, level or chosen_level()
    )
    return Valued(results, *counts)


def mark_positions(
    positions: NDArray[Any], *, out: NDArray[np.void] | None = None, level: str = ""
) -> Valued:
    """Value positions held as rows of dtype POSITION. Columns are faster."""
    results = np.empty(len(positions), MONEY) if out is None else out
    return Valued(results, *native.value_rows(positions, results, level or chosen_level()))


def money_array(amounts_e18: Iterable[int]) -> NDArray[np.void]:
    """Python integers as 128-bit rows. OverflowError beyond 127 bits."""
    return np.array([(amount % _WORD, amount // _WORD) for amount in amounts_e18], dtype=MONEY)


def money_integers(amounts_e18: NDArray[np.void]) -> list[int]:
    """128-bit rows as Python integers; NO_VALUE where a row has none."""
    pairs = zip(amounts_e18["low"].tolist(), amounts_e18["high"].tolist(), strict=True)
    return [high * _WORD + low for low, high in pairs]
