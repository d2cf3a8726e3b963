"""What a handler gives back: messages to be sent on the session that asked, in their order.

Handlers are pure: rows in, messages out. They never look at a session, a clock or an engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.transport.fix_session import BusinessReject, Field, FixMessage

__all__ = [
    "FIX_42",
    "FIX_44",
    "FIX_50",
    "NUMBERS_MAX",
    "Answer",
    "MessageForm",
    "Row",
    "count",
    "field",
    "group_values",
    "long_id",
    "text_of",
]

Row: TypeAlias = Mapping[str, Any]
FIX_42, FIX_44, FIX_50 = 42, 44, 50
NUMBERS_MAX: Final = 64  # characters of an id that is repeated in an answer


class Answer(NamedTuple):
    """One message: 35 and its body."""

    message_type: bytes
    fields: list[Field]


class MessageForm(NamedTuple):
    """One message of the rules of engagement."""

    message_type: str
    name: str
    direction: str  # in | out
    since: int  # 42, 44 or 50
    required: str  # fields, as the page shows them
    remarks: str


def field(tag: int, value: str | bytes | int) -> Field:
    """One field; a text is written as UTF-8 without control characters."""
    if isinstance(value, bytes):
        return tag, value
    if isinstance(value, int):
        return tag, b"%d" % value
    clean = "".join(each if each >= " " else " " for each in value)
    return tag, clean.encode()


def count(fields: list[Field], tag: int, entries: Iterable[list[Field]]) -> None:
    """A repeating group: its count, then the entries."""
    rows = list(entries)
    fields.append((tag, b"%d" % len(rows)))
    for row in rows:
        fields += row


def text_of(message: FixMessage, tag: int) -> str:
    """The value, "" when it is absent; bytes that are no UTF-8 are replaced."""
    return (message.get(tag) or b"").decode("utf-8", "replace")


def long_id(request: FixMessage, tag: int) -> BusinessReject | None:
    """The refusal of an id that is longer than an answer repeats."""
    if len(text_of(request, tag)) <= NUMBERS_MAX:
        return None
    return BusinessReject(0, f"{tag} has at most {NUMBERS_MAX} characters")


def group_values(message: FixMessage, tag: int) -> list[str]:
    """Every value of one field, of all entries of its group."""
    return [value.decode("utf-8", "replace") for each, value in message.fields if each == tag]
