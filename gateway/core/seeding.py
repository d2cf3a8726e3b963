"""What configuration may put into the engine at start. The journal wins: limits.toml seeds only an
empty journal, and a later difference that raises risk is refused and shown, never applied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from gateway.api import RefusedError
from gateway.core.engine import Engine

__all__ = ["LimitDifference", "LimitRow", "limit_differences", "seed_limits"]

# More seconds of staleness and a wider collar admit more; a shorter duplicate window does too.
_LOWER_IS_RISKIER = frozenset({"duplicate_window_ms"})


class LimitRow(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one level entity as a file states them."""

    level: str
    name: str
    fields: Mapping[str, str | int]


class LimitDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One field where file and journal disagree."""

    level: str
    name: str
    field: str
    journal: str
    file: str
    raises_risk: bool

    def __str__(self) -> str:
        arrow = "RAISES RISK" if self.raises_risk else "lowers risk"
        where = f"{self.level} {self.name or 'firm'}"
        return f"{where} {self.field}: journal {self.journal}, file {self.file} ({arrow})"


def limit_differences(engine: Engine, rows: Sequence[LimitRow]) -> list[LimitDifference]:
    """Every field in which the file differs from the journal. A row the journal lacks differs in
    nothing: it is new, and seeding it allows what no limit allowed before."""
    held = {(row["level"], _entity(row)): row for row in engine.native.limits()}
    found: list[LimitDifference] = []
    for row in rows:
        known = held.get((row.level, "" if row.level == "firm" else row.name))
        for field, value in row.fields.items() if known is not None else ():
            assert known is not None
            found.extend(_difference(row, field, known.get(field), value))
    return found


def seed_limits(engine: Engine, rows: Sequence[LimitRow], *, actor: str) -> list[str]:
    """Seed an empty journal; otherwise compare. Returns the differences that lower risk and are
    kept as the journal has them. Raises RefusedError(BAD_CONFIG) with the diff when one raises it.
    """
    if not engine.native.limits():
        for row in rows:
            engine.set_limits(
                row.level, row.name, row.fields, actor=actor, reason="seed of an empty journal"
            )
        return []
    held = {(row["level"], _entity(row)) for row in engine.native.limits()}
    missing = [r for r in rows if (r.level, "" if r.level == "firm" else r.name) not in held]
    differences = limit_differences(engine, rows)
    raising = [str(each) for each in differences if each.raises_risk]
    raising += [f"{row.level} {row.name}: not in the journal" for row in missing]
    if raising:
        raise RefusedError(
            "BAD_CONFIG",
            field="limits",
            value="; ".join(raising),
            rule="the journal wins; a file that raises risk is applied by a named person",
            hint="gateway limits apply FILE --actor NAME, or make the file equal to the journal",
        )
    return [str(each) for each in differences]


def _entity(row: Mapping[str, Any]) -> str:
    return "" if row["level"] == "firm" else str(row["name"])


def _difference(row: LimitRow, field: str, held: Any, value: str | int) -> list[LimitDifference]:
    journal, file = Decimal(str(held)), Decimal(str(value))
    if journal == file:
        return []
    raises = file < journal if field in _LOWER_IS_RISKIER else file > journal
    return [
        LimitDifference(
            level=row.level,
            name=row.name,
            field=field,
            journal=str(held),
            file=str(value),
            raises_risk=raises,
        )
    ]
