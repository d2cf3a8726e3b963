"""JSON from outside, read strictly: one object, no key twice, bounded depth and size, real UTF-8.

Every refusal names code, field, the offending value (cut and escaped), rule and the byte offset.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

import msgspec

from gateway.api import RefusedError

__all__ = ["BODY_BYTES_MAX", "DEPTH_MAX", "InputError", "RawNumber", "decode", "shown"]

BODY_BYTES_MAX = 64 * 1024
DEPTH_MAX = 32
_VALUE_CHARACTERS_MAX = 64
_INTEGER_DIGITS_MAX = 19
# Fields that carry decimal text; a JSON number there has already lost its exactness.
_DECIMAL_FIELDS = frozenset(
    {"price", "quantity", "trigger_price", "display_quantity"}
    | {"order_quantity_max", "order_notional_max", "position_long_max", "position_short_max"}
    | {"gross_exposure_max", "net_exposure_max", "credit_max"}
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_AT = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_BACKTICKED = re.compile(r"`([^`]*)`")
_WORDS = re.compile(r"Literal\[(?P<words>.*)\]|Invalid enum value")

Message = TypeVar("Message", bound=msgspec.Struct)


class InputError(RefusedError):
    """A refusal of form, with the byte offset where it is known."""

    def __init__(
        self,
        code: str,
        *,
        field: str = "",
        value: object = "",
        rule: str = "",
        hint: str = "",
        offset: int | None = None,
    ) -> None:
        super().__init__(code, field=field, value=shown(value), rule=rule, hint=hint)
        self.offset = offset


class RawNumber(str):
    """A JSON number as it was written; it is no text and no exact number."""

    __slots__ = ()


def shown(value: object) -> str:
    """A value as an error may quote it: at most 64 characters, control characters escaped."""
    text = value if isinstance(value, str) else str(value)
    cut = text[:_VALUE_CHARACTERS_MAX]
    return "".join(
        c if " " <= c <= "~" else c.encode("unicode_escape", "backslashreplace").decode()
        for c in cut
    )


def decode(body: bytes, kind: type[Message]) -> Message:
    """One message of the given kind. Raises InputError."""
    return convert(parse(body), kind)


def parse(body: bytes) -> dict[str, Any]:
    """One JSON object; numbers with fraction or exponent stay raw. Raises InputError."""
    if len(body) > BODY_BYTES_MAX:
        raise InputError("BODY_TOO_LARGE", value=len(body), rule=f"at most {BODY_BYTES_MAX} bytes")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("BAD_ENCODING", rule="UTF-8 text", offset=error.start) from None
    _check_depth(body)
    try:
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=RawNumber,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode())
        raise InputError("BAD_JSON", rule=f"one JSON object: {error.msg}", offset=offset) from None
    if not isinstance(document, dict):
        raise InputError("BAD_JSON", value=text, rule="one JSON object", offset=0)
    return document


def convert(document: dict[str, Any], kind: type[Message]) -> Message:
    """A parsed object as a message. Raises InputError with the field's path."""
    _check_values(document, "")
    try:
        return msgspec.convert(document, kind, strict=True)
    except msgspec.ValidationError as error:
        raise _explain(str(error), document) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InputError("DUPLICATE_KEY", field=shown(key), rule="each key once")
        found[key] = value
    return found


def _integer(text: str) -> int | RawNumber:
    if text == "-0" or len(text.lstrip("-")) > _INTEGER_DIGITS_MAX:
        return RawNumber(text)
    return int(text)


def _constant(text: str) -> None:
    raise InputError("BAD_NUMBER", value=text, rule="JSON has no such number")


def _check_depth(body: bytes) -> None:
    """Before the parser recurses: brackets outside strings may nest DEPTH_MAX deep."""
    depth = 0
    is_text = is_escaped = False
    for offset, byte in enumerate(body):
        if is_text:
            if is_escaped:
                is_escaped = False
            elif byte == 0x5C:
                is_escaped = True
            elif byte == 0x22:
                is_text = False
        elif byte == 0x22:
            is_text = True
        elif byte in b"{[":
            depth += 1
            if depth > DEPTH_MAX:
                rule = f"at most {DEPTH_MAX} levels"
                raise InputError("TOO_DEEP", rule=rule, offset=offset)
        elif byte in b"}]":
            depth -= 1


def _check_values(value: Any, path: str) -> None:
    """No number where decimal text belongs, no raw number anywhere, no lone surrogate."""
    field = path.rpartition(".")[2]
    if isinstance(value, dict):
        for key, each in value.items():
            if _SURROGATE.search(key):
                raise InputError("BAD_ENCODING", field=shown(key), rule="no lone surrogates")
            _check_values(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for at, each in enumerate(value):
            _check_values(each, f"{path}[{at}]")
    elif isinstance(value, RawNumber):
        rule = "decimal text in quotes" if field in _DECIMAL_FIELDS else "a whole number"
        raise InputError("BAD_NUMBER", field=shown(path), value=str(value), rule=rule)
    elif isinstance(value, str):
        if _SURROGATE.search(value):
            raise InputError(
                "BAD_ENCODING", field=shown(path), value=value, rule="no lone surrogates"
            )
    elif field in _DECIMAL_FIELDS and isinstance(value, int) and not isinstance(value, bool):
        raise InputError(
            "BAD_NUMBER", field=shown(path), value=value, rule="decimal text in quotes"
        )


def _explain(text: str, document: dict[str, Any]) -> InputError:
    """The refusal behind a validation message of msgspec."""
    at = _AT.search(text)
    path = at["path"] if at else ""
    named = _BACKTICKED.search(text)
    inside = named[1] if named else ""
    if "missing required field" in text:
        field = f"{path}.{inside}".lstrip(".")
        return InputError("MISSING_FIELD", field=field, rule="this field is required")
    if "unknown field" in text:
        field = f"{path}.{inside}".lstrip(".")
        return InputError("UNKNOWN_FIELD", field=shown(field), rule="no such field")
    value = _value_at(document, path)
    rule = text.partition(" - at ")[0]
    if "Invalid enum value" in text or "Invalid value" in text:
        return InputError("BAD_ENUM", field=path, value=value, rule=rule)
    if "Expected `str` of length" in text or "matching regex" in text:
        return InputError(_text_code(path), field=path, value=value, rule=rule)
    if "Expected `int` >=" in text or "Expected `int` <=" in text or "out of range" in text:
        return InputError("RANGE", field=path, value=value, rule=rule)
    return InputError("BAD_TYPE", field=path, value=value, rule=rule)


def _text_code(path: str) -> str:
    field = path.rpartition(".")[2]
    if field == "client_order_id":
        return "BAD_CLIENT_ID"
    return "BAD_NUMBER" if field in _DECIMAL_FIELDS else "BAD_SYMBOL"


def _value_at(document: Any, path: str) -> object:
    value = document
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return ""
        value = value[key]
    return value
