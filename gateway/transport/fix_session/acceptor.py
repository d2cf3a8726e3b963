"""The listener for many counterparties: routes each line to its session by the first Logon.

Who is not known, not allowed or not in time is disconnected without a word. Must never let a second
line into a session that has one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
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

__all__ = ["AcceptorSettings", "FixAcceptor"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AcceptorSettings:
    """Where and whom. An empty allow-list lets every address in."""

    host: str = "127.0.0.1"
    port: int = 0  # 0 = chosen by the kernel
    tls: ssl.SSLContext | None = None
    allowed: tuple[str, ...] = ()  # addresses and networks
    connections_max: int = 12_000
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
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self.refused = 0
        for session in sessions:
            self.add(session)

    @property
    def port(self) -> int:
        """Where it listens, 0 when it does not."""
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
        """A Logon from there was refused by the application: it counts as a failed one."""
        self._failures.add(address, self._now_ns())

    def session(self, identity: SessionIdentity) -> FixSession:
        """KeyError for one that is not there."""
        return self._sessions[identity]

    async def start(self) -> None:
        """Listen."""
        settings = self._settings
        self._server = await asyncio.get_running_loop().create_server(
            self._make_line, settings.host, settings.port, ssl=settings.tls, backlog=1024
        )

    async def stop(self, timeout_s: float = 3.0) -> None:
        """Log everybody out, wait for the answers, close."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
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
        self._lines.add(line)
        self._is_empty.clear()
        address = line.peer.address
        if len(self._lines) > self._settings.connections_max or not self._is_allowed(address):
            return False
        return not self._failures.is_over(address, self._now_ns())

    def _ended(self, line: FixLine, reason: str) -> None:
        self._lines.discard(line)
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
            return session
        self.refused += 1
        self._failures.add(line.peer.address, self._now_ns())
        why = "unknown" if session is None else "not free" if is_logon else "no Logon first"
        _LOG.warning("line of %s refused (%s): %r", line.peer.address, why, message)
        return None

    def _named(self, begin_string: bytes, ours: bytes, theirs: bytes) -> FixSession | None:
        try:
            identity = SessionIdentity(begin_string.decode(), ours.decode(), theirs.decode())
        except ValueError:
            return None
        return self._sessions.get(identity)
