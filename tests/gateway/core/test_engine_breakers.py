"""Circuit breakers at each of the five levels; all guards after replay, restart and snapshot."""

from engine_world import (
    ACCOUNT,
    BUY,
    FIRM,
    INSTRUMENT,
    SELL,
    VENUE,
    code_of,
    every_level,
    evidence,
    guard,
    lose,
    refused,
    tell,
)

from gateway._core.journal import Replica

MS_NS = 1_000_000


# Breakers.


def watch(world, level, **fields):
    guard(world, level, breaker_window_ms=800, **fields)


def breaker(world, level):
    words = ("instrument", "strategy", "account", "venue", "firm")
    rows = [row for row in world.engine.trading_states() if row["level"] == words[level]]
    return (rows[0]["state"], rows[0]["breaker"]) if rows else ("active", "closed")


def timer(world, ms=1):
    world.pass_time(ms * MS_NS)
    world.turn()


@every_level
def test_rejects_open_the_breaker_of_every_level(world, level):
    watch(world, level, breaker_rejects_max=2)
    for _ in range(2):
        world.fact("rejected", world.order(), 7, "no", 1)
        timer(world)
    assert breaker(world, level) == ("active", "closed")
    world.fact("rejected", world.order(), 7, "no", 1)
    world.sent()
    timer(world)
    assert breaker(world, level) == ("halted", "open")
    assert evidence(refused(world, "BREAKER_OPEN"))[0] == level


def test_rejects_far_apart_open_nothing(world):
    watch(world, FIRM, breaker_rejects_max=2)
    for _ in range(12):
        world.fact("rejected", world.order(), 7, "no", 1)
        for _ in range(5):
            timer(world, 100)
        world.mark("100")
    assert breaker(world, FIRM) == ("active", "closed")


@every_level
def test_unknown_outcomes_and_lost_sessions_open_the_breaker(world, level):
    watch(world, level, breaker_errors_max=1)
    timer(world)
    world.fact("unknown", world.order(), 8, "timeout")
    timer(world)
    assert breaker(world, level) == ("active", "closed")
    if level in (VENUE, FIRM):
        world.session(0)
        world.session(2)
    else:
        world.fact("unknown", world.order(), 8, "timeout")
    timer(world)
    assert breaker(world, level) == ("halted", "open")


@every_level
def test_messages_open_the_breaker(world, level):
    watch(world, level, breaker_messages_max=5)
    timer(world)
    held = world.working()
    assert code_of(world.replace(held, quantity="2")) == ""
    assert code_of(world.cancel(held)) == ""
    for _ in range(2):
        world.order()
    timer(world)
    assert breaker(world, level) == ("active", "closed")
    world.order()
    timer(world)
    assert breaker(world, level) == ("halted", "open")


@every_level
def test_a_fast_loss_opens_the_breaker(world, level):
    guard(world, level, breaker_window_ms=800, breaker_loss_max="9.9999")
    fields = {"instrument": world.perpetual}
    timer(world)
    opened = world.working(BUY, "1", "100", **fields)
    world.fill(opened, "1", "100", side=BUY, **fields)
    closed = world.working(SELL, "1", "91", **fields)
    world.fill(closed, "1", "90", side=SELL, **fields)
    timer(world)
    assert breaker(world, level)[0] == "halted"


def test_a_price_move_opens_the_breaker_of_an_instrument(world):
    watch(world, INSTRUMENT, breaker_move_bps=100)
    timer(world)
    world.mark("101")
    timer(world)
    assert breaker(world, INSTRUMENT) == ("active", "closed")
    world.mark("98.98")
    timer(world)
    assert breaker(world, INSTRUMENT) == ("halted", "open")


@every_level
def test_a_breaker_is_on_trial_after_a_person_enabled_it(world, level):
    watch(world, level, breaker_rejects_max=2)

    def trip(count):
        for _ in range(count):
            world.fact("rejected", world.order(), 7, "no", 1)
        timer(world)

    timer(world)
    trip(3)
    assert breaker(world, level) == ("halted", "open")
    timer(world, 5000)
    world.mark("100")
    assert breaker(world, level) == ("halted", "open"), "time closes nothing"
    if level == INSTRUMENT:
        world.state(INSTRUMENT, 0)
        world.engine.set_trading_state(INSTRUMENT, world.perpetual, 0, False, "ops", "on")
    else:
        world.state(level, 0)
    assert breaker(world, level) == ("active", "half_open")
    timer(world)
    trip(1)
    assert breaker(world, level) == ("halted", "open"), "one fault is enough on trial"
    world.state(level, 0)
    timer(world)
    world.order()
    for _ in range(9):
        timer(world, 100)
    assert breaker(world, level) == ("active", "closed")
    world.mark("100")
    trip(2)
    assert breaker(world, level) == ("active", "closed")


# Nothing of it is lost.


def test_replay_restart_and_snapshot_make_the_same_guards(open_world):
    world = open_world()
    world.limit(FIRM, loss_max="10", margin_bps=500, fat_finger_soft=3, breaker_window_ms=100,
                breaker_rejects_max=1, drawdown_max="7", headroom_age_ms_max=90_000)  # fmt: skip
    world.limit(ACCOUNT, delta_max="100", self_trade_refused=1, greeks_age_ms_max=80_000)
    tell(world, FIRM, margin_headroom="1000", result="5")
    for number in world.instruments:
        tell(world, INSTRUMENT, number, delta="0.25", gamma="0.5", vega="-1")
    held = world.working(BUY, "2")
    world.fill(held, "1")
    lose(world, BUY)
    world.engine.roll_period()
    world.order(SELL, "1", "105")
    for _ in range(2):
        world.fact("rejected", world.order(BUY, "1", "99"), 7, "no", 1)
    timer(world)
    assert breaker(world, FIRM) == ("halted", "open")
    replica = Replica(world.journal, world.ring)
    while replica.follow():
        pass
    assert replica.state_hash() == world.state_hash()
    assert replica.limits() == world.engine.limits()
    copy = replica.write_snapshot()
    from_snapshot = Replica(world.journal, world.ring)
    while from_snapshot.follow():
        pass
    assert copy
    assert from_snapshot.state_hash() == world.state_hash()
    rows = world.engine.limits()
    world.engine.stop()
    again = open_world()
    assert again.engine.limits() == rows
    assert breaker(again, FIRM) == ("halted", "open")
    refused(again, "BREAKER_OPEN")
