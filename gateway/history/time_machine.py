"""The state at any record or instant: the nearest snapshot and the records since, by the same
`apply` as recovery. Reads files alone, and what it finds has the live engine's state hash."""

from __future__ import annotations

import bisect
import contextlib
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.history.faults import HistoryFault
from gateway.history.mark_samples import Sample
from gateway.journal import JournalPlace, reader
from gateway.journal.beginning import first_kept, first_times

__all__ = [
    "ORDERS_MAX",
    "StateAt",
    "difference",
    "need_within",
    "replica_at",
    "sequence_at",
    "state_at",
    "time_of",
]

ORDERS_MAX = 100_000
RECORDS_PER_STEP = 262_144
_HEAD_TIME = struct.Struct("<q")
_TIME_OFFSET = 24  # of time_ns in a record's header (docs/reference/journal_format.md)
_KEYS = {
    "orders": ("order_id",),
    "positions": ("account", "instrument", "strategy", "leg", "margin_mode"),
    "balances": ("account", "currency"),
    "limits": ("level", "name"),
    "trading_states": ("level", "name"),
}
# Of the row and not of what it stands for, or only sampled: marks leave no record.
_PASSING = frozenset(("sequence", "updated_ns", "mark", "mark_age_ms", "unrealised"))
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StateAt:
    """Rows as every door shows them; `orders` are the open ones. `replica` knows the others."""

    sequence: int
    time_ns: int
    state_hash: str
    orders: list[Row]
    positions: list[Row]
    balances: list[Row]
    limits: list[Row]
    trading_states: list[Row]
    replica: Any

    def rows(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "sequence": self.sequence,
            "time_ns": self.time_ns,
            "state_hash": self.state_hash,
            **{name: getattr(self, name) for name in _KEYS},
        }


def state_at(
    place: JournalPlace,
    *,
    sequence: int | None = None,
    time_ns: int | None = None,
    archive: Path | None = None,
    orders_max: int = ORDERS_MAX,
    between: Callable[[], None] = lambda: None,
    marks: Callable[[int], Iterable[Sample]] = lambda time_ns: (),
) -> StateAt:
    """The state behind a record, or behind the last one at or before an instant; neither = the
    newest. Snapshots of the archive count too; `between` is called now and then and may raise.
    `marks` tells what instruments were worth at an instant. HistoryFault: no such record."""
    if time_ns is not None:
        sequence = sequence_at(place, time_ns)
    replica = replica_at(place, sequence, archive, between)
    with _faults(place, sequence):
        return _state_of(place, replica, orders_max, marks)


def replica_at(
    place: JournalPlace,
    sequence: int | None,
    archive: Path | None = None,
    between: Callable[[], None] = lambda: None,
) -> Any:
    """What state_at takes its rows from; None = at the newest record. HistoryFault as there."""
    if sequence is not None and sequence < 1:
        raise out_of_range(place, 0, sequence)
    snapshots = str(archive / "snapshots") if archive else ""
    with _faults(place, sequence):
        replica = reader.open_replica(
            place.directory,
            str(place.ring_directory),
            use_snapshot=True,
            snapshot_directory=snapshots,
            until=sequence or 0,
        )
        while sequence is None or replica.sequence < sequence:
            between()
            if not replica.follow(RECORDS_PER_STEP, sequence or 0):
                break
    if sequence is not None and replica.sequence < sequence:
        raise out_of_range(place, replica.sequence, sequence)
    if replica.sequence == 0:
        raise HistoryFault("OUT_OF_RANGE", "the journal holds no record")
    return replica


def out_of_range(place: JournalPlace, newest: int, sequence: int) -> HistoryFault:
    """What a sequence outside of the journal is told; `newest` 0 = that was not looked for."""
    first = first_kept(place.directory)
    rule = f"the journal begins at record {first}"
    if newest:
        rule = f"the journal holds records {first} to {newest}"
    return HistoryFault("OUT_OF_RANGE", rule, "sequence", str(sequence))


def need_within(
    place: JournalPlace, sequence: int | None, time_ns: int | None, found: int | None = None
) -> None:
    """HistoryFault: a moment outside of the journal. `found` is the last record up to it where that
    was looked for; an instant behind the end is the end's."""
    if sequence is not None and sequence < 1:
        raise out_of_range(place, 0, sequence)
    if sequence is not None and found is not None and found < sequence:
        raise out_of_range(place, found, sequence)
    starts = first_times(place.directory)
    if time_ns is not None and starts and time_ns < starts[0][1]:
        rule = f"the journal begins at {starts[0][1]} ns"
        raise HistoryFault("OUT_OF_RANGE", rule, "time_ns", str(time_ns))
    if time_ns is not None and found == 0:
        rule = "the journal begins later, or holds no record"
        raise HistoryFault("OUT_OF_RANGE", rule, "time_ns", str(time_ns))


@contextlib.contextmanager
def _faults(place: JournalPlace, sequence: int | None) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        first = first_kept(place.directory)
        if reader.is_before_beginning(error) and first > 1:
            rule = f"records 1 to {first - 1} were deleted, and no snapshot stands before this one"
            raise HistoryFault("OUT_OF_RANGE", rule, "sequence", str(sequence or "")) from None
        raise HistoryFault("BAD_JOURNAL", str(error)) from None


def _state_of(
    place: JournalPlace,
    replica: Any,
    orders_max: int,
    marks: Callable[[int], Iterable[Sample]],
) -> StateAt:
    time_ns = time_of(place, replica.sequence)
    ages = {}
    for sample in marks(time_ns):
        # Of another scale than the engine takes, or of an instrument it did not know: no mark.
        with contextlib.suppress(ValueError):
            replica.set_mark(sample.instrument, sample.mark, max(sample.time_ns, 1))
        ages[sample.instrument] = (time_ns - sample.time_ns) // 1_000_000 + sample.age_ms
    return StateAt(
        sequence=replica.sequence,
        time_ns=time_ns,
        state_hash=replica.state_hash(),
        orders=_orders(replica, is_open=True, limit=orders_max),
        positions=[_aged(row, ages) for row in replica.positions()],
        balances=replica.balances(),
        limits=replica.limits(),
        trading_states=replica.trading_states(),
        replica=replica,
    )


def _aged(row: Row, ages: Mapping[str, int]) -> Row:
    """With the mark's age as of the moment, which the replica does not know."""
    return row if row["mark"] is None else {**row, "mark_age_ms": ages.get(row["instrument"])}


def _orders(replica: Any, *, is_open: bool, limit: int) -> list[Row]:
    try:
        return reader.every_order(replica, is_open=is_open, limit=limit)
    except reader.TooManyOrders as error:
        raise HistoryFault("TOO_LARGE", str(error)) from None


def _reader(place: JournalPlace, sequence: int) -> Any:
    return reader.open_reader(place.directory, str(place.ring_directory), sequence)


def time_of(place: JournalPlace, sequence: int) -> int:
    """When a record was written, ns; 0 = the journal does not hold it."""
    for _, record in _reader(place, sequence).read(1):
        return int(_HEAD_TIME.unpack_from(record, _TIME_OFFSET)[0])
    return 0


def sequence_at(place: JournalPlace, time_ns: int) -> int:
    """The last record at or before an instant. HistoryFault: the journal begins later."""
    need_within(place, None, time_ns)
    starts = first_times(place.directory)
    at = bisect.bisect_right([start for _, start, _ in starts], time_ns)
    records = _reader(place, starts[at - 1][0] if starts else 1)
    found = 0
    try:
        while batch := records.read(4096):
            if _HEAD_TIME.unpack_from(batch[-1][1], _TIME_OFFSET)[0] <= time_ns:
                found = batch[-1][0]
                continue
            times = [_HEAD_TIME.unpack_from(record, _TIME_OFFSET)[0] for _, record in batch]
            inside = bisect.bisect_right(times, time_ns)
            found = batch[inside - 1][0] if inside else found
            break
    except RuntimeError as error:
        raise HistoryFault("BAD_JOURNAL", str(error)) from None
    need_within(place, None, time_ns, found)
    return found


def difference(before: StateAt, after: StateAt) -> list[dict[str, Any]]:
    """What is another between two states: {table, key, change: added | removed | changed, fields:
    {name: [before, after]}}. Orders that came and went between them are there too. HistoryFault:
    the second is the earlier one, or there are too many orders."""
    if before.sequence > after.sequence:
        rule = f"record {before.sequence} is behind record {after.sequence}: name the earlier first"
        raise HistoryFault("BAD_VALUE", rule, "last", str(after.sequence))
    changes: list[dict[str, Any]] = []
    for table, keys in _KEYS.items():
        if table == "orders":
            old, new = _orders_touched(before, after)
        else:
            old = {_key(row, keys): row for row in getattr(before, table)}
            new = {_key(row, keys): row for row in getattr(after, table)}
        for key in sorted({*old, *new}):
            change = _change(old.get(key), new.get(key))
            if change is not None:
                changes.append({"table": table, "key": dict(zip(keys, key, strict=True)), **change})
    return changes


def _orders_touched(
    before: StateAt, after: StateAt
) -> tuple[dict[tuple[str, ...], Row], dict[tuple[str, ...], Row]]:
    every = _orders(after.replica, is_open=False, limit=ORDERS_MAX)
    touched = [row for row in every if row["sequence"] > before.sequence]
    new: dict[tuple[str, ...], Row] = {(row["order_id"],): row for row in touched}
    old: dict[tuple[str, ...], Row] = {}
    for key in new:
        row = before.replica.order(int(key[0]))
        if row is not None:
            old[key] = row
    return old, new


def _key(row: Row, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in keys)


def _change(old: Row | None, new: Row | None) -> dict[str, Any] | None:
    if old is None or new is None:
        row = new or old or {}
        index = 0 if new is None else 1
        pairs = {
            name: [value, None] if index == 0 else [None, value]
            for name, value in row.items()
            if name not in _PASSING and value not in (None, "")
        }
        return {"change": "added" if old is None else "removed", "fields": pairs}
    fields = {
        name: [old.get(name), value]
        for name, value in new.items()
        if name not in _PASSING and old.get(name) != value
    }
    return {"change": "changed", "fields": fields} if fields else None
