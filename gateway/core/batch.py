"""Many orders in one call, as columns of numbers: for programs inside the process that make
thousands at once. Numbers are mantissas in the instrument's scales; no Python object per order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.core.refusals import describe

if TYPE_CHECKING:
    from gateway.core.native import ClientPort

__all__ = ["CODE_LANE_FULL", "NOTICE_ROW", "ORDER_ROW", "Batch", "submit_batch", "take_notices"]

# One new order: a numeric client order id, whole numbers, the integers of gateway.core.vocabulary.
# A price, trigger or display quantity of 0 is absent.
ORDER_ROW = np.dtype(
    [
        ("client_number", "<u8"),
        ("price", "<i8"),
        ("quantity", "<i8"),
        ("instrument", "<u4"),
        ("account", "<u4"),
        ("strategy", "<u4"),
        ("type", "u1"),
        ("side", "u1"),
        ("time_in_force", "u1"),
        ("flags", "u1"),
        ("leg", "u1"),
        ("reserved", "V7"),
        ("trigger_price", "<i8"),
        ("display_quantity", "<i8"),
        ("expires_ns", "<i8"),
    ]
)
# One notice; the fields of gateway.core.native.Notice.
NOTICE_ROW = np.dtype(
    [
        ("sequence", "<u8"),
        ("request", "<u8"),
        ("order_id", "<u8"),
        ("kind", "<u2"),
        ("refusal", "<u2"),
        ("level", "<i4"),
        ("limit", "<i8"),
        ("current", "<i8"),
        ("would_be", "<i8"),
        ("working", "<i8"),
    ]
)
CODE_LANE_FULL = describe("LANE_FULL").number


class Batch(NamedTuple):
    """What became of the rows before the engine. `codes` holds one refusal number per row, 0 = on
    its way; the rows on their way have the requests first_request, first_request + 1, ..."""

    first_request: int
    queued: int
    codes: NDArray[np.uint16]


def submit_batch(port: ClientPort, principal: int, orders: NDArray[np.void]) -> Batch:
    """Queue rows of ORDER_ROW. Each is checked as a single submit is; a bad row stops no other.
    The verdicts come as notices, as for single orders. Raises ValueError for another row type."""
    if orders.dtype != ORDER_ROW or orders.ndim != 1:
        raise ValueError("orders: one dimension of gateway.core.batch.ORDER_ROW")
    codes = np.empty(len(orders), np.uint16)
    first, queued = port.submit_batch(principal, np.ascontiguousarray(orders), codes)
    return Batch(first, queued, codes)


def take_notices(port: ClientPort, limit: int = 4096) -> NDArray[np.void]:
    """What waits for this port, as rows of NOTICE_ROW."""
    rows = np.empty(limit, NOTICE_ROW)
    return rows[: port.take_notices(rows)]
