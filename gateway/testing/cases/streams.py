"""Cases 400-419: the stream, and that its silence is never mistaken for quiet."""

from __future__ import annotations

from decimal import Decimal

from gateway.testing.conformance import case
from gateway.testing.world import World, fill_key

__all__ = ["cut", "garbage", "marks", "missed", "repeated", "silence"]


# Who gives up a request after this should not wait much longer for a line that is silent.
_SILENT_MS = 2_000


def _gaps(world: World) -> list[str]:
    return [fact.name for fact in world.port.of("gap_opened", "gap_closed")]


@case(400, "marks are what the market shows")
async def marks(world: World) -> None:
    await world.connect()
    await world.venue.show("buy", world.at(-2), world.times("5"))
    await world.venue.show("sell", world.at(3), world.times("5"))

    def shown() -> bool:
        return any(
            (mark.bid, mark.ask) != (None, None)
            and Decimal(mark.bid or 0) == Decimal(world.at(-2))
            and Decimal(mark.ask or 0) == Decimal(world.at(3))
            for fact in world.port.of("marked")
            if (mark := fact.get("mark", 0)).instrument == world.venue.symbol
        )

    await world.port.until(shown, "the bid and ask of the market")


@case(401, "a cut line is a gap that opens at once and closes when the line is back")
async def cut(world: World) -> None:
    await world.connect()
    await world.rest()
    assert world.proxy.stream_count, "no stream goes through the proxy"
    world.proxy.cut_streams()
    await world.port.until(lambda: "gap_opened" in _gaps(world), "a gap")
    await world.port.until(lambda: _gaps(world)[-1] == "gap_closed", "the end of the gap")
    [opened] = world.port.of("gap_opened")[:1]
    assert opened.get("reason", 0), "without a reason"
    order = await world.fill()
    assert world.filled_of(order) == Decimal(order.quantity), "the new line tells nothing"


@case(402, "a line that tells nothing while something happens is a gap, or it is asked for")
async def silence(world: World) -> None:
    world.timeout_ms = _SILENT_MS
    await world.connect()
    world.proxy.hold_streams()
    await world.venue.show("sell", world.at(1), world.times("10"))
    order = world.order("buy", world.at(5))
    await world.submit(order)
    await world.port.until(
        lambda: "gap_opened" in _gaps(world) or world.fills_of(order), "a gap, or the fill"
    )


@case(403, "what executes while the line is cut is found by a question")
async def missed(world: World) -> None:
    await world.connect()
    order = await world.rest()
    world.proxy.cut_streams()
    await world.venue.trade("sell", order.price or "", world.times("10"))
    await world.port.until(
        lambda: "gap_closed" in _gaps(world), "the end of the gap after a missed fill"
    )
    judged = [fill_key(fill) for fill in world.judged_fills(order)]
    asked = [fill_key(fill) for fill in await world.adapter.fills(world.account, 0)]
    assert judged and asked == judged


@case(404, "what is told twice keeps its name")
async def repeated(world: World) -> None:
    await world.connect()
    world.proxy.repeat_frames()
    order = await world.fill()
    assert {fill_key(fill) for fill in world.port.fills()} == {
        fill_key(fill) for fill in world.judged_fills(order)
    }


@case(405, "frames that no documentation allows break nothing")
async def garbage(world: World) -> None:
    await world.connect()
    await world.rest()
    world.proxy.inject_garbage()
    order = await world.rest("sell")
    assert world.outcome(order) == "accepted"
    await world.port.until(
        lambda: not _gaps(world) or _gaps(world)[-1] == "gap_closed", "the end of the gap"
    )
    filled = world.order("buy", world.at(5))
    await world.venue.show("sell", world.at(1), world.times("10"))
    await world.submit(filled)

    def is_known() -> bool:
        return world.filled_of(filled) == Decimal(filled.quantity)

    if not _gaps(world):
        await world.port.until(is_known, "a fill after the garbage")
    asked = [fill_key(fill) for fill in await world.adapter.fills(world.account, 0)]
    assert asked == [fill_key(fill) for fill in world.venue.fills()]
