"""The market file of one venue: books, last trades and reference prices for other processes. What
it holds, byte for byte: docs/reference/market_file.md."""

from collections.abc import Sequence
from typing import Any

LEVELS_MAX: int
TRADES_KEPT: int

class MarketWriter:
    """One thread of the process that hosts the adapter. Rows are numbered as the instruments."""

    def __init__(
        self,
        path: str,
        venue: str,
        instruments: Sequence[str],
        process_id: int = 0,
        created_ns: int = 0,
    ) -> None:
        """Makes the file anew. Raises ValueError("BAD_FILE ...")."""
    def show(
        self,
        row: int,
        bids: Sequence[Sequence[str]],
        asks: Sequence[Sequence[str]],
        sequence: int,
        venue_time_ns: int,
        time_ns: int,
    ) -> bool:
        """False, and nothing changes: that is no book."""
    def lose(self, row: int, state: str, time_ns: int) -> None:
        """`state`: gap or empty."""
    def trade(
        self, row: int, price: str, quantity: str, side: str, trade_id: str, time_ns: int
    ) -> bool: ...
    def mark(self, row: int, price: str, time_ns: int) -> bool: ...
    def funding(self, row: int, rate: str, next_ns: int, time_ns: int) -> bool: ...
    def beat(self, monotonic_ns: int) -> None:
        """A sign of life. A file that somebody cut is made anew, with all that was shown."""
    times_cut: int
    def close(self) -> None: ...

class MarketFile:
    """Another process's file, read-only. Raises ValueError("BAD_FILE ...") when refused."""

    def __init__(self, path: str) -> None: ...
    venue: str
    instruments: list[str]
    process_id: int
    created_ns: int
    beat_ns: int
    is_closed: bool
    def is_replaced(self) -> bool: ...
    def moved(self) -> tuple[list[int], list[int], list[int]]:
        """Rows whose book, whose reference and whose trades changed since the last call; at the
        first one every book and reference."""
    def book(self, row: int, seen: int = -1) -> dict[str, Any] | None:
        """{version, state, sequence, venue_time_ns, time_ns, updates, gaps, bids, asks}; None when
        its version is `seen`, or it cannot be read."""
    def reference(self, row: int, seen: int = -1) -> dict[str, Any] | None:
        """{version, mark, mark_time_ns, funding_rate, funding_time_ns, next_funding_ns}; mark and
        rate None before they were told."""
    def trades(self, row: int, after: int = 0) -> tuple[int, list[dict[str, Any]]]:
        """The newest number, and [{number, price, quantity, side, time_ns, trade_id}] after
        `after`, oldest first."""
