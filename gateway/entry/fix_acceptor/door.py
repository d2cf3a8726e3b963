"""The listener with its counterparties: opens and closes sessions, turns the events of orders into
calls of the services, and ends in order. What a message means is the services' business.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import structs

from gateway.config.fix import (
    DROP_COPIES_MAX,
    CounterpartySettings,
    FixSchedule,
    SessionPolicy,
    policy_of,
)
from gateway.core.engine import Engine
from gateway.core.fix_store import FixJournal
from gateway.entry.fix_acceptor.application import DoorApplication
from gateway.entry.fix_acceptor.context import FixService, SessionContext
from gateway.entry.fix_acceptor.event_pump import EventPump
from gateway.entry.fix_acceptor.held_store import HeldStore
from gateway.entry.fix_acceptor.order_event import OrderEvent
from gateway.entry.fix_acceptor.order_tracks import OrderTracks
from gateway.entry.keys import KeyRing
from gateway.execution.router import Router
from gateway.transport.fix_session import (
    AcceptorSettings,
    FixAcceptor,
    FixSession,
    LineLimits,
    Peer,
    Rules,
    Schedule,
    SessionIdentity,
    SessionSettings,
)
from gateway.transport.fix_session.failed_logons import FailedLogons

__all__ = ["FixDoor", "FixTerms"]

log = logging.getLogger(__name__)

_FAILED_SECONDS = 1.0
_LAST_SECONDS = 0.1  # at the stop, when the time is over
_TURNS_AT_ONCE = 8  # of the event pump
_TICK_SECONDS = 0.02  # for orders of other doors, and when the journal had no room


class FixTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the door is opened with."""

    sender_comp_id: str
    sessions: Mapping[str, CounterpartySettings]
    policy: SessionPolicy = SessionPolicy()  # of sessions that say nothing else
    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    allowed: tuple[str, ...] = ()
    connections_max: int = 12_000
    awaited_per_address_max: int = 1_000
    failed_logons_per_minute: int = 10
    logon_seconds_max: float = 10.0
    limits: LineLimits = LineLimits()


class FixDoor:
    """Every FIX counterparty of a daemon. Event-loop thread only."""

    def __init__(
        self,
        engine: Engine,
        routers: Sequence[Router],
        keys: KeyRing,
        terms: FixTerms,
        *,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self.engine = engine
        self.terms = terms
        self._routers, self._keys = routers, keys
        self._now_ns = engine.wall_ns
        self.services: list[FixService] = []
        self.counters: Counter[str] = Counter()
        self.contexts: dict[str, SessionContext] = {}
        self.journal = FixJournal(engine.native)
        self.tracks = OrderTracks(engine.order, engine.scales)
        self.pump = EventPump(engine, self.journal, self.tracks, now_ns=self._now_ns())
        self.pump.hear(self._happened)
        self.application = DoorApplication(
            self.services,
            keys,
            is_ready=is_ready,
            on_done=self.tell_events,
            on_failed_logon=self._logon_failed,
        )
        self.on_logon_refused: Callable[[SessionContext, str], None] = lambda context, why: None
        self._failures = FailedLogons(terms.failed_logons_per_minute)
        self._peers: dict[SessionIdentity, Peer] = {}
        self._acceptor: FixAcceptor | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._unlisten: list[Callable[[], None]] = []
        self._is_turn_due = False

    # -- life -------------------------------------------------------------------------------------

    def plug(self, service: FixService) -> None:
        """Before `start`."""
        self.services.append(service)

    @property
    def port(self) -> int:
        """Where it listens, 0 when it does not."""
        return self._acceptor.port if self._acceptor is not None else 0

    async def start(self) -> None:
        """Tell what an earlier process left untold, then listen."""
        self.application.learn_handlers()
        for name, settings in self.terms.sessions.items():
            self.open(name, settings)
        await self._catch_up()
        for router in self._routers:
            self._unlisten.append(router.listen(lambda _: self._turn_soon()))
        terms = self.terms
        self._acceptor = FixAcceptor(
            [context.session for context in self.contexts.values()],
            AcceptorSettings(
                host=terms.host,
                port=terms.port,
                tls=terms.tls,
                allowed=terms.allowed,
                connections_max=terms.connections_max,
                awaited_per_address_max=terms.awaited_per_address_max,
                failed_logons_per_minute=terms.failed_logons_per_minute,
                logon_timeout_s=terms.logon_seconds_max,
                limits=terms.limits,
            ),
            now_ns=self._now_ns,
            admits=self._admits,
        )
        await self._acceptor.start()
        self._tasks.append(asyncio.get_running_loop().create_task(self._keep_turning()))

    async def stop(self, seconds_max: float = 3.0) -> None:
        """Finish what was taken, log everybody out, close."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + seconds_max
        await self._settle(seconds_max)
        self.tell_events()
        if self._acceptor is not None:
            await self._acceptor.stop(max(_LAST_SECONDS, end_s - loop.time()))
        await self._settle(_LAST_SECONDS)  # what came meanwhile
        for queue in self.application.queues():
            await queue.end()
        self.tell_events()
        unlisten, self._unlisten = self._unlisten, []
        for end in unlisten:
            end()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _settle(self, seconds_max: float) -> None:
        """What the sessions have taken so far, as far as it is handled in time."""
        queues = self.application.queues()
        try:
            async with asyncio.timeout(seconds_max):
                await asyncio.gather(*(queue.settle() for queue in queues))
        except TimeoutError:
            log.warning("%d messages are not handled in time", sum(map(len, queues)))

    # -- sessions ---------------------------------------------------------------------------------

    def open(self, name: str, settings: CounterpartySettings) -> SessionContext:
        """A counterparty that may log on from now on. ValueError: its names are taken."""
        if why := self.clash(name, settings):
            raise ValueError(why)
        identity = self._identity(settings)
        inner = self.journal.open(str(identity), now_ns=self._now_ns())
        store = HeldStore(inner, self.pump)
        policy = policy_of(settings, self.terms.policy)
        session = FixSession(_layer(identity, settings, policy), store, self.application)
        context = SessionContext(name, settings, session, store, self._now_ns)
        self.contexts[name] = context
        self.application.add(context)
        if settings.kind == "order_entry":
            self._follow(settings.principal)
        if self._acceptor is not None:
            self._acceptor.add(session)
        for service in self.services:
            service.opened(context)
        return context

    def _follow(self, principal: str) -> None:
        """Its orders from now on; at run time also those it has already, as they stand."""
        is_new = principal not in self.pump.followed
        self.pump.follow(principal)
        if self._acceptor is None or not is_new:
            return  # `_catch_up` has them, or they are followed
        for row in self.engine.native.orders():
            if row["principal"] == principal:
                self.pump.include(int(row["order_id"]))

    def clash(self, name: str, settings: CounterpartySettings) -> str:
        """Which session stands in the way of a new one, "" for none."""
        kinds = [known.settings.kind for known in self.contexts.values()]
        if settings.kind == "drop_copy" and kinds.count("drop_copy") >= DROP_COPIES_MAX:
            return f"there are {DROP_COPIES_MAX} drop copies, as many as hear of one event together"
        identity, is_entry = self._identity(settings), settings.kind == "order_entry"
        for known in self.contexts.values():
            if known.name == name or known.session.identity == identity:
                return f"session {known.name} has the same name or CompIDs"
            is_other_entry = known.settings.kind == "order_entry"
            if is_entry and is_other_entry and known.settings.principal == settings.principal:
                return f"session {known.name} enters the orders of this principal"
        return ""

    def _identity(self, settings: CounterpartySettings) -> SessionIdentity:
        ours = settings.sender_comp_id or self.terms.sender_comp_id
        return SessionIdentity(settings.begin_string, ours, settings.target_comp_id)

    async def close(self, name: str, reason: str) -> None:
        """No logon any more; a live line is logged out. KeyError: no such session."""
        context = self.contexts.pop(name)
        identity = context.session.identity
        if self._acceptor is not None:
            self._acceptor.remove(identity, reason)
        await self.application.remove(identity).settle()
        for service in self.services:
            service.closed(context)
        context.store.flush()
        context.store.close()

    def check_keys(self) -> None:
        """After a reload: who logged on by a key that changed is logged out."""
        for context in self.contexts.values():
            who = context.identity
            if who is None or not context.settings.password or not context.session.is_logged_on:
                continue
            known = self._keys.of(who.key_id)
            scopes = frozenset(context.settings.scopes)
            is_same = known is not None and known.principal == who.principal
            if known is None or not is_same or who.scopes != known.scopes & scopes:
                context.bar = "the key was revoked"
                context.session.logout("The key was revoked", self._now_ns())

    def _admits(self, session: FixSession, peer: Peer) -> bool:
        """Before its Logon is judged: the certificate, and who failed too often."""
        context = self._context(session.identity)
        if context is None or self._failures.is_over(_who(context, peer), self._now_ns()):
            return False
        wanted = context.settings.certificate_name
        if wanted and peer.certificate_name != wanted:
            log.warning("%s: certificate of %r", context.name, peer.certificate_name)
            return False
        self._peers[session.identity] = peer
        return True

    def _logon_failed(self, context: SessionContext, why: str) -> None:
        now_ns = self._now_ns()
        self.on_logon_refused(context, why)
        self.counters["refused_logons"] += 1
        peer = self._peers[context.session.identity]
        self._failures.add(_who(context, peer), now_ns)
        if self._acceptor is not None:
            self._acceptor.penalise(peer.address)

    def _context(self, identity: SessionIdentity) -> SessionContext | None:
        found = (each for each in self.contexts.values() if each.session.identity == identity)
        return next(found, None)

    # -- events -----------------------------------------------------------------------------------

    def tell_events(self) -> None:
        """What the journal has by now, as far as one loop turn may take; the rest soon."""
        self.tell_now()

    def tell_now(self) -> bool:
        """As `tell_events`; whether there is a rest."""
        newest = self.engine.native.sequence
        for _ in range(_TURNS_AT_ONCE):
            if not self.pump.turn() or self.pump.is_past(newest):
                return False
        self._turn_soon()
        return True

    def _happened(self, event: OrderEvent) -> None:
        for service in self.services:
            try:
                service.happened(event)
            except Exception:  # one service's fault must not silence the others, nor later events
                log.exception("event %d is not told by %r", event.sequence, service)
                self.counters["untold"] += 1

    async def _catch_up(self) -> None:
        """Orders of followed principals that are older than this process."""
        followed = self.pump.followed
        rows: list[dict[str, Any]] = []
        async for page in self.engine.order_pages(open_only=False):
            rows += [row for row in page if row["principal"] in followed]
        self.pump.watch(rows)
        while self.tell_now():  # noqa: ASYNC110 the others have their turn
            await asyncio.sleep(0)

    def _turn_soon(self) -> None:
        """Once per loop turn, however many notices it has."""
        if not self._is_turn_due:
            self._is_turn_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_turn_due = False
        if self.pump.turn():
            self._turn_soon()

    async def _keep_turning(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            try:
                self._turn()
            except Exception:
                log.exception("events of orders cannot be read; it is tried again")
                await asyncio.sleep(_FAILED_SECONDS)

    def counts(self) -> dict[str, int]:
        """For the counters file: `fix:SESSION:COUNT`, and `fix::COUNT` of the door."""
        found = {f"fix::{name}": count for name, count in self.counters.items()}
        found["fix::events_told"] = self.pump.told
        if self._acceptor is not None:
            row = self._acceptor.row()
            found |= {"fix::connections": row["connections"], "fix::refused": row["refused"]}
        for name, context in self.contexts.items():
            found |= {f"fix:{name}:{key}": count for key, count in context.counts().items()}
        return found


def _who(context: SessionContext, peer: Peer) -> str:
    """Whose failures are counted: those of others must not shut out the rightful owner."""
    return f"{context.name} {peer.address}"


def _layer(
    identity: SessionIdentity, settings: CounterpartySettings, policy: SessionPolicy
) -> SessionSettings:
    """As the session layer takes them."""
    return SessionSettings(
        identity=identity,
        rules=Rules(accepts_user_fields=settings.accept_user_fields),
        heartbeat_s=min(30, settings.heartbeat_seconds_max),
        heartbeat_s_max=settings.heartbeat_seconds_max,
        heartbeat_s_min=1,  # who dies silently must be noticed
        is_reset_on_logon=policy.reset_on_logon,
        is_reset_on_logout=policy.reset_on_logout,
        is_reset_on_disconnect=policy.reset_on_disconnect,
        is_reset_accepted=policy.reset_accepted,
        is_reset_at_start=policy.reset_at_start,
        resend_chunk=policy.resend_page,
        schedule=_schedule(policy.schedule),
        has_next_expected=settings.next_expected,
        has_last_processed=settings.last_processed,
    )


def _schedule(chosen: FixSchedule) -> Schedule:
    """The same words; a setting that the session layer does not have is a TypeError."""
    return Schedule(**structs.asdict(chosen) | {"days": tuple(chosen.days)})
