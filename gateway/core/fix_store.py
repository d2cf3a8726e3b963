"""FIX sessions whose numbers and messages live in the journal: the store behind the session layer,
and one journal for all sessions, so that a loop turn costs one native call.

A message is in the journal before its bytes may go out. Passwords never are: a message that has
one is kept without it, and is gap-filled instead of sent again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Protocol

from gateway.api import RefusedError
from gateway.core.refusals import refusing
from gateway.transport.fix_session import StoreBehind, StoreError, without_secrets

__all__ = ["FixEngine", "FixJournal", "JournalSessionStore"]

# A message, (session, number, sent_ns, is_application, bytes), or numbers that moved,
# (session, why, next_outgoing, next_expected, created_ns); the engine says next_incoming.
Entry = tuple[int, int, int, bool, bytes] | tuple[int, str, int, int, int]

_READ_AT_ONCE = 256  # a block of the journal's chain: the walk over it takes one step each
# The engine takes at most an eighth of its ring at once, and a ring has at least 1 MiB.
_GROUP_BYTES_MAX = 96 * 1024
_RECORD_BYTES = 192  # head of a message's records, at most
_WAIT_AND_TRY_AGAIN = ("JOURNAL_BEHIND", "SHUTTING_DOWN")


class FixEngine(Protocol):
    """What of the native engine is used here."""

    @property
    def synced_sequence(self) -> int: ...
    def define_fix_session(self, name: str, created_ns: int) -> int: ...
    def journal_fix(self, entries: list[Entry]) -> int: ...
    def fix_session(self, session: int) -> dict[str, int | str]: ...
    def fix_pages(
        self, session: int, first: int, last: int, numbers: int
    ) -> list[tuple[int, int, int]]: ...
    def fix_messages(
        self, session: int, first: int, last: int, position: int = 0
    ) -> list[tuple[int, int, bool, bytes]]: ...
    def wait_synced(self, sequence: int, timeout_ms: int) -> bool: ...


class FixJournal:
    """Collects what all sessions of one engine keep, and journals it together. One event loop."""

    def __init__(self, engine: FixEngine) -> None:
        self.engine = engine
        self.sequence = 0  # of the newest flush: what came before it is in the journal
        self._units: list[list[Entry]] = []  # each in one group of records, the last one apart
        self._entries: list[Entry] = []  # the unit that is being made
        self.unit_bytes = 0  # its size so far
        self._expected: dict[int, int] = {}  # newest number taken, journaled behind the entries
        self._broken: dict[int, str] = {}  # sessions whose entries the engine will never take
        self._open: set[int] = set()

    def open(
        self, name: str, *, now_ns: int, is_synced: bool = False, sync_timeout_ms: int = 250
    ) -> JournalSessionStore:
        """The store of `BEGINSTRING:SENDER->TARGET[:QUALIFIER]`, as it stands in the journal; a
        new one begins now. `is_synced`: a flush also waits for the disk, at most so long."""
        with refusing(name=name):
            session = self.engine.define_fix_session(name, now_ns)
        if session in self._open:
            raise StoreError(f"{name} is open already")
        self._open.add(session)
        self._broken.pop(session, None)
        return JournalSessionStore(self, session, sync_timeout_ms if is_synced else 0)

    def add(self, entry: Entry) -> None:
        """Keep it with the next flush."""
        self._entries.append(entry)
        self.unit_bytes += _size(entry)

    def mark(self) -> None:
        """What was kept since the last mark, numbers taken and messages, is in the journal whole or
        not at all (up to 96 KiB); what comes now need not be with it."""
        entries = self._entries
        if self._expected:
            entries += [(each, "incoming", 0, number, 0) for each, number in self._expected.items()]
            self._expected = {}
        if entries:
            self._units.append(entries)
            self._entries = []
            self.unit_bytes = 0

    def take_expected(self, session: int, number: int) -> None:
        """Only the newest number counts, and no order between sessions or against messages."""
        self._expected[session] = number

    def forget_expected(self, session: int) -> int | None:
        """What was not journaled yet."""
        return self._expected.pop(session, None)

    def flush(self, session: int) -> None:
        """Everything of every session that was kept so far is in the journal when this returns.
        StoreError: not that of `session`; StoreBehind: the journal has no room now, and everything
        stays kept."""
        self.mark()
        if self._units:
            units, self._units = self._units, []
            self._write(units)
        if session in self._broken:
            raise StoreError(self._broken[session])

    def close(self, session: int) -> None:
        """The session's name may be opened again."""
        self._open.discard(session)

    def _write(self, units: list[list[Entry]]) -> None:
        groups = list(_groups(units))
        for place, group in enumerate(groups):
            try:
                self._journal(group)
            except RefusedError as error:
                self._units = [group for group in groups[place:] if group]
                raise StoreBehind(str(error)) from error

    def _journal(self, group: list[Entry]) -> None:
        try:
            with refusing():
                self.sequence = self.engine.journal_fix(group)
        except RefusedError as error:
            if error.code in _WAIT_AND_TRY_AGAIN:
                raise
            self._journal_apart(group)

    def _journal_apart(self, group: list[Entry]) -> None:
        """One session's mistake must not hold back the others: each by itself. What is done with
        leaves the group."""
        while group:
            session = group[0][0]
            own = [entry for entry in group if entry[0] == session]
            try:
                with refusing():
                    self.sequence = self.engine.journal_fix(own)
            except RefusedError as error:
                if error.code in _WAIT_AND_TRY_AGAIN:
                    raise
                self._broken[session] = str(error)
            group[:] = [entry for entry in group if entry[0] != session]


class JournalSessionStore:
    """The session layer's store over the journal. Owned by one session."""

    def __init__(self, journal: FixJournal, session: int, sync_timeout_ms: int) -> None:
        self.session = session
        self._journal = journal
        self._sync_timeout_ms = sync_timeout_ms
        row = journal.engine.fix_session(session)
        self.next_outgoing = int(row["next_outgoing"])
        self.next_expected = int(row["next_incoming"])
        self.created_ns = int(row["created_ns"])

    def save(self, number: int, data: bytes) -> None:
        """Keep a message with its number; out it may go behind the next flush."""
        kept, is_application = without_secrets(data)
        self._journal.add((self.session, number, 0, is_application, kept))
        self.next_outgoing = number + 1

    def range(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """All pages in a row."""
        return chain.from_iterable(self.pages(first, last))

    def pages(self, first: int, last: int) -> Iterator[list[tuple[int, bytes]]]:
        """Application messages that the journal still has, in order; the rest is gap-filled."""
        self.flush()
        last = min(last, self.next_outgoing - 1)
        if first > last:
            return
        engine = self._journal.engine
        # One walk for the whole range, then a page at a time: memory holds one page.
        for page in engine.fix_pages(self.session, first, last, _READ_AT_ONCE):
            found = engine.fix_messages(self.session, *page)
            yield [(number, data) for number, _, is_application, data in found if is_application]

    def set_next_outgoing(self, number: int) -> None:
        """Raised by an operator or a gap fill; lowered, it begins a new period without messages."""
        self._set(number, self.next_expected, is_lower=number < self.next_outgoing)

    def set_next_expected(self, number: int) -> None:
        """The application has the message before this one: its record is in the journal already."""
        if number < self.next_expected:
            self._set(self.next_outgoing, number, is_lower=True)
        elif number > self.next_expected:
            self._journal.take_expected(self.session, number)
            self.next_expected = number

    def reset(self, now_ns: int) -> None:
        """Both numbers 1, nothing sent."""
        self.created_ns = now_ns
        self._set(1, 1, is_lower=True)

    def mark(self) -> None:
        """As the journal's: what was kept since the last mark belongs together."""
        self._journal.mark()

    def flush(self) -> None:
        """All that was kept is in the journal, and on the disk where that was asked for."""
        self._journal.flush(self.session)
        if self._sync_timeout_ms and not self.is_stored():
            engine, sequence = self._journal.engine, self._journal.sequence
            if not engine.wait_synced(sequence, self._sync_timeout_ms):
                raise StoreBehind(f"the disk is behind record {sequence}")

    def is_stored(self) -> bool:
        """Whether what the last flush journaled is on the disk."""
        return self._journal.engine.synced_sequence >= self._journal.sequence

    def close(self) -> None:
        """Ends the use of the session; flush comes first."""
        self.flush()
        self._journal.close(self.session)

    def _set(self, outgoing: int, expected: int, *, is_lower: bool) -> None:
        if not is_lower and (outgoing, expected) == (self.next_outgoing, self.next_expected):
            return
        waiting = self._journal.forget_expected(self.session)
        if waiting is not None and not is_lower:
            self._journal.add((self.session, "incoming", 0, waiting, 0))
        why = "reset" if is_lower else "operator"
        self._journal.add((self.session, why, outgoing, expected, self.created_ns))
        self.next_outgoing, self.next_expected = outgoing, expected


def _groups(units: Sequence[list[Entry]]) -> Iterator[list[Entry]]:
    """In their order, as many together as the engine takes at once; a unit that is larger than that
    is parted."""
    group: list[Entry] = []
    size = 0
    for unit in units:
        more = sum(map(_size, unit))
        parts = [unit] if more <= _GROUP_BYTES_MAX else [[entry] for entry in unit]
        for part in parts:
            more = sum(map(_size, part))
            if group and size + more > _GROUP_BYTES_MAX:
                yield group
                group, size = [], 0
            group += part
            size += more
    if group:
        yield group


def _size(entry: Entry) -> int:
    """In the ring, at most; each record of a long message has a head of its own."""
    last = entry[4]
    if isinstance(last, bytes):
        return _RECORD_BYTES * (1 + len(last) // 3968) + len(last)
    return 128
