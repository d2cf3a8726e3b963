"""Clock, period and epoch are kept up without touching an order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine_world import CANCEL, DAY, EMULATE

from gateway.core import upkeep
from gateway.core.upkeep import Upkeep

DAY_NS = 86_400_000_000_000
SECOND_NS = 1_000_000_000


class NativeInMemory:
    """The calls that upkeep makes, remembered."""

    def __init__(self) -> None:
        self.now = 10 * DAY_NS - 1
        self.period_began_ns = 9 * DAY_NS + 5
        self.has_room = True
        self.ahead = 0
        self.left = 1 << 30
        self.epoch = 3
        self.is_there = True
        self.journal_failed = 0
        self.calls: list[tuple[Any, ...]] = []

    def now_ns(self) -> int:
        return self.now

    def discipline_clock(self) -> int:
        return self.ahead

    def set_clock_healthy(self, is_healthy: bool) -> None:
        self.calls.append(("healthy", is_healthy))

    def roll_period(self) -> int:
        self.calls.append(("roll",))
        if self.has_room:
            self.period_began_ns = self.now
        return 7 * self.has_room

    def order_ids_left(self) -> int:
        return self.left

    def raise_epoch(self, epoch_min: int = 0) -> bool:
        self.calls.append(("raise",))
        return True

    def is_where_started(self) -> bool:
        return self.is_there

    def counters(self) -> dict[str, int]:
        return {"journal_failed": self.journal_failed}


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
    ("began_ns", "is_rolled"),
    [
        (10 * DAY_NS - 3600 * SECOND_NS, True),  # down at midnight
        (10 * DAY_NS, False),
        (10 * DAY_NS + SECOND_NS, False),
        (7 * DAY_NS, True),
    ],
)
def test_a_day_that_ended_while_nobody_ran_ends_once_at_the_start(
    native: NativeInMemory, began_ns: int, is_rolled: bool
) -> None:
    native.period_began_ns = began_ns
    native.now = 10 * DAY_NS + 60 * SECOND_NS
    kept = Upkeep(native)  # type: ignore[arg-type]
    kept.once()
    kept.once()
    assert native.calls == [("roll",)] * is_rolled


def test_an_end_without_room_in_the_journal_comes_later(native: NativeInMemory) -> None:
    native.now, native.has_room = 10 * DAY_NS, False
    kept = Upkeep(native)  # type: ignore[arg-type]
    kept.once()
    native.has_room = True
    kept.once()
    kept.once()
    assert native.calls == [("roll",)] * 2


@pytest.mark.asyncio
async def test_the_first_look_waits_for_nothing(native: NativeInMemory) -> None:
    native.period_began_ns = 5 * DAY_NS
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


def test_a_journal_that_cannot_be_written_is_told_once_and_so_is_its_end(
    native: NativeInMemory, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Upkeep(native)  # type: ignore[arg-type]
    caplog.set_level("INFO")
    for native.journal_failed in (0, 1, 1, 0, 0):
        kept.once()
    told = [record.message for record in caplog.records if "journal" in record.message]
    assert [(text[:15], "JOURNAL_BEHIND" in text) for text in told] == [
        ("the journal can", True), ("the journal is ", False)
    ]  # fmt: skip


def test_an_engine_that_was_down_at_midnight_starts_a_new_day(open_world: Any) -> None:
    world = open_world()
    began_ns = world.engine.period_began_ns
    world.engine.set_time(20 * DAY_NS - 3600 * SECOND_NS)
    Upkeep(world.engine).once()
    assert world.engine.period_began_ns > began_ns  # the first boot was days before
    began_ns = world.engine.period_began_ns
    world.engine.stop()
    open_world().engine.stop()  # a start that comes to nothing ends no day
    again = open_world()
    assert again.engine.period_began_ns == began_ns
    again.engine.set_time(20 * DAY_NS + 1)
    Upkeep(again.engine).once()
    assert again.engine.period_began_ns == 20 * DAY_NS + 1


def test_who_repeats_an_order_over_the_end_of_its_day_makes_no_second_one(open_world: Any) -> None:
    world = open_world()
    order_id = world.order(client_id="of-the-day")
    world.fact("rejected", order_id, 7, "no", 1)
    for end in (1, 2):
        world.engine.set_time(end * DAY_NS)
        world.mark("100")
        Upkeep(world.engine).once()
        is_known = world.submit(client_id="of-the-day")[2] == order_id
        assert is_known == (end == 1)


def test_a_day_order_that_could_not_be_cancelled_at_its_end_is_cancelled_later(
    open_world: Any,
) -> None:
    world = open_world(venue_times=0x0A)
    order_id = world.order(time_in_force=DAY, flags=EMULATE)
    world.sent()
    world.fact("accepted", order_id, "V", False, 1, 1)
    world.engine.stop()
    again = open_world(venue_times=0x0A)
    again.engine.set_time(DAY_NS)
    Upkeep(again.engine).once()
    for seconds in (0, 1, 10):
        again.engine.set_time(DAY_NS + seconds * SECOND_NS)
        again.turn()
        assert [entry[:2] for entry in again.sent()] == [(CANCEL, order_id)]
        again.fact("cancel_rejected", order_id, 7, "not connected")
    again.mark("100")
    later = again.order(time_in_force=DAY, flags=EMULATE)
    again.sent()
    again.engine.set_time(DAY_NS + 60 * SECOND_NS)
    again.turn()
    assert [entry[:2] for entry in again.sent()] == [(CANCEL, order_id)], "not the day's own order"
    assert later != order_id
