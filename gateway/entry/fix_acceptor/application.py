"""What stands behind every session of the door: judges logons, throttles, and hands each message to
its handler. Must never let a peer learn why its logon was refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from gateway.api import RefusedError
from gateway.entry.fix_acceptor.context import FixService, Handler, SessionContext
from gateway.entry.fix_acceptor.message_queue import MessageQueue, barred
from gateway.entry.keys import Identity, KeyRing
from gateway.entry.token_bucket import TokenBucket
from gateway.transport.fix_session import (
    UNSUPPORTED,
    BusinessReject,
    FixMessage,
    FixSession,
    QuietApplication,
    SessionIdentity,
)

__all__ = ["DoorApplication"]

log = logging.getLogger(__name__)

_WITHOUT_A_WORD = ""  # who is not known uses up no number of ours and sees none
_UNTHROTTLED = frozenset((b"F", b"q"))  # what takes risk away
_THROTTLED_MAX = 100  # in a row, then the session is logged out
_SENDER_SUB_ID, _TARGET_SUB_ID, _RAW_DATA, _USERNAME, _PASSWORD = 50, 57, 96, 553, 554
_SECOND_NS = 1_000_000_000


class _Place:
    """A session with what the application keeps for it."""

    def __init__(self, context: SessionContext, queue: MessageQueue) -> None:
        self.context, self.queue = context, queue
        settings = context.settings
        now = context.now_ns() / _SECOND_NS
        self.bucket = TokenBucket(settings.messages_per_second, settings.message_burst, now)
        self.throttled = 0


class DoorApplication(QuietApplication):
    """`on_done` runs after handled messages (message_queue); `on_failed_logon` for every refused
    Logon."""

    def __init__(
        self,
        services: Sequence[FixService],
        keys: KeyRing,
        *,
        is_ready: Callable[[], bool],
        on_done: Callable[[], None],
        on_failed_logon: Callable[[SessionContext, str], None],
    ) -> None:
        self._services, self._keys = services, keys
        self._is_ready, self._on_done = is_ready, on_done
        self._on_failed_logon = on_failed_logon
        self._places: dict[SessionIdentity, _Place] = {}
        self._handlers: dict[bytes, Handler] = {}

    def learn_handlers(self) -> None:
        """From the services. ValueError when two want the same message."""
        for service in self._services:
            found: Mapping[bytes, Handler] = service.handlers()
            if twice := found.keys() & self._handlers.keys():
                raise ValueError(f"two services for {sorted(twice)}")
            self._handlers.update(found)

    def add(self, context: SessionContext) -> None:
        """A session that may now log on."""
        queue = MessageQueue(context, self._on_done)
        context.settle = queue.settle
        self._places[context.session.identity] = _Place(context, queue)

    def remove(self, identity: SessionIdentity) -> MessageQueue:
        """What is still under work there."""
        place = self._places.pop(identity)
        place.context.bar = "the session is removed"
        return place.queue

    def queues(self) -> list[MessageQueue]:
        """Of all sessions."""
        return [place.queue for place in self._places.values()]

    # -- called by the session --------------------------------------------------------------------

    def check_logon(self, session: FixSession, logon: FixMessage) -> str | None:
        place = self._places.get(session.identity)
        if place is None:
            return _WITHOUT_A_WORD
        context = place.context
        why = self._why_refused(context, logon)
        if why is None:
            context.bar = ""
            return None
        log.warning("%s: logon refused: %s", context.name, why)
        context.counters["refused_logons"] += 1
        self._on_failed_logon(context, why)
        return _WITHOUT_A_WORD

    def on_logon(self, session: FixSession) -> None:
        place = self._places[session.identity]
        place.context.counters["logons"] += 1
        for service in self._services:
            service.logged_on(place.context)

    def on_logout(self, session: FixSession, reason: str) -> None:
        place = self._places.get(session.identity)
        if place is None:
            return
        place.context.counters["logouts"] += 1
        for service in self._services:
            service.logged_out(place.context, reason)

    def on_message(
        self, session: FixSession, message: FixMessage, now_ns: int
    ) -> BusinessReject | None:
        place = self._places.get(session.identity)
        if place is None:
            return BusinessReject(4, "SHUTTING_DOWN: the session is disabled")
        context = place.context
        context.counters["messages_in"] += 1
        handler = self._handlers.get(message.message_type)
        if handler is None:
            return UNSUPPORTED
        fault = self._fault(place, message, now_ns)
        if fault is None:
            place.queue.put(handler, message)
        else:
            context.counters["business_rejects"] += 1
        return fault

    def on_reject(self, session: FixSession, message: FixMessage) -> None:
        place = self._places.get(session.identity)
        if place is not None:
            place.context.counters["rejected_by_peer"] += 1

    # -- judging ----------------------------------------------------------------------------------

    def _why_refused(self, context: SessionContext, logon: FixMessage) -> str | None:
        """For the log alone."""
        settings = context.settings
        if not self._is_ready():
            return "the gateway is not ready"
        if not settings.enabled:
            return "the session is disabled"
        if not _has_sub_ids(context, logon):
            return "other SubIDs"
        if not settings.password:  # the certificate said who it is (checks.py)
            scopes = frozenset(map(str, settings.scopes))
            allowed = self._keys.scopes_of(settings.principal)
            context.identity = Identity(context.name, settings.principal, scopes & allowed)
            return None
        try:
            found = self._keys.authenticate(_token(logon))
        except RefusedError:
            return "another password"
        if found.principal != settings.principal:
            return "the key of another principal"
        context.identity = Identity(
            found.key_id, found.principal, found.scopes & frozenset(settings.scopes)
        )
        return None

    def _fault(self, place: _Place, message: FixMessage, now_ns: int) -> BusinessReject | None:
        context = place.context
        if not _has_sub_ids(context, message):
            return BusinessReject(0, "NOT_PERMITTED: other SubIDs than the session's")
        if answer := barred(context, message):
            return answer
        if message.message_type in _UNTHROTTLED or place.bucket.take(now_ns / _SECOND_NS):
            place.throttled = 0
            return None
        place.throttled += 1
        context.counters["throttled"] += 1
        most = context.settings.messages_per_second
        if place.throttled >= _THROTTLED_MAX:
            context.session.logout(f"TOO_MANY_REQUESTS: at most {most} per second", now_ns)
        return BusinessReject(0, f"TOO_MANY_REQUESTS: at most {most} messages per second")


def _has_sub_ids(context: SessionContext, message: FixMessage) -> bool:
    settings = context.settings
    if not settings.target_sub_id and not settings.sender_sub_id:
        return True
    pairs = ((_SENDER_SUB_ID, settings.target_sub_id), (_TARGET_SUB_ID, settings.sender_sub_id))
    return all(not want or message.get(tag) == want.encode() for tag, want in pairs)


def _token(logon: FixMessage) -> str:
    """553 and 554; 4.2 has neither and says KEYID.SECRET in 96."""
    if logon.get(_PASSWORD) is None and logon.get(_RAW_DATA) is not None:
        return (logon.get(_RAW_DATA) or b"").decode("latin-1")
    name, secret = (logon.get(tag) or b"" for tag in (_USERNAME, _PASSWORD))
    return f"{name.decode('latin-1')}.{secret.decode('latin-1')}"
