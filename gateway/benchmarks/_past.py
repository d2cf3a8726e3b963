"""A past of any length: rows of positions, as a desk of many books would leave them, through the
archive's own writer, key states and manifests. Only the records themselves are left out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["KEY", "KEYS", "RECORDS_PER_ROW", "build", "merge", "tail"]

RECORDS_PER_ROW = 3  # an order, its acknowledgement, its fill
SEGMENT_ROWS = 100_000  # what 64 MiB of such records leave
_ACCOUNTS, _INSTRUMENTS, _STRATEGIES = 10, 50, 4
KEYS = _ACCOUNTS * _INSTRUMENTS * _STRATEGIES
KEY = {"account": "account-3", "instrument": "COIN17-USDT", "strategy": "strategy-1"}
_BEGIN_NS = 1_763_683_200_000_000_000
_SPAN_NS = 100_000 * 10**9  # a day and a sixth, so that a day is over: 10^8 rows are 1,000 a second


def build(archive: Path, rows: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """At least `rows` rows of KEYS positions, in two segments or more; what that took and what it
    takes on the disk."""
    from gateway.history.catalog import VERSION, Catalog, Manifest
    from gateway.history.key_states import KeyStates
    from gateway.history.segment_files import SegmentFiles
    from gateway.history.written_files import publish_written

    states, catalog = KeyStates.read(archive, None), Catalog(archive)
    segments = max(2, -(-rows // SEGMENT_ROWS))
    row_ns = _SPAN_NS // (segments * SEGMENT_ROWS)
    size, seconds, noted = 0, 0.0, time.monotonic()
    for segment in range(1, segments + 1):
        first = (segment - 1) * SEGMENT_ROWS
        tables = _tables(first, row_ns)
        began = time.perf_counter()
        files = SegmentFiles(archive, segment, _no_step)
        files.write(tables)
        states.take(tables)
        whole = [*files.finish(), *states.write(archive, segment)]
        written = publish_written(archive, whole, _no_step)
        manifest = Manifest(
            version=VERSION,
            segment=segment,
            instance=1,
            seal_sha256="0" * 64,
            segment_bytes=64 << 20,
            first_sequence=first * RECORDS_PER_ROW + 1,
            last_sequence=(first + SEGMENT_ROWS) * RECORDS_PER_ROW,
            first_time_ns=_BEGIN_NS + first * row_ns,
            last_time_ns=_BEGIN_NS + (first + SEGMENT_ROWS) * row_ns - 1,
            files=written,
        )
        catalog.write(manifest, _no_step)
        seconds += time.perf_counter() - began
        size += sum(file.bytes for file in written)
        if time.monotonic() - noted > 10:
            noted = time.monotonic()
            progress(f"history: segment {segment} of {segments}")
    return {
        "rows": segments * SEGMENT_ROWS,
        "segments": segments,
        "keys": KEYS,
        "mib": round(size / 2**20),
        "rows_per_second": round(segments * SEGMENT_ROWS / seconds),
    }


def merge(archive: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    """The first day as one file, and the small ones gone; what that took."""
    from gateway.history.compaction import KEEP_NS, delete_replaced, merge_next_day

    began = time.perf_counter()
    merged = merge_next_day(archive, 0)
    seconds = time.perf_counter() - began
    if merged is None:
        raise RuntimeError(f"bench: no day of {archive} is over")
    delete_replaced(archive, KEEP_NS)
    progress(f"history: {merged.files_before} files of {merged.day} merged")
    return {
        "files_before": merged.files_before,
        "rows": merged.rows,
        "mib": round(merged.bytes / 2**20),
        "rows_per_second": round(merged.rows / seconds),
    }


def tail(sequence: int) -> tuple[dict[str, list[pa.Table]], int]:
    """What one segment more would hold, behind the last archived record; and its last record."""
    first = sequence // RECORDS_PER_ROW
    rows = _tables(first, _SPAN_NS // first)["positions"]
    return {"positions": [rows]}, sequence + SEGMENT_ROWS * RECORDS_PER_ROW


def _no_step(_: str) -> None:
    pass


def _tables(first: int, row_ns: int) -> dict[str, pa.Table]:
    """The rows from number `first` on, of one segment; one every `row_ns`."""
    import pyarrow as pa

    from gateway.history.columns import TABLES, schema_of

    number = np.arange(first, first + SEGMENT_ROWS, dtype=np.int64)
    draw = np.random.default_rng(first)
    # Every book once among KEYS rows, in another order each time round.
    book = (number * 997 + number // KEYS * 31) % KEYS
    account, rest = np.divmod(book, _INSTRUMENTS * _STRATEGIES)
    instrument, strategy = np.divmod(rest, _STRATEGIES)
    sequence = (number * RECORDS_PER_ROW + RECORDS_PER_ROW).astype(np.uint64)
    columns = {
        "sequence": sequence,
        "time_ns": _BEGIN_NS + number * row_ns + draw.integers(0, row_ns // 2, len(number)),
        "event": _words(["order_filled"], 0 * book),
        "order_id": (number + 2**51).astype(np.uint64),
        "venue": _words(["okx", "binance"], instrument % 2),
        "instrument": _words([f"COIN{n}-USDT" for n in range(_INSTRUMENTS)], instrument),
        "account": _words([f"account-{n}" for n in range(_ACCOUNTS)], account),
        "strategy": _words([f"strategy-{n}" for n in range(_STRATEGIES)], strategy),
        "leg": _words(["net"], 0 * book),
        "margin_mode": _words(["cross"], 0 * book),
        "quantity_scale": np.full(len(number), 3, np.uint8),
        "quantity_mantissa": draw.integers(-(10**6), 10**6, len(number)),
        "cost": _money(draw.integers(-(10**12), 10**12, len(number)), 10**12),
        "realised": _money(draw.integers(-(10**9), 10**9, len(number)), 10**12),
        "fees": _money(number, 10**12),
        "currency": _words(["USDT"], 0 * book),
        "fills": (number // KEYS + 1).astype(np.uint32),
        "state": _words(["open", "flat"], draw.integers(0, 2, len(number))),
    }
    schema = schema_of("positions")
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, schema.field(name).type)
        for name, column in columns.items()
    ]
    empty = {table: schema_of(table).empty_table() for table in TABLES}
    return empty | {"positions": pa.Table.from_arrays(arrays, schema=schema)}


def _words(words: list[str], places: Any) -> pa.DictionaryArray:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), pa.array(words))


def _money(units: Any, unit_e18: int) -> pa.Array:
    """So many units as 128 bits at 10^-18; units and a unit up to 10^12."""
    import pyarrow as pa

    from gateway.history.columns import MONEY

    # value = top * 2^21 + bottom, each product within 64 bits.
    top, bottom = (units >> 21) * unit_e18, (units & (2**21 - 1)) * unit_e18
    low = (top.astype(np.uint64) << np.uint64(21)) + bottom.astype(np.uint64)
    carried = low < bottom.astype(np.uint64)
    words = np.empty((len(units), 2), np.int64)
    words[:, 0] = low.view(np.int64)
    words[:, 1] = (top >> 43) + carried
    return pa.Array.from_buffers(MONEY, len(units), [None, pa.py_buffer(words)])
