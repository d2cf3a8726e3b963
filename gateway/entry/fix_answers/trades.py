"""Trade capture: AD in, AQ and AE out. Fills that the gateway has, each once, oldest first.

Sources: FIX 4.4 and 5.0 SP2, TradeCaptureReportRequest, its Ack and TradeCaptureReport.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.entry.fix_answers.answer import (
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
from gateway.transport.fix_session import BusinessReject, Field, FixMessage, format_time

__all__ = ["FORMS", "TRADES_MAX", "trade_reports"]

TRADES_MAX: Final = 2_000  # reports of one request
_SIDES: Final = {"buy": "1", "sell": "2"}
_GOOD, _INVALID, _OTHER = 0, 8, 99
_ACCEPTED, _REJECTED = 0, 2
_KINDS: Final = {"0", "1"}

FORMS: Final = (
    MessageForm("AD", "TradeCaptureReportRequest", "in", 44, "568 569",
                "569: 0 or 1; 1, 55, 54, 37, 11, 17 narrow it; 263 absent or 0"),
    MessageForm("AQ", "TradeCaptureReportRequestAck", "out", 44, "568 569 748 749 750",
                "one, before the reports; 749: 0 good, 8 not supported, 99 see 58"),
    MessageForm("AE", "TradeCaptureReport", "out", 44, "571 568 570 17 55 32 31 75 60 552",
                "one for each fill, 748 of them, the last with 912=Y; 1003 the venue's trade id "
                "from 5.0 SP2"),
)  # fmt: skip


def trade_reports(
    request: FixMessage, version: int, fills: Sequence[Row], *, since_ns: int
) -> list[Answer] | BusinessReject:
    """`fills`: those the session may see, oldest first, with the keys execution_id trade_id
    order_id client_order_id account instrument side quantity price time_ns; `since_ns`: from when
    on they are complete."""
    request_id, kind = text_of(request, 568), text_of(request, 569)
    if fault := long_id(request, 568):
        return fault
    if kind not in _KINDS or text_of(request, 263) not in {"", "0"}:
        return [_ack(request, 0, _INVALID, "fills as they are now only: 569=0 or 1, 263=0")]
    found = [row for row in fills if _is_wanted(request, row)]
    if len(found) > TRADES_MAX:
        text = f"{len(found)} fills, at most {TRADES_MAX}: name more fields"
        return [_ack(request, 0, _OTHER, text)]
    reports = [
        _report(request_id, version, row, is_last=place == len(found))
        for place, row in enumerate(found, 1)
    ]
    text = f"fills since {format_time(since_ns).decode()}"
    return [_ack(request, len(found), _GOOD, text), *reports]


def _is_wanted(request: FixMessage, row: Row) -> bool:
    asked = ((1, "account"), (55, "instrument"), (37, "order_id"), (11, "client_order_id"),
             (17, "execution_id"))  # fmt: skip
    for tag, key in asked:
        value = text_of(request, tag)
        if value and value != str(row[key]):
            return False
    side = text_of(request, 54)
    return not side or side == _SIDES[str(row["side"])]


def _ack(request: FixMessage, total: int, result: int, text: str) -> Answer:
    fields = [
        field(568, text_of(request, 568)),
        field(569, text_of(request, 569)[:NUMBERS_MAX]),
        field(748, total),
        field(749, result),
        field(750, _REJECTED if result else _ACCEPTED),
    ]
    return Answer(b"AQ", [*fields, field(58, text)])


def _report(request_id: str, version: int, row: Row, *, is_last: bool) -> Answer:
    time = format_time(int(row["time_ns"]))
    fields: list[Field] = [
        field(571, str(row["execution_id"])),
        field(487, 0),
        field(856, 0),
        field(568, request_id),
        field(570, "N"),
        field(150, "F"),
        field(17, str(row["execution_id"])),
        field(912, "Y" if is_last else "N"),
        field(55, str(row["instrument"])),
        field(32, str(row["quantity"])),
        field(31, str(row["price"])),
        field(75, time[:8]),
        field(60, time),
    ]
    if version >= FIX_50 and row["trade_id"]:
        fields.append(field(1003, str(row["trade_id"])))
    count(fields, 552, [_side(row, version)])
    return Answer(b"AE", fields)


def _side(row: Row, version: int) -> list[Field]:
    """The one entry of 552; the place of its members differs."""
    account = field(1, str(row["account"]))
    names = [field(37, str(row["order_id"] or "NONE"))]
    names += [field(11, str(row["client_order_id"]))] if row["client_order_id"] else []
    rest = [account, *names] if version >= FIX_50 else [*names, account]
    return [field(54, _SIDES[str(row["side"])]), *rest]
