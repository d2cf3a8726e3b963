"""The history part of the observe bench: rows into Parquet, and the past asked for. Measures the
archiver's own code over a journal the native bench wrote."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from gateway.benchmarks import _place

__all__ = ["measure"]

_RECORDS = 1_500_000
_ROWS = 2_000_000
_ROUNDS = 15
_BURST_BYTES_PER_SECOND = 20 * 100e9 / 86_400  # 100 GB a day, twenty times over: 23.1 MB/s
Progress = Callable[[str], None]


def measure(progress: Progress, *, is_quick: bool = False) -> dict[str, Any]:
    """{parquet_rows_per_second, archive, archive_to_burst, as_of_ms{one_key, all_keys}}; {} without
    the extra."""
    try:
        import duckdb  # noqa: F401
        import pyarrow  # noqa: F401
    except ModuleNotFoundError:
        return {}
    from gateway._core import bench as native

    records = int(_RECORDS * _place.scale_of(is_quick))
    with _place.place("history", progress, is_quick=is_quick) as place:
        native.follow_and_book(place, records, False)
        directory = Path(place.directory)
        archive = directory / "history"
        result: dict[str, Any] = {
            "parquet_rows_per_second": _parquet(directory, is_quick),
            "archive": _archive(directory, archive),
            "as_of_ms": _as_of(directory, archive),
        }
        taken = result["archive"].get("segment_mib_per_second")
        if taken is not None:
            result["archive_to_burst"] = round(taken * 2**20 / _BURST_BYTES_PER_SECOND, 2)
        return result


def _parquet(directory: Path, is_quick: bool) -> int:
    """Rows of positions into one synced file, by the archiver's own writer."""
    import pyarrow as pa

    from gateway.history.archive import BATCH_ROWS, open_extractor, refusal_words
    from gateway.history.columns import tables_of
    from gateway.history.segment_files import SegmentFiles
    from gateway.history.written_files import publish_written

    extractor = open_extractor(directory, directory, 0)
    found = extractor.extract(2**62, BATCH_ROWS)
    rows = tables_of(found, extractor.names(), refusal_words())["positions"]
    wanted = int(_ROWS * _place.scale_of(is_quick))
    batches = max(1, wanted // rows.num_rows)
    began = time.perf_counter()
    files = SegmentFiles(directory / "rows", 1, lambda _: None)
    for _ in range(batches):
        files.write({"positions": pa.table(rows.columns, schema=rows.schema)})
    publish_written(directory / "rows", files.finish(), lambda _: None)
    written: int = batches * rows.num_rows
    return round(written / (time.perf_counter() - began))


def _archive(directory: Path, archive: Path) -> Mapping[str, Any]:
    """Sealed segments to files, with everything: reading, applying, checking, syncing."""
    from gateway.history.archive import Archiver

    archiver = Archiver(directory, archive)
    rows = records = segment_bytes = file_bytes = 0
    began = time.perf_counter()
    while done := archiver.step():
        rows += done.rows
        records += done.records
        segment_bytes += done.segment_bytes
        file_bytes += done.file_bytes
    seconds = time.perf_counter() - began
    if not rows:  # a short journal has no sealed segment
        return {"rows": 0, "records": 0}
    archiver.close()
    return {
        "rows": rows,
        "records": records,
        "rows_per_second": round(rows / seconds),
        "segment_mib_per_second": round(segment_bytes / seconds / 2**20, 1),
        "ratio": round(segment_bytes / file_bytes, 1),
    }


def _as_of(directory: Path, archive: Path) -> dict[str, float]:
    """Warm, in ms: one position, and all positions, somewhere within the archived past."""
    from gateway.history.queries import History, Moment
    from gateway.history.views import Views

    views = Views(directory, archive)
    history = History(views)
    moment = Moment(sequence=views.sequence * 2 // 3)
    key = history.as_of("positions", moment).rows[0]
    one = {name: str(key[name]) for name in ("account", "instrument", "strategy")}
    figures = {}
    for name, filters in (("one_key", one), ("all_keys", {})):
        taken = []
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            history.as_of("positions", moment, filters)
            taken.append((time.perf_counter() - began) * 1000)
        figures[name] = round(median(taken), 2)
    views.close()
    return figures
