"""Puts the venue together and runs it until a signal: record, exchange, market, server."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from aiohttp import web

from gateway_paper.venue.exchange import Exchange
from gateway_paper.venue.faults import Faults
from gateway_paper.venue.market import MarketSource
from gateway_paper.venue.market_generator import GeneratedMarket
from gateway_paper.venue.market_recorded import RecordedMarket, find_recorded_data, read_listings
from gateway_paper.venue.market_stream import MarketHub
from gateway_paper.venue.record import Record
from gateway_paper.venue.server import VenueServer
from gateway_paper.venue.settings import Listing, VenueSettings
from gateway_paper.venue.streams import HEARTBEAT_S, StreamHub

__all__ = ["Venue", "run_until_signal"]

COALESCE_S = 0.05  # changes of the market within this time are one mark


class Venue:
    """One running venue. `start` returns the port; `stop` ends everything."""

    def __init__(self, settings: VenueSettings, project_root: Path) -> None:
        self._settings = settings
        folder = _recorded_folder(settings, project_root)
        listings = _listings(settings, folder)
        self._markets = _markets(settings, listings, folder)
        self.record = Record(Path(settings.record))
        self.faults = Faults()
        self.exchange = Exchange(settings, listings, now_ns=time.time_ns, sink=self._take_rows)
        self.hub = StreamHub(self.exchange, self.faults, settings.stream_queue_max)
        self.market = MarketHub(self.exchange, settings.stream_queue_max)
        self.exchange.restore(list(self.record.read()))
        self._write_start(listings)
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        server = VenueServer(
            self._settings,
            self.exchange,
            self.hub,
            self.faults,
            market=self.market,
            now_ns=time.time_ns,
            random=Random(self._settings.seed),
            write=self.record.write,
        )
        self._play_market(0)
        self._runner = web.AppRunner(
            server.application(), access_log=None, shutdown_timeout=1.0, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port)
        await site.start()
        self._tasks = [asyncio.create_task(loop()) for loop in (self._tick, self._beat)]
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        self.record.close()

    async def wait_failed(self) -> None:
        """Returns only by raising: a venue whose market has died must not look alive."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    def _take_rows(self, rows: list[dict[str, Any]]) -> None:
        # Written before anybody hears of it: the record is what the judge believes.
        self.record.write(rows)
        self.hub.publish(row for row in rows if "venue_sequence" in row)

    def _write_start(self, listings: list[Listing]) -> None:
        """The rules the following lines were made under, so that the record alone can be judged."""
        self.record.write(
            [
                {
                    "kind": "start",
                    "venue_time_ns": time.time_ns(),
                    "instruments": [msgspec.to_builtins(listing) for listing in listings],
                    "accounts": [msgspec.to_builtins(a) for a in self._settings.accounts],
                }
            ]
        )

    def _play_market(self, elapsed_ns: int) -> None:
        for market in self._markets:
            self.exchange.apply_market(market.advance(elapsed_ns))

    async def _tick(self) -> None:
        """Market, timers and marks. Everything is sent once per `mark_interval_ms` at least."""
        started_ns = time.monotonic_ns()
        all_marks_ns = 0
        while True:
            await asyncio.sleep(COALESCE_S)
            elapsed_ns = time.monotonic_ns() - started_ns
            self._play_market(elapsed_ns)
            self.exchange.advance()
            marks, self.exchange.dirty_marks = self.exchange.dirty_marks, set()
            if elapsed_ns - all_marks_ns >= self._settings.mark_interval_ms * 1_000_000:
                marks, all_marks_ns = set(self.exchange.listings), elapsed_ns
            self.hub.publish_marks(sorted(marks))
            self.market.publish(time.time_ns())

    async def _beat(self) -> None:
        while True:
            self.hub.heartbeat(time.time_ns())
            self.market.heartbeat(time.time_ns())
            await asyncio.sleep(HEARTBEAT_S)


def _recorded_folder(settings: VenueSettings, project_root: Path) -> Path | None:
    if settings.market != "recorded":
        return None
    named = Path(settings.recorded_data) if settings.recorded_data else None
    folder = named or find_recorded_data(project_root)
    if folder is None or not (folder / "ws.txt").is_file():
        raise ValueError("market = recorded: no recording; set GATEWAY_RECORDED_DATA")
    return folder


def _listings(settings: VenueSettings, folder: Path | None) -> list[Listing]:
    """Configured instruments; those of a recording are added unless configured by hand."""
    listings = {listing.symbol: listing for listing in settings.instruments}
    for listing in read_listings(folder) if folder else ():
        listings.setdefault(listing.symbol, listing)
    if not listings:
        raise ValueError("instruments: at least one is needed")
    return list(listings.values())


def _markets(
    settings: VenueSettings, listings: list[Listing], folder: Path | None
) -> list[MarketSource]:
    """The recording for the instruments it has, the generator for all others; none by hand."""
    markets: list[MarketSource] = []
    generated = {listing.symbol: listing for listing in listings}
    if folder is not None:
        wanted = [listing.symbol for listing in read_listings(folder)]
        markets.append(RecordedMarket(folder, {name: generated.pop(name) for name in wanted}))
    if settings.market != "manual" and generated:
        rules = list(generated.values())
        markets.append(GeneratedMarket(rules, settings.seed, settings.step_ms))
    return markets


async def run_until_signal(settings: VenueSettings, project_root: Path) -> None:
    """The process: one JSON line when it listens, a clean end on SIGTERM or SIGINT."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    venue = Venue(settings, project_root)
    port = await venue.start()
    print(msgspec.json.encode({"up": True, "port": port}).decode(), flush=True)
    failed = asyncio.create_task(venue.wait_failed())
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait((failed, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    failure = failed.exception() if failed.done() else None
    failed.cancel()
    await venue.stop()
    if failure is not None:
        raise failure
