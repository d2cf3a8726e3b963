"""Greeks as a stream: what each position and each sum of the desk moves like, from the view's own
rows and the newest marks. An estimate for people; it must never reach the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from gateway.analytics.aggregation import MapEntry, contracts_by_map
from gateway.analytics.greek_book import (
    GreekInput,
    aged_marks,
    book_of,
    greek_rows,
    position_rows,
)
from gateway.config.faults import ConfigError
from gateway.journal import Mark, Row
from gateway.stream.channels import key_of
from gateway.valuation.option_terms import OptionBook, OptionSettings, load_options

__all__ = ["GreekDesk", "GreekStep"]

NAMES = ("account", "strategy", "instrument", "venue")
_NO_NAMES: Mapping[str, None] = dict.fromkeys(NAMES)


class GreekStep(NamedTuple):
    """Rows of the channel, or why there are none."""

    rows: Mapping[str, Row] = {}
    waiting: str = ""


class GreekDesk:
    """One thread at a time may call it."""

    def __init__(
        self,
        path: Path | None,
        marks: Callable[[], Iterable[Mark]],
        clock_ns: Callable[[], int],
        age_ms_max: int,
        instrument_map: Mapping[str, MapEntry] = MappingProxyType({}),
    ) -> None:
        """`path`: what is an option; None = what the names of instruments say."""
        self._marks, self._clock_ns, self._age_ms_max = marks, clock_ns, age_ms_max
        self._settings, self._fault = OptionSettings(), ""
        self._book: OptionBook | None = None
        self._map = instrument_map
        self._assets: dict[str, str] = {}  # of the instruments of the book
        if path is not None:
            try:
                self._settings = load_options(path)
            except (OSError, ConfigError) as error:
                self._fault = f"{path}: {error}"

    @property
    def settings(self) -> OptionSettings:
        return self._settings

    def step(
        self, positions: Sequence[Row], instruments: Sequence[Row], currencies: Iterable[Row]
    ) -> GreekStep:
        """Greeks at the newest marks. `instruments`: the same list while they are the same."""
        if self._fault:
            return GreekStep(waiting=self._fault)
        book = OptionBook.over(self._book, self._settings, instruments)
        if book is not self._book:
            found = contracts_by_map(instruments, self._map)
            self._book, self._assets = book, {name: each.asset for name, each in found.items()}
        marks, now_ns = aged_marks(self._marks, self._clock_ns)
        rates = {row["name"]: float(row["rate"]) for row in currencies}
        given = GreekInput(
            positions,
            instruments,
            book,
            marks,
            rates,
            now_ns,
            self._age_ms_max,
            assets=self._assets,
        )
        greeks = book_of(given)
        venues = {row["name"]: row["venue"] for row in instruments}
        rows = [
            {"level": "position", "name": _name(row), **row, "excluded": []}
            for row in position_rows(greeks, venues)
        ]
        rows += [{**_NO_NAMES, **row} for row in greek_rows(greeks, venues)]
        return GreekStep({key_of("greeks", row): row for row in rows})


def _name(row: Row) -> str:
    """As the key of a position, so that two legs are two rows."""
    return key_of("positions", row)
