"""Reads every market file of a ring directory: what changed since the last time. Holds nothing back
and trusts nothing; what a dead writer left is stale and never shown as live."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from gateway._core.market import MarketFile

__all__ = ["MarketReader", "Reference", "ShownBook", "ShownTrade", "market_path"]

STALE_NS: Final = 2_000_000_000  # eight signs of life are missing
_PREFIX: Final = "market-"
_SUFFIX: Final = ".map"
BookStateName = Literal["live", "gap", "empty", "stale"]


def market_path(ring_directory: Path, venue: str) -> Path:
    """Where the market data of a venue is."""
    return ring_directory / f"{_PREFIX}{venue}{_SUFFIX}"


class ShownBook(NamedTuple):
    """One book, decimal text, best first; levels only while it is live."""

    venue: str
    instrument: str
    state: BookStateName
    sequence: int
    time_ns: int  # the venue's, else the writer's
    bids: list[list[str]]
    asks: list[list[str]]


class ShownTrade(NamedTuple):
    """One trade of anybody. `number` counts the trades of an instrument in this run, from 1."""

    venue: str
    instrument: str
    run_ns: int
    number: int
    price: str
    quantity: str
    side: str
    time_ns: int
    trade_id: str


class Reference(NamedTuple):
    """Mark and funding of one instrument; None = never told."""

    venue: str
    instrument: str
    mark: str | None
    mark_time_ns: int
    funding_rate: str | None
    next_funding_ns: int


class MarketChanges(NamedTuple):
    """What happened between two readings."""

    books: list[ShownBook]
    trades: list[ShownTrade]
    references: list[Reference]


class _Venue:
    """One open file and how far it was read."""

    def __init__(self, file: MarketFile) -> None:
        self.file = file
        self.names = list(file.instruments)
        self.rows = {name: row for row, name in enumerate(self.names)}
        self._trades = [0] * len(self.names)
        self._books: set[int] = set()  # rows to be read; one whose writer is within it stays
        self._references: set[int] = set()
        self._was_stale = False

    def is_stale(self, now_ns: int) -> bool:
        """A sign of life from far ahead is one of another boot of this machine."""
        return self.file.is_closed or abs(now_ns - self.file.beat_ns) > STALE_NS

    def changes(self, now_ns: int, into: MarketChanges) -> None:
        is_stale = self.is_stale(now_ns)
        books, references, trades = self.file.moved()
        self._books |= set(books)
        self._references |= set(references)
        if is_stale != self._was_stale:
            self._was_stale = is_stale
            self._books |= set(range(len(self.names)))
        for row in sorted(self._books):
            self._read_book(row, is_stale, into.books)
        for row in sorted(self._references):
            self._read_reference(row, into.references)
        for row in trades:
            self._trades[row], found = self.file.trades(row, self._trades[row])
            into.trades.extend(self._trade(self.names[row], trade) for trade in found)

    def _read_book(self, row: int, is_stale: bool, into: list[ShownBook]) -> None:
        book = self.book(row, is_stale)
        if book is not None:
            self._books.discard(row)
            into.append(book)

    def book(self, row: int, is_stale: bool) -> ShownBook | None:
        """As the file shows it; None while its writer is within it."""
        found = self.file.book(row)
        if found is None:
            if not is_stale:
                return None
            found = dict.fromkeys(("sequence", "venue_time_ns", "time_ns"), 0)  # died within it
        state: BookStateName = "stale" if is_stale else found["state"]
        bids, asks = ([], []) if is_stale else (found["bids"], found["asks"])
        time_ns = found["venue_time_ns"] or found["time_ns"]
        venue, name = self.file.venue, self.names[row]
        return ShownBook(venue, name, state, found["sequence"], time_ns, bids, asks)

    def _read_reference(self, row: int, into: list[Reference]) -> None:
        found = self.file.reference(row)
        if found is None:
            return
        self._references.discard(row)
        told = (found["mark"], found["mark_time_ns"], found["funding_rate"])
        if found["mark"] is not None or found["funding_rate"] is not None:
            name = self.names[row]
            into.append(Reference(self.file.venue, name, *told, found["next_funding_ns"]))

    def _trade(self, name: str, row: dict[str, Any]) -> ShownTrade:
        return ShownTrade(self.file.venue, name, self.file.created_ns, **row)

    def gone(self) -> Iterator[ShownBook]:
        """Every book of a file that is there no more."""
        for name in self.names:
            yield ShownBook(self.file.venue, name, "stale", 0, 0, [], [])


class MarketReader:
    """All venues of one ring directory. One thread; `changes` never waits."""

    def __init__(
        self, ring_directory: Path, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._directory = ring_directory
        self._monotonic_ns = monotonic_ns
        self._venues: dict[Path, _Venue] = {}
        self.faults: dict[str, str] = {}  # file name -> why it cannot be read

    def look(self) -> list[ShownBook]:
        """Open files that are new or were replaced, about once a second; the books of files that
        are gone."""
        lost: list[ShownBook] = []
        self.faults = {}
        found = set(self._directory.glob(f"{_PREFIX}*{_SUFFIX}"))
        for path in [*self._venues]:
            if path not in found:
                lost += self._venues.pop(path).gone()
            elif self._venues[path].file.is_replaced():
                fresh = self._open(path)
                before = self._venues.pop(path)
                names = set(fresh.names) if fresh is not None else set()
                lost += [book for book in before.gone() if book.instrument not in names]
                if fresh is not None:
                    self._venues[path] = fresh
        for path in found - set(self._venues):
            opened = self._open(path)
            if opened is not None:
                self._venues[path] = opened
        return lost

    def changes(self) -> MarketChanges:
        """Books and references that changed, and trades that came, since the last call."""
        changes = MarketChanges([], [], [])
        now_ns = self._monotonic_ns()
        for path, venue in list(self._venues.items()):
            try:
                venue.changes(now_ns, changes)
            except ValueError as error:  # the file was cut
                self.faults[path.name] = str(error)
                changes.books.extend(self._venues.pop(path).gone())
        return changes

    def book(self, instrument: str) -> ShownBook | None:
        """One book as it is now, whatever `changes` told; nothing else is read. None: no file has
        it, or its writer is within it."""
        for path, venue in list(self._venues.items()):
            row = venue.rows.get(instrument)
            if row is None:
                continue
            try:
                return venue.book(row, venue.is_stale(self._monotonic_ns()))
            except ValueError as error:  # the file was cut
                self.faults[path.name] = str(error)
                return list(self._venues.pop(path).gone())[row]
        return None

    def _open(self, path: Path) -> _Venue | None:
        try:
            file = MarketFile(str(path))
            if market_path(self._directory, file.venue) != path:
                raise ValueError(f"it speaks for {file.venue}, which has a file of its own")
            return _Venue(file)
        except ValueError as error:
            self.faults[path.name] = str(error)
            return None
