"""The newest book of one instrument, for who looks now and then. Reads the row that is asked for
and not too often, never a trade; must never be asked in the corridor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.market.reader import MarketReader, ShownBook

__all__ = ["LatestBooks"]

_LOOK_NS: Final = 1_000_000_000  # between two looks for new files
_READ_NS: Final = 50_000_000  # between two readings of a book: one for all sessions of a look


class LatestBooks:
    """One thread. `of(name)` is None where no market data is switched on."""

    def __init__(self, ring_directory: Path, monotonic_ns: Callable[[], int]) -> None:
        self._reader = MarketReader(ring_directory, monotonic_ns)
        self._monotonic_ns = monotonic_ns
        self._books: dict[str, tuple[int, ShownBook]] = {}  # and until when it is new enough
        self._look_at = 0

    def of(self, instrument: str) -> ShownBook | None:
        """As it is now, within 50 ms."""
        now_ns = self._monotonic_ns()
        if now_ns >= self._look_at:
            self._look_at = now_ns + _LOOK_NS
            for book in self._reader.look():
                self._books[book.instrument] = (0, book)
        until_ns, known = self._books.get(instrument, (0, None))
        if now_ns < until_ns:
            return known
        newest = self._reader.book(instrument) or known
        if newest is not None:
            self._books[instrument] = (now_ns + _READ_NS, newest)
        return newest
