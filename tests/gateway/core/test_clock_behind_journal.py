"""The clock was ten days ahead once and is right again: journal time starts at what is recorded,
and runs."""

import time

import pytest
from engine_world import GTD, SECOND_NS, STRATEGY, describe_number

from gateway.core.trading_day import TradingDay
from gateway.core.upkeep import Upkeep
from gateway.journal import reader

TEN_DAYS_NS = 864_000 * SECOND_NS


@pytest.fixture
def late_world(open_world):
    """The second life, on the real clock, of a journal whose first one was ten days ahead."""
    first = open_world()
    first.engine.set_time(time.time_ns() + TEN_DAYS_NS)
    first.mark("100")
    first.working()
    first.engine.stop()
    return open_world(is_virtual_clock=False)


def refusal(world, **fields):
    return describe_number(world.submit(**fields)[4]).name


def test_the_offset_is_told_and_time_runs(late_world):
    engine = late_world.engine
    assert TEN_DAYS_NS - 60 * SECOND_NS < engine.clock_ahead_ns <= TEN_DAYS_NS
    for _ in range(3):
        late_world.order()
        time.sleep(0.05)
    times = [
        row["time_ns"] for row in reader.decoded(late_world.journal, ring_directory=late_world.ring)
    ]
    assert times == sorted(times)
    assert times[-1] - times[-3] > 0.09 * SECOND_NS
    assert abs(engine.now_ns() - times[-1] - 0.05 * SECOND_NS) < SECOND_NS
    assert abs(engine.discipline_clock()) < SECOND_NS  # no jump: new orders are taken


def test_rate_limits_refill_and_marks_grow_old(late_world):
    late_world.limit(STRATEGY, orders_per_second=10, order_burst=1)
    assert refusal(late_world) == ""
    assert refusal(late_world) == "THROTTLED"
    time.sleep(0.2)
    assert refusal(late_world) == ""
    late_world.limit(STRATEGY, reference_age_ms_max=100)
    time.sleep(0.2)
    assert refusal(late_world) == "STALE_PRICE"
    late_world.mark("100")
    assert refusal(late_world) == ""


def test_an_expiry_is_judged_by_journal_time(late_world):
    wall_ns = time.time_ns()
    assert refusal(late_world, time_in_force=GTD, expires_ns=wall_ns + 3600 * SECOND_NS) == (
        "EXPIRY_PAST"
    )
    later_ns = wall_ns + TEN_DAYS_NS + 3600 * SECOND_NS
    assert refusal(late_world, time_in_force=GTD, expires_ns=later_ns) == ""


def test_the_trading_day_ends_by_journal_time(late_world):
    engine = late_world.engine
    Upkeep(engine, TradingDay()).once()
    assert engine.period_began_ns > time.time_ns() + TEN_DAYS_NS - 86_400 * SECOND_NS


def test_a_third_life_is_ahead_by_what_is_left(late_world, open_world):
    late_world.engine.stop()
    time.sleep(0.1)
    third = open_world(is_virtual_clock=False)
    assert third.engine.clock_ahead_ns < late_world.engine.clock_ahead_ns - 0.09 * SECOND_NS


def test_a_clock_that_is_right_is_followed(open_world):
    open_world(is_virtual_clock=False).engine.stop()
    engine = open_world(is_virtual_clock=False).engine
    assert engine.clock_ahead_ns == 0
    assert abs(engine.now_ns() - time.time_ns()) < SECOND_NS
