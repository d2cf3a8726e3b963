"""The live program, as a table of contents; each step either holds or stops the start
with its reason. Nothing here decides about an order.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TextIO

import msgspec
import uvloop

from gateway import __version__
from gateway.api import GatewayError, RefusedError, VenueAdapter, VenueError
from gateway.config import ConfigError, Settings, is_isolated, load, read_secrets
from gateway.config.settings import VenueSettings
from gateway.core.drive import InlineDrive, PinnedDrive
from gateway.core.engine import Engine, EngineSettings, PrincipalDefinition, open_native_engine
from gateway.core.live_files import keep_live_files
from gateway.core.loop_watch import LoopWatch
from gateway.core.seeding import limit_differences, seed_limits, tighten_limits
from gateway.core.trading_day import TradingDay
from gateway.core.upkeep import Upkeep
from gateway.core.vocabulary import CancelReason
from gateway.entry.desk import Desk
from gateway.entry.doors import Doors
from gateway.entry.keys import WATCHING, Identity, KeyRing, create_key_file, write_private
from gateway.entry.live_notes import LiveNotes
from gateway.execution.router import Router
from gateway.logs import SECRET_LENGTH_MIN, Redactor, start_logging
from gateway.machine import judge_pinning, pinned_roles
from gateway.market import MarketHost, MarketTerms, market_path
from gateway.process import (
    Notifier,
    ProcessError,
    keep_in_memory,
    take_listen_sockets,
    watchdog_interval_seconds,
)
from gateway.venues.breaks import BreakLedger
from gateway.venues.dead_man import check_dead_man
from gateway.venues.isolated.host import IsolatedAdapter
from gateway.venues.isolated.launch import LaunchTerms
from gateway.venues.link import VenueLink
from gateway.venues.manifest import check_market_data
from gateway.venues.reconcile import AccountTerms
from gateway.venues.registry import Plugins

__all__ = ["Daemon", "main"]

log = logging.getLogger(__name__)

EXIT_FAILED, EXIT_REFUSED = 1, 4
MIB = 1 << 20


def main(settings: Settings, stderr: TextIO = sys.stderr) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code of `gateway run`."""
    handler = start_logging(settings.log.level, settings.log.file, stderr)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(Daemon(settings, os.environ, handler.redactor).run())
    except RefusedError as error:
        text = f"gateway run: refused: {error}\n{error.hint}\n".rstrip("\n") + "\n"
        stderr.write(handler.redactor.clean(text))
        return EXIT_REFUSED
    except (GatewayError, RuntimeError, OSError) as error:
        if isinstance(error, GatewayError):
            log.exception("start failed")
        else:  # a lock, a port, a directory, the engine's own words: no fault of the program
            log.error("start failed: %s", error)
        stderr.write(handler.redactor.clean(f"gateway run: {error}\n"))
        return EXIT_FAILED
    finally:
        handler.close()
    return 0


class Daemon:
    """One running gateway. `run` is the whole life of it."""

    def __init__(
        self,
        settings: Settings,
        environ: MutableMapping[str, str],
        redactor: Redactor | None = None,
    ) -> None:
        self.settings = settings
        self._environ = environ
        self._redactor = redactor or Redactor()
        self._notifier = Notifier(environ)
        self._stop = asyncio.Event()
        self._adapters: dict[str, VenueAdapter] = {}
        self._links: list[VenueLink] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.url = ""

    async def run(self) -> None:
        """Start everything, serve, stop everything."""
        self._check_machine()
        self._open_engine()
        try:
            wanted = {chosen.adapter for chosen in self.settings.venues.values()}
            self._plugins = Plugins.discover(wanted=wanted)
            self.notes = LiveNotes(self.engine, self._plugins.identities)
            await self._create_adapters()
            self._register()
            self._open_router()
            self._open_venues()
            self._start_drive()
            self._create_keys()
            self.notes.started(self.settings)
            self._open_desk()
            await self._open_doors()
            self._handle_signals()
            self._start_venues()
            self._announce()
            await self._stop.wait()
            await self._shut_down()
        finally:
            for adapter in self._adapters.values():
                if isinstance(adapter, IsolatedAdapter):
                    adapter.end()  # does nothing after an orderly stop
            self.native.stop()
            self.settings.places.run_file.unlink(missing_ok=True)

    def stop(self) -> None:
        """Begin the orderly stop."""
        self._stop.set()

    # Start.

    def _check_machine(self) -> None:
        """Before anything is opened: CPUs that are not what they seem, memory that may be paged."""
        gateway = self.settings.gateway
        roles = pinned_roles(gateway.engine_cpu, self.settings.journal.commit_cpu)
        for finding in judge_pinning(roles, gateway.pinning):
            if finding.is_refused:
                raise ProcessError(f"pinning refused: {finding}")
            log.warning("pinning: %s", finding)
        if gateway.drive == "pinned" or gateway.lock_memory == "require":
            keep_in_memory(gateway.lock_memory)

    def _open_engine(self) -> None:
        places, journal = self.settings.places, self.settings.journal
        capacity, gateway = self.settings.capacity, self.settings.gateway
        for directory in (places.directory, places.ring_directory):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.native = open_native_engine(
            EngineSettings(
                directory=str(places.directory),
                ring_directory=str(places.ring_directory),
                instance=gateway.instance,
                ring_bytes=journal.ring_mib * MIB,
                segment_bytes=journal.segment_mib * MIB,
                orders_max=capacity.orders_max,
                idempotency_max=capacity.idempotency_max,
                positions_max=capacity.positions_max,
                is_memory_only=journal.level == "memory",
                commit_cpu=journal.commit_cpu,
                disk_async_window_ms=journal.disk_async_window_ms,
                build=__version__,
                engine_cpu=gateway.engine_cpu,
                engine_wait=gateway.engine_wait,
            )
        )
        self.engine = Engine(self.native, instance=gateway.instance)
        log.info("recovered", extra={"recovery": self.native.recovery})
        _tell_dangers(self.engine)

    async def _create_adapters(self) -> None:
        beside = self.settings.places.limits_file.parent
        for venue, chosen in self.settings.venues.items():
            secrets = read_secrets(chosen.secrets, beside, self._environ)
            self._mask(venue, secrets)
            if is_isolated(chosen):
                self._adapters[venue] = await self._start_process(venue, chosen, secrets)
            else:
                self._adapters[venue] = self._plugins.create_adapter(
                    chosen.adapter, venue, chosen.settings, secrets
                )

    async def _start_process(
        self, venue: str, chosen: VenueSettings, secrets: Mapping[str, str]
    ) -> VenueAdapter:
        """The adapter in a process of its own; it ends with this one."""
        terms = LaunchTerms(
            venue=venue,
            adapter=chosen.adapter,
            settings=chosen.settings,
            secrets=secrets,
            epoch=self.native.epoch,
            silence_ms_max=chosen.process_silence_ms_max,
            memory_mib_max=chosen.process_memory_mib_max,
            market=self._market_terms(venue, chosen),
        )
        try:
            adapter = await IsolatedAdapter.start(terms)
        except VenueError as error:
            field, rule = f"venues.{venue}.settings", str(error)
            raise RefusedError(
                "BAD_CONFIG", field=field, value=chosen.adapter, rule=rule
            ) from error
        self._plugins.note_manifest(chosen.adapter, adapter.capabilities)
        return adapter

    def _market_terms(self, venue: str, chosen: VenueSettings) -> MarketTerms | None:
        path = market_path(self.settings.places.ring_directory, venue)
        path.unlink(missing_ok=True)  # of an earlier run, whose settings may have been others
        if not chosen.market_data:
            return None
        return MarketTerms(path=str(path), venue=venue, instruments=tuple(chosen.market_data))

    def _market_host(self, venue: str, chosen: VenueSettings) -> MarketHost | None:
        """For an adapter in this process; another process has its own."""
        adapter = self._adapters[venue]
        if isinstance(adapter, IsolatedAdapter):
            return None
        terms = self._market_terms(venue, chosen)
        return MarketHost(terms, adapter) if terms is not None else None

    def _mask(self, venue: str, secrets: Mapping[str, str]) -> None:
        """Before an adapter has them: no log line shows a secret, whoever writes it."""
        for name, secret in secrets.items():
            if len(secret) < SECRET_LENGTH_MIN:
                log.warning("%s: secret %s is too short to be masked in the log", venue, name)
            else:
                self._redactor.register(secret)

    def _register(self) -> None:
        """Names first, then limits: the file seeds what has none and tightens what has."""
        engine, settings = self.engine, self.settings
        for code, rate in settings.currencies.items():
            engine.set_currency_rate(code, rate)
        for venue, adapter in self._adapters.items():
            check_dead_man(venue, settings.venues[venue].dead_man_ms, adapter.capabilities)
            check_market_data(venue, settings.venues[venue].market_data, adapter.capabilities)
            engine.define_venue(venue, adapter.capabilities)
        known = engine.names.all("account")
        for name, account in settings.accounts.items():
            if name not in known:  # else the journal knows its position mode from the venue
                engine.define_account(
                    account.venue,
                    name,
                    durability=account.durability,
                    margin_mode=account.margin_mode,
                )
        for name in settings.strategies:
            engine.define_strategy(name)
        self._define_principals()
        for difference in tighten_limits(engine, settings.limits):
            stands = "file" if difference.is_file_tighter else "journal"
            log.warning("limits: %s: the %s stands", difference, stands)
        seed_limits(engine, settings.limits)

    def _define_principals(self) -> None:
        for name, principal in self.settings.principals.items():
            wanted = principal.instruments
            known = self.engine.names.all("instrument")
            self.engine.define_principal(
                PrincipalDefinition(
                    name=name,
                    scopes=frozenset(principal.scopes),
                    accounts=_named(principal.accounts),
                    strategies=_named(principal.strategies),
                    instruments=None if wanted == "all" else [n for n in wanted if n in known],
                )
            )

    def _on_instruments(self) -> None:
        """A venue has named its instruments: they get their limits and permissions."""
        self._define_principals()
        seed_limits(self.engine, self.settings.limits)

    def _open_router(self) -> None:
        is_pinned = self.settings.gateway.drive == "pinned"
        self._drive = PinnedDrive(self.native) if is_pinned else InlineDrive(self.native)
        self.router = Router(self.engine, self._drive)

    def _open_venues(self) -> None:
        for venue, chosen in self.settings.venues.items():
            terms = [
                AccountTerms(
                    name=name, durability=account.durability, margin_mode=account.margin_mode
                )
                for name, account in self.settings.accounts.items()
                if account.venue == venue
            ]
            self._links.append(
                VenueLink(
                    venue,
                    self.engine,
                    self._drive,
                    self._adapters[venue],
                    terms,
                    adapter_name=chosen.adapter,
                    reconcile_timeout_seconds=chosen.reconcile_timeout_seconds,
                    reconcile_interval_seconds=chosen.reconcile_interval_seconds,
                    dead_man_ms=chosen.dead_man_ms,
                    market=self._market_host(venue, chosen),
                    ledger=BreakLedger(
                        venue,
                        chosen.breaks,
                        path=self.settings.places.directory / f"breaks-{venue}.json",
                    ),
                    on_instruments=self._on_instruments,
                )
            )

    def _start_drive(self) -> None:
        if isinstance(self._drive, InlineDrive):
            self._drive.start()
        else:
            self.native.start_pinned(self.settings.gateway.engine_cpu)
        if self.settings.gateway.warm_up_orders:
            done = self.native.warm_up(self.settings.gateway.warm_up_orders)
            log.info("warmed up", extra={"warm_up": done})
        if self.settings.gateway.engine_cpu >= 0:
            log.info("memory: %s", self.native.memory["text"])

    def _create_keys(self) -> None:
        """First start: a key for the command line, one for the demo client and one for a watch."""
        places, principals = self.settings.places, self.settings.principals
        operator = next((n for n, p in principals.items() if "admin" in p.scopes), "")
        trader = next((n for n, p in principals.items() if "trade" in p.scopes), "")
        watch = next((n for n, p in principals.items() if {"risk"} <= {*p.scopes} <= WATCHING), "")
        owners: dict[str, tuple[str, list[str], Path]] = {}
        for key, name in (("cli", operator), ("demo", trader), ("risk_watch", watch)):
            if name:
                file = places.cli_key_file.with_name(f"{key}.key")
                owners[key] = (name, list(map(str, principals[name].scopes)), file)
        create_key_file(places.keys_file, owners, os.urandom)
        self._operator = Identity(
            "socket", operator, frozenset(principals[operator].scopes if operator else ())
        )
        scopes_of = {name: frozenset(map(str, p.scopes)) for name, p in principals.items()}
        self._keys = KeyRing(places.keys_file, scopes_of)
        self._keys.on_login = self.notes.logins.came

    def _open_desk(self) -> None:
        self.desk = Desk(
            self.engine,
            self.router,
            venues=[link.health for link in self._links],
            controls={link.health.name: link for link in self._links},
            plugins=lambda: [msgspec.to_builtins(row) for row in self._plugins.rows],
        )
        self.desk.on_command, self.desk.on_note = self.notes.command, self.notes.note
        self.desk.on_restarted = self._note_restart

    async def _open_doors(self) -> None:
        self._doors = Doors(
            *(self.settings, self.desk, self._drive, self._keys),
            notes=self.notes,
            operator=self._operator,
        )
        passed = take_listen_sockets(self._environ, os.getpid())
        await self._doors.open([socket.socket(fileno=each.descriptor) for each in passed])
        self.url = self._doors.url

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_signal_handler(signal.SIGINT, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)

    def _start_venues(self) -> None:
        for link in self._links:
            link.start()

    def _announce(self) -> None:
        """Ready: recovered, doors open, cancels work. Venues reconcile in the background."""
        self.desk.state = "running"
        places = self.settings.places
        run = {"pid": os.getpid()} | self._doors.admit()
        write_private(places.run_file, json.dumps(run) + "\n")
        self._notifier.ready(f"serving {self.url}")
        log.info("serving", extra={"url": self.url, "epoch": self.native.epoch})
        files = keep_live_files(self.native, places.ring_directory, more=self._live_counts)
        own = self.settings.gateway
        day = TradingDay.of(own.day_ends_at, own.day_time_zone)
        kept = [
            files,
            Upkeep(self.native, day).keep(),
            self._load_other_plugins(),
            self.notes.keep(),
            LoopWatch(self.native).keep(),
        ]
        interval = watchdog_interval_seconds(self._environ, os.getpid())
        if interval is not None:
            kept.append(self._feed_watchdog(interval))
        loop = asyncio.get_running_loop()
        self._tasks += (loop.create_task(each) for each in kept)

    async def _load_other_plugins(self) -> None:
        """Foreign modules that nobody configured, only to list them."""
        await asyncio.to_thread(self._plugins.load_rest)
        self.notes.plugins_changed()

    def _note_restart(self, venue: str) -> None:
        adapter = self.settings.venues[venue].adapter
        self._plugins.look_again(adapter)
        self.notes.plugins_changed(adapter)

    def _live_counts(self) -> dict[str, int]:
        """What the observer shows of venues, halts and doors, from the counters file alone."""
        found = {
            f"venue:{link.health.name}:{name}": count
            for link in self._links
            for name, count in link.health.counts().items()
        }
        states = [row["state"] for row in self.desk.halts()]
        held = {f"levels_{word}": states.count(word) for word in ("halted", "reducing")}
        return found | held | self._doors.counts()

    async def _feed_watchdog(self, interval_seconds: float) -> None:
        """Fed only while the engine advances, not merely while this loop runs."""
        beat = self.native.beat()
        while True:
            await asyncio.sleep(interval_seconds)
            if self.native.beat() != beat:
                self._notifier.watchdog()
            else:
                log.error("the engine did not advance for %.1f s", interval_seconds)
            beat = self.native.beat()

    # While it runs.

    def reload(self) -> None:
        """SIGHUP: keys and log level; limits are compared and stay as they are. All or nothing: the
        old settings stay on any fault."""
        self._notifier.reloading(int(asyncio.get_running_loop().time() * 1e9))
        try:
            fresh = load(self.settings.file, self._environ)
            self._keys.reload()
        except (ConfigError, RefusedError) as error:
            log.error("reload refused, old settings stay: %s", error)
            self.notes.reload_refused(self.settings, str(error))
        else:
            logging.getLogger().setLevel(fresh.log.level.upper())
            self._doors.check_keys()
            for difference in limit_differences(self.engine, fresh.limits):
                log.warning("limits: %s: unchanged, see `gateway limits apply`", difference)
            self.notes.reloaded(fresh)
            log.info("reloaded keys and log level")
        self._notifier.ready(f"serving {self.url}")

    # Stop.

    async def _shut_down(self) -> None:
        """Refuse new, cancel by policy, wait, close doors, stop adapters."""
        self._notifier.stopping("stopping")
        seconds = self.settings.gateway.shutdown_seconds_max
        self.desk.state = "stopping"
        self.router.refuse_new()
        self._doors.refuse_new()
        if self.settings.gateway.shutdown_orders == "cancel":
            await self._cancel_open(seconds / 2)
        await self._doors.close(seconds / 4)
        await asyncio.gather(*(link.close(seconds / 4) for link in self._links))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.notes.stopped()
        self._drive.close()
        log.info("stopped", extra={"sequence": self.native.sequence})

    async def _cancel_open(self, seconds_max: float) -> None:
        """Cancel what is open and wait for the venues' answers, for a bounded time."""
        principal = self._operator.principal
        if not principal:
            log.error("no principal with scope admin: open orders stay at the venues")
            return
        try:
            async with asyncio.timeout(seconds_max):
                found = await self.router.mass_cancel(principal, {}, CancelReason.SHUTDOWN)
                log.info("stop: %d cancels sent, %d wait", found.sent, found.waiting)
                while (await self.engine.counts())[0]:  # noqa: ASYNC110 venues take their time
                    await asyncio.sleep(0.01)
        except (TimeoutError, RefusedError) as error:
            left, _ = await self.engine.counts()
            log.error("orders left open at the stop: %d (%r)", left, error)


def _named(wanted: str | list[str]) -> list[str] | None:
    return None if isinstance(wanted, str) else list(wanted)


def _tell_dangers(engine: Engine) -> None:
    """What a start found that a person has to look at before he trusts what runs now."""
    native = engine.native
    if native.clock_ahead_ns > 0:
        log.error(
            "journal time is %.3f s ahead of the clock, and stays so until the next start: "
            "gtd orders and the trading day end that much earlier",
            native.clock_ahead_ns / 1e9,
        )
    if reason := native.recovery["halted_for"]:
        log.error(
            "the firm is halted until a named person enables it: %s; notes of the recovery: %s",
            reason,
            "; ".join(native.recovery["notes"]),
        )
