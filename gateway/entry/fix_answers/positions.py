"""Positions: AN in, AO and AP out. What the venue would state: every book of an account and
instrument together, the EXTERNAL one too.

Sources: FIX 4.4 and 5.0 SP2, RequestForPositions and PositionReport. Never an estimate: a value
that is not known is left out, or 0 where 4.4 wants the field.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from gateway.core.positions import position_totals
from gateway.entry.fix_answers.answer import (
    FIX_44,
    NUMBERS_MAX,
    Answer,
    MessageForm,
    Row,
    count,
    field,
    long_id,
    text_of,
)
from gateway.transport.fix_session import BusinessReject, Field, FixMessage

__all__ = ["FORMS", "POSITIONS_MAX", "position_reports"]

POSITIONS_MAX: Final = 2_000  # reports of one request
_FOUND, _NOTHING, _UNSUPPORTED, _OTHER = 0, 2, 4, 99
_COMPLETED, _REJECTED = 0, 2
_POSITIONS, _SNAPSHOT, _THEORETICAL = "0", {"", "0"}, 2

FORMS: Final = (
    MessageForm("AN", "RequestForPositions", "in", 44, "710 724 1 581 715 60",
                "724=0, 263 absent or 0; 55 and 1=* narrow or widen it"),
    MessageForm("AO", "RequestForPositionsAck", "out", 44, "721 710 727 728 729 1 581",
                "one, before the reports; 728: 0 found, 2 none, 4 not supported, 99 see 58"),
    MessageForm("AP", "PositionReport", "out", 44, "721 710 727 728 715 1 581 55 702",
                "one for each account and instrument, 703=TQ; 704 long, 705 short; in 4.4 730 is "
                "the mark (731=2) or 0, 734 0"),
)  # fmt: skip


def position_reports(
    request: FixMessage,
    version: int,
    positions: Iterable[Row],
    *,
    accounts: frozenset[str],
    date: str,
) -> list[Answer] | BusinessReject:
    """The acknowledgement and a report for each position of `accounts`, those the session may see.
    `date`: YYYYMMDD of today, for 715."""
    if fault := long_id(request, 710):
        return fault
    account, instrument = text_of(request, 1), text_of(request, 55)
    wanted = accounts if account in {"", "*"} else accounts & {account}
    if text_of(request, 724) != _POSITIONS or text_of(request, 263) not in _SNAPSHOT:
        return [_ack(request, 0, _UNSUPPORTED, "positions as they are now only: 724=0, 263=0")]
    rows = [
        row
        for row in positions
        if row["account"] in wanted and (not instrument or row["instrument"] == instrument)
    ]
    found = _held(rows)
    if not found:
        return [_ack(request, 0, _NOTHING, "")]
    if len(found) > POSITIONS_MAX:
        return [
            _ack(request, 0, _OTHER, f"{len(found)} positions, at most {POSITIONS_MAX}: name 55")
        ]
    reports = [
        _report(request, version, held, date, (place, len(found)))
        for place, held in enumerate(found, 1)
    ]
    return [_ack(request, len(found), _FOUND, ""), *reports]


class _Held(NamedTuple):
    """One position as the venue would state it."""

    account: str
    instrument: str
    long: Decimal
    short: Decimal
    mark: str | None


def _held(rows: Sequence[Row]) -> list[_Held]:
    """In the order of their names; what is flat on both sides is no position."""
    marks = {str(row["instrument"]): row.get("mark") for row in rows}
    sides: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 2)
    for (account, instrument, leg), quantity in position_totals(rows).items():
        is_short = quantity < 0 or leg == "short"
        sides[account, instrument][is_short] += abs(quantity)
    return [
        _Held(account, instrument, long, short, marks[instrument])
        for (account, instrument), (long, short) in sorted(sides.items())
        if long or short
    ]


def _account_of(request: FixMessage) -> str:
    return text_of(request, 1)[:NUMBERS_MAX] or "*"


def _ack(request: FixMessage, total: int, result: int, text: str) -> Answer:
    request_id = text_of(request, 710)
    is_refused = result in {_UNSUPPORTED, _OTHER}
    fields = [
        field(721, f"{request_id}.0"),
        field(710, request_id),
        field(727, total),
        field(728, result),
        field(729, _REJECTED if is_refused else _COMPLETED),
        field(1, _account_of(request)),
        field(581, text_of(request, 581)[:NUMBERS_MAX] or "1"),
    ]
    if text:
        fields.append(field(58, text))
    return Answer(b"AO", fields)


def _report(
    request: FixMessage, version: int, held: _Held, date: str, place: tuple[int, int]
) -> Answer:
    request_id = text_of(request, 710)
    fields = [
        field(721, f"{request_id}.{place[0]}"),
        field(710, request_id),
        field(724, _POSITIONS),
        field(727, place[1]),
        field(728, _FOUND),
        field(715, date),
        field(1, held.account),
        field(581, text_of(request, 581)[:NUMBERS_MAX] or "1"),
        field(55, held.instrument),
    ]
    if held.mark is not None or version == FIX_44:
        fields += [field(730, held.mark or "0"), field(731, _THEORETICAL), field(734, "0")]
    count(fields, 702, [_sides(held.long, held.short)])
    return Answer(b"AP", fields)


def _sides(long: Decimal, short: Decimal) -> list[Field]:
    fields = [field(703, "TQ")]
    fields += [field(704, format(long, "f"))] if long else []
    fields += [field(705, format(short, "f"))] if short else []
    return [*fields, field(706, 0)]
