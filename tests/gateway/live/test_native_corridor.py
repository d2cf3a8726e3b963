"""The same wiring on the native engine: an order out, fills back, a crash, a settlement."""

import pytest
from live_world import BalanceReport
from native_world import LIMITS, connected, open_world

from gateway.api import OutcomeUnknown, RefusedError
from gateway.entry.desk import error_body

pytestmark = pytest.mark.asyncio


async def test_an_order_fills_and_the_position_is_exact(ring_directory):
    world = await connected(ring_directory)
    order_id = await world.submit()
    assert world.state(order_id) == "PENDING_NEW"
    assert await world.submit() == order_id, "the same intent is the same order"
    world.link.session.accepted(order_id, "v1")
    world.link.session.filled(world.fill(order_id, "t1", "0.5", venue_order_id="v1"))
    world.link.session.filled(world.fill(order_id, "t1", "0.5", venue_order_id="v1"))
    world.link.session.filled(world.fill(order_id, "t2", "1.5", venue_order_id="v1"))
    await world.sends()
    assert world.state(order_id) == "FILLED"
    quantities = [row["quantity"] for row in world.native.positions()]
    assert [float(quantity) for quantity in quantities] == [2.0]
    world.close()
    world.native.stop()


async def test_an_unknown_order_is_settled_after_a_restart(ring_directory):
    world = await connected(ring_directory)
    world.adapter.on_submit = OutcomeUnknown("cut")
    lost = await world.submit("c1")
    found = await world.submit("c2", price="99")
    assert [world.state(each) for each in (lost, found)] == ["UNKNOWN", "UNKNOWN"]
    report = world.report(found, "new", price="99")
    world.close()
    world.native.stop()
    again = open_world(ring_directory)
    again.adapter.open = [report]
    again.adapter.by_client = {report.client_order_id: report}
    again.adapter.balance = [BalanceReport(account="main", currency="USDT", total="1000")]
    again.advance(5_000)
    await again.connect()
    assert (again.state(lost), again.state(found)) == ("CANCELED", "NEW")
    before = again.native.state_hash()
    await again.reconcile()
    assert again.native.state_hash()[1] == before[1], "the second run changes nothing"
    assert [float(row["total"]) for row in again.native.balances()] == [1000.0]
    again.close()
    again.native.stop()


async def test_a_refusal_names_who_set_the_limit_and_which_order_would_pass(ring_directory):
    world = await connected(ring_directory)
    fields = {**LIMITS, "margin_bps": 1000}
    world.engine.set_limits("firm", "", fields, actor="anna", reason="thin margin")
    world.engine.tell_measures("firm", "", {"margin_headroom": "5"}, actor="observer")
    with pytest.raises(RefusedError) as caught:
        await world.submit("c1", quantity="1")
    body = error_body(caught.value)
    numbers = {name: body[name] for name in ("limit", "current", "would_be", "working", "unknown")}
    assert numbers == {
        "limit": "5", "current": "0", "would_be": "10", "working": "0", "unknown": "0"
    }  # fmt: skip
    assert (body["code"], body["level"], body["field"]) == (
        "INSUFFICIENT_MARGIN", "firm", "quantity"
    )  # fmt: skip
    assert (body["limit_actor"], body["limit_reason"]) == ("anna", "thin margin")
    assert body["limit_set_ns"] == world.native.now_ns()
    assert body["nearest_quantity"] == "0.5"
    assert await world.submit("c2", quantity=body["nearest_quantity"])
    world.close()
    world.native.stop()


async def test_a_fill_finer_than_the_instrument_is_not_called_booked(ring_directory):
    world = await connected(ring_directory)
    order_id = await world.submit()
    session = world.link.session
    session.accepted(order_id, "v1")
    finer = world.fill(order_id, "t1", "0.00000000001", venue_order_id="v1")
    assert session.fill_reported(finer) is False
    assert session.health.counters["bad_facts"] == 1
    assert session.fill_reported(world.fill(order_id, "t2", "1", venue_order_id="v1")) is True
    world.close()
    world.native.stop()
