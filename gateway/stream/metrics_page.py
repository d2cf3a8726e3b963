"""GET /metrics: Prometheus text of everything the observer counts, through one collector that reads
a snapshot. Every name has its paragraph in docs/reference/metrics.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.analytics.watch_status import WatchStatus
from gateway.stream.books import BooksStep
from gateway.stream.fix_metrics import FIX_METRICS, FIX_PREFIX, fix_metrics
from gateway.stream.flow_stream import REFUSED
from gateway.stream.ledger_metrics import LEDGER_METRICS, ledger_metrics
from gateway.stream.margin_figures import MarginFigures
from gateway.stream.margin_metrics import MARGIN_METRICS, margin_metrics
from gateway.stream.risk_watch_metrics import RISK_WATCH_METRICS, risk_watch_metrics
from gateway.stream.venue_metrics import VENUE_METRICS, VENUE_PREFIX, venue_metrics
from gateway.telemetry import Queue, Reading

__all__ = ["METRIC_NAMES", "MetricsPage", "MetricsSnapshot"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# name -> (is a counter, one sentence). Counters are exported with the suffix _total.
METRICS: Mapping[str, tuple[bool, str]] = {
    "gateway_observer_up": (False, "1 while the observer holds a journal."),
    "gateway_observer_sequence": (False, "Sequence of the newest record applied."),
    "gateway_observer_records_applied": (True, "Records applied by the observer."),
    "gateway_observer_lag_records": (False, "Records the journal is ahead, as far as known."),
    "gateway_observer_lag_seconds": (False, "Time since the observer last was at the end."),
    "gateway_observer_reopened": (True, "Times the journal had to be opened."),
    "gateway_observer_snapshots_written": (True, "Snapshots written after sealed segments."),
    "gateway_observer_archive_failures": (True, "Runs of the archive and samples that failed."),
    "gateway_orders_by_state": (False, "Orders in the stream's view, by state."),
    "gateway_observer_journal_faulted": (False, "1 while a part of the journal cannot be read."),
    "gateway_observer_totals_differ": (False, "1 while a running total is not its sum."),
    "gateway_observer_totals_checked": (True, "Times that all running totals were added up."),
    "gateway_orders_unknown": (False, "Orders whose outcome at the venue is not known."),
    "gateway_orders_changed": (True, "Order changes seen."),
    "gateway_fills_seen": (True, "Fills seen as a rise of an order's filled quantity."),
    "gateway_positions_open": (False, "Positions with a quantity other than zero."),
    "gateway_positions_changed": (True, "Position changes seen."),
    "gateway_order_outcomes": (True, "What happened to orders, by strategy, venue and order type."),
    "gateway_conduct_ratio": (False, "How a strategy trades in the newest window, by ratio."),
    "gateway_conduct_warnings": (True, "Times a ratio rose above where it warns."),
    "gateway_cache_events": (True, "Cache events of the engine's thread, by event."),
    "gateway_cache_events_available": (False, "1 where the kernel lets this event be counted."),
    "gateway_clock_ahead_seconds": (False, "Journal time less the clock of this host."),
    "gateway_route_rules_missed": (True, "Orders whose prepared rules were not at hand."),
    "gateway_stream_clients": (False, "Connected stream clients."),
    "gateway_stream_messages": (True, "Messages sent to stream clients."),
    "gateway_stream_snapshots": (True, "Snapshots sent to stream clients."),
    "gateway_stream_conflated_changes": (True, "Changes a client got only as a later row."),
    "gateway_stream_clients_cut_off": (True, "Clients cut off because they did not read."),
    "gateway_stream_clients_refused": (True, "Clients refused because too many were connected."),
    "gateway_engine_counter": (False, "A counter of the live daemon, by name."),
    **VENUE_METRICS,
    **FIX_METRICS,
    **LEDGER_METRICS,
    **MARGIN_METRICS,
    **RISK_WATCH_METRICS,
    "gateway_stage_worst_seconds": (False, "Longest duration of a stage since the daemon began."),
    "gateway_stage_sampled_one_in": (False, "Mean number of operations per measured one."),
    "gateway_queue_depth": (False, "What waits in a queue now, in the queue's unit."),
    "gateway_queue_depth_max": (False, "The most that waited since the daemon began."),
    "gateway_queue_capacity": (False, "What the queue can hold."),
    "gateway_queue_above_threshold_seconds": (True, "Time a queue spent at three quarters."),
}
# Names in the daemon's counters file that begin so are events of the processor; a value of
# UNAVAILABLE says that the kernel does not let them be counted.
CACHE_EVENT_PREFIX = "cache_event_"
UNAVAILABLE = -1
STAGE_SECONDS = "gateway_stage_seconds"
STAGE_SECONDS_HELP = "Durations of a stage; where sampled, of the sample."
# Upper edges in seconds: 1, 2.5, 5 of every power of ten from 50 ns to 10 s.
STAGE_BOUNDS: tuple[float, ...] = (
    *(float(f"{digit}e{power}") for power in range(-8, 1) for digit in (1, 2.5, 5)),
    10.0,
)[2:]
METRIC_NAMES: frozenset[str] = frozenset(
    f"{name}_total" if is_counter else name for name, (is_counter, _) in METRICS.items()
) | {f"{STAGE_SECONDS}_{end}" for end in ("bucket", "count", "sum")}


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """Plain values by metric name; None = not known, so not exported."""

    values: Mapping[str, float | None]
    orders_by_state: Mapping[str, int] = field(default_factory=dict)
    engine: Mapping[str, int] = field(default_factory=dict)
    # (strategy, venue, order type, what happened)
    outcomes: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
    measurement: Reading | None = None
    # (strategy, ratio)
    conduct: Mapping[tuple[str, str], float] = field(default_factory=dict)
    books: BooksStep | None = None
    # With the time of the snapshot, wall ns.
    watches: Sequence[WatchStatus] = ()
    now_ns: int = 0
    margin: MarginFigures | None = None
    # Margin states that began, by state.
    margin_changes: Mapping[str, int] = field(default_factory=dict)


class ObserverCollector(Collector):
    """The one collector. Called per scrape, on the event-loop thread."""

    def __init__(self, take_snapshot: Callable[[], MetricsSnapshot]) -> None:
        self._take_snapshot = take_snapshot

    def describe(self) -> Iterator[Metric]:
        """Nothing, so that registering does not take a snapshot."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        snapshot = self._take_snapshot()
        yield _labelled("gateway_orders_by_state", "state", snapshot.orders_by_state)
        plain = {
            name: value
            for name, value in snapshot.engine.items()
            if not name.startswith((CACHE_EVENT_PREFIX, VENUE_PREFIX, FIX_PREFIX))
        }
        yield from venue_metrics(snapshot.engine)
        yield from fix_metrics(snapshot.engine)
        yield _labelled("gateway_engine_counter", "name", plain)
        yield _outcomes(snapshot.outcomes)
        yield _conduct(snapshot.conduct)
        yield from _cache(snapshot.engine)
        if "clock_ahead_ns" in snapshot.engine:
            yield _plain("gateway_clock_ahead_seconds", snapshot.engine["clock_ahead_ns"] / 1e9)
        if snapshot.books is not None:
            sequence = snapshot.values.get("gateway_observer_sequence") or 0
            yield from ledger_metrics(snapshot.books, int(sequence))
        yield from margin_metrics(snapshot.margin, snapshot.margin_changes)
        yield from risk_watch_metrics(snapshot.watches, snapshot.now_ns)
        if snapshot.measurement is not None:
            yield from _stages(snapshot.measurement)
            yield from _queues(snapshot.measurement.queues)
        for name, value in snapshot.values.items():
            if value is not None:
                yield _plain(name, value)


def _plain(name: str, value: float) -> Metric:
    is_counter, help_text = METRICS[name]
    if is_counter:
        return CounterMetricFamily(name, help_text, value=value)
    return GaugeMetricFamily(name, help_text, value=value)


def _stages(reading: Reading) -> Iterator[Metric]:
    family = HistogramMetricFamily(STAGE_SECONDS, STAGE_SECONDS_HELP, labels=["stage"])
    for name, stage in reading.stages.items():
        histogram = stage.histogram
        counts = [(repr(bound), histogram.count_up_to(bound * 1e9)) for bound in STAGE_BOUNDS]
        counts.append(("+Inf", histogram.count))
        family.add_metric([name], counts, sum_value=histogram.sum_ns / 1e9)
    yield family
    worst = {name: stage.histogram.max_ns / 1e9 for name, stage in reading.stages.items()}
    yield _labelled("gateway_stage_worst_seconds", "stage", worst)
    sampling = {name: stage.sampled_one_in for name, stage in reading.stages.items()}
    yield _labelled("gateway_stage_sampled_one_in", "stage", sampling)


def _queues(queues: Mapping[str, Queue]) -> Iterator[Metric]:
    depths = {name: queue.depth for name, queue in queues.items()}
    yield _labelled("gateway_queue_depth", "queue", depths)
    highest = {name: queue.depth_max for name, queue in queues.items()}
    yield _labelled("gateway_queue_depth_max", "queue", highest)
    capacities = {name: queue.capacity for name, queue in queues.items()}
    yield _labelled("gateway_queue_capacity", "queue", capacities)
    above = "gateway_queue_above_threshold_seconds"
    family = CounterMetricFamily(above, METRICS[above][1], labels=["queue"])
    for name, queue in sorted(queues.items()):
        family.add_metric([name], queue.above_ns / 1e9)
    yield family


def _outcomes(counts: Mapping[tuple[str, str, str, str], int]) -> Metric:
    name = "gateway_order_outcomes"
    labels = ["strategy", "venue", "type", "outcome"]
    family = CounterMetricFamily(name, METRICS[name][1], labels=labels)
    for key, count in sorted(counts.items()):
        if not key[3].startswith(REFUSED):
            family.add_metric(list(key), count)
    return family


def _conduct(ratios: Mapping[tuple[str, str], float]) -> Metric:
    name = "gateway_conduct_ratio"
    family = GaugeMetricFamily(name, METRICS[name][1], labels=["strategy", "ratio"])
    for key, value in sorted(ratios.items()):
        family.add_metric(list(key), value)
    return family


def _cache(engine: Mapping[str, int]) -> Iterator[Metric]:
    """What the processor counted, where it may, and what the engine's own caches did."""
    events = {
        name.removeprefix(CACHE_EVENT_PREFIX): value
        for name, value in engine.items()
        if name.startswith(CACHE_EVENT_PREFIX)
    }
    counted = {event: value for event, value in events.items() if value != UNAVAILABLE}
    yield _counted("gateway_cache_events", "event", counted)
    available = {event: float(event in counted) for event in events}
    yield _labelled("gateway_cache_events_available", "event", available)
    if "route_rules_missed" in engine:
        yield _plain("gateway_route_rules_missed", engine["route_rules_missed"])


def _counted(name: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, METRICS[name][1], labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def _labelled(name: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, METRICS[name][1], labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


class MetricsPage:
    """Renders the text of one scrape."""

    def __init__(self, take_snapshot: Callable[[], MetricsSnapshot]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(ObserverCollector(take_snapshot))

    def render(self) -> bytes:
        return generate_latest(self._registry)
