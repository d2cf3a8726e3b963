"""Orders that ended so long ago that the state gave their place to others: as they were behind
their last record. Reads records and replays those between; must never guess what none says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gateway.journal import reader
from gateway.journal.beginning import first_kept

__all__ = ["forgotten_orders"]

_REFUSED = 31  # of the kinds of records of orders (core_ext/.../record/kinds.hpp), one of none
_KINDS = range(30, 53)
_HEAD = 64  # bytes of a record before its payload, whose first field is the order's id
_BATCH = 1024
Row = Mapping[str, Any]


def forgotten_orders(
    directory: Path, ring_directory: str, numbers: Iterable[int], last: int
) -> dict[int, Row]:
    """Rows by order id, as of records up to `last`; an order of which the files hold no record has
    none. It reads the whole journal and replays from the snapshot before the first of them.
    RuntimeError: damage on the way."""
    ends = _last_records(directory, ring_directory, frozenset(numbers), last)
    if not ends:
        return {}
    try:
        replica = reader.open_replica(
            directory, ring_directory, use_snapshot=True, until=min(ends.values())
        )
        return dict(_rows_behind(replica, ends))
    except RuntimeError as error:
        if reader.is_before_beginning(error):  # retention left no state from before them
            return {}
        raise


def _last_records(
    directory: Path, ring_directory: str, numbers: frozenset[int], last: int
) -> dict[int, int]:
    """The sequence of the last record of each order."""
    ends: dict[int, int] = {}
    if not numbers:
        return ends
    records = reader.open_reader(directory, ring_directory, first_kept(directory))
    while batch := records.read(_BATCH):
        for sequence, record in batch:
            if sequence > last:
                return ends
            if record[4] in _KINDS and record[4] != _REFUSED and not record[5]:
                number = int.from_bytes(record[_HEAD : _HEAD + 8], "little")
                if number in numbers:
                    ends[number] = sequence
    return ends


def _rows_behind(replica: Any, ends: Mapping[int, int]) -> Iterable[tuple[int, Row]]:
    for number, sequence in sorted(ends.items(), key=lambda each: each[1]):
        while replica.sequence < sequence and replica.follow(until=sequence):
            continue
        row = replica.order(number)
        if row is not None:
            yield number, row
