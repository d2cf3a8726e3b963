"""Cases 200-249: new orders, cancels and replaces, and what the venue really got."""

from __future__ import annotations

import time
from decimal import Decimal

from gateway.api import OrderRequest
from gateway.testing.conformance import NotDeclared, case
from gateway.testing.world import CLOSED, World

__all__ = [
    "assert_terms",
    "batch",
    "cancel",
    "cancel_filled",
    "cancel_nothing",
    "cancel_partial",
    "day",
    "dead_man",
    "duplicate",
    "fill_or_kill",
    "good_till_date",
    "immediate",
    "limit",
    "market",
    "mass_cancel",
    "post_only",
    "reduce_only",
    "refused",
    "replace_filled",
    "replace_price",
    "replace_quantity",
    "stop",
    "stop_limit",
    "two_at_once",
]

_HOUR_NS = 3_600_000_000_000


def assert_terms(world: World, order: OrderRequest) -> None:
    """The venue took this order once, with exactly these terms."""
    reports = world.at_venue(order)
    assert len(reports) == 1, f"the venue took {len(reports)} orders for one"
    report = reports[0]
    assert (report.side, report.type, report.instrument, report.account) == (
        order.side,
        order.type,
        order.instrument,
        order.account,
    )
    assert Decimal(report.quantity) == Decimal(order.quantity)
    if order.type in ("limit", "stop_limit"):
        assert report.time_in_force == order.time_in_force
        assert Decimal(report.price or 0) == Decimal(order.price or 0)
    if order.trigger_price is not None:
        assert Decimal(report.trigger_price or 0) == Decimal(order.trigger_price)


@case(200, "a limit order works at the venue with its exact terms")
async def limit(world: World) -> None:
    await world.connect()
    for side in ("buy", "sell"):
        order = await world.rest(side)
        assert_terms(world, order)
        accepted = world.port.about(order.order_id, "accepted")
        ids = {fact.get("venue_order_id", 1) for fact in accepted}
        assert ids == {world.at_venue(order)[0].venue_order_id}


@case(201, "a market order executes", "order_types=market")
async def market(world: World) -> None:
    await world.connect()
    await world.venue.show("sell", world.at(1), world.times("10"))
    order = world.order("buy", None)
    await world.submit(order)
    await world.port.until(
        lambda: world.filled_of(order) == Decimal(order.quantity), "the fills of a market order"
    )
    assert_terms(world, order)


@case(202, "a stop order waits for its trigger", "order_types=stop")
async def stop(world: World) -> None:
    await world.connect()
    order = world.order("buy", None, type="stop", trigger_price=world.at(40), time_in_force="gtc")
    await world.submit(order)
    [report] = world.at_venue(order)
    assert report.state == "untriggered"
    assert_terms(world, order)
    [accepted] = world.port.about(order.order_id, "accepted")[:1]
    assert accepted.get("is_untriggered", 2) is True


@case(203, "a stop-limit order waits for its trigger", "order_types=stop_limit")
async def stop_limit(world: World) -> None:
    await world.connect()
    order = world.order("buy", world.at(45), type="stop_limit", trigger_price=world.at(40))
    await world.submit(order)
    assert [report.state for report in world.at_venue(order)] == ["untriggered"]
    assert_terms(world, order)


@case(204, "an immediate order leaves nothing behind", "times_in_force=ioc")
async def immediate(world: World) -> None:
    await _leaves_nothing(world, "ioc")


@case(205, "an order that cannot be filled whole is not filled", "times_in_force=fok")
async def fill_or_kill(world: World) -> None:
    await world.connect()
    await world.venue.show("sell", world.at(1), world.times("0.5"))
    order = world.order("buy", world.at(1), time_in_force="fok")
    await world.submit(order)
    await _ended(world, order)
    # A venue may keep no memory of what it did not take.
    assert all(report.time_in_force == "fok" for report in world.at_venue(order))
    assert not world.judged_fills(order)


async def _leaves_nothing(world: World, time_in_force: str) -> None:
    await world.connect()
    order = world.order(time_in_force=time_in_force)
    await world.submit(order)
    await _ended(world, order)
    assert_terms(world, order)
    assert [report.state in CLOSED for report in world.at_venue(order)] == [True]


async def _ended(world: World, order: OrderRequest) -> None:
    await world.port.until(
        lambda: (
            world.port.about(order.order_id, "canceled", "expired", "rejected")
            or any(report.state in CLOSED for report in world.port.seen(order.client_order_id))
        ),
        "the end of the order",
    )


@case(206, "a good-till-date order works as one", "times_in_force=gtd")
async def good_till_date(world: World) -> None:
    await world.connect()
    order = await world.rest(time_in_force="gtd", expires_ns=time.time_ns() + _HOUR_NS)
    assert_terms(world, order)


@case(207, "a day order is a day order", "times_in_force=day")
async def day(world: World) -> None:
    await world.connect()
    assert_terms(world, await world.rest(time_in_force="day"))


@case(208, "a post-only order never takes", "has_post_only")
async def post_only(world: World) -> None:
    await world.connect()
    await world.venue.show("sell", world.at(1), world.times("10"))
    order = world.order("buy", world.at(1), is_post_only=True)
    await world.submit(order)
    await _ended(world, order)
    assert not world.judged_fills(order), "it took"


@case(209, "a reduce-only order never opens", "has_reduce_only")
async def reduce_only(world: World) -> None:
    await world.connect()
    await world.venue.show("sell", world.at(1), world.times("10"))
    order = world.order("buy", world.at(1), is_reduce_only=True)
    await world.submit(order)
    await _ended(world, order)
    assert not world.judged_fills(order), "it opened a position"


@case(210, "an order the venue refuses is rejected")
async def refused(world: World) -> None:
    await world.connect()
    order = world.order(instrument="NOSUCHTHING")
    await world.submit(order)
    assert world.outcome(order) in ("rejected", "not_sent")
    [told] = world.port.about(order.order_id)
    assert told.get("reason", 1), "without a reason"


@case(211, "each order of a batch has an outcome of its own", "batch_orders_max")
async def batch(world: World) -> None:
    await world.connect()
    count = min(world.manifest.batch_orders_max, 5)
    orders = [world.order(price=world.far("buy", 20 + at)) for at in range(count - 1)]
    orders.insert(1, world.order(instrument="NOSUCHTHING"))
    await world.submit(*orders)
    for order in orders:
        is_good = order.instrument == world.venue.symbol
        assert world.outcome(order) == ("accepted" if is_good else "rejected"), order
        if is_good:
            assert_terms(world, order)


@case(212, "facts name the order they are about")
async def two_at_once(world: World) -> None:
    await world.connect()
    orders = [world.order("buy"), world.order("sell"), world.order("buy", world.far("buy", 25))]
    await world.submit(*orders)
    for order in orders:
        [report] = world.at_venue(order)
        told = {fact.get("venue_order_id", 1) for fact in world.port.about(order.order_id)}
        assert told == {report.venue_order_id}, order


@case(213, "a name the venue knows already is no verdict about its order")
async def duplicate(world: World) -> None:
    if world.manifest.client_order_id_reuse == "always":
        raise NotDeclared("the venue compares no client order ids")
    await world.connect()
    order = await world.rest()
    await world.adapter.submit([order])
    told = await world.port.until(
        lambda: world.port.about(order.order_id)[1:], "an answer to the second send"
    )
    assert not {fact.name for fact in told} & {"rejected", "not_sent", "canceled", "expired"}
    assert len(world.at_venue(order)) == 1


@case(220, "a working order is canceled")
async def cancel(world: World) -> None:
    await world.connect()
    order = await world.rest()
    assert await world.cancel(order) == "canceled"
    assert [report.state for report in world.at_venue(order)] == ["canceled"]


@case(221, "the cancel of a filled order fails and ends nothing")
async def cancel_filled(world: World) -> None:
    await world.connect()
    order = await world.fill()
    assert await world.cancel(order) == "cancel_rejected"
    assert not world.port.about(order.order_id, "canceled", "expired", "rejected")


@case(222, "the cancel of an order nobody knows fails")
async def cancel_nothing(world: World) -> None:
    await world.connect()
    order = world.order()
    assert await world.cancel(order) == "cancel_rejected"


@case(223, "a canceled order says what had executed")
async def cancel_partial(world: World) -> None:
    await world.connect()
    order = await world.rest()
    await world.venue.trade("sell", order.price or "", world.times("0.5"))
    await world.port.until(lambda: world.fills_of(order), "a partial fill")
    assert await world.cancel(order) == "canceled"
    [told] = world.port.about(order.order_id, "canceled")[:1]
    done = told.get("cumulative_quantity", 99)
    assert done is None or Decimal(done) == Decimal(world.times("0.5"))
    assert world.filled_of(order) == Decimal(world.times("0.5"))


@case(230, "a replace puts a new price in force", "amend")
async def replace_price(world: World) -> None:
    await world.connect()
    order = await world.rest()
    price = world.far("buy", 25)
    assert await world.replace(order, price=price) == "replaced"
    [told] = world.port.about(order.order_id, "replaced")[:1]
    assert Decimal(told.get("price", 1) or 0) == Decimal(price)
    assert _working(world, order) == [(Decimal(price), Decimal(order.quantity))]


@case(231, "a replace puts a new total quantity in force", "amend")
async def replace_quantity(world: World) -> None:
    await world.connect()
    order = await world.rest()
    total = world.times("2")
    assert await world.replace(order, quantity=total) == "replaced"
    [told] = world.port.about(order.order_id, "replaced")[:1]
    assert Decimal(told.get("quantity", 2)) == Decimal(total)
    assert _working(world, order) == [(Decimal(order.price or 0), Decimal(total))]


@case(232, "the replace of a filled order fails and changes nothing", "amend")
async def replace_filled(world: World) -> None:
    await world.connect()
    order = await world.fill()
    assert await world.replace(order, price=world.far("buy")) == "replace_rejected"
    assert [report.state for report in world.at_venue(order)] == ["filled"]


def _working(world: World, order: OrderRequest) -> list[tuple[Decimal, Decimal]]:
    """Price and quantity of what works under this name."""
    return [
        (Decimal(report.price or 0), Decimal(report.quantity))
        for report in world.at_venue(order)
        if report.state not in CLOSED
    ]


@case(240, "everything of an account is canceled at once", "has_mass_cancel")
async def mass_cancel(world: World) -> None:
    await world.connect()
    orders = [await world.rest("buy"), await world.rest("sell")]
    await world.adapter.cancel_all(world.account)  # type: ignore[attr-defined]
    for order in orders:
        await _ended(world, order)
        assert all(report.state in CLOSED for report in world.at_venue(order))


@case(241, "the dead-man's switch is armed and disarmed without an order noticing", "dead_man")
async def dead_man(world: World) -> None:
    await world.connect()
    order = await world.rest()
    arm = world.adapter.arm_dead_man  # type: ignore[attr-defined]
    await arm(world.account, world.manifest.dead_man_ms_max)
    await arm(world.account, 0)
    assert [report.state for report in world.at_venue(order)] == ["new"]
