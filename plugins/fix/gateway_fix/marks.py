"""Market data requests and what they bring: best bid, best ask and last trade of each instrument.
Volatile; must never be taken for a book."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from gateway.api import MarkReport, VenueProtocolError
from gateway.transport.fix_session import Field, FixMessage, parse_time
from gateway_fix.report import number_text

__all__ = ["Marks", "subscription"]

_SIDES = {b"0": "bid", b"1": "ask", b"2": "last"}


def subscription(symbols: list[str], request_id: str) -> list[Field]:
    """V: the top of the book and trades of these, full refreshes."""
    fields: list[tuple[int, str]] = [(262, request_id), (263, "1"), (264, "1"), (265, "0")]
    fields += [(267, "3"), (269, "0"), (269, "1"), (269, "2"), (146, str(len(symbols)))]
    fields += [(55, symbol) for symbol in symbols]
    return [(tag, value.encode()) for tag, value in fields]


class Marks:
    """`tell(fact, ...)` is the port."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._marks: dict[str, MarkReport] = {}

    def take(self, message: FixMessage) -> None:
        """W or X."""
        outer = (message.get(55) or b"").decode("ascii", "replace")
        stamp = parse_time(message.get(52) or b"") or 0
        is_full = message.message_type == b"W"
        changes: dict[str, dict[str, str | None]] = {}
        if is_full:
            changes[outer] = {"bid": None, "ask": None}
        for entry in _entries(message):
            symbol = (entry.get(55) or b"").decode("ascii", "replace") or outer
            side = _SIDES.get(entry.get(269) or b"")
            if side is not None:
                price = None if entry.get(279) == b"2" else number_text(entry, 270)
                changes.setdefault(symbol, {})[side] = price
        for symbol, prices in changes.items():
            if not symbol:
                raise VenueProtocolError("market data without an instrument")
            held = self._marks.get(symbol) or MarkReport(instrument=symbol)
            held = msgspec.structs.replace(held, venue_time_ns=stamp, **prices)
            self._marks[symbol] = held
            self._tell("marked", held)


def _entries(message: FixMessage) -> Iterator[FixMessage]:
    """The entries of 268: each begins with 269 in W, with 279 in X."""
    first = 279 if message.message_type == b"X" else 269
    entry: list[Field] = []
    is_inside = False
    for field in message.fields:
        if field[0] == 268:
            is_inside = True
        elif is_inside:
            if field[0] == first and entry:
                yield FixMessage(entry)
                entry = []
            entry.append(field)
    if entry:
        yield FixMessage(entry)
