"""Margin as a stream: what accounts owe, have and how near a forced close is, from the view's own
rows and a desk's schedules. An estimate for people; it must never reach the engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gateway.analytics.desk_margin import account_margin
from gateway.analytics.greek_book import GreekInput, aged_marks
from gateway.analytics.margin_watch import MarginChange, MarginWatch
from gateway.config.faults import ConfigError
from gateway.journal import Mark, Row
from gateway.stream.channels import key_of
from gateway.stream.margin_figures import MarginFigures, margin_figures
from gateway.valuation.brackets import Brackets, load_brackets
from gateway.valuation.margin_inputs import mode_of
from gateway.valuation.option_terms import OptionBook, OptionSettings

__all__ = [
    "NO_SCHEDULES",
    "MarginDesk",
    "MarginInput",
    "MarginStep",
    "PositionKey",
    "venue_position_key",
]

NO_SCHEDULES = "no margin schedules: observer.margin_file names none"
LIQUIDATION = ("liquidation_price", "liquidation_distance_percent")
PositionKey = tuple[str, ...]  # account, instrument, leg, margin mode
Liquidations = Mapping[PositionKey, Mapping[str, Any]]
_KEY = ("account", "instrument", "leg")


class MarginInput(NamedTuple):
    """Rows of one sequence of the view."""

    positions: Sequence[Row]
    balances: Sequence[Row]
    orders: Sequence[Row]
    instruments: Sequence[Row]


class MarginStep(NamedTuple):
    """Rows of the channel, and what a venue's position adds to each row of its strategies."""

    rows: Mapping[str, Row] = {}
    liquidations: Mapping[PositionKey, Mapping[str, Any]] = {}
    waiting: str = ""
    moved: Collection[PositionKey] = ()  # whose liquidation is another one than in `before`
    before: Liquidations | None = None  # of the step before this one; None = it is the first
    figures: MarginFigures | None = None  # None: margin is not known
    changes: Sequence[MarginChange] = ()


def venue_position_key(row: Row) -> PositionKey:
    """Of a row of margin, or of a position in the mode that margin counts it in."""
    return *(str(row[name]) for name in _KEY), mode_of(row)


class MarginDesk:
    """One thread at a time may call it."""

    def __init__(
        self,
        path: Path | None,
        marks: Callable[[], Iterable[Mark]],
        clock_ns: Callable[[], int],
        age_ms_max: int,
        options: OptionSettings | None = None,
    ) -> None:
        """`path`: the desk's schedules; None = it has none, and no margin is shown. `options`:
        what is an option and its margin; None = what names say."""
        self._options = options or OptionSettings()
        self._book: OptionBook | None = None
        self._marks, self._clock_ns, self._age_ms_max = marks, clock_ns, age_ms_max
        self._watch = MarginWatch()
        self._before: Liquidations | None = None
        self._brackets: Brackets | None = None
        self._fault = NO_SCHEDULES if path is None else ""
        if path is not None:
            try:
                self._brackets = load_brackets(path)
            except (OSError, ConfigError) as error:
                self._fault = f"{path}: {error}"

    def step(self, rows: MarginInput) -> MarginStep:
        """Margin at the newest marks."""
        if self._brackets is None:
            return MarginStep(waiting=self._fault)
        marks, now_ns = aged_marks(self._marks, self._clock_ns)
        self._book = OptionBook.over(self._book, self._options, rows.instruments)
        given = GreekInput(
            rows.positions, rows.instruments, self._book, marks, {}, now_ns, self._age_ms_max
        )
        found = account_margin(given, rows.balances, rows.orders, self._brackets)
        changes = self._watch.step(found.accounts, now_ns)
        accounts = self._watch.rows(found.accounts)
        before = self._before
        now = {
            venue_position_key(row): {name: row[name] for name in LIQUIDATION}
            for row in found.positions
        }
        self._before = now
        return MarginStep(
            {key_of("margin", row): row for row in accounts},
            now,
            moved=_moved(before or {}, now),
            before=before,
            figures=margin_figures(accounts, found.positions),
            changes=changes,
        )


def _moved(before: Liquidations, now: Liquidations) -> list[PositionKey]:
    """Whose liquidation is another one, or is gone."""
    moved = [key for key, near in now.items() if before.get(key) != near]
    return moved + [key for key in before if key not in now]
