"""Local state x what the venue says x what is late or missing: settled by evidence alone."""

import msgspec
import pytest
from live_world import INSTRUMENT, MANIFEST, WINDOW_MS, BalanceReport, World
from native_world import connected

from gateway.api import (
    FundingReport,
    MarkReport,
    OrderReport,
    OutcomeUnknown,
    PositionReport,
    VenueProtocolError,
)
from gateway.core.positions import balance_totals

pytestmark = pytest.mark.asyncio


async def in_state(world, local):
    """One order of ours in a local state, by the way it gets there in life."""
    unknown = local in ("UNKNOWN",)
    world.adapter.on_submit = OutcomeUnknown("cut") if unknown else None
    order_id = await world.submit()
    session = world.link.session
    if local in ("NEW", "PARTIALLY_FILLED") or "pending" in local:
        session.accepted(order_id, f"v{order_id & 0xFFFF}")
    if local == "PARTIALLY_FILLED":
        session.filled(world.fill(order_id, "t0", "1"))
        world.adapter.history.append(world.fill(order_id, "t0", "1"))
    await session.drain()
    if local in ("cancel pending", "cancel_unknown pending"):
        world.adapter.on_cancel = OutcomeUnknown("cut") if "unknown" in local else None
        await world.router.cancel("desk", order_id)
    if local in ("replace pending", "replace_unknown pending"):
        world.adapter.on_replace = OutcomeUnknown("cut") if "unknown" in local else None
        await world.router.replace("desk", order_id, quantity="3")
    await world.sends()
    return order_id


# local state, venue's report (None = never heard of it), fills there, is late enough -> state
CASES = [
    ("PENDING_NEW", "new", [], True, "NEW"),
    ("PENDING_NEW", "new", [], False, "NEW"),
    ("PENDING_NEW", "partially_filled", ["1"], True, "PARTIALLY_FILLED"),
    ("PENDING_NEW", "filled", ["1", "1"], True, "FILLED"),
    ("PENDING_NEW", "filled", ["2"], False, "FILLED"),
    ("PENDING_NEW", "canceled", [], True, "CANCELED"),
    ("PENDING_NEW", "canceled", ["1"], True, "CANCELED"),
    ("PENDING_NEW", "expired", [], True, "EXPIRED"),
    ("PENDING_NEW", "rejected", [], True, "REJECTED"),
    ("PENDING_NEW", None, [], True, "CANCELED"),
    ("PENDING_NEW", None, [], False, "PENDING_NEW"),
    ("PENDING_NEW", "untriggered", [], True, "UNTRIGGERED"),
    ("UNKNOWN", "new", [], True, "NEW"),
    ("UNKNOWN", "new", [], False, "NEW"),
    ("UNKNOWN", "partially_filled", ["1"], True, "PARTIALLY_FILLED"),
    ("UNKNOWN", "filled", ["2"], True, "FILLED"),
    ("UNKNOWN", "filled", ["1", "1"], False, "FILLED"),
    ("UNKNOWN", "canceled", [], True, "CANCELED"),
    ("UNKNOWN", "canceled", ["1"], False, "CANCELED"),
    ("UNKNOWN", "expired", [], True, "EXPIRED"),
    ("UNKNOWN", "rejected", [], True, "REJECTED"),
    ("UNKNOWN", None, [], True, "CANCELED"),
    ("UNKNOWN", None, [], False, "UNKNOWN"),
    ("NEW", "new", [], True, "NEW"),
    ("NEW", "partially_filled", ["1"], True, "PARTIALLY_FILLED"),
    ("NEW", "filled", ["2"], True, "FILLED"),
    ("NEW", "canceled", [], True, "CANCELED"),
    ("NEW", "canceled", ["1"], True, "CANCELED"),
    ("NEW", "expired", [], True, "EXPIRED"),
    ("NEW", "rejected", [], True, "CANCELED"),
    ("NEW", None, [], True, "CANCELED"),
    ("NEW", None, [], False, "NEW"),
    ("PARTIALLY_FILLED", "partially_filled", [], True, "PARTIALLY_FILLED"),
    ("PARTIALLY_FILLED", "filled", ["1"], True, "FILLED"),
    ("PARTIALLY_FILLED", "canceled", [], True, "CANCELED"),
    ("PARTIALLY_FILLED", "expired", [], True, "EXPIRED"),
    ("cancel pending", "canceled", [], True, "CANCELED"),
    ("cancel pending", "new", [], True, "NEW"),
    ("cancel pending", "filled", ["2"], True, "FILLED"),
    ("cancel_unknown pending", "canceled", [], True, "CANCELED"),
    ("cancel_unknown pending", "new", [], True, "NEW"),
    ("cancel_unknown pending", "new", [], False, "NEW"),
    ("replace pending", "new", [], True, "NEW"),
    ("replace_unknown pending", "new", [], True, "NEW"),
    ("replace_unknown pending", "canceled", [], True, "CANCELED"),
]
OPEN = ("new", "partially_filled", "untriggered")


def set_venue(world, order_id, venue, fills):
    for number, quantity in enumerate(fills, 1):
        world.adapter.history.append(world.fill(order_id, f"t{number}", quantity))
    if venue is None:
        return
    executed = sum(int(f.quantity) for f in world.adapter.history)
    report = world.report(order_id, venue, str(executed))
    world.adapter.by_client[report.client_order_id] = report
    if venue in OPEN:
        world.adapter.open.append(report)


@pytest.mark.parametrize(("local", "venue", "fills", "is_late", "expected"), CASES)
async def test_an_order_is_settled_by_what_the_venue_says(local, venue, fills, is_late, expected):
    world = World()
    await world.connect()
    order_id = await in_state(world, local)
    world.adapter.sent.clear()
    set_venue(world, order_id, venue, fills)
    world.advance(WINDOW_MS * 2 if is_late else 1)
    await world.reconcile()
    assert world.state(order_id) == expected
    executed = sum(int(f.quantity) for f in world.adapter.history)
    assert world.row(order_id)["cumulative_quantity"] == str(executed)
    assert world.adapter.sent == [], "reconciliation sends nothing"
    facts, sequence = list(world.native.facts), world.native.sequence
    await world.reconcile()
    assert world.native.facts == facts, "the second run creates nothing"
    assert world.native.sequence == sequence
    world.close()


@pytest.mark.parametrize(
    ("local", "is_late", "pending"),
    [
        ("cancel_unknown pending", False, "cancel_unknown"),
        ("cancel_unknown pending", True, ""),
        ("replace_unknown pending", False, "replace_unknown"),
        ("replace_unknown pending", True, ""),
        ("cancel pending", False, "cancel"),
    ],
)
async def test_a_request_without_effect_has_failed_only_after_the_window(local, is_late, pending):
    world = World()
    await world.connect()
    order_id = await in_state(world, local)
    set_venue(world, order_id, "new", [])
    world.advance(WINDOW_MS * 2 if is_late else 1)
    await world.reconcile()
    assert world.row(order_id)["pending"] == pending
    world.close()


async def test_a_replace_that_took_effect_is_found_in_force():
    world = World()
    await world.connect()
    order_id = await in_state(world, "replace_unknown pending")
    report = world.report(order_id, "new", quantity="3")
    world.adapter.open, world.adapter.by_client = [report], {report.client_order_id: report}
    await world.reconcile()
    row = world.row(order_id)
    assert (row["quantity"], row["pending"], row["state"]) == ("3", "", "NEW")
    world.close()


@pytest.mark.parametrize("is_listed", [False, True], ids=["by id", "in the list"])
async def test_terms_that_the_stream_told_while_the_venue_was_asked_stay(ring_directory, is_listed):
    """Two requests are under way, so the row alone does not show which word is the newer one."""
    world = await connected(ring_directory)
    order_id = await world.submit()
    session = world.link.session
    session.accepted(order_id, "v1")
    await world.sends()
    await world.router.replace("desk", order_id, quantity="5")
    await world.router.cancel("desk", order_id)
    await world.sends()
    before = world.report(order_id, "new", venue_order_id="v1")

    async def answer():
        world.advance(1)
        session.replaced(order_id, price="100", quantity="5", venue_order_id="v1")
        await session.drain()
        return before

    async def open_orders(account):
        return [await answer() if is_listed else before]

    async def query_order(account, client_order_id):
        return None if is_listed else await answer()

    world.adapter.open_orders, world.adapter.query_order = open_orders, query_order
    await world.reconcile()
    row = world.row(order_id)
    assert (row["quantity"], row["state"], "cancel" in row["pending"]) == ("5", "NEW", True)
    world.close()
    world.native.stop()


async def test_never_found_is_never_proof_when_the_manifest_says_so():
    world = World(msgspec.structs.replace(MANIFEST, not_found_proof_after_ms=None))
    await world.connect()
    order_id = await in_state(world, "UNKNOWN")
    world.advance(10**9)
    result = await world.reconcile()
    assert world.state(order_id) == "UNKNOWN"
    assert result.unsettled == [order_id]
    world.close()


async def test_missing_fills_keep_the_venue_closed_until_they_come():
    world = World()
    await world.connect()
    order_id = await in_state(world, "NEW")
    report = world.report(order_id, "filled", "2")
    world.adapter.by_client[report.client_order_id] = report
    world.link.session.gap_opened("test")
    world.link.session.gap_closed()
    result = await world.reconcile()
    assert result.lacking == [order_id]
    assert world.native._venues[1].state == 1, "still a gap: no new orders"
    assert world.row(order_id)["cumulative_quantity"] == "0", "no fill is invented"
    world.adapter.history.append(world.fill(order_id, "t1", "2"))
    result = await world.reconcile()
    assert result.lacking == []
    assert world.state(order_id) == "FILLED"
    assert world.native._venues[1].state == 2
    world.close()


@pytest.mark.parametrize("is_ours", [True, False])
async def test_an_order_the_journal_lacks_is_adopted_once(is_ours):
    world = World()
    client_id = world.client_id(1 << 51 | 99) if is_ours else "somebody"
    report = world.report(1 << 51 | 99, "new", client_order_id=client_id)
    world.adapter.open.append(report)
    world.adapter.by_client[client_id] = report
    result = await world.connect()
    assert result.adopted == [report.venue_order_id]
    result = await world.reconcile()
    assert result.adopted == []
    rows = world.native.orders()
    assert [(r["strategy"], r["client_order_id"]) for r in rows] == [("EXTERNAL", client_id)]
    world.close()


async def test_the_same_venue_id_on_two_instruments_is_two_orders():
    world = World()
    other = msgspec.structs.replace(INSTRUMENT, symbol="ETH-USDT.sim", venue_symbol="ETHUSDT")
    world.engine.define_instrument("sim", other)
    first = world.report(1 << 51 | 99, "new", client_order_id="one")
    second = msgspec.structs.replace(first, client_order_id="two", instrument="ETHUSDT")
    world.adapter.open = [first, second]
    result = await world.connect()
    assert result.adopted == [first.venue_order_id] * 2
    ids = {world.link.session.order_id_of(report) for report in (first, second)}
    assert len(ids) == 2 and 0 not in ids
    assert (await world.reconcile()).adopted == []
    world.close()


async def test_a_nameless_order_of_somebody_else_is_looked_for_in_the_list_before_a_verdict():
    world = World()
    person = OrderReport(
        client_order_id="",
        venue_order_id="person",
        account="main",
        instrument="BTCUSDT",
        side="buy",
        type="limit",
        time_in_force="gtc",
        state="new",
        quantity="2",
        cumulative_quantity="0",
        price="100",
    )
    world.adapter.open = [person]
    await world.connect()
    (row,) = [row for row in world.native.orders() if row["strategy"] == "EXTERNAL"]
    order_id = int(row["order_id"])
    world.adapter.on_cancel = OutcomeUnknown("the answer was lost")
    await world.router.cancel("desk", order_id)
    await world.sends()
    assert world.row(order_id)["pending"] == "cancel_unknown"
    world.advance(60_000)
    await world.link.reconciler.resolve()
    await world.sends()
    assert (world.state(order_id), world.adapter.queries) == ("NEW", 0), "it works, by the list"
    world.adapter.open = []
    await world.router.cancel("desk", order_id)
    await world.sends()
    world.advance(60_000)
    await world.link.reconciler.resolve()
    await world.sends()
    assert world.state(order_id) == "CANCELED", "gone from the list, late enough"
    world.close()


async def test_a_fill_that_names_something_unknown_does_not_close_a_gap_that_stands():
    world = World()
    await world.connect()
    session = world.link.session
    session.caught_up("main", session.gaps)
    session.gap_opened("the line is cut")
    session.caught_up("main", session.gaps)  # the query of an earlier run
    session.filled(world.fill(0, "x1", "1", instrument="NOSUCH"))
    assert session.is_gap_open
    session.gap_closed()
    session.filled(world.fill(0, "x2", "1", instrument="NOSUCH"))
    assert session.gaps == 2 and not session.is_gap_open
    world.close()


async def test_foreign_fills_go_to_the_external_book_once():
    world = World()
    world.adapter.history.append(world.fill(0, "x1", "3"))
    await world.connect()
    await world.reconcile()
    assert [(p["strategy"], p["quantity"]) for p in world.native.positions()] == [("EXTERNAL", "3")]
    world.close()


async def test_opening_balances_are_booked_once_and_later_differences_are_reported():
    world = World()
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total="1000.5")]
    await world.connect()
    assert [row["total"] for row in world.native.balances()] == ["1000.5"]
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total="1001")]
    result = await world.reconcile()
    assert [row["total"] for row in world.native.balances()] == ["1000.5"]
    assert result.breaks == ["main USDT: venue - ours = 0.5"]
    world.close()


@pytest.mark.parametrize(
    ("stated", "breaks"),
    [
        ([("net", "3")], []),
        ([("net", "5")], ["main {name} net: venue 5, venue - ours = 2"]),
        ([], ["main {name} net: venue 0, venue - ours = -3"]),
        ([("net", "3"), ("short", "2")], ["main {name} short: venue -2, venue - ours = -2"]),
    ],
)
async def test_positions_are_compared_both_ways_and_a_short_leg_is_negative(stated, breaks):
    world = World()
    world.adapter.history.append(world.fill(0, "x1", "3"))
    world.adapter.position = [
        PositionReport(
            account="main", instrument=INSTRUMENT.venue_symbol, leg=leg, quantity=quantity
        )
        for leg, quantity in stated
    ]
    await world.connect()
    result = await world.reconcile()
    name = world.native.positions()[0]["instrument"]
    assert result.breaks == [each.format(name=name) for each in breaks]
    world.close()


async def test_hedge_mode_that_the_manifest_excludes_stops_the_reconciliation():
    world = World()
    world.adapter.is_hedge = True
    with pytest.raises(VenueProtocolError, match="hedge mode"):
        await world.connect()
    world.close()


async def test_new_orders_wait_for_the_reconciliation():
    world = World()
    await world.adapter.connect(world.link.session)
    with pytest.raises(Exception, match="NOT_RECONCILED"):
        await world.submit()
    await world.reconcile()
    assert await world.submit()
    world.close()


async def test_the_resolver_asks_again_until_the_venue_knows():
    world = World()
    await world.connect()
    order_id = await in_state(world, "UNKNOWN")
    assert await world.link.reconciler.resolve() == [order_id]
    set_venue(world, order_id, "filled", ["2"])
    assert await world.link.reconciler.resolve() == []
    assert world.state(order_id) == "FILLED"
    world.close()


@pytest.mark.parametrize("is_cut_again", [False, True])
async def test_fills_of_the_stream_wait_for_the_older_ones_after_a_gap(is_cut_again):
    """Average cost depends on the order of the fills, so it is the venue's order."""
    world = World()
    await world.connect()
    order_id = await world.submit()
    session, booked = world.link.session, []
    native, take = session._native, session._native.filled
    native.filled = lambda *values: booked.append(values[11]) or take(*values)
    session.gap_opened("cut")
    session.gap_closed()
    session.filled(world.fill(order_id, "t2", "0.5"))
    ask = world.adapter.fills

    async def fills(account, since_ns):
        if is_cut_again:
            session.gap_opened("cut again")
            session.gap_closed()
        session.filled(world.fill(order_id, "t3", "0.5"))
        return await ask(account, since_ns)

    world.adapter.history.append(world.fill(order_id, "t1", "0.5"))
    world.adapter.fills = fills
    await world.reconcile()
    assert list(dict.fromkeys(booked)) == (["t1"] if is_cut_again else ["t1", "t2", "t3"])
    world.adapter.fills = ask
    await world.reconcile()
    assert list(dict.fromkeys(booked)) == ["t1", "t2", "t3"]
    session.filled(world.fill(order_id, "t4", "0.5"))
    await world.sends()
    assert booked[-1] == "t4"
    assert world.state(order_id) == "FILLED"
    world.close()


async def test_an_id_of_a_later_epoch_at_the_venue_raises_ours_above_it():
    world = World()
    lost = 1 << 51 | 9 << 31 | 5
    report = world.report(lost, "new", client_order_id=world.client_id(lost))
    world.adapter.open.append(report)
    world.adapter.by_client[report.client_order_id] = report
    await world.connect()
    await world.reconcile()
    assert world.native.epoch == 10
    assert await world.submit() >> 31 & 0xFFFFF == 10
    world.close()


FUNDED = msgspec.structs.replace(MANIFEST, has_funding=True)


def payment(reference, amount, when):
    return FundingReport(
        account="main",
        instrument="BTCUSDT",
        currency="USDT",
        amount=amount,
        rate="0.0001",
        reference=reference,
        venue_time_ns=when,
    )


def booked(world):
    return [fact[7] for fact in world.native.facts if fact[0] == "funding"]


async def test_funding_paid_while_nobody_listened_is_booked_once_whoever_tells_it():
    world = World(FUNDED)
    hour = 3_600 * 10**9
    world.adapter.payments = [payment("f1", "-1", hour)]
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total="99")]
    await world.connect()
    assert booked(world) == ["f1"]
    assert balance_totals(world.native.balances())["main", "USDT"] == 99, "f1 is in the 99"
    world.link.session.gap_opened("cut")
    world.link.session.gap_closed()
    world.adapter.payments.append(payment("f2", "-2", 2 * hour))
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total="97")]
    world.link.session.funded(world.adapter.payments[-1])
    await world.reconcile()
    await world.reconcile()
    world.link.session.funded(world.adapter.payments[-1])
    await world.link.session.drain()
    assert booked(world) == ["f1", "f2"]
    assert balance_totals(world.native.balances())["main", "USDT"] == 97
    assert world.link.health.breaks == []
    assert world.adapter.funding_asked[-1] == 2 * hour - 60 * 10**9, "since the newest, overlapped"


async def test_a_payment_between_funding_and_balances_does_not_enter_the_opening_twice():
    world = World(FUNDED)
    asked = []

    async def balances(account):
        asked.append(account)
        if len(asked) == 1:  # paid just before the venue answers
            world.adapter.payments.append(payment("f1", "-1", 7))
        return [BalanceReport(account="main", currency="USDT", total="99")]

    world.adapter.balances = balances
    await world.connect()
    assert len(asked) == 2
    assert booked(world) == ["f1"]
    assert balance_totals(world.native.balances())["main", "USDT"] == 99


async def test_a_venue_without_funding_is_not_asked_for_it():
    world = World()
    await world.connect()
    assert world.adapter.funding_asked == []


async def test_a_payment_without_reference_or_instrument_is_named_and_not_booked():
    world = World(FUNDED)
    world.adapter.payments = [
        payment("", "-1", 5),
        msgspec.structs.replace(payment("f", "-1", 6), instrument="NEW"),
    ]
    await world.connect()
    assert booked(world) == []
    assert world.link.health.breaks == [
        "funding  of BTCUSDT not booked",
        "funding f of NEW not booked",
    ]


async def test_a_fill_without_a_trade_id_is_refused_by_name():
    world = World()
    await world.connect()
    order_id = await in_state(world, "NEW")
    nameless = world.fill(order_id, "", "1")
    assert not world.link.session.fill_reported(nameless)
    assert world.link.health.counters["bad_facts"] == 1
    world.adapter.history = [nameless]
    world.adapter.open = [world.report(order_id, "partially_filled", "1")]
    world.adapter.by_client[world.client_id(order_id)] = world.adapter.open[0]
    await world.reconcile()
    assert world.row(order_id)["cumulative_quantity"] == "0"
    assert any("not booked" in each for each in world.link.health.breaks)
    assert world.link.health.unsettled == [str(order_id)], "new orders stay away meanwhile"


async def test_marks_before_the_instruments_are_no_fault_and_later_one_each(caplog):
    world = World()
    session = world.link.session
    for _ in range(3):
        session.marked(MarkReport(instrument="NEW", mark="1"))
    ours = [each for each in caplog.records if each.name.startswith("gateway")]
    assert (session.health.counters["bad_facts"], ours) == (0, [])  # asyncio tells of slow loops
    await world.connect()
    for _ in range(3):
        session.marked(MarkReport(instrument="NEW", mark="1"))
    assert session.health.counters["bad_facts"] == 1
    assert session.health.counters["marks_unknown"] == 6


@pytest.mark.parametrize(("total", "is_break"), [("100.0001", False), ("100.0002", True)])
async def test_a_difference_within_what_the_venue_is_uncertain_of_is_no_break(total, is_break):
    world = World()
    noise = BalanceReport(account="main", currency="BTC", total="0.00005", uncertainty="0.0001")
    stated = BalanceReport(account="main", currency="USDT", total="100", uncertainty="0.0001")
    world.adapter.balance = [stated, noise]
    await world.connect()
    assert ("main", "BTC") not in balance_totals(world.native.balances()), "noise opens nothing"
    # Later answers are certain; the opening balance is not.
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total=total), noise]
    await world.reconcile()
    assert bool(world.link.health.breaks) == is_break
    assert balance_totals(world.native.balances()) == {("main", "USDT"): 100}


async def test_a_total_in_doubt_is_told_opens_nothing_and_stops_nothing():
    world = World()
    doubt = "isolated position of MARGIN BTC-USDT (1 in all)"
    usdt = BalanceReport(account="main", currency="USDT", total="100")
    world.adapter.balance = [usdt]
    await world.connect()
    btc = BalanceReport(account="main", currency="BTC", total="1", doubt=doubt)
    world.adapter.balance = [msgspec.structs.replace(usdt, total="90", doubt=doubt), btc]
    result = await world.reconcile()
    assert result.breaks == [
        f"main USDT: venue - ours = -10, in doubt: {doubt}",
        f"main BTC: venue - ours = 1, in doubt: {doubt}",
    ]
    assert balance_totals(world.native.balances()) == {("main", "USDT"): 100}
    world.adapter.balance = [usdt, msgspec.structs.replace(btc, doubt="")]
    await world.reconcile()
    assert world.link.health.breaks == []
    assert balance_totals(world.native.balances())["main", "BTC"] == 1


@pytest.mark.parametrize(
    ("total", "is_break"), [("100.000000000001", False), ("100.000000000002", True)]
)
async def test_a_difference_of_rounding_is_no_break(total, is_break):
    world = World()
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total="100")]
    await world.connect()
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total=total)]
    await world.reconcile()
    assert bool(world.link.health.breaks) == is_break
    assert balance_totals(world.native.balances())["main", "USDT"] == 100, "never booked"
