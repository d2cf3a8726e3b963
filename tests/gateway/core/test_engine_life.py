"""The life of orders as lists of events, through the ports, also over a restart."""

import itertools
import time
from decimal import Decimal
from pathlib import Path

import pytest
from engine_world import (
    ACTIVE,
    BUY,
    CANCEL,
    CANCEL_ON_DISCONNECT,
    DAY,
    EMULATE,
    FIRM,
    GTD,
    HALTED,
    LIMIT,
    REPEATED,
    SECOND_NS,
    SELL,
    STOP,
    STOP_LIMIT,
    code_of,
)

from gateway.core.refusals import describe_number


def reopened(world, open_world, **options):
    world.engine.stop()
    return open_world(**options)


def wait_for_entries(world):
    """What the venue gets once the disk has it; a real disk takes real time."""
    deadline = time.monotonic() + 300
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
    assert world.engine.order_by_venue_id(world.account, world.spot, "V1") == order_id
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
    for _ in range(2):  # its name stays for the rest of its day and for the whole next one
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


@pytest.mark.parametrize("stop", [
    (BUY, "105", "104.99", "105"), (SELL, "95", "95.01", "95"),
])  # fmt: skip
@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_held_stop_fires_once_also_after_a_restart(world, open_world, stop, is_restarted):
    side, trigger, before, after = stop
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


def test_a_venue_that_rejects_the_end_of_a_gtd_order_is_asked_less_and_less_often(open_world):
    world = open_world(venue_times=0x0A)
    fields = {"time_in_force": GTD, "flags": EMULATE, "expires_ns": 2 * SECOND_NS}
    order_id = world.working(**fields)
    world.sent()
    world.engine.set_time(2 * SECOND_NS)
    asked = []
    for _ in range(20_000):  # milliseconds
        world.pass_time(1_000_000)
        world.turn()
        if world.sent():
            asked.append(world.engine.now_ns() // 1_000_000 - 2_000)
            world.fact("cancel_rejected", order_id, 7, "busy")
    waits = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert waits == [100, 200, 400, 800, 1600, 3200, 5000, 5000]
    assert asked[0] == 1
    world.fact("canceled", order_id, 1, "", "0", 3, 3)
    world.pass_time(10 * SECOND_NS)
    world.turn()
    assert world.sent() == []


def test_an_order_canceled_before_it_was_accepted_keeps_the_venues_id(world):
    order_id = world.order()
    world.fact("unknown", order_id, 8, "timeout")
    world.fact("canceled", order_id, 7, "", "0", 3, 3, 1, "V-late")
    row = world.row(order_id)
    assert (row["state"], row["venue_order_id"]) == ("CANCELED", "V-late")
    assert world.engine.order_by_venue_id(world.account, world.spot, "V-late") == order_id


def test_the_wish_of_the_session_is_kept_with_the_order_and_is_not_its_content(world, open_world):
    order_id = world.order(client_id="own", flags=CANCEL_ON_DISCONNECT)
    repeat = world.submit(client_id="own")
    assert (repeat[2], repeat[7]) == (order_id, REPEATED)
    assert world.row(order_id)["is_cancel_on_disconnect"]
    world.fact("accepted", order_id, "V1", False, 1, 1)
    other = world.order()
    assert not world.row(other)["is_cancel_on_disconnect"]
    again = reopened(world, open_world)
    assert again.row(order_id)["is_cancel_on_disconnect"]
    assert not again.row(other)["is_cancel_on_disconnect"]
    again.sent()
    assert again.engine.cancel_by_gateway(order_id, 3) == 0
    assert [entry[:2] for entry in again.sent()] == [(CANCEL, order_id)]
    assert describe_number(again.engine.cancel_by_gateway(order_id, 3)).name == "CANCEL_PENDING"


def test_gtd_that_the_venue_offers_is_left_to_the_venue(world):
    fields = {"time_in_force": GTD, "flags": EMULATE, "expires_ns": 2 * SECOND_NS}
    order_id = world.order(**fields)
    assert [(entry[8], entry[15]) for entry in world.sent()] == [(GTD, 2 * SECOND_NS)]
    world.fact("accepted", order_id, "V", False, 1, 1)
    world.engine.set_time(3 * SECOND_NS)
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
    with Path(world.ring, "journal.ring").open("r+b") as ring:
        ring.seek(64)
        ring.write((1).to_bytes(8, "little"))
    cancelled = set()
    for _ in range(5):
        world.turn()
        world.pass_time(1_000_000)  # a full lane is looked at again so much later
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
