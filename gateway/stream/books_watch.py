"""Keeps the books new in a thread of their own and shows them in the view. What they do late or
wrong holds back nothing else, and nothing else holds them back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gateway.journal import Row
from gateway.journal.share import rest_seconds
from gateway.stream.books import READING, Books, BooksStep
from gateway.stream.view import View

__all__ = ["LOOK_SECONDS", "BooksSources", "BooksWatch"]

LOOK_SECONDS = 0.25  # between two looks at the books
IDLE_SECONDS = 0.032  # between two looks for a journal
SHARE = 20  # a look is followed by so many times its length of booking


@dataclass(frozen=True, slots=True)
class BooksSources:
    """Where a watch reads and whom it tells."""

    instruments: Callable[[], Sequence[Row] | None]  # None: not known yet. From any thread.
    wake: Callable[[], None]
    tell_fault: Callable[[str, Exception], str]
    is_stopping: Callable[[], bool]
    monotonic: Callable[[], float]


class BooksWatch:
    """One at a time of `keep`, on the loop of the view."""

    def __init__(self, view: View, books: Books, sources: BooksSources) -> None:
        self._view, self._books, self._sources = view, books, sources
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="observer_books")
        self.step = BooksStep("waiting", "the journal was not opened yet")

    async def keep(self) -> None:
        """Until the observer stops."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._run, loop)

    def close(self) -> None:
        self._thread.shutdown()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """The life of the thread: many small bookings and then one look at them, which takes a
        twentieth of the time at most."""
        seconds = LOOK_SECONDS
        while not self._sources.is_stopping():
            instruments = self._sources.instruments()
            if not self._view.is_ready or instruments is None:
                time.sleep(IDLE_SECONDS)
                continue
            step, looked_seconds = self.look(seconds, instruments)
            seconds = max(LOOK_SECONDS, rest_seconds(looked_seconds, SHARE))
            if not self._sources.is_stopping():
                loop.call_soon_threadsafe(self.show, loop, step)

    def look(self, seconds: float, instruments: Sequence[Row]) -> tuple[BooksStep, float]:
        """Book for so long and look at it once; what it took to look."""
        sources, view = self._sources, self._view
        began = sources.monotonic()
        try:
            self._books.run(seconds, lambda: view.reopened, sources.is_stopping)
            began = sources.monotonic()
            step = self._books.tell(instruments)
        except Exception as fault:  # told where the books are shown, and tried again
            reason = sources.tell_fault("books", fault)
            step = BooksStep("waiting", reason, generation=view.reopened)
            time.sleep(LOOK_SECONDS)
        return step, sources.monotonic() - began

    def show(self, loop: asyncio.AbstractEventLoop, step: BooksStep) -> None:
        """All of a step; positions in pieces."""
        self._go_on(loop, self.take(step))

    def _go_on(self, loop: asyncio.AbstractEventLoop, pieces: Iterator[bool]) -> None:
        """One piece now; others work before the next one."""
        moved = next(pieces, None)
        if moved:
            self._sources.wake()
        if moved is not None:
            loop.call_soon(self._go_on, loop, pieces)

    def take(self, step: BooksStep) -> Iterator[bool]:
        """Show it, unless its books are of a journal that the view does not show any more; what is
        left to show of positions, in pieces."""
        view, self.step = self._view, step
        if view.reopened != step.generation:
            return iter(())
        waiting = READING if step.state == "catching_up" else step.reason
        moved = view.take_books(step.rows, step.sequence, waiting)
        if view.take_booked_fills(step.fills, step.venues) or moved:
            self._sources.wake()
        return view.carry_steps(step.carries)
