"""One venue from connect to close: adapter, session, sender, reconciliation and their tasks.

New orders flow only after a reconciliation that came after the last gap; cancels flow at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from gateway.api import RefusedError, VenueAdapter, VenueError, VenueUnavailable
from gateway.core.drive import Drive
from gateway.core.engine import Engine, is_unknown
from gateway.core.refusals import describe_number
from gateway.core.vocabulary import CancelReason, VenueSessionState
from gateway.market import MarketHost
from gateway.venues.breaks import Break, BreakLedger
from gateway.venues.client_order_ids import epoch_of
from gateway.venues.dead_man import DeadMan
from gateway.venues.health import VenueHealth
from gateway.venues.isolated.host import IsolatedAdapter
from gateway.venues.outbound import Outbound
from gateway.venues.reconcile import AccountTerms, Reconciler
from gateway.venues.session import VenueSession

__all__ = ["VenueLink"]

log = logging.getLogger(__name__)

Row = dict[str, Any]
# A difference that is new is looked at once more so soon: most of them are a matter of time.
_RECHECK_SECONDS = 2.0
_QUARANTINE_SECONDS = 1.0  # between two looks at a counter
_BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class NotReconciledError(VenueError):
    """The comparison ended and the venue has to stay closed."""


class VenueLink:
    """Runs one adapter. Event-loop thread only."""

    def __init__(
        self,
        venue: str,
        engine: Engine,
        drive: Drive,
        adapter: VenueAdapter,
        accounts: Sequence[AccountTerms],
        *,
        adapter_name: str = "",
        reconcile_timeout_seconds: float = 30.0,
        reconcile_interval_seconds: float = 0.0,
        dead_man_ms: int = 0,
        market: MarketHost | None = None,
        ledger: BreakLedger | None = None,
        on_instruments: Callable[[], None] = lambda: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.health = VenueHealth(venue, adapter_name or adapter.capabilities.venue)
        if isinstance(adapter, IsolatedAdapter):
            self.health.process = adapter.row
        if callable(counts := getattr(adapter, "counts", None)):
            self.health.adapter_counts = counts
        self._market = market
        if market is not None:
            self.health.market_counts = market.counts
        self._engine = engine
        self._drive = drive
        self._adapter = adapter
        self._timeout_seconds = reconcile_timeout_seconds
        self._interval_seconds = reconcile_interval_seconds
        self._jitter = jitter
        native = engine.open_venue_port(venue)
        manifest = adapter.capabilities
        self.session = VenueSession(
            venue, engine, native, drive=drive, manifest=manifest, health=self.health
        )
        self.outbound = Outbound(self.session, native, adapter)
        self.reconciler = Reconciler(
            self.session,
            self.outbound,
            adapter,
            accounts,
            ledger=ledger,
            on_instruments=on_instruments,
        )
        names = [account.name for account in accounts]
        self._dead_man = DeadMan(self.health, adapter, names, dead_man_ms)
        self._boot_epoch = engine.native.epoch
        self._has_gone_sessions = False
        # What makes the main task go on: a gap that was closed, new instruments, somebody's wish.
        self._wanted = asyncio.Event()
        self._instruments_wanted = False
        self._waiters: list[asyncio.Future[list[str]]] = []
        self._news = asyncio.Event()
        self._known_breaks: set[str] = set()
        self._is_recheck_due = False
        self._one_run = asyncio.Lock()  # of the reconciler at a time
        self._tasks: list[asyncio.Task[None]] = []
        self.session.on_gap_closed = self._want_reconciliation
        self.session.on_instruments_changed = self._want_instruments
        self.session.forced_closes.on_expired = self._news.set
        drive.watch(native, self._on_wake)

    def start(self) -> None:
        """Connect and reconcile in the background; failures are retried with back-off."""
        self.session.state(VenueSessionState.DOWN, "starting")
        loop = asyncio.get_running_loop()
        name = self.health.name
        self._tasks = [
            loop.create_task(self._connect_and_reconcile(), name=f"reconcile {name}"),
            loop.create_task(self._watch_unknown(), name=f"unknown {name}"),
            loop.create_task(self._watch_timeouts(), name=f"timeouts {name}"),
            loop.create_task(self._watch_quarantine(), name=f"quarantine {name}"),
        ]

    async def close(self, timeout_seconds: float) -> None:
        """Stop tasks, let running sends end, disconnect."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for waiter in self._waiters:
            waiter.cancel()
        await self.outbound.close(timeout_seconds)
        self.health.set("stopped", "the gateway stops", self._engine.now_ns())
        self.session.state(VenueSessionState.DOWN, "stopped")
        await self._dead_man.disarm(timeout_seconds)
        if self._market is not None:
            await self._market.stop()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._adapter.close()
        except Exception as error:  # a broken adapter must not keep the others from stopping
            log.error("%s: close failed: %r", self.health.name, error)
        await self.session.drain()

    def _on_wake(self) -> None:
        self.session.flush()
        self.outbound.pump()

    async def reconcile_now(self) -> list[str]:
        """Compare everything again while orders flow; the open breaks. Waits for the run."""
        if not self.health.is_reconciled:
            raise VenueUnavailable(f"{self.health.name} is {self.health.state}")
        asked: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._waiters.append(asked)
        self._news.set()
        return await asked

    def break_rows(self, *, open_only: bool = True) -> list[Row]:
        """Differences between the journal and this venue, oldest first."""
        ledger = self.reconciler.ledger
        return [each.row() for each in ledger.open() + ([] if open_only else ledger.resolved())]

    def resolve_break(self, number: str, actor: str, reason: str) -> Row | None:
        """A named person answers for a break; None = no open break has this id. An order in doubt
        is held as any other from then on; a newer loss alone makes it doubtful again."""
        ledger, now_ns = self.reconciler.ledger, self._engine.now_ns()
        broken = next((each for each in ledger.open() if each.id == number), None)
        if broken is not None and broken.finding.kind == "order_in_doubt":
            if not self.reconciler.doubts.never_left(int(broken.finding.subject), is_proof=False):
                raise RefusedError("JOURNAL_BEHIND", field="break_id", value=number)
            found: Break | None = ledger.booked(number, actor, reason, now_ns)
            self._drive.soon()
        else:
            found = ledger.resolve(number, actor, reason, now_ns)
        self.reconciler.tell_breaks()
        return None if found is None else found.row()

    def adopt_break(
        self, number: str, *, actor: str, reason: str, quantity: str, price: str, strategy: str
    ) -> Row | None:
        """A named person takes over the position of a break at a price, or the fill of one as it
        was told, and with it answers for the break; None = no open break has this id. Raises
        RefusedError if it cannot be, or if the difference is not the quantity the person means."""
        ledger = self.reconciler.ledger
        broken = next((each for each in ledger.open() if each.id == number), None)
        if broken is None:
            return None
        found = broken.finding
        if found.kind == "fill_quarantined":
            if strategy not in ("", "EXTERNAL"):
                rule = "a fill goes to the book of its order"
                raise RefusedError("RANGE", field="strategy", value=strategy, rule=rule)
            self.reconciler.quarantined_fills.admit(found, quantity, price)
            return self._booked(number, actor, f"{reason}: {quantity} admitted at {price}")
        if found.kind != "position_differs":
            rule = "only a position or a fill in quarantine can be taken over"
            raise RefusedError("RANGE", field="break_id", value=number, rule=rule)
        if Decimal(quantity) != Decimal(found.difference):
            rule = f"the difference is {found.difference} now"
            raise RefusedError("RANGE", field="quantity", value=quantity, rule=rule)
        self._engine.adopt_position(
            account=found.account,
            instrument=found.instrument,
            leg=found.subject,
            strategy=strategy,
            held=found.ours,
            quantity=found.difference,
            price=price,
            reference=f"{number}:{broken.first_seen_ns}",
            actor=actor,
        )
        return self._booked(number, actor, f"{reason}: {found.difference} adopted at {price}")

    def _booked(self, number: str, actor: str, how: str) -> Row:
        """The row of a break whose difference is booked now."""
        row = self.reconciler.ledger.booked(number, actor, how, self._engine.now_ns()).row()
        self.reconciler.tell_breaks()
        return row

    async def restart_adapter(self) -> list[str]:
        """Hand over to a new process of the adapter and reconcile; the open breaks."""
        adapter = self._adapter
        if not isinstance(adapter, IsolatedAdapter):
            rule = 'its adapter runs inside the daemon: only isolation = "process" can be restarted'
            field = f"venues.{self.health.name}.isolation"
            raise RefusedError("BAD_CONFIG", field=field, value="in_process", rule=rule)
        async with asyncio.timeout(self._timeout_seconds):
            await adapter.hand_over()
            while not self.health.is_reconciled:  # noqa: ASYNC110 another task reconciles
                await asyncio.sleep(0.01)
        return self.health.breaks

    def _want_reconciliation(self) -> None:
        self._wanted.set()
        self._news.set()

    def _want_instruments(self) -> None:
        self._instruments_wanted = True
        self._news.set()

    async def _connect_and_reconcile(self) -> None:
        await self._retry("connecting", self._connect)
        while True:
            gaps = self.session.gaps
            self._wanted.clear()
            self._instruments_wanted = False
            await self._retry("reconciling", self._reconcile)
            await self._stand_by()
            if self.session.gaps != gaps:
                # What was in flight has no known outcome until somebody says so.
                self.outbound.abandon("disconnected")

    async def _stand_by(self) -> None:
        """Until a gap has closed: expiries, instruments and audits as they are wanted."""
        while not self._wanted.is_set():
            self._news.clear()
            if self.session.forced_closes.is_due:
                await self._close_expired()
            elif self._instruments_wanted:
                await self._refresh_instruments()
            elif self._waiters:
                await self._audit()
            else:
                seconds = _RECHECK_SECONDS if self._is_recheck_due else self._interval_seconds
                try:
                    async with asyncio.timeout(seconds or None):
                        await self._news.wait()
                except TimeoutError:
                    if self.health.is_reconciled:
                        await self._audit()

    async def _close_expired(self) -> None:
        """Books of what expired, once the fills are applied and no comparison is under way. A
        failure is looked at again after the next comparison."""
        try:
            async with self._one_run:
                await self.session.drain()
                self.session.forced_closes.close_books()
                await self.reconciler.tell_missing()
            self.reconciler.tell_breaks()
        except Exception as error:  # this task must not end: nothing would be compared any more
            self.session.forced_closes.is_due = False
            self._failed("closing expired books", error)

    async def _refresh_instruments(self) -> None:
        """Nothing in flight is touched. A failure is tried again, each time a little later."""
        self._instruments_wanted = False
        try:
            async with asyncio.timeout(self._timeout_seconds), self._one_run:
                await self.reconciler.define_instruments()
            self.reconciler.tell_breaks()
        except Exception as error:  # an adapter may raise anything; the old rules stand
            self._failed("asking for instruments", error)
            self._instruments_wanted = True
            await asyncio.sleep(1.0 + self._jitter())

    async def _audit(self) -> None:
        """The whole comparison while orders flow. A failure leaves the venue as it is."""
        waiters, self._waiters = self._waiters, []
        outcome: Exception | None = None
        self._is_recheck_due = False
        try:
            async with asyncio.timeout(self._timeout_seconds):
                if not self.health.is_reconciled:
                    raise VenueUnavailable(f"{self.health.name} is {self.health.state}")
                await self._reconcile()
        except NotReconciledError as error:
            outcome = error
            self._want_reconciliation()  # the venue is closed until a run succeeds
        except VenueError as error:
            outcome = error
        except Exception as error:  # an adapter may raise anything
            outcome = VenueError(f"{type(error).__name__}: {error}"[:200])
        if outcome is not None:
            self._failed("reconciliation", outcome)
        self.health.counters["reconciliations"] += outcome is None
        for waiter in waiters:
            if waiter.done():
                continue
            if outcome is None:
                waiter.set_result(self.health.breaks)
            else:
                waiter.set_exception(outcome)

    def _failed(self, what: str, error: Exception) -> None:
        self.health.counters["failures"] += 1
        log.warning("%s: %s failed: %r", self.health.name, what, error)

    async def _connect(self) -> bool:
        self.session.connecting()
        await self._adapter.connect(self.session)
        self._dead_man.start()
        if self._market is not None:
            self._market.start()
        return True

    async def _reconcile(self) -> bool:
        async with self._one_run:
            result = await self.reconciler.run()
        breaks = {each.id for each in self.reconciler.ledger.open()}
        self._is_recheck_due = not breaks <= self._known_breaks
        self._known_breaks = breaks
        if result.is_cut and self.session.is_gap_open:
            return True  # it stays closed until the adapter says that it is connected
        if self._wanted.is_set() or result.is_cut or result.lacking:
            reason = "fills are missing" if result.lacking else "a new gap came meanwhile"
            self.session.state(VenueSessionState.GAP_OPEN, reason)
            self._wanted.clear()
            raise NotReconciledError(reason)
        self.session.forced_closes.look_again()
        self.health.set("reconciled", "", self._engine.now_ns())
        log.info("%s: reconciled; adopted %d", self.health.name, len(result.adopted))
        await self._cancel_for_gone_sessions()
        return True

    async def _cancel_for_gone_sessions(self) -> None:
        """Orders of an earlier boot whose session wanted them canceled at its end: no session
        outlives its process. Asked again until none is left, for a cancel may fail; one whose
        outcome is unknown is settled first."""
        rows = await self._orders_of_gone_sessions()
        self._has_gone_sessions = bool(rows)
        wanted = [row for row in rows if row["pending"] != "cancel" and not is_unknown(row)]
        reason = int(CancelReason.DISCONNECT)
        for row in wanted:
            refusal = self._engine.native.cancel_by_gateway(int(row["order_id"]), reason)
            if refusal:
                code = describe_number(refusal).name
                log.error("order %s of a gone session not canceled: %s", row["order_id"], code)
            self.health.counters["gone_session_cancels"] += not refusal
        if wanted:
            log.warning("%s: canceling %d orders of gone sessions", self.health.name, len(wanted))
            self._drive.soon()

    async def _orders_of_gone_sessions(self) -> list[Row]:
        return [
            row
            async for page in self._engine.order_pages()
            for row in page
            if row["is_cancel_on_disconnect"]
            and row["venue"] == self.health.name
            and epoch_of(int(row["order_id"])) < self._boot_epoch
        ]

    async def _retry(self, state: str, step: Callable[[], object]) -> None:
        """Run a step until it succeeds, with growing waits and jitter."""
        attempt = 0
        while True:
            reason = self.health.reason if attempt else ""
            self.health.set(state, reason, self._engine.now_ns())  # type: ignore[arg-type]
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    await step()  # type: ignore[misc]
                return
            except Exception as error:  # an adapter may raise anything; the venue stays closed
                self.health.reason = f"{type(error).__name__}: {error}"[:200]
                self.health.counters["failures"] += 1
                log.warning("%s: %s failed: %s", self.health.name, state, self.health.reason)
            wait = _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)]
            await asyncio.sleep(wait * (0.5 + self._jitter()))
            attempt += 1

    async def _watch_unknown(self) -> None:
        """Keep asking while an outcome is unknown, or an order of a gone session is open: at once,
        then less and less often."""
        attempt = 0
        while True:
            wait = _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)]
            await asyncio.sleep(wait * (0.5 + self._jitter()))
            is_wanted = self._has_gone_sessions or await self._has_unknown()
            if not self.health.is_reconciled or not is_wanted:
                attempt = 0
                continue
            attempt += 1
            try:
                async with asyncio.timeout(self._timeout_seconds), self._one_run:
                    left = await self.reconciler.resolve()
                self.health.unsettled = [str(each) for each in left]
                if self._has_gone_sessions:
                    await self._cancel_for_gone_sessions()
            except Exception as error:  # the venue did not answer: still unknown
                self.health.counters["failures"] += 1
                log.warning("%s: asking again failed: %r", self.health.name, error)

    async def _has_unknown(self) -> bool:
        if self.reconciler.doubts.is_any:
            return True
        if not self.health.counters["unknown_outcomes"] and not self.health.unsettled:
            return False
        venue = self.health.name
        async for page in self._engine.order_pages(unknown_only=True):
            if any(row["venue"] == venue for row in page):
                return True
        if self.health.is_reconciled:
            self.health.unsettled = []  # the stream told what became of them
        return False

    async def _watch_timeouts(self) -> None:
        period = max(0.02, min(0.25, self.session.manifest.ack_timeout_ms / 4000))
        while True:
            await asyncio.sleep(period)
            try:
                self.outbound.expire()
            except Exception as error:  # without this task no outcome would ever be unknown
                self._failed("looking for overdue answers", error)

    async def _watch_quarantine(self) -> None:
        """What the engine would not book is a break at once, not at the next comparison."""
        while True:
            await asyncio.sleep(_QUARANTINE_SECONDS)
            try:
                self.reconciler.tell_quarantined_fills()
            except Exception as error:  # the next comparison tells
                self._failed("telling of quarantined fills", error)
