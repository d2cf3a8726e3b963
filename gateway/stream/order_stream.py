"""Orders as a stream: every open order and the newest finished ones. Must never invent a state: a
row is what the replica says."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.journal import ReplicaLike, Row

__all__ = ["TERMINAL_STATES", "OrderReader", "OrderTail", "is_terminal", "order_key"]

TERMINAL_STATES = frozenset({"FILLED", "CANCELED", "EXPIRED", "REJECTED", "REFUSED"})
ORDERS_PER_CALL = 128  # half a millisecond of the interpreter
OPEN_ORDERS_MAX = 1 << 24  # above any capacity.orders_max: every open order is read


def order_key(row: Row) -> str:
    return str(row["order_id"])


def is_terminal(row: Row) -> bool:
    return row["state"] in TERMINAL_STATES


class OrderReader:
    """Reads order rows in the follower's thread."""

    kind = "order"

    def __init__(self, terminal_max: int = 1000) -> None:
        self._terminal_max = terminal_max

    def read_all(self, replica: ReplicaLike) -> dict[str, Row]:
        """Finished orders first, oldest first, then the open ones."""
        finished: list[dict[str, Any]] = []
        if self._terminal_max:
            every = replica.orders(open_only=False, limit=OPEN_ORDERS_MAX)
            finished = sorted(filter(is_terminal, every), key=lambda row: int(row["sequence"]))
        rows: dict[str, Row] = {order_key(row): row for row in finished[-self._terminal_max :]}
        for row in replica.orders(open_only=True, limit=OPEN_ORDERS_MAX):
            rows[order_key(row)] = row
        return rows

    def read_changed(self, replica: ReplicaLike, keys: Sequence[Any]) -> dict[str, Row | None]:
        """The newest finished orders and every open one, a few at a time: others work meanwhile.
        What finished before those has no row."""
        rows: dict[str, Row | None] = dict.fromkeys(map(str, keys))
        ids = [int(key) for key in keys]
        left = self._terminal_max
        for end in range(len(ids), 0, -ORDERS_PER_CALL):
            newest_first = ids[max(0, end - ORDERS_PER_CALL) : end][::-1]
            for row in replica.orders_of(newest_first, left):
                rows[order_key(row)] = row
                left -= is_terminal(row)
        return rows


class OrderTail:
    """Bounds the finished orders of the stream: the oldest leaves when a newer one finishes."""

    def __init__(self, terminal_max: int = 1000) -> None:
        self._terminal_max = terminal_max
        self._finished: OrderedDict[str, None] = OrderedDict()

    def reset(self, rows: Mapping[str, Row]) -> None:
        self._finished = OrderedDict((key, None) for key, row in rows.items() if is_terminal(row))

    def bound(self, changed: Mapping[str, Row | None]) -> dict[str, Row | None]:
        """The changes, with those orders marked as gone that no longer fit."""
        bounded = dict(changed)
        for key, row in changed.items():
            self._finished.pop(key, None)
            if row is not None and is_terminal(row):
                self._finished[key] = None
        while len(self._finished) > self._terminal_max:
            bounded[self._finished.popitem(last=False)[0]] = None
        return bounded
