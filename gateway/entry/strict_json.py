"""JSON from outside, read strictly: one object, no key twice, bounded depth and size, real UTF-8.

Every refusal names code, field, the offending value (cut and escaped), rule and the byte offset.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

import msgspec

from gateway.api import RefusedError
from gateway.entry.field_rules import first_fault

__all__ = ["BODY_BYTES_MAX", "DEPTH_MAX", "InputError", "RawNumber", "decode", "quoted", "shown"]

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


def quoted(value: object) -> object:
    """A value as JSON would write it, short; text stays as it is. For the value of an error."""
    if isinstance(value, dict):
        return f"an object of {len(value)} keys"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return value


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
    except msgspec.ValidationError:
        raise _explain(document, kind) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InputError(
                "DUPLICATE_KEY",
                field=shown(key),
                value=f"{quoted(found[key])} and {quoted(value)}",
                rule="each key once",
                hint="Remove one of the two.",
            )
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


def _explain(document: dict[str, Any], kind: type[msgspec.Struct]) -> InputError:
    """The refusal of a document that does not fit its message type."""
    fault = first_fault(document, kind)
    if fault is None:  # the two readings of the type disagree, which tests exclude
        raise AssertionError(f"{kind.__name__} was refused without a fault")
    return InputError(
        fault.code,
        field=shown(fault.field),
        value=quoted(fault.value),
        rule=fault.rule,
        hint=fault.hint,
    )
