"""JSON from venues. Small events are read into typed messages by msgspec; of large documents and of
frames that are only routed, cysimdjson reads the fields asked for.

A number must never pass through a double: venues write prices as text, and where one writes a JSON
number its digits are taken as they stand. Nonsense is a VenueProtocolError that says what it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar, cast

import cysimdjson
import msgspec
from msgspec import inspect

from gateway.api import VenueProtocolError

__all__ = [
    "DOCUMENT_BYTES_MAX",
    "FRAME_BYTES_MAX",
    "FrameRouter",
    "JsonReader",
    "LargeDocument",
    "check_unique_keys",
    "decode",
    "exact_text",
]

Message = TypeVar("Message")
DOCUMENT_BYTES_MAX: Final = 64 * 1024 * 1024
FRAME_BYTES_MAX: Final = 4 * 1024 * 1024
_DIGITS_MAX = 100  # More digits than this, or as many zeros by an exponent, are no price.
_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_SHOWN_BYTES = 40
_SMALL_BYTES = 4_096  # of longer documents the pairs are read as fast as their keys are counted
_NESTED = (dict, list)
_UNTYPED = msgspec.json.Decoder(float_hook=str)


class JsonReader(Generic[Message]):
    """Reads documents of one type. Text fields refuse JSON numbers and the other way round; unknown
    fields are passed over. For a venue that writes numbers where text would be exact, declare the
    field `decimal.Decimal` and write it on with `exact_text`: msgspec takes the digits as they
    stand. `float` is refused here, for it could not.

    `has_unique_keys`: a key that stands twice is refused. msgspec alone keeps the last one. Turn it
    off only where nothing is booked by the document.
    """

    def __init__(
        self,
        type: type[Message],
        what: str = "",
        *,
        bytes_max: int = FRAME_BYTES_MAX,
        has_unique_keys: bool = True,
    ) -> None:
        _refuse_floats(cast(Hashable, type))
        # Untyped parts have no exact number, so a fraction there stays the text it was.
        self._decoder = msgspec.json.Decoder(type, strict=True, float_hook=str)
        self._what = what or getattr(type, "__name__", str(type))
        self._bytes_max = bytes_max
        self._has_unique_keys = has_unique_keys

    def read(self, data: bytes) -> Message:
        """Raises VenueProtocolError."""
        if len(data) > self._bytes_max:
            raise VenueProtocolError(f"{self._what}: {len(data)} bytes, over {self._bytes_max}")
        try:
            message = self._decoder.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise _nonsense(self._what, data, error) from None
        if self._has_unique_keys:
            check_unique_keys(data, self._what)
        return message


@lru_cache(maxsize=256)
def _reader(type: Hashable) -> JsonReader[Any]:
    return JsonReader(cast(Any, type), bytes_max=DOCUMENT_BYTES_MAX)


def decode(data: bytes, type: type[Message]) -> Message:
    """One document, checked as `JsonReader` does. Who reads many of one type keeps a `JsonReader`,
    which also names the document in errors and bounds it tightly."""
    return cast(Message, _reader(cast(Hashable, type)).read(data))


def exact_text(value: str | Decimal) -> str:
    """Decimal text without exponent, digit for digit as the venue meant it. Raises
    VenueProtocolError for what is no plain number."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > 2 * _DIGITS_MAX or not _DECIMAL.fullmatch(text):
        raise VenueProtocolError(f"{text[:_SHOWN_BYTES]!r} is no decimal number")
    if "e" not in text and "E" not in text:
        return text
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _DIGITS_MAX:
        raise VenueProtocolError(f"{text!r} has more digits than any price")
    return format(number, "f")


class FrameRouter:
    """Reads single fields of a frame without making an object of the rest. One thread; nothing of
    a frame is kept, because the parser's memory is used again by the next one."""

    def __init__(self, what: str = "frame", *, bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._parser = cysimdjson.JSONParser()
        self._what = what
        self._bytes_max = bytes_max

    def pick(self, data: bytes, *path: str) -> str | int | None:
        """The text or whole number at `path`, None when there is none (or a null)."""
        return self.pick_all(data, path)[0]

    def pick_all(self, data: bytes, *paths: tuple[str, ...]) -> list[str | int | None]:
        """The same for several paths of one frame. Raises VenueProtocolError."""
        root = _parsed(self._parser, data, self._what, self._bytes_max)
        return [self._leaf(root, path) for path in paths]

    def _leaf(self, root: Any, path: tuple[str, ...]) -> str | int | None:
        value = root
        for key in path:
            if not isinstance(value, cysimdjson.JSONObject):
                return None
            value = value.get(key)
        if isinstance(value, float):
            raise VenueProtocolError(f"{self._what}: {'.'.join(path)} is a fraction, not a name")
        return value if isinstance(value, (str, int)) else None


class LargeDocument:
    """A parsed document of which parts are read: pointers are those of RFC 6901 ("/symbols/0").
    It owns its parser, so it stays valid while it is held."""

    def __init__(
        self, data: bytes, what: str = "document", *, bytes_max: int = DOCUMENT_BYTES_MAX
    ) -> None:
        self._parser = cysimdjson.JSONParser()
        self._what = what
        self._root = _parsed(self._parser, data, what, bytes_max)

    def read(self, pointer: str, type: type[Message]) -> Message:
        """The part at `pointer` as a typed message; a fraction written as a number is refused, for
        this parser would have made a double of it."""
        return self._convert(self._at(pointer), type, pointer)

    def each(self, pointer: str, type: type[Message]) -> Iterator[Message]:
        """The elements of the list at `pointer`, one at a time."""
        found = self._at(pointer)
        if not isinstance(found, cysimdjson.JSONArray):
            raise VenueProtocolError(f"{self._what}: no list at {pointer}")
        for at, element in enumerate(found):
            yield self._convert(element, type, f"{pointer}/{at}")

    def count(self, pointer: str) -> int:
        """How many elements or keys stand at `pointer`."""
        found = self._at(pointer)
        if not isinstance(found, (cysimdjson.JSONArray, cysimdjson.JSONObject)):
            raise VenueProtocolError(f"{self._what}: no list and no object at {pointer}")
        return len(found)

    def _at(self, pointer: str) -> Any:
        if not pointer:
            return self._root
        try:
            return self._root.at_pointer(pointer)
        except (LookupError, ValueError, RuntimeError, TypeError, AttributeError):
            raise VenueProtocolError(f"{self._what}: nothing at {pointer}") from None

    def _convert(self, found: Any, type: type[Message], pointer: str) -> Message:
        _refuse_floats(cast(Hashable, type))
        if isinstance(found, (cysimdjson.JSONObject, cysimdjson.JSONArray)):
            found = found.export()
        if _has_double(found):
            raise VenueProtocolError(f"{self._what}{pointer}: a fraction as a JSON number")
        try:
            return msgspec.convert(found, type, strict=True)
        except msgspec.ValidationError as error:
            raise VenueProtocolError(f"{self._what}{pointer}: {error}") from None


def check_unique_keys(data: bytes, what: str = "document") -> None:
    """Raises VenueProtocolError when any object of the JSON has a key twice. A small document that
    has as many colons as different keys has none; any other is read pair by pair (0032)."""
    if len(data) <= _SMALL_BYTES and _has_a_key_per_colon(data):
        return
    try:
        _PAIRS.decode(data.decode())
    except _RepeatedKey as error:
        raise VenueProtocolError(f"{what}: the key {error.args[0][:64]!r} stands twice") from None
    except (ValueError, RecursionError) as error:
        raise _nonsense(what, data, error) from None


def _has_a_key_per_colon(data: bytes) -> bool:
    """Every key stands before a colon of its own, so equal counts leave none for a repeated one. A
    colon inside a text proves nothing, and the exact reading decides."""
    try:
        waiting = [_UNTYPED.decode(data)]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    keys, objects = 0, data.count(b"{")
    while waiting and objects:
        found = waiting.pop()
        if isinstance(found, dict):
            keys += len(found)
            objects -= 1
            found = found.values()
        if objects:
            waiting += [each for each in found if each.__class__ in _NESTED]
    return keys == data.count(b":")


class _RepeatedKey(Exception):
    pass


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _RepeatedKey(key)
        seen.add(key)


_PAIRS: Final = json.JSONDecoder(object_pairs_hook=_distinct, parse_float=str, parse_int=str)


def _parsed(parser: Any, data: bytes, what: str, bytes_max: int) -> Any:
    if len(data) > bytes_max:
        raise VenueProtocolError(f"{what}: {len(data)} bytes, over {bytes_max}")
    try:
        return parser.parse(data)
    except (ValueError, RuntimeError, MemoryError) as error:
        raise _nonsense(what, data, error) from None


def _nonsense(what: str, data: bytes, error: Exception) -> VenueProtocolError:
    """What stands there instead of the document, in words."""
    start = data[:_SHOWN_BYTES].lstrip()
    if not start:
        return VenueProtocolError(f"{what}: an empty answer")
    if start[:1] == b"<":
        return VenueProtocolError(f"{what}: HTML or XML instead of JSON: {start!r}")
    if start[:2] == b"\x1f\x8b":
        return VenueProtocolError(f"{what}: compressed bytes instead of JSON")
    if start[:1] not in b'{["0123456789-tfn':
        return VenueProtocolError(f"{what}: no JSON: {start!r}")
    if isinstance(error, RecursionError) or "DEPTH_ERROR" in str(error):
        return VenueProtocolError(f"{what}: nested too deep")
    return VenueProtocolError(f"{what}, {len(data)} bytes: {error}")


@lru_cache(maxsize=1024)
def _refuse_floats(type: Hashable) -> None:
    """ValueError for a type with a double in it: a mistake of the adapter, found at start."""
    seen: set[int] = set()
    waiting: list[Any] = [inspect.type_info(type)]
    while waiting:
        info = waiting.pop()
        if isinstance(info, inspect.FloatType):
            raise ValueError(f"{type}: a float field would lose digits; declare Decimal or str")
        if id(info) in seen or not isinstance(info, (inspect.Type, inspect.Field)):
            continue
        seen.add(id(info))
        for name in info.__struct_fields__:
            part = getattr(info, name)
            waiting += part if isinstance(part, tuple) else (part,)


def _has_double(value: Any) -> bool:
    """Whether a number in this part of a document went through a double."""
    if isinstance(value, dict):
        return any(map(_has_double, value.values()))
    if isinstance(value, list):
        return any(map(_has_double, value))
    return isinstance(value, float)
