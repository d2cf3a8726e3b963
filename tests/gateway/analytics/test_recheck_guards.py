"""The re-check names each guard that was passed, at its level, and finds nothing where the gate was
asked: journals of a desk without guards, judged as if they had stood there all along."""

import random

import pytest
from engine_world import (
    ACCOUNT,
    BUY,
    FIRM,
    INSTRUMENT,
    LEVELS,
    REDUCE_ONLY,
    SELL,
    STRATEGY,
    VENUE,
    every_level,
    guard,
    tell,
)

from gateway.analytics.recheck import Recheck
from gateway.journal import reader

MS_NS = 1_000_000


def records_of(world):
    return list(reader.decoded(world.journal, ring_directory=world.ring))


def judged(world, level, **fields):
    """What is found with these guards at that level from the beginning on."""
    records = [
        record | fields if record["kind"] == "guards_set" and record["level"] == level else record
        for record in records_of(world)
    ]
    return Recheck().run(records)


def found(world, level, **fields):
    result = judged(world, level, **fields)
    assert {each.level.split()[0] for each in result.findings} <= {
        ("instrument", "strategy", "account", "venue", "firm")[level]
    }
    return {each.rule for each in result.findings if each.is_bypass}


def lose_ten(world):
    """Bought at 100 and sold at 90, by orders of ours."""
    where = {"instrument": world.perpetual}
    for side, price in ((BUY, "100"), (SELL, "90")):
        world.fill(world.working(side, "1", price, **where), "1", price, side=side, **where)


def tell_every(world, level, **told):
    entities = world.instruments if level == INSTRUMENT else (world.entities[level],)
    for number in entities:
        tell(world, level, number, **told)


@every_level
def test_an_order_behind_a_loss_is_found_and_a_way_out_is_none(world, level):
    lose_ten(world)
    where = {"instrument": world.perpetual}
    world.fill(world.working(BUY, "1", **where), "1", **where)
    assert found(world, level, loss_max_e4=99_000) == {"LOSS_LIMIT"}
    assert found(world, level, loss_max_e4=100_000) == set()
    world.engine.roll_period()
    world.working(SELL, "1", "100", flags=REDUCE_ONLY, **where)
    before = len(judged(world, level, loss_max_e4=99_000).findings)
    world.working(BUY, "1", **where)
    assert len(judged(world, level, loss_max_e4=99_000).findings) == before, "a new period"


@every_level
def test_a_told_result_and_a_fall_from_the_best_are_judged(world, level):
    tell_every(world, level, result="15")
    tell_every(world, level, result="-5")
    world.working()
    assert found(world, level, loss_max_e4=50_000, drawdown_max_e4=200_000) == set()
    assert found(world, level, loss_max_e4=49_999) == {"LOSS_LIMIT"}
    assert found(world, level, drawdown_max_e4=199_999) == {"LOSS_LIMIT"}


@every_level
def test_credit_is_judged_with_what_was_lost(world, level):
    lose_ten(world)
    world.working(instrument=world.perpetual)
    records = [
        record | {"credit_max_e4": 105 * 10**4}
        if record["kind"] == "limits_set" and record["level"] == level
        else record
        for record in records_of(world)
    ]
    rules = {each.rule for each in Recheck().run(records).findings}
    assert rules == {"CREDIT_LIMIT"}, "100 of the order and 10 lost"


@every_level
def test_an_order_without_margin_is_found(world, level):
    world.working()
    assert found(world, level, margin_bps=1000) == {"INSUFFICIENT_MARGIN"}, "nobody told any"


@every_level
def test_an_order_beyond_the_margin_is_found(world, level):
    tell_every(world, level, margin_headroom="30")
    world.working(quantity="2")
    held = world.working()
    assert found(world, level, margin_bps=1000) == set()
    assert found(world, level, margin_bps=1001) == {"INSUFFICIENT_MARGIN"}
    world.fact("canceled", held, 1, "", "", 1, 1)
    world.replace(world.working(quantity="0.5"), quantity="1")
    assert found(world, level, margin_bps=1000) == set()
    assert found(world, level, margin_bps=1001) == {"INSUFFICIENT_MARGIN"}


@every_level
def test_a_headroom_that_was_too_old_is_found(world, level):
    tell_every(world, level, margin_headroom="1000")
    world.pass_time(1000 * MS_NS)
    world.working()
    assert found(world, level, margin_bps=1000, headroom_age_ms_max=1000) == set()
    assert found(world, level, margin_bps=1000, headroom_age_ms_max=999) == {"HEADROOM_STALE"}


@pytest.mark.parametrize("greek", ["delta", "gamma", "vega"])
@every_level
def test_greeks_are_judged_at_every_level(world, level, greek):
    world.working()
    rule, name = f"{greek.upper()}_LIMIT", f"{greek}_max_e4"
    assert found(world, level, **{name: 10**9}) == {rule}, "nobody told any"


@pytest.mark.parametrize("greek", ["delta", "gamma", "vega"])
@pytest.mark.parametrize("unit", ["0.5", "-0.5"])
@every_level
def test_positions_and_working_orders_count_with_their_greek(world, level, greek, unit):
    told = {"delta": "0", "gamma": "0", "vega": "0", greek: unit}
    tell(world, INSTRUMENT, **told)
    world.fill(world.working(BUY, "2"), "2")
    world.working(SELL, "5", "101")
    world.working(BUY, "3")
    name = f"{greek}_max_e4"
    assert found(world, level, **{name: 25_000}) == set(), "two held and three wanted"
    assert found(world, level, **{name: 24_999}) == {f"{greek.upper()}_LIMIT"}


@every_level
def test_greeks_that_were_too_old_are_found(world, level):
    tell(world, INSTRUMENT, delta="1", gamma="0", vega="0")
    world.pass_time(500 * MS_NS)
    world.working()
    limit = {"delta_max_e4": 10**9}
    assert found(world, level, greeks_age_ms_max=500, **limit) == set()
    assert found(world, level, greeks_age_ms_max=499, **limit) == {"GREEKS_STALE"}


@every_level
@pytest.mark.parametrize(("side", "other"), [(BUY, SELL), (SELL, BUY)])
def test_an_order_that_met_an_own_one_is_found(world, level, side, other):
    near = "101" if side == BUY else "99"
    held = world.working(other, "1", near, strategy=world.other_strategy)
    world.working(side, "1", "100")
    assert found(world, level, self_trade_refused=1) == set()
    world.order(side, "1", near)
    assert found(world, level, self_trade_refused=1) == {"SELF_TRADE"}
    count = len(judged(world, level, self_trade_refused=1).findings)
    world.fact("canceled", held, 1, "", "", 1, 1)
    world.order(side, "1", near)
    assert len(judged(world, level, self_trade_refused=1).findings) == count


@every_level
def test_orders_that_are_kept_to_meet_here_stand_in_no_book(world, level):
    kept = 50 << 16  # milliseconds, in the upper half of the flags
    buy = world.order(BUY, "3", "101", flags=kept)
    world.order(SELL, "1", "99", flags=kept, strategy=world.other_strategy)
    world.order(SELL, "1", "99", strategy=world.other_strategy, instrument=world.quanto)
    assert found(world, level, self_trade_refused=1) == set()
    assert world.adapter.marked(world.spot, "", "99.90", "100.10", "")
    world.turn()
    world.pass_time(50 * MS_NS)
    world.turn()
    assert world.row(buy)["state"] == "PENDING_NEW", "what is left of it went out"
    assert found(world, level, self_trade_refused=1) == set()
    world.order(SELL, "1", "101", strategy=world.other_strategy)
    assert found(world, level, self_trade_refused=1) == {"SELF_TRADE"}


@every_level
@pytest.mark.parametrize("what", ["orders", "fills"])
def test_a_repetition_that_halted_nothing_is_found_with_the_next_order(world, level, what):
    numbers = [world.working(BUY, "1") for _ in range(3)]
    if what == "fills":
        for number in numbers:
            world.fill(number, "1")
    fields = {f"repeat_{what}_max": 3, "repeat_window_ms": 1000}
    assert found(world, level, **fields) == set()
    world.working(SELL, "1", "101")
    assert found(world, level, **fields) == {"REPEATED_EXECUTION"}
    assert found(world, level, **fields | {f"repeat_{what}_max": 4}) == set()


def test_repetitions_far_apart_are_none(world):
    for _ in range(6):
        world.working()
        world.pass_time(500 * MS_NS)
    assert found(world, FIRM, repeat_orders_max=3, repeat_window_ms=1000) == set()
    assert found(world, FIRM, repeat_orders_max=3, repeat_window_ms=1001) == {"REPEATED_EXECUTION"}


def overdue(world, **where):
    """Two more orders, each long after the engine could look."""
    for _ in range(2):
        world.pass_time(5 * MS_NS)
        world.turn()
        world.order(**where)


@every_level
@pytest.mark.parametrize(
    ("name", "deeds"), [("messages", 6), ("rejects", 3), ("errors", 3), ("loss", 1)]
)
def test_a_breaker_that_did_not_open_is_found(world, level, name, deeds):
    for _ in range(deeds):
        if name == "rejects":
            world.fact("rejected", world.order(), 7, "no", 1)
        elif name == "errors":
            order = world.order()
            world.sent()
            world.fact("unknown", order, 8, "timeout")
        elif name == "loss":
            lose_ten(world)
        else:
            world.order()
    most = {"loss": 99_000}.get(name, deeds - 1)
    limit = "breaker_loss_max_e4" if name == "loss" else f"breaker_{name}_max"
    assert found(world, level, breaker_window_ms=800, **{limit: most}) == set(), "no order behind"
    overdue(world, **({"instrument": world.perpetual} if name == "loss" else {}))
    assert found(world, level, breaker_window_ms=800, **{limit: most}) == {"BREAKER_OPEN"}
    assert found(world, level, breaker_window_ms=800, **{limit: 10**6}) == set()


def test_a_level_that_was_halted_and_enabled_again_begins_anew(world):
    for _ in range(3):
        world.fact("rejected", world.order(), 7, "no", 1)
    world.state(FIRM, 2)
    world.state(FIRM, 0)
    overdue(world)
    assert found(world, FIRM, breaker_window_ms=800, breaker_rejects_max=2) == set()


def test_what_no_journal_can_judge_is_named_where_it_is_set(world):
    world.working()
    assert judged(world, FIRM, delta_max_e4=2**63 - 1).unjudged == {}
    named = judged(world, FIRM, fat_finger_soft=4, breaker_window_ms=800, breaker_move_bps=50)
    assert set(named.unjudged) == {"fat_finger_soft", "breaker_move_bps"}
    assert all(named.unjudged.values()) and named.is_clean


TIGHT = {
    "loss_max": "60", "drawdown_max": "80", "delta_max": "9", "gamma_max": "5", "vega_max": "7",
    "margin_bps": 1000, "self_trade_refused": 1, "repeat_orders_max": 9, "repeat_fills_max": 7,
    "repeat_window_ms": 300, "breaker_window_ms": 400, "breaker_rejects_max": 3,
    "breaker_errors_max": 3, "breaker_messages_max": 40, "breaker_loss_max": "30",
    "headroom_age_ms_max": 900, "greeks_age_ms_max": 900,
}  # fmt: skip


def told_to(world, chance):
    for level in LEVELS:
        tell_every(world, level, margin_headroom=str(chance.randrange(60, 200)))
        if chance.random() < 0.3:
            tell_every(world, level, result=str(chance.randrange(-40, 40)))
    for number in world.instruments[:2]:
        greeks = (f"{chance.randrange(-20, 30) / 10}" for _ in range(3))
        told = dict(zip(("delta", "gamma", "vega"), greeks, strict=True))
        tell(world, INSTRUMENT, number, **told)


def act(world, chance, open_orders):
    """One deed of a desk; whether the gate refused it."""
    deed, where = chance.random(), {"instrument": chance.choice(world.instruments[:2])}
    if deed < 0.55 or not open_orders:
        side, price = chance.choice((BUY, SELL)), str(chance.randrange(96, 105))
        owner = chance.choice((world.strategy, world.other_strategy))
        wanted = f"{chance.randrange(1, 25) / 10}"
        notice = world.submit(side, wanted, price, strategy=owner, **where)
        world.sent()
        if notice[2]:
            open_orders.append((notice[2], side, where["instrument"]))
            if chance.random() < 0.9:
                world.fact("accepted", notice[2], f"V{notice[2]}", False, 1, 1)
        return bool(notice[4])
    number, side, instrument = open_orders.pop(chance.randrange(len(open_orders)))
    row = world.row(number)
    if row["state"] in ("PENDING_NEW", "UNKNOWN"):
        name = "rejected" if chance.random() < 0.5 else "unknown"
        world.fact(name, number, *((7, "no", 1) if name == "rejected" else (8, "timeout")))
    elif row["state"] not in ("FILLED", "CANCELED"):
        if deed < 0.85:
            price, leaves = str(chance.randrange(96, 105)), row["leaves_quantity"]
            world.fill(number, leaves, price, side=side, instrument=instrument)
        elif deed < 0.93:
            world.replace(number, quantity=f"{chance.randrange(1, 30) / 10}")
            open_orders.append((number, side, instrument))
        else:
            world.fact("canceled", number, 1, "", "", 1, 1)
    return False


@pytest.mark.parametrize("seed", [5, 6])
def test_a_random_desk_that_meets_its_guards_all_the_time_is_clean(world, seed):
    chance, open_orders, refused = random.Random(seed), [], 0
    for level in LEVELS:
        guard(world, level, **TIGHT)
    world.limit(INSTRUMENT, world.perpetual, **TIGHT)
    told_to(world, chance)
    for number in range(700):
        world.pass_time(chance.randrange(30) * MS_NS)
        world.mark("100")
        if chance.random() < 0.05:
            told_to(world, chance)
        if number % 40 == 0:
            world.engine.roll_period()
        for level in LEVELS:  # a person lets them trade again
            if world.engine.trading_states():
                world.state(level, 0)
        refused += act(world, chance, open_orders)
    result = Recheck().run(records_of(world))
    assert refused > 60 and result.orders > 60
    assert result.is_clean, result.findings[:3]
    for guards in ({"loss_max_e4": 0}, {"delta_max_e4": 0}, {"margin_bps": 9000}):
        assert found(world, FIRM, **guards), guards


def test_levels_do_not_meddle(world):
    """A guard of another account or strategy judges nobody here."""
    world.limit(ACCOUNT, world.hedge, margin_bps=1000)
    world.limit(STRATEGY, world.other_strategy, margin_bps=1000)
    world.working()
    assert Recheck().run(records_of(world)).is_clean
    assert VENUE in LEVELS and not found(world, VENUE, margin_bps=1000) <= set()
