"""Security lists: x in, y out. Every instrument the principal may trade, in pages.

Sources: FIX 4.4 and 5.0 SP2, messages SecurityListRequest and SecurityList.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.entry.fix_answers.answer import (
    FIX_50,
    Answer,
    MessageForm,
    Row,
    count,
    field,
    long_id,
    text_of,
)
from gateway.transport.fix_session import BusinessReject, Field, FixMessage

__all__ = ["FORMS", "SECURITIES_MAX", "security_list"]

SECURITIES_MAX: Final = 200  # of one message; a message has at most 64 KiB
_VALID, _UNSUPPORTED, _NOTHING = 0, 1, 2
_ONE, _ALL = "0", "4"
_KINDS: Final = {"spot": "FXSPOT", "linear": "FUT", "inverse": "FUT", "quanto": "FUT"}

FORMS: Final = (
    MessageForm("x", "SecurityListRequest", "in", 44, "320 559", "559: 0 one symbol (55), 4 all"),
    MessageForm(
        "y", "SecurityList", "out", 44, "320 322 560 393 893 146",
        f"at most {SECURITIES_MAX} instruments each, the last with 893=Y; 15 settlement currency, "
        "231 multiplier, 561 lot, 562 least quantity, from 5.0 SP2 969 tick",
    ),
)  # fmt: skip


def security_list(
    request: FixMessage, version: int, instruments: Sequence[Row]
) -> list[Answer] | BusinessReject:
    """`instruments`: the rows the session may see. An answer always comes, also an empty one."""
    request_id = text_of(request, 320)
    if fault := long_id(request, 320):
        return fault
    wanted, kind = text_of(request, 55), text_of(request, 559)
    if kind not in {_ONE, _ALL}:
        return [_list(request_id, 1, _UNSUPPORTED, [], 0, is_last=True, version=version)]
    found = [row for row in instruments if kind == _ALL or row["name"] == wanted]
    if not found:
        return [_list(request_id, 1, _NOTHING, [], 0, is_last=True, version=version)]
    pages = [found[at : at + SECURITIES_MAX] for at in range(0, len(found), SECURITIES_MAX)]
    return [
        _list(
            request_id,
            place,
            _VALID,
            page,
            len(found),
            is_last=place == len(pages),
            version=version,
        )
        for place, page in enumerate(pages, 1)
    ]


def _list(
    request_id: str,
    place: int,
    result: int,
    rows: Sequence[Row],
    total: int,
    *,
    is_last: bool,
    version: int,
) -> Answer:
    fields = [
        field(320, request_id),
        field(322, f"{request_id}.{place}"),
        field(560, result),
        field(393, total),
    ]
    fields.append(field(893, "Y" if is_last else "N"))
    if rows:
        count(fields, 146, (_security(row, version) for row in rows))
    return Answer(b"y", fields)


def _security(row: Row, version: int) -> list[Field]:
    """One entry of 146; the place of its members differs."""
    name = [field(55, str(row["name"])), field(167, _KINDS.get(str(row["kind"]), "FUT"))]
    multiplier, venue = field(231, str(row["multiplier"])), field(207, str(row["venue"]))
    settle, lot = field(15, str(row["settle"])), field(561, str(row["lot"]))
    least = field(562, str(row["quantity_min"]))
    if version >= FIX_50:
        return [*name, multiplier, field(969, str(row["tick"])), venue, least, lot, settle]
    return [*name, multiplier, venue, settle, lot, least]
