"""Where the counters of budgets live: in this process, or in a mapped file that all processes of a
host share, because a venue counts by address and by key and not by process.

Must never block the event loop, and must never lose what was spent: a row that was torn by the
death of its writer counts as fully spent.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from struct import Struct, pack, unpack_from
from typing import Final, Protocol
from zlib import crc32

__all__ = ["LocalRows", "Row", "Rows", "SharedRows"]

_MAGIC: Final = b"GWBUDGET"
_LAYOUT: Final = 1
_HEAD: Final = Struct("<8sII48x")  # magic, layout, rows
_ROW_HEAD: Final = Struct("<16sQqII")  # key, version, idle from, count of numbers, CRC of them all
_COVERED: Final = Struct("<QqI")  # What the CRC covers beside the numbers.
_ROW_BYTES: Final = 1_280
_ROWS: Final = 512
_TRIES: Final = 20  # of a lock that is held for microseconds


class Row(Protocol):
    """What a store keeps: integers, and how to go on without them."""

    def dump(self) -> list[int]:
        """The state, in at most 150 numbers."""

    def load(self, state: Sequence[int]) -> None:
        """The reverse of `dump`. Raises ValueError for what it never wrote."""

    def fill(self, now_ns: int) -> None:
        """The state is lost: assume the worst."""

    def idle_from_ns(self) -> int:
        """From then on a new row would say the same."""


class Rows(Protocol):
    """A store of rows."""

    def hold(self) -> AbstractContextManager[bool]:
        """Nobody else reads or writes within; False when another process is within right now."""

    def row(self, key: str, make: Callable[[], Row], now_ns: int) -> Row:
        """The row of a key, as it stands now."""

    def save(self, key: str) -> None:
        """The row was changed."""

    def close(self) -> None:
        """The store is used no more."""


_UNSHARED: Final = nullcontext(True)


class LocalRows:
    """Rows of this process alone."""

    def __init__(self, rows_max: int = 4_096) -> None:
        self._rows: dict[str, Row] = {}
        self._rows_max = rows_max

    def hold(self) -> AbstractContextManager[bool]:
        return _UNSHARED

    def row(self, key: str, make: Callable[[], Row], now_ns: int) -> Row:
        found = self._rows.get(key)
        if found is None:
            if len(self._rows) >= self._rows_max:
                busy = (each for each in self._rows.items() if each[1].idle_from_ns() > now_ns)
                self._rows = dict(busy)
            if len(self._rows) >= self._rows_max:
                raise ValueError(f"{self._rows_max} budgets are in use already")
            found = self._rows[key] = make()
        return found

    def save(self, key: str) -> None:
        pass

    def close(self) -> None:
        self._rows.clear()


@dataclass
class _Known:
    """A row of the file as this process last saw it."""

    name: bytes
    row: Row
    offset: int = 0  # Of the file's head, which names no row.
    version: int = -1


class SharedRows(AbstractContextManager[bool]):
    """Rows in a file of 640 KiB, for all processes of this user on this host. The lock is the
    kernel's (flock): it falls with its holder. A row carries a checksum, so that one whose writer
    died within it is noticed. Keys are stored as hashes. Put it on a file system in memory."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._prepare(path)
            self._map = mmap.mmap(self._file, _HEAD.size + _ROWS * _ROW_BYTES)
            fcntl.flock(self._file, fcntl.LOCK_UN)
        except BaseException:
            os.close(self._file)
            raise
        self._known: dict[str, _Known] = {}
        self._is_held = False
        self.torn = 0  # rows that were found broken

    def _prepare(self, path: Path) -> None:
        size = _HEAD.size + _ROWS * _ROW_BYTES
        head = os.pread(self._file, _HEAD.size, 0)
        if not head.strip(b"\0"):
            os.ftruncate(self._file, size)
            os.pwrite(self._file, _HEAD.pack(_MAGIC, _LAYOUT, _ROWS), 0)
        elif head != _HEAD.pack(_MAGIC, _LAYOUT, _ROWS) or os.fstat(self._file).st_size != size:
            raise ValueError(f"{path} is no budget file of layout {_LAYOUT}: remove it")

    def hold(self) -> AbstractContextManager[bool]:
        return self

    def __enter__(self) -> bool:
        self._is_held = self._try_lock()
        return self._is_held

    def __exit__(self, *failure: object) -> None:
        if self._is_held:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _try_lock(self) -> bool:
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            return True
        return False

    def row(self, key: str, make: Callable[[], Row], now_ns: int) -> Row:
        known = self._known.get(key) or _Known(sha256(key.encode()).digest()[:16], make())
        name, version = _ROW_HEAD.unpack_from(self._map, known.offset)[:2]
        if name != known.name:  # Not placed yet, or idle for so long that another took the place.
            known = _Known(known.name, make(), self._place(known.name, now_ns))
            self._known[key] = known
            version = _ROW_HEAD.unpack_from(self._map, known.offset)[1]
        if version != known.version:
            self._read(known, now_ns)
        return known.row

    def save(self, key: str) -> None:
        known = self._known[key]
        known.version += 1
        state, idle_ns = known.row.dump(), known.row.idle_from_ns()
        numbers = pack(f"<{len(state)}q", *state)
        checksum = crc32(numbers, crc32(_COVERED.pack(known.version, idle_ns, len(state))))
        head = _ROW_HEAD.pack(known.name, known.version, idle_ns, len(state), checksum)
        self._map[known.offset : known.offset + len(head) + len(numbers)] = head + numbers

    def _read(self, known: _Known, now_ns: int) -> None:
        """Take over what another process wrote."""
        _, known.version, idle_ns, count, checksum = _ROW_HEAD.unpack_from(self._map, known.offset)
        begin = known.offset + _ROW_HEAD.size
        numbers = self._map[begin : begin + min(8 * count, _ROW_BYTES - _ROW_HEAD.size)]
        told = crc32(numbers, crc32(_COVERED.pack(known.version, idle_ns, count)))
        try:
            if told != checksum:
                raise ValueError("its writer did not finish")
            if count:  # none in a row that was placed and not yet saved
                known.row.load(unpack_from(f"<{count}q", numbers))
        except ValueError:
            self.torn += 1
            known.row.fill(now_ns)

    def _place(self, name: bytes, now_ns: int) -> int:
        """Where a key has its row. A new one takes the first place that is free or long idle; no
        place is ever emptied, so a search may end at the first one that was never used."""
        first, spare = int.from_bytes(name[:8], "little"), 0
        for step in range(_ROWS):
            offset = _HEAD.size + (first + step) % _ROWS * _ROW_BYTES
            found, _, idle_ns, _, _ = _ROW_HEAD.unpack_from(self._map, offset)
            if found == name:
                return offset
            is_free = not found.strip(b"\0")
            if not spare and (is_free or idle_ns <= now_ns):
                spare = offset
            if is_free:
                break
        if not spare:
            raise ValueError(f"{_ROWS} budgets are in use already")
        version = _ROW_HEAD.unpack_from(self._map, spare)[1] + 1
        head = _ROW_HEAD.pack(name, version, 0, 0, crc32(b"", crc32(_COVERED.pack(version, 0, 0))))
        self._map[spare : spare + len(head)] = head
        return spare

    def close(self) -> None:
        self._map.close()
        os.close(self._file)
