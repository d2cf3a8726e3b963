"""Every fault in every phase of a request ends with what the venue holds: nothing sent twice,
nothing left there that we do not know."""

from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from live_world import INSTRUMENT, MANIFEST, ScriptedAdapter, World
from native_world import open_world

from gateway.api import (
    OrderReport,
    OutcomeUnknown,
    PositionReport,
    VenueProtocolError,
    VenueRateLimited,
    VenueUnavailable,
)
from gateway.venues.link import VenueLink
from gateway.venues.reconcile import AccountTerms

pytestmark = pytest.mark.asyncio

BATCHED = msgspec.structs.replace(
    MANIFEST, batch_orders_max=4, batch_cancels_max=4, batch_replaces_max=4
)
OPEN = ("new", "partially_filled")
# fault -> (the venue took the request, what the adapter raises, the line is cut)
FAULTS = {
    "before send": (False, VenueUnavailable("not connected"), False),
    "mid send": (False, ConnectionResetError(), False),
    "after send": (True, ConnectionResetError(), False),
    "ack lost": (True, None, False),
    "request lost": (False, None, False),
    "late ack": (True, None, False),
    "duplicate": (True, None, False),
    "5xx executed": (True, OutcomeUnknown("503"), False),
    "5xx not executed": (False, OutcomeUnknown("503"), False),
    "html": (True, VenueProtocolError("<html>"), False),
    "ban": (False, VenueRateLimited("banned", 60_000), False),
    "restart": (True, None, False),
    "socket cut executed": (True, None, True),
    "socket cut not executed": (False, OutcomeUnknown("cut"), True),
}
PHASES = ("submit", "cancel", "replace", "batch")


class Venue(ScriptedAdapter):
    """Holds orders as a venue does; `fault` spoils the next request."""

    def __init__(self):
        super().__init__(BATCHED)
        self.orders = {}
        self.news = Counter()
        self.requests = Counter()
        self.fault = ""
        self.late = []

    async def submit(self, orders):
        self.requests["new"] += 1
        takes, error, is_cut = self._spoil()
        for order in orders:
            self.news[order.client_order_id] += 1
            if takes:
                number = len(self.orders) + 1
                self.orders[order.client_order_id] = {
                    "order": order,
                    "venue_order_id": f"v{number}",
                    "state": "new",
                    "quantity": order.quantity,
                }
                self._answer("accepted", order.order_id, f"v{number}")
        self._end(error, is_cut=is_cut)

    async def cancel(self, cancels):
        self.requests["cancel"] += 1
        takes, error, is_cut = self._spoil()
        for cancel in cancels:
            row = self.orders[cancel.client_order_id]
            if takes and row["state"] in OPEN:
                row["state"] = "canceled"
                self._answer("canceled", cancel.order_id, "requested")
        self._end(error, is_cut=is_cut)

    async def replace(self, replaces):
        self.requests["replace"] += 1
        takes, error, is_cut = self._spoil()
        for replace in replaces:
            row = self.orders[replace.client_order_id]
            if takes and row["state"] in OPEN:
                row["quantity"] = replace.quantity
                ids = {"price": replace.price, "venue_order_id": row["venue_order_id"]}
                self._answer("replaced", replace.order_id, quantity=replace.quantity, **ids)
        self._end(error, is_cut=is_cut)

    def execute(self, client_order_id, fill):
        """Part of an order is filled while nobody listens."""
        self.orders[client_order_id]["state"] = "partially_filled"
        self.history.append(fill)

    def _spoil(self):
        self._name, self.fault = self.fault, ""
        return FAULTS.get(self._name, (True, None, False))

    def _answer(self, fact, *values, **named):
        if self._name in ("", "duplicate"):
            for _ in range(2 if self._name else 1):
                getattr(self.port, fact)(*values, **named)
        elif self._name == "late ack":
            self.late.append((fact, values, named))

    def _end(self, error, *, is_cut):
        if is_cut:
            self.port.gap_opened("the line is cut")
        if error is not None:
            raise error

    def _report(self, row):
        fills = [f for f in self.history if f.venue_order_id == row["venue_order_id"]]
        order = row["order"]
        return OrderReport(
            client_order_id=order.client_order_id,
            venue_order_id=row["venue_order_id"],
            account=order.account,
            instrument=order.instrument,
            side=order.side,
            type=order.type,
            time_in_force=order.time_in_force,
            state=row["state"],
            quantity=row["quantity"],
            cumulative_quantity=str(sum((Decimal(f.quantity) for f in fills), Decimal(0))),
            price=order.price,
        )

    async def query_order(self, account, client_order_id):
        row = self.orders.get(client_order_id)
        return None if row is None else self._report(row)

    async def open_orders(self, account):
        return [self._report(row) for row in self.orders.values() if row["state"] in OPEN]

    async def positions(self, account):
        total = sum((Decimal(fill.quantity) for fill in self.history), Decimal(0))
        where = {"account": account, "instrument": INSTRUMENT.venue_symbol, "leg": "net"}
        return [PositionReport(**where, quantity=str(total))]


def wire(world, venue):
    world.adapter = venue
    terms = [AccountTerms(name="main", durability="process", margin_mode="cross")]
    world.link = VenueLink("sim", world.engine, world.drive, venue, terms, jitter=float)
    return world


async def resting(world, count):
    ids = []
    for number in range(count):
        ids.append(await world.submit(f"r{number}"))
    assert [world.state(each) for each in ids] == ["NEW"] * count
    return ids


async def ask(world, phase, fault):
    """One request of the phase, spoiled; the ids it is about."""
    venue, port = world.adapter, world.router._port
    if phase == "submit":
        venue.fault = fault
        return [await world.submit("s1")]
    if phase == "batch":
        venue.fault = fault
        for number in range(3):
            port.submit(1, f"b{number}", 1, 1, 1, 1, 2, 1, "2", "100")
        await world.sends()
        return [int(row["order_id"]) for row in world.native.orders(open_only=False)][-3:]
    ids = await resting(world, 1)
    venue.fault = fault
    if phase == "cancel":
        port.cancel(1, ids[0])
    else:
        port.replace(1, ids[0], "", "3", "100")
    await world.sends()
    return ids


async def settle(world):
    """Time passes, the line comes back, the venue is asked until nothing is in doubt."""
    world.advance(MANIFEST.ack_timeout_ms + 1)
    world.link.outbound.expire()
    await world.sends()
    for fact, values, named in world.adapter.late:
        getattr(world.adapter.port, fact)(*values, **named)
    await world.sends()
    if world.link.session.is_gap_open:
        world.adapter.port.gap_closed()
    for _ in range(3):
        world.advance(MANIFEST.not_found_proof_after_ms + 1)
        await world.reconcile()


def judge(world, ids):
    venue = world.adapter
    assert max(venue.news.values()) == 1, "sent twice"
    rows = {world.client_id(int(r["order_id"])): r for r in world.native.orders(open_only=False)}
    assert set(venue.orders) <= set(rows), "an order at the venue that nobody here knows"
    for name, row in rows.items():
        theirs = venue.orders.get(name)
        if theirs is None:
            assert row["state"] in ("CANCELED", "REJECTED"), row
            continue
        assert row["state"].lower() == theirs["state"], (row, theirs)
        assert row["pending"] == "", row
        assert Decimal(row["quantity"]) == Decimal(theirs["quantity"])
        executed = [f for f in venue.history if f.venue_order_id == theirs["venue_order_id"]]
        assert Decimal(row["cumulative_quantity"]) == sum(Decimal(f.quantity) for f in executed)
    assert world.link.break_rows() == []
    assert len(world.link.session.in_flight) == 0
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("is_filled", [False, True], ids=["resting", "filled meanwhile"])
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("fault", [each for each in FAULTS if each != "restart"])
async def test_a_fault_in_a_phase_ends_with_what_the_venue_holds(fault, phase, is_filled):
    world = wire(World(BATCHED), Venue())
    await world.connect()
    ids = await ask(world, phase, fault)
    name = world.client_id(ids[0])
    if is_filled and world.adapter.orders.get(name, {}).get("state") == "new":
        place = world.adapter.orders[name]["venue_order_id"]
        fill = world.fill(ids[0], "t1", "0.5", venue_order_id=place)
        world.adapter.execute(name, fill)
    await settle(world)
    judge(world, ids)
    facts = list(world.native.facts)
    await world.reconcile()
    assert world.native.facts == facts, "the next comparison adds nothing"
    kind = {"submit": "new", "batch": "new"}.get(phase, phase)
    assert world.adapter.requests[kind] == 1, "no request is repeated"
    world.close()


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("is_executed", [False, True], ids=["not executed", "executed"])
async def test_a_restart_in_a_phase_ends_with_what_the_venue_holds(
    ring_directory, phase, is_executed
):
    venue = Venue()
    world = wire(open_world(ring_directory), venue)
    await world.connect()
    assert world.link.session._native.marked(1, "100", "99.9", "100.1", "100")
    await world.sends()
    ids = await ask(world, phase, "restart" if is_executed else "request lost")
    world.close()
    world.native.stop()
    again = wire(open_world(ring_directory), venue)
    again.advance(MANIFEST.not_found_proof_after_ms * 2)
    await again.connect()
    await settle(again)
    judge(again, ids)
    again.close()
    again.native.stop()
