"""What a measurement file says at one moment. Reads any file, of a running daemon or a dead one;
a file that is not whole is refused, never guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway._core.telemetry import FILE_NAME, Histogram, MeasurementFile

__all__ = ["FILE_NAME", "MeasurementReader", "Queue", "Reading", "Stage"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `histogram` holds what was sampled: one operation in `sampled_one_in`."""

    name: str
    writer: str
    kind: Literal["work", "wait", "span"]
    parent: str
    sampled_one_in: int
    histogram: Histogram

    @property
    def total_ns(self) -> float:
        """Time of all operations, the ones not sampled included."""
        return self.histogram.sum_ns * self.sampled_one_in


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue, in its unit. From `threshold` on it counts as full."""

    name: str
    unit: str
    drained_by: str
    capacity: int
    threshold: int
    depth: int
    depth_max: int
    above_ns: int
    samples: int
    updated_ns: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything of one file at `read_ns` (monotonic clock)."""

    process_id: int
    instance: int
    created_ns: int
    updated_ns: int
    read_ns: int
    stages: dict[str, Stage]
    queues: dict[str, Queue]

    def since(self, before: Reading) -> Reading:
        """The same with histograms of what came after `before`."""
        stages = {
            name: Stage(
                name,
                stage.writer,
                stage.kind,
                stage.parent,
                stage.sampled_one_in,
                stage.histogram.since(before.stages[name].histogram),
            )
            for name, stage in self.stages.items()
            if name in before.stages
        }
        return Reading(
            self.process_id,
            self.instance,
            self.created_ns,
            self.updated_ns,
            self.read_ns,
            stages,
            self.queues,
        )


class MeasurementReader:
    """Reads RINGDIR/measurement.map again and again; follows the daemon to a new file."""

    def __init__(self, ring_directory: Path) -> None:
        self.path = ring_directory / FILE_NAME
        self._file: MeasurementFile | None = None

    def read(self) -> Reading:
        """What the file holds now. Raises FileNotFoundError, or ValueError for a refused file."""
        if self._file is None or self._file.is_replaced():
            if not self.path.exists():
                raise FileNotFoundError(str(self.path))
            self._file = MeasurementFile(str(self.path))
        found = self._file.read()
        stages = [Stage(**row) for row in found.pop("stages")]
        queues = [Queue(**row) for row in found.pop("queues")]
        return Reading(
            **found,
            stages={stage.name: stage for stage in stages},
            queues={queue.name: queue for queue in queues},
        )

    def try_read(self) -> Reading | None:
        """As read(); None where there is nothing to read."""
        try:
            return self.read()
        except (OSError, ValueError):
            return None
