"""The Parquet files one segment goes into: how rows are encoded and in which groups, and how a file
gets its name. Writes into the archive alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gateway.history.columns import MONEY, TABLES, TEXT, WORD, schema_of
from gateway.history.durable import make_directory, temporary_of
from gateway.history.row_groups import EncodedGroup, RowGroupFile, encode_group
from gateway.history.written_files import WrittenFile

__all__ = ["GROUP_ROWS", "SegmentFiles", "parquet_options", "parquet_writer"]

GROUP_ROWS = 65_536  # what a question for one key reads of a segment; smaller ones cost the writer
# Columns a question narrows by. Only they get lowest and highest value per row group: over all
# columns these took a quarter of the time, and nobody skips rows by a fee.
_SOUGHT = frozenset(
    ("sequence", "time_ns", "order_id", "client_order_id", "venue_order_id", "trade_id",
     "instrument", "account")
)  # fmt: skip
_ZSTD_LEVEL = -1  # a tenth faster than 1 for files that are 3 % larger
_ENCODERS = 2  # threads: more would wait for the one that makes the rows
_DAY_NS = 86_400_000_000_000


@dataclass(slots=True)
class SegmentFiles:
    """The Parquet files one segment goes into: one per table and UTC day. Row groups are encoded by
    threads of their own, while the owner makes the next rows."""

    archive: Path
    segment: int
    step: Callable[[str], None]
    group_rows: int = GROUP_ROWS  # no more than these
    first_time_ns: int = 0
    _files: dict[tuple[str, str], RowGroupFile] = field(default_factory=dict)
    _rows: dict[tuple[str, str], int] = field(default_factory=dict)
    _encoders: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_ENCODERS, thread_name_prefix="encoder")
    )
    _encoding: list[tuple[RowGroupFile, Future[EncodedGroup]]] = field(default_factory=list)

    def write(self, tables: Mapping[str, pa.Table]) -> None:
        """Rows in order of time, by table. Waits until those of the call before are encoded and
        handed to the disk: of two calls rows are in memory, and no more."""
        before = self._encoding
        self._encoding = [
            (self._file(table, day), self._encoders.submit(encode_group, group, _OPTIONS[table]))
            for table, rows in tables.items()
            if rows.num_rows
            for day, part in self._by_day(table, rows)
            for group in self._groups(part)
        ]
        _append(before)

    def _by_day(self, table: str, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        first = rows["time_ns"][0].as_py()
        self.first_time_ns = min(self.first_time_ns or first, first)
        for day, part in _days_of(rows):
            self._rows[table, day] = self._rows.get((table, day), 0) + part.num_rows
            yield day, part

    def _groups(self, rows: pa.Table) -> Iterator[pa.Table]:
        size = min(self.group_rows, GROUP_ROWS)
        for begin in range(0, rows.num_rows, size):
            yield rows.slice(begin, size)

    def _file(self, table: str, day: str) -> RowGroupFile:
        if (table, day) not in self._files:
            path = self._path(table, day)
            make_directory(path.parent)
            self.step(f"write {table} {day}")
            self._files[table, day] = RowGroupFile(temporary_of(path))
        return self._files[table, day]

    def _path(self, table: str, day: str) -> Path:
        return self.archive / table / f"day={day}" / f"segment-{self.segment:010d}.parquet"

    def finish(self) -> list[WrittenFile]:
        """Every file, whole."""
        _append(self._encoding)
        self._close()
        return [
            WrittenFile(table, day, self._path(table, day), rows)
            for (table, day), rows in sorted(self._rows.items())
        ]

    def abandon(self) -> None:
        """Closes what is open; the temporary files go with the next run."""
        self._close()

    def _close(self) -> None:
        self._encoders.shutdown(cancel_futures=True)
        for file in self._files.values():
            file.close()


def _append(encoding: Iterable[tuple[RowGroupFile, Future[EncodedGroup]]]) -> None:
    """In order. Raises what an encoder raised."""
    for file, group in encoding:
        file.append(group.result())


def _days_of(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Slices of one UTC day each; journal time never decreases."""
    days = rows["time_ns"].combine_chunks().to_numpy() // _DAY_NS
    begin = 0
    while begin < len(days):
        end = int(days.searchsorted(days[begin], side="right"))
        yield day_word(int(days[begin])), rows.slice(begin, end - begin)
        begin = end


def day_word(day: int) -> str:
    """The UTC date of a number of days since 1970."""
    instant = pc.cast(pa.scalar(day, pa.int32()), pa.date32())
    return str(instant.as_py().isoformat())


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """Delta and dictionary encodings under zstd: integers that count up cost next to nothing."""
    words = [field.name for field in schema if field.type == WORD]
    narrow = [field.name for field in schema if pa.types.is_integer(field.type)
              and field.type.bit_width < 32]  # fmt: skip
    encodings = {
        field.name: encoding
        for field in schema
        if (encoding := _encoding(field)) and field.name not in narrow
    }
    return {
        "version": "2.6",
        "compression": "zstd",
        "compression_level": _ZSTD_LEVEL,
        "use_dictionary": [*words, *narrow],
        "column_encoding": encodings,
        "write_statistics": [field.name for field in schema if field.name in _SOUGHT],
        "store_schema": True,
    }


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """For rows that are written by one thread."""
    return pq.ParquetWriter(path, schema, **parquet_options(schema))


def _encoding(column: pa.Field) -> str:
    if pa.types.is_integer(column.type):
        return "DELTA_BINARY_PACKED"
    if column.type == MONEY:
        return "PLAIN"  # DuckDB reads no other one of 16 bytes that is worth it
    return "DELTA_LENGTH_BYTE_ARRAY" if column.type == TEXT else ""


_OPTIONS = {table: parquet_options(schema_of(table)) for table in TABLES}
