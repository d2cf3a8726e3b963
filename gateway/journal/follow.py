"""Follows a journal with a replica, a bounded number of records at a time, and reads the rows that
changed. One thread at a time may call a Follower. It must never hold up the live process, so it
only reads files."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.journal.health import JournalHealth
from gateway.journal.live_files import Mark
from gateway.journal.place import JournalPlace
from gateway.journal.share import rest_seconds

__all__ = [
    "FollowFault",
    "Follower",
    "JournalPlace",
    "ReplicaLike",
    "Row",
    "RowReader",
    "Step",
]

Row = Mapping[str, Any]
ROWS_SHARE = 2  # reading rows is followed by so many times its length without
ROWS_REST_SECONDS_MAX = 1.0  # but rows are no older than this because one reading took long
FRAME_RECORDS_MAX = 65_536  # behind so many, rows are read however early: keys wait in memory
REOPENS_MAX = 3  # looks at a journal that does not go on yet: a start is writing its tail
_MADE_OF = {"linked": "order"}  # kind of row -> what touches it, where that is another word
_DEFINITIONS = frozenset(range(10, 16))  # kinds of record, core_ext/.../record/kinds.hpp


class ReplicaLike(Protocol):
    """What the follower needs of gateway._core.journal.Replica."""

    @property
    def sequence(self) -> int: ...
    def follow(self, limit: int = ..., until: int = ...) -> int: ...
    def reopen(self) -> bool: ...
    @property
    def has_changes(self) -> bool: ...
    def changes(self) -> list[tuple[int, str, Any]]: ...
    def differing_total(self) -> str: ...
    def orders(self, open_only: bool = ..., limit: int = ...) -> list[dict[str, Any]]: ...
    def order(self, order_id: int) -> dict[str, Any] | None: ...
    def take_positions(self, is_all: bool = ...) -> list[dict[str, Any]]: ...
    def take_balances(self, is_all: bool = ...) -> list[dict[str, Any]]: ...
    def state_hash(self) -> str: ...
    def set_mark(self, instrument: str, price: str, time_ns: int) -> bool: ...

    outcomes_after: int

    def take_outcomes(self) -> list[tuple[str, str, str, str, int]]: ...
    def orders_of(self, order_ids: list[int], finished_max: int) -> list[dict[str, Any]]: ...
    def linked_of(self, order_ids: list[int]) -> list[tuple[int, int]]: ...
    def linked(self, ended_max: int) -> list[tuple[int, int]]: ...
    def take_fills(self, limit: int = ...) -> list[dict[str, Any]]: ...
    def limits(self) -> list[dict[str, Any]]: ...
    def trading_states(self) -> list[dict[str, Any]]: ...
    def registry(self, kind: str) -> list[dict[str, Any]]: ...


class Snapshots(Protocol):
    """What the follower needs of SnapshotWriter."""

    written: int

    def begin(self) -> bool: ...
    def look(self) -> None: ...


class RowReader(Protocol):
    """Turns touched keys into rows, in the follower's thread. None = the row is gone."""

    kind: str  # the word of Replica.changes: order, position, balance, fill, state; or group

    def read_all(self, replica: ReplicaLike) -> dict[str, Row]: ...
    def read_changed(self, replica: ReplicaLike, keys: Sequence[Any]) -> dict[str, Row | None]: ...


class FollowFault(Exception):
    """The journal cannot be read right now; the follower opens it afresh at the next step."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one bounded step found. `rows` is the whole state when `is_reset`; without `has_rows`
    those of `sequence` still stand, while the follower is at `followed`."""

    sequence: int
    applied: int
    is_caught_up: bool
    is_reset: bool = False
    is_loading: bool = False  # still on the way to the end: no rows yet
    rows: Mapping[str, Mapping[str, Row | None]] = field(default_factory=dict)
    has_definitions: bool = False  # a currency, venue, instrument, account or strategy
    has_rows: bool = True
    followed: int = 0


class Follower:
    """Opens the journal when it appears, follows it, opens it again when it was replaced."""

    def __init__(
        self,
        place: JournalPlace,
        open_replica: Callable[[JournalPlace], ReplicaLike],
        readers: Sequence[RowReader],
        *,
        records_max: int = 4096,
        catch_up_records_max: int = 65536,
        snapshot_every_seals: int = 1,
        snapshots: Snapshots | None = None,
        rows_every_seconds: float = 0.0,
        monotonic: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Rows are read at most every `rows_every_seconds`: what changes often is read once.
        Without `snapshots` none are written."""
        self._place = place
        self._rows_every_seconds = rows_every_seconds
        self._monotonic = monotonic
        self._rows_due_at = 0.0
        self._rows_sequence = 0
        self._pending: dict[str, dict[Any, None]] = defaultdict(dict)
        self._open_replica = open_replica
        self._readers = tuple(readers)
        self.health = JournalHealth(monotonic)
        self._records_max = records_max
        self._catch_up_records_max = catch_up_records_max
        self._snapshot_every_seals = snapshot_every_seals
        self._snapshots = snapshots
        self._reopens = 0
        self._replica: ReplicaLike | None = None
        self._identity: object = None
        self._is_loaded = False
        self._seals_at_snapshot = 0
        self._seals_at_begin, self._snapshots_written = 0, 0
        # (strategy, venue, order type, what happened) of records read since this follower first
        # stood at the end of the journal; each record counts once, however often it is opened.
        self.outcomes: Counter[tuple[str, str, str, str]] = Counter()
        self._counted_to: int | None = None
        self._directory: object = None
        self._outcomes_of_catch_up: Counter[tuple[str, str, str, str]] = Counter()

    def step(self) -> Step:
        """Apply at most one batch. Raises FollowFault when there is nothing to read or it broke."""
        try:
            replica = self._replica or self._open()
            step = self._advance(replica) if self._is_loaded else self._catch_up(replica)
            if step.has_rows:
                self._count(replica)
            if step.is_caught_up:  # on the way there may be the same damage as before
                self.health.followed()
            return step
        except (OSError, RuntimeError, ValueError) as error:
            self.close()
            self.health.failed(str(error) or type(error).__name__, self._identity)
            raise FollowFault(str(error) or type(error).__name__) from error

    def inspect(self) -> bool:
        """Look at the files: snapshot after new seals, drop a replica whose journal was replaced.
        Call now and then (once a second), from the same thread as step. True: a snapshot began."""
        replica = self._replica
        if replica is None or not self._is_loaded:
            return False
        identity = self._place.identity()
        if identity != self._identity:
            self._reopen(replica, identity)
            return False
        self.health.check(replica)
        return self._snapshots is not None and self._begin_snapshot(self._snapshots)

    def _begin_snapshot(self, snapshots: Snapshots) -> bool:
        """Seals count as covered once one was written: one that failed is due as before."""
        snapshots.look()
        if snapshots.written != self._snapshots_written:
            self._snapshots_written = snapshots.written
            self._seals_at_snapshot = max(self._seals_at_snapshot, self._seals_at_begin)
        seals = self._place.seals()
        is_due = seals >= self._seals_at_snapshot + self._snapshot_every_seals
        if not is_due or not snapshots.begin():
            return False
        self._seals_at_begin = seals
        return True

    def _reopen(self, replica: ReplicaLike, identity: tuple[object, ...]) -> None:
        """The ring is another one. After a restart of the live process the journal goes on behind
        what was applied; else it is another history, and is read afresh."""
        self._reopens += 1
        try:
            goes_on = identity[0] == self._directory and replica.reopen()
        except (OSError, RuntimeError):
            goes_on = False
        if goes_on:
            self._identity, self._reopens = identity, 0
        elif identity[0] != self._directory or self._reopens >= REOPENS_MAX:
            self.close()

    def value(self, marks: Iterable[Mark]) -> Mapping[str, Mapping[str, Row | None]]:
        """Take new prices and read the positions they touch; {} while nothing is loaded. The rows
        belong to the sequence of the last step. Same thread as step."""
        replica = self._replica
        if replica is None or not self._is_loaded:
            return {}
        for mark in marks:
            with contextlib.suppress(ValueError):  # a price that cannot be held values nothing
                replica.set_mark(*mark)
        if self.has_pending:  # the rows are of an earlier sequence; they come with the next ones
            self._pending["position"][0] = None
            return {}
        readers = (reader for reader in self._readers if reader.kind == "position")
        return {reader.kind: reader.read_changed(replica, ()) for reader in readers}

    def instruments(self) -> list[Row]:
        """Every instrument the journal defined. Raises FollowFault when no replica is open."""
        return list(self._opened().registry("instrument"))

    def registry(self, kind: str) -> list[Row]:
        """Rows of one registry. Raises FollowFault when no replica is open."""
        return list(self._opened().registry(kind))

    def state_hash(self) -> tuple[int, str]:
        """(sequence, hash) of the replica. Raises FollowFault when none is open."""
        replica = self._opened()
        return replica.sequence, replica.state_hash()

    def order(self, order_id: int) -> Row | None:
        """Any order the replica remembers. Raises FollowFault when none is open."""
        return self._opened().order(order_id)

    def orders_of(self, order_ids: Sequence[int]) -> list[Row]:
        """Those of them that the replica remembers. Raises FollowFault when none is open."""
        return list(self._opened().orders_of(list(order_ids), len(order_ids)))

    def close(self) -> None:
        """Forget the replica; the next step opens the journal again."""
        self._replica = None
        self._is_loaded = False
        self._reopens = 0
        self._pending.clear()

    @property
    def has_pending(self) -> bool:
        """Rows changed that were not read yet: step again soon, also without a new record."""
        replica = self._replica
        return bool(self._pending) or (replica is not None and replica.has_changes)

    @property
    def seconds_to_rows(self) -> float:
        """Until rows that changed may be read."""
        return max(0.0, self._rows_due_at - self._monotonic())

    def _count(self, replica: ReplicaLike) -> None:
        found = self._outcomes_of_catch_up
        found.update({(s, v, t, o): n for s, v, t, o, n in replica.take_outcomes()})
        if not self._is_loaded:  # on the way to the end: counted together, once it is there
            return
        self._outcomes_of_catch_up = Counter()
        if self._counted_to is not None:  # else it is history from before this follower
            self.outcomes.update(found)
        self._counted_to = replica.sequence

    def _opened(self) -> ReplicaLike:
        if self._replica is None:
            raise FollowFault(self._place.missing() or "the journal is being opened")
        return self._replica

    def _open(self) -> ReplicaLike:
        missing = self._place.missing()
        if missing:
            self.health.followed()
            raise FollowFault(missing)
        identity = self._place.identity()
        if identity[0] != self._directory:  # another journal: its history is not ours to count
            self._counted_to = None
        self._identity, self._directory = identity, identity[0]
        self._outcomes_of_catch_up.clear()
        # Segments sealed while nobody followed still get their snapshot.
        self._seals_at_snapshot = self._place.seals() - self._place.seals_after_snapshot()
        self._seals_at_begin = 0  # one that is being written may be of another journal
        self._replica = self._open_replica(self._place)
        self._replica.outcomes_after = self._counted_to or 0
        return self._replica

    def _catch_up(self, replica: ReplicaLike) -> Step:
        # Rows are read once, at the end of the journal: reading them on the way would be thrown
        # away, and a start on a long journal would take minutes.
        applied = replica.follow(self._catch_up_records_max)
        replica.changes()
        if applied >= self._catch_up_records_max:
            return Step(replica.sequence, applied, is_caught_up=False, is_loading=True)
        self._is_loaded = True
        rows = {reader.kind: reader.read_all(replica) for reader in self._readers}
        at = self._rows_sequence = replica.sequence
        return Step(at, applied, is_caught_up=True, is_reset=True, rows=rows, followed=at)

    def _advance(self, replica: ReplicaLike) -> Step:
        before = replica.sequence
        applied = replica.follow(self._records_max)
        if replica.sequence < before:
            self._counted_to = None
            raise FollowFault(f"sequence went back from {before} to {replica.sequence}")
        is_caught_up = applied < self._records_max
        has_pending = self.has_pending
        if not has_pending:
            self._rows_sequence = replica.sequence
        if not has_pending or not self._is_frame_due(replica):
            at = self._rows_sequence
            return Step(at, applied, is_caught_up, has_rows=False, followed=replica.sequence)
        return self._read(replica, applied, is_caught_up=is_caught_up)

    def _is_frame_due(self, replica: ReplicaLike) -> bool:
        is_time = self._monotonic() >= self._rows_due_at
        return is_time or replica.sequence - self._rows_sequence >= FRAME_RECORDS_MAX

    def _read(self, replica: ReplicaLike, applied: int, *, is_caught_up: bool) -> Step:
        """The rows of everything that changed since they were read last."""
        began = self._monotonic()
        keys, self._pending = self._pending, defaultdict(dict)
        for _, kind, key in replica.changes():
            keys[kind][key] = None
        rows = {
            reader.kind: reader.read_changed(replica, tuple(keys[touched]))
            for reader in self._readers
            if (touched := _MADE_OF.get(reader.kind, reader.kind)) in keys
        }
        # From its begin, but it takes a third of the time at most.
        ended = self._monotonic()
        rest = rest_seconds(ended - began, ROWS_SHARE, ROWS_REST_SECONDS_MAX)
        self._rows_due_at = max(began + self._rows_every_seconds, ended + rest)
        at = self._rows_sequence = replica.sequence
        return Step(
            at,
            applied,
            is_caught_up,
            rows=rows,
            has_definitions=not _DEFINITIONS.isdisjoint(keys.get("state", ())),
            followed=at,
        )
