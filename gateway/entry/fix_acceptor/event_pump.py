"""Reads what happened to orders from the journal and tells the services, each event once.

How far it came is a number in the journal itself, moved in the same group of records as the
messages an event led to: after a crash either both are there or neither. Must never skip an event
for being late: a counterparty that was away for days hears all of it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gateway.core.engine import Engine
from gateway.core.fix_store import FixJournal, JournalSessionStore
from gateway.entry.fix_acceptor.cancel_marks import CancelMarks
from gateway.entry.fix_acceptor.earlier_orders import EarlierOrders
from gateway.entry.fix_acceptor.order_event import OrderEvent
from gateway.entry.fix_acceptor.order_tracks import OrderTracks
from gateway.transport.fix_session import StoreError

if TYPE_CHECKING:
    from gateway.core.native import OrderEvents

__all__ = ["CURSOR_NAME", "EventPump"]

log = logging.getLogger(__name__)

# A session nobody can log on to: its incoming number is the newest record that was told.
CURSOR_NAME = "FIX.4.4:GATEWAY->JOURNAL:TOLD"
_READ_AT_ONCE = 64
_TOLD_BYTES = 64 * 1024  # then the turn ends, or when the next event may not fit any more
_GROUP_BYTES = 96 * 1024  # as the journal takes together
# Of one event on one session, with the heads of its records and a reset of its numbers before it.
_REPORT_BYTES_MAX = 1_500
_SCANNED_AT_ONCE = 65_536
_PASSED_MAX = 65_536  # records that are none of ours, before the mark moves without a report

Listener = Callable[[OrderEvent], None]


class EventPump:
    """One per daemon. Event-loop thread only."""

    def __init__(
        self, engine: Engine, journal: FixJournal, tracks: OrderTracks, *, now_ns: int
    ) -> None:
        self._engine = engine
        self._journal = journal
        self.tracks = tracks
        self._listeners: list[Listener] = []
        self._cursor: JournalSessionStore = journal.open(CURSOR_NAME, now_ns=now_ns)
        is_new = self._cursor.next_expected == 1
        start = engine.native.sequence if is_new else self._cursor.next_expected - 1
        self._start = self._first(start + 1)
        self._reader: OrderEvents = engine.native.order_events(self._start)
        self._waiting: list[dict[str, Any]] = []  # read, not yet told
        self.is_closed = False  # as a gate of flushes
        self.copies = 0  # sessions that may hear of one event beside its owner's
        self.followed: set[str] = set()
        self.told = 0
        tracks.on_forget = self._reader.forget
        tracks.pending_replace = engine.native.pending_replace
        self._marks = tracks.marks = CancelMarks(journal, now_ns=now_ns)
        if is_new:
            self._cursor.set_next_expected(max(2, start + 1))

    def _first(self, wanted: int) -> int:
        """`wanted`, or the oldest record that is kept: what was untold before it is gone, and that
        must not keep the door shut."""
        reader = self._engine.native.order_events(wanted)
        try:
            reader.read(1, 1)
        except RuntimeError as error:
            if not reader.oldest:
                raise
            lost = (wanted, reader.oldest - 1)
            log.error("reports of records %d to %d are lost: %s", *lost, error)
            return reader.oldest
        return wanted

    def hear(self, listener: Listener) -> None:
        """Call `listener` for every event from now on."""
        self._listeners.append(listener)

    def include(self, order_id: int) -> None:
        """Tell of an order that was there before its principal was followed."""
        self._reader.watch(order_id)

    def follow(self, principal: str) -> None:
        """Tell of the orders of this principal."""
        self.followed.add(principal)
        number = self._engine.names.find("principal", principal)
        if number:
            self._reader.follow(number)

    def watch(self, orders: Sequence[dict[str, Any]]) -> None:
        """Orders that are older than this process, as they stand now: each is brought back to the
        newest event that was told. Once, before `turn`."""
        for row in orders:
            self._reader.watch(int(row["order_id"]))
        self.tracks.recall(self._marks.newest(), sequence=self._engine.native.sequence)
        read = self._engine.native.order_events
        EarlierOrders(read, self.tracks, told=self._start - 1).bring_back(orders)

    def turn(self) -> bool:
        """Tell what there is to tell, a bounded number of events; whether there may be more."""
        self._journal.mark()  # what others keep is none of this turn's group
        was_waiting = bool(self._waiting)
        records = deque(self._take())
        is_full = was_waiting or len(records) == _READ_AT_ONCE
        self.is_closed = True
        try:
            if not records:
                self._pass_by()
            most = min(_TOLD_BYTES, _GROUP_BYTES - (1 + self.copies) * _REPORT_BYTES_MAX)
            while records and self._journal.unit_bytes < max(1, most):
                self._tell(records.popleft())
        finally:
            self._waiting[:0] = records
            self._journal.mark()
            self.is_closed = False
        try:
            self._cursor.flush()
        except StoreError as failure:
            log.warning("reports wait for the journal: %s", failure)
        return is_full or bool(self._waiting)

    def _pass_by(self) -> None:
        """Segments that hold none of our events need not be kept for us."""
        newest = self._reader.sequence
        if newest >= self._cursor.next_expected + _PASSED_MAX:
            self._cursor.set_next_expected(newest + 1)

    def is_past(self, sequence: int) -> bool:
        """Whether everything up to this record was told."""
        return not self._waiting and self._reader.sequence >= sequence

    def _take(self) -> list[dict[str, Any]]:
        if self._waiting:
            taken, self._waiting = self._waiting[:_READ_AT_ONCE], self._waiting[_READ_AT_ONCE:]
            return taken
        return self._read(_READ_AT_ONCE)

    def _read(self, limit: int) -> list[dict[str, Any]]:
        """Records of a long run of others' orders are passed by until there is one of ours."""
        while True:
            before = self._reader.sequence
            records = self._reader.read(limit, _SCANNED_AT_ONCE)
            if records or self._reader.sequence - before < _SCANNED_AT_ONCE:
                return records

    def _tell(self, record: dict[str, Any]) -> None:
        self._cursor.set_next_expected(record["sequence"] + 1)
        try:
            event = self.tracks.apply(record)
        except (ArithmeticError, LookupError, ValueError):
            log.exception("record %d cannot be told", record["sequence"])
            return
        if event is None:
            return
        self.told += 1
        for listener in self._listeners:
            listener(event)
