"""Rows of the native margin core from rows of decimal text. Exact; must never guess: what is no
number is a ValueError for the caller to name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway._core import valuation as native
from gateway.valuation.brackets import mantissa
from gateway.valuation.mark import KINDS

__all__ = [
    "TYPES",
    "array",
    "mantissa_and_scale",
    "mode_of",
    "order_price",
    "row_of",
    "scales",
    "spot_value",
    "words",
]

Row = Mapping[str, Any]
TYPES = native.margin_dtypes()
_VALUE_MAX = 2**110  # of one order, at 10^-18: thousands of them fit the sums of an account


def mode_of(position: Row) -> str:
    """The margin mode a position is held in: its venue's own word (`venue_margin_mode`), or that of
    its account where the venue has said none. `unknown` is a word too: no mode is guessed then."""
    return str(position.get("venue_margin_mode") or position["margin_mode"])


def row_of(
    rules: Row, quantity: int, mark: int, extra: int, *, cost: int, isolated: int
) -> tuple[Any, ...]:
    multiplier = mantissa(rules["multiplier"], rules["multiplier_scale"])
    tick = max(mantissa(rules["tick"], rules["price_scale"]), 1)
    return (quantity, mark, multiplier, tick, extra, words(cost), words(isolated))


def order_price(text: str | None, rules: Row, mark: int, mark_scale: int) -> int:
    """At the instrument's scale. Without its own: the mark, rounded so that the order is worth no
    less. ValueError: no price that fits."""
    scale = rules["price_scale"]
    if text is not None:
        price = mantissa(text, scale)
    elif mark_scale <= scale:
        price = mark * 10 ** (scale - mark_scale)
    else:
        step = 10 ** (mark_scale - scale)
        price = mark // step if rules["kind"] == "inverse" else -(-mark // step)
    if not 0 < price < 2**63:
        raise ValueError("out of range")
    return price


def spot_value(order: Row, rules: Row, mark: int, mark_scale: int) -> int:
    """What all that is left of a spot order is worth at 10^-18, rounded up: at its own price, or at
    the mark. ValueError: no price that fits."""
    price = order_price(order["price"], rules, mark, mark_scale)
    size = mantissa(order["leaves_quantity"], rules["quantity_scale"])
    size *= mantissa(rules["multiplier"], rules["multiplier_scale"])
    scale = rules["price_scale"] + rules["quantity_scale"] + rules["multiplier_scale"]
    value: int = -(-price * size * 10**18 // 10**scale)
    if value >= _VALUE_MAX:
        raise ValueError("out of range")
    return value


def scales(rules: Row, mark_scale: int) -> tuple[int, ...]:
    return (
        mark_scale,
        rules["price_scale"],
        rules["quantity_scale"],
        rules["multiplier_scale"],
        KINDS[rules["kind"]],
    )


def words(amount: int) -> tuple[int, int]:
    return amount % 2**64, amount >> 64


def array(name: str, rows: Sequence[tuple[Any, ...]]) -> NDArray[np.void]:
    """Rows of a native dtype; its last field is padding."""
    return np.array([(*row, b"") for row in rows], dtype=TYPES[name])


@lru_cache(4096)
def mantissa_and_scale(text: str) -> tuple[int, int]:
    scale = len(text.partition(".")[2].rstrip("0"))
    if scale > 18:
        raise ValueError("more than 18 decimals")
    return mantissa(text, scale), scale
