"""The ledger beside the view: it follows the same records in a thread of its own, up to where the
view stands, and makes the rows of profit and exposure. It only reads; what is wrong with a file is
a state with a reason and never an exception for the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol

from gateway.analytics.exposure import Contract, Rate, contracts_of, exposure_rows
from gateway.analytics.waterfall import waterfall_rows
from gateway.journal import JournalPlace, Row
from gateway.stream.channels import ChannelName, key_of

__all__ = ["Books", "BooksRequest", "BooksState", "BooksStep", "LedgerLike", "open_native_ledger"]

BooksState = Literal["waiting", "catching_up", "following"]
RECORDS_PER_STEP = 262_144  # half a second of booking: how long a stop may wait for a step
RETRY_SECONDS = 10.0  # a journal whose books cannot be opened is asked again


class LedgerLike(Protocol):
    """What the books need of gateway._core.ledger.Ledger."""

    @property
    def sequence(self) -> int: ...
    @property
    def posted(self) -> int: ...
    def follow(self, limit: int = ..., until_sequence: int = ...) -> int: ...
    def is_balanced(self) -> bool: ...
    def accounts(self) -> list[dict[str, Any]]: ...
    def positions(self) -> list[dict[str, Any]]: ...
    def rates(self) -> list[dict[str, Any]]: ...
    def unbooked_counts(self) -> dict[str, int]: ...
    def take_fills(self) -> list[dict[str, Any]]: ...


def open_native_ledger(place: JournalPlace) -> LedgerLike:
    """Books from the first record on, with bounded memory. RuntimeError names what is wrong."""
    from gateway.ledger import books_to_follow

    return books_to_follow(Path(place.directory), str(place.ring_directory))


@dataclass(frozen=True, slots=True)
class BooksRequest:
    """Where the view stands, and what it holds there. Another `generation` is another journal."""

    sequence: int
    generation: int
    positions: Sequence[Row]
    instruments: Sequence[Row]


@dataclass(frozen=True, slots=True)
class BooksStep:
    """What one step found. `rows` only when the books stand exactly where the view did."""

    state: BooksState
    reason: str
    sequence: int
    rows: Mapping[ChannelName, Mapping[str, Row]] = field(default_factory=dict)
    fills: Sequence[Row] = ()
    venues: Mapping[str, str] = field(default_factory=dict)
    posted: int = 0
    unbooked: Mapping[str, int] = field(default_factory=dict)
    is_balanced: bool | None = None  # None = there are no books


class Books:
    """One thread at a time may call it."""

    def __init__(
        self,
        place: JournalPlace,
        open_ledger: Callable[[JournalPlace], LedgerLike],
        monotonic: Callable[[], float],
        *,
        mark_age_ms_max: int,
    ) -> None:
        self._place = place
        self._open_ledger = open_ledger
        self._monotonic = monotonic
        self._mark_age_ms_max = mark_age_ms_max
        self._ledger: LedgerLike | None = None
        self._generation = -1
        self._fault = ""
        self._retry_at = 0.0
        self._instruments: Sequence[Row] = ()
        self._contracts: dict[str, Contract] = {}
        self._venues: dict[str, str] = {}

    def step(self, request: BooksRequest) -> BooksStep:
        """Book at most one batch, up to the request's sequence."""
        try:
            return self._advance(request)
        except (OSError, RuntimeError, ValueError) as error:
            self._ledger = None
            self._fault = str(error) or type(error).__name__
            self._retry_at = self._monotonic() + RETRY_SECONDS
            return self._waiting()

    def _advance(self, request: BooksRequest) -> BooksStep:
        if request.generation != self._generation:
            self._generation, self._ledger, self._retry_at = request.generation, None, 0.0
        if self._ledger is None and self._monotonic() < self._retry_at:
            return self._waiting()
        ledger = self._ledger or self._open_ledger(self._place)
        self._ledger = ledger
        if ledger.sequence > request.sequence:
            raise RuntimeError(f"sequence went back from {ledger.sequence} to {request.sequence}")
        if ledger.sequence < request.sequence:
            booked = ledger.follow(RECORDS_PER_STEP, request.sequence)
            if booked == 0:
                ledger.follow(0)  # raises where the journal is damaged, or its beginning is gone
        return self._told(ledger, request)

    def _waiting(self) -> BooksStep:
        return BooksStep("waiting", self._fault, 0)

    def _told(self, ledger: LedgerLike, request: BooksRequest) -> BooksStep:
        is_there = ledger.sequence == request.sequence
        self._know(request.instruments)
        reason = "" if is_there else f"the books stand at sequence {ledger.sequence}"
        return BooksStep(
            state="following" if is_there else "catching_up",
            reason=reason,
            sequence=ledger.sequence,
            rows=self._rows(ledger, request) if is_there else {},
            fills=ledger.take_fills() if is_there else (),
            venues=self._venues,
            posted=ledger.posted,
            unbooked=ledger.unbooked_counts(),
            is_balanced=ledger.is_balanced(),
        )

    def _know(self, instruments: Sequence[Row]) -> None:
        if instruments is self._instruments:
            return
        self._instruments = instruments
        self._contracts = contracts_of(instruments)
        self._venues = {row["name"]: row["venue"] for row in instruments}

    def _rows(self, ledger: LedgerLike, request: BooksRequest) -> dict[ChannelName, dict[str, Row]]:
        age_ms_max = self._mark_age_ms_max
        rates = {
            row["currency"]: Rate(Decimal(row["rate"]), row["time_ns"]) for row in ledger.rates()
        }
        made: dict[ChannelName, list[dict[str, Any]]] = {
            "profit": waterfall_rows(
                ledger.accounts(), ledger.positions(), request.positions, age_ms_max
            ),
            "exposure": exposure_rows(request.positions, self._contracts, rates, age_ms_max),
        }
        return {name: {key_of(name, row): row for row in rows} for name, rows in made.items()}
