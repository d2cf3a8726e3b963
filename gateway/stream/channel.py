"""The rows of one channel as of a sequence, and which of them changed since. One entry per key, so
a reader that is late gets the latest row and never a backlog. Event-loop thread only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import NamedTuple

from gateway.journal import Row

__all__ = ["Change", "Channel"]


# Sequence, revision, is_valuation. A tuple of plain values is nothing that the collector of cycles
# visits: a hundred thousand with a row in each would hold up every thread for a tenth of a second.
_Entry = tuple[int, int, bool]


class Change(NamedTuple):
    """The last thing that happened to a key. A removed key keeps its last row for the filters. A
    valuation changes a row without a record, so it keeps the sequence and only moves `revision`."""

    sequence: int
    key: str
    row: Row
    is_removed: bool
    revision: int
    is_valuation: bool = False


class Channel:
    """Rows by key plus a bounded history of changed keys, oldest first."""

    def __init__(self, name: str, history_max: int = 65536) -> None:
        self.name = name
        self.generation = 0  # rises with every reset: sequences of two generations do not compare
        self.sequence = 0
        self.revision = 0  # rises with every change, never falls: what a connection has seen
        self.changes_total = 0
        self.waiting = ""  # why there is nothing to show; "" = the rows are what there is
        self.rows: dict[str, Row] = {}
        self._history_max = history_max
        self._history: OrderedDict[str, _Entry] = OrderedDict()
        self._gone: dict[str, Row] = {}  # last rows of removed keys that the history knows
        self._floor = 0  # the history is complete for readers at or after this sequence
        self._revision_floor = 0  # and for connections at or after this revision

    def reset(self, rows: Mapping[str, Row], sequence: int) -> None:
        """A journal was opened afresh: forget everything before."""
        self.generation += 1
        self.waiting = ""
        self.rows = dict(rows)
        self.sequence = self._floor = sequence
        self.revision += 1
        self._revision_floor = self.revision
        self._history.clear()
        self._gone.clear()

    def wait(self, reason: str) -> None:
        """There is nothing to show, for this reason; readers get an empty snapshot that says so."""
        if reason != self.waiting:
            self.reset({}, self.sequence)
            self.waiting = reason

    def replace(self, rows: Mapping[str, Row], sequence: int) -> bool:
        """These are all rows now; what differs is published. False when nothing does."""
        if self.waiting:
            self.reset(rows, sequence)
            return True
        changed: dict[str, Row | None] = {
            key: row for key, row in rows.items() if self.rows.get(key) != row
        }
        changed.update((key, None) for key in self.rows if key not in rows)
        if changed:
            self.publish(changed, max(sequence, self.sequence), is_valuation=True)
        return bool(changed)

    def publish(
        self, changed: Mapping[str, Row | None], sequence: int, *, is_valuation: bool = False
    ) -> None:
        """Take over the rows that changed up to `sequence`; None removes a key."""
        self.sequence = sequence
        self.revision += 1
        rows, history, gone = self.rows, self._history, self._gone
        entry = (sequence, self.revision, is_valuation)
        for key, row in changed.items():
            before = rows.pop(key, None)
            if row is not None:
                rows[key] = row
                gone.pop(key, None)
            elif before is not None:
                gone[key] = before
            else:
                continue
            history.pop(key, None)  # the newest stands last
            history[key] = entry
            self.changes_total += 1
        while len(history) > self._history_max:
            key, oldest = history.popitem(last=False)
            gone.pop(key, None)
            # A reader at the sequence of a valuation may have missed it.
            self._floor = oldest[0] + oldest[2]
            self._revision_floor = oldest[1]

    def since(self, sequence: int) -> list[Change] | None:
        """Keys changed after `sequence`, oldest first; None = that is not known any more, or never
        was: only a snapshot helps."""
        if not self._floor <= sequence <= self.sequence:
            return None
        return self._newest(
            lambda entry: entry[0] > sequence or (entry[2] and entry[0] == sequence)
        )

    def after(self, revision: int) -> list[Change] | None:
        """The same for a connection that has seen everything up to `revision`."""
        if revision < self._revision_floor:
            return None
        return self._newest(lambda entry: entry[1] > revision)

    def _newest(self, is_wanted: Callable[[_Entry], bool]) -> list[Change]:
        newest = takewhile(lambda item: is_wanted(item[1]), reversed(self._history.items()))
        changes = [self._change(key, *entry) for key, entry in newest]
        changes.reverse()
        return changes

    def _change(self, key: str, sequence: int, revision: int, is_valuation: bool) -> Change:
        row = self.rows.get(key)
        is_removed = row is None
        last = self._gone[key] if row is None else row
        return Change(sequence, key, last, is_removed, revision, is_valuation)
