"""Cases 500-599: every operation meets every fault under the real runtime. Afterwards no order is
lost or doubled, and the position is the venue's."""

from __future__ import annotations

from gateway.testing.conformance import NotDeclared, case
from gateway.testing.fault_proxy import EXCHANGE_FAULTS, ExchangeFault
from gateway.testing.gateway_world import GatewayWorld, open_gateway
from gateway.testing.venue_under_test import OperationName
from gateway.testing.world import World

__all__ = ["arm", "cut_under_way", "executed_in_a_gap", "finish", "refused", "told_twice"]

# A request gives up after this; a late answer comes three times as late. A machine so slow that
# a good answer is late as well makes one more doubt, and doubts are what these cases are about.
_TIMEOUT_MS = 500
_LATE_SECONDS = 1.5
_SLOW_SECONDS = 0.1
_DELAYS: dict[ExchangeFault, float] = {"late_answer": _LATE_SECONDS, "slow_answer": _SLOW_SECONDS}
_WORDS: dict[ExchangeFault, str] = {
    "drop_request": "lost before it arrives",
    "cut_request": "cut within",
    "drop_answer": "executed, its answer lost",
    "cut_answer": "executed, its answer cut",
    "late_answer": "executed, its answer after we gave up",
    "slow_answer": "executed, its answer after the stream",
    "error_not_executed": "answered 503 and not executed",
    "error_executed": "answered 502 and executed",
    "html_not_executed": "answered by a page and not executed",
    "html_executed": "answered by a page and executed",
    "truncated_answer": "executed, its answer truncated",
}


def arm(world: World, operation: OperationName, fault: ExchangeFault) -> None:
    """The next exchange of this operation meets the fault."""
    world.proxy.arm(operation, fault, _DELAYS.get(fault, 0.0))


async def finish(world: World, gateway: GatewayWorld, met: int) -> None:
    """The fault was met; everybody does his part; the books agree."""
    await gateway.until(lambda: world.proxy.met >= met, "the exchange that was to go wrong")
    await gateway.settle()
    await gateway.assert_agreement()


def _declare_submit(number: int, fault: ExchangeFault) -> None:
    @case(number, f"a new order {_WORDS[fault]}")
    async def submit(world: World) -> None:
        _needs_rule(world, "submit")
        world.timeout_ms = _TIMEOUT_MS
        async with open_gateway(world) as gateway:
            arm(world, "submit", fault)
            await gateway.place()
            await finish(world, gateway, 1)
            await gateway.place("sell")  # and the next one is not troubled
            await finish(world, gateway, 1)


def _declare_taker(number: int, fault: ExchangeFault) -> None:
    @case(number, f"an order that fills {_WORDS[fault]}")
    async def submit(world: World) -> None:
        _needs_rule(world, "submit")
        world.timeout_ms = _TIMEOUT_MS
        async with open_gateway(world) as gateway:
            await world.venue.show("sell", world.at(1), world.times("0.5"))
            arm(world, "submit", fault)
            await gateway.place("buy", world.at(1))
            await finish(world, gateway, 1)


def _declare_cancel(number: int, fault: ExchangeFault) -> None:
    @case(number, f"a cancel {_WORDS[fault]}")
    async def cancel(world: World) -> None:
        _needs_rule(world, "cancel")
        world.timeout_ms = _TIMEOUT_MS
        async with open_gateway(world) as gateway:
            order_id = await gateway.place()
            await gateway.until_state(order_id, "NEW")
            arm(world, "cancel", fault)
            await gateway.cancel(order_id)
            await finish(world, gateway, 1)


def _declare_replace(number: int, fault: ExchangeFault) -> None:
    @case(number, f"a replace {_WORDS[fault]}", "amend")
    async def replace(world: World) -> None:
        _needs_rule(world, "replace")
        world.timeout_ms = _TIMEOUT_MS
        async with open_gateway(world) as gateway:
            order_id = await gateway.place()
            await gateway.until_state(order_id, "NEW")
            arm(world, "replace", fault)
            await gateway.replace(order_id, price=world.far("buy", 25))
            await finish(world, gateway, 1)


def _needs_rule(world: World, operation: OperationName) -> None:
    if operation not in world.venue.requests:
        raise NotDeclared(f"the venue under test does not name its {operation}")


for _at, _fault in enumerate(EXCHANGE_FAULTS):
    _declare_submit(500 + _at, _fault)
    _declare_taker(520 + _at, _fault)
    _declare_cancel(540 + _at, _fault)
    _declare_replace(560 + _at, _fault)


@case(580, "an order to a venue that is not there is not sent, and says so")
async def refused(world: World) -> None:
    world.timeout_ms = _TIMEOUT_MS
    async with open_gateway(world) as gateway:
        await world.proxy.refuse()
        order_id = await gateway.place()
        await gateway.until_state(order_id, "REJECTED", "UNKNOWN", "CANCELED")
        await world.proxy.listen()
        await gateway.settle()
        await gateway.assert_agreement()
        assert not gateway.at_venue(gateway.row(order_id))


@case(581, "an order executes while the line is cut, and is booked once")
async def executed_in_a_gap(world: World) -> None:
    async with open_gateway(world) as gateway:
        order_id = await gateway.place()
        await gateway.until_state(order_id, "NEW")
        world.proxy.cut_streams()
        await world.venue.trade("sell", world.far("buy"), world.times("10"))
        await gateway.until_state(order_id, "FILLED")
        await gateway.settle()
        await gateway.assert_agreement()


@case(582, "fills that are told twice are booked once")
async def told_twice(world: World) -> None:
    async with open_gateway(world) as gateway:
        world.proxy.repeat_frames()
        await world.venue.show("sell", world.at(1), world.times("10"))
        order_id = await gateway.place("buy", world.at(1))
        await gateway.until_state(order_id, "FILLED")
        await gateway.settle()
        await gateway.assert_agreement()


@case(583, "every line is cut while orders are under way")
async def cut_under_way(world: World) -> None:
    world.timeout_ms = _TIMEOUT_MS * 4
    async with open_gateway(world) as gateway:
        for _ in range(4):
            await gateway.place("buy")
            await gateway.place("sell")
            world.proxy.cut()
        await gateway.settle()
        await gateway.assert_agreement()
