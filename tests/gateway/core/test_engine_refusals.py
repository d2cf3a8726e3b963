"""Every refusal the engine can give, with its evidence; a refused command changes no state."""

import pytest
from engine_world import (
    ACCOUNT,
    BUY,
    DAY,
    EMULATE,
    FIRM,
    FOK,
    GTD,
    INSTRUMENT,
    IOC,
    LIMIT,
    LIMITS,
    LONG,
    MARKET,
    NET,
    POST_ONLY,
    REDUCE_ONLY,
    SECOND_NS,
    SELL,
    SHORT,
    STOP,
    STOP_LIMIT,
    code_of,
    every_level,
    every_side,
    evidence,
    refused,
)

# Identity.


def test_unknown_names_are_refused(world):
    refused(world, "UNKNOWN_PRINCIPAL", principal=99)
    refused(world, "UNKNOWN_PRINCIPAL", principal=0)
    refused(world, "UNKNOWN_ACCOUNT", account=77)
    refused(world, "UNKNOWN_STRATEGY", strategy=77)
    refused(world, "UNKNOWN_STRATEGY", strategy=0)
    with pytest.raises(ValueError, match="UNKNOWN_INSTRUMENT"):
        world.submit(instrument=77)


def test_an_account_of_another_venue_is_unknown(world):
    venue = world.engine.define_venue("other", True, 0xFF, 0xFF, 3, 1, 5000)
    account = world.engine.define_account(venue, "elsewhere", 1, False, 1)
    refused(world, "UNKNOWN_ACCOUNT", account=account)


@pytest.mark.parametrize("missing", ["scope", "account", "strategy", "instrument", "enabled"])
def test_permissions_are_checked_one_by_one(world, missing):
    some = {"scopes": 15, "accounts": None, "strategies": None, "instruments": None}
    if missing == "scope":
        some["scopes"] = 1
    if missing == "account":
        some["accounts"] = [world.hedge]
    if missing == "strategy":
        some["strategies"] = [world.other_strategy]
    if missing == "instrument":
        some["instruments"] = [world.perpetual]
    who = world.engine.define_principal("guest", *some.values(), missing != "enabled")
    refused(world, "NOT_PERMITTED", principal=who)
    order_id = world.order()
    assert code_of(world.cancel(order_id, who)) == "NOT_PERMITTED"
    assert code_of(world.replace(order_id, principal=who, quantity="2")) == "NOT_PERMITTED"


def test_an_id_used_for_other_content_is_a_conflict(world):
    world.order(client_id="same", quantity="1")
    before = world.state_hash()
    for other in ({"quantity": "2"}, {"price": "101"}, {"side": SELL}, {"flags": POST_ONLY},
                  {"time_in_force": IOC}, {"strategy": world.other_strategy}):  # fmt: skip
        assert code_of(world.submit(client_id="same", **other)) == "ID_CONFLICT"
    assert world.state_hash() == before


def test_a_full_table_of_names_refuses_new_names_and_knows_the_old(open_world):
    world = open_world(idempotency_max=2)
    first = world.order(client_id="a")
    world.fact("accepted", first, "V", False, 1, 1)
    world.order(client_id="b")
    world.sent()
    refused(world, "IDEMPOTENCY_FULL", client_id="c")
    assert code_of(world.replace(first, client_id="d", quantity="2")) == "IDEMPOTENCY_FULL"
    assert world.submit(client_id="a")[2] == first


# Shape.


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("BAD_ENUM", {"side": 3}),
        ("BAD_ENUM", {"side": 0}),
        ("BAD_ENUM", {"type": 5}),
        ("BAD_ENUM", {"type": 0, "price": ""}),
        ("BAD_ENUM", {"time_in_force": 2}),
        ("BAD_ENUM", {"leg": 3}),
        ("PRICE_MISSING", {"price": ""}),
        ("PRICE_MISSING", {"type": STOP_LIMIT, "price": "", "trigger_price": "105"}),
        ("PRICE_NOT_ALLOWED", {"type": MARKET}),
        ("TRIGGER_MISSING", {"type": STOP, "price": ""}),
        ("TRIGGER_NOT_ALLOWED", {"type": LIMIT, "trigger_price": "105"}),
        ("EXPIRY_MISSING", {"time_in_force": GTD}),
        ("EXPIRY_NOT_ALLOWED", {"expires_ns": 5}),
        ("EXPIRY_PAST", {"time_in_force": GTD, "expires_ns": 1}),
        ("UNSUPPORTED_FLAG", {"flags": POST_ONLY, "time_in_force": IOC}),
        ("UNSUPPORTED_FLAG", {"flags": POST_ONLY, "type": MARKET, "price": ""}),
        ("UNSUPPORTED_FLAG", {"flags": 4}),
        ("UNSUPPORTED_FLAG", {"flags": 32}),
        ("UNSUPPORTED_FLAG", {"flags": 64}),
        ("UNSUPPORTED_FLAG", {"display_quantity": "0.5"}),
    ],
)
def test_shapes_that_make_no_order_are_refused(world, code, fields):
    assert evidence(refused(world, code, **fields)) == (-1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("BAD_NUMBER quantity", {"quantity": "1e3"}),
        ("BAD_NUMBER price", {"price": "0x10"}),
        ("RANGE quantity", {"quantity": "0"}),
        ("RANGE quantity", {"quantity": "-1"}),
        ("RANGE price", {"price": "0"}),
        ("PRECISION price", {"price": "100.001"}),
        ("PRECISION quantity", {"quantity": "0.0001"}),
        ("OVERFLOW quantity", {"quantity": "9" * 18}),
        ("BAD_CLIENT_ID", {"client_id": ""}),
        ("BAD_CLIENT_ID", {"client_id": "a b"}),
        ("BAD_CLIENT_ID", {"client_id": "x" * 65}),
        ("RANGE expires_ns", {"expires_ns": -1}),
    ],
)
def test_texts_that_are_no_numbers_never_reach_the_lane(world, code, fields):
    before = world.state_hash()
    with pytest.raises(ValueError, match=code):
        world.submit(**fields)
    assert world.state_hash() == before


def test_ticks_lots_and_sizes_hold_at_their_edges(world):
    odd = world.engine.define_instrument(
        world.venue, "ODD", "ODD", 2, world.btc, world.usd, world.usd, 2, 3, 0,
        "0.05", "0.002", "1", "0.01", "2", "1", True)  # fmt: skip
    world.limit(INSTRUMENT, odd)
    world.mark("100", odd)
    refused(world, "BAD_TICK", instrument=odd, price="100.01")
    refused(world, "BAD_LOT", instrument=odd, quantity="0.011")
    refused(world, "QUANTITY_RANGE", instrument=odd, quantity="0.008")
    refused(world, "QUANTITY_RANGE", instrument=odd, quantity="2.002")
    refused(world, "MIN_NOTIONAL", SELL, instrument=odd, quantity="0.01", price="99.95")
    world.order(SELL, instrument=odd, quantity="0.01", price="100")
    world.order(instrument=odd, quantity="2", price="100.05")


# Capability.


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("UNSUPPORTED_TYPE", {"type": STOP, "price": "", "trigger_price": "105"}),
        ("UNSUPPORTED_TYPE", {"type": STOP_LIMIT, "trigger_price": "105"}),
        ("UNSUPPORTED_TIME_IN_FORCE", {"time_in_force": FOK}),
        ("UNSUPPORTED_TIME_IN_FORCE", {"time_in_force": FOK, "flags": EMULATE}),
        ("UNSUPPORTED_TIME_IN_FORCE", {"time_in_force": GTD, "expires_ns": 9 * SECOND_NS}),
        ("UNSUPPORTED_TIME_IN_FORCE", {"time_in_force": DAY}),
    ],
)
def test_what_the_venue_does_not_offer_is_refused(open_world, code, fields):
    world = open_world(venue_times=0x0A)
    refused(world, code, **fields)


def test_flags_the_venue_does_not_offer_are_refused(world):
    world.engine.define_venue("sim", True, 0x06, 0x5B, 0, 1, 5000)
    for flags in (POST_ONLY, REDUCE_ONLY):
        refused(world, "UNSUPPORTED_FLAG", flags=flags)


# Venue, clock and instrument.


def test_a_venue_that_is_not_reconciled_takes_nothing_new(world):
    for session, code in ((0, "VENUE_DOWN"), (1, "NOT_RECONCILED")):
        world.session(session)
        refused(world, code)
    world.session(2)
    world.order()


def test_an_unhealthy_clock_takes_nothing_new(world):
    world.engine.set_clock_healthy(False)
    refused(world, "CLOCK_UNHEALTHY")
    world.engine.set_clock_healthy(True)
    world.order()


def test_an_instrument_that_is_not_tradable_is_refused(world):
    world.engine.define_instrument(
        world.venue, "BTC-USD", "BTC-USD", 1, world.btc, world.usd, world.usd, 2, 3, 0, "0.01",
        "0.001", "1", "0.001", "5000", "0", False)  # fmt: skip
    refused(world, "INSTRUMENT_HALTED")


def test_legs_fit_the_position_mode(world):
    refused(world, "BAD_LEG", leg=LONG)
    refused(world, "BAD_LEG", instrument=world.perpetual, account=world.hedge, leg=NET)
    refused(world, "BAD_LEG", account=world.hedge, leg=SHORT)
    world.order(instrument=world.perpetual, account=world.hedge, leg=LONG)


def test_a_venue_without_a_port_is_down(open_world):
    world = open_world()
    venue = world.engine.define_venue("mute", True, 0xFF, 0xFF, 3, 1, 5000)
    account = world.engine.define_account(venue, "mute", 1, False, 1)
    instrument = world.engine.define_instrument(
        venue, "MUTE", "MUTE", 2, world.btc, world.usd, world.usd, 2, 3, 0, "0.01", "0.001", "1",
        "0", "0", "0", True)  # fmt: skip
    refused(world, "VENUE_DOWN", instrument=instrument, account=account)


# Cancel and replace.


def test_cancels_that_make_no_sense_are_refused(world):
    before = world.state_hash()
    assert code_of(world.cancel(0)) == "UNKNOWN_ORDER"
    assert code_of(world.cancel(12345)) == "UNKNOWN_ORDER"
    assert world.state_hash() == before
    order_id = world.working()
    assert code_of(world.cancel(order_id, 99)) == "UNKNOWN_PRINCIPAL"
    assert code_of(world.cancel(order_id, 0)) == "UNKNOWN_PRINCIPAL"
    assert code_of(world.cancel(order_id)) == ""
    assert code_of(world.cancel(order_id)) == "CANCEL_PENDING"
    world.fact("canceled", order_id, 1, "", "", 1, 2)
    assert code_of(world.cancel(order_id)) == "TOO_LATE_TO_CANCEL"


def test_replaces_that_make_no_sense_are_refused(world):
    order_id = world.working(BUY, "2", client_id="first")
    world.fill(order_id, "1")
    world.sent()
    before = world.state_hash()

    def code(**fields):
        return code_of(world.replace(order_id, **fields))

    assert code(quantity="2") == "NOTHING_TO_CHANGE"
    assert code(quantity="1") == "QUANTITY_BELOW_FILLED"
    assert code(quantity="3", client_id="first") == "ID_CONFLICT"
    assert code(quantity="5001") == "QUANTITY_RANGE"
    assert code(price="120") == "PRICE_COLLAR"
    assert code(quantity="1001") == "MAX_ORDER_QUANTITY"
    assert code(quantity="3", principal=0) == "UNKNOWN_PRINCIPAL"
    world.session(1)
    assert code(quantity="3") == "NOT_RECONCILED"
    world.session(2)
    assert world.state_hash() == before
    assert world.sent() == []
    assert code(quantity="3") == ""
    assert code(quantity="4") == "REPLACE_PENDING"
    world.engine.define_venue("sim", True, 0x06, 0x5B, 3, 0, 5000)
    assert code(quantity="4") == "REPLACE_UNSUPPORTED"


def test_a_market_order_takes_no_price_by_replace(world):
    order_id = world.working(BUY, "2", price="", type=MARKET)
    assert code_of(world.replace(order_id, price="101")) == "PRICE_NOT_ALLOWED"


@every_level
@every_side
def test_a_replace_is_measured_by_the_larger_of_old_and_new(world, level, side):
    world.limit(level, position_long_max="3", position_short_max="3")
    order_id = world.working(side, "1")
    world.order(side, "1")
    world.sent()
    assert evidence(world.replace(order_id, quantity="2.001"))[:4] == (level, 3000, 0, 3001)
    assert code_of(world.replace(order_id, quantity="2")) == ""
    world.sent()
    refused(world, "POSITION_LIMIT", side, "0.001")
    world.fact("replace_rejected", order_id, 7, "no")
    world.order(side, "1")


def test_full_queues_refuse_new_work_and_take_cancels(open_world, tmp_path):
    world = open_world()
    world.adapter = world.engine.open_venue_port(world.venue, 64)
    taken = [world.order() for _ in range(49)]
    before = world.state_hash()
    assert code_of(world.submit()) == "VENUE_QUEUE_FULL"
    assert code_of(world.replace(taken[0], quantity="2")) == "VENUE_QUEUE_FULL"
    assert world.state_hash() == before
    assert code_of(world.cancel(taken[0])) == ""
    assert world.counter("refused_for_space") == 1


def test_limits_are_checked_themselves(world):
    def refused_limit(match, level=FIRM, number=0, principal=0, **fields):
        with pytest.raises(ValueError, match=match):
            world.engine.set_limits(level, number, {**LIMITS, **fields}, "ops", "t", principal)

    refused_limit("NOT_FOUND", level=9)
    refused_limit("NOT_FOUND", level=ACCOUNT, number=99)
    refused_limit("BAD_NUMBER", credit_max="1e9")
    refused_limit("BAD_TYPE", credit_max=5)
    refused_limit("BAD_TYPE", collar_bps="5")
    refused_limit("RANGE", collar_bps=-1)
    refused_limit("UNKNOWN_FIELD", bypass=1)
    refused_limit("LIMIT_TOO_LARGE", credit_max="30000000000000")
    refused_limit("LIMIT_RAISE_DENIED", principal=world.principal, collar_bps=2000)
