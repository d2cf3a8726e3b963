"""What limits.toml may put into the engine. The journal wins: the file seeds entities that have no
limits yet; a later difference that raises risk is refused and shown, never applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from gateway.api import RefusedError
from gateway.config import Limits
from gateway.core.engine import Engine

__all__ = ["LimitDifference", "check_limits", "limit_differences", "seed_limits"]

_LEVELS = ("strategy", "account", "venue", "instrument")
# A shorter duplicate window admits more; for every other field more admits more.
_LOWER_IS_RISKIER = frozenset({"duplicate_window_ms"})
_SEED_ACTOR = "limits.toml"


class LimitDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One field where file and journal disagree."""

    level: str
    name: str
    field: str
    journal: str
    file: str
    raises_risk: bool

    def __str__(self) -> str:
        arrow = "raises risk" if self.raises_risk else "lowers risk"
        where = f"{self.level} {self.name}".strip()
        return f"{where} {self.field}: journal {self.journal}, file {self.file} ({arrow})"


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


def check_limits(engine: Engine, limits: Limits) -> list[str]:
    """The differences that lower risk, which the journal overrules. Raises RefusedError(BAD_CONFIG)
    with the whole diff when one raises risk."""
    differences = limit_differences(engine, limits)
    raising = [str(each) for each in differences if each.raises_risk]
    if raising:
        raise RefusedError(
            "BAD_CONFIG",
            field="limits",
            value=f"{len(raising)} differences",
            rule="the journal wins; what raises risk is applied by a named person",
            hint="\n".join(
                [
                    *raising,
                    "make the file equal to the journal; raise afterwards, on the running gateway:"
                    " gateway limits apply FILE --actor NAME --reason TEXT",
                ]
            ),
        )
    return [str(each) for each in differences]


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


def _difference(
    level: str, name: str, field: str, held: Any, value: str | int
) -> LimitDifference | None:
    journal, file = Decimal(str(held)), Decimal(str(value))
    if journal == file:
        return None
    return LimitDifference(
        level=level,
        name=name,
        field=field,
        journal=str(held),
        file=str(value),
        raises_risk=file < journal if field in _LOWER_IS_RISKIER else file > journal,
    )
