"""The one way from files and environment to Settings. Must raise all faults together or return
settings that need no further check."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from msgspec import inspect, structs

from gateway.config.checks import check_document, check_limit_coverage, check_places
from gateway.config.faults import ConfigError, Faults, nearest
from gateway.config.limits import Limits, check_limits
from gateway.config.places import Places, is_on_tmpfs, resolve
from gateway.config.secrets import check_venue_secrets
from gateway.config.settings import Document, GatewaySettings, Settings
from gateway.config.toml_file import read_toml
from gateway.config.walker import walk

__all__ = ["SIMULATED_ADAPTERS", "load"]

SIMULATED_ADAPTERS = frozenset({"paper"})
FIXED_SECTIONS = ("journal", "capacity", "api", "shm", "observer", "log")
WORDS = {"true": True, "false": False}


def load(
    path: Path | str,
    environ: Mapping[str, str] | None = None,
    *,
    simulated_adapters: Collection[str] = SIMULATED_ADAPTERS,
    user_id: int | None = None,
    is_in_memory: Callable[[Path], bool] = is_on_tmpfs,
) -> Settings:
    """Read, check and resolve one configuration. Raises ConfigError with every fault found."""
    environ = os.environ if environ is None else environ
    file = Path(path)
    faults, data = read_toml(file)
    if data is None:
        raise ConfigError(faults.found)
    origins = {key: f"{file}:{line}" for key, line in faults.lines.items()}
    _apply_environment(data, environ, faults, origins)
    check_venue_secrets(_table(data, "venues"), file.absolute().parent, environ, faults)
    document = walk(Document, data, "", faults)
    if document is None:
        raise ConfigError(faults.found)
    check_document(document, faults, simulated_adapters=simulated_adapters)
    places = _resolve(document, file, environ, os.getuid() if user_id is None else user_id)
    check_places(places, document, faults, is_in_memory)
    limits = _load_limits(document, places, faults)
    if faults.found or limits is None:
        raise ConfigError(faults.found)
    return Settings(
        **structs.asdict(document), limits=limits, places=places, file=str(file), origins=origins
    )


def _resolve(document: Document, file: Path, environ: Mapping[str, str], user_id: int) -> Places:
    gateway, api = structs.asdict(document.gateway), structs.asdict(document.api)
    shm = structs.asdict(document.shm)
    return resolve(file, gateway, api, environ, user_id, shm=shm)


def _load_limits(document: Document, places: Places, faults: Faults) -> Limits | None:
    limits_faults, data = read_toml(places.limits_file)
    limits = check_limits(data, limits_faults) if data is not None else None
    if limits is not None:
        check_limit_coverage(document, limits, faults, limits_faults)
    faults.found.extend(limits_faults.found)
    return limits


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = data.get(name)
    return table if isinstance(table, dict) else {}


def _apply_environment(
    data: dict[str, Any],
    environ: Mapping[str, str],
    faults: Faults,
    origins: dict[str, str],
) -> None:
    """GATEWAY_KEY sets a key of [gateway], GATEWAY_TABLE_KEY one of another fixed table."""
    known = _variables()
    for variable, text in environ.items():
        if variable in known:
            table, key = known[variable]
            section = data.setdefault(table, {})
            if isinstance(section, dict):
                section[key] = _from_text(text, table, key)
                origins[f"{table}.{key}"] = f"environment {variable}"
        elif variable.startswith(tuple(f"GATEWAY_{name.upper()}_" for name in FIXED_SECTIONS)):
            near = nearest(variable.lower(), {name.lower() for name in known}).upper()
            faults.add("UNKNOWN_KEY", variable, "a known setting", near=near)


def _variables() -> dict[str, tuple[str, str]]:
    found = {
        f"GATEWAY_{field.name.upper()}": ("gateway", field.name)
        for field in structs.fields(GatewaySettings)
    }
    for section in structs.fields(Document):
        if section.name in FIXED_SECTIONS:
            for field in structs.fields(section.type):
                name = f"GATEWAY_{section.name}_{field.name}".upper()
                found[name] = (section.name, field.name)
    return found


def _from_text(text: str, table: str, key: str) -> object:
    """Environment text as the type of its setting; what does not fit stays text and is refused."""
    section = next(field for field in structs.fields(Document) if field.name == table)
    field = next(field for field in structs.fields(section.type) if field.name == key)
    kind = inspect.type_info(field.type)
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.IntType):
        return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else text
    if isinstance(kind, inspect.BoolType):
        return WORDS.get(text, text)
    return text
