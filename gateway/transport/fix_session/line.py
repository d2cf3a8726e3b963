"""One TCP or TLS connection of a session: frames to the session, its output to the socket.

Must never write what the store has not flushed, never buffer without a limit, and never log a
message with its secrets. The clock is an argument.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from gateway._core.fix import FixFramer
from gateway.transport.fix_session.message import FixMessage
from gateway.transport.fix_session.states import SessionState
from gateway.transport.fix_session.store import StoreBehind, StoreError

if TYPE_CHECKING:
    from gateway.transport.fix_session.session import FixSession

__all__ = ["FixLine", "LineLimits", "Peer"]

_LOG = logging.getLogger(__name__)
_SECOND_NS = 1_000_000_000
_STORE_RETRY_S = 0.05
_BURST_FACTOR = 4  # more than so many send buffers are cut at once


@dataclass(frozen=True, kw_only=True)
class LineLimits:
    """What one connection may cost us."""

    message_bytes_max: int = 65_536
    fields_max: int = 2_048
    junk_bytes_max: int = 65_536  # in a row, then the line is cut
    send_buffer_bytes_max: int = 4 * 1024 * 1024  # unsent for a peer that does not read
    slow_reader_s: float = 2.0  # so long over that without reading on, then the line is cut
    message_timeout_s: float = 10.0  # from the first to the last byte of a message
    store_wait_s: float = 10.0  # for a store that is behind, then the line is cut
    close_timeout_s: float = 1.0  # for our last words, then the line is cut


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end, as far as the transport knows it."""

    address: str
    certificate: dict[str, Any]  # of a client with a verified certificate, else empty

    @property
    def certificate_name(self) -> str:
        """The common name of the certificate's subject, "" without one."""
        for part in self.certificate.get("subject", ()):
            for key, value in part:
                if key == "commonName":
                    return str(value)
        return ""


Route = Callable[["FixLine", FixMessage], "FixSession | None"]


class FixLine(asyncio.Protocol):
    """`route` finds the session of an accepted line by its first message; an initiator gives the
    session at once. `on_end(line, reason)` is called once."""

    def __init__(
        self,
        *,
        now_ns: Callable[[], int],
        limits: LineLimits,
        session: FixSession | None = None,
        route: Route | None = None,
        logon_timeout_s: float = 10.0,
        on_start: Callable[[FixLine], bool] = lambda line: True,
        on_end: Callable[[FixLine, str], None] = lambda line, reason: None,
    ) -> None:
        self._now_ns, self._limits = now_ns, limits
        self._route, self._on_start, self._on_end = route, on_start, on_end
        self._logon_timeout_s = logon_timeout_s
        self.session = session
        self.peer = Peer("", {})
        self._framer = FixFramer(
            message_bytes_max=limits.message_bytes_max, fields_max=limits.fields_max
        )
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None  # of a store that is behind
        self._timer_due_ns = 0
        self._reader_watch: asyncio.TimerHandle | None = None
        self._logon_end_ns = 0
        self._partial_since_ns = 0
        self._behind_since_ns = 0
        self._over_since_ns = 0
        self._junk_bytes = 0
        self._is_paused = self._is_flush_due = False
        self._reason = ""

    # -- asyncio ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in {socket.AF_INET, socket.AF_INET6}:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        name = transport.get_extra_info("peername") or ("",)
        certificate = transport.get_extra_info("peercert") or {}
        self.peer = Peer(str(name[0]), certificate)
        now_ns = self._now_ns()
        self._logon_end_ns = now_ns + int(self._logon_timeout_s * _SECOND_NS)
        if not self._on_start(self):
            self.cut("not welcome")
            return
        if self.session is not None:
            self._begin(self.session, now_ns)
        self._turn()

    def data_received(self, data: bytes) -> None:
        now_ns = self._now_ns()
        self._is_flush_due = True  # One turn at the end of this call is enough.
        try:
            self._framer.feed(data)
            is_whole = self._read_frames(now_ns)
        except BufferError:
            self.cut("more bytes than one message may have")
            return
        except Exception:
            _LOG.exception("%s: the application failed; the message counts as not taken", self)
            self.cut("the application failed")
            return
        if self._framer.buffered == 0:
            self._partial_since_ns = 0
        elif is_whole or self._partial_since_ns == 0:
            self._partial_since_ns = now_ns
        self._turn()

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._over_since_ns = 0  # it reads on
        self._turn()

    def eof_received(self) -> bool:
        self._reason = self._reason or "closed by the peer"
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._transport = None
        reason = self._reason or (f"lost: {error}" if error else "closed by the peer")
        session, self.session = self.session, None
        if session is not None:
            self._leave(session, reason)
        self._on_end(self, reason)

    def _leave(self, session: FixSession, reason: str) -> None:
        """Whatever fails here, the owner is told of the end."""
        session.on_output = session.on_pause = lambda: None
        try:
            try:
                session.disconnected(self._now_ns(), reason)
            finally:
                session.store.flush()
        except StoreError as failure:
            _LOG.error("%s: %s", session.identity, failure)
        except Exception:
            _LOG.exception("%s: failed at the end of its line", session.identity)

    # -- the owner --------------------------------------------------------------------------------

    def cut(self, reason: str) -> None:
        """Close without another word; what is queued is not sent."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()

    def __repr__(self) -> str:
        who = self.session.identity if self.session is not None else "no session"
        return f"FixLine({self.peer.address}, {who})"

    # -- one turn ---------------------------------------------------------------------------------

    def _read_frames(self, now_ns: int) -> bool:
        """Every frame there is; whether one of them was a good message."""
        is_whole = False
        while self._transport is not None and not self._transport.is_closing():
            frame = self._framer.next()
            if frame is None:
                break
            if frame.fault:
                self._bad_frame(frame.fault, frame.byte_count, now_ns)
                continue
            is_whole, self._junk_bytes = True, 0
            message = FixMessage.of_frame(frame)
            if self.session is None and not self._find_session(message, now_ns):
                return is_whole
            assert self.session is not None
            self.session.received(message, now_ns)
            if self.session.close_reason is not None:
                break
        return is_whole

    def _bad_frame(self, fault: str, byte_count: int, now_ns: int) -> None:
        self._junk_bytes += byte_count
        if self.session is None:
            self.cut(f"garbled before the Logon: {fault}")
        elif self._junk_bytes > self._limits.junk_bytes_max:
            self.cut(f"{self._junk_bytes} bytes without a message")
        else:
            self.session.garbled(fault, now_ns)

    def _find_session(self, message: FixMessage, now_ns: int) -> bool:
        session = self._route(self, message) if self._route is not None else None
        if session is None:
            self.cut("no session for the first message")
            return False
        self.session = session
        self._begin(session, now_ns)
        return True

    def _begin(self, session: FixSession, now_ns: int) -> None:
        session.on_output, session.on_pause = self._wake, self._pause_reading
        if session.is_paused:
            self._pause_reading()
        session.connected(now_ns)

    def _pause_reading(self) -> None:
        transport, session = self._transport, self.session
        if transport is None or session is None or transport.is_closing():
            return
        if session.is_paused:
            transport.pause_reading()
        else:
            if self._partial_since_ns:
                self._partial_since_ns = self._now_ns()  # The rest could not come.
            transport.resume_reading()

    def _wake(self) -> None:
        """One flush per loop turn, however many messages it has."""
        if not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Write what is stored, close what is to be closed, and set the alarm. One turn writes
        one `take`, so a long resend leaves the loop to the others."""
        self._is_flush_due = False
        transport, session = self._transport, self.session
        if transport is None or transport.is_closing():
            return
        if session is not None:
            try:
                self._write(transport, session)
            except StoreBehind as failure:
                self._wait_for_store(failure)
            except StoreError as failure:
                _LOG.error("%s: %s", session.identity, failure)
                self.cut(str(failure))
                return
        if not transport.is_closing():
            self._set_timer()

    def _wait_for_store(self, failure: StoreBehind) -> None:
        """Nothing goes out meanwhile; what comes in is taken, for the limits of the output hold."""
        now_ns = self._now_ns()
        if not self._behind_since_ns:
            _LOG.warning("%s: waits for its store: %s", self, failure)
            self._behind_since_ns = now_ns
        assert self._transport is not None
        if now_ns >= self._behind_since_ns + int(self._limits.store_wait_s * _SECOND_NS):
            self.cut(f"the store is behind for too long: {failure}")
        elif not self._is_too_much_unsent(self._transport) and self._retry is None:
            loop = asyncio.get_running_loop()
            self._retry = loop.call_later(_STORE_RETRY_S, self._try_store_again)

    def _try_store_again(self) -> None:
        self._retry = None
        self._turn()

    def _is_too_much_unsent(self, transport: asyncio.Transport) -> bool:
        assert self.session is not None
        unsent = transport.get_write_buffer_size() + self.session.queued_bytes
        if not self._is_slow_reader(unsent):
            return False
        self.cut(f"slow reader: {unsent} bytes unsent")
        return True

    def _write(self, transport: asyncio.Transport, session: FixSession) -> None:
        if self._is_paused:
            session.store.flush()
        else:
            if taken := session.take_output():
                transport.write(b"".join(taken))
            if session.has_output and not self._is_paused:
                self._wake()  # also behind a page of a resend that had nothing to say
        self._behind_since_ns = 0
        if self._is_too_much_unsent(transport):
            return
        if session.close_reason is not None and not session.has_output:
            self._close(transport, session.close_reason)

    def _is_slow_reader(self, unsent: int) -> bool:
        """A burst of ours is no fault of a peer that reads on; memory has a bound all the same."""
        most = self._limits.send_buffer_bytes_max
        if unsent <= most:
            self._over_since_ns = 0
            return False
        now_ns, seconds = self._now_ns(), self._limits.slow_reader_s
        if not self._over_since_ns:
            self._over_since_ns = now_ns
            self._look_at_reader_later()
        is_long = now_ns - self._over_since_ns >= int(seconds * _SECOND_NS)
        return is_long or unsent > _BURST_FACTOR * most

    def _look_at_reader_later(self) -> None:
        """Nothing else may happen on a line whose peer does not read."""
        if self._reader_watch is None:
            loop = asyncio.get_running_loop()
            self._reader_watch = loop.call_later(self._limits.slow_reader_s, self._look_at_reader)

    def _look_at_reader(self) -> None:
        self._reader_watch = None
        self._turn()
        if self._over_since_ns and self._transport is not None:
            self._look_at_reader_later()

    def _close(self, transport: asyncio.Transport, reason: str) -> None:
        """After our last words; a peer that does not take them is not waited for long."""
        self._reason = self._reason or reason
        transport.close()
        if self._timer is not None:
            self._timer.cancel()
        delay_s = self._limits.close_timeout_s
        self._timer = asyncio.get_running_loop().call_later(delay_s, transport.abort)

    def _set_timer(self) -> None:
        """An alarm that comes too early costs little; one is kept unless a nearer is needed."""
        due = [each for each in (self._partial_end_ns(), self._session_due_ns()) if each]
        if not due:
            return
        due_ns = min(due)
        if self._timer is not None:
            if self._timer_due_ns <= due_ns:
                return
            self._timer.cancel()
        self._timer_due_ns = due_ns
        delay_s = max(0, due_ns - self._now_ns()) / _SECOND_NS
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._alarm)

    def _session_due_ns(self) -> int:
        if self.session is None or self.session.state is SessionState.DISCONNECTED:
            return self._logon_end_ns
        due_ns = self.session.next_tick_ns()
        if self.session.close_reason is not None:
            due_ns = self._now_ns() + int(self._limits.close_timeout_s * _SECOND_NS)
        return due_ns or 0

    def _partial_end_ns(self) -> int:
        if not self._partial_since_ns or (self.session is not None and self.session.is_paused):
            return 0
        return self._partial_since_ns + int(self._limits.message_timeout_s * _SECOND_NS)

    def _alarm(self) -> None:
        self._timer = None
        now_ns = self._now_ns()
        partial_end_ns = self._partial_end_ns()
        if partial_end_ns and now_ns >= partial_end_ns:
            self.cut("a message that does not end")
            return
        if self.session is None:
            if now_ns >= self._logon_end_ns:
                self.cut("no Logon in time")
                return
        elif self.session.close_reason is not None:
            self.cut(self.session.close_reason)
            return
        else:
            self.session.tick(now_ns)
        self._turn()
