"""The ledger beside the view: it follows the same records in a thread of its own, at its own pace,
and makes the rows of profit and exposure from its books alone. What is wrong with a file
is a state with a reason and never an exception for the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

from gateway.analytics.ageing import edges_ns, held_rows
from gateway.analytics.aggregation import MapEntry, contracts_by_map
from gateway.analytics.dated_profit import DatedProfit, fresh_rates
from gateway.analytics.exposure import Contract, Rate, exposure_rows
from gateway.analytics.waterfall import booked_causes, waterfall_rows
from gateway.journal import JournalPlace, Mark, Row
from gateway.stream.carry_stream import carry_rows
from gateway.stream.channels import ChannelName, key_of

__all__ = ["Books", "BooksOptions", "BooksState", "BooksStep", "LedgerLike", "open_native_ledger"]

BooksState = Literal["waiting", "catching_up", "following"]
RECORDS_PER_STEP = 65_536  # an eighth of a second of booking: how long a stop may wait
RETRY_SECONDS = 10.0  # a journal whose books cannot be opened is asked again
RUN_SECONDS = 0.25  # how long books are booked without a look around
IDLE_SECONDS = 0.001  # at the end of the journal; what booking is late by
AGEING_SECONDS = 5.0  # between two looks at how long positions have been held
READING = "the books are read from the beginning of the journal"


class LedgerLike(Protocol):
    """What the books need of gateway._core.ledger.Ledger."""

    @property
    def sequence(self) -> int: ...
    @property
    def posted(self) -> int: ...
    @property
    def rate_changes(self) -> int: ...
    def follow(self, limit: int = ..., *, stops_at_rates: bool = ...) -> int: ...
    def run(self, seconds: float, idle_seconds: float) -> bool: ...
    def take_steps(self) -> list[tuple[int, int]]: ...
    def reopen(self) -> bool: ...
    def is_balanced(self) -> bool: ...
    def accounts(self) -> list[dict[str, Any]]: ...
    def positions(self, *, marks: dict[str, str] = ...) -> list[dict[str, Any]]: ...
    def holdings(self, edges_ns: list[int]) -> list[dict[str, Any]]: ...
    def rates(self) -> list[dict[str, Any]]: ...
    def unbooked_counts(self) -> dict[str, int]: ...
    def take_fills(self) -> list[dict[str, Any]]: ...


def open_native_ledger(place: JournalPlace) -> LedgerLike:
    """Books from the first record on, with bounded memory. RuntimeError names what is wrong."""
    from gateway.ledger import books_to_follow

    return books_to_follow(Path(place.directory), str(place.ring_directory))


@dataclass(frozen=True, slots=True)
class BooksOptions:
    """What the books read beside the journal, and their clocks."""

    place: JournalPlace
    open_ledger: Callable[[JournalPlace], LedgerLike]
    marks: Callable[[], Iterable[Mark]]
    clock_ns: Callable[[], int]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    mark_age_ms_max: int
    rate_age_ms_max: int = 0  # 0 = a rate of any age is used
    reporting_currency: str = ""
    mark_row: Callable[[str], Row | None] = lambda name: None  # of the channel `marks`
    instrument_map: Mapping[str, MapEntry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BooksStep:
    """What the books hold. `rows` only once they stood at the end of the journal."""

    state: BooksState
    reason: str
    sequence: int = 0
    rows: Mapping[ChannelName, Mapping[str, Row]] = field(default_factory=dict)
    fills: Sequence[Row] = ()
    carries: Mapping[str, Row] = field(default_factory=dict)  # by the key of a position
    venues: Mapping[str, str] = field(default_factory=dict)
    posted: int = 0
    unbooked: Mapping[str, int] = field(default_factory=dict)
    is_balanced: bool | None = None  # None = there are no books
    generation: int = -1  # of the journal that they are the books of


class Books:
    """One thread at a time may call it."""

    def __init__(self, options: BooksOptions) -> None:
        self._options = options
        self._ledger: LedgerLike | None = None
        self._dated, self._rate_changes = DatedProfit(options.reporting_currency), 0
        self._generation = -1
        self._is_open = False  # False = it follows no files: not yet, or they are another journal's
        self._was_at_end = False  # since it follows these files
        self._fault = ""
        self._retry_at = self._ageing_at = 0.0
        self._instruments: Sequence[Row] = ()
        self._contracts: dict[str, Contract] = {}
        self._venues: dict[str, str] = {}
        self._rules: dict[str, Row] = {}
        self._carries: Mapping[str, Row] = {}  # told last

    @property
    def sequence(self) -> int:
        """Of the newest record in the books; 0 without books."""
        return 0 if self._ledger is None else self._ledger.sequence

    def take_steps(self) -> list[tuple[int, int]]:
        """(sequence, monotonic ns) behind each step of the newest runs."""
        return [] if self._ledger is None else self._ledger.take_steps()

    def accounts(self) -> list[dict[str, Any]]:
        """Every account of the newest record in the books; [] without books."""
        return [] if self._ledger is None else self._ledger.accounts()

    def run(
        self, seconds: float, generation: Callable[[], int], is_stopping: Callable[[], bool]
    ) -> None:
        """Book what comes for so long. Another generation is another journal."""
        end = self._options.monotonic() + seconds
        while (left := end - self._options.monotonic()) > 0 and not is_stopping():
            moment = min(left, RUN_SECONDS)
            if not self._try(generation(), partial(self._run, moment)):
                self._options.sleep(min(moment, IDLE_SECONDS))

    def follow(self, generation: int) -> int:
        """Book at most one batch; how many records it was."""
        return self._try(generation, self._follow)

    def _try(self, generation: int, work: Callable[[LedgerLike], int]) -> int:
        """What the work tells, 0 for a fault: the books stay what they are, and are tried again."""
        try:
            ledger = self._open(generation)
            done = 0 if ledger is None else work(ledger)
            if ledger is not None and ledger.sequence == 0:
                raise RuntimeError("the journal has no record yet")
            return done
        except (OSError, RuntimeError, ValueError) as error:
            self._is_open = False
            self._fault = str(error) or type(error).__name__
            self._retry_at = self._options.monotonic() + RETRY_SECONDS
            return 0

    def _open(self, generation: int) -> LedgerLike | None:
        """The books at the files as they are. They go on where the journal does: after a restart
        of the live process, or a fault, nothing is read twice. None: not yet again."""
        if generation != self._generation:
            self._generation, self._is_open, self._retry_at = generation, False, 0.0
        if self._is_open or self._options.monotonic() < self._retry_at:
            return self._ledger if self._is_open else None
        if self._ledger is None or not self._ledger.reopen():
            self._ledger = self._options.open_ledger(self._options.place)
            self._dated, self._rate_changes = DatedProfit(self._options.reporting_currency), 0
        self._is_open, self._was_at_end, self._ageing_at = True, False, 0.0
        return self._ledger

    def _run(self, seconds: float, ledger: LedgerLike) -> int:
        self._was_at_end = ledger.run(seconds, IDLE_SECONDS) or self._was_at_end
        self._look_at_rates(ledger)
        return 1

    def _follow(self, ledger: LedgerLike) -> int:
        booked, step = 0, RECORDS_PER_STEP
        while step != 0 and booked < RECORDS_PER_STEP:
            step = ledger.follow(RECORDS_PER_STEP - booked, stops_at_rates=True)
            self._look_at_rates(ledger)
            booked += step
        self._was_at_end = booked < RECORDS_PER_STEP or self._was_at_end
        return booked

    def _look_at_rates(self, ledger: LedgerLike) -> None:
        """Behind each new rate: what was earned under the one before."""
        if ledger.rate_changes == self._rate_changes:
            return
        self._rate_changes = ledger.rate_changes
        earned = booked_causes(ledger.accounts(), ledger.positions())
        self._dated.turn(earned, _rates_of(ledger))

    def tell(self, instruments: Sequence[Row]) -> BooksStep:
        """What the books hold now, valued at the newest marks."""
        ledger = self._ledger
        if ledger is None or not self._is_open:
            return BooksStep("waiting", self._fault, generation=self._generation)
        self._know(instruments)
        # Rows are whole at every sequence: who was there once shows them, a record late or not.
        is_there = self._was_at_end
        behind = "" if is_there else f"{READING}; they stand at sequence {ledger.sequence}"
        held = self._valued(ledger) if is_there else []
        return BooksStep(
            state="following" if is_there else "catching_up",
            reason=behind,
            sequence=ledger.sequence,
            rows=self._rows(ledger, held) if is_there else {},
            fills=ledger.take_fills() if is_there else (),
            carries=self._carried(held),
            venues=self._venues,
            posted=ledger.posted,
            unbooked=ledger.unbooked_counts(),
            is_balanced=ledger.is_balanced(),
            generation=self._generation,
        )

    def _know(self, instruments: Sequence[Row]) -> None:
        if instruments is self._instruments:
            return
        self._instruments = instruments
        self._contracts = contracts_by_map(instruments, self._options.instrument_map)
        self._rules = {row["name"]: row for row in instruments}
        self._venues = {row["name"]: row["venue"] for row in instruments}

    def _carried(self, held: Sequence[Row]) -> Mapping[str, Row]:
        """What is the same as told last stays the same object."""
        options, before = self._options, self._carries
        now = carry_rows(
            held, self._rules, options.mark_row, options.clock_ns(), options.mark_age_ms_max
        )
        same = {key: before[key] for key, row in now.items() if before.get(key) == row}
        self._carries = {**now, **same}
        return self._carries

    def _rows(self, ledger: LedgerLike, held: Sequence[Row]) -> dict[ChannelName, dict[str, Row]]:
        options = self._options
        age_ms_max = options.mark_age_ms_max
        rates = fresh_rates(
            _rates_of(ledger),
            options.clock_ns(),
            options.rate_age_ms_max,
            options.reporting_currency,
        )
        made: dict[ChannelName, list[dict[str, Any]]] = {
            "profit": waterfall_rows(ledger.accounts(), held, age_ms_max, self._dated, rates),
            "exposure": exposure_rows(held, self._contracts, rates, age_ms_max),
        }
        if options.monotonic() >= self._ageing_at:
            self._ageing_at = options.monotonic() + AGEING_SECONDS
            made["ageing"] = self._ageing_rows(ledger)
        return {name: {key_of(name, row): row for row in rows} for name, rows in made.items()}

    def _ageing_rows(self, ledger: LedgerLike) -> list[dict[str, Any]]:
        """How long what is open has been held: by day and size, so seldom and in few rows."""
        held = held_rows(ledger.holdings(edges_ns(self._options.clock_ns())))
        return [{**row, "venue": self._venues.get(row["instrument"], "")} for row in held]

    def _valued(self, ledger: LedgerLike) -> list[Row]:
        """The books' positions with their marks. What a stopped book holds has none."""
        marks = {mark.instrument: mark for mark in self._options.marks()}
        now_ns = self._options.clock_ns()
        rows: list[Row] = []
        for row in ledger.positions(marks={name: mark.price for name, mark in marks.items()}):
            mark = None if row["is_stopped"] else marks.get(row["instrument"])
            told = {
                "venue": self._venues.get(row["instrument"], ""),
                "mark": None if mark is None else mark.price,
                "unrealised": None if mark is None else row["unrealised"],
                "mark_age_ms": None if mark is None else (now_ns - mark.time_ns) // 1_000_000,
            }
            rows.append({**row, **told})
        return rows


def _rates_of(ledger: LedgerLike) -> dict[str, Rate]:
    return {row["currency"]: Rate(Decimal(row["rate"]), row["time_ns"]) for row in ledger.rates()}
