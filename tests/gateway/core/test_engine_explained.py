"""Explained refusals: beside the numbers of the notice, what of them is unknown orders, the nearest
order that would pass, whose limit it is, and who set it when. One case per code of the gate."""

import pytest
from engine_world import (
    ACCOUNT,
    BUY,
    FIRM,
    HALTED,
    INSTRUMENT,
    REDUCE_ONLY,
    REDUCING,
    SELL,
    STRATEGY,
    VENUE,
    code_of,
)

from gateway.core.native import Notice
from gateway.core.refusals import refusal_of

GREEKS = {"delta": "1", "gamma": "1", "vega": "1"}


def tell(world, level, number=0, **fields):
    world.engine.tell_measures(level, number or world.entities[level], fields, "observer")


def working(world, **fields):
    """One order that works and one whose outcome is unknown, a half each."""
    world.working(BUY, "0.5", **fields)
    lost = world.order(BUY, "0.5", **fields)
    world.fact("unknown", lost, 8, "timeout")
    world.sent()


def usual(world):
    for _ in range(16):
        world.order(SELL, "1")
    world.sent()


def reject_twice(world):
    for _ in range(2):
        world.fact("rejected", world.order(), 7, "no", 1)
    world.pass_time(1_000_000)
    world.turn()


# code: (level, its limits, what happens before, the refused order, unknown share, nearest order)
CASES = {
    "TRADING_HALTED": (VENUE, {}, lambda w: w.state(VENUE, HALTED), {}, 0, None),
    "LATCHED": (FIRM, {}, lambda w: w.state(FIRM, HALTED, True), {}, 0, None),
    "REDUCE_ONLY_STATE": (ACCOUNT, {}, lambda w: w.state(ACCOUNT, REDUCING), {}, 0, None),
    "MAX_ORDER_QUANTITY": (STRATEGY, {"order_quantity_max": "2"}, None, {}, 0, "2"),
    "MAX_ORDER_NOTIONAL": (ACCOUNT, {"order_notional_max": "250"}, None, {}, 0, "2.5"),
    "PRICE_COLLAR": (FIRM, {"collar_bps": 100}, None, {"price": "102"}, 0, None),
    "STALE_PRICE": (FIRM, {"reference_age_ms_max": 1}, lambda w: w.pass_time(10**8), {}, 0, None),
    "POSITION_LIMIT": (VENUE, {"position_long_max": "3.5"}, working, {}, "0.5", "2.5"),
    "EXPOSURE_LIMIT": (FIRM, {"gross_exposure_max": "350"}, working, {}, "50", "2.5"),
    "CREDIT_LIMIT": (ACCOUNT, {"credit_max": "200"}, working, {}, "50", "1"),
    "MAX_OPEN_ORDERS": (STRATEGY, {"open_orders_side_max": 2}, working, {}, "1", None),
    "THROTTLED": (FIRM, {"orders_per_second": 1, "order_burst": 2}, working, {}, 0, None),
    "WOULD_INCREASE": (
        ACCOUNT,
        {},
        lambda w: w.fill(0, "2", side=SELL, instrument=w.perpetual, venue_order="x"),
        {"instrument": "perpetual", "flags": REDUCE_ONLY},
        0,
        "2",
    ),
    "INSUFFICIENT_MARGIN": (
        FIRM,
        {"margin_bps": 1000},
        lambda w: (tell(w, FIRM, margin_headroom="25"), working(w)),
        {},
        "5",
        "1.5",
    ),
    "LOSS_LIMIT": (FIRM, {"loss_max": "5"}, lambda w: tell(w, FIRM, result="-6"), {}, 0, None),
    "DELTA_LIMIT": (
        ACCOUNT,
        {"delta_max": "2.5"},
        lambda w: (tell(w, INSTRUMENT, **GREEKS), working(w)),
        {},
        "0.5",
        "1.5",
    ),
    "GAMMA_LIMIT": (
        STRATEGY,
        {"gamma_max": "2.5"},
        lambda w: (tell(w, INSTRUMENT, **GREEKS), working(w)),
        {},
        "0.5",
        "1.5",
    ),
    "VEGA_LIMIT": (
        FIRM,
        {"vega_max": "2.5"},
        lambda w: (tell(w, INSTRUMENT, **GREEKS), working(w)),
        {},
        "0.5",
        "1.5",
    ),
    "HEADROOM_STALE": (
        VENUE,
        {"margin_bps": 1000, "headroom_age_ms_max": 10},
        lambda w: (tell(w, VENUE, margin_headroom="1000"), w.pass_time(20_000_000)),
        {},
        0,
        None,
    ),
    "GREEKS_STALE": (
        STRATEGY,
        {"vega_max": "1000", "greeks_age_ms_max": 10},
        lambda w: (tell(w, INSTRUMENT, **GREEKS), w.pass_time(20_000_000)),
        {},
        0,
        None,
    ),
    "SELF_TRADE": (FIRM, {"self_trade_refused": 1}, lambda w: w.order(SELL), {}, 0, None),
    "FAT_FINGER": (STRATEGY, {"fat_finger_hard": 4}, usual, {}, 0, "2"),
    "FAT_FINGER_WARNING": (STRATEGY, {"fat_finger_soft": 6}, usual, {}, 0, "2.5"),
    "REPEATED_EXECUTION": (
        STRATEGY,
        {"repeat_orders_max": 1, "repeat_window_ms": 1000},
        lambda w: w.order(),
        {},
        0,
        None,
    ),
    "BREAKER_OPEN": (
        FIRM,
        {"breaker_window_ms": 800, "breaker_rejects_max": 1},
        reject_twice,
        {},
        0,
        None,
    ),
}  # fmt: skip
NAMES = {INSTRUMENT: "BTC-USD", STRATEGY: "alpha", ACCOUNT: "main", VENUE: "sim", FIRM: ""}


@pytest.mark.parametrize("code", CASES)
def test_a_refusal_says_whose_limit_it_is_and_what_would_pass(world, code):
    level, limits, before, order, unknown, nearest = CASES[code]
    world.pass_time(5)
    world.limit(level, **limits)
    set_ns = world.engine.now_ns()
    if level != STRATEGY:
        world.limit(STRATEGY, loss_max="1000000")
    if before is not None:
        before(world)
    world.sent()
    fields = {"quantity": "4", **order}
    if "instrument" in fields:
        fields["instrument"] = getattr(world, fields["instrument"])
    notice = world.submit(BUY, **fields)
    assert code_of(notice) == code
    details = world.engine.refusal_details(world.port.number, notice[1])
    error = refusal_of(Notice(*notice), price_scale=2, quantity_scale=3, details=details)
    said = error.explained
    words = ("instrument", "strategy", "account", "venue", "firm")
    assert (said["level"], said["name"]) == (words[level], details["name"])
    assert details["name"] == NAMES[level] or level == FIRM
    assert (said["limit_actor"], said["limit_reason"]) == ("ops", "test")
    assert said["limit_set_ns"] == set_ns
    assert said["unknown"] == str(unknown)
    assert said["nearest_quantity"] == nearest
    for name in ("limit", "current", "would_be", "working"):
        assert said[name] is not None
    if nearest is not None:
        flags = {
            "flags": fields.get("flags", 0),
            "instrument": fields.get("instrument", world.spot),
        }
        too_much = format(float(nearest) + 0.001, "g")
        assert code_of(world.submit(BUY, too_much, **flags)) == code
        world.order(BUY, nearest, **flags)


def test_a_refusal_that_is_not_the_gates_or_is_old_has_no_details(world):
    notice = world.submit(BUY, "6000")
    assert notice[4]
    assert world.engine.refusal_details(world.port.number, notice[1]) is None
    world.limit(FIRM, order_quantity_max="1")
    old = world.submit(BUY, "2")
    assert world.engine.refusal_details(world.port.number, old[1]) is not None
    for _ in range(128):
        world.submit(BUY, "2")
    assert world.engine.refusal_details(world.port.number, old[1]) is None


def test_a_refused_replace_says_whose_limit_it_is(world):
    world.limit(FIRM, order_quantity_max="2")
    held = world.working(BUY, "1")
    notice = world.replace(held, quantity="3")
    assert code_of(notice) == "MAX_ORDER_QUANTITY"
    details = world.engine.refusal_details(world.port.number, notice[1])
    assert details["limit_actor"] == "ops"
    assert details["nearest_quantity"] == 0
