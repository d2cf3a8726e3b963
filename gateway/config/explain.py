"""Shows resolved settings with their origin, secrets masked, and the JSON Schemas for editors."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs

from gateway.config.limits import Limits
from gateway.config.settings import Document, Settings

__all__ = ["Explained", "explain", "json_schema", "limits_json_schema"]

MASK = "********"


class Explained(msgspec.Struct, frozen=True):
    """One resolved value: dotted key path, value (masked when secret) and where it came from."""

    path: str
    value: Any
    origin: str  # "default" | "file:line" | "environment NAME" | "automatic"


def explain(settings: Settings) -> list[Explained]:
    """Every setting in the order of the file, then the resolved places."""
    rows: list[Explained] = []
    for field in structs.fields(Document):
        _explain(getattr(settings, field.name), field.name, settings.origins, rows)
    for field in structs.fields(type(settings.places)):
        path = getattr(settings.places, field.name)
        rows.append(Explained(f"places.{field.name}", str(path or ""), "automatic"))
    return rows


def _explain(value: Any, path: str, origins: dict[str, str], rows: list[Explained]) -> None:
    if isinstance(value, msgspec.Struct):
        value = structs.asdict(value)
    is_table = isinstance(value, dict)
    if is_table and value:
        for key, entry in value.items():
            _explain(entry, f"{path}.{key}", origins, rows)
    elif not is_table:
        shown = MASK if ".secrets." in path else value
        rows.append(Explained(path, shown, _origin(path, origins)))


def _origin(path: str, origins: dict[str, str]) -> str:
    """An entry of an inline table has the line of the table; a plain setting only its own."""
    if path in origins:
        return origins[path]
    parent, _, _ = path.rpartition(".")
    is_free = any(mark in f".{parent}." for mark in (".settings.", ".secrets."))
    return origins.get(parent, "default") if is_free else "default"


def json_schema() -> dict[str, Any]:
    """JSON Schema of gateway.toml."""
    return msgspec.json.schema(Document)


def limits_json_schema() -> dict[str, Any]:
    """JSON Schema of limits.toml."""
    return msgspec.json.schema(Limits)
