"""Cases 100-119: the manifest, credentials, connecting, and the end."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal

from gateway.api import Capabilities, Instrument, VenueError
from gateway.testing.conformance import case
from gateway.testing.world import World
from gateway.venues.manifest import faults_of

__all__ = [
    "again",
    "close",
    "hedge_mode",
    "instruments",
    "manifest",
    "mode",
    "secrets",
    "unreachable",
]

_QUIET_SECONDS = 0.2


@case(100, "the manifest is complete and holds together")
async def manifest(world: World) -> None:
    manifest = world.manifest
    assert isinstance(manifest, Capabilities)
    assert "limit" in manifest.order_types, "a venue without limit orders cannot be judged"
    assert manifest.times_in_force, "no time in force is declared"
    assert world.ids().length <= manifest.client_order_id_length_max
    faults = faults_of(world.adapter, manifest)  # what the gateway refuses to load
    assert not faults, faults


@case(101, "credentials are never shown")
async def secrets(world: World) -> None:
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    root, handler = logging.getLogger(), Keep()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        await world.connect()
        await world.rest()
        written.append(repr(world.adapter))
        written += [f"{name}={value!r}" for name, value in vars(world.adapter).items()]
        await world.proxy.refuse()
        try:
            await world.adapter.open_orders(world.venue.account)
        except VenueError as error:
            written += [str(error), repr(error)]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    written += [repr(fact) for fact in world.port.facts]
    for secret in world.venue.secrets():
        shown = [line for line in written if secret in line]
        assert not shown, f"a credential is shown: {shown[0].replace(secret, '***')[:200]}"


@case(102, "a venue that does not listen is unavailable, and nothing else")
async def unreachable(world: World) -> None:
    await world.proxy.refuse()
    try:
        await world.connect()
    except VenueError:
        return
    raise AssertionError("connect returned although nobody listens")


@case(103, "instruments are named with exact rules")
async def instruments(world: World) -> None:
    await world.connect()
    found = list(await world.adapter.instruments())
    assert found and all(isinstance(each, Instrument) for each in found)
    assert len({each.symbol for each in found}) == len(found), "symbols are not unique"
    for each in found:
        assert Decimal(each.tick) > 0 and Decimal(each.lot) > 0, each.symbol
        for name, number, scale in (
            ("tick", each.tick, each.price_scale),
            ("lot", each.lot, each.quantity_scale),
            ("multiplier", each.multiplier, each.multiplier_scale),
        ):
            scaled = Decimal(number).scaleb(scale)
            assert scaled == scaled.to_integral_value(), f"{each.symbol}: {name} beyond its scale"
    [ours] = [each for each in found if each.venue_symbol == world.venue.symbol]
    assert ours.symbol == world.venue.instrument
    assert Decimal(ours.tick) == Decimal(world.venue.tick)
    assert Decimal(world.venue.quantity) % Decimal(ours.lot) == 0
    assert ours.settle == world.venue.settle


@case(104, "after close the port is silent and nothing is left running")
async def close(world: World) -> None:
    before = asyncio.all_tasks()
    await world.connect()
    order = await world.rest()
    await world.close()
    await world.venue.trade("sell", world.far("buy", 30), world.times("100"))
    world.proxy.cut()
    await asyncio.sleep(_QUIET_SECONDS)  # what comes late comes now
    for _ in range(400):
        left = asyncio.all_tasks() - before
        if not left:
            break
        await asyncio.sleep(0.01)
    assert not world.port.after_close, world.port.after_close
    assert not left, f"still running: {left}"
    assert [report.state for report in world.at_venue(order)] == ["filled"]


@case(105, "the account's position mode is read from the venue")
async def mode(world: World) -> None:
    await world.connect()
    assert await world.adapter.is_hedge_mode(world.venue.account) is False


@case(106, "hedge mode is read from the venue", "has_hedge_mode")
async def hedge_mode(world: World) -> None:
    assert world.venue.hedge_account, "declared, and the venue under test has no such account"
    world.use_account(world.venue.hedge_account)
    await world.connect()
    assert await world.adapter.is_hedge_mode(world.venue.hedge_account) is True


@case(107, "a second connection after a close works")
async def again(world: World) -> None:
    await world.connect()
    await world.adapter.close()
    world.renew_adapter()
    await world.connect()
    await world.rest()
