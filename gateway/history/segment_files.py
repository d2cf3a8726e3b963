"""The Parquet files one segment goes into: how rows are encoded and in which groups, and how a file
gets its name. Writes into the archive alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gateway.history.columns import MONEY, TEXT, WORD, schema_of
from gateway.history.durable import temporary_of
from gateway.history.written_files import WrittenFile

__all__ = ["GROUP_ROWS", "SegmentFiles", "parquet_writer"]

GROUP_ROWS = 65_536  # what a question for one key reads of a segment; smaller ones cost the writer
# Columns a question narrows by. Only they get lowest and highest value per row group: over all
# columns these took a quarter of the time, and nobody skips rows by a fee.
_SOUGHT = frozenset(
    ("sequence", "time_ns", "order_id", "client_order_id", "venue_order_id", "trade_id",
     "instrument", "account")
)  # fmt: skip
_ZSTD_LEVEL = -1  # a tenth faster than 1 for files that are 3 % larger
_DAY_NS = 86_400_000_000_000


@dataclass(slots=True)
class SegmentFiles:
    """The Parquet files one segment goes into: one per table and UTC day. Rows are encoded by a
    thread of their own, while their owner makes the next ones."""

    archive: Path
    segment: int
    step: Callable[[str], None]
    group_rows: int = GROUP_ROWS  # no more than these
    first_time_ns: int = 0
    _writers: dict[tuple[str, str], pq.ParquetWriter] = field(default_factory=dict)
    _rows: dict[tuple[str, str], int] = field(default_factory=dict)
    _encoder: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="encoder")
    )
    _encoding: Future[None] | None = None

    def write(self, tables: Mapping[str, pa.Table]) -> None:
        """Rows in order of time, by table. Waits until those of the call before are encoded: of two
        calls rows are in memory, and no more."""
        self._wait()
        parts = [
            (self._writer(table, day), part)
            for table, rows in tables.items()
            if rows.num_rows
            for day, part in self._by_day(table, rows)
        ]
        self._encoding = self._encoder.submit(self._encode, parts)

    def _by_day(self, table: str, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        first = rows["time_ns"][0].as_py()
        self.first_time_ns = min(self.first_time_ns or first, first)
        for day, part in _days_of(rows):
            self._rows[table, day] = self._rows.get((table, day), 0) + part.num_rows
            yield day, part

    def _encode(self, parts: Sequence[tuple[pq.ParquetWriter, pa.Table]]) -> None:
        for writer, rows in parts:
            writer.write_table(rows, row_group_size=min(self.group_rows, GROUP_ROWS))

    def _wait(self) -> None:
        """Raises what the encoder raised."""
        encoding, self._encoding = self._encoding, None
        if encoding is not None:
            encoding.result()

    def _writer(self, table: str, day: str) -> pq.ParquetWriter:
        if (table, day) not in self._writers:
            path = self._path(table, day)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.step(f"write {table} {day}")
            self._writers[table, day] = parquet_writer(temporary_of(path), schema_of(table))
        return self._writers[table, day]

    def _path(self, table: str, day: str) -> Path:
        return self.archive / table / f"day={day}" / f"segment-{self.segment:010d}.parquet"

    def finish(self) -> list[WrittenFile]:
        """Every file, whole."""
        self._wait()
        self._encoder.shutdown()
        for writer in self._writers.values():
            writer.close()
        return [
            WrittenFile(table, day, self._path(table, day), rows)
            for (table, day), rows in sorted(self._rows.items())
        ]

    def abandon(self) -> None:
        """Closes what is open; the temporary files go with the next run."""
        self._encoder.shutdown()
        for writer in self._writers.values():
            writer.close()


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


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Delta and dictionary encodings under zstd: integers that count up cost next to nothing."""
    words = [field.name for field in schema if field.type == WORD]
    narrow = [field.name for field in schema if pa.types.is_integer(field.type)
              and field.type.bit_width < 32]  # fmt: skip
    encodings: Mapping[str, str] = {
        field.name: encoding
        for field in schema
        if (encoding := _encoding(field)) and field.name not in narrow
    }
    return pq.ParquetWriter(
        path,
        schema,
        version="2.6",
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        use_dictionary=[*words, *narrow],
        column_encoding=dict(encodings),
        write_statistics=[field.name for field in schema if field.name in _SOUGHT],
        store_schema=True,
    )


def _encoding(column: pa.Field) -> str:
    if pa.types.is_integer(column.type):
        return "DELTA_BINARY_PACKED"
    if column.type == MONEY:
        return "PLAIN"  # DuckDB reads no other one of 16 bytes that is worth it
    return "DELTA_LENGTH_BYTE_ARRAY" if column.type == TEXT else ""
