"""Files of the archive that are asked for again, decoded: a question for one key then looks through
columns in memory. Files never change; what is held is bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

__all__ = ["HELD_BYTES_MAX", "HeldFiles", "rows_with"]

HELD_BYTES_MAX = 256 << 20
_FILE_BYTES_MAX = HELD_BYTES_MAX // 2  # decoded; a larger one is read where it lies
Wanted = Mapping[str, str | int]


class HeldFiles:
    """The newest ones. Not for several threads at once."""

    def __init__(self, bytes_max: int = HELD_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._held: OrderedDict[Path, pa.Table] = OrderedDict()
        self._asked: frozenset[Path] = frozenset()  # by the question before
        self.bytes = 0

    def matching(self, schema: pa.Schema, paths: Sequence[Path], wanted: Wanted) -> pa.Table | None:
        """Rows of all of the files whose columns are these values, in order. None: not all of them
        are held. They are from the second question in a row on: one that comes once would wait for
        columns that nobody reads."""
        before, self._asked = self._asked, frozenset(paths)
        if not self._asked <= before | self._held.keys():
            return None
        parts = []
        for path in paths:
            rows = self._rows(schema, path)
            if rows is None:
                return None
            parts.append(rows_with(rows, wanted))
        return pa.concat_tables([schema.empty_table(), *parts])

    def _rows(self, schema: pa.Schema, path: Path) -> pa.Table | None:
        if path in self._held:
            self._held.move_to_end(path)
            return self._held[path]
        metadata = pq.read_metadata(path)
        groups = range(metadata.num_row_groups)
        size = sum(metadata.row_group(group).total_byte_size for group in groups)
        if size > _FILE_BYTES_MAX:
            return None
        rows = pq.read_table(path, schema=schema, partitioning=None)
        self._held[path] = rows
        self.bytes += rows.nbytes
        while self.bytes > self._bytes_max and len(self._held) > 1:
            _, gone = self._held.popitem(last=False)
            self.bytes -= gone.nbytes
        return rows


def rows_with(rows: pa.Table, wanted: Wanted) -> pa.Table:
    """The rows whose columns are these values."""
    found: NDArray[np.bool_] = np.ones(rows.num_rows, np.bool_)
    for name, value in wanted.items():
        found &= np.concatenate(
            [_equal(chunk, value) for chunk in rows[name].chunks] or [np.empty(0, np.bool_)]
        )
    return rows.take(pa.array(np.flatnonzero(found)))


def _equal(chunk: pa.Array, value: str | int) -> NDArray[np.bool_]:
    """Where it is the value. A word is compared once a dictionary; null is no word."""
    if not isinstance(chunk, pa.DictionaryArray):
        return np.asarray(chunk.to_numpy(zero_copy_only=False) == value)
    place = chunk.dictionary.index(value).as_py()
    if place < 0:
        return np.zeros(len(chunk), np.bool_)
    codes = chunk.indices.fill_null(-1) if chunk.null_count else chunk.indices
    return np.asarray(codes.to_numpy() == place)
