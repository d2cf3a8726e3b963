"""What the live daemon counts about its venues and their adapters, as metrics. Read from the
counters file; must never ask a venue, an adapter or the daemon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

__all__ = ["VENUE_METRICS", "VENUE_PREFIX", "venue_metrics"]

# `venue:VENUE:NAME` in the counters file, NAME as gateway.venues.health writes it.
VENUE_PREFIX = "venue:"
VENUE_METRICS: Mapping[str, tuple[bool, str]] = {
    "gateway_venue_reconciled": (False, "1 while new orders may flow to a venue."),
    "gateway_venue_events": (True, "What the runtime counted about a venue, by event."),
    "gateway_venue_outcomes": (True, "What a venue said of orders, by outcome."),
    "gateway_venue_rejects": (True, "Orders a venue rejected, by its code."),
    "gateway_venue_requests": (True, "Requests to a venue, by what is known of them."),
    "gateway_venue_reconnects": (True, "Times a line to a venue came back."),
    "gateway_venue_limit_used": (False, "What stands on a limit of a venue now."),
    "gateway_venue_limit_capacity": (False, "What may stand on a limit of a venue."),
    "gateway_venue_banned_seconds": (False, "What is left of a venue's ban."),
    "gateway_venue_clock_offset_seconds": (False, "A venue's clock less the clock of this host."),
    "gateway_venue_adapter_counter": (True, "A counter of an adapter's own, by name."),
}
# Beginning of NAME -> (metric, label of what follows, factor). The first that fits counts.
_WAYS: tuple[tuple[str, str, str, float], ...] = (
    ("reconciled", "gateway_venue_reconciled", "", 1),
    ("counter.", "gateway_venue_events", "event", 1),
    ("outcome.", "gateway_venue_outcomes", "outcome", 1),
    ("reject.", "gateway_venue_rejects", "code", 1),
    ("adapter.requests.", "gateway_venue_requests", "outcome", 1),
    ("adapter.reconnects.", "gateway_venue_reconnects", "line", 1),
    ("adapter.limit_used.", "gateway_venue_limit_used", "limit", 1),
    ("adapter.limit_capacity.", "gateway_venue_limit_capacity", "limit", 1),
    ("adapter.banned_ms", "gateway_venue_banned_seconds", "", 1e-3),
    ("adapter.clock_offset_us", "gateway_venue_clock_offset_seconds", "", 1e-6),
    ("adapter.", "gateway_venue_adapter_counter", "name", 1),
)


def venue_metrics(counters: Mapping[str, int]) -> Iterator[Metric]:
    """One family per metric, also when it has no sample."""
    families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for _, name, label, _ in _WAYS:
        is_counter, text = VENUE_METRICS[name]
        labels = ["venue", label] if label else ["venue"]
        make = CounterMetricFamily if is_counter else GaugeMetricFamily
        families[name] = make(name, text, labels=labels)
    for key, value in sorted(counters.items()):
        if key.startswith(VENUE_PREFIX):
            _add(families, *key.removeprefix(VENUE_PREFIX).partition(":")[::2], value)
    yield from families.values()


def _add(
    families: Mapping[str, CounterMetricFamily | GaugeMetricFamily],
    venue: str,
    name: str,
    value: int,
) -> None:
    for beginning, metric, label, factor in _WAYS:
        if name == beginning or (label and name.startswith(beginning)):
            labels = [venue, name.removeprefix(beginning)] if label else [venue]
            families[metric].add_metric(labels, value * factor)
            return
