"""What the desk tells its counterparties: h for a venue that opens or closes, B for words of an
operator. Pure.

Sources: FIX 4.2 to 5.0 SP2, TradingSessionStatus and News.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.entry.fix_answers.answer import (
    FIX_42,
    FIX_50,
    NUMBERS_MAX,
    Answer,
    MessageForm,
    Row,
    count,
    field,
    long_id,
    text_of,
)
from gateway.transport.fix_session import BusinessReject, FixMessage, format_time

__all__ = [
    "FORMS",
    "LINES_MAX",
    "news",
    "trading_session_status",
    "venue_asked",
    "venue_status",
]

LINES_MAX: Final = 50
_LINE_MAX: Final = 500
_HALTED, _OPEN, _CLOSED, _PRE_OPEN, _REFUSED = 1, 2, 3, 4, 6
_SESSION, _MARKET = 336, 1301
_URGENCY: Final = {"normal": 0, "flash": 1, "background": 2}

FORMS: Final = (
    MessageForm("g", "TradingSessionStatusRequest", "in", 42, "335 263",
                "336 (5.0 SP2: 1301) the venue, absent = all; 263: 0 now, 1 now and every "
                "change, 2 no more"),
    MessageForm("h", "TradingSessionStatus", "out", 42, "336 340",
                "336 (5.0 SP2: 1301) the venue; 340: 1 halted, 2 open, 3 down, 4 being "
                "compared, 6 no such venue; 325=Y when nobody asked"),
    MessageForm("B", "News", "out", 42, "148 33 58", "words of an operator; 61 urgency"),
)  # fmt: skip


def venue_status(row: Row, *, is_halted: bool) -> int:
    """340 of a venue's row of /v1/status."""
    if is_halted:
        return _HALTED
    if row["reconciled"]:
        return _OPEN
    return _CLOSED if row["state"] == "down" else _PRE_OPEN


def trading_session_status(
    request: FixMessage | None, version: int, venues: Iterable[tuple[str, int]], *, now_ns: int
) -> list[Answer] | BusinessReject:
    """One message for each (venue, 340) that was asked for, or that changed: `request` None."""
    request_id = text_of(request, 335) if request is not None else ""
    if request is not None and (fault := long_id(request, 335)):
        return fault
    wanted = venue_asked(request, version)
    found = [(venue, status) for venue, status in venues if wanted in {"", venue}]
    if found or not wanted:
        return [_status(request_id, (venue, status), version, now_ns) for venue, status in found]
    if version == FIX_42:  # 340=6 came later
        return BusinessReject(1, "Unknown TradingSessionID", request_id.encode(), 336)
    return [_status(request_id, (wanted[:NUMBERS_MAX], _REFUSED), version, now_ns)]


def venue_asked(request: FixMessage | None, version: int) -> str:
    """5.0 SP2 gave 336 values of its own; the venue is its market there."""
    if request is None:
        return ""
    return text_of(request, _MARKET if version >= FIX_50 else _SESSION)


def _status(request_id: str, state: tuple[str, int], version: int, now_ns: int) -> Answer:
    fields = [field(335, request_id)] if request_id else [field(325, "Y")]
    if version >= FIX_50:
        fields += [field(_SESSION, "1"), field(_MARKET, state[0])]
    else:
        fields.append(field(_SESSION, state[0]))
    fields.append(field(340, state[1]))
    return Answer(b"h", [*fields, field(58, f"as of {format_time(now_ns).decode()}")])


def news(headline: str, lines: Iterable[str], *, now_ns: int, urgency: str = "normal") -> Answer:
    """`urgency`: normal, flash or background. Long texts are cut."""
    kept = [line[:_LINE_MAX] for line in lines][:LINES_MAX] or [headline[:_LINE_MAX]]
    fields = [
        (42, format_time(now_ns)),
        field(61, _URGENCY[urgency]),
        field(148, headline[:_LINE_MAX]),
    ]
    count(fields, 33, ([field(58, line or " ")] for line in kept))
    return Answer(b"B", fields)
