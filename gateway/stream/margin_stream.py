"""Margin as a stream: what accounts owe, have and how near a forced close is, from the view's own
rows and a desk's schedules. An estimate for people; it must never reach the engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gateway.analytics.greek_book import GreekInput
from gateway.analytics.margin_watch import MarginWatch
from gateway.analytics.portfolio_margin import portfolio_rows, with_portfolio
from gateway.config.faults import ConfigError
from gateway.journal import Mark, Row
from gateway.stream.channels import key_of
from gateway.valuation.brackets import Brackets, load_brackets
from gateway.valuation.margin import MarkPrice, margin_rows
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
_KEY = ("account", "instrument", "leg", "margin_mode")


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


def venue_position_key(row: Row) -> PositionKey:
    return tuple(str(row[name]) for name in _KEY)


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
        told = list(self._marks())
        now_ns = self._clock_ns()  # after the marks: none of them may seem to be from the future
        marks = {
            mark.instrument: MarkPrice(mark.price, (now_ns - mark.time_ns) // 1_000_000)
            for mark in told
        }
        options = self._book = OptionBook.over(self._book, self._options, rows.instruments)
        found = margin_rows(
            rows.positions,
            rows.balances,
            rows.instruments,
            self._brackets,
            marks,
            orders=rows.orders,
            age_ms_max=self._age_ms_max,
            options=options,
            now_ns=now_ns,
        )
        accounts = found.accounts
        if self._options.accounts:
            given = GreekInput(rows.positions, rows.instruments, options, marks,
                               _alone(rows.instruments), now_ns, self._age_ms_max)  # fmt: skip
            accounts = with_portfolio(accounts, portfolio_rows(given))
        self._watch.step(accounts, now_ns)
        accounts = self._watch.rows(accounts)
        before = self._before
        now = {
            venue_position_key(row): {name: row[name] for name in LIQUIDATION}
            for row in found.positions
        }
        known = before or {}
        moved = [key for key, near in now.items() if known.get(key) != near]
        moved.extend(key for key in known if key not in now)
        self._before = now
        return MarginStep(
            {key_of("margin", row): row for row in accounts}, now, moved=moved, before=before
        )


def _alone(instruments: Iterable[Row]) -> dict[str, float]:
    """Portfolio margin stays in the currency it settles in: no rate changes it."""
    return {row[name]: 1.0 for row in instruments for name in ("quote", "settle")} | {"USD": 1.0}
