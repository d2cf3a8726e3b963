"""One message as its fields, its wire form, and a form for logs that shows no secret.

Must never decide what a message means, nor put a password into a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

from gateway._core.fix import FixFrame, encode_message
from gateway.transport.fix_session.tags import (
    ADMIN_TYPES,
    BODY_LENGTH_SIZED,
    VOLATILE_TYPES,
    MessageType,
    Tag,
    secret_tags,
)

__all__ = [
    "ECHO_BYTES_MAX",
    "Field",
    "FixMessage",
    "decode_own",
    "encode",
    "masked",
    "number_of",
    "without_secrets",
]

Field: TypeAlias = tuple[int, bytes]
_TEXT_MAX = 512
# Of a peer's value in our answer: it must not make the answer longer than a message may be.
ECHO_BYTES_MAX = 1024
_MASKED_TAGS = secret_tags(MessageType.LOGON)


def _any_of(tags: Iterable[int]) -> re.Pattern[bytes]:
    """Finds a field with one of these numbers."""
    return re.compile(b"\x01(?:" + b"|".join(b"%d" % tag for tag in sorted(tags)) + b")=")


_LOGON_SECRET = _any_of(_MASKED_TAGS)
_SECRET = _any_of(secret_tags(b""))


@lru_cache(maxsize=4096)
def _beginning(tag: int) -> bytes:
    """What every field with this number begins with, behind the one before."""
    return b"\x01%d=" % tag


class FixMessage:
    """A whole message, verified by the framer: every field in the order of the wire."""

    __slots__ = ("_fields", "_first", "_number", "data", "frame", "length_fault", "message_type")

    def __init__(self, fields: Sequence[Field], length_fault: int = 0) -> None:
        self._fields: Sequence[Field] | None = fields
        self.length_fault = length_fault  # a length field (95, 212, ...) that does not fit its data
        self.frame: FixFrame | None = None
        self.data = b""  # as it came, for a codec of its own; empty when it did not come by a line
        self._first: dict[int, bytes] | None = None
        self._number: int | None = None  # as the screen read it, which read every field
        self.message_type = self.get(Tag.MSG_TYPE) or b""

    @classmethod
    def of_frame(cls, frame: FixFrame) -> FixMessage:
        """A good frame. Its fields are split when somebody asks for one."""
        message = cls.__new__(cls)
        message._fields = message._first = message._number = None
        message.frame = frame
        message.data = frame.data
        message.length_fault = frame.length_fault
        message.message_type = frame.message_type.encode("latin-1")
        return message

    @property
    def fields(self) -> Sequence[Field]:
        """All of them, 8 and 10 included."""
        if self._fields is None:
            assert self.frame is not None
            self._fields = self.frame.fields()
        return self._fields

    def get(self, tag: int) -> bytes | None:
        """The value of the first field with this number."""
        first = self._first
        if first is None:
            # A tag has one way to be written: what the bytes do not hold needs no splitting.
            is_split = self._fields is not None or tag == Tag.BEGIN_STRING
            if not is_split and _beginning(tag) not in self.data:
                return None
            first = self._first = dict(reversed(self.fields))
        return first.get(tag)

    @property
    def begin_string(self) -> bytes:
        """Field 8."""
        return self.get(Tag.BEGIN_STRING) or b""

    @property
    def number(self) -> int | None:
        """Field 34; None when it is missing or no number."""
        return self._number or number_of(self.get(Tag.MSG_SEQ_NUM))

    def screened(self, number: int) -> None:
        """The screen let it through, with this number in 34."""
        self._number = number

    @property
    def is_possible_duplicate(self) -> bool:
        """Field 43."""
        return self.get(Tag.POSS_DUP_FLAG) == b"Y"

    def is_set(self, tag: int) -> bool:
        """Whether a flag is there and Y."""
        return self.get(tag) == b"Y"

    def echo(self, tag: int) -> bytes:
        """The first value as an answer may repeat it: a long one is cut."""
        return (self.get(tag) or b"")[:ECHO_BYTES_MAX]

    def __repr__(self) -> str:
        return f"FixMessage({masked(self.fields)})"


def number_of(value: bytes | None) -> int | None:
    """A number without sign of at most 18 digits, else None."""
    if value is None or not value.isdigit() or len(value) > 18:
        return None
    return int(value)


def encode(fields: Iterable[Field]) -> bytes:
    """The wire form; BodyLength and CheckSum are made here, the order is the caller's."""
    return encode_message(list(fields))


def decode_own(data: bytes) -> FixMessage:
    """What `encode` made, from the store. Not for bytes of a peer: those go through the framer."""
    fields: list[Field] = []
    position, sized, length = 0, 0, 0
    while position < len(data):
        equals = data.index(b"=", position)
        tag = int(data[position:equals])
        end = equals + 1 + length if tag == sized else data.index(b"\x01", equals)
        value = data[equals + 1 : end]
        sized = BODY_LENGTH_SIZED.get(tag, 0)
        length = number_of(value) or 0
        fields.append((tag, value))
        position = end + 1
    return FixMessage(fields)


def without_secrets(data: bytes) -> tuple[bytes, bool]:
    """What of a message a store may keep for others to read, and whether that may be sent again:
    not an administrative message, nor one that lost a field, nor prices, of which only the type is
    kept."""
    begin = data.find(b"\x0135=") + 4
    message_type = data[begin : data.find(b"\x01", begin)]
    if message_type in VOLATILE_TYPES:
        return data[:begin] + message_type + b"\x01", False
    is_logon = message_type == MessageType.LOGON
    if (_LOGON_SECRET if is_logon else _SECRET).search(data) is None:
        return data, message_type not in ADMIN_TYPES
    secret = secret_tags(message_type)
    lengths = {length for length, sized in BODY_LENGTH_SIZED.items() if sized in secret}
    fields = [each for each in decode_own(data).fields if each[0] not in secret | lengths]
    return b"".join(b"%d=%b\x01" % field for field in fields), False


def masked(fields: Iterable[Field]) -> str:
    """For logs: `35=A|554=***|`. Control bytes are escaped, long messages are cut."""
    shown: list[str] = []
    size = 0
    for tag, value in fields:
        text = "***" if tag in _MASKED_TAGS else _printable(value)
        shown.append(f"{tag}={text}|")
        size += len(shown[-1])
        if size > _TEXT_MAX:
            shown.append("...")
            break
    return "".join(shown)


def _printable(value: bytes) -> str:
    cut = value[:64]
    text = "".join(chr(each) if 32 <= each < 127 else f"\\x{each:02x}" for each in cut)
    return text if len(value) <= 64 else f"{text}..."
