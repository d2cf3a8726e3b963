"""A recorded day of the native engine with a virtual clock: small segments, so that a few hundred
orders make several sealed ones, and notes of what the live engine said on the way."""

import os
import shutil
import tempfile
import time
from itertools import count
from pathlib import Path

from engine_world import BUY, FIRM, HALTED, SELL, World

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
# 2026-11-20 22:00 UTC, so that a world of a few hours crosses midnight.
BEGIN_NS = 1_795_212_000_000_000_000


class Past:
    """A recorded day: its directories, and what the live engine said at some of its records."""

    def __init__(self, world, directory):
        self.world = world
        self.directory = directory
        self.ring = Path(world.ring)
        self.orders = []
        self.stations = []  # (sequence, time_ns, state hash, orders, positions, balances)

    def note(self):
        engine = self.world.engine
        sequence, state_hash = engine.state_hash()
        self.stations.append(
            {
                "sequence": sequence,
                "time_ns": engine.now_ns(),
                "state_hash": state_hash,
                "orders": engine.orders(open_only=True, limit=10_000),
                "positions": engine.positions(),
                "balances": engine.balances(),
            }
        )

    def seals(self):
        return sorted(self.directory.glob("segment-*.seal"))


def trade(past, rounds):
    """Orders of every ending, fills on several books, a bust, money, refusals, a kill."""
    world = past.world
    names = count(1)
    for turn in range(rounds):
        instrument = world.instruments[turn % 2]
        side = (BUY, SELL)[turn % 3 == 2]
        made = world.working(side, "2", "100", instrument=instrument)
        past.orders.append(made)
        trade_id = f"trade-{next(names)}"
        world.fill(made, "0.5", "100.01", side=side, instrument=instrument, trade=trade_id,
                   fee="0.001", fee_currency=world.usd, time_ns=world.engine.now_ns())  # fmt: skip
        if turn % 4 == 0:
            world.fill(made, "1.5", "99.99", side=side, instrument=instrument)
        elif turn % 4 == 1:
            world.cancel(made)
            world.fact("canceled", made, 1, "as asked", "0.5", 1, 1)
        elif turn % 4 == 2:
            world.replace(made, quantity="3", client_id=f"r{turn}")
        if turn % 5 == 0:
            world.submit(side, "100000", "100", instrument=instrument)
        if turn % 10 == 0:  # what is committed at once lies in one segment, however big
            assert world.engine.wait_synced(world.engine.state_hash()[0], 60_000)
        if turn % 20 == 0:
            past.note()
        world.pass_time(60_000_000_000)
        world.session(2)
        world.mark("100")
        world.sent()
        if turn % 50 == 10:
            world.revise(made, trade_id, 1, side=side, instrument=instrument)
            world.fact("balance", world.account, world.usd, "1000", 1, f"deposit-{turn}")
            world.fact("funding", world.account, world.perpetual, 0, world.usd, "-0.25", "0.0001",
                       f"funding-{turn}", world.engine.now_ns())  # fmt: skip
        if turn == 130:
            world.state(FIRM, HALTED, is_latch=True)
            world.submit(side, "1", "100", instrument=instrument)
            world.state(FIRM, 0)


def wait_for(probe, what, seconds_max=300.0):
    """Segments are sealed by a thread of low priority."""
    deadline = time.monotonic() + seconds_max
    while not probe():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.005)


def recorded(place, rounds):
    ring = tempfile.mkdtemp(dir="/dev/shm", prefix=f"gateway-test-{os.getpid()}-")
    world = World(str(place / "journal"), f"{ring}/journal", segment_bytes=1 << 16,
                  ring_bytes=1 << 20)  # fmt: skip
    world.engine.set_time(BEGIN_NS)
    world.session(2)
    world.mark("100")
    past = Past(world, place / "journal")
    trade(past, rounds)
    wait_for(lambda: len(past.seals()) >= 3, "three sealed segments")
    world.engine.stop()
    yield past
    shutil.rmtree(ring, ignore_errors=True)
