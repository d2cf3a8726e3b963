"""The life of orders, positions and money as lists of events, through the ports, also over a restart."""

import time
from decimal import Decimal

import pytest
from engine_world import (
    ACTIVE,
    BUY,
    DAY,
    EMULATE,
    FIRM,
    GTD,
    HALTED,
    IOC,
    LIMIT,
    LONG,
    SECOND_NS,
    SELL,
    SHORT,
    STOP,
    STOP_LIMIT,
    World,
    code_of,
)

VOLATILE = ("order_id", "venue_order_id", "sequence", "created_ns", "updated_ns", "mark_age_ms")


def plain(rows):
    """Rows without what depends on when and as which record something happened."""
    return sorted(
        (tuple((key, row[key]) for key in sorted(row) if key not in VOLATILE) for row in rows),
        key=str,
    )


def books(world):
    """Positions and balances without what was never touched or came back to nothing."""
    balances = [row for row in world.engine.balances() if Decimal(row["total"]) != 0]
    return plain(world.engine.positions()), plain(balances)


def reopened(world, open_world, **options):
    world.engine.stop()
    return open_world(**options)


def wait_for_entries(world):
    """What the venue gets once the disk has it; a real disk takes real time."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        world.turn()
        if entries := world.sent():
            return entries
        time.sleep(0.002)
    raise AssertionError("the disk never synced")


# Orders.


def test_an_order_lives_from_submit_to_its_last_fill(world):
    order_id = world.order(BUY, "2")
    assert world.row(order_id)["state"] == "PENDING_NEW"
    assert [entry[:2] for entry in world.sent()] == [(30, order_id)]
    world.fact("accepted", order_id, "V1", False, 1, 1)
    assert world.row(order_id)["state"] == "NEW"
    world.fill(order_id, "0.5", venue_order="V1")
    row = world.row(order_id)
    assert (row["state"], row["leaves_quantity"]) == ("PARTIALLY_FILLED", "1.5")
    world.fill(order_id, "1.5", "99", venue_order="V1")
    row = world.row(order_id)
    assert (row["state"], row["leaves_quantity"], row["average_price"]) == ("FILLED", "0", "99.25")
    assert world.engine.order_by_venue_id(world.account, "V1") == order_id
    assert world.engine.last_fill_time_ns(world.account) == 7


def test_a_fill_before_the_ack_proves_the_ack(world):
    order_id = world.order()
    world.fill(order_id, "0.5", venue_order="V9")
    assert world.row(order_id)["state"] == "PARTIALLY_FILLED"
    before = world.state_hash()
    world.fact("accepted", order_id, "V9", False, 1, 1)
    assert world.state_hash() == before
    assert world.row(order_id)["venue_order_id"] == "V9"


def test_duplicate_facts_change_nothing(world):
    order_id = world.working()
    world.fill(order_id, "0.5", trade="T")
    before = world.state_hash()
    world.fill(order_id, "0.5", trade="T")
    world.fact("accepted", order_id, f"V{order_id}", False, 1, 1)
    assert world.state_hash() == before
    assert world.counter("fills_repeated") == 1
    world.fact("canceled", order_id, 1, "", "0.5", 1, 2)
    before = world.state_hash()
    world.fact("canceled", order_id, 1, "", "0.5", 1, 2)
    world.fact("expired", order_id, 1, "", "0.5", 1, 2)
    assert world.state_hash() == before


def test_a_late_fill_after_the_cancel_counts_and_was_reserved_until_then(world):
    world.limit(FIRM, position_long_max="1")
    order_id = world.working()
    world.fact("canceled", order_id, 1, "", "0.4", 1, 2)
    assert world.row(order_id)["state"] == "CANCELED"
    assert code_of(world.submit(BUY, "0.601")) == "POSITION_LIMIT"
    world.fill(order_id, "0.4")
    row = world.row(order_id)
    assert (row["state"], row["cumulative_quantity"]) == ("CANCELED", "0.4")
    assert code_of(world.submit(BUY, "0.601")) == "POSITION_LIMIT"
    world.order(BUY, "0.6")


def test_a_bust_after_a_told_cancel_gives_the_reservation_back(world):
    world.limit(FIRM, position_long_max="1")
    order_id = world.working()
    world.fill(order_id, "0.4", trade="T")
    world.fact("canceled", order_id, 1, "", "0.4", 1, 2)
    world.revise(order_id, "T", 1)
    world.order(BUY, "1")


def test_a_cancel_that_tells_more_than_the_order_is_an_anomaly(world):
    world.limit(FIRM, position_long_max="2")
    order_id = world.working()
    anomalies = world.counter("anomalies")
    world.fact("canceled", order_id, 1, "", "5000", 1, 2)
    assert world.counter("anomalies") == anomalies + 1
    assert code_of(world.submit(BUY, "1.001")) == "POSITION_LIMIT"
    world.order(BUY, "1")


@pytest.mark.parametrize(
    ("fact", "state"),
    [
        (("accepted", "V", False, 1, 1, 2), "NEW"),
        (("not_sent", 8, "proof"), "CANCELED"),
        (("rejected", 7, "no", 1), "REJECTED"),
        (("canceled", 1, "", "", 1, 1), "CANCELED"),
        (("expired", 6, "", "", 1, 1), "EXPIRED"),
    ],
)
def test_any_evidence_resolves_unknown(world, fact, state):
    order_id = world.order()
    world.fact("unknown", order_id, 8, "timeout")
    assert world.row(order_id)["state"] == "UNKNOWN"
    name, *rest = fact
    world.fact(name, order_id, *rest)
    assert world.row(order_id)["state"] == state


def test_an_unknown_order_can_be_cancelled_and_a_fill_resolves_it(world):
    order_id = world.order()
    world.sent()
    world.fact("unknown", order_id, 9, "gone")
    assert code_of(world.replace(order_id, quantity="2")) == "REPLACE_PENDING"
    assert code_of(world.cancel(order_id)) == ""
    assert [entry[0] for entry in world.sent()] == [32]
    assert world.row(order_id)["pending"] == "cancel"
    world.fill(order_id, "1")
    row = world.row(order_id)
    assert (row["state"], row["pending"]) == ("FILLED", "")


def test_cancels_may_be_rejected_and_may_get_lost(world):
    order_id = world.working()
    world.cancel(order_id)
    world.fact("cancel_rejected", order_id, 7, "too late")
    assert world.row(order_id)["pending"] == ""
    world.cancel(order_id)
    world.fact("unknown", order_id, 15, "")
    assert world.row(order_id)["pending"] == "cancel_unknown"
    assert code_of(world.cancel(order_id)) == ""
    world.fact("canceled", order_id, 1, "", "", 1, 2)
    assert world.row(order_id)["state"] == "CANCELED"


def test_a_replace_is_confirmed_or_rejected(world):
    order_id = world.working(BUY, "1", client_id="a")
    world.replace(order_id, client_id="b", quantity="2", price="99")
    assert world.row(order_id)["pending"] == "replace"
    world.fact("replaced", order_id, "99", "2", f"V{order_id}b", 1, 2)
    row = world.row(order_id)
    assert (row["quantity"], row["price"], row["client_order_id"], row["pending"]) == (
        "2", "99", "b", "",
    )  # fmt: skip
    world.replace(order_id, client_id="c", quantity="3")
    world.fact("replace_rejected", order_id, 7, "no")
    row = world.row(order_id)
    assert (row["quantity"], row["client_order_id"], row["pending"]) == ("2", "b", "")
    for name in ("a", "b", "c"):
        assert world.engine.find_order(world.principal, name) == order_id


def test_fills_may_overtake_a_replace(world):
    order_id = world.working(BUY, "1")
    world.replace(order_id, quantity="2")
    world.fill(order_id, "1")
    assert world.row(order_id)["state"] == "FILLED"
    world.fact("replaced", order_id, "100", "2", "", 1, 2)
    row = world.row(order_id)
    assert (row["state"], row["leaves_quantity"]) == ("PARTIALLY_FILLED", "1")
    world.fill(order_id, "1")
    assert world.row(order_id)["state"] == "FILLED"


def test_a_replace_down_to_what_was_filled_ends_the_order(world):
    order_id = world.working(BUY, "3")
    world.replace(order_id, quantity="2")
    world.fill(order_id, "2")
    world.fact("replaced", order_id, "100", "2", "", 1, 2)
    assert world.row(order_id)["state"] == "FILLED"


def test_a_lost_replace_keeps_the_larger_reservation(world):
    world.limit(FIRM, position_long_max="3")
    order_id = world.working(BUY, "1")
    world.replace(order_id, quantity="3")
    world.fact("unknown", order_id, 16, "")
    assert world.row(order_id)["pending"] == "replace_unknown"
    assert code_of(world.submit(BUY, "0.001")) == "POSITION_LIMIT"
    world.fact("replace_rejected", order_id, 7, "no")
    world.order(BUY, "2")


def test_an_overfill_is_booked_and_told(world):
    order_id = world.working()
    world.fill(order_id, "1")
    world.fill(order_id, "0.5")
    row = world.row(order_id)
    assert (row["state"], row["cumulative_quantity"], row["leaves_quantity"]) == (
        "FILLED", "1.5", "0",
    )  # fmt: skip
    assert world.quantity() == Decimal("1.5")
    assert world.counter("anomalies") == 1


def test_illegal_facts_change_nothing_and_are_anomalies(world):
    order_id = world.working()
    world.fill(order_id, "0.5")
    before = world.state_hash()
    world.fact("rejected", order_id, 7, "after a fill", 1)
    world.fact("not_sent", order_id, 7, "after a fill")
    world.fact("rejected", 0, 7, "nobody's", 1)
    world.fact("rejected", 424242, 7, "nobody's", 1)
    assert world.counter("anomalies") == 4
    assert world.state_hash() == before


def test_the_same_key_is_the_same_order_through_any_port_and_over_a_restart(world, open_world):
    order_id = world.order(client_id="key")
    other = world.engine.open_client_port("other door")
    again = world.submit(client_id="key", port=other)
    assert (again[2], again[3], again[4], again[7]) == (order_id, 30, 0, 1)
    world.fact("canceled", order_id, 1, "", "", 1, 2)
    world = reopened(world, open_world)
    again = world.submit(client_id="key")
    assert (again[2], again[4]) == (order_id, 0)
    assert world.sent() == []


def test_a_refused_id_stays_free(world):
    assert code_of(world.submit(BUY, "9999", client_id="again")) == "QUANTITY_RANGE"
    assert code_of(world.submit(BUY, "1", client_id="again")) == ""


def test_names_of_recycled_orders_are_refused_not_used_again(open_world):
    world = open_world(orders_max=8)
    first = world.order(client_id="old")
    world.fact("rejected", first, 7, "no", 1)
    for _ in range(20):
        world.fact("rejected", world.order(), 7, "no", 1)
    assert world.row(first) is None
    assert code_of(world.submit(client_id="old")) == "ID_CONFLICT"
    world.engine.roll_period()
    assert code_of(world.submit(client_id="old")) == ""


def test_rolling_the_period_keeps_the_names_of_open_orders(world):
    order_id = world.order(client_id="open")
    world.engine.roll_period()
    assert world.submit(client_id="open")[2] == order_id


def test_mass_cancel_takes_what_matches_and_what_one_may_cancel(world):
    guest = world.engine.define_principal("guest", 4, None, [world.other_strategy], None)
    mine = world.order()
    theirs = world.order(strategy=world.other_strategy)
    notice = world.answer(world.port.mass_cancel(guest))
    assert (notice[2], notice[7], notice[8]) == (0, 1, 1)
    assert world.row(theirs)["pending"] == "cancel"
    assert world.row(mine)["pending"] == ""
    assert code_of(world.answer(world.port.mass_cancel(0))) == "UNKNOWN_PRINCIPAL"
    assert world.row(mine)["pending"] == ""


def test_notices_go_to_the_port_that_made_the_order(world):
    other = world.engine.open_client_port("other")
    order_id = world.submit(port=other)[2]
    world.port.notices()
    world.fact("accepted", order_id, "V", False, 1, 1)
    assert [notice[3] for notice in other.notices()] == [40]
    assert world.port.notices() == []


# A restart.


def test_what_was_in_flight_is_unknown_after_a_restart(world, open_world):
    new, working = world.order(), world.working()
    canceling, replacing = world.working(), world.working()
    world.cancel(canceling)
    world.replace(replacing, quantity="2")
    epoch = world.engine.epoch
    world = reopened(world, open_world)
    assert world.engine.epoch > epoch
    assert world.row(new)["state"] == "UNKNOWN"
    assert world.row(working)["state"] == "NEW"
    assert world.row(canceling)["pending"] == "cancel_unknown"
    assert world.row(replacing)["pending"] == "replace_unknown"
    assert world.sent() == []
    assert world.order() not in (new, working, canceling, replacing)


def test_a_pending_replace_stays_reserved_over_a_restart(world, open_world):
    world.limit(FIRM, position_long_max="3")
    order_id = world.working(BUY, "1")
    world.replace(order_id, quantity="3", client_id="r")
    world = reopened(world, open_world)
    assert code_of(world.submit(BUY, "0.001")) == "POSITION_LIMIT"
    world.fact("replaced", order_id, "100", "3", "", 1, 2)
    assert world.row(order_id)["client_order_id"] == "r"
    assert code_of(world.submit(BUY, "0.001")) == "POSITION_LIMIT"


def test_a_stopped_engine_writes_nothing_more(world):
    world.order()
    world.engine.stop()
    before = world.engine.sequence
    assert world.port.submit(world.principal, "late", world.spot, world.account, world.strategy,
                             BUY, LIMIT, 1, "1", "100")  # fmt: skip
    assert world.engine.turn() == 0
    with pytest.raises(ValueError, match="JOURNAL_BEHIND"):
        world.limit(FIRM)
    assert world.engine.sequence == before
    world.engine.stop()


# Emulation.


@pytest.mark.parametrize(("side", "trigger", "before", "after"), [
    (BUY, "105", "104.99", "105"), (SELL, "95", "95.01", "95"),
])  # fmt: skip
@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_held_stop_fires_once_also_after_a_restart(
    world, open_world, side, trigger, before, after, is_restarted
):
    order_id = world.order(side, price="", type=STOP, trigger_price=trigger, flags=EMULATE)
    assert world.row(order_id)["state"] == "UNTRIGGERED"
    assert world.row(order_id)["is_emulated"]
    if is_restarted:
        world = reopened(world, open_world)
        assert world.row(order_id)["state"] == "UNTRIGGERED"
    world.mark(before)
    assert world.sent() == []
    world.mark(after)
    entries = world.sent()
    assert [(entry[0], entry[1], entry[7], entry[13]) for entry in entries] == [
        (30, order_id, 1, ""),
    ]  # fmt: skip
    assert world.row(order_id)["state"] == "PENDING_NEW"
    world.mark(after)
    assert world.sent() == []


def test_a_held_stop_limit_becomes_a_limit_order(world):
    order_id = world.order(BUY, price="106", type=STOP_LIMIT, trigger_price="105", flags=EMULATE)
    world.mark("100", last="105")
    assert [(entry[1], entry[7], entry[11]) for entry in world.sent()] == [(order_id, 2, "106")]


def test_a_held_stop_is_cancelled_and_changed_here(world):
    first = world.order(BUY, price="106", type=STOP_LIMIT, trigger_price="105", flags=EMULATE)
    assert code_of(world.replace(first, quantity="2", price="107")) == ""
    row = world.row(first)
    assert (row["quantity"], row["price"], row["pending"]) == ("2", "107", "")
    assert code_of(world.cancel(first)) == ""
    assert world.row(first)["state"] == "CANCELED"
    assert world.sent() == []
    world.mark("105")
    assert world.sent() == []


def test_a_held_stop_does_not_fire_into_a_halt_or_by_nonsense(world):
    order_id = world.order(SELL, price="", type=STOP, trigger_price="95", flags=EMULATE)
    world.mark("100", last="-1")
    world.fact("triggered", order_id, 5)
    assert world.row(order_id)["state"] == "UNTRIGGERED"
    world.state(FIRM, HALTED)
    world.mark("94")
    assert world.sent() == []
    world.state(FIRM, ACTIVE)
    world.mark("94")
    assert [entry[1] for entry in world.sent()] == [order_id]


def test_a_stop_held_here_stays_here_when_the_venue_learns_stops(world):
    order_id = world.order(BUY, price="", type=STOP, trigger_price="105", flags=EMULATE)
    world.engine.define_venue("sim", True, 0x1E, 0x5B, 3, 1, 5000)
    world.mark("105")
    assert [(entry[1], entry[7], entry[13]) for entry in world.sent()] == [(order_id, 1, "")]


def test_a_stop_at_the_venue_is_the_venues_to_trigger(open_world):
    world = open_world(venue_types=0x1E)
    order_id = world.order(BUY, price="", type=STOP, trigger_price="105", flags=EMULATE)
    world.sent()
    world.fact("accepted", order_id, "V1", True, 1, 1)
    assert world.row(order_id)["state"] == "UNTRIGGERED"
    world.mark("106")
    assert world.sent() == []
    world.engine.define_venue("sim", True, 0x06, 0x5B, 3, 1, 5000)
    world.mark("107")
    assert world.sent() == [], "two orders would live at the venue"
    world.fact("triggered", order_id, 5)
    assert world.row(order_id)["state"] == "NEW"


def test_gtd_is_ended_by_the_gateway_where_the_venue_cannot(open_world):
    world = open_world(venue_times=0x0A)
    fields = {"time_in_force": GTD, "flags": EMULATE, "expires_ns": 2 * SECOND_NS}
    order_id = world.order(**fields)
    assert [(entry[8], entry[15]) for entry in world.sent()] == [(1, 0)]
    world.fact("accepted", order_id, "V", False, 1, 1)
    world.engine.set_time(2 * SECOND_NS - 1)
    world.turn()
    assert world.sent() == []
    world.engine.set_time(2 * SECOND_NS + 1_000_000)
    world.turn()
    assert [entry[:2] for entry in world.sent()] == [(32, order_id)]
    world.turn()
    assert world.sent() == []


def test_a_held_stop_expires_without_the_venue(world):
    order_id = world.order(BUY, price="", type=STOP, trigger_price="105", flags=EMULATE,
                           time_in_force=GTD, expires_ns=2 * SECOND_NS)  # fmt: skip
    world.engine.set_time(2 * SECOND_NS)
    world.turn()
    assert world.row(order_id)["state"] == "EXPIRED"
    assert world.sent() == []


def test_day_orders_end_with_the_period(open_world):
    world = open_world(venue_times=0x0A)
    order_id = world.order(time_in_force=DAY, flags=EMULATE)
    world.sent()
    world.fact("accepted", order_id, "V", False, 1, 1)
    world.engine.roll_period()
    assert [entry[:2] for entry in world.sent()] == [(32, order_id)]


# Durability.


def test_a_disk_account_sends_only_what_the_disk_has(open_world):
    world = open_world(durability=3)
    order_id = world.order()
    entries = wait_for_entries(world)
    assert [entry[:2] for entry in entries] == [(30, order_id)]
    assert world.counter("synced_sequence") >= world.row(order_id)["sequence"]


def test_cancelling_a_gated_order_means_it_was_never_sent(open_world):
    world = open_world(durability=3)
    first = world.port.submit(world.principal, "a", world.spot, world.account, world.strategy, BUY,
                              LIMIT, 1, "1", "100")  # fmt: skip
    world.engine.turn()
    order_id = world.engine.find_order(world.principal, "a")
    assert first
    if world.sent():
        pytest.skip("the disk was faster than the next line")
    world.port.cancel(world.principal, order_id)
    world.engine.turn()
    if world.row(order_id)["state"] == "CANCELED":
        time.sleep(0.05)
        world.turn()
        assert world.sent() == []
        assert world.engine.orders() == []


def test_a_cancel_while_a_replace_waits_for_the_disk_still_reaches_the_venue(open_world):
    world = open_world(durability=3)
    order_id = world.order()
    wait_for_entries(world)
    world.port.replace(world.principal, order_id, "", "2", "")
    world.engine.turn()
    world.port.cancel(world.principal, order_id)
    world.engine.turn()
    assert world.row(order_id)["state"] == "PENDING_NEW"
    sent = [entry[0] for entry in wait_for_entries(world)]
    assert 32 in sent


# Trading state, limits.


def test_a_kill_is_lifted_by_name_only_and_survives_a_restart(world, open_world):
    world.state(FIRM, HALTED, is_latch=True)
    world = reopened(world, open_world)
    assert code_of(world.submit()) == "LATCHED"
    rows = world.engine.trading_states()
    assert [(row["level"], row["state"], row["is_latch"], row["actor"]) for row in rows] == [
        ("firm", "halted", True, "ops"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="BAD_SYMBOL actor"):
        world.engine.set_trading_state(FIRM, 0, ACTIVE, False, "", "nobody")
    world.state(FIRM, ACTIVE)
    world.order()


def test_the_kill_word_halts_and_cancels_everything_even_beyond_the_queue(world):
    world.adapter = world.engine.open_venue_port(world.venue, 64)
    orders = []
    for _ in range(100):
        orders.append(world.working())
        world.sent()
    with open(f"{world.ring}/journal.ring", "r+b") as ring:
        ring.seek(64)
        ring.write((1).to_bytes(8, "little"))
    cancelled = set()
    for _ in range(5):
        world.turn()
        cancelled |= {entry[1] for entry in world.sent() if entry[0] == 32}
    assert cancelled == set(orders)
    assert code_of(world.submit()) == "LATCHED"


def test_limits_change_between_two_orders_and_all_at_once(world):
    version = world.engine.limits()[0]["version"]
    world.order(BUY, "5")
    world.limit(FIRM, order_quantity_max="4", collar_bps=10)
    assert code_of(world.submit(BUY, "5")) == "MAX_ORDER_QUANTITY"
    assert code_of(world.submit(BUY, "4", "100.11")) == "PRICE_COLLAR"
    world.limit(FIRM)
    world.order(BUY, "5", "100.11")
    assert world.engine.limits()[-1]["version"] == version + 2


# Money.


def test_a_bust_equals_a_history_without_the_fill(world, tmp_path, ring_directory):
    right = World(str(tmp_path / "right"), f"{ring_directory}/right")
    facts = [("a", "1", "100", BUY), ("b", "2", "101", BUY), ("c", "1.5", "103", SELL)]
    for busted in ("a", "b", "c"):
        wrong_order = world.working(BUY, "100"), world.working(SELL, "100")
        right_order = right.working(BUY, "100"), right.working(SELL, "100")
        for trade, quantity, price, side in facts:
            fee = {"fee": "0.01", "fee_currency": world.usd}
            world.fill(
                wrong_order[side - 1], quantity, price, side=side, trade=busted + trade, **fee
            )
            if trade != busted:
                right.fill(right_order[side - 1], quantity, price, side=side, trade=busted + trade,
                           **fee)  # fmt: skip
        side = SELL if busted == "c" else BUY
        world.revise(wrong_order[side - 1], busted + busted, 1, side=side)
        assert books(world) == books(right), busted
        repeated = world.state_hash()
        world.revise(wrong_order[side - 1], busted + busted, 1, side=side)
        assert world.state_hash() == repeated
    right.engine.stop()


@pytest.mark.parametrize("name", ["spot", "perpetual", "inverse", "quanto"])
def test_a_correction_equals_a_history_that_had_been_right(world, tmp_path, ring_directory, name):
    right = World(str(tmp_path / "right"), f"{ring_directory}/right")
    for one, price in ((world, "99"), (right, "101.5")):
        instrument = getattr(one, name)
        fields = {"instrument": instrument, "venue_order": "x"}
        quantity = "3" if one is world else "2"
        one.fill(0, quantity, price, trade="T1", **fields)
        one.fill(0, "1", "102", side=SELL, trade="T2", **fields)
    world.fact("fill_revised", 0, world.account, getattr(world, name), BUY, 0, "101.5", "2", "", "",
               0, 1, "T1", "x", 9, 1)  # fmt: skip
    ours, theirs = books(world), books(right)
    assert ours == theirs
    right.engine.stop()


def test_spot_moves_both_currencies_and_base_fees_reduce_what_is_delivered(world):
    order_id = world.working(BUY, "2")
    world.fill(order_id, "2", "100", fee="0.002", fee_currency=world.btc)
    assert world.balance("BTC") == Decimal("1.998")
    assert world.balance("USD") == Decimal("-200")
    assert world.quantity() == 2
    assert Decimal(world.position()["fees"]) == Decimal("0.2")
    world.fill(order_id, "0.5", "100", fee="0.1", fee_currency=world.bnb)
    assert world.balance("BNB") == Decimal("-0.1")


def test_inverse_contracts_earn_in_the_base_coin(world):
    fields = {"instrument": world.inverse, "venue_order": "x"}
    world.fill(0, "100", "100", **fields)
    world.fill(0, "100", "125", side=SELL, **fields)
    assert world.balance("BTC") == Decimal("0.2")
    assert world.position("BTC-INV", "EXTERNAL")["quantity"] == "0"


def test_unrealised_profit_follows_the_mark(world):
    order_id = world.working(BUY, "2", instrument=world.perpetual)
    world.fill(order_id, "2", "100", instrument=world.perpetual)
    world.mark("103.5")
    world.pass_time(SECOND_NS)
    row = world.position("BTC-PERP")
    assert (row["unrealised"], row["mark_age_ms"]) == ("7", 1000)


def test_external_fills_belong_to_external_and_books_sum_up(world):
    order_id = world.working(BUY, "2", instrument=world.perpetual)
    world.fill(order_id, "2", instrument=world.perpetual)
    world.fill(0, "3", side=SELL, instrument=world.perpetual, venue_order="liquidation")
    world.fill(987654321, "1", side=BUY, instrument=world.perpetual, venue_order="odd")
    assert world.quantity("BTC-PERP") == 2
    assert world.quantity("BTC-PERP", "EXTERNAL") == -2
    assert world.counter("anomalies") == 1


@pytest.mark.parametrize("wrong", ["instrument", "account", "side"])
def test_a_fill_that_contradicts_its_order_goes_to_external(world, wrong):
    order_id = world.working(BUY, "2", instrument=world.perpetual)
    fields = {"instrument": world.perpetual}
    if wrong == "instrument":
        fields = {"instrument": world.quanto}
    if wrong == "account":
        fields["account"] = world.hedge
    if wrong == "side":
        fields["side"] = SELL
    world.fill(order_id, "1", **fields)
    assert world.row(order_id)["cumulative_quantity"] == "0"
    external = [row for row in world.engine.positions() if row["strategy"] == "EXTERNAL"]
    assert [abs(Decimal(row["quantity"])) for row in external] == [1]
    assert world.counter("anomalies") == 1


def test_adopted_orders_are_held_like_our_own(world):
    world.limit(FIRM, position_long_max="3")
    fields = (world.account, world.spot, 0, BUY, LIMIT, 1, 0, 0, "100", "3", "1", "VX", "theirs")
    world.fact("adopt", *fields)
    (row,) = world.engine.orders()
    assert (row["state"], row["strategy"], row["is_external"], row["leaves_quantity"]) == (
        "PARTIALLY_FILLED", "EXTERNAL", True, "2",
    )  # fmt: skip
    before = world.state_hash()
    world.fact("adopt", *fields)
    assert world.state_hash() == before
    assert code_of(world.submit(BUY, "1.001")) == "POSITION_LIMIT"
    assert code_of(world.cancel(int(row["order_id"]))) == ""


@pytest.mark.parametrize(("place", "value"), [
    (0, 99), (2, 99), (2, 4_000_000_000), (3, 0), (3, 9), (4, 0), (4, 77), (5, 2), (7, 9),
    (9, "-1"), (9, "0"), (10, "5"), (10, "-1"), (11, ""),
])  # fmt: skip
def test_nonsense_is_not_adopted(world, place, value):
    fields = [world.account, world.spot, 0, BUY, LIMIT, 1, 0, 0, "100", "3", "1", "VX", "theirs"]
    fields[place] = value
    before = world.state_hash()
    world.fact("adopt", *fields)
    assert world.state_hash() == before
    assert world.counter("anomalies") == 1


def test_funding_and_balances_are_booked_once_each(world, open_world):
    funding = (world.account, world.perpetual, 0, world.usd, "-1.25", "0.0001", "F1", 5)
    world.fact("funding", *funding)
    world.fact("balance", world.account, world.usd, "100", 0, "D1")
    expected = Decimal("98.75")
    for _ in range(2):
        before = world.state_hash()
        world.fact("funding", *funding)
        world.fact("balance", world.account, world.usd, "100", 0, "D1")
        assert world.balance("USD") == expected
        assert world.state_hash() == before
        world = reopened(world, open_world)
    world.fact("funding", *funding[:6], "F2", 6)
    assert world.balance("USD") == expected - Decimal("1.25")


def test_many_references_forget_the_oldest_and_still_book_once(open_world):
    world = open_world(orders_max=16)
    for number in range(100):
        for _ in range(2):
            world.fact("balance", world.account, world.usd, "1", 0, f"D{number}")
    assert world.balance("USD") == 100


def test_money_that_cannot_be_booked_is_an_anomaly_not_an_end(world, open_world):
    huge = "170141183460469231731"
    before = world.state_hash()
    world.fact("balance", world.account, world.usd, huge, 0, "x")
    world.fact("balance", 4_000_000_000, world.usd, "1", 0, "x")
    world.fact("balance", world.account, 4_000_000_000, "1", 0, "x")
    world.fact("funding", world.account, 99, 0, world.usd, "1", "0", "x", 1)
    world.fact("funding", 99, world.spot, 0, world.usd, "1", "0", "x", 1)
    assert world.counter("anomalies") == 5
    assert world.state_hash() == before
    world.engine.stop()
    assert open_world().state_hash()


def test_a_fill_with_a_fee_of_no_currency_is_booked_and_told(world):
    order_id = world.working()
    world.fill(order_id, "1", fee="5", fee_currency=4_000_000_000)
    assert world.row(order_id)["state"] == "FILLED"
    assert {row["currency"] for row in world.engine.balances()} == {"BTC", "USD"}
    assert world.counter("anomalies") == 1


@pytest.mark.parametrize("fields", [{"side": 0}, {"side": 9}, {"leg": 9}, {"value": "-1"},
                                    {"quantity": "-1"}, {"quantity": "0"}])  # fmt: skip
def test_a_fill_beyond_the_exact_range_halts_its_instrument(world, fields):
    quantity = fields.pop("quantity", "1")
    world.fill(0, quantity, venue_order="x", **fields)
    assert world.engine.positions() == []
    assert code_of(world.submit()) == "LATCHED"
    assert code_of(world.submit(instrument=world.perpetual)) == ""


def test_hedge_legs_are_positions_of_their_own(world):
    fields = {"instrument": world.perpetual, "account": world.hedge}
    for leg, side in ((LONG, BUY), (SHORT, SELL)):
        order_id = world.working(side, "2", leg=leg, **fields)
        world.fill(order_id, "2", side=side, leg=leg, **fields)
    assert world.quantity("BTC-PERP", leg="long") == 2
    assert world.quantity("BTC-PERP", leg="short") == -2


def test_an_ioc_rest_is_cancelled_by_the_venue(world):
    order_id = world.working(BUY, "2", time_in_force=IOC)
    world.fill(order_id, "0.5")
    world.fact("canceled", order_id, 2, "", "0.5", 1, 2)
    row = world.row(order_id)
    assert (row["state"], row["reason"]) == ("CANCELED", "time_in_force")


def test_fills_are_known_again_after_a_restart_from_a_snapshot(open_world):
    from gateway._core.journal import Replica

    world = open_world(orders_max=64)
    order_id = world.working(BUY, "1000")
    for number in range(100):
        world.fill(order_id, "1", trade=f"k{number}")
    world.engine.stop()
    replica = Replica(world.journal, "", False)
    replica.follow(1 << 20)
    replica.write_snapshot()
    world = open_world(orders_max=64)
    assert world.engine.recovery["snapshot_sequence"] == replica.sequence
    for number in range(60, 100):
        world.fill(order_id, "1", trade=f"k{number}")
    assert world.quantity() == 100
