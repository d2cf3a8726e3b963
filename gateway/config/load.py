"""The one way from files and environment to Settings. Must raise all faults together or return
settings that need no further check."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import inspect, structs

from gateway.config.checks import check_document, check_limit_coverage, check_places
from gateway.config.faults import ConfigError, ConfigFault, Faults, nearest
from gateway.config.limits import DEFAULT, Limits, check_limits
from gateway.config.places import Places, is_on_tmpfs, resolve
from gateway.config.secrets import check_venue_secrets
from gateway.config.settings import Document, GatewaySettings, Settings, VenueSettings
from gateway.config.toml_file import read_toml
from gateway.config.walker import walk

__all__ = ["SIMULATED_ADAPTERS", "is_isolated", "load"]

SIMULATED_ADAPTERS = frozenset({"paper"})
_DEFINING_TABLE = re.compile(r"\[(\w+)\.NAME\]")  # as checks.py says where a name is defined
FIXED_SECTIONS = ("journal", "capacity", "api", "shm", "fix", "observer", "history", "log")
WORDS = {"true": True, "false": False}


def is_isolated(venue: VenueSettings) -> bool:
    """Whether the adapter of a venue runs in a process of its own."""
    if venue.isolation == "auto":
        return venue.adapter not in SIMULATED_ADAPTERS
    return venue.isolation == "process"


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
        _judge_without_document(file, environ, faults)
        raise ConfigError(faults.found)
    origins = {key: f"{file}:{line}" for key, line in faults.lines.items()}
    _apply_environment(data, environ, faults, origins)
    check_venue_secrets(_table(data, "venues"), file.absolute().parent, environ, faults)
    document = walk(Document, data, "", faults)
    if document is None:
        raise ConfigError(faults.found)
    rules = Faults(str(file), faults.lines)
    check_document(document, rules, simulated_adapters=simulated_adapters)
    places = _resolve(document, file, environ, os.getuid() if user_id is None else user_id)
    check_places(places, document, rules, is_in_memory)
    limits = _load_limits(document, places, data, rules)
    faults.found += [fault for fault in rules.found if not _follows(fault, faults.found, data)]
    if faults.found or limits is None:
        raise ConfigError(faults.found)
    return Settings(
        **structs.asdict(document), limits=limits, places=places, file=str(file), origins=origins
    )


def _resolve(document: Document, file: Path, environ: Mapping[str, str], user_id: int) -> Places:
    gateway, api = structs.asdict(document.gateway), structs.asdict(document.api)
    shm = structs.asdict(document.shm)
    return resolve(file, gateway, api, environ, user_id, shm=shm)


def _judge_without_document(file: Path, environ: Mapping[str, str], faults: Faults) -> None:
    """What can be said of the rest when gateway.toml is no TOML: the environment's names, and the
    limits file where it usually lies."""
    _apply_environment({}, environ, faults, {})
    usual = structs.fields(GatewaySettings)
    limits_file = file.absolute().parent / next(f.default for f in usual if f.name == "limits_file")
    if limits_file.is_file():
        limits_faults, data = read_toml(limits_file)
        if data is not None:
            check_limits(data, limits_faults)
        faults.found.extend(limits_faults.found)


def _load_limits(
    document: Document, places: Places, settings: Mapping[str, Any], faults: Faults
) -> Limits | None:
    limits_faults, data = read_toml(places.limits_file)
    if data is None:
        faults.found.extend(limits_faults.found)
        return None
    limits = check_limits(data, limits_faults)
    if limits is not None:
        coverage = Faults(limits_faults.file, limits_faults.lines)
        check_limit_coverage(document, limits, data, faults, coverage)
        written = {**settings, **data}
        limits_faults.found += [
            fault for fault in coverage.found if not _follows(fault, limits_faults.found, written)
        ]
    faults.found.extend(limits_faults.found)
    return limits


def _follows(fault: ConfigFault, first: Sequence[ConfigFault], data: Mapping[str, Any]) -> bool:
    """Whether a rule was broken only because a part had been left out for its own fault: the same
    or the other place is at fault already, or what seems absent stands in the file."""
    other = fault.other.rpartition(" ")[2]
    for each in first:
        is_above = fault.path.startswith(f"{each.path}.") and each.code != "UNKNOWN_KEY"
        if each.path and (each.path in (fault.path, other) or is_above):
            return True
    kind, _, name = fault.path.partition(".")
    if fault.code == "LIMIT_MISSING":
        rows = data.get(kind)
        return isinstance(rows, dict) and (not name or name in rows or DEFAULT in rows)
    if fault.code == "UNKNOWN_NAME":
        table = _DEFINING_TABLE.search(fault.expected)
        return table is not None and fault.given.strip("'") in _table(data, table[1])
    return False


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
