"""`gateway observe`: follows the journal and shows orders, positions and money to programs and to
people. It reads and never trades: it may be late, stopped or broken and no order notices."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import uvloop
from aiohttp import web

from gateway.config import Settings
from gateway.config.checks import is_loopback
from gateway.config.places import RUN_FILE
from gateway.history.archive_runs import ArchiveRuns
from gateway.journal import Follower, FollowFault, JournalPlace, LiveFiles, ReplicaLike, Row
from gateway.journal.replica import open_native_replica
from gateway.journal.snapshots import SnapshotWriter
from gateway.process import Notifier
from gateway.stream import BalanceReader, OrderReader, PositionReader
from gateway.stream.access import Access, KeyFile
from gateway.stream.books import (
    Books,
    BooksOptions,
    BooksStep,
    LedgerLike,
    open_native_ledger,
)
from gateway.stream.books_watch import LOOK_SECONDS, BooksSources, BooksWatch
from gateway.stream.figures import Figures, FigureSources
from gateway.stream.fill_stream import FillReader
from gateway.stream.greek_stream import GreekDesk
from gateway.stream.history_api import HistoryApi
from gateway.stream.leg_stream import LegDesk, LegWatch
from gateway.stream.linked_stream import LinkedReader
from gateway.stream.margin_stream import MarginDesk
from gateway.stream.market_stream import MarketRows
from gateway.stream.metrics_page import MetricsPage
from gateway.stream.observer_options import ObserverOptions
from gateway.stream.page import LIVE_API, add_security_headers, live_address, page_routes
from gateway.stream.read_api import ReadApi, one_form_of_error
from gateway.stream.run_file import RunFile
from gateway.stream.state_stream import StateReader
from gateway.stream.stream_session import StreamHub
from gateway.stream.valuation_watch import ValuationSources, ValuationWatch
from gateway.stream.view import View

__all__ = ["Observer", "ObserverOptions", "main", "settle_interpreter"]

BEAT_SECONDS = 5.0  # well within the WatchdogSec of systemd/gateway-observer.service
INSPECT_SECONDS = 1.0  # how often new seals and a replaced journal are looked for
MARKET_SECONDS = 0.05  # between two looks at the market data of venues
PENDING_SECONDS = 0.01  # the longest wait while rows changed that were not read yet
IDLE_SECONDS_MIN = 0.002  # first wait at the end of the journal; doubles while nothing comes
IDLE_SECONDS_MAX = 0.032
STOP_SECONDS_MAX = 5.0
SWITCH_SECONDS = 0.0005  # threads share the interpreter, and the books must not wait
BODY_BYTES_MAX = 4096
FAULTS_MAX = 100  # texts of faults that the log gets
_log = logging.getLogger("gateway.observer")
T = TypeVar("T")


class Observer:
    """The program: a follower in its own thread, the view and its doors on the event loop."""

    def __init__(
        self,
        options: ObserverOptions,
        open_replica: Callable[[JournalPlace], ReplicaLike] = open_native_replica,
        monotonic: Callable[[], float] = time.monotonic,
        open_ledger: Callable[[JournalPlace], LedgerLike] = open_native_ledger,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._options = options
        self._monotonic, self._clock_ns = monotonic, clock_ns
        self._snapshots = SnapshotWriter(options.place, monotonic)
        self._follower = self._new_follower(open_replica)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="observer_follow")
        self._live_files = LiveFiles(options.place.ring_directory)
        self._market = MarketRows(options.place.ring_directory, monotonic)
        self.books = Books(self._books_options(open_ledger))
        self._instruments: tuple[object, list[Row]] = (None, [])
        self._run_file = RunFile(options.place.ring_directory)
        self._archive_runs = ArchiveRuns(options.place, options.archive, clock_ns)
        archive = options.archive.place(options.place.directory)
        self._history = HistoryApi(options.place, archive, monotonic)
        self._stopping = asyncio.Event()
        self._inspect_at, self._idle_seconds = 0.0, IDLE_SECONDS_MIN
        self._faults: set[str] = set()
        self._origins: frozenset[str] = frozenset()
        self.view = View(
            monotonic,
            history_max=options.history_max,
            finished_orders_max=options.finished_orders_max,
        )
        self.hub = StreamHub(self.view.channels, secrets.token_hex(4), options.stream)
        self._valuation, self._legs = self._new_valuation()
        self._books_watch = BooksWatch(self.view, self.books, self._books_sources())
        self._figures = self._new_figures()
        self.access = Access(
            KeyFile(options.keys_file, options.readers).keys,
            monotonic,
            authorities=options.authorities,
        )
        self.url = ""

    def _books_options(self, open_ledger: Callable[[JournalPlace], LedgerLike]) -> BooksOptions:
        options = self._options
        return BooksOptions(
            options.place,
            open_ledger,
            self._live_files.marks,
            self._clock_ns,
            self._monotonic,
            time.sleep,
            options.mark_age_ms_max,
            options.rate_age_ms_max,
            options.reporting_currency,
            self._market.mark_row,
            options.instrument_map,
        )

    def _books_sources(self) -> BooksSources:
        return BooksSources(
            lambda: None if self._instruments[0] is None else self._instruments[1],
            self.hub.wake,
            self._tell_fault,
            self._stopping.is_set,
            self._monotonic,
        )

    def _new_figures(self) -> Figures:
        options = self._options
        sources = FigureSources(
            options.place.ring_directory,
            self._follower,
            self._live_files,
            self._snapshots,
            self._archive_runs,
            lambda: self.books_step,
            self._valuation.margin,
            self._monotonic,
            self._clock_ns,
        )
        return Figures(self.view, self.hub, sources, options.conduct)

    def _new_valuation(self) -> tuple[ValuationWatch, LegWatch]:
        options = self._options
        valued = (self._live_files.marks, self._clock_ns, options.mark_age_ms_max)
        greeks = GreekDesk(options.options_file, *valued, options.instrument_map)
        margin = MarginDesk(options.margin_file, *valued, greeks.settings)
        sources = ValuationSources(
            self._known_instruments,
            partial(self._in_thread, partial(self._follower.registry, "currency")),
            self.hub.wake,
            self._tell_fault,
            self._monotonic,
        )
        legs = LegDesk(options.place, greeks.settings, *valued, monotonic=self._monotonic)
        orders = self._follower.orders_of
        return (
            ValuationWatch(self.view, margin, greeks, sources),
            LegWatch(self.view, legs, sources, lambda ids: self._in_thread(partial(orders, ids))),
        )

    def _new_follower(self, open_replica: Callable[[JournalPlace], ReplicaLike]) -> Follower:
        options = self._options
        return Follower(
            options.place,
            open_replica,
            [
                OrderReader(options.finished_orders_max),
                PositionReader(),
                BalanceReader(),
                FillReader(),
                StateReader(),
                LinkedReader(),
            ],
            records_max=options.records_max,
            snapshot_every_seals=options.snapshot_every_seals,
            snapshots=self._snapshots,
            rows_every_seconds=options.stream.frame_interval_seconds,
            monotonic=self._monotonic,
        )

    async def run(self, announce: Callable[[Observer], None]) -> None:
        """Serve until stop() is called; `announce` hears once when the door is open."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await self._listen(runner)
            self._run_file.write(self.url)
            announce(self)
            self._archive_runs.start()
            books = asyncio.create_task(self._books_watch.keep())
            valuation = asyncio.create_task(self._keep_valuation())
            market = asyncio.create_task(self._keep_market())
            try:
                await self._follow_until_stopped()
            finally:
                self._stopping.set()
                await asyncio.gather(books, valuation, market)
        finally:
            await self._archive_runs.stop()
            self._run_file.remove()
            await self._shut_down(runner)

    def stop(self) -> None:
        """Ask for an ordered stop. Event-loop thread only."""
        self._stopping.set()

    async def state_hash(self) -> tuple[int, str]:
        """(sequence, hash) of what was followed. Raises FollowFault when no journal is open."""
        return await self._in_thread(self._follower.state_hash)

    @property
    def books_step(self) -> BooksStep:
        """What the books told last."""
        return self._books_watch.step

    def page_address(self) -> str:
        """An address that opens the page once without typing a key."""
        # In the fragment, so that it reaches no server log and no Referer.
        return f"{self.url}/#token={self.access.new_page_token()}"

    def _application(self) -> web.Application:
        api = ReadApi(
            self.view,
            self.hub,
            self.access,
            MetricsPage(self._figures.metrics),
            lambda: self._origins,
            self.state_hash,
            lambda order_id: self._in_thread(lambda: self._follower.order(order_id)),
            self._figures.status,
            self._history,
        )
        application = web.Application(
            middlewares=[one_form_of_error], client_max_size=BODY_BYTES_MAX
        )
        application.add_routes([*api.routes(), *page_routes()])
        run_file = self._options.place.ring_directory / RUN_FILE
        application[LIVE_API] = lambda: live_address(run_file)
        application.on_response_prepare.append(add_security_headers)
        return application

    async def _listen(self, runner: web.AppRunner) -> None:
        site = web.TCPSite(runner, self._options.host, self._options.port)
        await site.start()
        host, port = runner.addresses[0][:2]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{port}"
        self.access.cookie = f"gateway_observer_{port}"  # cookies know no ports
        names = {shown, "127.0.0.1", "localhost", "[::1]"}
        self._origins = frozenset(f"http://{name}:{port}" for name in names)

    async def _follow_until_stopped(self) -> None:
        while not self._stopping.is_set():
            delay = await self._turn()
            if delay:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), delay)

    async def _turn(self) -> float:
        """One bounded step; returns how long to wait before the next."""
        try:
            step = await self._in_thread(self._follower.step)
            self.view.apply(step)
            await self._try_to_inspect()
        except (FollowFault, OSError, RuntimeError) as fault:
            self.view.wait(str(fault))
            if self._follower.health.fault:  # a journal that is only missing is none
                self._tell_fault("journal", fault)
            return self._follower.health.retry_seconds
        if step.has_rows:
            self.hub.wake()
        if not step.is_caught_up:
            return 0.0
        if self._follower.has_pending:  # all that comes until then is in the same rows
            return min(PENDING_SECONDS, self._follower.seconds_to_rows)
        if step.applied or step.is_reset:
            self._idle_seconds = IDLE_SECONDS_MIN
        else:
            self._idle_seconds = min(IDLE_SECONDS_MAX, self._idle_seconds * 2)
        return self._idle_seconds

    async def _keep_market(self) -> None:
        """Market data goes its own way: it is there with or without a journal."""
        while not self._stopping.is_set():
            try:
                if self.view.take_market(self._market.step()):
                    self.hub.wake()
            except Exception as fault:  # what is wrong in one turn does not end the next ones
                self._tell_fault("market data", fault)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), MARKET_SECONDS)

    async def _keep_valuation(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), LOOK_SECONDS)
            if self.view.is_ready:
                await self._valuation.keep()
                await self._legs.keep()

    def _tell_fault(self, what: str, fault: Exception) -> str:
        """In the log once per text, however often it comes; returns the text."""
        text = f"{what}: {fault!r}"
        if text not in self._faults and len(self._faults) < FAULTS_MAX:
            self._faults.add(text)
            _log.error("%s", text, exc_info=fault)
        return text

    async def _known_instruments(self) -> list[Row]:
        """Read again only when a record defined something."""
        version = (self.view.reopened, self.view.definitions)
        if self._instruments[0] != version:
            with contextlib.suppress(FollowFault):
                self._instruments = (version, await self._in_thread(self._follower.instruments))
        return self._instruments[1]

    async def _try_to_inspect(self) -> None:
        """A snapshot or a run file that cannot be written stops no rows."""
        try:
            await self._inspect_sometimes()
        except (OSError, RuntimeError, ValueError) as fault:
            _log.warning("the observer goes on without: %s", fault)

    async def _inspect_sometimes(self) -> None:
        if self._monotonic() < self._inspect_at:
            return
        self._inspect_at = self._monotonic() + INSPECT_SECONDS
        self._run_file.keep(self.url)
        await self._in_thread(self._inspect)
        if self._follower.health.difference:
            self._tell_fault("totals", RuntimeError(self._follower.health.difference))
        self.view.value(await self._in_thread(self._value))
        self._figures.tell(self._instruments[1])

    def _inspect(self) -> None:
        self._snapshots.look()
        self._follower.inspect()

    def _value(self) -> Mapping[str, Mapping[str, Row | None]]:
        return self._follower.value(self._live_files.marks())

    async def _shut_down(self, runner: web.AppRunner) -> None:
        self.view.state = "stopping"
        self._history.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await self.hub.close()
                await runner.cleanup()
        await self._in_thread(self._snapshots.close)
        await asyncio.to_thread(self._thread.shutdown)
        await asyncio.to_thread(self._books_watch.close)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


async def _beat_forever(notifier: Notifier) -> None:
    # Tells that the loop turns. A long first read of the journal happens in the follower's thread
    # and must not look like a hang.
    while notifier.watchdog():  # noqa: ASYNC110 - a clock is what it waits for
        await asyncio.sleep(BEAT_SECONDS)


async def _serve(options: ObserverOptions) -> None:
    observer = Observer(options)
    notifier = Notifier(os.environ)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, observer.stop)
    beat = asyncio.create_task(_beat_forever(notifier))
    try:
        await observer.run(lambda ready: _announce(ready, notifier))
    finally:
        beat.cancel()
        notifier.stopping()


def _announce(observer: Observer, notifier: Notifier) -> None:
    print(f"page {observer.page_address()}", flush=True)
    notifier.ready(f"page {observer.url}")


def settle_interpreter() -> None:
    """Once, before the observer runs: what is loaded lives as long as the program, and the
    collector of cycles need not look at it again while all threads wait."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()


def main(settings: Settings) -> int:
    """Run the observer until SIGTERM or SIGINT. 0 ok, 1 failed."""
    try:
        options = ObserverOptions.from_settings(settings)
    except ValueError as error:
        print(f"observer.instrument_map: {error}", file=sys.stderr)
        return 1
    if not is_loopback(options.host):
        print(f"observer.host {options.host}: only loopback addresses are served", file=sys.stderr)
        return 1
    settle_interpreter()
    try:
        uvloop.run(_serve(options))
    except OSError as error:
        print(f"observer cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    return 0
