"""Market data of a venue, level 1: what an adapter may show beside orders. Nothing here reaches the
engine; a reader in another process sees the newest and is never waited for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Protocol

__all__ = ["MARKET_LEVELS_MAX", "MarketDataSource", "MarketSink", "TakerSide"]

MARKET_LEVELS_MAX: Final = 20  # of each side of a book; more are left out
TakerSide = Literal["", "buy", "sell"]
Levels = Sequence[Sequence[str]]  # (price, quantity, ...) in decimal text, best first


class MarketSink(Protocol):
    """Where an adapter puts market data, by the venue's symbols. Calls never block and never raise:
    what makes no sense is counted, and a book that makes none is a gap. Event loop of the adapter
    only."""

    def book(
        self,
        instrument: str,
        bids: Levels,
        asks: Levels,
        *,
        sequence: int = 0,
        venue_time_ns: int = 0,
    ) -> None:
        """The book is live and looks like this."""

    def book_lost(self, instrument: str, reason: str) -> None:
        """The book has a hole: no levels are shown until the next `book`."""

    def traded(
        self,
        instrument: str,
        price: str,
        quantity: str,
        *,
        side: TakerSide = "",
        trade_id: str = "",
        venue_time_ns: int = 0,
    ) -> None:
        """A trade of anybody. `side`: of the taker."""

    def marked(self, instrument: str, price: str, *, venue_time_ns: int = 0) -> None:
        """The venue's mark price."""

    def funding_rate(
        self, instrument: str, rate: str, next_ns: int, *, venue_time_ns: int = 0
    ) -> None:
        """The rate of the running interval and when it is paid."""


class MarketDataSource(Protocol):
    """`has_market_data`; the manifest's `book` says how its updates follow each other."""

    async def publish_market(self, sink: MarketSink, instruments: Sequence[str]) -> None:
        """Show these symbols from now on, over connections that carry no order and no answer
        to one. Called once `connect` has returned; raises VenueError when it cannot begin, holds
        nothing then, and is called again later. Reconnects and asks for snapshots by itself, in
        what the venue's budget leaves to questions; `close` ends it."""
