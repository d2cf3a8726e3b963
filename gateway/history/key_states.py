"""The newest row of every key behind a segment: what an as-of query starts from, so that its cost
follows from one segment and not from the length of the past."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gateway.history.catalog import Manifest
from gateway.history.columns import schema_of
from gateway.history.durable import make_directory
from gateway.history.written_files import WrittenFile

__all__ = ["FINISHED_STATES", "KEYED", "KeyStates", "newest_per_key", "without_ended"]

# Table -> its key. Orders that ended are no state any more.
KEYED: dict[str, tuple[str, ...]] = {
    "orders": ("order_id",),
    "positions": ("account", "instrument", "strategy", "leg", "margin_mode"),
    "balances": ("account", "currency"),
}
FINISHED_STATES = ("FILLED", "CANCELED", "EXPIRED", "REJECTED", "REFUSED")


def newest_per_key(table: str, rows: pa.Table) -> pa.Table:
    """The last row of each key; `rows` are in order. Without orders that ended."""
    if not rows.num_rows:
        return rows
    keys = list(KEYED[table])
    columns = {key: _numbers(rows[key]) for key in keys}
    placed = pa.table({**columns, "place": np.arange(rows.num_rows, dtype=np.int64)})
    last = placed.group_by(keys, use_threads=False).aggregate([("place", "max")])["place_max"]
    if table == "orders":  # of most of them nothing is kept, so their rows are not copied
        last = last.filter(pc.invert(_has_ended(rows["state"].take(last))))
    return rows.take(last.combine_chunks().sort())


def without_ended(table: str, rows: pa.Table) -> pa.Table:
    """Newest rows, but those of orders that ended."""
    return rows.filter(pc.invert(_has_ended(rows["state"]))) if table == "orders" else rows


def _has_ended(states: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.is_in(states.cast(pa.string()), value_set=pa.array(FINISHED_STATES))


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """What stands for a value within one table. Its words have one dictionary, and each of them
    stands there once."""
    if not pa.types.is_dictionary(column.type):
        return column
    return pa.chunked_array([chunk.indices for chunk in column.chunks])


class KeyStates:
    """The newest rows while segments pass by."""

    def __init__(self, newest: dict[str, pa.Table]) -> None:
        self._newest = newest

    @classmethod
    def read(cls, archive: Path, before: Manifest | None) -> KeyStates:
        """Those behind an archived segment, or none."""
        newest = {table: schema_of(table).empty_table() for table in KEYED}
        for file in before.files if before else ():
            if not file.day:
                newest[file.table] = pq.read_table(
                    archive / file.path, schema=schema_of(file.table), partitioning=None
                )
        return cls(newest)

    def take(self, tables: Mapping[str, pa.Table]) -> None:
        """The next rows, in order."""
        for table in KEYED:
            if tables[table].num_rows:
                both = pa.concat_tables([self._newest[table], tables[table]]).unify_dictionaries()
                self._newest[table] = newest_per_key(table, both)

    def write(self, archive: Path, segment: int) -> list[WrittenFile]:
        """One file per table."""
        found = []
        for table, rows in self._newest.items():
            target = archive / "states" / table / f"segment-{segment:010d}.parquet"
            make_directory(target.parent)
            file = WrittenFile(table, "", target, rows.num_rows)
            pq.write_table(rows, file.temporary, compression="zstd", compression_level=1)
            found.append(file)
        return found
