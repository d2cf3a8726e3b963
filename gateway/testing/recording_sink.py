"""A market sink that remembers: what a reader would see now, and everything that was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gateway.api import MARKET_LEVELS_MAX

__all__ = ["RecordingSink"]

Levels = Sequence[Sequence[str]]
Side = list[tuple[str, str]]


class RecordingSink:
    """Implements gateway.api.MarketSink. `books`: symbol -> (bids, asks), None while lost."""

    def __init__(self) -> None:
        self.books: dict[str, tuple[Side, Side] | None] = {}
        self.sequences: dict[str, int] = {}
        self.times_ns: dict[str, int] = {}
        self.lost: Counter[str] = Counter()
        self.calls = 0
        self.trades: list[tuple[str, str, str, str, str]] = []
        self.marks: dict[str, str] = {}
        self.rates: dict[str, tuple[str, int]] = {}

    def book(
        self,
        instrument: str,
        bids: Levels,
        asks: Levels,
        *,
        sequence: int = 0,
        venue_time_ns: int = 0,
    ) -> None:
        self.calls += 1
        assert max(len(bids), len(asks)) <= MARKET_LEVELS_MAX
        self.books[instrument] = ([(b[0], b[1]) for b in bids], [(a[0], a[1]) for a in asks])
        self.sequences[instrument] = sequence
        self.times_ns[instrument] = venue_time_ns

    def book_lost(self, instrument: str, reason: str) -> None:
        """Counted when there was something to lose."""
        self.calls += 1
        assert reason, f"{instrument} is lost without a reason"
        self.lost[instrument] += self.books.get(instrument) is not None
        self.books[instrument] = None

    def traded(
        self,
        instrument: str,
        price: str,
        quantity: str,
        *,
        side: str = "",
        trade_id: str = "",
        venue_time_ns: int = 0,
    ) -> None:
        self.calls += 1
        self.trades.append((instrument, price, quantity, side, trade_id))

    def marked(self, instrument: str, price: str, *, venue_time_ns: int = 0) -> None:
        self.calls += 1
        self.marks[instrument] = price

    def funding_rate(
        self, instrument: str, rate: str, next_ns: int, *, venue_time_ns: int = 0
    ) -> None:
        self.calls += 1
        self.rates[instrument] = (rate, next_ns)
