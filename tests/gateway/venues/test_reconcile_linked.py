"""Reconciling while exits of a bracket wait here: no venue has heard of them, and none can tell
their end."""

import pytest
from live_world import INSTRUMENT
from native_world import asked_again, connected, open_world, power_cut

from gateway.api import OutcomeUnknown, PositionReport
from gateway.execution.router import NewOrder

pytestmark = pytest.mark.asyncio


def leg(name, side, price, **changes):
    fields = {
        "principal": "desk",
        "client_order_id": name,
        "account": "main",
        "instrument": INSTRUMENT.symbol,
        "strategy": "alpha",
        "side": side,
        "type": "limit",
        "time_in_force": "gtc",
        "quantity": "2",
        "price": price,
    }
    return NewOrder(**(fields | changes))


async def bracket(world):
    """Entry, profit and a stop that the gateway holds; only the entry goes out."""
    stop = {"type": "stop", "trigger_price": "90", "is_emulated": True}
    legs = [leg("entry", "buy", "100"), leg("profit", "sell", "110"), leg("s", "sell", "", **stop)]
    ids = [
        int(each.order["order_id"]) for each in await world.router.submit_linked("bracket", legs)
    ]
    await world.sends()
    return ids


def states(world, ids):
    return [world.state(each) for each in ids]


def sent(world):
    orders = [order for kind, orders in world.adapter.sent if kind == "new" for order in orders]
    return [(order.side, order.quantity) for order in orders]


def executed_there(world, order_id, executed):
    """The venue's own record of the entry's execution."""
    world.adapter.history = [world.fill(order_id, "t1", executed)]
    held = PositionReport(account="main", instrument="BTCUSDT", leg="net", quantity=executed)
    world.adapter.position = [held]


def end(world):
    world.close()
    world.native.stop()


async def test_waiting_exits_are_no_difference_and_are_never_asked_about(ring_directory):
    world = await connected(ring_directory)
    ids = await bracket(world)
    world.link.session.accepted(ids[0], f"v{ids[0] & 0xFFFF}")
    world.adapter.open = [world.report(ids[0], "new")]
    await world.sends()
    world.advance(60_000)
    for _ in range(2):
        before = world.native.state_hash()[1]
        result = await world.reconcile()
        assert (result.unsettled, result.lacking, result.breaks) == ([], [], [])
        assert world.adapter.queries == 0
        assert states(world, ids) == ["NEW", "UNTRIGGERED", "UNTRIGGERED"]
        assert world.native.state_hash()[1] == before
    assert await world.link.reconciler.resolve() == []
    assert sent(world) == [("buy", "2")]
    end(world)


@pytest.mark.parametrize(("executed", "state"), [("2", "filled"), ("0.5", "canceled")])
async def test_what_the_entry_executed_unheard_lets_its_exits_go_for_just_that(
    ring_directory, executed, state
):
    world = await connected(ring_directory)
    ids = await bracket(world)
    report = world.report(ids[0], state, executed)
    world.adapter.by_client = {report.client_order_id: report}
    executed_there(world, ids[0], executed)
    world.advance(60_000)
    world.link.session._native.marked(1, "100", "99.9", "100.1", "100")
    assert (await world.reconcile()).breaks == []
    world.advance(200)
    await world.sends()
    assert world.state(ids[0]) == state.upper()
    assert sent(world) == [("buy", "2"), ("sell", executed)]
    # The stop is let go as well, and waits here for its trigger alone.
    assert (world.state(ids[2]), world.row(ids[2])["quantity"]) == ("UNTRIGGERED", executed)
    profit = world.report(ids[1], "new", quantity=executed, side="sell", price="110")
    world.adapter.open = [profit]
    world.adapter.by_client[profit.client_order_id] = profit
    world.advance(60_000)
    await world.reconcile()
    assert states(world, ids[1:]) == ["NEW", "UNTRIGGERED"]
    end(world)


async def test_exits_of_an_entry_that_never_got_to_the_venue_end_with_it(ring_directory):
    world = await connected(ring_directory)
    world.adapter.on_submit = OutcomeUnknown("cut")
    ids = await bracket(world)
    assert states(world, ids) == ["UNKNOWN", "UNTRIGGERED", "UNTRIGGERED"]
    await world.reconcile()
    assert states(world, ids) == ["UNKNOWN", "UNTRIGGERED", "UNTRIGGERED"], "too early for proof"
    world.advance(60_000)
    await world.reconcile()
    await world.sends()
    assert states(world, ids) == ["CANCELED"] * 3
    assert sent(world) == [("buy", "2")]
    end(world)


@pytest.mark.parametrize("executed", ["0", "2"])
async def test_after_a_restart_waiting_exits_follow_what_the_venue_says_of_their_entry(
    ring_directory, executed
):
    world = await connected(ring_directory)
    ids = await bracket(world)
    world.link.session.accepted(ids[0], f"v{ids[0] & 0xFFFF}")
    await world.sends()
    end(world)
    again = open_world(ring_directory)
    report = again.report(ids[0], "filled" if executed == "2" else "new", executed)
    again.adapter.by_client = {report.client_order_id: report}
    if executed == "2":
        executed_there(again, ids[0], executed)
    else:
        again.adapter.open = [report]
    again.advance(5_000)
    assert (await again.connect()).breaks == []
    again.link.session._native.marked(1, "100", "99.9", "100.1", "100")
    again.advance(5_000)
    await again.sends()
    if executed == "0":
        assert states(again, ids) == ["NEW", "UNTRIGGERED", "UNTRIGGERED"]
        assert sent(again) == []
    else:
        assert states(again, ids) == ["FILLED", "PENDING_NEW", "UNTRIGGERED"]
        assert sent(again) == [("sell", "2")]
    end(again)


async def let_go_and_lost(place):
    """(the orders, the folder as the disk has it after the power cut): the entry executed, both
    exits were let go and the profit left. Of all that there is no record."""
    folder = place / "a"
    folder.mkdir()
    world = await connected(folder)
    ids = await bracket(world)
    world.link.session.accepted(ids[0], "v1")
    await world.sends()
    cut = power_cut(world, folder, place / "cut")
    world.link.session.filled(world.fill(ids[0], "t1", "2", venue_order_id="v1"))
    await world.sends()
    assert sent(world) == [("buy", "2"), ("sell", "2")]
    end(world)
    return ids, cut


async def marked(world, last="100"):
    world.link.session._native.marked(1, "100", "99.9", "100.1", last)
    world.advance(5_000)
    await world.sends()
    await asked_again(world)


@pytest.mark.parametrize("state", ["new", "untriggered"])
async def test_an_exit_that_left_in_a_lost_tail_and_works_there_is_not_sent_again(
    ring_directory, state
):
    ids, cut = await let_go_and_lost(ring_directory)
    world = open_world(cut)
    assert states(world, ids) == ["NEW", "UNTRIGGERED", "UNTRIGGERED"]
    executed_there(world, ids[0], "2")
    there = world.report(ids[1], state, side="sell", price="110", venue_order_id="v2")
    world.adapter.open = [there]
    world.adapter.by_client = {there.client_order_id: there}
    world.advance(5_000)
    result = await world.connect()
    assert (result.unsettled, result.lacking, result.breaks) == ([], [], [])
    await marked(world)
    assert sent(world) == []
    assert states(world, ids) == ["FILLED", state.upper(), "UNTRIGGERED"]
    assert world.row(ids[1])["venue_order_id"] == "v2"
    # It is of its group: when the stop leaves and executes, it is cancelled.
    await marked(world, "89")
    assert sent(world) == [("sell", "2")]
    world.link.session.filled(world.fill(ids[2], "t2", "2", side="sell", venue_order_id="v3"))
    await world.sends()
    assert world.row(ids[1])["pending"] == "cancel"
    end(world)


async def test_an_exit_that_left_smaller_has_the_size_that_its_venue_tells(ring_directory):
    ids, cut = await let_go_and_lost(ring_directory)
    world = open_world(cut)
    executed_there(world, ids[0], "0.5")
    entry = world.report(ids[0], "partially_filled", "0.5", venue_order_id="v1")
    exit_there = world.report(
        ids[1], "new", side="sell", price="110", quantity="0.5", venue_order_id="v2"
    )
    world.adapter.open = [entry, exit_there]
    world.adapter.by_client = {each.client_order_id: each for each in (entry, exit_there)}
    world.advance(5_000)
    await world.connect()
    await marked(world)
    assert sent(world) == []
    row = world.row(ids[1])
    assert (row["state"], row["quantity"], row["pending"]) == ("NEW", "0.5", "")
    end(world)


async def test_an_exit_that_left_in_a_lost_tail_and_executed_is_booked_to_its_strategy(
    ring_directory,
):
    ids, cut = await let_go_and_lost(ring_directory)
    world = open_world(cut)
    fills = [world.fill(ids[0], "t1", "2", venue_order_id="v1")]
    fills.append(world.fill(ids[1], "t2", "2", side="sell", price="110", venue_order_id="v2"))
    world.adapter.history = fills
    world.advance(5_000)
    assert (await world.connect()).breaks == []
    await marked(world)
    assert sent(world) == []
    assert states(world, ids) == ["FILLED", "FILLED", "CANCELED"]
    books = {row["strategy"]: row["quantity"] for row in world.native.positions()}
    assert books == {"alpha": "0"}
    end(world)


async def test_an_exit_that_may_have_left_is_not_ended_before_its_venue_was_compared(
    ring_directory,
):
    """The profit executed there, and the other exit, which left too, is to be cancelled there."""
    ids, cut = await let_go_and_lost(ring_directory)
    world = open_world(cut)
    fills = [world.fill(ids[0], "t1", "2", venue_order_id="v1")]
    fills.append(world.fill(ids[1], "t2", "2", side="sell", price="110", venue_order_id="v2"))
    world.adapter.history = fills
    there = world.report(ids[2], "new", side="sell", type="market", price=None,
                         venue_order_id="v3")  # fmt: skip
    world.adapter.open = [there]
    world.adapter.by_client = {there.client_order_id: there}
    world.advance(5_000)
    await world.connect()
    await marked(world)
    assert states(world, ids[:2]) == ["FILLED", "FILLED"]
    assert (world.state(ids[2]), world.row(ids[2])["pending"]) == ("NEW", "cancel")
    end(world)


async def test_exits_that_work_there_are_kept_while_the_fill_of_their_entry_is_missing(
    ring_directory,
):
    """The list of fills is behind the list of orders: the venue stays closed, the position stays
    protected, and the fill, when it comes, is no anomaly."""
    ids, cut = await let_go_and_lost(ring_directory)
    world = open_world(cut)
    entry = world.report(ids[0], "filled", "2", venue_order_id="v1")
    profit = world.report(ids[1], "new", side="sell", price="110", venue_order_id="v2")
    stop = world.report(ids[2], "new", side="sell", type="market", price=None,
                        venue_order_id="v3")  # fmt: skip
    world.adapter.open = [profit, stop]
    world.adapter.by_client = {each.client_order_id: each for each in (entry, profit, stop)}
    result = await world.connect()
    assert result.lacking == [ids[0]]
    await marked(world)
    assert [kind for kind, _ in world.adapter.sent] == []
    assert states(world, ids) == ["NEW", "NEW", "NEW"]
    executed_there(world, ids[0], "2")
    assert (await world.reconcile()).lacking == []
    await marked(world)
    assert world.adapter.sent == []
    assert states(world, ids) == ["FILLED", "NEW", "NEW"]
    assert world.native.counters()["links_anomalous"] == 0
    world.link.session.filled(world.fill(ids[1], "t2", "2", side="sell", venue_order_id="v2"))
    await world.sends()
    assert world.row(ids[2])["pending"] == "cancel"
    end(world)


async def test_an_exit_that_ended_there_is_not_let_go_again_and_the_other_one_is(ring_directory):
    """The profit was rejected in the lost moments; the stop never left."""
    ids, cut = await let_go_and_lost(ring_directory)
    world = open_world(cut)
    executed_there(world, ids[0], "2")
    there = world.report(ids[1], "rejected", side="sell", price="110", venue_order_id="")
    entry = world.report(ids[0], "filled", "2", venue_order_id="v1")
    world.adapter.by_client = {each.client_order_id: each for each in (there, entry)}
    await world.connect()
    await marked(world)
    assert states(world, ids) == ["FILLED", "CANCELED", "UNTRIGGERED"]
    await marked(world, "89")
    assert sent(world) == [("sell", "2")]
    assert world.native.doubted_orders() == []
    end(world)


async def test_an_order_enlarged_in_lost_moments_and_complete_by_its_old_size_works_on(
    ring_directory,
):
    world = await connected(ring_directory)
    order_id = await world.submit("grown")
    world.link.session.accepted(order_id, "v1")
    await world.sends()
    end(world)
    world = open_world(ring_directory)
    executed_there(world, order_id, "2")
    there = world.report(order_id, "partially_filled", "2", quantity="5", venue_order_id="v1")
    world.adapter.open = [there]
    world.adapter.by_client = {there.client_order_id: there}
    world.advance(5_000)
    await world.connect()
    row = world.row(order_id)
    assert (row["state"], row["quantity"]) == ("PARTIALLY_FILLED", "5")
    assert row["leaves_quantity"] == "3"
    end(world)
