"""Stages of the live process as columns of a heat map: how many operations took how long since the
column before. Read from the measurement file; must never ask the live process."""

from __future__ import annotations

from collections import deque
from typing import Any

from gateway.journal import Row
from gateway.stream.channels import key_of
from gateway.telemetry import Reading

__all__ = ["LatencyColumns"]

# Upper edges in microseconds: 1, 2, 5 of every power of ten from 0.1 us to 10 s; then no edge.
BUCKETS_US: tuple[float, ...] = (
    *(float(f"{digit}e{power}") for power in range(-1, 7) for digit in (1, 2, 5)),
    1e7,
)
NO_EDGE = "inf"
COLUMNS_MAX = 120  # two minutes at one a second: what fits beside each other on a screen


class LatencyColumns:
    """Makes a column of each reading and forgets the oldest. Event-loop thread only."""

    def __init__(self, columns_max: int = COLUMNS_MAX) -> None:
        self._columns: deque[tuple[str, ...]] = deque()
        self._columns_max = columns_max
        self._before: Reading | None = None
        self._worst: dict[str, float] = {}

    def add(self, reading: Reading | None, time_ns: int) -> dict[str, Row | None]:
        """Rows that are new, and None for those of a column that is gone. A stage where nothing
        happened has no row in the column."""
        before, self._before = self._before, reading
        if reading is None or before is None or _run(reading) != _run(before):
            self._worst.clear()
            return {}
        rows = {
            key_of("latency", row): row
            for name in reading.stages
            if name in before.stages
            for row in self._stage(name, before, reading, time_ns)
        }
        if not rows:
            return {}
        self._columns.append(tuple(rows))
        changed: dict[str, Row | None] = dict(rows)
        while len(self._columns) > self._columns_max:
            changed.update(dict.fromkeys(self._columns.popleft()))
        return changed

    def _stage(
        self, name: str, before: Reading, reading: Reading, time_ns: int
    ) -> list[dict[str, Any]]:
        now = reading.stages[name].histogram
        histogram = now.since(before.stages[name].histogram)
        rows: list[dict[str, Any]] = []
        below = 0
        for edge in (*BUCKETS_US, None):
            count = histogram.count if edge is None else histogram.count_up_to(edge * 1e3)
            if count > below:
                shown = NO_EDGE if edge is None else f"{edge:g}"
                rows.append(
                    {
                        "stage": name,
                        "bucket_us": shown,
                        "count": count - below,
                        "worst_order_id": None,
                        "time_ns": time_ns,
                    }
                )
            below = max(below, count)
        # The longest since the daemon began is named in the column in which it happened.
        if rows and now.max_ns > self._worst.get(name, before.stages[name].histogram.max_ns):
            rows[-1]["worst_order_id"] = str(now.worst_tag) if now.worst_tag else None
        self._worst[name] = now.max_ns
        return rows


def _run(reading: Reading) -> tuple[int, int]:
    return reading.process_id, reading.created_ns
