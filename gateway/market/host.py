"""Hosts the market data of one adapter, in whichever process the adapter lives: makes the file,
asks the adapter to publish, gives signs of life. Must never keep an order waiting or a venue down.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol, cast

import msgspec

from gateway._core.market import MarketWriter
from gateway.api import MarketDataSource, VenueAdapter
from gateway.market.sink import MarketFileSink

__all__ = ["MarketHost", "MarketTerms"]

log = logging.getLogger(__name__)
BEAT_SECONDS: Final = 0.25
_BACKOFF_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class MarketAdapter(VenueAdapter, MarketDataSource, Protocol):
    """What is hosted: a venue that shows its market."""


class MarketTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What is published where."""

    path: str
    venue: str
    instruments: tuple[str, ...]


class MarketHost:
    """One file of one run. Event-loop thread only."""

    def __init__(
        self,
        terms: MarketTerms,
        adapter: object,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._terms = terms
        self._adapter = cast("MarketAdapter", adapter)
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns
        self._jitter = jitter
        self._failures = 0
        self._writer: MarketWriter | None = None
        self._sink: MarketFileSink | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """The adapter is connected. A second call does nothing. A file that cannot be made is
        told in the log, and the venue trades without market data."""
        if self._tasks:
            return
        terms = self._terms
        try:
            self._writer = MarketWriter(
                terms.path, terms.venue, list(terms.instruments), os.getpid(), self._now_ns()
            )
        except ValueError as error:
            self._failures += 1
            log.error("%s: no market data: %s", terms.venue, error)
            return
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._beat(self._writer), name=f"market beat {terms.venue}"),
            loop.create_task(self._publish(self._writer), name=f"market data {terms.venue}"),
        ]

    async def stop(self) -> None:
        """Before the adapter closes. Readers see an ordered end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._sink is not None:
            self._sink.close()
        if self._writer is not None:
            self._writer.close()

    def counts(self) -> Counter[str]:
        """For the counters of the venue: market_books, market_gaps, market_trades, ..."""
        found = Counter(self._sink.counters if self._sink is not None else {})
        found["market_failures"] = self._failures
        return found

    async def _beat(self, writer: MarketWriter) -> None:
        cuts = 0
        while True:
            writer.beat(self._monotonic_ns())
            if writer.times_cut != cuts:
                cuts = writer.times_cut
                self._failures += 1
                log.error("%s: %s was cut and is made anew", self._terms.venue, self._terms.path)
            await asyncio.sleep(BEAT_SECONDS)

    async def _publish(self, writer: MarketWriter) -> None:
        attempt = 0
        while True:
            try:
                await self._begin(writer)
                return
            except Exception as error:  # an adapter may raise anything; orders do not notice
                self._failures += 1
                log.warning("%s: market data does not begin: %r", self._terms.venue, error)
            wait = _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)]
            await asyncio.sleep(wait * (0.5 + self._jitter()))
            attempt += 1

    async def _begin(self, writer: MarketWriter) -> None:
        """The contract speaks in the venue's symbols, settings and the file in our names."""
        symbols = {each.symbol: each.venue_symbol for each in await self._adapter.instruments()}
        rows: dict[str, int] = {}
        for number, name in enumerate(self._terms.instruments):
            if name in symbols:
                rows[symbols[name]] = number
            else:
                log.error("%s: no market data of %s: no such instrument", self._terms.venue, name)
        self._sink = MarketFileSink(writer, rows, self._now_ns)
        await self._adapter.publish_market(self._sink, list(rows))
