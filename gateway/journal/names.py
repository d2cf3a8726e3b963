"""What the numbers in records are called, learned from the records themselves in their order. Knows
what it was shown and nothing more; an unknown number stays a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.journal.words import LEVELS

__all__ = ["EXTERNAL", "NamesLearned"]

Row = Mapping[str, Any]
EXTERNAL = "EXTERNAL"
_DEFINED = {
    "currency_defined": ("currency", "code"),
    "venue_defined": ("venue", "name"),
    "instrument_defined": ("instrument", "symbol"),
    "account_defined": ("account", "name"),
    "strategy_defined": ("strategy", "name"),
    "principal_defined": ("principal", "name"),
    "fix_session_defined": ("session", "name"),
}


class NamesLearned:
    """One journal's registries as of the newest record that was shown."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], Row] = {}
        self._names: dict[tuple[str, int], str] = {("strategy", 0): EXTERNAL}

    def learn(self, record: Row) -> None:
        """Any record; those that define something are kept."""
        defined = _DEFINED.get(record["kind"])
        if defined is not None:
            kind, field = defined
            self._rows[kind, record["id"]] = record
            self._names[kind, record["id"]] = record[field]

    def name(self, kind: str, number: int) -> str:
        """What the thing is called, else its kind and number."""
        return self._names.get((kind, number), f"{kind} {number}")

    def row(self, kind: str, number: int) -> Row:
        """The newest definition. KeyError: there was none."""
        return self._rows[kind, number]

    def all(self, kind: str) -> dict[int, Row]:
        """Every definition of a kind, by number."""
        return {number: row for (known, number), row in self._rows.items() if known == kind}

    def level(self, level: int, number: int) -> str:
        """A level entity: `account main`, `firm`."""
        kind = LEVELS[level] if 0 <= level < len(LEVELS) else f"level {level}"
        return kind if kind == "firm" else f"{kind} {self.name(kind, number)}"
