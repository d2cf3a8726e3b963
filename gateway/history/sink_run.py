"""Feeds a journal into a sink: each row once, whatever is killed and whenever the sink goes away.
What is there already, the sink alone says: there is no second notebook that could disagree."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from gateway.api import (
    HistorySink,
    SinkBatch,
    SinkMark,
    SinkRefused,
    SinkSchemaMismatch,
    SinkUnavailable,
)
from gateway.history.faults import ArchiveFault
from gateway.history.sink_rows import LAST_SEQUENCE, SinkRows
from gateway.transport.backoff import Backoff

__all__ = ["POLL_SECONDS", "SinkProgress", "feed_sink"]

POLL_SECONDS = 0.5
RETRY_FIRST_SECONDS, RETRY_MAX_SECONDS = 0.2, 10.0


@dataclass(slots=True)
class SinkProgress:
    """What one run wrote, and up to where the sink is filled."""

    sequence: int = 0
    batches: int = 0
    rows: int = 0
    reconnects: int = 0


def feed_sink(
    rows: SinkRows,
    sink: HistorySink,
    *,
    stop: threading.Event,
    until: int = LAST_SEQUENCE,
    is_following: bool = False,
    attempts_max: int = 0,
    wait: Callable[[float], object] | None = None,
    random: Random | None = None,
    report: Callable[[SinkProgress], None] = lambda progress: None,
    on_loss: Callable[[str], None] = lambda text: None,
) -> SinkProgress:
    """Write what the sink lacks, up to record `until` or the end; with `is_following` also what
    comes later, until `stop`. A sink that goes away is asked again `attempts_max` times in a row
    (0 = for ever); one that is not there at the start ends the run. ArchiveFault: it cannot go on.
    """
    backoff = Backoff(RETRY_FIRST_SECONDS, RETRY_MAX_SECONDS, random or Random())
    run = _Run(
        rows=rows,
        sink=sink,
        stop=stop,
        attempts_max=attempts_max,
        wait=wait or stop.wait,
        backoff=backoff,
        report=report,
        on_loss=on_loss,
    )
    try:
        run.begin()
        report(run.progress)
        while not stop.is_set():
            batch = rows.next_batch(until)
            if batch is not None:
                run.deliver(batch)
            elif is_following and run.progress.sequence < until:
                run.wait(POLL_SECONDS)
            else:
                break
    except SinkSchemaMismatch as error:
        raise ArchiveFault("SINK_SCHEMA", str(error)) from None
    except SinkRefused as error:
        raise ArchiveFault("SINK_REFUSED", str(error)) from None
    except SinkUnavailable as error:
        raise ArchiveFault("SINK_UNAVAILABLE", str(error)) from None
    finally:
        sink.close()
    return run.progress


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run's way between the journal and the sink."""

    rows: SinkRows
    sink: HistorySink
    stop: threading.Event
    attempts_max: int
    wait: Callable[[float], object]
    backoff: Backoff
    report: Callable[[SinkProgress], None]
    on_loss: Callable[[str], None]
    progress: SinkProgress = field(default_factory=SinkProgress)

    def begin(self) -> None:
        """Ask the sink where it stands, and stand there."""
        self.sink.open(self.rows.tables)
        mark = self.sink.high_water()
        self.rows.stand_behind(mark)
        self.progress.sequence = mark.sequence if mark else 0

    def deliver(self, batch: SinkBatch) -> None:
        """Until it is there. A stop while the sink is away leaves it to the next run."""
        while not self.stop.is_set():
            try:
                self.sink.write(batch)
            except SinkUnavailable as error:
                mark = self._mark_after(error)
                if self.stop.is_set():
                    return
                if mark != batch.mark:  # else the answer was lost and not the rows
                    if mark == batch.after:
                        continue
                    self.rows.stand_behind(mark)  # the server lost what it had called durable
                    self.progress.sequence = mark.sequence if mark else 0
                    return
            self._note(batch)
            return

    def _mark_after(self, error: SinkUnavailable) -> SinkMark | None:
        """Where the sink stands once it is back."""
        while not self.stop.is_set():
            if self.attempts_max and self.backoff.failures >= self.attempts_max:
                raise error
            self.on_loss(str(error))
            self.sink.close()
            self.wait(self.backoff.next_s())
            try:
                self.sink.open(self.rows.tables)
                return self.sink.high_water()
            except SinkUnavailable as again:
                error = again
            finally:
                self.progress.reconnects += 1
        return None

    def _note(self, batch: SinkBatch) -> None:
        self.backoff.reset()
        self.progress.sequence = batch.mark.sequence
        self.progress.batches += 1
        self.progress.rows += sum(len(each) for each in batch.rows.values())
        self.report(self.progress)
