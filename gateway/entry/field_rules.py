"""What each field of a message takes, in our own words: the one place that turns a type into a rule
and finds the first fault of a document. It knows types alone, never a field's meaning at a venue.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

__all__ = ["Fault", "first_fault", "near_hint", "rule_of"]

_JSON_KINDS: dict[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class Fault(NamedTuple):
    """Where a document leaves its type, in the words of an error."""

    code: str
    field: str
    value: object
    rule: str
    hint: str = ""


def first_fault(document: Mapping[str, Any], kind: type[msgspec.Struct]) -> Fault | None:
    """The first fault in the order: unknown fields, absent fields, values. None = it fits."""
    return _struct_fault(_info(kind), document, "")


def rule_of(info: Any) -> str:
    """What a type takes: `one of "buy", "sell"`, `a whole number from 0 to 9`, ..."""
    described, bare = _parts(info)
    match bare:
        case inspect.LiteralType():
            return "one of " + ", ".join(f'"{word}"' for word in bare.values)
        case inspect.IntType():
            return f"a whole number from {bare.ge} to {bare.le}"
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            most = f"text of at most {bare.max_length} characters" if bare.max_length else "text"
            return described or most
        case inspect.DictType() | inspect.StructType():
            return "an object"
    return described or "text or a whole number"


def near_hint(word: object, known: Iterable[str]) -> str:
    """The known word that a typing mistake most likely meant, as a question; else nothing."""
    text = str(word)
    by_lower = {each.lower(): each for each in known}
    near = get_close_matches(text.strip().lower().replace("-", "_"), by_lower, n=1, cutoff=0.6)
    return f'Did you mean "{by_lower[near[0]]}"?' if near else ""


@cache
def _info(kind: type[msgspec.Struct]) -> inspect.StructType:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info


def _parts(info: Any) -> tuple[str, Any]:
    """(description, type) below the metadata and below `| None`, whose null is told elsewhere."""
    described = ""
    while isinstance(info, inspect.Metadata):
        described = described or (info.extra_json_schema or {}).get("description", "")
        info = info.type
    if isinstance(info, inspect.UnionType):
        kinds = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
        if len(kinds) == 1:
            return _parts(kinds[0])
    return described, info


def _takes_null(info: Any) -> bool:
    while isinstance(info, inspect.Metadata):
        info = info.type
    kinds = info.types if isinstance(info, inspect.UnionType) else ()
    return any(isinstance(kind, inspect.NoneType) for kind in kinds)


def _struct_fault(info: inspect.StructType, document: Mapping[str, Any], path: str) -> Fault | None:
    fields = {field.encode_name: field for field in info.fields}
    known = [*fields, *([info.tag_field] if info.tag_field else [])]
    for key, value in document.items():
        if key not in known:
            rule = "the fields are " + ", ".join(known)
            return Fault("UNKNOWN_FIELD", _join(path, key), value, rule, near_hint(key, known))
    for name, field in fields.items():
        if field.required and name not in document:
            rule = f"required: {rule_of(field.type)}"
            return Fault("MISSING_FIELD", _join(path, name), "", rule, f'Add "{name}".')
    for name, field in fields.items():
        if name in document:
            found = _value_fault(field.type, document[name], _join(path, name))
            if found is not None:
                return found
    return None


def _value_fault(info: Any, value: Any, path: str) -> Fault | None:
    if value is None and _takes_null(info):
        return None
    _, bare = _parts(info)
    match bare:
        case inspect.StructType() if isinstance(value, dict):
            return _struct_fault(bare, value, path)
        case inspect.DictType() if isinstance(value, dict):
            entries = ((_join(path, key), entry) for key, entry in value.items())
            faults = (_value_fault(bare.value_type, entry, where) for where, entry in entries)
            return next((fault for fault in faults if fault is not None), None)
        case inspect.UnionType():
            is_known = any(_has_type(kind, value) for kind in bare.types)
            return None if is_known else _wrong_type(info, value, path)
    return _scalar_fault(info, bare, value, path)


def _scalar_fault(info: Any, bare: Any, value: Any, path: str) -> Fault | None:
    """A single value against its type: the type first, then words, range and spelling."""
    if not _has_type(bare, value):
        return _wrong_type(info, value, path)
    rule = rule_of(info)
    match bare:
        case inspect.LiteralType() if value not in bare.values:
            return Fault("BAD_ENUM", path, value, rule, near_hint(value, map(str, bare.values)))
        case inspect.IntType() if not _is_in_range(bare, value):
            return Fault("RANGE", path, value, rule)
        case inspect.StrType() if not _is_spelled(bare, value):
            return Fault(_text_code(path, rule), path, value, rule)
    return None


def _has_type(bare: Any, value: Any) -> bool:
    match bare:
        case inspect.LiteralType() | inspect.StrType():
            return isinstance(value, str)
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
    return False


def _wrong_type(info: Any, value: Any, path: str) -> Fault:
    kind = next((text for each, text in _JSON_KINDS.items() if type(value) is each), "a value")
    return Fault("BAD_TYPE", path, value, f"{rule_of(info)}, not {kind}")


def _is_in_range(info: inspect.IntType, value: int) -> bool:
    is_low = info.ge is not None and value < info.ge
    return not is_low and not (info.le is not None and value > info.le)


def _is_spelled(info: inspect.StrType, value: str) -> bool:
    is_long = info.max_length is not None and len(value) > info.max_length
    return not is_long and (info.pattern is None or re.search(info.pattern, value) is not None)


def _text_code(path: str, rule: str) -> str:
    if path.rpartition(".")[2] == "client_order_id":
        return "BAD_CLIENT_ID"
    return "BAD_NUMBER" if rule.startswith("decimal text") else "BAD_SYMBOL"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
