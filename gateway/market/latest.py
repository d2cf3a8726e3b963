"""The newest book of every instrument, for who looks now and then. Reads the market files when it
is asked and not too often; must never be asked in the corridor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.market.reader import MarketReader, ShownBook

__all__ = ["LatestBooks"]

_LOOK_NS: Final = 1_000_000_000  # between two looks for new files
_READ_NS: Final = 50_000_000  # between two readings: one for all sessions of a look


class LatestBooks:
    """One thread. `of(name)` is None where no market data is switched on."""

    def __init__(self, ring_directory: Path, monotonic_ns: Callable[[], int]) -> None:
        self._reader = MarketReader(ring_directory, monotonic_ns)
        self._monotonic_ns = monotonic_ns
        self._books: dict[str, ShownBook] = {}
        self._look_at = self._read_at = 0

    def of(self, instrument: str) -> ShownBook | None:
        """As it is now, within 50 ms."""
        now_ns = self._monotonic_ns()
        if now_ns >= self._read_at:
            self._read_at = now_ns + _READ_NS
            self._read(now_ns)
        return self._books.get(instrument)

    def _read(self, now_ns: int) -> None:
        lost: list[ShownBook] = []
        if now_ns >= self._look_at:
            self._look_at = now_ns + _LOOK_NS
            lost = self._reader.look()
        for book in [*lost, *self._reader.changes().books]:
            self._books[book.instrument] = book
