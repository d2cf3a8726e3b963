"""Cases 300-329: questions. A question that fails must never sound like an answer."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from decimal import Decimal

from gateway.api import VenueError
from gateway.testing.conformance import NotDeclared, case
from gateway.testing.world import CLOSED, World, fill_key

__all__ = [
    "balances",
    "borrow",
    "fills",
    "found",
    "never_sent",
    "no_answer",
    "not_asked",
    "open_orders",
    "pages",
    "positions",
]


@case(300, "an order is found by its client order id, also after its end")
async def found(world: World) -> None:
    await world.connect()
    open_order = await world.rest()
    filled = await world.fill()
    canceled = await world.rest()
    await world.cancel(canceled)
    for order, state, done in (
        (open_order, "new", "0"),
        (filled, "filled", filled.quantity),
        (canceled, "canceled", "0"),
    ):
        report = await world.adapter.query_order(order.account, order.client_order_id)
        assert report is not None, f"a {state} order was denied"
        assert (report.state, report.client_order_id) == (state, order.client_order_id)
        assert Decimal(report.cumulative_quantity) == Decimal(done)
        assert Decimal(report.quantity) == Decimal(order.quantity)
        assert report.venue_order_id == world.at_venue(order)[0].venue_order_id
        assert (report.side, report.type) == (order.side, order.type)
        assert Decimal(report.price or 0) == Decimal(order.price or 0)


@case(301, "an order nobody sent is not found")
async def never_sent(world: World) -> None:
    await world.connect()
    order = world.order()
    assert await world.adapter.query_order(order.account, order.client_order_id) is None


@case(302, "a question that could not be asked fails")
async def not_asked(world: World) -> None:
    await world.connect()
    order = await world.rest()
    await world.proxy.refuse()
    adapter, account = world.adapter, world.account
    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "query_order": lambda: adapter.query_order(account, order.client_order_id),
        "open_orders": lambda: adapter.open_orders(account),
        "fills": lambda: adapter.fills(account, 0),
        "positions": lambda: adapter.positions(account),
        "balances": lambda: adapter.balances(account),
    }
    if world.manifest.has_hedge_mode:  # else there is nothing to ask for
        questions["is_hedge_mode"] = lambda: adapter.is_hedge_mode(account)
    for name, ask in questions.items():
        await _fails(name, ask)


@case(303, "an answer of the venue's that is none fails")
async def no_answer(world: World) -> None:
    if "query" not in world.venue.requests:
        raise NotDeclared("the venue under test does not name its query")
    await world.connect()
    order = await world.rest()
    for fault in ("html_executed", "error_not_executed", "truncated_answer", "cut_answer"):
        world.proxy.arm("query", fault)
        await _fails(
            f"query_order after {fault}",
            lambda: world.adapter.query_order(order.account, order.client_order_id),
        )
        await world.line_is_back()
    assert world.proxy.met == 4


async def _fails(name: str, ask: Callable[[], Awaitable[object]]) -> None:
    try:
        answer = await ask()
    except VenueError:
        return
    raise AssertionError(f"{name} answered {answer!r}")


@case(304, "open orders are all of the account's, and no others")
async def open_orders(world: World) -> None:
    await world.connect()
    orders = [await world.rest("buy"), await world.rest("sell")]
    await world.cancel(await world.rest())
    await world.fill()
    foreign = []
    with contextlib.suppress(NotImplementedError):  # nobody else may trade here
        price = world.far("buy", 30)
        foreign.append(await world.venue.place_elsewhere("buy", price, world.venue.quantity))
    reports = await world.adapter.open_orders(world.account)
    wanted = {order.client_order_id for order in orders} | set(foreign)
    assert {report.client_order_id for report in reports} == wanted
    assert all(report.state not in CLOSED for report in reports)


@case(305, "fills are all of them, oldest first, under the names of the stream")
async def fills(world: World) -> None:
    await world.connect()
    for side in ("buy", "sell", "buy"):
        await world.fill(side)
    judged = [fill_key(fill) for fill in world.venue.fills()]
    asked = await world.adapter.fills(world.account, 0)
    assert [fill_key(fill) for fill in asked] == judged
    assert {fill_key(fill) for fill in world.port.fills()} == set(judged)
    for told, fill in zip(asked, world.venue.fills(), strict=True):
        for name in ("price", "quantity", "fee"):
            assert Decimal(getattr(told, name)) == Decimal(getattr(fill, name)), name
        assert (told.side, told.client_order_id) == (fill.side, fill.client_order_id)
    since = world.venue.fills()[-1].venue_time_ns
    newest = await world.adapter.fills(world.account, since)
    assert judged[-1] in [fill_key(fill) for fill in newest]


@case(306, "fills beyond one page are not lost")
async def pages(world: World) -> None:
    if not world.venue.fills_page:
        raise NotDeclared("the venue under test has no pages")
    await world.connect()
    wanted = world.venue.fills_page + 3
    order = await world.rest("buy", quantity=world.times(str(wanted)))
    for _ in range(wanted):
        await world.venue.trade("sell", order.price or "", world.venue.quantity)
    judged = [fill_key(fill) for fill in world.venue.fills()]
    assert len(judged) >= wanted
    asked = await world.adapter.fills(world.account, 0)
    assert sorted(fill_key(fill) for fill in asked) == sorted(judged)


@case(307, "positions carry their sign")
async def positions(world: World) -> None:
    await world.connect()
    listed = {each.venue_symbol: each for each in await world.adapter.instruments()}
    if listed[world.venue.symbol].kind == "spot":
        raise NotDeclared("what is held of a coin is a balance")
    for side, quantity, held in (("sell", "1", "-1"), ("buy", "3", "2"), ("sell", "2", "0")):
        await world.fill(side, world.times(quantity))  # type: ignore[arg-type]
        reports = await world.adapter.positions(world.account)
        ours = [row for row in reports if row.instrument == world.venue.symbol]
        total = sum((Decimal(row.quantity) for row in ours), Decimal(0))
        assert total == Decimal(held) * Decimal(world.venue.quantity), f"after {side} {quantity}"
        assert all(row.leg == "net" for row in ours)


@case(308, "balances are the venue's")
async def balances(world: World) -> None:
    await world.connect()
    await world.fill()
    judged = {
        row.currency: Decimal(row.total)
        for row in world.venue.balances()
        if row.account == world.account and Decimal(row.total)
    }
    asked = {
        row.currency: Decimal(row.total)
        for row in await world.adapter.balances(world.account)
        if Decimal(row.total)
    }
    assert asked == judged


@case(309, "borrow interest has names that do not change", "has_borrow")
async def borrow(world: World) -> None:
    await world.connect()
    await world.venue.accrue_interest()
    ask = world.adapter.borrow_interest  # type: ignore[attr-defined]
    first = await ask(world.account, 0)
    again = await ask(world.account, 0)
    assert first, "what fell due is not told"
    assert [row.reference for row in first] == [row.reference for row in again]
    assert len({(row.currency, row.reference) for row in first}) == len(first)
