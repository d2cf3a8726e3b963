"""Positions, balances and fees: exact, corrected as if history had been right, booked once."""

from decimal import Decimal
from random import Random

import pytest
from engine_world import (
    BUY,
    FIRM,
    IOC,
    LIMIT,
    LONG,
    NET,
    SECOND_NS,
    SELL,
    SHORT,
    World,
    code_of,
)

from gateway._core.journal import Reader, decode

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


@pytest.mark.parametrize("name", ["spot", "perpetual", "inverse", "quanto"])
def test_late_fills_equal_a_history_in_the_order_of_the_venue(
    world, open_world, tmp_path, ring_directory, name
):
    """Fills in the order of the venue, and as they come when the events of some are lost and they
    are asked for later: average cost depends on the order, so what is late is booked in its place,
    by the venue's own count."""
    right = World(str(tmp_path / "right"), f"{ring_directory}/right")
    random = Random(17)
    history = [
        (10 + count // 3, count, random.choice((BUY, SELL)), f"{random.randrange(1, 60)}",
         f"{random.randrange(90, 110)}")
        for count in range(1, 200)
    ]  # fmt: skip
    arrived = sorted(history, key=lambda fill: fill[1] + random.choice((0, 0, 0, 0, 0, 25)))
    assert arrived != history
    for one, fills in ((right, history), (world, arrived)):
        for time_ns, number, side, quantity, price in fills:
            one.fill(0, quantity, price, side=side, trade=f"T{number}", venue_order="x",
                     instrument=getattr(one, name), fee="0.01", fee_currency=one.usd,
                     time_ns=time_ns, number=number)  # fmt: skip
    assert books(world) == books(right)
    assert world.counter("fills_late") > 10
    assert right.counter("fills_late") == 0
    hash_before = world.state_hash()
    time_ns, number, side, quantity, price = arrived[0]
    world.fill(0, quantity, price, side=side, trade=f"T{number}", venue_order="x",
               instrument=getattr(world, name), time_ns=time_ns, number=number)  # fmt: skip
    assert world.state_hash() == hash_before  # a repeat moves nothing
    world.revise(0, "T5", 1, instrument=getattr(world, name), side=history[4][2], venue_order="x")
    right.revise(0, "T5", 1, instrument=getattr(right, name), side=history[4][2], venue_order="x")
    assert books(world) == books(right)
    assert books(reopened(world, open_world)) == books(right)
    right.engine.stop()


def test_a_fill_without_a_time_is_the_newest(world):
    for time_ns in (9, 0):
        world.fill(0, "1", "100", venue_order="x", time_ns=time_ns, number=0)
    assert world.counter("fills_late") == 0


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


def test_the_time_up_to_which_funding_is_known_survives_and_no_clock_runs_it_ahead(
    world, open_world
):
    known = world.engine.funding_known_ns
    assert known(world.account) == 0
    world.engine.set_time(100 * SECOND_NS)
    world.fact("balance", world.account, world.usd, "100", 0, "opening:USD")
    opened = known(world.account)
    assert opened == world.engine.now_ns()
    world.engine.set_time(200 * SECOND_NS)
    world.fact("balance", world.account, world.usd, "1", 0, "D1")
    assert known(world.account) == opened, "only the first balance holds what was paid before"
    paid = (world.account, world.perpetual, 0, world.usd, "-1", "0.0001")
    world.fact("funding", *paid, "F1", 150 * SECOND_NS)
    assert known(world.account) == 150 * SECOND_NS
    world.fact("funding", *paid, "F0", 120 * SECOND_NS)
    assert known(world.account) == 150 * SECOND_NS
    world.fact("funding", *paid, "F2", 3_600 * SECOND_NS)
    assert known(world.account) == world.engine.now_ns()
    world.engine.set_time(300 * SECOND_NS)
    world.fact("funding", *paid, "F3", 10**18)
    assert known(world.account) == 200 * SECOND_NS, "a time that cannot be proves nothing"
    assert world.counter("anomalies") == 1
    before = known(world.account)
    assert reopened(world, open_world).engine.funding_known_ns(world.account) == before
    assert known(world.hedge) == 0


def test_a_fill_without_a_trade_id_is_an_anomaly_and_two_of_them_never_collide(world):
    order_id = world.working()
    before = world.state_hash()
    for quantity in ("0.4", "0.6"):
        where = (world.account, world.spot, BUY, NET, "100", quantity, "", "", 0)
        world.fact("filled", order_id, *where, 1, "", f"V{order_id}", 7, 7)
    assert world.counter("anomalies") == 2
    assert world.counter("fills_repeated") == 0
    assert world.quantity() == 0
    assert world.state_hash() == before


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
        world.fill(order_id, "1", trade=f"k{number}", time_ns=2 * (number + 1) * SECOND_NS)
    world.engine.stop()
    replica = Replica(world.journal, "", False)
    replica.follow(1 << 20)
    replica.write_snapshot()
    world = open_world(orders_max=64)
    assert world.engine.recovery["snapshot_sequence"] == replica.sequence
    for number in range(60, 100):
        world.fill(order_id, "1", trade=f"k{number}")
    assert world.quantity() == 100


RANGE, PRICE, FEE = 4, 12, 13  # what an anomaly says


@pytest.mark.parametrize(
    ("what", "fields", "code"),
    [
        ("price", {"price": "-100"}, PRICE),
        ("price", {"price": "0"}, PRICE),
        ("price", {"price": "9000000000000000", "quantity": "4000000000000"}, RANGE),
        ("size", {"quantity": "0"}, RANGE),
        ("size", {"quantity": "-1"}, RANGE),
        ("fee", {"fee": "99999999999999999999"}, RANGE),
        ("fee", {"fee": "-99999999999999999999"}, RANGE),
        ("fee", {"fee": "10000.1"}, FEE),
        ("fee", {"fee": "-10000.1"}, FEE),
        ("value", {"value": "-1"}, PRICE),
    ],
    ids=str,
)
def test_an_impossible_value_of_a_fill_is_put_aside_with_its_reason(world, what, fields, code):
    """Nothing is booked, the instrument is halted, and the journal says why; others trade on."""
    fields = {"fee_currency": world.usd if what == "fee" else 0, **fields}
    quantity, price = fields.pop("quantity", "1"), fields.pop("price", "100")
    order_id = world.working()
    hash_before, anomalies = world.engine.positions(), world.counter("anomalies")
    world.fill(order_id, quantity, price, trade="odd", **fields)
    assert world.engine.positions() == hash_before == []
    assert world.row(order_id)["cumulative_quantity"] == "0"
    assert world.counter("anomalies") == anomalies + 1
    rows = [decode(record) for _, record in Reader(world.journal, world.ring).read(10_000)]
    (told,) = [row for row in rows if row["kind"] == "anomaly"][-1:]
    assert (told["code"], told["order_id"]) == (code, order_id)
    (halt,) = [row for row in world.engine.trading_states() if row["state"] == "halted"]
    assert halt["level"] == "instrument" and halt["reason"]
    assert code_of(world.submit(instrument=world.perpetual)) == ""


@pytest.mark.parametrize("time_ns", [2**62, -1, "tomorrow"], ids=str)
def test_an_impossible_time_of_a_fill_is_that_of_the_newest_and_reorders_nothing(world, time_ns):
    """The fill is booked at the time of the one before it; the order of those behind it stays that
    of their coming."""
    if time_ns == "tomorrow":
        time_ns = world.engine.now_ns() + 2 * 86_400 * SECOND_NS
    fields = {"instrument": world.perpetual, "number": 0}  # a venue that counts nothing
    now_ns, anomalies = world.engine.now_ns(), world.counter("anomalies")
    world.fill(0, "10", "100", time_ns=now_ns + 1, **fields)
    world.fill(0, "10", "200", trade="odd", time_ns=time_ns, **fields)
    world.fill(0, "10", "300", side=SELL, time_ns=now_ns + 2, **fields)
    (position,) = world.engine.positions()
    assert (position["average_price"], position["realised"]) == ("150", "1500")
    assert world.counter("anomalies") == anomalies + 1
    rows = [decode(record) for _, record in Reader(world.journal, world.ring).read(10_000)]
    (told,) = [row for row in rows if row["kind"] == "anomaly"]
    assert (told["code"], told["trade_id"]) == (11, "odd"), "time"
    booked = next(row for row in rows if row["kind"] == "order_filled" and row["trade_id"] == "odd")
    assert booked["venue_time_ns"] == now_ns + 1
    assert [row["state"] for row in world.engine.trading_states()] == []


@pytest.mark.parametrize("time_ns", [2**62, -1, "good"], ids=str)
def test_behind_an_impossible_time_a_late_fill_still_finds_its_place(world, open_world, time_ns):
    fields = {"instrument": world.perpetual, "number": 0}
    now_ns = world.engine.now_ns()
    odd_ns = now_ns + 3 if time_ns == "good" else time_ns
    world.fill(0, "10", "120", trade="t2", time_ns=now_ns + 2, **fields)
    world.fill(0, "10", "130", trade="t3", side=SELL, time_ns=odd_ns, **fields)
    world.fill(0, "10", "100", trade="t1", time_ns=now_ns + 1, **fields)
    (position,) = world.engine.positions()
    assert (position["average_price"], position["realised"]) == ("110", "200")
    assert world.counter("fills_late") == 1
    world.engine.stop()
    (again,) = open_world().engine.positions()
    assert (again["average_price"], again["realised"]) == ("110", "200")


def test_an_hour_ahead_is_a_clock_and_no_fault(world):
    world.fill(0, "10", "100", time_ns=world.engine.now_ns() + 3600 * SECOND_NS)
    assert world.counter("anomalies") == 0


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("OVERFLOW price", {"price": "9" * 25}),
        ("BAD_NUMBER price", {"price": "NaN"}),
        ("OVERFLOW quantity", {"quantity": "4" + "0" * 15}),
        ("BAD_NUMBER quantity", {"quantity": "1e3"}),
        ("OVERFLOW fee", {"fee": "9" * 30}),
        ("BAD_NUMBER fee", {"fee": "inf"}),
    ],
    ids=str,
)
def test_what_is_no_number_of_a_fill_is_refused_at_the_port_by_name(world, words, fields):
    """Of it the venue's session makes a break, which halts: nothing is applied silently."""
    order_id, fields = world.working(), dict(fields)
    quantity, price = fields.pop("quantity", "1"), fields.pop("price", "100")
    with pytest.raises(ValueError, match=words):
        world.fill(order_id, quantity, price, **fields)
    assert world.engine.positions() == []
