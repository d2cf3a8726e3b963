"""The typed door to native journal reading: files only, no daemon needed. Must never write into a
journal that a daemon may be using (the one repair takes the daemon's own lock)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway.journal.pace import FOREVER, Pace

__all__ = [
    "FOREVER",
    "Pace",
    "Replayed",
    "TooManyOrders",
    "decode",
    "decoded",
    "every_order",
    "kind_counts",
    "newest_time_ns",
    "open_reader",
    "open_replica",
    "raise_kill_word",
    "rebuild_superblock",
    "replay",
    "replica_at_end",
    "verify",
]


_RECORDS_PER_STEP = 65_536


class TooManyOrders(Exception):
    """More than were asked for: an answer with a part of them would be a wrong one."""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """The state after a replay, always stated with its sequence."""

    sequence: int
    state_hash: str
    records: int
    seconds: float


def _native() -> Any:
    """The native part, loaded when a journal is opened and not when a command is listed."""
    from gateway._core import journal

    return journal


def newest_time_ns(directory: Path, ring_directory: str = "") -> int:
    """Journal time of the newest record, 0 without one. RuntimeError: it cannot be read."""
    return int(_native().newest_time_ns(str(directory), ring_directory))


def open_replica(
    directory: Path,
    ring_directory: str = "",
    *,
    use_snapshot: bool,
    snapshot_directory: str = "",
    until: int = 0,
) -> Any:
    """A replica of the journal at its start, or at its newest valid snapshot, of both directories,
    that is not beyond `until` (0 = any)."""
    more = {"snapshot_directory": snapshot_directory, "until": until} if until else {}
    return _native().Replica(str(directory), ring_directory, use_snapshot=use_snapshot, **more)


def replica_at_end(
    directory: Path,
    ring_directory: str = "",
    *,
    use_snapshot: bool = True,
    until: int = 0,
    progress: Callable[[int], None] = lambda sequence: None,
) -> Any:
    """A replica with every record there is now, or with none beyond `until`. RuntimeError: damage
    on the way, which is never taken for the end."""
    replica = open_replica(directory, ring_directory, use_snapshot=use_snapshot, until=until)
    while replica.follow(_RECORDS_PER_STEP, until):
        progress(replica.sequence)
    return replica


def is_before_beginning(error: Exception) -> bool:
    """Whether it says that a record was asked for which stood before the oldest segment."""
    return "is older than the oldest segment" in str(error)


def every_order(replica: Any, *, is_open: bool, limit: int) -> list[Any]:
    """All orders of a state, or the open ones. TooManyOrders: there are more than `limit`."""
    orders: list[Any] = replica.orders(open_only=is_open, limit=limit + 1)
    if len(orders) > limit:
        raise TooManyOrders(f"more than {limit} {'open orders' if is_open else 'orders'}")
    return orders


def open_reader(directory: Path, ring_directory: str = "", first: int = 1) -> Any:
    """Records from `first` on as bytes, in batches: Reader of gateway/_core/journal.pyi."""
    return _native().Reader(str(directory), ring_directory, first)


def replay(
    directory: Path,
    clock_ns: Callable[[], int],
    *,
    ring_directory: str = "",
    until_sequence: int = FOREVER,
    use_snapshot: bool = False,
    pace: Pace | None = None,
    progress: Callable[[int], None] = lambda sequence: None,
) -> Replayed:
    """Apply every record up to where `pace` (or `until_sequence`) ends; the state with its hash."""
    pace = pace or Pace(until_sequence=until_sequence)
    began_ns = clock_ns()
    replica = open_replica(directory, ring_directory, use_snapshot=use_snapshot)
    records = 0
    for target in pace.targets(_native(), directory, ring_directory, replica.sequence + 1):
        while replica.sequence < target:
            applied = replica.follow(target - replica.sequence)
            if applied == 0:
                break
            records += applied
        progress(replica.sequence)
        if replica.sequence < target:
            break
    return Replayed(
        sequence=replica.sequence,
        state_hash=replica.state_hash(),
        records=records,
        seconds=(clock_ns() - began_ns) / 1e9,
    )


def verify(directory: Path, ring_directory: str = "") -> dict[str, Any]:
    """Integrity of every file: {ok, records, sequence, segments, faults}."""
    result: dict[str, Any] = _native().verify(str(directory), ring_directory)
    return result


def rebuild_superblock(directory: Path) -> dict[str, Any]:
    """A new superblock for a stopped gateway; RuntimeError names why there is none."""
    found: dict[str, Any] = _native().rebuild_superblock(str(directory))
    return found


def raise_kill_word(ring_directory: Path) -> int:
    """The kill that needs no door; RuntimeError when no gateway's ring is there."""
    word: int = _native().raise_kill_word(str(ring_directory))
    return word


def decoded(
    directory: Path, *, ring_directory: str = "", first: int = 1, last: int = FOREVER
) -> Iterator[dict[str, Any]]:
    """Every record from `first` to `last` as a dict of its fields, in order."""
    native = _native()
    reader = native.Reader(str(directory), ring_directory, first)
    while batch := reader.read(1024):
        for sequence, record in batch:
            if sequence > last:
                return
            yield native.decode(record)


def kind_counts(records: Iterator[dict[str, Any]]) -> dict[str, int]:
    """How many records of each kind, the most frequent first."""
    counts: dict[str, int] = {}
    for record in records:
        kind = str(record["kind"])
        counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def decode(record: bytes) -> dict[str, Any]:
    """One record as a dict of its fields. ValueError: it is none."""
    fields: dict[str, Any] = _native().decode(record)
    return fields
