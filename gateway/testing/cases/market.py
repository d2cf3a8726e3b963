"""Cases 420-429: market data, which is shown as it is or not at all, and disturbs no order."""

from __future__ import annotations

from decimal import Decimal

from gateway.api import MarketDataSource
from gateway.testing.conformance import case
from gateway.testing.recording_sink import RecordingSink
from gateway.testing.world import World

__all__ = ["book", "book_of_a_cut_line", "closed"]


async def _shown(world: World) -> RecordingSink:
    """The market of the venue's instrument, once a bid and an ask are shown."""
    await world.connect()
    sink = RecordingSink()
    source: MarketDataSource = world.adapter  # type: ignore[assignment]
    await source.publish_market(sink, [world.venue.symbol])
    await world.venue.show("buy", world.at(-2), world.times("5"))
    await world.venue.show("sell", world.at(3), world.times("4"))
    await world.port.until(
        lambda: _top(world, sink) == _levels(world, (-2, "5"), (3, "4")), "the book of the market"
    )
    return sink


def _levels(world: World, *levels: tuple[int, str]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(world.at(at)), Decimal(world.times(size))) for at, size in levels]


def _top(world: World, sink: RecordingSink) -> list[tuple[Decimal, Decimal]]:
    """Best bid and best ask; [] while the book is lost."""
    sides = sink.books.get(world.venue.symbol) or ([], [])
    return [(Decimal(side[0][0]), Decimal(side[0][1])) for side in sides if side]


@case(420, "a book is what the market shows, best first", "has_market_data")
async def book(world: World) -> None:
    sink = await _shown(world)
    await world.venue.show("buy", world.at(-1), world.times("2"))
    await world.port.until(
        lambda: _top(world, sink) == _levels(world, (-1, "2"), (3, "4")), "a better bid"
    )
    await world.venue.show("buy", world.at(-1), "0")
    await world.port.until(
        lambda: _top(world, sink) == _levels(world, (-2, "5"), (3, "4")), "the bid to be gone"
    )
    bids, asks = sink.books[world.venue.symbol] or ([], [])
    prices = [Decimal(price) for price, _ in [*reversed(bids), *asks]]
    assert prices == sorted(set(prices)), "levels are not in order"


@case(421, "a cut line loses the book until it is whole again, and no order", "has_market_data")
async def book_of_a_cut_line(world: World) -> None:
    sink = await _shown(world)
    world.proxy.cut_streams()
    await world.port.until(lambda: sink.lost[world.venue.symbol], "the book to be lost")
    await world.venue.show("sell", world.at(2), world.times("3"))
    await world.port.until(
        lambda: _top(world, sink) == _levels(world, (-2, "5"), (2, "3")), "the book after the cut"
    )
    order = await world.rest()
    assert len(world.at_venue(order)) == 1


@case(422, "after close nothing is shown any more", "has_market_data")
async def closed(world: World) -> None:
    sink = await _shown(world)
    await world.close()
    told = sink.calls
    await world.venue.show("buy", world.at(-1), world.times("2"))
    await world.venue.trade("sell", world.at(-1), world.times("1"))
    assert sink.calls == told
