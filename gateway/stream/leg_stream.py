"""Groups of legs as a stream: read from the notes of the journal, a bounded time at once, and
valued at the newest marks. It reads records beside the follower; must never hold it up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from typing import NamedTuple

from gateway.analytics.aggregation import InstrumentMap
from gateway.analytics.greek_book import GreekInput, aged_marks
from gateway.analytics.leg_groups import LegBook, LegGroup
from gateway.analytics.leg_rows import leg_rows, rates_of
from gateway.journal import JournalPlace, Mark, Row
from gateway.journal.leg_notes import LegNote, LegNoteReader
from gateway.journal.share import rest_seconds
from gateway.stream.valuation_watch import ValuationSources
from gateway.stream.view import View
from gateway.valuation.option_terms import OptionBook, OptionSettings

__all__ = ["GROUPS_MAX", "READ_SECONDS_MAX", "LegDesk", "LegInput", "LegWatch"]

SHARE = 20  # a turn is followed by so many times its length without
GROUPS_MAX = 200  # that are shown: those that were named last
READ_SECONDS_MAX = 0.05  # of one turn, so that other threads have theirs


class LegInput(NamedTuple):
    """What rows of legs are made from beside the notes."""

    instruments: Sequence[Row]
    currencies: Iterable[Row]
    orders: Mapping[int, Row]


class LegDesk:
    """One thread at a time may call it."""

    def __init__(
        self,
        place: JournalPlace,
        settings: OptionSettings,
        marks: Callable[[], Iterable[Mark]],
        clock_ns: Callable[[], int],
        age_ms_max: int,
        *,
        monotonic: Callable[[], float],
        open_notes: Callable[[JournalPlace], LegNoteReader] = lambda place: LegNoteReader(
            place.directory, str(place.ring_directory)
        ),
    ) -> None:
        self._place, self._open_notes = place, open_notes
        self._settings, self._marks, self._clock_ns = settings, marks, clock_ns
        self._age_ms_max, self._monotonic = age_ms_max, monotonic
        self._notes: LegNoteReader | None = None
        self._book, self._generation = LegBook(), -1
        self._identity: object = None
        self._ahead: deque[LegNote] = deque()  # of records that the view does not show yet
        self._options: OptionBook | None = None

    def read(self, generation: int, until: int) -> bool:
        """Notes up to the record `until`; False: there are more. `generation` rises when the
        journal is another one, which is then read from its begin. OSError, RuntimeError: it cannot
        be read, and the next turn begins anew."""
        try:
            notes = self._opened(generation)
            ends_at = self._monotonic() + READ_SECONDS_MAX
            self._ahead.extend(notes.read(lambda: self._monotonic() >= ends_at))
        except (OSError, RuntimeError):
            self._notes = None
            raise
        while self._ahead and self._ahead[0].sequence <= until:
            self._book.take(self._ahead.popleft())
        return notes.sequence >= until

    def _opened(self, generation: int) -> LegNoteReader:
        """A start of the gateway makes another ring, and the same journal goes on in it."""
        identity = self._place.identity()
        if self._notes is None or generation != self._generation:
            self._notes, self._book = self._open_notes(self._place), LegBook()
            self._ahead.clear()
        elif identity != self._identity:
            self._notes.reopen()
        self._generation, self._identity = generation, identity
        return self._notes

    def groups(self) -> list[LegGroup]:
        """Those that are shown."""
        found = nlargest(GROUPS_MAX, self._book.groups.values(), key=lambda each: each.sequence)
        return found[::-1]

    def rows(self, given: LegInput) -> dict[str, Row]:
        """Of the groups that are shown, by their key in the channel."""
        groups = self.groups()
        self._options = OptionBook.over(self._options, self._settings, given.instruments)
        marks, now_ns = aged_marks(self._marks, self._clock_ns)
        currencies = list(given.currencies)
        floats = {row["name"]: float(row["rate"]) for row in currencies}
        inputs = GreekInput(
            [], given.instruments, self._options, marks, floats, now_ns, self._age_ms_max
        )
        instruments = InstrumentMap(given.instruments, {})
        fees = {} if self._notes is None else self._notes.fees.named(given.orders, currencies)
        rows = leg_rows(groups, given.orders, inputs, instruments, rates_of(currencies), fees=fees)
        return {row["group"]: row for row in rows}


class LegWatch:
    """Keeps the groups of legs of the view new, in their share of the time at most. One at a time
    of `keep`."""

    def __init__(
        self,
        view: View,
        desk: LegDesk,
        sources: ValuationSources,
        orders: Callable[[Sequence[int]], Awaitable[list[Row]]],
    ) -> None:
        self._view, self._desk, self._sources, self._orders = view, desk, sources, orders
        self._next_at = 0.0

    async def keep(self) -> None:
        """One look. What fails is told, and the groups stay as they were shown."""
        sources, view, began = self._sources, self._view, self._sources.monotonic()
        if began < self._next_at:
            return
        try:
            generation = view.reopened
            is_read = await asyncio.to_thread(self._desk.read, generation, view.followed)
            if is_read:
                rows = await self._rows()
                if view.reopened == generation and view.take_legs(rows):
                    sources.wake()
        except Exception as fault:  # what is wrong in one turn does not end the next ones
            sources.tell_fault("legs", fault)
            is_read = True
        ended = sources.monotonic()
        self._next_at = ended + (rest_seconds(ended - began, SHARE) if is_read else 0.0)

    async def _rows(self) -> dict[str, Row]:
        numbers = [number for group in self._desk.groups() for number in group.members]
        if not numbers:
            return {}
        orders = {int(row["order_id"]): row for row in await self._orders(numbers)}
        sources = self._sources
        given = LegInput(await sources.instruments(), await sources.currencies(), orders)
        return await asyncio.to_thread(self._desk.rows, given)
