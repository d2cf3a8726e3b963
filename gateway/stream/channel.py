"""The rows of one channel as of a sequence, and which of them changed since. One entry per key, so
a reader that is late gets the latest row and never a backlog. Event-loop thread only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.journal import Row

__all__ = ["Change", "Channel"]


@dataclass(frozen=True, slots=True)
class Change:
    """The last thing that happened to a key. A removed key keeps its last row for the filters."""

    sequence: int
    key: str
    row: Row
    is_removed: bool


class Channel:
    """Rows by key plus a bounded history of changed keys, oldest first."""

    def __init__(self, name: str, history_max: int = 65536) -> None:
        self.name = name
        self.generation = 0  # rises with every reset: sequences of two generations do not compare
        self.sequence = 0
        self.changes_total = 0
        self.rows: dict[str, Row] = {}
        self._history_max = history_max
        self._history: OrderedDict[str, Change] = OrderedDict()
        self._floor = 0  # the history is complete for readers at or after this sequence

    def reset(self, rows: Mapping[str, Row], sequence: int) -> None:
        """A journal was opened afresh: forget everything before."""
        self.generation += 1
        self.rows = dict(rows)
        self.sequence = self._floor = sequence
        self._history.clear()

    def publish(self, changed: Mapping[str, Row | None], sequence: int) -> None:
        """Take over the rows that changed up to `sequence`; None removes a key."""
        self.sequence = sequence
        for key, row in changed.items():
            before = self.rows.pop(key, None)
            last = before if row is None else row
            if last is None:
                continue
            if row is not None:
                self.rows[key] = row
            self._history[key] = Change(sequence, key, last, is_removed=row is None)
            self._history.move_to_end(key)
            self.changes_total += 1
        while len(self._history) > self._history_max:
            _, oldest = self._history.popitem(last=False)
            self._floor = oldest.sequence

    def since(self, sequence: int) -> list[Change] | None:
        """Keys changed after `sequence`, oldest first; None = that is not known any more, or never
        was: only a snapshot helps."""
        if not self._floor <= sequence <= self.sequence:
            return None
        changes: list[Change] = []
        for change in reversed(self._history.values()):
            if change.sequence <= sequence:
                break
            changes.append(change)
        changes.reverse()
        return changes
