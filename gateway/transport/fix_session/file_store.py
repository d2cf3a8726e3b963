"""A session store in one append-only file, a checksum per record. Must never lose a flushed record
to a kill, nor go on over a damaged middle.

File: 16 bytes `GATEWAY-FIX 001\\n`, then records: kind u8, number u64, length u32, CRC32 u32 (over
kind, number, length, payload), payload. Kinds: M a message sent, O next outgoing, E next expected,
R the beginning (number = created ns). A torn tail is cut at the next start; a reset replaces the
file in one rename. With `is_synced` every flush waits for the disk, else it survives kill -9 only.
With `is_numbers_only`, for a side that repeats no message and knows those that come again, no
message is kept, E waits for no disk, and a long file is made short.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from gateway.transport.fix_session.message import without_secrets
from gateway.transport.fix_session.store import StoreError, number_pages

__all__ = ["FileStore"]

_LOG = logging.getLogger(__name__)
_MAGIC = b"GATEWAY-FIX 001\n"
_HEAD = struct.Struct("<BQII")
_KINDS = frozenset(b"MOER")
_PAYLOAD_MAX = 1 << 24
_SEARCH_BYTES = 1 << 20
_NUMBERS_BYTES_MAX = 1 << 20
_READ_AT_ONCE = 256


def _record(kind: bytes, number: int, payload: bytes = b"") -> bytes:
    head = _HEAD.pack(kind[0], number, len(payload), 0)
    checksum = zlib.crc32(payload, zlib.crc32(head))
    return _HEAD.pack(kind[0], number, len(payload), checksum) + payload


class FileStore:
    """Keeps the file locked while it is open: two processes cannot use one session."""

    def __init__(
        self, path: Path, *, now_ns: int, is_synced: bool = False, is_numbers_only: bool = False
    ) -> None:
        self.path = path
        self._is_synced, self._is_numbers_only = is_synced, is_numbers_only
        self._is_sync_due = False
        self.next_outgoing = self.next_expected = 1
        self.created_ns = now_ns
        self._places: dict[int, tuple[int, int]] = {}  # number -> payload's offset, length
        self._pending: list[bytes] = []
        self._is_broken = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._size = os.fstat(self._file).st_size
            self._end = self._size  # with what is pending
            if self._size < len(_MAGIC):
                self._begin(now_ns)
            else:
                self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    def save(self, number: int, data: bytes) -> None:
        """A message with a secret is not written at all: its number is used, and filled when it is
        asked for."""
        if self._is_numbers_only or without_secrets(data)[0] is not data:
            self.set_next_outgoing(number + 1)
            return
        self._places[number] = (self._end + _HEAD.size, len(data))
        self._append(_record(b"M", number, data))
        self.next_outgoing = number + 1

    def range(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """All pages in a row."""
        return chain.from_iterable(self.pages(first, last))

    def pages(self, first: int, last: int) -> Iterator[list[tuple[int, bytes]]]:
        for numbers in number_pages(first, last):
            found = [each for each in numbers if each in self._places]
            for begin in range(0, len(found) or 1, _READ_AT_ONCE):
                some = found[begin : begin + _READ_AT_ONCE]
                yield [(each, self._read(*self._places[each])) for each in some]

    def set_next_outgoing(self, number: int) -> None:
        self._append(_record(b"O", number))
        self.next_outgoing = number

    def set_next_expected(self, number: int) -> None:
        self._append(_record(b"E", number), is_sync_due=not self._is_numbers_only)
        self.next_expected = number

    def reset(self, now_ns: int) -> None:
        self._replace(_MAGIC + _record(b"R", now_ns))
        self.next_outgoing = self.next_expected = 1
        self.created_ns = now_ns

    def _shorten(self) -> None:
        """The numbers alone, in a file of its own length."""
        numbers = _record(b"O", self.next_outgoing) + _record(b"E", self.next_expected)
        self._replace(_MAGIC + _record(b"R", self.created_ns) + numbers)

    def _replace(self, start: bytes) -> None:
        fresh = self.path.with_name(self.path.name + ".new")
        file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_all(file, start)
            os.fsync(file)
            fresh.replace(self.path)
        except OSError as error:
            os.close(file)
            raise self._broken(error) from error
        os.close(self._file)
        self._file, self._size, self._end = file, len(start), len(start)
        self._places.clear()
        self._pending.clear()
        self._is_sync_due = False

    def flush(self) -> None:
        if self._is_broken:
            raise StoreError(f"{self.path}: a write failed before; open the session anew")
        if not self._pending:
            return
        if self._is_numbers_only and self._size > _NUMBERS_BYTES_MAX:
            self._shorten()
            return
        data = b"".join(self._pending)
        try:
            _write_all(self._file, data, self._size)
            if self._is_synced and self._is_sync_due:
                os.fdatasync(self._file)
        except OSError as error:
            raise self._broken(error) from error
        self._size += len(data)
        self._pending.clear()
        self._is_sync_due = False

    def close(self) -> None:
        try:
            if not self._is_broken:
                self.flush()
        finally:
            os.close(self._file)
            os.close(self._lock)

    def _append(self, record: bytes, *, is_sync_due: bool = True) -> None:
        self._is_sync_due |= is_sync_due
        self._pending.append(record)
        self._end += len(record)

    def _read(self, offset: int, length: int) -> bytes:
        if offset + length > self._size:
            self.flush()
        return os.pread(self._file, length, offset)

    def _broken(self, error: OSError) -> StoreError:
        self._is_broken = True
        return StoreError(f"{self.path}: {error.strerror}")

    def _take_lock(self) -> int:
        lock = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise StoreError(f"{self.path}: in use by another process") from error
        return lock

    def _begin(self, now_ns: int) -> None:
        os.ftruncate(self._file, 0)
        start = _MAGIC + _record(b"R", now_ns)
        _write_all(self._file, start, 0)
        self._size = self._end = len(start)

    def _recover(self) -> None:
        data = self.path.read_bytes()
        if not data.startswith(_MAGIC):
            raise StoreError(f"{self.path}: no session store of this version")
        offset = len(_MAGIC)
        while offset < len(data):
            record = _parse(data, offset)
            if record is None:
                self._cut(data, offset)
                break
            kind, number, length = record
            self._take(kind, number, offset + _HEAD.size, length)
            offset += _HEAD.size + length
        self._size = self._end = offset

    def _take(self, kind: int, number: int, offset: int, length: int) -> None:
        match chr(kind):
            case "M":
                self._places[number] = (offset, length)
                self.next_outgoing = number + 1
            case "O":
                self.next_outgoing = number
            case "E":
                self.next_expected = number
            case _:
                self.created_ns = number

    def _cut(self, data: bytes, offset: int) -> None:
        """The tail from `offset` on was never promised, unless good records follow."""
        for later in range(offset + 1, min(len(data) - _HEAD.size + 1, offset + _SEARCH_BYTES)):
            if data[later] in _KINDS and _parse(data, later) is not None:
                raise StoreError(f"{self.path}: damaged at byte {offset}, good records follow")
        _LOG.warning("%s: torn tail of %d bytes cut", self.path, len(data) - offset)
        os.ftruncate(self._file, offset)


def _parse(data: bytes, offset: int) -> tuple[int, int, int] | None:
    """(kind, number, payload length) of a whole, good record."""
    if offset + _HEAD.size > len(data):
        return None
    kind, number, length, checksum = _HEAD.unpack_from(data, offset)
    end = offset + _HEAD.size + length
    if kind not in _KINDS or length > _PAYLOAD_MAX or end > len(data):
        return None
    payload = data[offset + _HEAD.size : end]
    head = _HEAD.pack(kind, number, length, 0)
    return (kind, number, length) if zlib.crc32(payload, zlib.crc32(head)) == checksum else None


def _write_all(file: int, data: bytes, offset: int | None = None) -> None:
    position = 0 if offset is None else offset
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, position)
        view, position = view[written:], position + written
