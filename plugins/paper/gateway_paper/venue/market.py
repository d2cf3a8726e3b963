"""What a market can do to the book, and who makes it do so. A source gets the time as an argument
and answers with everything due by then; it never reads a clock."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gateway.api.messages import SideName

__all__ = ["BookCleared", "LevelSet", "MarketChange", "MarketSource", "Traded"]


class LevelSet(NamedTuple):
    """The market displays `quantity` at `price` from now on; 0 removes the level."""

    instrument: str
    side: SideName
    price: int
    quantity: int


class Traded(NamedTuple):
    """Somebody else's trade."""

    instrument: str
    price: int
    quantity: int
    aggressor: SideName


class BookCleared(NamedTuple):
    """The market's side of the book is void until new levels come."""

    instrument: str


MarketChange = LevelSet | Traded | BookCleared


class MarketSource(Protocol):
    """A market that unrolls with time."""

    def advance(self, elapsed_ns: int) -> list[MarketChange]:
        """Everything due up to `elapsed_ns` since the start that was not returned before."""
