"""Names of registered things and their dense ids: a mirror of the engine's registries.

The engine is the truth; the mirror is refreshed from it and never invents an id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from gateway.api import RefusedError

__all__ = ["InstrumentNames", "Names"]

_NAME_KEYS = ("name", "symbol", "code")
_UNKNOWN = {
    "instrument": "UNKNOWN_INSTRUMENT",
    "account": "UNKNOWN_ACCOUNT",
    "strategy": "UNKNOWN_STRATEGY",
    "principal": "UNKNOWN_PRINCIPAL",
    "venue": "UNKNOWN_VENUE",
    "currency": "RANGE",
}


class InstrumentNames(NamedTuple):
    """How one instrument is called here and at its venue."""

    id: int
    symbol: str
    venue: str
    venue_symbol: str


class Names:
    """Both directions for the six registries, plus the venue's own spelling of instruments."""

    def __init__(self) -> None:
        self._ids: dict[str, dict[str, int]] = {kind: {} for kind in _UNKNOWN}
        self._names: dict[str, dict[int, str]] = {kind: {} for kind in _UNKNOWN}
        self._venue_symbols: dict[tuple[str, str], int] = {}
        self._instruments: dict[int, InstrumentNames] = {}
        self._on_symbol_moved: list[Callable[[], None]] = []

    def add(self, kind: str, name: str, number: int) -> None:
        """Record a definition the engine has answered."""
        self._ids[kind][name] = number
        self._names[kind][number] = name

    def add_instrument(self, number: int, symbol: str, venue: str, venue_symbol: str) -> None:
        """Record an instrument with its venue's spelling."""
        self.add("instrument", symbol, number)
        has_moved = self._venue_symbols.get((venue, venue_symbol), number) != number
        self._venue_symbols[venue, venue_symbol] = number
        self._instruments[number] = InstrumentNames(number, symbol, venue, venue_symbol)
        if has_moved:
            for told in self._on_symbol_moved:
                told()

    def watch_symbols(self, on_moved: Callable[[], None]) -> None:
        """Called when a venue's spelling names another instrument than before."""
        self._on_symbol_moved.append(on_moved)

    def read(self, kind: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take over what the engine recovered."""
        for row in rows:
            name = next(str(row[key]) for key in _NAME_KEYS if key in row)
            if kind == "instrument":
                venue = row["venue"]
                venue_name = self.name("venue", venue) if isinstance(venue, int) else str(venue)
                self.add_instrument(int(row["id"]), name, venue_name, str(row["venue_symbol"]))
            else:
                self.add(kind, name, int(row["id"]))

    def id(self, kind: str, name: str, field: str = "") -> int:
        """The id of a name. Raises RefusedError(UNKNOWN_*) naming the field."""
        number = self._ids[kind].get(name)
        if number is None:
            raise RefusedError(
                _UNKNOWN[kind], field=field or kind, value=name, rule=f"no {kind} has this name"
            )
        return number

    def find(self, kind: str, name: str) -> int:
        """The id of a name, 0 when there is none."""
        return self._ids[kind].get(name, 0)

    def name(self, kind: str, number: int) -> str:
        """The name of an id; strategy 0 is the EXTERNAL book."""
        if number == 0 and kind == "strategy":
            return "EXTERNAL"
        return self._names[kind][number]

    def all(self, kind: str) -> dict[str, int]:
        """Every name of a registry."""
        return dict(self._ids[kind])

    def venue_instrument(self, venue: str, venue_symbol: str) -> int:
        """Id of an instrument by its venue's spelling, 0 when not registered."""
        return self._venue_symbols.get((venue, venue_symbol), 0)

    def instrument(self, number: int) -> InstrumentNames:
        """Names of a registered instrument."""
        return self._instruments[number]
