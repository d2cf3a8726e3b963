"""Follows the market of the paper venue over a socket of its own: whole books, trades, marks,
rates. Has nothing to do with accounts; a cut line loses the books and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import aiohttp
import msgspec

from gateway.api import MarketSink
from gateway.transport import Backoff

__all__ = ["MarketFeed"]

Row = dict[str, Any]


class MarketFeed:
    """One connection for all instruments; reconnects for ever."""

    def __init__(
        self,
        connect: Callable[[], Any],
        sink: MarketSink,
        instruments: Sequence[str],
        *,
        random: Random,
        silence_max_s: float,
    ) -> None:
        self._connect = connect  # returns an aiohttp WebSocket context, signed afresh
        self._sink = sink
        self._instruments = list(instruments)
        self._backoff = Backoff(first_s=0.1, max_s=5.0, random=random)
        self._silence_max_s = silence_max_s
        self._task = asyncio.get_running_loop().create_task(self._run(), name="paper market")

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except (TimeoutError, aiohttp.ClientError, OSError, ValueError, KeyError) as error:
                reason = f"{type(error).__name__}: {error}"
            else:
                reason = "closed by the venue"
            for instrument in self._instruments:
                self._sink.book_lost(instrument, reason)
            await asyncio.sleep(self._backoff.next_s())

    async def _follow(self) -> None:
        async with self._connect() as socket:
            ask = {"op": "subscribe", "instruments": self._instruments}
            await socket.send_str(msgspec.json.encode(ask).decode())
            while True:
                message = await socket.receive(timeout=self._silence_max_s)
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return
                self._take(msgspec.json.decode(message.data, type=dict[str, Any]))
                self._backoff.reset()

    def _take(self, row: Row) -> None:
        kind = row["message"]
        if kind == "book":
            self._book(row)
        elif kind == "trade":
            self._sink.traded(
                row["instrument"],
                row["price"],
                row["quantity"],
                side=row["side"],
                venue_time_ns=row["venue_time_ns"],
            )
        elif kind == "mark":
            time_ns = row["venue_time_ns"]
            self._sink.marked(row["instrument"], row["mark"], venue_time_ns=time_ns)

    def _book(self, row: Row) -> None:
        instrument, time_ns = row["instrument"], row["venue_time_ns"]
        self._sink.book(
            instrument, row["bids"], row["asks"], sequence=row["sequence"], venue_time_ns=time_ns
        )
        if "funding_rate" in row:
            self._sink.funding_rate(
                instrument, row["funding_rate"], row["next_funding_ns"], venue_time_ns=time_ns
            )
