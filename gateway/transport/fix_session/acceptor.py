"""The listener for many counterparties: routes each line to its session by the first Logon.

Who is not known, not allowed or not in time is disconnected without a word. Must never let a second
line into a session that has one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gateway.transport.fix_session.failed_logons import FailedLogons
from gateway.transport.fix_session.line import FixLine, LineLimits, Peer
from gateway.transport.fix_session.message import FixMessage
from gateway.transport.fix_session.session import FixSession
from gateway.transport.fix_session.settings import SessionIdentity
from gateway.transport.fix_session.states import SessionState
from gateway.transport.fix_session.tags import MessageType, Tag
from gateway.transport.fix_session.tls_listener import TlsListener, one_less

__all__ = ["AcceptorSettings", "FixAcceptor"]

_LOG = logging.getLogger(__name__)
_NO_LOGON = "no Logon in time"  # the line's reason


@dataclass(frozen=True, kw_only=True)
class AcceptorSettings:
    """Where and whom. An empty allow-list lets every address in."""

    host: str = "127.0.0.1"
    port: int = 0  # 0 = chosen by the kernel
    tls: ssl.SSLContext | None = None
    allowed: tuple[str, ...] = ()  # addresses and networks
    connections_max: int = 12_000
    awaited_per_address_max: int = 1_000  # connections whose Logon has not come
    failed_logons_per_minute: int = 0  # of one address, then it waits; 0 = no limit
    logon_timeout_s: float = 10.0
    limits: LineLimits = field(default_factory=LineLimits)


class FixAcceptor:
    """`admits(session, peer)` may refuse a known session to a peer (certificate, address)."""

    def __init__(
        self,
        sessions: Iterable[FixSession],
        settings: AcceptorSettings,
        *,
        now_ns: Callable[[], int],
        admits: Callable[[FixSession, Peer], bool] = lambda session, peer: True,
    ) -> None:
        self._settings = settings
        self._now_ns = now_ns
        self._admits = admits
        self._networks = [ipaddress.ip_network(each, strict=False) for each in settings.allowed]
        self._sessions: dict[SessionIdentity, FixSession] = {}
        self._lines: set[FixLine] = set()
        self._failures = FailedLogons(settings.failed_logons_per_minute)
        self._server: asyncio.Server | None = None
        self._secured: TlsListener | None = None
        self._unnamed: set[FixLine] = set()  # no Logon came yet
        self._awaited: Counter[str] = Counter()  # address -> those
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self.refused = 0
        for session in sessions:
            self.add(session)

    @property
    def port(self) -> int:
        """Where it listens, 0 when it does not."""
        if self._secured is not None:
            return self._secured.port
        if self._server is None or not self._server.sockets:
            return 0
        return int(self._server.sockets[0].getsockname()[1])

    def add(self, session: FixSession) -> None:
        """At run time too. ValueError for one that is there."""
        if session.identity in self._sessions:
            raise ValueError(f"session {session.identity} stands twice")
        self._sessions[session.identity] = session

    def remove(self, identity: SessionIdentity, reason: str = "disabled") -> FixSession:
        """No new logons; a live line is logged out. KeyError for one that is not there."""
        session = self._sessions.pop(identity)
        session.logout(reason, self._now_ns())
        return session

    def penalise(self, address: str) -> None:
        """A Logon from there was refused by the application, or never came to be one: it counts as
        a failed one."""
        self._failures.add(address, self._now_ns())

    def session(self, identity: SessionIdentity) -> FixSession:
        """KeyError for one that is not there."""
        return self._sessions[identity]

    async def start(self) -> None:
        """Listen."""
        settings = self._settings
        if settings.tls is None:
            self._server = await asyncio.get_running_loop().create_server(
                self._make_line, settings.host, settings.port, backlog=1024
            )
            return
        self._secured = TlsListener(
            settings.tls,
            self._make_line,
            handshake_seconds_max=settings.logon_timeout_s,
            is_welcome=self._is_welcome,
            on_failure=self.penalise,
        )
        await self._secured.start(settings.host, settings.port)

    async def stop(self, timeout_s: float = 3.0) -> None:
        """Log everybody out, wait for the answers, close."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        secured, self._secured = self._secured, None
        if secured is not None:
            await secured.stop()
        now_ns = self._now_ns()
        for line in list(self._lines):
            if line.session is None:
                line.cut("stopping")
            else:
                line.session.logout("", now_ns)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._is_empty.wait()
        for line in list(self._lines):
            line.cut("stopping")
        await self._is_empty.wait()

    def row(self) -> dict[str, Any]:
        """For status."""
        return {
            "port": self.port,
            "connections": len(self._lines),
            "refused": self.refused,
            "sessions": [each.row() for each in self._sessions.values()],
        }

    def _make_line(self) -> FixLine:
        return FixLine(
            now_ns=self._now_ns,
            limits=self._settings.limits,
            route=self._route,
            logon_timeout_s=self._settings.logon_timeout_s,
            on_start=self._started,
            on_end=self._ended,
        )

    def _started(self, line: FixLine) -> bool:
        address = line.peer.address
        is_secured = self._secured is not None  # and was welcome before its handshake
        is_welcome = is_secured or self._is_welcome(address)
        self._lines.add(line)
        self._unnamed.add(line)
        self._awaited[address] += 1
        self._is_empty.clear()
        return is_welcome and not self._failures.is_over(address, self._now_ns())

    def _named_or_gone(self, line: FixLine) -> None:
        if line in self._unnamed:
            self._unnamed.discard(line)
            one_less(self._awaited, line.peer.address)

    def _is_welcome(self, address: str) -> bool:
        """One more connection from there. A handshake is one already."""
        settings = self._settings
        secured = self._secured
        shaking, of_them = (
            (0, 0) if secured is None else (secured.handshake_count, secured.handshakes[address])
        )
        if len(self._lines) + shaking >= settings.connections_max:
            return False
        if self._awaited[address] + of_them >= settings.awaited_per_address_max:
            return False
        return self._is_allowed(address) and not self._failures.is_over(address, self._now_ns())

    def _ended(self, line: FixLine, reason: str) -> None:
        self._lines.discard(line)
        self._named_or_gone(line)
        if reason == _NO_LOGON:
            self.penalise(line.peer.address)
        if not self._lines:
            self._is_empty.set()
        _LOG.info("line of %s ended: %s", line.peer.address, reason)

    def _is_allowed(self, address: str) -> bool:
        if not self._networks:
            return True
        found = ipaddress.ip_address(address.partition("%")[0])
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in network for network in self._networks)

    def _route(self, line: FixLine, message: FixMessage) -> FixSession | None:
        """The session whose names the Logon says, seen from our side."""
        names = [message.get(tag) or b"" for tag in (Tag.TARGET_COMP_ID, Tag.SENDER_COMP_ID)]
        session = self._named(message.begin_string, *names)
        is_logon = message.message_type == MessageType.LOGON
        is_free = session is not None and session.state is SessionState.DISCONNECTED
        if session is not None and is_logon and is_free and self._admits(session, line.peer):
            self._named_or_gone(line)
            return session
        self.refused += 1
        if session is None or not is_logon or is_free:  # a line that is still up is no failure
            self.penalise(line.peer.address)
        why = "unknown" if session is None else "not free" if is_logon else "no Logon first"
        _LOG.warning("line of %s refused (%s): %r", line.peer.address, why, message)
        return None

    def _named(self, begin_string: bytes, ours: bytes, theirs: bytes) -> FixSession | None:
        try:
            identity = SessionIdentity(begin_string.decode(), ours.decode(), theirs.decode())
        except ValueError:
            return None
        return self._sessions.get(identity)
