"""WebSocket lines to the venue: one for the account, two for prices. A line that breaks comes back
by itself with full-jitter back-off; what it says is the business of others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any

import aiohttp

from gateway.api import VenueError, VenueUnavailable
from gateway.transport import FRAME_BYTES_MAX, Backoff
from gateway_binance.events import StreamGap

__all__ = ["Line", "UserStream"]

log = logging.getLogger(__name__)

_PING_S = 15.0  # ours; the venue's own come every three minutes and are answered by the library


class Line:
    """One connection that is kept up. `on_up()` after each connect, `on_down(reason)` after each
    loss. `silence_max_s`: a line that should speak and does not is dead (None = may be silent)."""

    def __init__(
        self,
        name: str,
        address: Callable[[], Awaitable[str]],
        *,
        on_text: Callable[[str], None],
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        random: Random,
        silence_max_s: float | None = None,
        beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self._name = name
        self._address = address
        self._on_text = on_text
        self._on_up = on_up
        self._on_down = on_down
        self._silence_max_s = silence_max_s
        self._beside = beside  # runs while the line is up; its failure ends the line
        self._backoff = Backoff(0.1, 10.0, random, attempts_per_minute=30)
        self._task: asyncio.Task[None] | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reason = ""

    def start(self, session: aiohttp.ClientSession) -> None:
        self._task = asyncio.create_task(self._run(session), name=f"binance {self._name}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def break_off(self, reason: str) -> None:
        """End this connection; the next one begins by itself."""
        self._reason = reason
        if self._task is not None and self._socket is not None:
            asyncio.get_running_loop().create_task(self._socket.close())

    async def _run(self, session: aiohttp.ClientSession) -> None:
        while True:
            try:
                await self._follow(session)
            except (VenueError, StreamGap, aiohttp.ClientError, OSError, TimeoutError) as error:
                reason = self._reason or f"{type(error).__name__}: {error}"
                self._reason = ""
                self._on_down(f"{self._name}: {reason}"[:200])
            await asyncio.sleep(self._backoff.next_s())

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        """One connection, from connect to its end, which is always an exception."""
        address = await self._address()
        async with session.ws_connect(
            address, heartbeat=_PING_S, max_msg_size=FRAME_BYTES_MAX
        ) as socket:
            self._socket = socket
            beside = asyncio.create_task(self._beside()) if self._beside else None
            if beside is not None:
                beside.add_done_callback(self._on_beside_done)
            try:
                self._on_up()
                while True:
                    await self._receive(socket)
            finally:
                self._socket = None
                if beside is not None:
                    beside.cancel()
                    await asyncio.gather(beside, return_exceptions=True)

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        try:
            message = await socket.receive(timeout=self._silence_max_s)
        except TimeoutError as error:
            raise StreamGap(f"silent for {self._silence_max_s} s") from error
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise StreamGap(self._reason or f"closed by the venue ({socket.close_code})")
        self._on_text(message.data)
        self._backoff.reset()

    def _on_beside_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.break_off(str(error))


class UserStream:
    """The account's line: listen key, keep-alive, and the gaps between two connections."""

    def __init__(
        self,
        url: str,
        *,
        create_key: Callable[[], Awaitable[str]],
        extend_key: Callable[[], Awaitable[str]],
        on_text: Callable[[str], None],
        on_gap: Callable[[str], None],
        random: Random,
        keepalive_s: float,
    ) -> None:
        self._url = url
        self._create_key = create_key
        self._extend_key = extend_key
        self._on_gap = on_gap
        self._keepalive_s = keepalive_s
        self._key = ""
        self._is_up = asyncio.Event()
        self._has_gap = False
        self.last_failure = ""
        self._line = Line(
            "user stream",
            self._address,
            on_text=on_text,
            on_up=self._up,
            on_down=self._down,
            random=random,
            beside=self._keep_alive,
        )

    async def start(self, session: aiohttp.ClientSession, timeout_s: float) -> None:
        """Returns when the stream is up once; raises VenueUnavailable otherwise."""
        self._line.start(session)
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_up.wait()
        except TimeoutError as error:
            await self.stop()
            why = self.last_failure or "no answer"
            raise VenueUnavailable(f"the user stream did not come up in time: {why}") from error

    @property
    def is_connected(self) -> bool:
        """False from a loss until the line is back."""
        return self._is_up.is_set() and not self._has_gap

    async def stop(self) -> None:
        # The key is shared by every client of the account, so it is never deleted.
        await self._line.stop()

    def break_off(self, reason: str) -> None:
        """Something is missing: start anew, which reconciles."""
        self._line.break_off(reason)

    async def _address(self) -> str:
        self._key = await self._create_key()
        return f"{self._url}/private/ws?listenKey={self._key}"

    async def _keep_alive(self) -> None:
        """Well within the hour. A key that is no longer ours means that nothing is heard, though
        the socket stays open (venue note, 2026-10)."""
        wait_s = self._keepalive_s
        while True:
            await asyncio.sleep(wait_s)
            try:
                key = await self._extend_key()
            except VenueUnavailable as error:
                log.warning("listen key not extended: %s", error)
                wait_s = min(60.0, self._keepalive_s)
                continue
            wait_s = self._keepalive_s
            if key != self._key:
                raise StreamGap("the venue gave another listen key")

    def _up(self) -> None:
        self._is_up.set()
        if self._has_gap:
            self._has_gap = False
            self._on_gap("")

    def _down(self, reason: str) -> None:
        self.last_failure = reason
        if self._is_up.is_set() and not self._has_gap:
            self._has_gap = True
            self._on_gap(reason)
