"""Turns a dict into structs field by field, so that every fault is found and not the first alone.
The types and ranges stand in the structs; this module must never know a setting by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from gateway.config.faults import Faults, nearest

__all__ = ["StructType", "describe", "walk"]

_FAULTY: Any = object()  # stands for a value that was noted as wrong
StructType = TypeVar("StructType", bound=msgspec.Struct)


def walk(
    struct: type[StructType], data: Mapping[str, Any], path: str, faults: Faults
) -> StructType | None:
    """Build `struct` from what is right in `data` and note every fault below `path`. What is wrong
    counts as absent, so that later rules can judge the rest; None when a required part is wrong.
    Only a result without faults may be used for anything but finding more of them."""
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    for key in data:
        if key not in fields:
            near = nearest(key, fields)
            faults.add("UNKNOWN_KEY", _join(path, key), "a known key", key, near=near)
    values, is_whole = {}, True
    for name, field in fields.items():
        if name in data:
            value = _value(field.type, data[name], _join(path, name), faults)
            if value is not _FAULTY:
                values[name] = value
                continue
        elif field.required:
            kind = describe(inspect.type_info(field.type))
            faults.add("MISSING_KEY", _join(path, name), kind)
        is_whole = is_whole and not field.required
    return struct(**values) if is_whole else None


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _value(kind: Any, value: Any, path: str, faults: Faults) -> Any:
    info = inspect.type_info(kind)
    info = _bare(info)
    if isinstance(info, inspect.StructType) and isinstance(value, dict):
        part = walk(info.cls, value, path, faults)
        return _FAULTY if part is None else part
    if isinstance(info, inspect.DictType) and isinstance(value, dict):
        return _table(info, value, path, faults)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        _note(str(error), info, value, path, faults)
        return _FAULTY


def _bare(info: Any) -> Any:
    """The type below descriptions, and below `| None` (TOML has no null)."""
    while isinstance(info, inspect.Metadata):
        info = info.type
    if isinstance(info, inspect.UnionType):
        kinds = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
        if len(kinds) == 1:
            return _bare(kinds[0])
    return info


def _table(info: inspect.DictType, value: Mapping[str, Any], path: str, faults: Faults) -> Any:
    """A table with free names: each name and each entry is checked on its own."""
    result = {}
    name_info, entry_info = _bare(info.key_type), _bare(info.value_type)
    for name, entry in value.items():
        entry_path = _join(path, name)
        pattern = getattr(name_info, "pattern", None)
        if pattern and not _matches(pattern, name):
            faults.add("BAD_NAME", entry_path, describe(name_info), name)
        if isinstance(entry_info, inspect.StructType):
            if isinstance(entry, dict):
                part = walk(entry_info.cls, entry, entry_path, faults)
                if part is not None:
                    result[name] = part
            else:
                faults.add("WRONG_TYPE", entry_path, "a table", entry)
        elif isinstance(entry_info, inspect.AnyType):
            result[name] = entry
        elif (scalar := _scalar(entry_info, entry, entry_path, faults)) is not _FAULTY:
            result[name] = scalar
    return result


def _scalar(info: Any, value: Any, path: str, faults: Faults) -> Any:
    if not isinstance(value, str):
        faults.add("WRONG_TYPE", path, describe(info), value)
        return _FAULTY
    if info.pattern and not _matches(info.pattern, value):
        faults.add("BAD_NAME", path, describe(info), value)
        return _FAULTY
    return value


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None and "\n" not in text


def _note(message: str, info: Any, value: Any, path: str, faults: Faults) -> None:
    """Classify one refusal of msgspec by the type that refused and the value it refused."""
    words = _words(info)
    if words and isinstance(value, str):
        if isinstance(info, inspect.UnionType):
            faults.add("WRONG_TYPE", path, describe(info), value, near=nearest(value, words))
        else:
            faults.add("BAD_WORD", path, describe(info), value, near=nearest(value, words))
    elif isinstance(info, inspect.CollectionType) and isinstance(value, list):
        _note_items(info, value, path, faults)
    elif isinstance(info, inspect.UnionType) and isinstance(value, list):
        lists = [kind for kind in info.types if isinstance(kind, inspect.CollectionType)]
        _note_items(lists[0], value, path, faults)
    elif "matching regex" in message:
        faults.add("BAD_NAME", path, describe(info), value)
    elif ">=" in message or "<=" in message or "length" in message:
        faults.add("OUT_OF_RANGE", path, describe(info), value)
    else:
        faults.add("WRONG_TYPE", path, describe(info), value)


def _note_items(info: inspect.CollectionType, items: list[Any], path: str, faults: Faults) -> None:
    if info.min_length and len(items) < info.min_length:
        faults.add("OUT_OF_RANGE", path, describe(info), items)
    item_info = _bare(info.item_type)
    words = _words(item_info)
    for item in items:
        if not isinstance(item, str):
            faults.add("WRONG_TYPE", path, describe(item_info), item)
        elif words and item not in words:
            faults.add("BAD_WORD", path, describe(item_info), item, near=nearest(item, words))
        elif not words and not _matches(item_info.pattern, item):
            faults.add("BAD_NAME", path, describe(item_info), item)


def _words(info: Any) -> list[str]:
    if isinstance(info, inspect.LiteralType):
        return [str(word) for word in info.values]
    if isinstance(info, inspect.UnionType):
        return [word for kind in info.types for word in _words(kind)]
    return []


def describe(info: Any) -> str:
    """What a type accepts, in words."""
    info = _bare(info)
    match info:
        case inspect.IntType():
            return f"a whole number from {info.ge} to {info.le}"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            return "one of " + ", ".join(f'"{word}"' for word in info.values)
        case inspect.CollectionType():
            some = "a non-empty list of " if info.min_length else "a list of "
            return some + describe(info.item_type)
        case inspect.UnionType():
            return " or ".join(describe(kind) for kind in info.types)
        case inspect.StrType():
            return _describe_text(info)
    return "a table"


def _describe_text(info: inspect.StrType) -> str:
    if info.pattern:
        return PATTERNS_IN_WORDS.get(info.pattern, f"text matching {info.pattern}")
    if info.max_length:
        return f"text of at most {info.max_length} characters"
    return "text, not empty" if info.min_length else "text"


PATTERNS_IN_WORDS = {
    r"^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?)?$": 'a time of day, such as "17:00" or '
    '"17:00:30", or ""',
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": 'a time of day, such as "17:00"',
    r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$": 'a name of a time zone, such as "Europe/London"',
    r"^https?://(localhost|127\.0\.0\.[0-9]{1,3}|\[::1\]):[0-9]{1,5}$": "a loopback origin such as "
    '"http://127.0.0.1:8701"',
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,30}$": "a name of 1 to 31 letters, digits, dots, dashes and "
    "underscores",
    r"^[A-Z0-9]{2,12}$": "a currency code of 2 to 12 capital letters or digits",
    r"^[0-9]{1,12}(\.[0-9]{1,18})?$": 'decimal text in quotes, such as "1.0842"',
    r"^[0-9]{1,19}(\.[0-9]{1,8})?$": 'decimal text in quotes, at most 8 decimals, such as "10.5"',
    r"^[0-9]{1,19}(\.[0-9]{1,4})?$": 'decimal text in quotes, at most 4 decimals, such as "1000"',
}
