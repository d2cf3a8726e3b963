"""Positions and balances as streams. Numbers stay the decimal text of the replica; nothing is
computed from them here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gateway.journal import ReplicaLike, Row

__all__ = ["BalanceReader", "PositionReader", "balance_key", "position_key"]

POSITION_KEY = ("account", "instrument", "leg", "margin_mode", "strategy")
BALANCE_KEY = ("account", "currency")


def position_key(row: Row) -> str:
    """account|instrument|leg|margin_mode|strategy; no name may hold a bar."""
    return "|".join(str(row[name]) for name in POSITION_KEY)


def balance_key(row: Row) -> str:
    """account|currency"""
    return "|".join(str(row[name]) for name in BALANCE_KEY)


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
            key: row for key, row in now.items() if before.get(key) != row
        }
        changed.update((key, None) for key in before if key not in now)
        return changed


class PositionReader(TableReader):
    def __init__(self) -> None:
        super().__init__("position", lambda replica: replica.positions(), position_key)


class BalanceReader(TableReader):
    def __init__(self) -> None:
        super().__init__("balance", lambda replica: replica.balances(), balance_key)
