"""Row groups of the archive that are asked for again, decoded: a question for a key looks through
key columns in memory, from the newest group back, and reads every column of those groups alone
that hold an answer. So neither the size of a file nor that of a segment counts. Files never change;
what is held is bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gateway.history.catalog import RowFile
from gateway.history.columns import schema_of
from gateway.history.faults import ArchiveFault
from gateway.history.key_states import KEYED

__all__ = ["HELD_BYTES_MAX", "Ending", "HeldGroups", "Wanted"]

HELD_BYTES_MAX = 256 << 20
_FOOTER_FACTOR = 8  # a footer in memory to one in a file, about
_WORD_BYTES = 150  # a short text and its place in a list and a dict
_BEHIND_ALL = 2**63 - 1
_MOMENTS = ("sequence", "time_ns")
Wanted = Mapping[str, str | int]  # key column -> its value


class Ending(NamedTuple):
    """Rows up to this value of `sequence` or `time_ns` count."""

    column: str
    last: int


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


H = TypeVar("H", bound=_Sized)
Name = tuple[str, int, str]  # file, row group, which part of it


class _Footer(NamedTuple):
    """What a file says of its groups: lowest and highest value of each moment, by group."""

    metadata: pq.FileMetaData
    lowest: Mapping[str, NDArray[np.int64]]
    highest: Mapping[str, NDArray[np.int64]]

    @property
    def nbytes(self) -> int:
        return int(self.metadata.serialized_size) * _FOOTER_FACTOR

    @classmethod
    def read(cls, path: Path) -> _Footer:
        with _named(path):
            metadata = pq.read_metadata(path)
        names = metadata.schema.names
        found = {name: _extent(metadata, names.index(name)) for name in _MOMENTS}
        return cls(
            metadata,
            {name: extent[0] for name, extent in found.items()},
            {name: extent[1] for name, extent in found.items()},
        )


class _Keys(NamedTuple):
    """Key columns of a group: numbers, and codes of words in as few bytes as they take."""

    columns: Mapping[str, NDArray[Any]]
    words: Mapping[str, Sequence[str]]  # by code; the code behind the last one is null
    codes: Mapping[str, Mapping[str, int]]

    @property
    def nbytes(self) -> int:
        words = sum(map(len, self.words.values()))
        return words * _WORD_BYTES + sum(column.nbytes for column in self.columns.values())


class _Group(NamedTuple):
    """Rows that follow each other, of a file or of the tail. Those behind record `after` count, and
    of them those up to each of `endings`."""

    name: tuple[str, int]
    read: Callable[[list[str] | None], pa.Table]  # these columns, None = all
    rows: int
    after: int = 0
    endings: Sequence[Ending] = ()
    is_tail: bool = False  # and so in memory already


class HeldGroups:
    """What the newest questions read. Not for several threads at once.

    Held by the path of a file or the place of a batch in a tail, never looked at again; so it takes
    for granted that a file of a name never changes and is never written anew; that one table has
    one tail as long as this lives; that rows are in order of `sequence` and of time, in a file and
    from file to file; that every row group has statistics of the columns a question ends by."""

    def __init__(self, bytes_max: int = HELD_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._held: OrderedDict[Name, Any] = OrderedDict()
        self.bytes = 0

    def newest(
        self,
        table: str,
        files: Sequence[RowFile],
        tail: pa.Table | None,
        wanted: Wanted,
        ending: Ending,
    ) -> pa.Table:
        """The newest row of every key that has these values, in the order of rows. `files` and the
        tail behind them are in order. ArchiveFault: a file cannot be read."""
        others = [name for name in KEYED[table] if name not in wanted]
        seen: set[tuple[str | int | None, ...]] = set()
        parts = []
        for group in self._newest_first(table, files, tail, ending):
            keys = self._part(group, "keys", partial(_keys_of, group, KEYED[table]))
            places = _last_places(keys, self._span(group), wanted, others)
            new = sorted(place for key, place in places.items() if key not in seen)
            if new:
                parts.append(self._rows(group).take(pa.array(new)))
            seen |= places.keys()
            if seen and not others:
                break
        schema = schema_of(table)
        return pa.concat_tables([schema.empty_table(), *parts[::-1]]).unify_dictionaries()

    def _newest_first(
        self, table: str, files: Sequence[RowFile], tail: pa.Table | None, ending: Ending
    ) -> Iterator[_Group]:
        for number, batch in reversed(list(enumerate(tail.to_batches() if tail else ()))):
            yield _tail_group(table, number, batch, ending)
        for file in reversed(files):
            yield from self._groups_of(table, file, ending)

    def _groups_of(self, table: str, file: RowFile, ending: Ending) -> Iterator[_Group]:
        """Those that hold rows which count, the newest first."""
        path, schema = file.path, schema_of(table)
        footer = self._kept((str(path), -1, "footer"), partial(_Footer.read, path))
        endings = [ending, *([Ending("sequence", file.until)] if file.until else [])]
        counts = footer.highest["sequence"] > file.after
        for column, last in endings:
            counts &= footer.lowest[column] <= last
        for number in map(int, np.flatnonzero(counts)[::-1]):
            yield _Group(
                (str(path), number),
                partial(_rows_of, path, footer.metadata, number, schema),
                footer.metadata.row_group(number).num_rows,
                file.after if footer.lowest["sequence"][number] <= file.after else 0,
                [each for each in endings if footer.highest[each.column][number] > each.last],
            )

    def _span(self, group: _Group) -> slice:
        """The places of a group that count."""
        begin, end = 0, group.rows
        if group.after:
            begin = int(np.searchsorted(self._moments(group, "sequence"), group.after, "right"))
        for column, last in group.endings:
            end = min(end, int(np.searchsorted(self._moments(group, column), last, "right")))
        return slice(begin, max(begin, end))

    def _moments(self, group: _Group, column: str) -> NDArray[np.int64]:
        return self._part(group, column, partial(_moments_of, group, column))

    def _rows(self, group: _Group) -> pa.Table:
        if group.is_tail:
            return group.read(None)
        return self._part(group, "rows", partial(group.read, None))

    def _part(self, group: _Group, part: str, make: Callable[[], H]) -> H:
        return self._kept((*group.name, part), make)

    def _kept(self, name: Name, make: Callable[[], H]) -> H:
        """What was made before, or is now; the oldest goes for it."""
        if name in self._held:
            self._held.move_to_end(name)
            found: H = self._held[name]
            return found
        made = make()
        self._held[name] = made
        self.bytes += made.nbytes
        while self.bytes > self._bytes_max:
            self.bytes -= self._held.popitem(last=False)[1].nbytes
        return made


def _tail_group(table: str, number: int, batch: pa.RecordBatch, ending: Ending) -> _Group:
    """A tail is in memory already: what is held of it are its keys."""

    def read(columns: list[str] | None) -> pa.Table:
        return pa.Table.from_batches([batch if columns is None else batch.select(columns)])

    name = (f"tail of {table}", number)
    return _Group(name, read, batch.num_rows, endings=[ending], is_tail=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """ArchiveFault instead of what a library says of a file."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        text = str(error).split("\n", 1)[0][:500]
        raise ArchiveFault("BAD_ARCHIVE", f"{path}: {text}") from None


def _extent(metadata: pq.FileMetaData, column: int) -> tuple[NDArray[np.int64], ...]:
    """Lowest and highest value by group; every value where a group does not say."""
    found = []
    for number in range(metadata.num_row_groups):
        told = metadata.row_group(number).column(column).statistics
        has_both = told is not None and told.has_min_max
        found.append((told.min, told.max) if has_both else (0, _BEHIND_ALL))
    lowest, highest = np.array(found, np.int64).reshape(-1, 2).T
    return lowest, highest


def _rows_of(
    path: Path,
    metadata: pq.FileMetaData,
    number: int,
    schema: pa.Schema,
    columns: list[str] | None,
) -> pa.Table:
    """Columns of a row group. A file of before lacks some, which are null."""
    with _named(path), pq.ParquetFile(path, metadata=metadata) as file:
        rows = file.read_row_group(number, columns=columns)
    if columns is not None:
        return rows
    for name in schema.names:
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, schema.field(name).type))
    return rows.select(schema.names).cast(schema)


def _moments_of(group: _Group, column: str) -> NDArray[np.int64]:
    found: NDArray[Any] = group.read([column])[column].to_numpy()
    return found.astype(np.int64)


def _keys_of(group: _Group, names: Sequence[str]) -> _Keys:
    rows = group.read([*names])
    columns, words = {}, {}
    for name in names:
        column = rows[name].combine_chunks()
        if not pa.types.is_dictionary(column.type):
            columns[name] = column.to_numpy(zero_copy_only=False)
            continue
        words[name] = column.dictionary.to_pylist()
        codes = column.indices.fill_null(len(words[name])).to_numpy()
        columns[name] = codes.astype(np.min_scalar_type(len(words[name])))
    codes_of = {name: {word: n for n, word in enumerate(each)} for name, each in words.items()}
    return _Keys(columns, words, codes_of)


def _last_places(
    keys: _Keys, span: slice, wanted: Wanted, others: Sequence[str]
) -> dict[tuple[str | int | None, ...], int]:
    """Among the rows with these values: the last place of each key, by its other columns."""
    is_found: Any = True
    for name, value in wanted.items():
        sought = keys.codes[name].get(str(value)) if name in keys.codes else value
        if sought is None:
            return {}
        is_found = is_found & (keys.columns[name][span] == sought)
    places = np.flatnonzero(is_found) + span.start
    if not len(places):
        return {}
    if not others:
        return {(): int(places[-1])}
    combined = np.zeros(len(places), np.int64)
    for name in others:
        combined = combined * (len(keys.words[name]) + 1) + keys.columns[name][places]
    _, firsts = np.unique(combined[::-1], return_index=True)
    return {_key_at(keys, others, place): place for place in map(int, places[::-1][firsts])}


def _key_at(keys: _Keys, names: Sequence[str], place: int) -> tuple[str | int | None, ...]:
    codes = [int(keys.columns[name][place]) for name in names]
    words = [keys.words[name] for name in names]
    return tuple(
        known[code] if code < len(known) else None for known, code in zip(words, codes, strict=True)
    )
