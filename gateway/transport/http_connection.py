"""One HTTP/1.1 connection that carries one request at a time. Bytes are written by us, exactly as
given; answers are read by the parser of aiohttp.

Must never be used again once anything about it is in doubt, and must never send anything twice.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Mapping, Sequence
from ssl import SSLContext
from typing import Final

from aiohttp import StreamReader
from aiohttp.client_proto import ResponseHandler

__all__ = ["NO_DEADLINE", "BodyTooLarge", "HttpConnection", "connect"]

NO_DEADLINE: Final = float("inf")
_DEAD = select.POLLRDHUP | select.POLLHUP | select.POLLERR | select.POLLNVAL
_READ_BYTES = 256 * 1024
_HEADERS_MAX = 128
_INTERIM_ANSWERS_MAX = 4


class BodyTooLarge(Exception):
    """The answer is longer than the caller is willing to hold."""


class _Handler(ResponseHandler):
    """Bytes that nobody asked for end the connection: the next answer could not be trusted."""

    is_expecting = False

    def prepare(self) -> None:
        """A parser for the next answer, made while nothing waits for it."""
        self.set_response_params(
            read_until_eof=True, read_bufsize=_READ_BYTES, max_headers=_HEADERS_MAX
        )

    def data_received(self, data: bytes) -> None:
        if self.is_expecting:
            super().data_received(data)
        else:
            self.force_close()
            if self.transport is not None:
                self.transport.abort()

    def end_answer(self) -> None:
        """The answer is whole: whatever else came with it, even a single byte, is a stray."""
        self.is_expecting = False
        try:
            is_clean = self._parser is None or self._parser.feed_eof() is None
        except Exception:
            is_clean = False
        if is_clean:
            self.prepare()
        else:
            self.force_close()


class HttpConnection:
    """What `connect` makes. Between two requests it is idle and watched."""

    __slots__ = (
        "_error",
        "_handler",
        "_layers",
        "_payload",
        "_poll",
        "_transport",
        "deadline",
        "idle_since",
    )

    def __init__(
        self, handler: _Handler, layers: Sequence[asyncio.Transport], opened_at: float
    ) -> None:
        """`layers`: the transport of the socket, and that of the TLS within it if there is one."""
        self._handler = handler
        self._layers = layers
        self._transport = transport = layers[-1]
        self._payload: StreamReader | None = None
        self._error: Exception | None = None  # why the answer is not waited for any more
        handler.prepare()
        self._poll = select.poll()
        number = transport.get_extra_info("socket").fileno()
        self._poll.register(number, _DEAD | select.POLLIN)
        self.idle_since = opened_at
        self.deadline = NO_DEADLINE  # of the answer, by the clock of the loop; kept by the pool

    def when_lost(self, callback: Callable[[HttpConnection], None]) -> None:
        """Call back once when the connection is gone, for whatever reason."""

        def gone(closed: asyncio.Future[None]) -> None:
            closed.exception()  # Read, so that nobody logs it: why an idle line ended is no news.
            callback(self)

        if (closed := self._handler.closed) is not None:
            closed.add_done_callback(gone)

    def is_usable(self) -> bool:
        """Whether the other side still listens and has said nothing, as far as this host knows:
        what the kernel has and the event loop has not yet seen counts too."""
        handler = self._handler
        return handler.is_connected() and not handler.should_close and not self._poll.poll(0)

    def has_unread(self) -> bool:
        """Within TLS: bytes lie in the socket, a session ticket or a stray answer. The loop reads
        them and then it is known; in clear they are an intrusion whatever they are."""
        handler = self._handler
        if len(self._layers) == 1 or not handler.is_connected() or handler.should_close:
            return False
        return [events for _, events in self._poll.poll(0)] == [select.POLLIN]

    def send(self, request: bytes) -> None:
        """Write one request. From here on its outcome is open until an answer is read."""
        self._handler.is_expecting = True
        self._payload = self._error = None
        self._transport.write(request)

    def give_up(self, error: Exception) -> None:
        """Whoever waits for the answer gets this error instead; the connection ends with it."""
        self._error = error  # for an answer whose head was read and whose body nobody waits for yet
        self._handler.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)

    async def answer(self, bytes_max: int) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer to what was sent."""
        for _ in range(_INTERIM_ANSWERS_MAX):
            message, payload = await self._handler.read()
            if message.code >= 200:
                if self._error is not None and not payload.is_eof():
                    raise self._error
                self._payload = payload
                break
        else:
            raise ValueError(f"{_INTERIM_ANSWERS_MAX} interim answers and no final one")
        parts, size = [], 0
        async for part in payload.iter_any():
            size += len(part)
            if size > bytes_max:
                raise BodyTooLarge(f"the body is longer than {bytes_max} bytes")
            parts.append(part)
        self._handler.end_answer()
        if any(each.get_write_buffer_size() for each in self._layers):
            self._handler.force_close()  # answered early: the rest of the request is still here
        return message.code, message.headers, b"".join(parts)

    def close(self) -> None:
        """Cut the line at once; nothing that was not yet written is written now, and whoever waits
        for an answer is told."""
        self.give_up(ConnectionAbortedError("the line is cut"))
        self._handler.abort()


async def connect(host: str, port: int, tls: SSLContext | None, timeout_s: float) -> HttpConnection:
    """A new connection, handshake included. Raises OSError or TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout_s):
        transport, handler = await loop.create_connection(lambda: _Handler(loop), host, port)
        # Bytes leave within `send`. uvloop collects what is written for the end of its turn, so an
        # order would wait for everything else that is ready to run, unless the limit is passed.
        transport.set_write_buffer_limits(high=0)
        layers = [transport]
        if tls is not None:
            layers.append(await _secured(loop, transport, handler, tls, host))
    return HttpConnection(handler, layers, loop.time())


async def _secured(
    loop: asyncio.AbstractEventLoop,
    transport: asyncio.Transport,
    handler: _Handler,
    tls: SSLContext,
    host: str,
) -> asyncio.Transport:
    """TLS within a connection of ours, whose own limit it could not set by itself."""
    if transport.is_closing():  # the loop's own handshake would end in an error nobody asked for
        raise ConnectionResetError("the line was cut before the handshake")
    try:
        secured = await loop.start_tls(transport, handler, tls, server_hostname=host)
    except BaseException:
        transport.abort()
        raise
    if secured is None or handler.transport is None:
        raise ConnectionResetError("the line was cut behind the handshake")
    handler.transport = secured
    return secured
