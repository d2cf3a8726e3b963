"""The turns of `gateway risk-watch`: a look at the newest records and marks, its commands, what is
remembered of it, and the wait for the next one. Orders never wait for it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway import process
from gateway.analytics.greek_book import aged_marks
from gateway.analytics.risk_watch import Command, RiskWatch, WatchInput, WatchStep
from gateway.analytics.watch_memory import JournalPoint, MemoryFile, WatchMemory
from gateway.analytics.watch_policy import WatchPolicy
from gateway.analytics.watch_status import StatusFile, WatchStatus
from gateway.commands.complaints import Complaints
from gateway.commands.desk_sources import margin_of, open_orders, valued
from gateway.commands.output import CommandFailure
from gateway.journal import LiveFiles, reader
from gateway.journal.newest import JournalRows
from gateway.valuation.brackets import Brackets
from gateway.valuation.margin import MarkPrice
from gateway.valuation.option_terms import OptionSettings

__all__ = ["Send", "WatchParts", "WatchRun", "input_of", "send_all"]

BATCH_SECONDS_MAX = 5  # of sending what one look found, and of one answer
POLL_SECONDS = 0.01  # between two questions whether the journal grew
PARTIAL_NS_MAX = 10**9  # behind a look that left something out: marks are shown once a second
BEAT_NS = 10**9
MEMORY_NS_MAX = 600 * 10**9  # its record stays one that the journal keeps
_NO_ANSWER = ("UNKNOWN_OUTCOME", "NOT_RUNNING")
_HOPELESS = ("NOT_RUNNING", "NOT_AUTHENTICATED", "NOT_PERMITTED", "UNKNOWN_PRINCIPAL")
_NAMED = ("instrument", "strategy", "account", "venue")
Send = Callable[[Command], Any]


def input_of(
    replica: Any, marks: Mapping[str, MarkPrice], now_ns: int, schedules: Brackets,
    options: OptionSettings, policy: WatchPolicy,
) -> WatchInput:  # fmt: skip
    """The rows of one replica, valued."""
    given = valued(replica, options, marks, now_ns=now_ns, age_ms_max=policy.mark_age_ms_max)
    orders = open_orders(replica)
    return WatchInput(
        accounts=margin_of(replica, given, schedules, orders=orders).accounts,
        greeks=given,
        orders=orders,
        trading_states=replica.trading_states(),
        rates={row["name"]: row["rate"] for row in replica.registry("currency")},
        now_ns=now_ns,
        names={level: {row["name"] for row in replica.registry(level)} for level in _NAMED},
    )


def send_all(
    watch: RiskWatch, commands: Iterable[Command], send: Send, told: Callable[[str], None],
    is_late: Callable[[], bool] = lambda: False,
) -> int:  # fmt: skip
    """Sends in order; what is refused is told and asked for again. Once nothing answers, or it is
    late, the rest is asked for again from the next look's numbers: the gate takes what it is told
    as new. Returns how many were taken."""
    taken, waiting = 0, deque(commands)
    try:
        while waiting and not is_late():
            try:
                send(waiting[0])
                taken += 1
            except CommandFailure as failure:
                each, error = waiting[0], failure.error
                watch.failed(each)
                told(f"{each.method} {each.path}: {error['code']}: {error['rule']}")
                if error["code"] in _NO_ANSWER:
                    waiting.popleft()
                    break
            waiting.popleft()
    finally:  # whatever else went wrong: nothing counts as done that was not taken
        for each in waiting:
            watch.failed(each)
    if waiting:
        told(f"left for the next look: {len(waiting)} commands")
    return taken


@dataclass(frozen=True, slots=True)
class WatchParts:
    """What a run is made of. `send` None: it only shows what it would send, and leaves memory and
    status as they are."""

    policy: WatchPolicy
    rows: JournalRows
    live: LiveFiles
    schedules: Brackets
    options: OptionSettings
    memory: MemoryFile
    status: StatusFile
    send: Send | None
    show: Callable[[WatchStep], None]
    complaints: Complaints
    notifier: process.Notifier


class WatchRun:
    """One thread. Every failure is told, counted and followed by the next look."""

    def __init__(self, parts: WatchParts) -> None:
        self._parts = parts
        self._watch: RiskWatch | None = None
        self._generation = -1  # of the journal that the watch was made for
        self._saved: WatchMemory | None = None
        self._saved_ns = 0
        self._point: JournalPoint | None = None  # behind every decision in it
        self._point_ns = 0
        self._beat_ns = 0
        self._is_partial = True  # the last look failed, or left something out
        self._status = WatchStatus(
            pid=os.getpid(), actor=parts.policy.actor, began_ns=process.wall_ns()
        )

    def run(self, stop: threading.Event, count: int | None = None) -> None:
        """Looks until `stop`, or so many. CommandFailure: the key or the address is no good."""
        if self._parts.send is not None:
            self._tell_presence("begins")
        try:
            while not stop.is_set():
                began_ns = process.monotonic_ns()
                self._look_once()
                self._tell_manager()
                if self._status.looks == count:
                    break
                self._wait(stop, began_ns)
        finally:
            self._parts.notifier.stopping()
            if self._parts.send is not None:
                self._end()

    def beat(self) -> None:
        """It is alive; called as often as anybody likes."""
        now_ns = process.monotonic_ns()
        if now_ns - self._beat_ns >= BEAT_NS:
            self._beat_ns = now_ns
            self._parts.notifier.watchdog()

    # One turn.

    def _look_once(self) -> None:
        status, complaints = self._status, self._parts.complaints
        before, status.looks = complaints.count, status.looks + 1
        self._is_partial = True
        try:
            self._look()
        except (OSError, RuntimeError, reader.TooManyOrders) as fault:
            complaints.add(f"the journal cannot be read now: {fault}")
        except Exception as fault:  # what cannot be valued in one look does not end the next ones
            complaints.add(f"this look failed: {type(fault).__name__}: {fault}")
        self._remember()
        status.is_failing = complaints.count > before
        if status.is_failing:
            status.failures, status.failure = complaints.count, complaints.last
            status.failed_ns = process.wall_ns()
        else:
            complaints.end()
        self._write_status()
        self.beat()

    def _tell_manager(self) -> None:
        words = self._status.words()
        if self._status.looks == 1:
            self._parts.notifier.ready(words)
        self._parts.notifier.status(words)

    def _write_status(self) -> None:
        if self._parts.send is None:
            return
        try:
            self._parts.status.write(self._status)
        except OSError as fault:
            self._parts.complaints.add(f"{self._parts.status.path} was not written: {fault}")

    def _look(self) -> None:
        parts, status = self._parts, self._status
        began_ns = process.monotonic_ns()
        replica = parts.rows.newest()
        if self._watch is None or self._generation != parts.rows.generation:
            self._watch = self._watch_of(replica)
            self._generation = parts.rows.generation
        marks, now_ns = aged_marks(parts.live.marks, process.wall_ns)
        given = input_of(replica, marks, now_ns, parts.schedules, parts.options, parts.policy)
        step = self._watch.step(given)
        parts.show(step)
        status.sequence, status.looked_ns, status.lag_records = replica.sequence, now_ns, None
        if "sequence" in (counters := parts.live.counters()):
            status.lag_records = max(0, counters["sequence"] - status.sequence)
        if parts.send is not None:
            complain = parts.complaints.add
            status.commands += send_all(self._watch, step.commands, parts.send, complain, _late())
        status.reduced, status.unjudged = self._watch.reduced(), len(step.unjudged)
        has_excluded = any(row["excluded"] for row in step.accounts)
        self._is_partial = has_excluded or bool(step.unjudged or step.unvalued)
        status.look_ns = process.monotonic_ns() - began_ns

    def _watch_of(self, replica: Any) -> RiskWatch:
        """A watch that goes on where the memory says that an earlier one stood."""
        parts = self._parts
        watch = RiskWatch(parts.policy)
        recalled = parts.memory.read(parts.policy.actor, self._why_not_held)
        if recalled.why_none:
            parts.complaints.add(f"{parts.memory.path} counts as none: {recalled.why_none}")
        if recalled.memory is not None:
            watch.restore(recalled.memory, replica.limits())
        self._saved, self._point = recalled.memory, None
        return watch

    def _why_not_held(self, point: JournalPoint) -> str:
        try:
            record = self._parts.rows.record(point.sequence)
        except (OSError, RuntimeError) as fault:
            return f"the journal cannot show record {point.sequence}, which it names: {fault}"
        if record is None:
            return f"the journal does not hold record {point.sequence}, which it names"
        if JournalPoint.of(point.sequence, record) != point:
            return f"record {point.sequence}, which it names, is another one in this journal"
        return ""

    # Memory.

    def _remember(self, *, is_last: bool = False) -> None:
        """Decisions at once; what was told now and then, for it can be told again."""
        if self._parts.send is None or self._watch is None:
            return
        memory, now_ns = self._watch.remembered(), process.monotonic_ns()
        told_ns = self._parts.policy.tell_again_seconds * 10**9
        wants_point = (
            self._saved is None
            or self._point is None
            or memory.decided() != self._saved.decided()
            or now_ns - self._point_ns >= MEMORY_NS_MAX
        )
        is_told = memory != self._saved and (is_last or now_ns - self._saved_ns >= told_ns)
        if not wants_point and not is_told:
            return
        try:
            if wants_point:  # the end is behind everything that was sent
                end = self._parts.rows.end()
                self._point = None if end is None else JournalPoint.of(*end)
                self._point_ns = now_ns
            if self._point is not None:
                self._parts.memory.write(memory, self._point)
                self._saved, self._saved_ns = memory, now_ns
        except (OSError, RuntimeError) as fault:
            self._parts.complaints.add(f"{self._parts.memory.path} was not written: {fault}")

    # Beginning, waiting, ending.

    def _tell_presence(self, word: str) -> None:
        """A note in the journal, which proves the key, too."""
        parts = self._parts
        body = {"subject": f"{parts.policy.actor} {word}", "reason": "gateway risk-watch"}
        note = Command("POST", "/v1/notes", body | {"actor": parts.policy.actor})
        assert parts.send is not None
        try:
            parts.send(note)
        except CommandFailure as failure:
            if word == "begins" and failure.error["code"] in _HOPELESS:
                raise
            parts.complaints.add(f"the note that it {word}: {failure.error['code']}")

    def _wait(self, stop: threading.Event, began_ns: int) -> None:
        """Until the interval is over, or the journal grew after a rest of twice the last turn, so
        that looks take a third of the time; a turn longer than that rests for the interval. What
        left something out is not waited for longer than a mark needs to come."""
        ended_ns = process.monotonic_ns()
        interval_ns = self._parts.policy.interval_ms * 10**6
        first_ns = ended_ns + min(2 * (ended_ns - began_ns), interval_ns)
        if self._is_partial or self._status.is_failing:
            interval_ns = min(interval_ns, PARTIAL_NS_MAX)
        last_ns = max(began_ns + interval_ns, first_ns)
        while (now_ns := process.monotonic_ns()) < last_ns:
            if now_ns >= first_ns and self._parts.rows.has_grown():
                return
            self.beat()
            if stop.wait(min(POLL_SECONDS, (last_ns - now_ns) / 1e9)):
                return

    def _end(self) -> None:
        self._remember(is_last=True)
        self._tell_presence("ends")
        self._parts.status.remove()


def _late() -> Callable[[], bool]:
    ends_ns = process.monotonic_ns() + BATCH_SECONDS_MAX * 10**9
    return lambda: process.monotonic_ns() > ends_ns
