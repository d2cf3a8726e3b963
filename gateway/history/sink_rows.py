"""A journal as batches for a sink: the rows that questions to history see, a bounded number at a
time, each batch with the mark of its last record. Reads, and writes nothing."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from gateway.api import SinkBatch, SinkColumn, SinkMark, SinkTable
from gateway.history.archive import open_extractor, refusal_words
from gateway.history.columns import TABLES, schema_of, tables_of
from gateway.history.faults import ArchiveFault
from gateway.history.views import EXACT, columns_of

__all__ = ["SinkRows", "sink_tables"]

BATCH_RECORDS = 50_000
BATCH_ROWS = 20_000  # of one table
LAST_SEQUENCE = (1 << 63) - 1
_SEGMENT_HEAD = struct.Struct("<8sII")  # docs/reference/journal_format.md
_KINDS = {"VARCHAR": "text", "BOOLEAN": "boolean", "DECIMAL(38,18)": "decimal"}


class SinkRows:
    """Stands behind one record of a journal and goes on from there. One thread."""

    def __init__(
        self,
        directory: Path,
        archive: Path,
        ring_directory: str = "",
        *,
        batch_records: int = BATCH_RECORDS,
    ) -> None:
        """`archive` may hold snapshots to start from; it need not exist."""
        self._places = (directory, archive)
        self._ring_directory = ring_directory
        self._batch_records = batch_records
        self._journal = f"instance {_instance_of(directory)}"
        self._refusals = refusal_words()
        self._connection = _connection()
        self._extractor: Any = None
        self.mark: SinkMark | None = None
        self.tables = sink_tables(self._connection)

    def close(self) -> None:
        self._connection.close()

    def stand_behind(self, mark: SinkMark | None) -> None:
        """Go on behind this mark. ArchiveFault(FOREIGN_SINK): this journal never had it."""
        directory, archive = self._places
        sequence = mark.sequence if mark else 0
        try:
            extractor = open_extractor(directory, archive, sequence, self._ring_directory)
        except ArchiveFault as fault:
            if fault.code != "FOREIGN_ARCHIVE":
                raise
            text = f"the sink holds record {sequence}, and this journal ends before it"
            raise ArchiveFault("FOREIGN_SINK", text) from None
        found = self._mark_of(extractor) if sequence else None
        if found != mark:
            text = f"the sink was filled from another journal: it holds {mark}, here is {found}"
            raise ArchiveFault("FOREIGN_SINK", text)
        self._extractor, self.mark = extractor, mark

    def next_batch(self, until: int = LAST_SEQUENCE) -> SinkBatch | None:
        """The next records up to `until`; None when there is none now."""
        last = min(until, self._extractor.sequence + self._batch_records)
        try:
            found = self._extractor.extract(last, BATCH_ROWS)
            if not found["records"]:
                return None
            tables = tables_of(found, self._extractor.names(), self._refusals)
        except (RuntimeError, ArithmeticError) as error:
            raise ArchiveFault("BAD_JOURNAL", str(error)) from None
        rows = {name: self._rows(name, part) for name, part in tables.items() if part.num_rows}
        batch = SinkBatch(self.mark, self._mark_of(self._extractor), rows)
        self.mark = batch.mark
        return batch

    def _rows(self, table: str, part: pa.Table) -> list[tuple[Any, ...]]:
        self._connection.register("part", part)
        try:
            query = f"SELECT {columns_of(table)} FROM part"
            return self._connection.execute(query).fetchall()
        finally:
            self._connection.unregister("part")

    def _mark_of(self, extractor: Any) -> SinkMark:
        return SinkMark(
            self._journal, extractor.sequence, extractor.time_ns, extractor.state_hash()
        )


def sink_tables(connection: duckdb.DuckDBPyConnection | None = None) -> tuple[SinkTable, ...]:
    """Every table with the columns that questions see."""
    connection = connection or _connection()
    found = []
    for table in TABLES:
        connection.register("part", schema_of(table).empty_table())
        described = connection.execute(f"DESCRIBE SELECT {columns_of(table)} FROM part").fetchall()
        connection.unregister("part")
        columns = tuple(SinkColumn(row[0], _kind_of(row[1])) for row in described)
        found.append(SinkTable(table, columns))
    return tuple(found)


def _connection() -> duckdb.DuckDBPyConnection:
    """One thread: rows come in the order of their records."""
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute(EXACT)
    return connection


def _kind_of(column_type: str) -> Any:
    if column_type.startswith("ENUM"):
        return "text"
    return _KINDS.get(column_type, "integer")


def _instance_of(directory: Path) -> int:
    """Which gateway wrote the journal, as its first segment says."""
    for path in sorted(directory.glob("segment-*.journal")):
        with path.open("rb") as file:
            head = file.read(_SEGMENT_HEAD.size)
        if len(head) == _SEGMENT_HEAD.size and head.startswith(b"GWSEGMT1"):
            return int(_SEGMENT_HEAD.unpack(head)[2])
    raise ArchiveFault("BAD_JOURNAL", f"no segment of a journal in {directory}")
