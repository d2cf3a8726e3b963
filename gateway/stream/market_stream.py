"""Market data of connected venues as channels: books, the newest trades, marks with funding. It
reads what the processes of the adapters show; must never take it for the journal, or wait for it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway.journal import LiveFiles, Row
from gateway.market import MarketReader, Reference, ShownBook, ShownTrade
from gateway.stream.channels import ChannelName, key_of

__all__ = ["TRADES_MAX", "MarketRows"]

TRADES_MAX = 1_000  # shown of all instruments together
LOOK_SECONDS = 1.0  # how often new files and the engine's marks are looked for
Changes = dict[ChannelName, dict[str, Row | None]]


class MarketRows:
    """What changed in the market since the last step. Event-loop thread only; bounded work."""

    def __init__(
        self,
        ring_directory: Path,
        monotonic: Callable[[], float],
        reader: MarketReader | None = None,
    ) -> None:
        self._reader = MarketReader(ring_directory) if reader is None else reader
        self._live_files = LiveFiles(ring_directory)
        self._monotonic = monotonic
        self._look_at = 0.0
        self._marks: dict[str, Row] = {}
        self._trades: OrderedDict[str, None] = OrderedDict()

    def mark_row(self, instrument: str) -> Row | None:
        """As shown last. Any thread: a row that was shown is never written again."""
        return self._marks.get(instrument)

    def step(self) -> Changes:
        """Rows by channel and key; a channel without a change is missing."""
        lost: list[ShownBook] = []
        marks: dict[str, Row | None] = {}
        if self._monotonic() >= self._look_at:
            self._look_at = self._monotonic() + LOOK_SECONDS
            lost = self._reader.look()
            self._take_engine_marks(marks)
        found = self._reader.changes()
        books = {book.instrument: _book_row(book) for book in [*lost, *found.books]}
        for each in found.references:
            self._take_reference(each, marks)
        changes: Changes = {}
        if books:
            changes["books"] = dict(books)
        if found.trades:
            changes["trades"] = self._take_trades(found.trades)
        if marks:
            changes["marks"] = marks
        return changes

    def _take_engine_marks(self, marks: dict[str, Row | None]) -> None:
        """What positions are valued at, also where no market data is switched on."""
        for mark in self._live_files.marks():
            row = self._mark_row(mark.instrument)
            if mark.time_ns > row["time_ns"]:
                row |= {"price": mark.price, "time_ns": mark.time_ns}
                self._marks[mark.instrument] = marks[mark.instrument] = row

    def _take_reference(self, told: Reference, marks: dict[str, Row | None]) -> None:
        row = self._mark_row(told.instrument) | {"venue": told.venue}
        if told.mark is not None and told.mark_time_ns >= row["time_ns"]:
            row |= {"price": told.mark, "time_ns": told.mark_time_ns}
        if told.funding_rate is not None:
            next_ns = told.next_funding_ns or None
            row |= {"funding_rate": told.funding_rate, "next_funding_ns": next_ns}
        self._marks[told.instrument] = marks[told.instrument] = row

    def _mark_row(self, instrument: str) -> dict[str, Any]:
        """A copy: what was published stays as it is."""
        nothing = {
            "venue": None,
            "instrument": instrument,
            "price": None,
            "time_ns": 0,
            "funding_rate": None,
            "next_funding_ns": None,
        }
        return dict(self._marks.get(instrument, nothing))

    def _take_trades(self, trades: list[ShownTrade]) -> dict[str, Row | None]:
        changed: dict[str, Row | None] = {}
        for trade in trades[-TRADES_MAX:]:
            row = trade._asdict()
            key = key_of("trades", row)
            changed[key] = row
            self._trades[key] = None
        while len(self._trades) > TRADES_MAX:
            oldest, _ = self._trades.popitem(last=False)
            changed[oldest] = None
        return changed


def _book_row(book: ShownBook) -> Mapping[str, Any]:
    return book._asdict()
