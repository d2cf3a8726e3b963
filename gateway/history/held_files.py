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
_FILE_BYTES_MAX = HELD_BYTES_MAX // 2  # encoded; a larger one is read where it lies
_SIZES_MAX = 4096  # paths whose decoded size is remembered
Wanted = Mapping[str, str | int]


class HeldFiles:
    """The newest ones. Not for several threads at once."""

    def __init__(self, bytes_max: int = HELD_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._held: OrderedDict[Path, pa.Table] = OrderedDict()
        self._sizes: OrderedDict[Path, int] = OrderedDict()  # decoded, known from the first read
        self._asked: frozenset[Path] = frozenset()  # by the question before
        self.bytes = 0

    def matching(self, schema: pa.Schema, paths: Sequence[Path], wanted: Wanted) -> pa.Table | None:
        """Rows of all of the files whose columns are these values, in order. None: not all of them
        are held. They are from the second question in a row on: one that comes once would wait for
        columns that nobody reads. Files that together exceed the bound are never held together."""
        before, self._asked = self._asked, frozenset(paths)
        if not self._asked <= before | self._held.keys() or len(self._asked) > _SIZES_MAX:
            return None
        if not all(self._fits() and self._is_held(schema, path) for path in paths):
            return None
        parts = [rows_with(self._held[path], wanted) for path in paths]
        return pa.concat_tables([schema.empty_table(), *parts])

    def _fits(self) -> bool:
        """Whether what is asked can be held together, as far as its sizes are known."""
        return sum(self._sizes.get(path, 0) for path in self._asked) <= self._bytes_max

    def _is_held(self, schema: pa.Schema, path: Path) -> bool:
        """Now, if need be by reading it; nothing that the same question needs goes for it."""
        if path in self._held:
            self._held.move_to_end(path)
            return True
        if self._encoded_size(path) > _FILE_BYTES_MAX:
            return False
        rows = pq.read_table(path, schema=schema, partitioning=None)
        self._remember(path, rows.nbytes)
        if not self._fits():
            return False
        self._held[path] = rows
        self.bytes += rows.nbytes
        for other in [each for each in self._held if each not in self._asked]:
            if self.bytes <= self._bytes_max:
                break
            self.bytes -= self._held.pop(other).nbytes
        return True

    def _encoded_size(self, path: Path) -> int:
        metadata = pq.read_metadata(path)
        groups = range(metadata.num_row_groups)
        return sum(metadata.row_group(group).total_byte_size for group in groups)

    def _remember(self, path: Path, size: int) -> None:
        self._sizes[path] = size
        self._sizes.move_to_end(path)
        while len(self._sizes) > _SIZES_MAX:
            self._sizes.popitem(last=False)


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
