"""What limits.toml may put into the engine: first limits, and tighter ones. At a start the tighter
of file and journal stands, field by field; only a named person loosens (docs/decisions/0009).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from gateway.config import Limits
from gateway.config.limits import OFF
from gateway.core.engine import Engine

__all__ = ["LimitDifference", "limit_differences", "seed_limits", "tighten_limits"]

_LEVELS = ("strategy", "account", "venue", "instrument")
# A shorter duplicate window admits more; for every other field more admits more.
_LOWER_IS_RISKIER = frozenset(
    {"duplicate_window_ms", "margin_bps", "self_trade_refused"}
    | {"repeat_window_ms", "breaker_window_ms"}
)
# A count of 0 switches these off, which admits more than any number.
_ZERO_IS_OFF = frozenset(
    {"repeat_orders_max", "repeat_fills_max", "fat_finger_soft", "fat_finger_hard"}
    | {"breaker_rejects_max", "breaker_errors_max", "breaker_messages_max", "breaker_move_bps"}
    | {"headroom_age_ms_max", "greeks_age_ms_max"}
)
_SEED_ACTOR = "limits.toml"


class LimitDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One field where file and journal disagree."""

    level: str
    name: str
    field: str
    journal: str
    file: str
    is_file_tighter: bool

    def __str__(self) -> str:
        word = "tighter" if self.is_file_tighter else "looser"
        where = f"{self.level} {self.name}".strip()
        return f"{where} {self.field}: journal {self.journal}, file {self.file} ({word})"


def seed_limits(engine: Engine, limits: Limits) -> int:
    """Give every registered entity without limits its row of the file; returns how many."""
    held = _held(engine)
    seeded = 0
    for (level, name), fields in _wanted(engine, limits).items():
        if (level, name) not in held:
            engine.set_limits(level, name, fields, actor=_SEED_ACTOR, reason="first limits")
            seeded += 1
    return seeded


def limit_differences(engine: Engine, limits: Limits) -> list[LimitDifference]:
    """Every field in which the file differs from what the journal holds."""
    held = _held(engine)
    found: list[LimitDifference] = []
    for (level, name), fields in _wanted(engine, limits).items():
        row = held.get((level, name))
        for field, value in fields.items() if row is not None else ():
            assert row is not None
            difference = _difference(level, name, field, row.get(field), value)
            if difference is not None:
                found.append(difference)
    return found


def tighten_limits(engine: Engine, limits: Limits) -> list[LimitDifference]:
    """Journal what the file holds tighter than the journal, entity by entity and each field for
    itself. Returns all differences; where the file is looser nothing happens."""
    differences = limit_differences(engine, limits)
    held = _held(engine)
    tighter: dict[tuple[str, str], dict[str, str | int]] = {}
    wanted = _wanted(engine, limits)
    for each in differences:
        if each.is_file_tighter:
            key = (each.level, each.name)
            fields = tighter.setdefault(key, {name: held[key][name] for name in wanted[key]})
            fields[each.field] = wanted[key][each.field]
    for (level, name), fields in tighter.items():
        engine.set_limits(level, name, fields, actor=_SEED_ACTOR, reason="tighter at the start")
    return differences


def _wanted(engine: Engine, limits: Limits) -> dict[tuple[str, str], dict[str, str | int]]:
    """The file's row for every registered entity; an entity without a row stays without limits."""
    wanted: dict[tuple[str, str], dict[str, str | int]] = {}
    if limits.firm is not None:
        wanted["firm", ""] = limits.firm.fields()
    for level in _LEVELS:
        for name in engine.names.all(level):
            row = limits.row(level, name)  # type: ignore[arg-type]
            if row is not None:
                wanted[level, name] = row.fields()
    return wanted


def _held(engine: Engine) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {
        (str(row["level"]), "" if row["level"] == "firm" else str(row["name"])): row
        for row in engine.native.limits()
    }


def _admits(field: str, value: Any) -> Decimal:
    is_off = value == OFF or (field in _ZERO_IS_OFF and Decimal(str(value)) == 0)
    return Decimal("Infinity") if is_off else Decimal(str(value))


def _difference(
    level: str, name: str, field: str, held: Any, value: str | int
) -> LimitDifference | None:
    journal, file = _admits(field, held), _admits(field, value)
    if journal == file:
        return None
    return LimitDifference(
        level=level,
        name=name,
        field=field,
        journal=str(held),
        file=str(value),
        is_file_tighter=file > journal if field in _LOWER_IS_RISKIER else file < journal,
    )
