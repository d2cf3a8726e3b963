"""What risk watches say of themselves, as metrics: read from their status files. One that was
killed left its file, so its age grows until somebody notices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gateway.analytics.watch_status import WatchStatus

__all__ = ["RISK_WATCH_METRICS", "risk_watch_metrics"]

RISK_WATCH_METRICS: Mapping[str, tuple[bool, str]] = {
    "gateway_risk_watch_look_age_seconds": (False, "Since the last look that succeeded."),
    "gateway_risk_watch_look_seconds": (False, "How long the last look and its commands took."),
    "gateway_risk_watch_lag_records": (False, "Records the journal was ahead at the last look."),
    "gateway_risk_watch_failing": (False, "1 while its last turn failed in a part."),
    "gateway_risk_watch_reduced": (False, "Level entities it holds reduced."),
    "gateway_risk_watch_unjudged": (False, "Limits of greeks that say nothing now."),
    "gateway_risk_watch_looks": (True, "Looks since it began, those that failed among them."),
    "gateway_risk_watch_commands": (True, "Commands the gateway took from it since it began."),
    "gateway_risk_watch_failures": (True, "Failures since it began."),
}


def risk_watch_metrics(watches: Sequence[WatchStatus], now_ns: int) -> Iterator[Metric]:
    """One sample an actor; before its first look that succeeded the age counts from its start."""
    rows = {each.actor: _row(each, now_ns) for each in watches}
    for name, (is_counter, told) in RISK_WATCH_METRICS.items():
        kind = CounterMetricFamily if is_counter else GaugeMetricFamily
        family = kind(name, told, labels=["actor"])
        for actor, row in rows.items():
            if (value := row[name]) is not None:
                family.add_metric([actor], value)
        yield family


def _row(status: WatchStatus, now_ns: int) -> dict[str, float | None]:
    return {
        "gateway_risk_watch_look_age_seconds":
            max(0, now_ns - (status.looked_ns or status.began_ns)) / 1e9,
        "gateway_risk_watch_look_seconds": status.look_ns / 1e9 if status.looked_ns else None,
        "gateway_risk_watch_lag_records": status.lag_records,
        "gateway_risk_watch_failing": float(status.is_failing),
        "gateway_risk_watch_reduced": len(status.reduced),
        "gateway_risk_watch_unjudged": status.unjudged,
        "gateway_risk_watch_looks": status.looks,
        "gateway_risk_watch_commands": status.commands,
        "gateway_risk_watch_failures": status.failures,
    }  # fmt: skip
