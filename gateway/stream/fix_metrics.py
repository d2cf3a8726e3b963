"""What the live daemon counts about its FIX counterparties, as metrics. Read from the counters
file; must never ask a session or the daemon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

__all__ = ["FIX_METRICS", "FIX_PREFIX", "fix_metrics"]

# `fix:SESSION:NAME` in the counters file; of the door itself the session is empty.
FIX_PREFIX = "fix:"
FIX_METRICS: Mapping[str, tuple[bool, str]] = {
    "gateway_fix_session_up": (False, "1 while a FIX counterparty is logged on."),
    "gateway_fix_messages": (True, "Messages of a FIX session, by direction."),
    "gateway_fix_events": (True, "What a FIX session counted, by event."),
    "gateway_fix_connections": (False, "Lines to the FIX door, logged on or not."),
    "gateway_fix_door_events": (True, "What the FIX door counted, by event."),
}
_DIRECTIONS = {"received": "in", "sent": "out", "resent": "resent"}


def fix_metrics(counters: Mapping[str, int]) -> Iterator[Metric]:
    """One family per metric, also when it has no sample."""
    up = _gauge("gateway_fix_session_up", "session")
    messages = _counter("gateway_fix_messages", "session", "direction")
    events = _counter("gateway_fix_events", "session", "event")
    connections = _gauge("gateway_fix_connections")
    door = _counter("gateway_fix_door_events", "event")
    for key, value in sorted(counters.items()):
        if not key.startswith(FIX_PREFIX):
            continue
        session, _, name = key.removeprefix(FIX_PREFIX).partition(":")
        if session and name == "logged_on":
            up.add_metric([session], value)
        elif session and name in _DIRECTIONS:
            messages.add_metric([session, _DIRECTIONS[name]], value)
        elif session:
            events.add_metric([session, name], value)
        elif name == "connections":
            connections.add_metric([], value)
        else:
            door.add_metric([name], value)
    yield from (up, messages, events, connections, door)


def _gauge(name: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, FIX_METRICS[name][1], labels=labels)


def _counter(name: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, FIX_METRICS[name][1], labels=labels)
