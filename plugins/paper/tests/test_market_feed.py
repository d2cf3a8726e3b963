"""The market of the real venue process through the adapter: books, trades, marks, rates, a cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.testing.recording_sink import RecordingSink

Maker = Callable[..., Any]


@pytest.mark.asyncio
async def test_the_market_is_shown_and_a_cut_line_loses_the_book_until_it_is_back(
    venue_process: Maker, connected: Maker, port: Any
) -> None:
    venue = venue_process()
    await venue.market(levels=[("buy", "100", "2"), ("sell", "101.5", "3")])
    async with connected(venue) as adapter:
        sink = RecordingSink()
        await adapter.publish_market(sink, ["BTCUSDT"])
        await port.wait(lambda: sink.books.get("BTCUSDT"))
        assert sink.books["BTCUSDT"] == ([("100", "2")], [("101.5", "3")])
        assert sink.sequences["BTCUSDT"] == 1
        assert sink.times_ns["BTCUSDT"] > 0
        await venue.market(levels=[("buy", "100.5", "1")], trades=[("101", "0.25", "buy")])
        await port.wait(lambda: sink.trades and sink.sequences["BTCUSDT"] > 1)
        assert sink.trades == [("BTCUSDT", "101", "0.25", "buy", "")]
        await port.wait(lambda: sink.marks)
        await venue.admin("action", {"action": "cut_market"})
        await port.wait(lambda: sink.lost["BTCUSDT"])
        await port.wait(lambda: sink.books["BTCUSDT"])
        assert (sink.books["BTCUSDT"] or [[]])[0][0] == ("100.5", "1")
    told = sink.calls
    await venue.market(levels=[("buy", "100.6", "1")])
    await asyncio.sleep(0.2)
    assert sink.calls == told  # closed is closed
    assert not port.values("gap_opened")
