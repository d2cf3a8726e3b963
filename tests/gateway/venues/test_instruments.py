"""Instruments that change under a running gateway, and maintenance; what is in flight stays."""

import asyncio
import contextlib

import msgspec
import pytest
from live_world import INSTRUMENT
from native_world import LIMITS, open_world

from gateway.api import MarkReport, PositionReport, RefusedError, VenueUnavailable
from gateway.testing import until

pytestmark = pytest.mark.asyncio


@contextlib.asynccontextmanager
async def running(directory):
    """The world of the native engine with its background tasks."""
    world = open_world(directory)
    world.listed = [INSTRUMENT]

    async def instruments():
        return list(world.listed)

    world.adapter.instruments = instruments
    world.link.start()
    try:
        await until(lambda: world.link.health.is_reconciled)
        assert world.link.session._native.marked(1, "100", "99.9", "100.1", "100")
        await world.sends()
        yield world
    finally:
        await world.link.close(1.0)
        world.close()
        world.native.stop()


def rules(world, symbol=INSTRUMENT.symbol):
    (row,) = (r for r in world.native.registry("instrument") if r["name"] == symbol)
    return row


def halted(world):
    return {
        (r["level"], r["name"]) for r in world.native.trading_states() if r["state"] != "active"
    }


async def test_new_rules_take_effect_without_touching_what_is_in_flight(ring_directory):
    async with running(ring_directory) as world:
        held = asyncio.Event()
        world.adapter.on_submit = lambda port, orders: held.wait()
        order_id = await world.submit()
        before = world.native.sequence
        world.listed = [msgspec.structs.replace(INSTRUMENT, tick="0.5", lot="0.01")]
        world.adapter.port.instruments_changed()
        await until(lambda: rules(world)["tick"] == "0.5")
        assert rules(world)["lot"] == "0.01"
        assert world.native.sequence > before, "the new rules are journaled"
        assert world.state(order_id) == "PENDING_NEW"
        assert world.link.session.in_flight.holds(order_id, "new")
        assert world.link.health.is_reconciled
        assert world.link.health.counters["unknown_outcomes"] == 0
        with pytest.raises(RefusedError) as refused:
            await world.submit("c2", price="99.9")
        assert refused.value.code == "BAD_TICK"
        held.set()


async def test_new_rules_apply_under_an_open_position(ring_directory):
    async with running(ring_directory) as world:
        order_id = await world.submit(quantity="3")
        world.link.session.accepted(order_id, "v1")
        world.link.session.filled(world.fill(order_id, "t1", "3", venue_order_id="v1"))
        await world.sends()
        world.listed = [msgspec.structs.replace(INSTRUMENT, lot="0.1")]
        world.adapter.port.instruments_changed()
        await until(lambda: rules(world)["lot"] == "0.1")
        assert [row["quantity"] for row in world.native.positions()] == ["3"]


async def test_a_listing_is_added_and_its_limits_asked_for(ring_directory):
    async with running(ring_directory) as world:
        fresh = msgspec.structs.replace(INSTRUMENT, symbol="ETH-USDT.sim", venue_symbol="ETHUSDT")
        world.listed = [INSTRUMENT, fresh]
        world.adapter.port.instruments_changed()
        await until(lambda: world.engine.names.find("instrument", "ETH-USDT.sim"))
        assert world.link.health.breaks == []


async def test_a_multiplier_that_changed_is_a_break_and_stops_that_instrument_alone(ring_directory):
    async with running(ring_directory) as world:
        other = msgspec.structs.replace(INSTRUMENT, symbol="ETH-USDT.sim", venue_symbol="ETHUSDT")
        world.listed = [INSTRUMENT, other]
        world.adapter.port.instruments_changed()
        await until(lambda: world.engine.names.find("instrument", "ETH-USDT.sim"))
        world.engine.set_limits("instrument", other.symbol, LIMITS, actor="t", reason="t")
        world.listed = [msgspec.structs.replace(INSTRUMENT, multiplier="10"), other]
        world.adapter.port.instruments_changed()
        await until(lambda: world.link.health.breaks)
        (broken,) = world.link.reconciler.ledger.open()
        assert (broken.finding.kind, broken.finding.subject) == ("instrument_changed", "multiplier")
        assert (broken.finding.ours, broken.finding.theirs) == ("multiplier=1", "multiplier=10")
        assert halted(world) == {("instrument", INSTRUMENT.symbol)}
        with pytest.raises(RefusedError) as refused:
            await world.submit("c2")
        assert refused.value.code == "TRADING_HALTED"
        world.listed = [INSTRUMENT, other]
        world.adapter.port.instruments_changed()
        await until(lambda: not world.link.health.breaks)
        assert halted(world) == set()
        assert await world.submit("c3")


async def test_a_symbol_that_vanished_takes_no_new_orders_and_is_no_break_while_it_is_empty(
    ring_directory,
):
    async with running(ring_directory) as world:
        world.listed = []
        world.adapter.port.instruments_changed()
        await until(lambda: rules(world)["is_tradable"] is False)
        with pytest.raises(RefusedError) as refused:
            await world.submit()
        assert refused.value.code == "INSTRUMENT_HALTED"
        await world.link.reconcile_now()
        assert world.link.health.breaks == []
        world.listed = [INSTRUMENT]
        world.adapter.port.instruments_changed()
        await until(lambda: rules(world)["is_tradable"] is True)
        assert await world.submit("c2")


async def test_what_lives_in_a_symbol_that_vanished_is_a_break_until_it_is_gone(ring_directory):
    async with running(ring_directory) as world:
        entry = await world.submit("c1", quantity="3")
        leave = await world.submit("c2", side="sell", price="101", quantity="3")
        session = world.link.session
        session.accepted(entry, "v1")
        session.accepted(leave, "v2")
        await world.sends()
        world.adapter.open = [
            world.report(entry, "WORKING", quantity="3"),
            world.report(leave, "WORKING", side="sell", price="101", quantity="3"),
        ]

        async def breaks():
            await world.sends()
            await world.link.reconcile_now()
            return world.link.health.breaks

        missing = ["BTC-USDT.sim: the venue no longer lists it"]
        assert await breaks() == []
        world.listed = []
        assert await breaks() == missing, "orders work there"
        world.adapter.open = []
        session.filled(world.fill(entry, "t1", "3", venue_order_id="v1"))
        session.canceled(leave, "by its owner")
        held = PositionReport(account="main", instrument="BTCUSDT", leg="net", quantity="3")
        world.adapter.position = [held]
        assert await breaks() == missing, "a position is held"
        world.adapter.position = []
        session.filled(world.fill(leave, "t2", "3", side="sell", price="101"))
        assert await breaks() == []


async def test_a_failure_nobody_thought_of_ends_no_task(ring_directory, monkeypatch):
    async with running(ring_directory) as world:

        def fail():
            raise RuntimeError("planted")

        monkeypatch.setattr(world.link.session.forced_closes, "close_books", fail)
        monkeypatch.setattr(world.link.outbound, "expire", fail)
        world.link.session.forced_closes.is_due = True
        world.link._news.set()
        failures = world.link.health.counters
        await until(lambda: failures["failures"] >= 3)
        monkeypatch.undo()
        looked = []
        monkeypatch.setattr(world.link.outbound, "expire", lambda: looked.append(1))
        await until(lambda: looked)
        world.listed = []
        world.adapter.port.instruments_changed()
        await until(lambda: rules(world)["is_tradable"] is False)


async def test_a_venue_that_does_not_answer_leaves_the_old_rules_until_it_does(ring_directory):
    async with running(ring_directory) as world:
        asked = []

        async def instruments():
            asked.append(1)
            if len(asked) == 1:
                raise VenueUnavailable("busy")
            return [msgspec.structs.replace(INSTRUMENT, tick="0.5")]

        world.adapter.instruments = instruments
        world.adapter.port.instruments_changed()
        await until(lambda: rules(world)["tick"] == "0.5")
        assert len(asked) == 2
        assert world.link.health.counters["failures"] == 1
        assert world.link.health.is_reconciled


async def test_maintenance_stops_new_orders_hands_cancels_over_and_ends_by_a_closed_gap(
    ring_directory,
):
    async with running(ring_directory) as world:
        order_id = await world.submit()
        world.link.session.accepted(order_id, "v1")
        await world.sends()
        world.adapter.port.maintenance(1_700_000_900_000_000_000, "weekly")
        await world.sends()
        row = world.link.health.row()
        assert row["state"] == "maintenance"
        assert row["maintenance"] == {"until_ns": 1_700_000_900_000_000_000, "reason": "weekly"}
        with pytest.raises(RefusedError) as refused:
            await world.submit("c2")
        assert refused.value.code == "NOT_RECONCILED"
        await world.router.cancel("desk", order_id)
        await world.sends()
        assert [kind for kind, _ in world.adapter.sent] == ["new", "cancel"]
        world.link.session.canceled(order_id, "requested")
        await world.sends()
        assert world.state(order_id) == "CANCELED"
        world.adapter.port.gap_opened("the line was cut as well")
        assert world.link.health.row()["state"] == "maintenance"
        world.adapter.port.gap_closed()
        await until(lambda: world.link.health.is_reconciled)
        assert world.link.health.row()["maintenance"] is None
        assert await world.submit("c3")


async def test_a_gap_that_opens_during_a_reconciliation_keeps_the_venue_closed(ring_directory):
    async with running(ring_directory) as world:
        ask = world.adapter.positions

        async def positions(account):
            world.adapter.port.gap_opened("cut in the middle")
            return await ask(account)

        world.adapter.positions = positions
        world.adapter.port.gap_opened("first")
        world.adapter.port.gap_closed()
        await until(lambda: world.link.session.gaps == 2)
        for _ in range(5):
            await world.sends()
        assert not world.link.health.is_reconciled
        with pytest.raises(RefusedError):
            await world.submit()
        world.adapter.positions = ask
        world.adapter.port.gap_closed()
        await until(lambda: world.link.health.is_reconciled)


@pytest.mark.parametrize("word", ["gap_opened", "maintenance"])
async def test_a_gap_of_a_failed_connect_does_not_outlive_the_next_one(ring_directory, word):
    world = open_world(ring_directory)
    connect, attempts = world.adapter.connect, []

    async def fails_once(port):
        attempts.append(1)
        if len(attempts) == 1:
            if word == "gap_opened":
                port.gap_opened("user stream: stopped")
            else:
                port.maintenance(None, "not yet")
            raise VenueUnavailable("user stream did not come up in time")
        await connect(port)

    world.adapter.connect = fails_once
    world.link.start()
    await until(lambda: world.link.health.is_reconciled)
    assert world.link.health.row()["maintenance"] is None
    await world.link.close(1.0)
    world.close()
    world.native.stop()


async def test_a_mark_told_before_its_instrument_is_taken_once_it_is_known(ring_directory):
    """A quiet market does not repeat it, and new orders need it."""
    world = open_world(ring_directory)
    young = msgspec.structs.replace(INSTRUMENT, symbol="ETHUSDT.sim", venue_symbol="ETHUSDT")

    async def instruments():
        return [INSTRUMENT, young]

    world.adapter.instruments = instruments
    session = world.link.session
    for price in ("1", "2"):
        session.marked(MarkReport(instrument="ETHUSDT", mark=price))
        session.marked(MarkReport(instrument="never listed", mark=price))
    assert session.health.counters["marks"] == 0
    world.link.start()
    try:
        await until(lambda: world.link.health.is_reconciled)
        assert session.health.counters["marks"] == 1
        await until(lambda: rules(world, "ETHUSDT.sim")["mark"] == "2")
        assert session.health.counters["bad_facts"] == 0
    finally:
        await world.link.close(1.0)
        world.close()
        world.native.stop()


async def test_an_adapter_inside_the_daemon_is_not_restarted_and_the_setting_is_named(
    ring_directory,
):
    async with running(ring_directory) as world:
        with pytest.raises(RefusedError) as refused:
            await world.link.restart_adapter()
        assert (refused.value.code, refused.value.field) == ("BAD_CONFIG", "venues.sim.isolation")
