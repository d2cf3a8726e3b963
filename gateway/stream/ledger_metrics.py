"""What the observer's books say of themselves, as metrics. Read from their last step; must never
touch the ledger, which belongs to its own thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gateway.stream.books import BooksStep

__all__ = ["LEDGER_METRICS", "ledger_metrics"]

LEDGER_METRICS: Mapping[str, tuple[bool, str]] = {
    "gateway_ledger_up": (False, "1 while the books stand where the view does."),
    "gateway_ledger_sequence": (False, "Sequence of the newest record in the books."),
    "gateway_ledger_lag_records": (False, "Records the view is ahead of the books."),
    "gateway_ledger_posted": (True, "Records that moved money in the books."),
    "gateway_ledger_unbooked": (True, "Records that could not be booked exactly, by reason."),
    "gateway_ledger_trial_balance_nonzero": (False, "1 while the accounts add up to no zero."),
}


def ledger_metrics(step: BooksStep, sequence: int) -> Iterator[Metric]:
    """`sequence`: where the view stands. Without books only `up` has a sample."""
    yield _gauge("gateway_ledger_up", float(step.state == "following"))
    if step.is_balanced is None:
        return
    yield _gauge("gateway_ledger_sequence", step.sequence)
    yield _gauge("gateway_ledger_lag_records", max(0, sequence - step.sequence))
    yield _gauge("gateway_ledger_trial_balance_nonzero", float(not step.is_balanced))
    posted = "gateway_ledger_posted"
    yield CounterMetricFamily(posted, LEDGER_METRICS[posted][1], value=step.posted)
    unbooked = "gateway_ledger_unbooked"
    family = CounterMetricFamily(unbooked, LEDGER_METRICS[unbooked][1], labels=["reason"])
    for reason, count in sorted(step.unbooked.items()):
        family.add_metric([reason], count)
    yield family


def _gauge(name: str, value: float) -> Metric:
    return GaugeMetricFamily(name, LEDGER_METRICS[name][1], value=value)
