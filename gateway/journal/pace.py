"""How fast and how far a replay goes: as fast as it can, in the time in which it happened, or a
multiple of that; to a sequence or to an instant. Never changes what is applied."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["FOREVER", "Pace"]

FOREVER = 2**63 - 1
RECORDS_PER_STEP = 65536
TIME_OFFSET = 24  # of time_ns in a record's header (docs/reference/journal_format.md)


@dataclass(frozen=True, slots=True)
class Pace:
    """`speed` 0 = as fast as possible, 1 = as it happened. `sleep` takes seconds."""

    until_sequence: int = FOREVER
    until_time_ns: int = FOREVER
    speed: float = 0.0
    sleep: Callable[[float], None] = lambda seconds: None

    def targets(
        self, native: Any, directory: Path, ring_directory: str, first: int
    ) -> Iterator[int]:
        """Sequences to apply up to, one after another, each when its time has come."""
        if self.until_time_ns == FOREVER and not self.speed:
            sequence = first - 1
            while sequence < self.until_sequence:
                sequence = min(sequence + RECORDS_PER_STEP, self.until_sequence)
                yield sequence
            return
        yield from self._timed_targets(native.Reader(str(directory), ring_directory, first))

    def _timed_targets(self, reader: Any) -> Iterator[int]:
        reached, before_ns = 0, 0
        while batch := reader.read(1024):
            for sequence, record in batch:
                (time_ns,) = struct.unpack_from("<q", record, TIME_OFFSET)
                if sequence > self.until_sequence or time_ns > self.until_time_ns:
                    yield reached
                    return
                if self.speed and before_ns and time_ns > before_ns:
                    yield reached
                    self.sleep((time_ns - before_ns) / 1e9 / self.speed)
                reached, before_ns = sequence, time_ns
            yield reached
