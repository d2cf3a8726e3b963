"""The risk gate at each of its five levels: exactly at the limit passes, one above is refused with
the level and the numbers, and nothing changes."""

import pytest
from engine_world import (
    ACCOUNT,
    ACTIVE,
    BUY,
    FIRM,
    GTC,
    HALTED,
    INSTRUMENT,
    LEVELS,
    LIMIT,
    LONG,
    MARKET,
    REDUCE_ONLY,
    REDUCING,
    SECOND_NS,
    SELL,
    SHORT,
    SIDES,
    code_of,
    every_level,
    every_side,
    evidence,
    refused,
)

# Trading states.


@every_level
@every_side
def test_a_halt_at_any_level_stops_new_orders(world, level, side):
    world.state(level, HALTED)
    assert evidence(refused(world, "TRADING_HALTED", side)) == (level, 0, HALTED, 0, 0)
    world.state(level, HALTED, is_latch=True)
    assert evidence(refused(world, "LATCHED", side)) == (level, 0, HALTED, 0, 0)
    world.state(level, ACTIVE)
    world.order(side)


@every_level
@every_side
def test_reducing_at_any_level_takes_only_what_reduces(world, level, side):
    world.fill(0, "2", side=SELL if side == BUY else BUY, instrument=world.perpetual,
               venue_order="x")  # fmt: skip
    world.state(level, REDUCING)
    fields = {"instrument": world.perpetual}
    if level == INSTRUMENT:
        world.engine.set_trading_state(INSTRUMENT, world.perpetual, REDUCING, False, "ops", "t")
    notice = refused(world, "REDUCE_ONLY_STATE", side, **fields)
    assert evidence(notice) == (level, 0, REDUCING, 0, 0)
    world.order(side, "2", flags=REDUCE_ONLY, **fields)


# Missing limits.


@every_level
def test_nothing_trades_without_limits_at_every_level(open_world, level):
    world = open_world(has_limits=False)
    for other in LEVELS:
        if other != level:
            world.limit(other)
    assert evidence(refused(world, "LIMIT_MISSING")) == (level, 0, 0, 0, 0)
    world.limit(level)
    world.order()


# Size and value of one order.


@every_level
@every_side
def test_order_size_is_limited_at_every_level(world, level, side):
    world.limit(level, order_quantity_max="2")
    notice = refused(world, "MAX_ORDER_QUANTITY", side, "2.001")
    assert evidence(notice) == (level, 2000, 0, 2001, 0)
    world.order(side, "2")


@every_level
@every_side
def test_order_value_is_limited_at_every_level(world, level, side):
    world.limit(level, order_notional_max="200")
    notice = refused(world, "MAX_ORDER_NOTIONAL", side, "2.001")
    assert evidence(notice) == (level, 2_000_000, 0, 2_001_000, 0)
    world.order(side, "2")


# The collar.


@every_level
def test_prices_stay_inside_the_collar_of_every_level(world, level):
    world.limit(level, collar_bps=100)
    notice = refused(world, "PRICE_COLLAR", BUY, price="101.01")
    assert evidence(notice) == (level, 100, 10000, 10101, 0)
    assert evidence(refused(world, "PRICE_COLLAR", SELL, price="98.99"))[:2] == (level, 100)
    world.order(BUY, price="101")
    world.order(SELL, price="99")
    world.order(BUY, price="1")
    world.order(SELL, price="500")


def test_market_orders_carry_a_price_at_the_collar(world):
    world.order(BUY, price="", type=MARKET)
    world.order(SELL, price="", type=MARKET)
    assert [entry[11] for entry in world.sent()] == ["110", "90"]


# The reference price and the rates.


@every_level
def test_an_old_reference_price_refuses(world, level):
    world.limit(level, reference_age_ms_max=1000)
    world.pass_time(SECOND_NS)
    world.order()
    world.sent()
    world.pass_time(1_000_000)
    assert evidence(refused(world, "STALE_PRICE")) == (level, 1000, 1001, 1001, 0)
    world.mark("100")
    world.order()


def test_no_reference_price_refuses(world):
    fresh = world.define("FRESH", 2, world.usd)
    world.limit(INSTRUMENT, fresh)
    assert evidence(refused(world, "STALE_PRICE", instrument=fresh)) == (0, 5000, -1, -1, 0)


def test_no_conversion_rate_refuses(world):
    other = world.engine.define_currency("XYZ")
    fresh = world.engine.define_instrument(
        world.venue, "XYZ", "XYZ", 2, world.btc, other, other, 2, 3, 0, "0.01", "0.001", "1", "0",
        "0", "0", True)  # fmt: skip
    world.limit(INSTRUMENT, fresh)
    world.mark("100", fresh)
    refused(world, "NO_CONVERSION_RATE", instrument=fresh)


# Position.


@every_level
@every_side
def test_position_and_working_orders_stay_within_the_limit(world, level, side):
    world.limit(level, position_long_max="3", position_short_max="3")
    held = world.working(side, "1")
    world.fill(held, "1", side=side)
    world.order(side, "1.5")
    world.sent()
    sign = 1 if side == BUY else -1
    notice = refused(world, "POSITION_LIMIT", side, "0.501")
    assert evidence(notice) == (level, 3000, sign * 1000, 3001, 1500)
    world.order(side, "0.5")


@every_level
@every_side
def test_an_unknown_order_still_counts(world, level, side):
    world.limit(level, position_long_max="1", position_short_max="1")
    lost = world.order(side, "1")
    world.sent()
    world.fact("unknown", lost, 8, "timeout")
    assert world.row(lost)["state"] == "UNKNOWN"
    assert evidence(refused(world, "POSITION_LIMIT", side, "0.001"))[0] == level
    world.fact("not_sent", lost, 8, "never left")
    world.order(side, "1")


def test_many_orders_at_once_never_exceed_the_limit(world):
    world.limit(ACCOUNT, position_long_max="10")
    for number in range(100):
        world.port.submit(world.principal, f"n{number}", world.spot, world.account, world.strategy,
                          BUY, LIMIT, GTC, "1", "100")  # fmt: skip
    world.turn()
    codes = [code_of(notice) for notice in world.port.notices()]
    assert codes.count("") == 10
    assert codes.count("POSITION_LIMIT") == 90


# Exposure and credit.


@every_level
@every_side
def test_gross_exposure_is_limited_at_every_level(world, level, side):
    world.limit(level, gross_exposure_max="300")
    world.order(side, "1")
    world.order(BUY if side == SELL else SELL, "1")
    world.sent()
    notice = refused(world, "EXPOSURE_LIMIT", side, "1.001")
    assert evidence(notice) == (level, 3_000_000, 2_000_000, 3_001_000, 2_000_000)
    world.order(side, "1")


@every_level
@every_side
def test_net_exposure_is_limited_at_every_level(world, level, side):
    world.limit(level, net_exposure_max="200")
    held = world.working(side, "1")
    world.fill(held, "1", side=side)
    world.sent()
    notice = refused(world, "EXPOSURE_LIMIT", side, "1.001")
    assert evidence(notice) == (level, 2_000_000, 1_000_000, 2_001_000, 0)
    world.order(BUY if side == SELL else SELL, "3")
    world.order(side, "1")


@every_level
@every_side
def test_credit_counts_exposure_and_losses(world, level, side):
    fields = {"instrument": world.perpetual}
    opposite = BUY if side == SELL else SELL
    if level == INSTRUMENT:
        world.limit(level, world.perpetual, credit_max="220")
    else:
        world.limit(level, credit_max="220")
    worse = "90" if side == BUY else "110"
    opened = world.working(side, "1", "100", **fields)
    world.fill(opened, "1", "100", side=side, **fields)
    world.mark(worse, world.perpetual)
    closed = world.working(opposite, "1", worse, **fields)
    world.fill(closed, "1", worse, side=opposite, **fields)
    world.sent()
    world.mark("100", world.perpetual)
    notice = refused(world, "CREDIT_LIMIT", side, "2.101", **fields)
    assert evidence(notice)[:2] == (level, 2_200_000)
    world.order(side, "2.099", **fields)


def test_a_fill_priced_in_another_scale_counts_the_same(world):
    world.limit(FIRM, gross_exposure_max="150")
    for price in ("100", "100.00", "100.000000"):
        world.fill(0, "0.2", price, instrument=world.spot, venue_order=f"x{price}")
    notice = refused(world, "EXPOSURE_LIMIT", BUY, "0.901")
    assert evidence(notice)[2] == 600_000
    world.order(BUY, "0.9")


# Rates and open orders.


@every_level
@every_side
def test_orders_are_throttled_at_every_level(world, level, side):
    world.limit(level, orders_per_second=2, order_burst=3)
    for _ in range(3):
        world.order(side)
    world.sent()
    assert evidence(refused(world, "THROTTLED", side)) == (level, 2, 0, 1, 0)
    world.pass_time(SECOND_NS // 2 - 1)
    refused(world, "THROTTLED", side)
    world.pass_time(1)
    world.order(side)


@every_level
def test_cancels_have_a_rate_of_their_own_and_kills_have_none(world, level):
    world.limit(level, cancels_per_second=1, cancel_burst=1)
    first, second = world.order(), world.order()
    assert code_of(world.cancel(first)) == ""
    before = world.state_hash()
    assert code_of(world.cancel(second)) == "THROTTLED"
    assert world.state_hash() == before
    world.pass_time(SECOND_NS)
    assert code_of(world.cancel(second)) == ""


@every_level
@every_side
def test_open_orders_per_side_are_counted_at_every_level(world, level, side):
    world.limit(level, open_orders_side_max=2)
    first = world.order(side)
    world.order(side)
    world.sent()
    assert evidence(refused(world, "MAX_OPEN_ORDERS", side)) == (level, 2, 2, 3, 2)
    world.order(BUY if side == SELL else SELL)
    world.fact("rejected", first, 7, "no", 1)
    world.order(side)


# Duplicates.


@every_level
@every_side
def test_the_same_order_within_the_window_is_a_duplicate(world, level, side):
    world.limit(level, duplicate_window_ms=100)
    world.order(side, "1")
    world.sent()
    refused(world, "DUPLICATE_ORDER", side, "1")
    world.order(side, "2")
    world.order(side, "1", price="99.99" if side == BUY else "100.01")
    world.pass_time(100_000_000)
    world.order(side, "1")


def test_market_orders_of_other_size_or_side_are_no_duplicates(world):
    world.limit(FIRM, duplicate_window_ms=100)
    for side in SIDES:
        for quantity in ("1", "2", "3"):
            world.order(side, quantity, price="", type=MARKET)


def test_an_order_refused_for_space_may_come_again_at_once(open_world):
    world = open_world(orders_max=16)
    world.limit(FIRM, duplicate_window_ms=1000)
    held = [world.order(BUY, str(number + 1)) for number in range(16)]
    world.sent()
    refused(world, "ORDERS_FULL", SELL, "1")
    world.fact("rejected", held[0], 7, "no", 1)
    world.order(SELL, "1")


# Reduce-only.


@every_side
def test_reduce_only_never_opens_increases_or_flips(world, side):
    opposite = BUY if side == SELL else SELL
    fields = {"instrument": world.perpetual, "flags": REDUCE_ONLY}
    assert evidence(refused(world, "WOULD_INCREASE", side, **fields)) == (ACCOUNT, 0, 0, 1000, 0)
    world.fill(0, "2", side=opposite, instrument=world.perpetual, venue_order="x")
    refused(world, "WOULD_INCREASE", opposite, **fields)
    refused(world, "WOULD_INCREASE", side, "2.001", **fields)
    world.order(side, "1.5", **fields)
    world.sent()
    sign = 1 if opposite == BUY else -1
    notice = refused(world, "WOULD_INCREASE", side, "0.501", **fields)
    assert evidence(notice) == (ACCOUNT, 500, sign * 2000, 501, 1500)
    world.order(side, "0.5", **fields)


@pytest.mark.parametrize(("leg", "opens", "closes"), [(LONG, BUY, SELL), (SHORT, SELL, BUY)])
def test_a_hedge_leg_is_never_closed_beyond_what_it_holds(world, leg, opens, closes):
    fields = {"instrument": world.perpetual, "account": world.hedge, "leg": leg}
    refused(world, "WOULD_INCREASE", closes, **fields)
    world.fill(0, "2", side=opens, venue_order="x", **fields)
    refused(world, "WOULD_INCREASE", closes, "2.001", **fields)
    order_id = world.working(closes, "1", **fields)
    assert code_of(world.replace(order_id, quantity="2.001")) == "WOULD_INCREASE"
    assert code_of(world.replace(order_id, quantity="2")) == ""
