"""Margin as metrics: what the observer's own estimate says of all accounts together. What is not
known has no sample and is never 0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gateway.stream.margin_figures import MarginFigures

__all__ = ["MARGIN_METRICS", "margin_metrics"]

ACCOUNTS = "gateway_margin_accounts"
RATIO = "gateway_margin_ratio_max"
DISTANCE = "gateway_liquidation_distance_percent_min"
CHANGES = "gateway_margin_state_changes"
MARGIN_METRICS: Mapping[str, tuple[bool, str]] = {
    ACCOUNTS: (False, "Accounts and currencies on margin, by state."),
    RATIO: (False, "Highest margin ratio of an account or an isolated position."),
    DISTANCE: (False, "How far the nearest liquidation price is from its mark."),
    CHANGES: (True, "Margin states that began, by state."),
}


def margin_metrics(figures: MarginFigures | None, changes: Mapping[str, int]) -> Iterator[Metric]:
    """`figures` None: margin is not known now; `changes`: counts by the state that began."""
    family = CounterMetricFamily(CHANGES, MARGIN_METRICS[CHANGES][1], labels=["state"])
    for state, count in changes.items():
        family.add_metric([state], count)
    yield family
    if figures is None:
        return
    states = GaugeMetricFamily(ACCOUNTS, MARGIN_METRICS[ACCOUNTS][1], labels=["state"])
    for state, count in figures.states.items():
        states.add_metric([state], count)
    yield states
    for name, value in ((RATIO, figures.ratio_max), (DISTANCE, figures.distance_percent_min)):
        if value is not None:
            yield GaugeMetricFamily(name, MARGIN_METRICS[name][1], value=value)
