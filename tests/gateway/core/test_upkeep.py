"""Clock, period and epoch are kept up without touching an order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.core import upkeep
from gateway.core.upkeep import Upkeep

DAY_NS = 86_400_000_000_000
SECOND_NS = 1_000_000_000


class NativeInMemory:
    """The calls that upkeep makes, remembered."""

    def __init__(self) -> None:
        self.now = 10 * DAY_NS - 1
        self.recovery = {"time_ns": 0}
        self.ahead = 0
        self.left = 1 << 30
        self.epoch = 3
        self.is_there = True
        self.calls: list[tuple[Any, ...]] = []

    def now_ns(self) -> int:
        return self.now

    def discipline_clock(self) -> int:
        return self.ahead

    def set_clock_healthy(self, is_healthy: bool) -> None:
        self.calls.append(("healthy", is_healthy))

    def roll_period(self) -> int:
        self.calls.append(("roll",))
        return 7

    def order_ids_left(self) -> int:
        return self.left

    def raise_epoch(self, epoch_min: int = 0) -> bool:
        self.calls.append(("raise",))
        return True

    def is_where_started(self) -> bool:
        return self.is_there


@pytest.fixture
def native() -> NativeInMemory:
    return NativeInMemory()


def test_the_period_rolls_once_at_midnight(native: NativeInMemory) -> None:
    kept = Upkeep(native)  # type: ignore[arg-type]
    kept.once()
    assert native.calls == []
    native.now += 1
    kept.once()
    kept.once()
    assert native.calls == [("roll",)]


@pytest.mark.parametrize(
    ("recovered_ns", "is_rolled"),
    [
        (0, False),  # an empty journal has no day to end
        (10 * DAY_NS - 3600 * SECOND_NS, True),  # down at midnight
        (10 * DAY_NS + 2 * SECOND_NS, True),  # perhaps it went down before the record of the end
        (10 * DAY_NS + 10 * SECOND_NS, False),
        (7 * DAY_NS, True),
    ],
)
def test_a_day_that_ended_while_nobody_ran_ends_once_at_the_start(
    native: NativeInMemory, recovered_ns: int, is_rolled: bool
) -> None:
    native.recovery["time_ns"] = recovered_ns
    native.now = 10 * DAY_NS + 60 * SECOND_NS
    kept = Upkeep(native)  # type: ignore[arg-type]
    kept.once()
    kept.once()
    assert native.calls == [("roll",)] * is_rolled


@pytest.mark.asyncio
async def test_the_first_look_waits_for_nothing(native: NativeInMemory) -> None:
    native.recovery["time_ns"] = 5 * DAY_NS
    task = asyncio.create_task(Upkeep(native).keep(3600))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    assert native.calls == [("roll",)]


def test_a_clock_jump_stops_new_orders_until_it_is_caught_up(native: NativeInMemory) -> None:
    kept = Upkeep(native)  # type: ignore[arg-type]
    for ahead in (900_000_000, 3_600_000_000_000, 3_600_000_000_000, -2_000_000_000, 5_000):
        native.ahead = ahead
        kept.once()
    assert native.calls == [("healthy", False), ("healthy", True)]


def test_the_epoch_is_raised_ahead_of_exhaustion(native: NativeInMemory) -> None:
    kept = Upkeep(native)  # type: ignore[arg-type]
    kept.once()
    native.left = upkeep.ORDER_IDS_LEFT_MIN - 1
    kept.once()
    assert native.calls == [("raise",)]


def test_a_moved_engine_thread_is_told_once_by_code(
    native: NativeInMemory, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Upkeep(native)  # type: ignore[arg-type]
    for is_there in (True, False, False, True, True):
        native.is_there = is_there
        with caplog.at_level("INFO"):
            kept.once()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert told[0].startswith("CPU_MOVED") and "again" in told[1]


def test_an_engine_that_was_down_at_midnight_starts_a_new_day(open_world: Any) -> None:
    world = open_world()
    world.engine.set_time(20 * DAY_NS - 3600 * SECOND_NS)
    Upkeep(world.engine).once()
    world.mark("100")
    ended = world.order(client_id="of-the-day")
    world.fact("rejected", ended, 7, "no", 1)
    last_ns = world.engine.now_ns()
    world.engine.stop()
    again = open_world()
    assert again.engine.recovery["time_ns"] >= last_ns
    kept = Upkeep(again.engine)
    kept.once()
    assert again.submit(client_id="of-the-day")[2] == ended  # the same day, the same order
    again.engine.set_time(20 * DAY_NS + 1)
    kept.once()
    again.mark("100")
    assert again.submit(client_id="of-the-day")[2] != ended
