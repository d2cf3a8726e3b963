"""Accepts TLS connections, and judges each before it costs a handshake.

A peer that is not welcome, or does not finish its handshake in time, must never hold a socket.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable

__all__ = ["TlsListener", "one_less"]

_LOG = logging.getLogger(__name__)
_ACCEPTED_AT_ONCE = 64
_PAUSE_SECONDS = 0.5  # when the process has no more files


class TlsListener:
    """`is_welcome(address)` comes before the handshake, `on_failure(address)` behind a bad one."""

    def __init__(
        self,
        context: ssl.SSLContext,
        make_protocol: Callable[[], asyncio.Protocol],
        *,
        handshake_seconds_max: float,
        is_welcome: Callable[[str], bool],
        on_failure: Callable[[str], None],
    ) -> None:
        self._context, self._make_protocol = context, make_protocol
        self._handshake_seconds_max = handshake_seconds_max
        self._is_welcome, self._on_failure = is_welcome, on_failure
        self._sockets: list[socket.socket] = []
        self._shaking: set[asyncio.Task[None]] = set()
        self.handshakes: Counter[str] = Counter()  # address -> connections that are no line yet

    @property
    def port(self) -> int:
        """Where it listens, 0 when it does not."""
        return int(self._sockets[0].getsockname()[1]) if self._sockets else 0

    @property
    def handshake_count(self) -> int:
        """Over all addresses."""
        return len(self._shaking)

    async def start(self, host: str, port: int) -> None:
        """On every address of `host`."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            listener = socket.create_server(
                (address[0], address[1]), family=socket.AddressFamily(family), backlog=1024
            )
            listener.setblocking(False)
            self._sockets.append(listener)
            loop.add_reader(listener, self._accept, listener)

    async def stop(self) -> None:
        """Lines live on; what is no line yet is closed."""
        for listener in self._sockets:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        self._sockets = []
        await asyncio.sleep(0)  # who was just accepted has begun, and so can clean up
        shaking = list(self._shaking)
        for task in shaking:
            task.cancel()
        await asyncio.gather(*shaking, return_exceptions=True)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                raw, name = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                _LOG.error("no connection can be accepted: %s", error)
                self._pause(listener)
                return
            raw.setblocking(False)
            if self._is_welcome(str(name[0])):
                self._begin(raw, str(name[0]))
            else:
                raw.close()

    def _pause(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)

        def go_on() -> None:
            if listener in self._sockets:
                loop.add_reader(listener, self._accept, listener)

        loop.call_later(_PAUSE_SECONDS, go_on)

    def _begin(self, raw: socket.socket, address: str) -> None:
        self.handshakes[address] += 1
        task = asyncio.get_running_loop().create_task(self._shake_hands(raw, address))
        self._shaking.add(task)
        task.add_done_callback(self._shaking.discard)

    async def _shake_hands(self, raw: socket.socket, address: str) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make_protocol,
                raw,
                ssl=self._context,
                ssl_handshake_timeout=self._handshake_seconds_max,
            )
        except (ConnectionAbortedError, ssl.SSLError) as error:  # not in time, or not with us
            _LOG.warning("line of %s refused (no TLS): %s", address, error)
            self._on_failure(address)
        except OSError as error:  # gone, as who only looks whether the port is open
            _LOG.info("line of %s ended before TLS: %s", address, error)
        finally:
            one_less(self.handshakes, address)


def one_less(counts: Counter[str], name: str) -> None:
    """What is zero goes, so that names do not heap up."""
    counts[name] -= 1
    if counts[name] <= 0:
        del counts[name]
