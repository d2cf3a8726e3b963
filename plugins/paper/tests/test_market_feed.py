"""The market of the real venue process through the adapter: books, trades, marks, rates, a cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

Maker = Callable[..., Any]


class Sink:
    """A MarketSink that remembers every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, Any]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values, **named: self.calls.append((name, values, named))

    def of(self, name: str) -> list[Any]:
        return [(values, named) for each, values, named in self.calls if each == name]


@pytest.mark.asyncio
async def test_the_market_is_shown_and_a_cut_line_loses_the_book_until_it_is_back(
    venue_process: Maker, connected: Maker, port: Any
) -> None:
    venue = venue_process()
    await venue.market(levels=[("buy", "100", "2"), ("sell", "101.5", "3")])
    async with connected(venue) as adapter:
        sink = Sink()
        await adapter.publish_market(sink, ["BTCUSDT"])
        await port.wait(lambda: sink.of("book"))
        (symbol, bids, asks), stamp = sink.of("book")[-1]
        assert (symbol, bids, asks) == ("BTCUSDT", [["100", "2"]], [["101.5", "3"]])
        assert stamp["sequence"] == 1
        assert stamp["venue_time_ns"] > 0
        await venue.market(levels=[("buy", "100.5", "1")], trades=[("101", "0.25", "buy")])
        await port.wait(lambda: sink.of("traded") and len(sink.of("book")) > 1)
        (values, told) = sink.of("traded")[0]
        assert (values, told["side"]) == (("BTCUSDT", "101", "0.25"), "buy")
        assert sink.of("book")[-1][0][1][0] == ["100.5", "1"]
        assert sink.of("marked")
        await venue.admin("action", {"action": "cut_market"})
        await port.wait(lambda: sink.of("book_lost"))
        lost = len(sink.calls)
        await port.wait(lambda: any(call[0] == "book" for call in sink.calls[lost:]))
    count = len(sink.calls)
    await venue.market(levels=[("buy", "100.6", "1")])
    await asyncio.sleep(0.2)
    assert len(sink.calls) == count  # closed is closed
    assert not port.values("gap_opened")
