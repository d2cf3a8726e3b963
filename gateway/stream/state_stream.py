"""Trading states and limits as one stream. Rows are those of GET /v1/trading-states and /v1/limits
with a `kind`; nothing can be changed through it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.journal import ReplicaLike, Row

__all__ = ["StateReader"]

# Kinds of record that move them (core_ext/include/gateway_core/record/kinds.hpp): limits, states,
# guards and measures set; definitions name the rows.
_LIMITS_SET, _STATE_SET, _GUARDS_SET, _RISK_MEASURED = 17, 18, 19, 20
_MOVING = frozenset({_LIMITS_SET, _STATE_SET, _GUARDS_SET, _RISK_MEASURED})


def state_key(row: Row) -> str:
    """kind|level|name"""
    return f"{row['kind']}|{row['level']}|{row['name']}"


def _rows(replica: ReplicaLike) -> Iterator[Row]:
    for row in replica.trading_states():
        yield {"kind": "state", **row}
    for row in replica.limits():
        yield {"kind": "limits", **row}


class StateReader:
    """Reads both tables when a record touched one of them, and keeps what differs."""

    kind = "state"

    def __init__(self) -> None:
        self._last: dict[str, Row] = {}

    def read_all(self, replica: ReplicaLike) -> dict[str, Row]:
        self._last = {state_key(row): row for row in _rows(replica)}
        return dict(self._last)

    def read_changed(self, replica: ReplicaLike, keys: Sequence[Any]) -> dict[str, Row | None]:
        if not _MOVING.intersection(keys):
            return {}
        before = self._last
        now = self.read_all(replica)
        changed: dict[str, Row | None] = {
            key: row for key, row in now.items() if before.get(key) != row
        }
        changed.update((key, None) for key in before if key not in now)
        return changed
