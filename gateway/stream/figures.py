"""Figures of the observer and of what it follows, each made in one place: a second's columns of
flow, latency and health for the stream, and the answers of /v1/status and /metrics. Event-loop
thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.analytics.exposure import contracts_of
from gateway.analytics.watch_status import read_statuses
from gateway.history.archive_runs import ArchiveRuns
from gateway.journal import Follower, LiveFiles, Row
from gateway.journal.snapshots import SnapshotWriter
from gateway.stream.books import BooksStep
from gateway.stream.conduct import Conduct, ConductLimits
from gateway.stream.flow_stream import FlowColumns
from gateway.stream.health_stream import HealthInput, HealthRows
from gateway.stream.latency_stream import LatencyColumns
from gateway.stream.margin_figures import MarginFigures, MarginNews
from gateway.stream.metrics_page import MetricsSnapshot
from gateway.stream.stream_session import StreamHub
from gateway.stream.view import View
from gateway.telemetry import MeasurementReader, Reading

__all__ = ["FigureSources", "Figures"]


@dataclass(frozen=True, slots=True)
class FigureSources:
    """Where figures are read, and their clocks."""

    ring_directory: Path
    follower: Follower
    live_files: LiveFiles
    snapshots: SnapshotWriter
    archive_runs: ArchiveRuns
    books_step: Callable[[], BooksStep]  # what the books told last
    margin: MarginNews
    monotonic: Callable[[], float]
    clock_ns: Callable[[], int]


class Figures:
    """What is counted, beside the view that shows it."""

    def __init__(
        self, view: View, hub: StreamHub, sources: FigureSources, conduct: ConductLimits
    ) -> None:
        self._view, self._hub, self._sources = view, hub, sources
        self._latency, self._flow = LatencyColumns(), FlowColumns()
        self._health = HealthRows(sources.monotonic)
        self._measurement = MeasurementReader(sources.ring_directory)
        self._conduct = Conduct(conduct, sources.monotonic)

    def tell(self, instruments: Sequence[Row]) -> None:
        """A second's worth into the view: how long stages took, what went to venues, and how
        everything is doing, which always moves."""
        self._conduct.take(dict(self._sources.follower.outcomes))
        measured = self._measurement.try_read()
        self._view.take_latency(self._latency.add(measured, self._sources.clock_ns()))
        self._tell_health(measured)
        self._tell_flow(instruments)
        self._hub.wake()

    def _tell_health(self, measured: Reading | None) -> None:
        view, counters = self._view, self._hub.counters
        engine = self._sources.live_files.counters()
        shown = {
            "lag_ms": round(view.lag_seconds * 1000),
            "sequence": view.followed,
            "reopened": view.reopened,
        }
        totals = {
            "records": view.records_applied,
            "messages": counters.messages,
            "conflated": counters.conflated,
            "cut_off": counters.cut_off,
        }
        queues = {} if measured is None else measured.queues
        books = self._sources.books_step()
        found = HealthInput(
            shown,
            self._lag_records(engine),
            totals,
            counters.clients,
            books,
            engine,
            queues,
            self._margin(),
        )
        view.channels["health"].replace(self._health.rows(found), view.sequence)

    def _tell_flow(self, instruments: Sequence[Row]) -> None:
        view = self._view
        flow = self._flow.take(
            dict(self._sources.follower.outcomes),
            view.channels["fills"].rows.values(),
            contracts_of(instruments),
            view.reopened,
            self._sources.clock_ns(),
        )
        if flow:
            view.channels["flow"].publish(flow, view.sequence, is_valuation=True)

    def status(self) -> dict[str, Any]:
        """The answer of GET /v1/status, without what depends on who asks."""
        view, books = self._view, self._sources.books_step()
        return {
            "state": view.state,
            "reason": view.reason,
            "live": True,
            "ready": view.is_ready,
            "sequence": view.sequence,
            "time_ns": self._sources.clock_ns(),
            "lag_records": self._lag_records(self._sources.live_files.counters()),
            "lag_ms": round(view.lag_seconds * 1000),
            "stream": self._hub.name,
            "books": {
                "state": books.state,
                "reason": books.reason,
                "sequence": books.sequence,
            },
            "clients": self._hub.counters.clients,
        }

    def _margin(self) -> MarginFigures | None:
        """None where the view shows no margin: it would be that of another moment."""
        view = self._view
        is_shown = view.is_ready and not view.channels["margin"].waiting
        return self._sources.margin.figures if is_shown else None

    def _lag_records(self, engine: dict[str, int]) -> int | None:
        if "sequence" in engine:
            return max(0, engine["sequence"] - self._view.followed)
        return 0 if self._view.is_caught_up else None

    def metrics(self) -> MetricsSnapshot:
        """Everything that is counted, for GET /metrics."""
        sources, view, stream = self._sources, self._view, self._hub.counters
        engine = sources.live_files.counters()
        values: dict[str, float | None] = {
            "gateway_observer_up": float(view.is_ready),
            "gateway_observer_sequence": view.sequence,
            "gateway_observer_records_applied": view.records_applied,
            "gateway_observer_lag_records": self._lag_records(engine),
            "gateway_observer_lag_seconds": view.lag_seconds,
            "gateway_observer_reopened": view.reopened,
            "gateway_observer_snapshots_written": sources.snapshots.written,
            "gateway_observer_archive_failures": sources.archive_runs.failures,
            "gateway_observer_journal_faulted": float(bool(sources.follower.health.fault)),
            "gateway_observer_totals_differ": float(bool(sources.follower.health.difference)),
            "gateway_observer_totals_checked": sources.follower.health.checks,
            "gateway_orders_unknown": view.orders_by_state["UNKNOWN"],
            "gateway_conduct_warnings": self._conduct.warnings,
            "gateway_orders_changed": view.channels["orders"].changes_total,
            "gateway_fills_seen": view.fills_seen,
            "gateway_positions_open": view.open_positions,
            "gateway_positions_changed": view.channels["positions"].changes_total,
            "gateway_stream_clients": stream.clients,
            "gateway_stream_messages": stream.messages,
            "gateway_stream_snapshots": stream.snapshots,
            "gateway_stream_conflated_changes": stream.conflated,
            "gateway_stream_clients_cut_off": stream.cut_off,
            "gateway_stream_clients_refused": stream.refused,
        }
        measured = self._measurement.try_read()
        outcomes = dict(sources.follower.outcomes)
        self._conduct.take(outcomes)
        return MetricsSnapshot(
            values,
            dict(view.orders_by_state),
            engine,
            outcomes,
            measured,
            dict(self._conduct.ratios),
            sources.books_step(),
            read_statuses(sources.ring_directory),
            sources.clock_ns(),
            self._margin(),
            dict(sources.margin.changes),
        )
