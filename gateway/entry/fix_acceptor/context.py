"""What a service sees of a session: who is there, what it may do, and how to send to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from gateway.api import RefusedError
from gateway.config.fix import CounterpartySettings
from gateway.entry.fix_acceptor.held_store import HeldStore
from gateway.entry.fix_acceptor.order_event import OrderEvent
from gateway.entry.keys import Identity
from gateway.transport.fix_codec import FixCodec
from gateway.transport.fix_session import (
    BusinessReject,
    Field,
    FixMessage,
    FixSession,
    format_time,
)
from gateway.transport.fix_session.answers import business_reject

__all__ = ["FixService", "Handler", "QuietService", "SessionContext"]

_SESSION_COUNTS = ("sent", "resent", "received", "garbled", "rejected", "duplicates")
Body = Sequence[Field] | Callable[[int], bytes]


async def _settled() -> int:
    """Nothing was taken yet."""
    return 0


class SessionContext:
    """One counterparty's session for as long as it is configured. Event-loop thread only."""

    def __init__(
        self,
        name: str,
        settings: CounterpartySettings,
        session: FixSession,
        store: HeldStore,
        clock: Callable[[], int],
    ) -> None:
        self.name = name
        self.settings = settings
        self.session = session
        self.store = store
        self.now_ns = clock
        self.counters: Counter[str] = Counter()
        self.settle: Callable[[], Awaitable[int]] = _settled  # what was taken is handled; when
        self.bar = ""  # why no new risk is taken until the next Logon, "" when it is
        self.identity: Identity | None = None  # of the Logon; None before the first
        self.codec = FixCodec(
            begin_string=session.identity.begin_string,
            sender=session.identity.sender_comp_id,
            target=session.identity.target_comp_id,
            sender_sub=settings.sender_sub_id,
            target_sub=settings.target_sub_id,
            precision=session.settings.digits,
        )

    @property
    def who(self) -> Identity:
        """Whose messages these are. RefusedError before the first Logon."""
        if self.identity is None:
            raise RefusedError("NOT_AUTHENTICATED", rule="log on first")
        return self.identity

    @property
    def why_barred(self) -> str:
        """Why nothing that takes new risk is taken any more, "" when it is."""
        return self.bar or ("" if self.settings.enabled else "the session is disabled")

    @property
    def version(self) -> int:
        """42, 44 or 50 (FIXT.1.1 with FIX 5.0 SP2)."""
        return self.session.identity.version

    @property
    def last_processed(self) -> int:
        """369 of what is built outside of the session layer; 0 = the session does not use it."""
        return self.store.next_expected - 1 if self.settings.last_processed else 0

    def send(self, message_type: bytes, body: Body) -> int:
        """Send an application message, kept for the next logon when nobody is there; its number.
        `body` are fields, or a call that builds the whole message for a number. An answer and the
        number of its question are journaled together: nothing is flushed here, the event pump
        does it at its next turn."""
        self.counters["messages_out"] += 1
        self.store.keep(is_keeping=True)
        try:
            return self.session.send(message_type, body, self.now_ns(), is_kept_when_down=True)
        finally:
            self.store.keep(is_keeping=False)

    def time_now(self) -> bytes:
        """As 52 and 60 say it."""
        return format_time(self.now_ns(), self.session.settings.digits)

    def refuse(self, message: FixMessage, answer: BusinessReject) -> None:
        """Answer 35=j."""
        self.counters["business_rejects"] += 1
        number = message.number or 0
        self.send(*business_reject(message, answer, number, self.session.settings))

    def may_use(self, kind: str, name: str) -> bool:
        """Whether the session's own list of `accounts`, `strategies` or `instruments` has it."""
        allowed = getattr(self.settings, kind)
        return allowed == "all" or name in allowed

    def counts(self) -> dict[str, int]:
        """Of this session since the start."""
        row = self.session.row()
        own = {name: int(row[name]) for name in _SESSION_COUNTS}
        own["logged_on"] = int(self.session.is_logged_on)
        return own | dict(self.counters)

    def row(self) -> dict[str, Any]:
        """For status and the command line."""
        return {
            "name": self.name,
            "kind": self.settings.kind,
            "principal": self.settings.principal,
            "enabled": self.settings.enabled,
            "is_session_time": self.session.settings.schedule.is_open(self.now_ns()),
            **self.session.row(),
            **self.counters,
        }


Handler = Callable[[SessionContext, FixMessage], Awaitable[BusinessReject | None]]


class FixService(Protocol):
    """A part of the door; see the package's docstring."""

    def handlers(self) -> Mapping[bytes, Handler]: ...
    def opened(self, context: SessionContext) -> None: ...
    def closed(self, context: SessionContext) -> None: ...
    def logged_on(self, context: SessionContext) -> None: ...
    def logged_out(self, context: SessionContext, reason: str) -> None: ...
    def happened(self, event: OrderEvent) -> None: ...


class QuietService:
    """Takes no message and hears nothing."""

    def handlers(self) -> Mapping[bytes, Handler]:
        return {}

    def opened(self, context: SessionContext) -> None:
        return None

    def closed(self, context: SessionContext) -> None:
        return None

    def logged_on(self, context: SessionContext) -> None:
        return None

    def logged_out(self, context: SessionContext, reason: str) -> None:
        return None

    def happened(self, event: OrderEvent) -> None:
        return None
