"""GET /metrics: Prometheus text of everything the observer counts, through one collector that reads
a snapshot. Every name has its paragraph in docs/reference/metrics.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

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
    "gateway_orders_by_state": (False, "Orders in the stream's view, by state."),
    "gateway_orders_unknown": (False, "Orders whose outcome at the venue is not known."),
    "gateway_orders_changed": (True, "Order changes seen."),
    "gateway_fills_seen": (True, "Fills seen as a rise of an order's filled quantity."),
    "gateway_positions_open": (False, "Positions with a quantity other than zero."),
    "gateway_positions_changed": (True, "Position changes seen."),
    "gateway_stream_clients": (False, "Connected stream clients."),
    "gateway_stream_messages": (True, "Messages sent to stream clients."),
    "gateway_stream_snapshots": (True, "Snapshots sent to stream clients."),
    "gateway_stream_conflated_changes": (True, "Changes a client got only as a later row."),
    "gateway_stream_clients_cut_off": (True, "Clients cut off because they did not read."),
    "gateway_stream_clients_refused": (True, "Clients refused because too many were connected."),
    "gateway_engine_counter": (False, "A counter of the live daemon, by name."),
}
METRIC_NAMES: frozenset[str] = frozenset(
    f"{name}_total" if is_counter else name for name, (is_counter, _) in METRICS.items()
)


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """Plain values by metric name; None = not known, so not exported."""

    values: Mapping[str, float | None]
    orders_by_state: Mapping[str, int] = field(default_factory=dict)
    engine: Mapping[str, int] = field(default_factory=dict)


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
        yield _labelled("gateway_engine_counter", "name", snapshot.engine)
        for name, value in snapshot.values.items():
            if value is not None:
                yield _plain(name, value)


def _plain(name: str, value: float) -> Metric:
    is_counter, help_text = METRICS[name]
    if is_counter:
        return CounterMetricFamily(name, help_text, value=value)
    return GaugeMetricFamily(name, help_text, value=value)


def _labelled(name: str, label: str, values: Mapping[str, int]) -> Metric:
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
