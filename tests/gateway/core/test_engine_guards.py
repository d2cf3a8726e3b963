"""Guards of the risk gate at each of its five levels: margin, losses, greeks, own orders, repeated
execution, and unusual sizes. Off until set; exactly at the guard passes, one above not."""

import pytest
from engine_world import (
    ACCOUNT,
    BUY,
    FIRM,
    HALTED,
    INSTRUMENT,
    LIMITS,
    MARKET,
    REDUCE_ONLY,
    SELL,
    STRATEGY,
    VENUE,
    code_of,
    every_level,
    every_side,
    evidence,
    guard,
    lose,
    other,
    refused,
    tell,
)

from gateway._core.journal import Reader, decode

MS_NS = 1_000_000
OVERRIDE_SIZE = 256


def row_of(world, level, number=None):
    words = ("instrument", "strategy", "account", "venue", "firm")
    number = world.entities[level] if number is None else number
    rows = world.engine.limits()
    return next(row for row in rows if (row["level"], row["id"]) == (words[level], number))


# Guards stand beside limits.


@every_level
def test_guards_are_off_until_set_and_stay_when_not_named(world, level):
    row = row_of(world, level)
    assert (row["loss_max"], row["margin_bps"], row["margin_headroom"]) == ("off", 0, None)
    world.limit(level, loss_max="5", repeat_orders_max=3, repeat_window_ms=100)
    world.limit(level, drawdown_max="7.5")
    row = row_of(world, level)
    assert (row["loss_max"], row["drawdown_max"]) == ("5", "7.5")
    assert (row["repeat_orders_max"], row["repeat_window_ms"]) == (3, 100)
    world.limit(level, loss_max="off", repeat_orders_max=0)
    assert row_of(world, level)["loss_max"] == "off"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"loss_max": "none"}, "BAD_NUMBER loss_max"),
        ({"loss_max": "-1"}, "OVERFLOW loss_max"),
        ({"self_trade_refused": 2}, "RANGE self_trade_refused"),
        ({"repeat_orders_max": 65537, "repeat_window_ms": 1}, "RANGE repeat_orders_max"),
        ({"repeat_orders_max": 5}, "RANGE repeat_window_ms"),
        ({"breaker_move_bps": 5}, "RANGE breaker_move_bps"),
        ({"los_max": "5"}, "UNKNOWN_FIELD los_max"),
    ],
)
def test_a_guard_that_makes_no_sense_is_refused_and_changes_nothing(world, fields, words):
    before = world.state_hash()
    with pytest.raises(ValueError, match=words):
        world.limit(ACCOUNT, **fields)
    assert world.state_hash() == before


@pytest.mark.parametrize(
    ("was", "wanted"),
    [
        ({"loss_max": "5"}, {"loss_max": "5.0001"}),
        ({"loss_max": "5"}, {"loss_max": "off"}),
        ({"repeat_orders_max": 5, "repeat_window_ms": 9}, {"repeat_orders_max": 0}),
        ({"repeat_orders_max": 5, "repeat_window_ms": 9}, {"repeat_window_ms": 8}),
        ({"self_trade_refused": 1}, {"self_trade_refused": 0}),
        ({"margin_bps": 100}, {"margin_bps": 99}),
        ({"fat_finger_hard": 4}, {"fat_finger_hard": 5}),
    ],
)
def test_nobody_loosens_a_guard_that_binds_him(world, was, wanted):
    world.limit(ACCOUNT, **was)
    with pytest.raises(ValueError, match="LIMIT_RAISE_DENIED"):
        world.engine.set_limits(
            ACCOUNT, world.account, {**LIMITS, **wanted}, "desk", "more", world.principal
        )
    world.limit(ACCOUNT, **wanted)


@pytest.mark.parametrize(
    ("level", "fields", "words"),
    [
        (ACCOUNT, {}, "MISSING_FIELD"),
        (ACCOUNT, {"mood": "1"}, "UNKNOWN_FIELD mood"),
        (ACCOUNT, {"result": 5}, "BAD_TYPE result"),
        (ACCOUNT, {"result": "x"}, "BAD_NUMBER result"),
        (ACCOUNT, {"delta": "1", "gamma": "0", "vega": "0"}, "RANGE level"),
        (INSTRUMENT, {"delta": "1"}, "MISSING_FIELD gamma"),
        (INSTRUMENT, {"delta": "10000001", "gamma": "0", "vega": "0"}, "LIMIT_TOO_LARGE delta"),
    ],
)
def test_measures_that_make_no_sense_are_refused(world, level, fields, words):
    with pytest.raises(ValueError, match=words):
        tell(world, level, **fields)


# Margin headroom.


@every_level
@every_side
def test_an_order_needs_margin_at_every_level(world, level, side):
    guard(world, level, margin_bps=1000)
    notice = refused(world, "INSUFFICIENT_MARGIN", side, "0.001")
    assert evidence(notice)[:2] == (level, 0), "nobody told the headroom"
    tell(world, level, margin_headroom="30")
    world.order(side, "1")
    world.sent()
    notice = refused(world, "INSUFFICIENT_MARGIN", side, "2.001")
    assert evidence(notice) == (level, 300_000, 100_000, 300_100, 100_000)
    world.order(side, "2")


def test_headroom_told_anew_counts_from_then_on(world):
    world.limit(FIRM, margin_bps=1000)
    tell(world, FIRM, margin_headroom="10")
    first = world.order(BUY, "1")
    world.sent()
    refused(world, "INSUFFICIENT_MARGIN", BUY, "0.001")
    tell(world, FIRM, margin_headroom="5")
    world.order(BUY, "0.5")
    world.sent()
    refused(world, "INSUFFICIENT_MARGIN", BUY, "0.001")
    world.fact("rejected", first, 7, "no", 1)
    world.order(BUY, "1")


def test_no_headroom_stops_no_way_out(world):
    fields = {"instrument": world.perpetual}
    world.fill(0, "2", side=BUY, venue_order="x", **fields)
    world.limit(FIRM, margin_bps=1000)
    tell(world, FIRM, margin_headroom="-1")
    refused(world, "INSUFFICIENT_MARGIN", SELL, "1", **fields)
    world.order(SELL, "2", flags=REDUCE_ONLY, **fields)


@every_level
def test_a_headroom_grows_old_where_its_row_says_so_and_stops_only_what_opens(world, level):
    held = {"instrument": world.perpetual}
    world.fill(0, "2", side=BUY, venue_order="x", **held)
    guard(world, level, margin_bps=1000, headroom_age_ms_max=1000)
    entities = {world.entities[level]} | ({world.perpetual} if level == INSTRUMENT else set())
    for number in entities:
        tell(world, level, number, margin_headroom="1000")
    world.pass_time(1000 * MS_NS)
    world.order(BUY, "1")
    world.sent()
    world.pass_time(MS_NS)
    notice = refused(world, "HEADROOM_STALE", BUY, "1")
    assert evidence(notice) == (level, 1000, 1001, 1001, 0)
    refused(world, "HEADROOM_STALE", SELL, "1", **held)
    world.order(SELL, "1", flags=REDUCE_ONLY, **held)
    tell(world, level, margin_headroom="1000")
    world.order(BUY, "1")


def test_told_measures_never_grow_old_unless_a_row_says_so(world):
    world.limit(FIRM, margin_bps=1000, delta_max="100", reference_age_ms_max=10**9)
    tell(world, FIRM, margin_headroom="1000")
    tell(world, INSTRUMENT, delta="1", gamma="0", vega="0")
    row = row_of(world, FIRM)
    assert (row["headroom_age_ms_max"], row["greeks_age_ms_max"]) == (0, 0)
    for level in (INSTRUMENT, STRATEGY, ACCOUNT, VENUE):
        world.limit(level, reference_age_ms_max=10**9)
    world.pass_time(10**6 * MS_NS)
    world.order(BUY, "1")


# Losses.


@every_level
@every_side
def test_a_loss_stops_opening_at_every_level_and_the_period_ends_it(world, level, side):
    fields = {"instrument": world.perpetual}
    if level == STRATEGY:
        world.engine.tell_measures(STRATEGY, world.strategy, {"result": "0"}, "observer")
    guard(world, level, loss_max="9.9999")
    if level == STRATEGY:
        tell(world, level, result="-10")
    else:
        lose(world, side)
    notice = refused(world, "LOSS_LIMIT", side, **fields)
    assert evidence(notice) == (level, 99_999, 100_000, 100_000, 0)
    guard(world, level, loss_max="10")
    world.order(side, **fields)
    world.sent()
    guard(world, level, loss_max="9.9999")
    refused(world, "LOSS_LIMIT", side, **fields)
    world.engine.roll_period()
    world.order(side, **fields)


@every_level
def test_a_told_result_goes_on_with_what_is_realised(world, level):
    guard(world, level, loss_max="12")
    fields = {"instrument": world.perpetual}
    number = world.perpetual if level == INSTRUMENT else None
    tell(world, level, number, result="-3")
    world.order(BUY, **fields)
    world.sent()
    opened = world.working(BUY, "1", "100", **fields)
    world.fill(opened, "1", "100", side=BUY, **fields)
    closed = world.working(SELL, "1", "91", **fields)
    world.fill(closed, "1", "90.99", side=SELL, **fields)
    world.sent()
    assert evidence(refused(world, "LOSS_LIMIT", BUY, **fields))[:3] == (level, 120_000, 120_100)


@every_level
def test_a_fall_below_the_best_result_stops_opening(world, level):
    guard(world, level, drawdown_max="20")
    number = world.spot if level == INSTRUMENT else None
    tell(world, level, number, result="15")
    tell(world, level, number, result="-5")
    world.order()
    world.sent()
    tell(world, level, number, result="-5.0001")
    assert evidence(refused(world, "LOSS_LIMIT"))[:3] == (level, 200_000, 200_001)


# Greeks.


@pytest.mark.parametrize("greek", ["delta", "gamma", "vega"])
@every_level
@every_side
def test_greeks_are_limited_at_every_level(world, level, side, greek):
    guard(world, level, **{f"{greek}_max": "3"})
    code = f"{greek.upper()}_LIMIT"
    refused(world, code, side)
    told = {"delta": "0", "gamma": "0", "vega": "0", greek: "0.5"}
    tell(world, INSTRUMENT, **told)
    held = world.working(side, "2")
    world.fill(held, "2", side=side)
    world.order(side, "3")
    world.sent()
    notice = refused(world, code, side, "1.001")
    sign = 1 if side == BUY else -1
    assert evidence(notice) == (level, 30_000, sign * 10_000, 30_005, 15_000)
    world.order(other(side), "1")
    world.order(side, "1")
    world.sent()
    refused(world, code, side, "0.001")
    tell(world, INSTRUMENT, **{**told, greek: "-0.5"})
    refused(world, code, side, "0.001")
    world.order(other(side), "0.001")


@every_level
def test_greeks_grow_old_where_the_level_that_limits_one_says_so(world, level):
    held = {"instrument": world.perpetual}
    world.fill(0, "2", side=BUY, venue_order="x", **held)
    guard(world, level, delta_max="100", greeks_age_ms_max=500)
    told = {"delta": "1", "gamma": "0", "vega": "0"}
    for number in (world.spot, world.perpetual):
        tell(world, INSTRUMENT, number, **told)
    world.pass_time(500 * MS_NS)
    world.order(BUY, "1")
    world.sent()
    world.pass_time(2 * MS_NS)
    notice = refused(world, "GREEKS_STALE", SELL, "1")
    assert evidence(notice) == (level, 500, 502, 502, 0)
    world.order(SELL, "1", flags=REDUCE_ONLY, **held)
    tell(world, INSTRUMENT, **told)
    world.order(SELL, "1")
    world.sent()
    refused(world, "GREEKS_STALE", BUY, "1", **held)
    guard(world, level, greeks_age_ms_max=0)
    world.order(BUY, "1", **held)


# Own orders.


@every_level
@every_side
def test_an_order_that_meets_an_own_one_is_refused_at_every_level(world, level, side):
    far, near = ("103", "101") if side == BUY else ("97", "99")
    world.order(other(side), "1", far, account=world.account)
    held = world.order(other(side), "1", near, strategy=world.other_strategy)
    world.order(side, "1", near)
    world.sent()
    guard(world, level, self_trade_refused=1)
    notice = refused(world, "SELF_TRADE", side, "1", near)
    price = int(near) * 100
    assert evidence(notice) == (level, price, price, price, 0)
    assert refused(world, "SELF_TRADE", side, price="", type=MARKET)[6] == price
    world.order(side, "1", "100")
    world.sent()
    world.fact("rejected", held, 7, "no", 1)
    world.order(side, "1", near)
    world.sent()
    refused(world, "SELF_TRADE", side, "1", far)


def test_a_replace_that_meets_an_own_order_is_refused(world):
    world.limit(FIRM, self_trade_refused=1)
    world.order(SELL, "1", "101")
    held = world.working(BUY, "1", "99")
    assert code_of(world.replace(held, price="101")) == "SELF_TRADE"
    assert code_of(world.replace(held, price="100.99")) == ""


def test_orders_that_cannot_rest_are_met_by_nobody(world):
    world.limit(FIRM, self_trade_refused=1)
    world.order(SELL, "1", "99", time_in_force=3)
    world.order(BUY, "1", "100")


def test_an_unknown_order_is_still_met(world):
    world.limit(FIRM, self_trade_refused=1)
    lost = world.order(SELL, "1", "101")
    world.sent()
    world.fact("unknown", lost, 8, "timeout")
    refused(world, "SELF_TRADE", BUY, "1", "101")


# Repeated execution.


@every_level
@every_side
def test_orders_in_a_row_latch_every_level_until_a_person_enables_it(world, level, side):
    guard(world, level, repeat_orders_max=3, repeat_window_ms=1000)
    for _ in range(2):
        world.order(side)
        world.pass_time(400 * MS_NS)
    world.order(other(side))
    world.pass_time(200 * MS_NS)
    world.order(side)  # the first is a second old
    world.order(side)
    world.sent()
    notice = refused(world, "REPEATED_EXECUTION", side)
    assert evidence(notice) == (level, 0, HALTED, 0, 0)
    refused(world, "REPEATED_EXECUTION", other(side))
    row = next(row for row in world.engine.trading_states() if row["state"] == "halted")
    word = "buy" if side == BUY else "sell"
    assert row["is_latch"]
    assert row["reason"] == f"3 {word} orders within 1000 ms"
    world.state(level, 0)
    world.order(side)


@every_level
def test_fills_in_a_row_latch_too(world, level):
    guard(world, level, repeat_fills_max=2, repeat_window_ms=1000)
    held = world.working(BUY, "3")
    world.sent()
    world.fill(held, "1")
    world.order(BUY)
    world.sent()
    world.fill(held, "1")
    assert evidence(refused(world, "REPEATED_EXECUTION", BUY))[0] == level
    world.fill(held, "1")
    assert world.row(held)["state"] == "FILLED"


def test_a_latch_survives_the_restart(open_world):
    world = open_world()
    world.limit(STRATEGY, repeat_orders_max=1, repeat_window_ms=1000)
    world.order()
    world.engine.stop()
    again = open_world()
    refused(again, "REPEATED_EXECUTION")
    again.state(STRATEGY, 0)
    again.order()


# Unusual sizes.


def usual(world, level, **fields):
    guard(world, level, **fields)
    for number in range(20):
        world.order(BUY if number % 2 else SELL, "1")
    world.sent()


@every_level
@every_side
def test_an_unusual_size_needs_an_override_and_a_wild_one_has_none(world, level, side):
    usual(world, level, fat_finger_soft=4, fat_finger_hard=40)
    world.order(side, "2")
    world.sent()
    notice = refused(world, "FAT_FINGER_WARNING", side, "4")
    assert notice[5] == STRATEGY
    assert notice[8] == 4_000_000
    refused(world, "NOT_PERMITTED", side, "4", flags=OVERRIDE_SIZE)
    world.engine.define_principal("desk", 15 | 16, None, None, None)
    world.order(side, "4", flags=OVERRIDE_SIZE)
    world.sent()
    refused(world, "FAT_FINGER", side, "40", flags=OVERRIDE_SIZE)


def test_an_override_is_journaled_with_its_principal(world):
    usual(world, FIRM, fat_finger_soft=4)
    world.engine.define_principal("desk", 15 | 16, None, None, None)
    order_id = world.order(BUY, "4", flags=OVERRIDE_SIZE)
    rows = [decode(record) for _, record in Reader(world.journal, world.ring).read(10_000)]
    found = [row for row in rows if row["kind"] == "override_used"]
    assert [(row["order_id"], row["would_be"]) for row in found] == [(order_id, 4_000_000)]
    assert found[0]["actor"] == world.principal


def test_what_is_usual_is_learned_again_after_a_restart(open_world):
    world = open_world()
    usual(world, FIRM, fat_finger_soft=4)
    refused(world, "FAT_FINGER_WARNING", BUY, "4")
    world.engine.stop()
    again = open_world()
    refused(again, "FAT_FINGER_WARNING", BUY, "4")
    again.order(BUY, "1")


def test_the_first_orders_are_not_judged_and_large_ones_move_the_usual_slowly(world):
    world.limit(FIRM, fat_finger_soft=4)
    for _ in range(16):
        world.order(BUY, "1")
    world.sent()
    refused(world, "FAT_FINGER_WARNING", BUY, "5")
    for _ in range(200):
        world.order(BUY, "2")
    world.sent()
    world.order(BUY, "3.5")
