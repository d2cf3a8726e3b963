"""Positions and balances as streams. Numbers stay the decimal text of the replica; nothing is
computed from them here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from gateway.journal import ReplicaLike, Row
from gateway.stream.channels import key_of

__all__ = ["BalanceReader", "PositionReader"]

AGE_STEP_MS = 5000


def _with_age_step(row: Row) -> dict[str, Any]:
    age_ms = row["mark_age_ms"]
    step = None if age_ms is None else max(0, age_ms) // AGE_STEP_MS
    return {**row, "mark_age_ms": step}


class TableReader:
    """Reads a whole small table when any of its rows was touched and keeps what differs."""

    def __init__(
        self,
        kind: str,
        read: Callable[[ReplicaLike], Iterable[Row]],
        key: Callable[[Row], str],
    ) -> None:
        self.kind = kind
        self._read = read
        self._key = key
        self._last: dict[str, Row] = {}

    def read_all(self, replica: ReplicaLike) -> dict[str, Row]:
        self._last = {self._key(row): row for row in self._read(replica)}
        return dict(self._last)

    def read_changed(self, replica: ReplicaLike, keys: Sequence[Any]) -> dict[str, Row | None]:
        before = self._last
        now = self.read_all(replica)
        changed: dict[str, Row | None] = {
            key: row for key, row in now.items() if self._differs(before.get(key), row)
        }
        changed.update((key, None) for key in before if key not in now)
        return changed

    def _differs(self, before: Row | None, now: Row) -> bool:
        return before != now


class PositionReader(TableReader):
    """A mark's age changes all the time, so it counts in steps: a live mark stays within the first,
    a dead one becomes older in front of the reader."""

    def __init__(self) -> None:
        super().__init__(
            "position", lambda replica: replica.positions(), partial(key_of, "positions")
        )

    def _differs(self, before: Row | None, now: Row) -> bool:
        return before is None or _with_age_step(before) != _with_age_step(now)


class BalanceReader(TableReader):
    def __init__(self) -> None:
        super().__init__("balance", lambda replica: replica.balances(), partial(key_of, "balances"))
