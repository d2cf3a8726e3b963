"""A Parquet file of row groups that were encoded apart, by several threads: each as a small file in
memory, whose pages are copied and whose footer entry is moved to where they now lie. Which thread
was faster never shows in a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["EncodedGroup", "RowGroupFile", "encode_group"]

_MAGIC = b"PAR1"
# The footer is in Thrift's compact protocol (apache/thrift, doc/specs/thrift-compact-protocol.md);
# its structures are in apache/parquet-format, parquet.thrift. Looked up on 2026-11-22.
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_FILE_ROWS, _FILE_GROUPS = 3, 4  # of FileMetaData
_GROUP_COLUMNS, _GROUP_OFFSET, _GROUP_ORDINAL = 1, 5, 7  # of RowGroup
_COLUMN_OFFSET, _COLUMN_META = 2, 3  # of ColumnChunk
_COLUMN_INDEXES = (4, 6)  # of ColumnChunk: indexes of pages, which lie outside of the pages
_META_OFFSETS = (9, 10, 11)  # of ColumnMetaData: the first page of data, of an index, of words
_META_BLOOM = 14  # of ColumnMetaData

Struct = dict[int, tuple[int, Any]]  # field -> type and value; integers as they are encoded


class EncodedGroup(NamedTuple):
    """One row group: its pages, and the footer of a file that held it alone."""

    rows: int
    pages: pa.Buffer
    footer: bytes


def encode_group(rows: pa.Table, options: Mapping[str, Any]) -> EncodedGroup:
    """`options` of pyarrow's ParquetWriter, without page indexes and bloom filters. Any thread."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, rows.schema, **options) as writer:
        writer.write_table(rows, row_group_size=max(1, rows.num_rows))
    data = sink.getvalue()
    length = int.from_bytes(data[-8:-4].to_pybytes(), "little")
    begin = data.size - 8 - length
    return EncodedGroup(rows.num_rows, data[len(_MAGIC) : begin], data[begin:-8].to_pybytes())


class RowGroupFile:
    """A file that grows by row groups of one schema. One thread at a time."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._file.write(_MAGIC)
        self._footer: Struct = {}  # of the first group: its schema is that of the file
        self._groups: list[Struct] = []
        self._rows = 0

    def append(self, group: EncodedGroup) -> None:
        """Behind those before."""
        footer = _Reader(group.footer).struct()
        moved = self._file.tell() - len(_MAGIC)
        (found,) = footer[_FILE_GROUPS][1][1]
        self._groups.append(_moved(found, moved, len(self._groups)))
        self._footer = self._footer or footer
        self._rows += group.rows
        self._file.write(group.pages)

    def close(self) -> None:
        """With its footer, where it has a group."""
        if self._file.closed:
            return
        if self._groups:
            footer = {**self._footer, _FILE_ROWS: (_I64, _encoded(self._rows))}
            footer[_FILE_GROUPS] = (_LIST, (_STRUCT, self._groups))
            out = bytearray()
            _write_struct(out, footer)
            self._file.write(out + len(out).to_bytes(4, "little") + _MAGIC)
        self._file.close()


def _moved(group: Struct, by: int, ordinal: int) -> Struct:
    """The same group, so many bytes further on. ValueError: something else would have to move."""
    found = _shifted(group, (_GROUP_OFFSET,), by)
    if _GROUP_ORDINAL in found:
        found[_GROUP_ORDINAL] = (_I16, _encoded(ordinal))
    columns = [_moved_column(column, by) for column in group[_GROUP_COLUMNS][1][1]]
    found[_GROUP_COLUMNS] = (_LIST, (_STRUCT, columns))
    return found


def _moved_column(column: Struct, by: int) -> Struct:
    meta = column[_COLUMN_META][1]
    if _META_BLOOM in meta or any(field in column for field in _COLUMN_INDEXES):
        raise ValueError("a row group with page indexes or bloom filters cannot be moved")
    # The deprecated offset of a column is 0 where its entry stands in the footer alone.
    found = _shifted(column, (_COLUMN_OFFSET,), by if column[_COLUMN_OFFSET][1] else 0)
    found[_COLUMN_META] = (_STRUCT, _shifted(meta, _META_OFFSETS, by))
    return found


def _shifted(struct: Struct, fields: tuple[int, ...], by: int) -> Struct:
    found = dict(struct)
    for field in fields:
        if field in found:
            kind, value = found[field]
            found[field] = (kind, value + _encoded(by))
    return found


def _encoded(number: int) -> int:
    """Zigzag of a number that is not negative; a sum of them is the zigzag of the sum."""
    return 2 * number


class _Reader:
    """Structures of the compact protocol, without knowing what they mean."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self) -> Struct:
        found: Struct = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._varint() >> 1
            kind = head & 15
            found[field] = (kind, self._value(kind))
        return found

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7

    def _bytes(self, count: int) -> bytes:
        self._at += count
        return self._data[self._at - count : self._at]

    def _value(self, kind: int) -> Any:
        if kind in (_I16, _I32, _I64):
            return self._varint()
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return self.struct()
        if kind == _LIST:
            head = self._byte()
            count = self._varint() if head >> 4 == 15 else head >> 4
            if head & 15 in (_TRUE, _FALSE):
                raise ValueError("a Parquet footer with a list of claims")
            return head & 15, [self._value(head & 15) for _ in range(count)]
        if kind in (_TRUE, _FALSE):
            return None  # the type says which
        if kind in (_BYTE, _DOUBLE):
            return self._bytes(1 if kind == _BYTE else 8)
        raise ValueError(f"a Parquet footer with a value of type {kind}")


def _write_struct(out: bytearray, struct: Struct) -> None:
    before = 0
    for field, (kind, value) in sorted(struct.items()):
        if 0 < field - before < 16:
            out.append((field - before) << 4 | kind)
        else:
            out.append(kind)
            _write_varint(out, _encoded(field))
        _write_value(out, kind, value)
        before = field
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Any) -> None:
    if kind in (_I16, _I32, _I64):
        _write_varint(out, value)
    elif kind == _BINARY:
        _write_varint(out, len(value))
        out += value
    elif kind == _STRUCT:
        _write_struct(out, value)
    elif kind == _LIST:
        of, values = value
        out.append(min(len(values), 15) << 4 | of)
        if len(values) >= 15:
            _write_varint(out, len(values))
        for each in values:
            _write_value(out, of, each)
    elif kind in (_BYTE, _DOUBLE):
        out += value


def _write_varint(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
