"""A real engine with a virtual clock, and behind it what an observer follows it with: follower,
view and books, driven by hand."""

import time
from pathlib import Path

from engine_world import World

from gateway.journal import Follower, JournalPlace, Mark
from gateway.journal.replica import open_native_replica
from gateway.stream import BalanceReader, OrderReader, PositionReader
from gateway.stream.books import Books, BooksOptions, open_native_ledger
from gateway.stream.fill_stream import FillReader
from gateway.stream.linked_stream import LinkedReader
from gateway.stream.state_stream import StateReader
from gateway.stream.view import View

FRESH_MS = 1 << 60  # the engine's clock is virtual and the replica's is not: every mark is fresh


class Desk:
    """A real engine, and an observer's follower, view and books behind it."""

    def __init__(self, journal, ring, mark_age_ms_max=FRESH_MS, **options):
        self.options = options
        self.world = World(str(journal), ring, **options)
        self.place = JournalPlace(Path(journal), Path(ring))
        self.seconds = 0.0
        self.ledgers = []
        self.mark_age_ms_max = mark_age_ms_max
        self.books = self.new_books()
        self.view = View(lambda: self.seconds)
        readers = [OrderReader(), PositionReader(), BalanceReader(), FillReader(), StateReader(),
                   LinkedReader()]  # fmt: skip
        self.follower = Follower(self.place, open_native_replica, readers)
        self.marks = []

    def new_books(self, *, clock_ns=time.time_ns, **more):
        """Those of an observer that starts."""
        return Books(
            BooksOptions(self.place, self._open_ledger, lambda: self.marks, clock_ns,
                         lambda: self.seconds, lambda _: None, self.mark_age_ms_max, **more)
        )  # fmt: skip

    def _open_ledger(self, place):
        self.ledgers.append(open_native_ledger(place))
        return self.ledgers[-1]

    def look(self):
        """Everything up to now, as the observer shows it; the step of the books."""
        while True:
            step = self.follower.step()
            self.view.apply(step)
            if step.is_caught_up and not step.is_loading:
                break
        self.view.value(self.follower.value(self.marks))
        while self.books.follow(self.view.reopened):
            pass
        return self.tell()

    def tell(self):
        found = self.books.tell(self.follower.instruments())
        self.view.take_books(found.rows, found.sequence, found.reason)
        self.view.take_booked_fills(found.fills, found.venues)
        for _ in self.view.carry_steps(found.carries):
            pass
        return found

    def mark(self, **prices):
        self.marks = [Mark(name.replace("_", "-"), price, 1) for name, price in prices.items()]

    def rows(self, channel):
        return list(self.view.channels[channel].rows.values())


def wait_for(take):
    """The engine takes facts while the disk keeps up, and here the disk is that of the machine."""
    deadline = time.monotonic() + 300
    while not take():
        assert time.monotonic() < deadline
        time.sleep(0.001)
