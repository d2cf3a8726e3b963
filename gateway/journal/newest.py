"""The newest state of a journal that grows, for who looks at it again and again. Reads files only;
knows whether what it reads still is the history that it began with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.journal import reader
from gateway.journal.place import JournalPlace
from gateway.journal.replica import open_native_replica

__all__ = ["JournalRows"]

_RECORDS_PER_STEP = 1 << 16
_REOPENS_MAX = 3  # looks at a journal that does not go on yet: a start is writing its tail


class JournalRows:
    """Opened when it is there, again when it was replaced. One thread. `generation` counts up when
    the journal is another one than before, or lost an end that was seen."""

    def __init__(self, place: JournalPlace, beat: Callable[[], object] = lambda: None) -> None:
        """`beat` is called between the parts of a long way to the end."""
        self._place = place
        self._beat = beat
        self._replica: Any = None
        self._identity: tuple[object, ...] = ()
        self._tries = 0
        self.sequence = 0
        self.generation = 0

    def newest(self) -> Any:
        """The replica at the end of the journal. RuntimeError, OSError: it cannot be read now."""
        identity = self._place.identity()
        if self._replica is not None and identity != self._identity:
            self._go_on(identity)
        if self._replica is None:
            self._open(identity)
        try:
            self._follow()
            self._replica.changes()  # what comes from now on makes has_grown true
        except (OSError, RuntimeError):
            self._replica = None
            raise
        self._note_sequence()
        return self._replica

    def end(self) -> tuple[int, bytes] | None:
        """(sequence, bytes) of the last record now; None while no journal is open."""
        if self._replica is None:
            return None
        self._follow()
        record = self.record(self._replica.sequence)
        return None if record is None else (int(self._replica.sequence), record)

    def _follow(self) -> None:
        while self._replica.follow(_RECORDS_PER_STEP):
            self._beat()

    def has_grown(self) -> bool:
        """Whether a record since newest(), or since the last True, moved a row. Reads one batch."""
        if self._replica is None:
            return False
        try:
            self._replica.follow(_RECORDS_PER_STEP)
            return bool(self._replica.has_changes and self._replica.changes())
        except (OSError, RuntimeError):  # the next look names it
            self._replica = None
            return False

    def record(self, sequence: int) -> bytes | None:
        """The bytes of one record; None: the journal ends before it, or begins behind it."""
        place = (self._place.directory, str(self._place.ring_directory))
        try:
            found = reader.open_reader(*place, sequence).read(1)
        except RuntimeError as error:
            if reader.is_before_beginning(error):
                return None
            raise
        return found[0][1] if found and found[0][0] == sequence else None

    def _go_on(self, identity: tuple[object, ...]) -> None:
        """The ring is another one. After a restart of the gateway the journal goes on behind what
        was applied; else it is another history."""
        is_same_place = identity[:1] == self._identity[:1]
        if is_same_place and self._replica.reopen():
            self._identity, self._tries = identity, 0
            return
        self._tries += 1
        if is_same_place and self._tries < _REOPENS_MAX:
            raise RuntimeError("the journal does not go on yet where it was read last")
        self._replica = None
        self.sequence, self._tries = 0, 0
        self.generation += 1

    def _open(self, identity: tuple[object, ...]) -> None:
        if missing := self._place.missing():
            raise RuntimeError(missing)
        self._replica, self._identity = open_native_replica(self._place), identity

    def _note_sequence(self) -> None:
        at = int(self._replica.sequence)
        if not at:
            self._replica = None
            raise RuntimeError(f"the journal in {self._place.directory} holds no record yet")
        if at < self.sequence:
            self.generation += 1
        self.sequence = at
