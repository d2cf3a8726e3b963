"""Cases 250-279: executions, to the last digit."""

from __future__ import annotations

from decimal import Decimal

from gateway.api import FillReport, OrderRequest
from gateway.testing.conformance import NotDeclared, case
from gateway.testing.world import World, fill_key

__all__ = [
    "assert_told_as_judged",
    "elsewhere",
    "exact",
    "fee",
    "funding",
    "legs",
    "partial",
    "two_levels",
    "venue_decision",
]


def assert_told_as_judged(world: World, order: OrderRequest) -> list[FillReport]:
    """Every fill of the order was told as the venue booked it; the venue's fills."""
    told = {fill_key(fill): fill for fill in world.fills_of(order)}
    judged = world.judged_fills(order)
    assert len(told) == len(judged), f"told {len(told)} fills of {len(judged)}"
    for fill in judged:
        assert fill_key(fill) in told, f"a fill of another name: {sorted(told)}"
        said = told[fill_key(fill)]
        assert (said.side, said.leg, said.client_order_id) == (
            fill.side,
            fill.leg,
            fill.client_order_id,
        )
        assert said.fee_currency == fill.fee_currency
        assert said.liquidity in (fill.liquidity, "unknown")
        for name in ("price", "quantity", "fee"):
            assert Decimal(getattr(said, name)) == Decimal(getattr(fill, name)), name
        assert abs(said.venue_time_ns - fill.venue_time_ns) < 1_000_000_000
    return judged


@case(250, "a fill is told with exact price, quantity, fee and side")
async def exact(world: World) -> None:
    await world.connect()
    for side in ("buy", "sell"):
        order = await world.fill(side)
        [fill] = assert_told_as_judged(world, order)
        assert fill.side == side and fill.trade_id


@case(251, "a fee paid is positive and is never left out")
async def fee(world: World) -> None:
    await world.connect()
    order = await world.fill()
    [fill] = world.judged_fills(order)
    if not Decimal(fill.fee):
        raise NotDeclared("the venue under test charges no fees")
    [told] = world.fills_of(order)
    assert told.liquidity != "maker" and Decimal(told.fee) > 0, "a taker pays here"
    assert Decimal(told.fee) == Decimal(fill.fee)


@case(252, "each partial fill is told with its own quantity")
async def partial(world: World) -> None:
    await world.connect()
    order = await world.rest()
    for _ in range(2):
        await world.venue.trade("sell", order.price or "", world.times("0.5"))
        await world.port.until(
            lambda: len(world.fills_of(order)) == len(world.judged_fills(order)), "its fills"
        )
    fills = assert_told_as_judged(world, order)
    assert len(fills) >= 2
    assert len({fill.trade_id for fill in fills}) == len(fills)
    assert world.filled_of(order) == Decimal(order.quantity)
    assert all(fill.liquidity == "maker" for fill in fills)


@case(253, "two fills of one instant are two fills")
async def two_levels(world: World) -> None:
    await world.connect()
    for ticks in (1, 2):
        await world.venue.show("sell", world.at(ticks), world.times("0.5"))
    order = world.order("buy", world.at(5))
    await world.submit(order)
    await world.port.until(lambda: world.filled_of(order) == Decimal(order.quantity), "both fills")
    prices = [Decimal(fill.price) for fill in assert_told_as_judged(world, order)]
    assert prices == [Decimal(world.at(1)), Decimal(world.at(2))]


@case(254, "in hedge mode both legs are kept apart", "has_hedge_mode")
async def legs(world: World) -> None:
    assert world.venue.hedge_account, "declared, and the venue under test has no such account"
    world.use_account(account := world.venue.hedge_account)
    await world.connect()
    for side in ("buy", "sell"):
        leg = world.venue.leg_of(side)
        order = await world.fill(side, leg=leg)
        [fill] = assert_told_as_judged(world, order)
        assert fill.leg == leg
    stated = {row.leg: row.quantity for row in await world.adapter.positions(account)}
    assert {leg: Decimal(text) for leg, text in stated.items() if Decimal(text)} == {
        "long": Decimal(world.venue.quantity),
        "short": Decimal(world.venue.quantity),
    }


@case(255, "what the venue ends by itself is told")
async def venue_decision(world: World) -> None:
    await world.connect()
    order = await world.rest()
    try:
        await world.venue.cancel_at_venue(order.client_order_id)
    except NotImplementedError:
        raise NotDeclared("the venue under test ends no orders") from None
    await world.port.until(
        lambda: (
            world.port.about(order.order_id, "canceled", "expired")
            or world.port.seen(order.client_order_id)
        ),
        "the end",
    )


@case(256, "an order of somebody else on our account is told, and its fills are not lost")
async def elsewhere(world: World) -> None:
    await world.connect()
    await world.venue.show("sell", world.at(1), world.times("10"))
    try:
        name = await world.venue.place_elsewhere("buy", world.at(1), world.venue.quantity)
    except NotImplementedError:
        raise NotDeclared("nobody else trades at the venue under test") from None
    [fill] = await world.port.until(
        lambda: [fill for fill in world.port.fills() if fill.client_order_id == name],
        "the fill of somebody else",
    )
    assert Decimal(fill.quantity) == Decimal(world.venue.quantity)


@case(257, "funding is told once by name, on the stream and in the query", "has_funding")
async def funding(world: World) -> None:
    await world.connect()
    await world.fill()
    await world.venue.pay_funding()
    told = await world.port.until(lambda: world.port.of("funded"), "the payment")
    report = told[0].get("funding", 0)
    asked = await world.adapter.funding(world.account, 0)
    assert [(row.reference, Decimal(row.amount)) for row in asked] == [
        (report.reference, Decimal(report.amount))
    ]
    assert 0 < len(report.reference.encode()) <= 40
    assert [row.reference for row in await world.adapter.funding(world.account, 0)] == [
        report.reference
    ]
