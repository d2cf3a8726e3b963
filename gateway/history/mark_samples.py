"""Writes down what instruments were worth, now and then: prices that only value are in no record,
so without samples the past has none. Appends text to one file a day; needs no package and never
reads the journal, and a sample that cannot be written holds back nobody."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

from gateway.journal.live_files import LiveFiles
from gateway.market import MarketReader

__all__ = ["MARKS_DIRECTORY", "MarkSampler", "Sample", "day_of", "sampled_marks"]

MARKS_DIRECTORY = "marks"
SAMPLE_MARKS_MAX = 10_000  # of one sample
_SCALE_MAX = 18
_BOUND = Decimal(10**20)
_WHOLE = "."  # ends every line: one that was cut off is none


class Sample(NamedTuple):
    """One price as of a moment. `source`: engine = what positions were valued at, venue = what the
    venue's market data said; `age_ms` is how long before the moment it was told."""

    time_ns: int
    instrument: str
    mark: str
    source: str
    age_ms: int


def day_of(time_ns: int) -> str:
    """Its UTC date."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).date().isoformat()


def sampled_marks(archive: Path) -> Callable[[int], list[Sample]]:
    """What the archive says of an instant. Nothing where nothing was sampled, or without the
    packages that read samples."""

    def marks_of(time_ns: int) -> list[Sample]:
        if not (archive / MARKS_DIRECTORY).is_dir():
            return []
        try:
            from gateway.history.marks import marks_at
        except ModuleNotFoundError:
            return []
        return marks_at(archive, time_ns)

    return marks_of


class MarkSampler:
    """The observer's, in a thread of its own choice; one at a time."""

    def __init__(
        self,
        ring_directory: Path,
        archive: Path,
        clock_ns: Callable[[], int],
        reader: MarketReader | None = None,
        *,
        free_bytes_min: int = 0,
        free_bytes_of: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self._live_files = LiveFiles(ring_directory)
        self._reader = MarketReader(ring_directory) if reader is None else reader
        self._archive = archive
        self._clock_ns = clock_ns
        self._free_bytes_min, self._free_bytes_of = free_bytes_min, free_bytes_of
        self._told: dict[str, tuple[str, int]] = {}  # instrument -> the venue's newest mark

    def write(self) -> int:
        """One sample of everything that has a price; how many prices. OSError: no room."""
        now_ns = self._clock_ns()
        samples = [*self._samples(now_ns)][:SAMPLE_MARKS_MAX]
        if not samples:
            return 0
        text = "".join(",".join(map(str, (*each, _WHOLE))) + "\n" for each in samples)
        place = self._archive / MARKS_DIRECTORY
        place.mkdir(parents=True, exist_ok=True)
        if self._free_bytes_min and self._free_bytes_of(place) < self._free_bytes_min:
            raise OSError(errno.ENOSPC, "less room than history.free_mib_min", str(place))
        _append(place / f"day={day_of(now_ns)}.csv", text.encode())
        return len(samples)

    def _samples(self, now_ns: int) -> Iterator[Sample]:
        for mark in self._live_files.marks_as_told():
            if _is_exact(mark.price) and _is_plain(mark.instrument):
                yield _sample(now_ns, mark.instrument, mark.price, "engine", mark.time_ns)
        self._reader.look()
        for told in self._reader.changes().references:
            if told.mark is not None:
                self._told[told.instrument] = told.mark, told.mark_time_ns
        for instrument, (price, time_ns) in self._told.items():
            if _is_exact(price) and _is_plain(instrument):
                yield _sample(now_ns, instrument, price, "venue", time_ns)


def _sample(now_ns: int, instrument: str, price: str, source: str, told_ns: int) -> Sample:
    age_ms = max(now_ns - told_ns, 0) // 1_000_000
    return Sample(now_ns, instrument, format(Decimal(price), "f"), source, age_ms)


def _is_plain(instrument: str) -> bool:
    """Whether a line holds the name as it is: a quote that was cut off would swallow lines."""
    return instrument.isprintable() and "," not in instrument and '"' not in instrument


def _is_exact(price: str) -> bool:
    """Whether it is above zero and fits DECIMAL(38, 18) without a digit lost."""
    try:
        value = Decimal(price)
    except InvalidOperation:
        return False
    if not value.is_finite() or not 0 < value < _BOUND:
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_SCALE_MAX


def _append(path: Path, data: bytes) -> None:
    """In one call, behind a line end: what a kill cut off before must not swallow a line."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data
        if (written := os.write(descriptor, data)) != len(data):
            rule = f"{written} of {len(data)} bytes were written"
            raise OSError(errno.ENOSPC, rule, str(path))
    finally:
        os.close(descriptor)
