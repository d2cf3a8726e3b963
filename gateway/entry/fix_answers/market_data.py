"""Market data: V in, W, X and Y out, from the newest prices the gateway has of an instrument.

264=1: best bid and ask, last trade and mark as the risk gate knows them, without sizes. Any other
depth: levels with sizes from the market data of the venue, where it is switched on. Updates are
conflated: a session that reads slowly gets fewer, never a queue of old ones.
Sources: FIX 4.2, 4.4, 5.0 SP2: MarketDataRequest, SnapshotFullRefresh, IncrementalRefresh,
RequestReject (281).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from gateway.market import ShownBook
from gateway.transport.fix_session import BusinessReject, Field, FixMessage, format_time

__all__ = ["FORMS", "Books", "MarketData", "MarketDataLimits"]

_SNAPSHOT, _SUBSCRIBE, _END = "0", "1", "2"
_TOP = "1"
_LEVELS_MAX: Final = 20
_INCREMENTAL: Final = "1"
# 269 -> the instrument row's key. A venue's mark price goes as settlement price.
_ENTRIES: Final = {"0": "bid", "1": "ask", "2": "last", "6": "mark"}
_SIDES: Final = ("0", "1")
_NEW, _CHANGED, _GONE = 0, 1, 2
# 281.
_UNKNOWN_SYMBOL, _DUPLICATE_ID, _TOO_MUCH, _NOT_PERMITTED = "0", "1", "2", "3"
_BAD_TYPE, _BAD_DEPTH, _BAD_UPDATE, _BAD_ENTRY = "4", "5", "6", "8"

FORMS: Final = (
    MessageForm("V", "MarketDataRequest", "in", 42, "262 263 264 267 269 146 55",
                "263: 0 once, 1 with updates, 2 no more; 264: 1 best prices, n or 0 (all, 20) "
                "levels with sizes; 265: 0 W again, 1 X (default 0); "
                "269: 0 bid, 1 ask, 2 last, 6 mark"),
    MessageForm("W", "MarketDataSnapshotFullRefresh", "out", 42, "262 55 268 269 270 272 273",
                "one for each instrument; a price that is not known has no entry; of a level also "
                "271 its size and 290 its position, 1 the best"),
    MessageForm("X", "MarketDataIncrementalRefresh", "out", 42, "262 268 279 269 55 270",
                "279: 0 new, 1 changed, 2 gone; all changes of one look together; of a level 290 "
                "says which"),
    MessageForm("Y", "MarketDataRequestReject", "out", 42, "262 281",
                "281: 0 instrument, 1 262 in use, 2 too many, 3 not permitted, 4 263, 5 264, "
                "6 265, 8 269"),
)  # fmt: skip

_Key = tuple[str, int]  # 269, 290 (0: not of a book)
_Told = tuple[str, str]  # 270, 271 ("": it has none)
_Change = tuple[_Key, _Told | None]  # None: there is none any more
Books = Callable[[str], ShownBook | None]


@dataclass(frozen=True, kw_only=True)
class MarketDataLimits:
    """Of one session."""

    requests_max: int = 50
    instruments_max: int = 500  # over all requests
    levels_max: int = 2000  # instruments times levels over all requests; best prices count as one
    entries_max: int = 500  # of one message


@dataclass(slots=True)
class _Subscription:
    instruments: tuple[str, ...]
    kinds: tuple[str, ...]
    is_incremental: bool
    levels: int = 0  # of each side of a book; 0: the best prices of the row
    told: dict[str, dict[_Key, _Told]] = member(default_factory=dict)  # by instrument

    @property
    def cost(self) -> int:
        return len(self.instruments) * max(self.levels, 1)


class MarketData:
    """The subscriptions of one session; gone with its logon. `allowed` None = every instrument."""

    def __init__(
        self,
        version: int,
        limits: MarketDataLimits,
        allowed: frozenset[str] | None = None,
        books: Books = lambda _: None,
    ) -> None:
        self._version, self._limits, self._allowed = version, limits, allowed
        self._books = books
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
        wanted = _Subscription(names, kinds, is_incremental, _levels(text_of(request, 264)) or 0)
        if text_of(request, 263) == _SUBSCRIBE:
            self._subscriptions[request_id] = wanted
        return [self._full(request_id, wanted, instruments[name]) for name in names]

    def changed(self, instruments: Mapping[str, Row]) -> list[Answer]:
        """What is new since the last look, one message for each request (and instrument)."""
        answers: list[Answer] = []
        for request_id, each in self._subscriptions.items():
            rows = [instruments[name] for name in each.instruments if name in instruments]
            moved = [(row, changes) for row in rows if (changes := self._changes(each, row))]
            if each.is_incremental:
                steps = [(str(row["name"]), step) for row, changes in moved for step in changes]
                answers += self._increments(request_id, each, steps)
            else:
                answers += [self._full(request_id, each, row) for row, _ in moved]
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
        levels = _levels(text_of(request, 264))
        if levels is None:
            return _BAD_DEPTH, f"264: 1 the best prices, 0 to {_LEVELS_MAX} levels"
        if text_of(request, 265) not in {"", "0", _INCREMENTAL}:
            return _BAD_UPDATE, "265: 0 or 1"
        if not kinds or any(kind not in _ENTRIES for kind in kinds):
            return _BAD_ENTRY, "269: " + ", ".join(_ENTRIES)
        total = len(names) + sum(len(each.instruments) for each in held.values())
        if len(held) >= limits.requests_max or total > limits.instruments_max:
            text = f"at most {limits.requests_max} requests, {limits.instruments_max} instruments"
            return _TOO_MUCH, text
        cost = len(names) * max(levels, 1) + sum(each.cost for each in held.values())
        if cost > limits.levels_max:
            return _TOO_MUCH, f"at most {limits.levels_max} levels over all instruments"
        if not names or any(name not in instruments for name in names):
            return _UNKNOWN_SYMBOL, "55: an instrument of the security list"
        if self._allowed is not None and any(name not in self._allowed for name in names):
            return _NOT_PERMITTED, "55: not permitted"
        if levels and any(self._books(name) is None for name in names):
            return _BAD_DEPTH, "264: 1; no market data of this instrument is switched on"
        return None

    def _entries(self, wanted: _Subscription, row: Row) -> dict[_Key, _Told]:
        """What stands now, in the order of the answer."""
        name = str(row["name"])
        book = self._books(name) if wanted.levels else None
        sides = {"0": book.bids, "1": book.asks} if book is not None else {}
        found: dict[_Key, _Told] = {}
        for kind in wanted.kinds:
            if kind in sides:
                for position, (price, size) in enumerate(sides[kind][: wanted.levels], 1):
                    found[kind, position] = (price, size)
            elif not (wanted.levels and kind in _SIDES) and row[_ENTRIES[kind]] is not None:
                found[kind, 0] = (str(row[_ENTRIES[kind]]), "")
        return found

    def _changes(self, each: _Subscription, row: Row) -> list[_Change]:
        """What is not as it was told. What is gone comes first and from the worst level up, so that
        it is right for a reader whose lower levels move up, too."""
        now, told = self._entries(each, row), each.told.get(row["name"], {})
        gone = sorted((key for key in told if key not in now), key=lambda key: (key[0], -key[1]))
        changed = [(key, value) for key, value in now.items() if told.get(key) != value]
        return [*((key, None) for key in gone), *changed]

    def _full(self, request_id: str, wanted: _Subscription, row: Row) -> Answer:
        name = str(row["name"])
        book = self._books(name) if wanted.levels else None
        mark_time = _time(row["mark_time_ns"])
        book_time = _time(book.time_ns) if book is not None else []
        now = self._entries(wanted, row)
        wanted.told[name] = now
        entries = [
            [
                field(269, kind),
                *_price(value),
                *(book_time if position else mark_time),
                *_position(position),
            ]
            for (kind, position), value in now.items()
        ]
        fields = [field(262, request_id), field(55, name)]
        count(fields, 268, entries)
        return Answer(b"W", fields)

    def _increments(
        self, request_id: str, each: _Subscription, steps: Sequence[tuple[str, _Change]]
    ) -> Iterable[Answer]:
        for first in range(0, len(steps), self._limits.entries_max):
            entries: list[list[Field]] = []
            for name, (key, value) in steps[first : first + self._limits.entries_max]:
                kind, position = key
                told = each.told.setdefault(name, {})
                action = _GONE if value is None else _CHANGED if key in told else _NEW
                entry = [field(279, action), field(269, kind), field(55, name)]
                if value is None:
                    del told[key]
                else:
                    told[key] = value
                    entry += _price(value)
                entries.append(entry + _position(position))
            fields = [field(262, request_id)]
            count(fields, 268, entries)
            yield Answer(b"X", fields)


def _levels(depth: str) -> int | None:
    """How many of a book 264 asks for; 0 = the best prices alone, None = 264 makes no sense."""
    if not (depth.isascii() and depth.isdigit() and len(depth) <= 4):
        return None
    return 0 if depth == _TOP else min(int(depth) or _LEVELS_MAX, _LEVELS_MAX)


def _price(value: _Told) -> list[Field]:
    price, size = value
    return [field(270, price), *([field(271, size)] if size else [])]


def _position(position: int) -> list[Field]:
    return [field(290, position)] if position else []


def _time(time_ns: int | str | None) -> list[Field]:
    """272 and 273 of what is told; nothing of a time that is not known."""
    if not time_ns:
        return []
    day, _, clock = format_time(int(time_ns)).partition(b"-")
    return [(272, day), (273, clock)]


def _reject(request_id: str, reason: str, text: str) -> Answer:
    return Answer(b"Y", [field(262, request_id), field(281, reason), field(58, text)])
