"""Market data: V in, W, X and Y out, from the newest prices the gateway has of an instrument.

Best bid and ask, last trade and mark; no depth and no sizes, for the gateway's marks have none.
Updates are conflated: a session that reads slowly gets fewer, never a queue of old ones.
Sources: FIX 4.2, 4.4, 5.0 SP2: MarketDataRequest, SnapshotFullRefresh, IncrementalRefresh,
RequestReject (281).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from typing import Final

from gateway.entry.fix_answers.answer import (
    Answer,
    MessageForm,
    Row,
    count,
    field,
    group_values,
    long_id,
    text_of,
)
from gateway.transport.fix_session import BusinessReject, Field, FixMessage, format_time

__all__ = ["FORMS", "MarketData", "MarketDataLimits"]

_SNAPSHOT, _SUBSCRIBE, _END = "0", "1", "2"
_TOP = "1"
_INCREMENTAL: Final = "1"
# 269 -> the instrument row's key. A venue's mark price goes as settlement price.
_ENTRIES: Final = {"0": "bid", "1": "ask", "2": "last", "6": "mark"}
_NEW, _CHANGED, _GONE = 0, 1, 2
# 281.
_UNKNOWN_SYMBOL, _DUPLICATE_ID, _TOO_MUCH, _NOT_PERMITTED = "0", "1", "2", "3"
_BAD_TYPE, _BAD_DEPTH, _BAD_UPDATE, _BAD_ENTRY = "4", "5", "6", "8"

FORMS: Final = (
    MessageForm("V", "MarketDataRequest", "in", 42, "262 263 264 267 269 146 55",
                "263: 0 once, 1 with updates, 2 no more; 264=1; 265: 0 W again, 1 X (default 0); "
                "269: 0 bid, 1 ask, 2 last, 6 mark"),
    MessageForm("W", "MarketDataSnapshotFullRefresh", "out", 42, "262 55 268 269 270 272 273",
                "one for each instrument; a price that is not known has no entry"),
    MessageForm("X", "MarketDataIncrementalRefresh", "out", 42, "262 268 279 269 55 270",
                "279: 0 new, 1 changed, 2 gone; all changes of one look together"),
    MessageForm("Y", "MarketDataRequestReject", "out", 42, "262 281",
                "281: 0 instrument, 1 262 in use, 2 too many, 3 not permitted, 4 263, 5 264, "
                "6 265, 8 269"),
)  # fmt: skip

_Key = tuple[str, str]  # instrument, 269


@dataclass(frozen=True, kw_only=True)
class MarketDataLimits:
    """Of one session."""

    requests_max: int = 50
    instruments_max: int = 500  # over all requests
    entries_max: int = 500  # of one message


@dataclass(slots=True)
class _Subscription:
    instruments: tuple[str, ...]
    kinds: tuple[str, ...]
    is_incremental: bool
    told: dict[_Key, str] = member(default_factory=dict)


class MarketData:
    """The subscriptions of one session; gone with its logon. `allowed` None = every instrument."""

    def __init__(
        self,
        version: int,
        limits: MarketDataLimits,
        allowed: frozenset[str] | None = None,
    ) -> None:
        self._version, self._limits, self._allowed = version, limits, allowed
        self._subscriptions: dict[str, _Subscription] = {}

    @property
    def is_idle(self) -> bool:
        """Nobody waits for updates."""
        return not self._subscriptions

    def requested(
        self, request: FixMessage, instruments: Mapping[str, Row]
    ) -> list[Answer] | BusinessReject:
        """The answer to V. `instruments`: every row by its name."""
        request_id = text_of(request, 262)
        if answer := long_id(request, 262):
            return answer
        if text_of(request, 263) == _END:
            if self._subscriptions.pop(request_id, None) is None:
                return [_reject(request_id, _DUPLICATE_ID, "no subscription has this 262")]
            return []
        names = tuple(dict.fromkeys(group_values(request, 55)))
        kinds = tuple(dict.fromkeys(group_values(request, 269)))
        fault = self._fault(request, names, kinds, instruments)
        if fault is not None:
            return [_reject(request_id, *fault)]
        is_incremental = text_of(request, 265) == _INCREMENTAL
        wanted = _Subscription(names, kinds, is_incremental)
        if text_of(request, 263) == _SUBSCRIBE:
            self._subscriptions[request_id] = wanted
        return [self._full(request_id, wanted, instruments[name]) for name in names]

    def changed(self, instruments: Mapping[str, Row]) -> list[Answer]:
        """What is new since the last look, one message for each request (and instrument)."""
        answers: list[Answer] = []
        for request_id, each in self._subscriptions.items():
            rows = [instruments[name] for name in each.instruments if name in instruments]
            changes = [change for row in rows for change in _changes(each, row)]
            if not changes:
                continue
            if each.is_incremental:
                answers += self._increments(request_id, each, changes)
            else:
                moved = {name for name, _, _ in changes}
                answers += [
                    self._full(request_id, each, row) for row in rows if row["name"] in moved
                ]
        return answers

    def ended(self) -> None:
        """The session is down."""
        self._subscriptions.clear()

    def _fault(
        self,
        request: FixMessage,
        names: Sequence[str],
        kinds: Sequence[str],
        instruments: Mapping[str, Row],
    ) -> tuple[str, str] | None:
        """281 and a text."""
        limits, held = self._limits, self._subscriptions
        if text_of(request, 263) not in {_SNAPSHOT, _SUBSCRIBE}:
            return _BAD_TYPE, "263: 0, 1 or 2"
        if text_of(request, 262) in held:
            return _DUPLICATE_ID, "262 is in use"
        if text_of(request, 264) != _TOP:
            return _BAD_DEPTH, "264: 1, the best prices"
        if text_of(request, 265) not in {"", "0", _INCREMENTAL}:
            return _BAD_UPDATE, "265: 0 or 1"
        if not kinds or any(kind not in _ENTRIES for kind in kinds):
            return _BAD_ENTRY, "269: " + ", ".join(_ENTRIES)
        total = len(names) + sum(len(each.instruments) for each in held.values())
        if len(held) >= limits.requests_max or total > limits.instruments_max:
            text = f"at most {limits.requests_max} requests, {limits.instruments_max} instruments"
            return _TOO_MUCH, text
        if not names or any(name not in instruments for name in names):
            return _UNKNOWN_SYMBOL, "55: an instrument of the security list"
        if self._allowed is not None and any(name not in self._allowed for name in names):
            return _NOT_PERMITTED, "55: not permitted"
        return None

    def _full(self, request_id: str, wanted: _Subscription, row: Row) -> Answer:
        name, time = str(row["name"]), _time_of(row)
        entries: list[list[Field]] = []
        for kind in wanted.kinds:
            price = row[_ENTRIES[kind]]
            if price is None:
                wanted.told.pop((name, kind), None)
                continue
            wanted.told[name, kind] = str(price)
            entries.append([field(269, kind), field(270, str(price)), *time])
        fields = [field(262, request_id), field(55, name)]
        count(fields, 268, entries)
        return Answer(b"W", fields)

    def _increments(
        self, request_id: str, each: _Subscription, changes: Sequence[tuple[str, str, str | None]]
    ) -> Iterable[Answer]:
        for first in range(0, len(changes), self._limits.entries_max):
            entries: list[list[Field]] = []
            for name, kind, price in changes[first : first + self._limits.entries_max]:
                action = _GONE if price is None else _CHANGED if (name, kind) in each.told else _NEW
                entry = [field(279, action), field(269, kind), field(55, name)]
                if price is None:
                    del each.told[name, kind]
                else:
                    each.told[name, kind] = price
                    entry.append(field(270, price))
                entries.append(entry)
            fields = [field(262, request_id)]
            count(fields, 268, entries)
            yield Answer(b"X", fields)


def _changes(each: _Subscription, row: Row) -> Iterable[tuple[str, str, str | None]]:
    """(instrument, 269, price now); None = there is none any more."""
    name = str(row["name"])
    for kind in each.kinds:
        price = row[_ENTRIES[kind]]
        now = None if price is None else str(price)
        if now != each.told.get((name, kind)):
            yield name, kind, now


def _time_of(row: Row) -> list[Field]:
    """272 and 273 of the newest mark."""
    time_ns = row["mark_time_ns"]
    if time_ns is None:
        return []
    day, _, clock = format_time(int(time_ns)).partition(b"-")
    return [(272, day), (273, clock)]


def _reject(request_id: str, reason: str, text: str) -> Answer:
    return Answer(b"Y", [field(262, request_id), field(281, reason), field(58, text)])
