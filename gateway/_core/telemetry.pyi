"""Measurement: recording on the event loop, and reading any measurement file. What the file holds:
docs/concepts/measurement.md."""

from typing import Any

FILE_NAME: str
ERROR_SHARE: float  # a percentile is at most this much above the exact one, never below
STAGES: dict[str, int]

class Histogram:
    """Durations at one moment; owned by the reader."""

    def __init__(self) -> None: ...
    def add(self, duration_ns: int, times: int = 1) -> None: ...
    count: int
    sum_ns: float
    mean_ns: float
    max_ns: float
    worst_tag: int  # order id of the longest since the start, 0 = none
    worst_time_ns: int
    def percentile_ns(self, share: float) -> float: ...
    def count_up_to(self, limit_ns: float) -> int: ...
    def merge(self, other: Histogram) -> bool:
        """False, and nothing happens, when the other counts in other ticks."""
    def since(self, before: Histogram) -> Histogram: ...

class Measurement:
    """Where this process records. Calls of the event-loop thread; they never wait."""

    def __init__(self) -> None:
        """In memory of its own; `open` gives it a file."""
    def open(
        self, directory: str, process_id: int = 0, instance: int = 1, created_ns: int = 0
    ) -> None: ...
    def timestamp(self) -> int: ...
    def record(self, stage: int, begin: int, tag: int = 0) -> None: ...
    def record_ns(self, stage: int, duration_ns: int, tag: int = 0) -> None: ...
    def add_gauge(
        self, name: str, unit: str, drained_by: str, capacity: int, threshold: int
    ) -> int: ...
    def set_depth(self, gauge: int, depth: int, now_ns: int) -> None: ...
    def calibrate(self) -> None:
        """About once a second."""

class MeasurementFile:
    """Another process's file, mapped read-only. Raises ValueError("BAD_FILE ...") when refused."""

    def __init__(self, path: str) -> None: ...
    def read(self) -> dict[str, Any]:
        """{process_id, instance, created_ns, updated_ns, read_ns, stages: [{name, writer, kind,
        parent, sampled_one_in, histogram}], queues: [{name, unit, drained_by, capacity, threshold,
        depth, depth_max, above_ns, samples, updated_ns}]}"""
    def is_replaced(self) -> bool: ...
