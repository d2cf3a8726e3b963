"""One WebSocket of OKX: log in, subscribe, keep alive by ping, hand rows on, come back for ever.
What a row means is the adapter's business; a frame that makes no sense ends the connection.

Rules (docs-v5, WebSocket overview and notification, read 2026-11-21): `ping` as text within 30 s of
silence, `pong` back; event `notice` with code 64008 announces the end of the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import aiohttp
import msgspec

from gateway.api import VenueProtocolError
from gateway.transport.backoff import Backoff
from gateway.transport.documents import JsonReader
from gateway_okx.rows import Frame

__all__ = ["OkxSocket"]

Topic = dict[str, str]
_FRAME_BYTES_MAX = 4 * 1024 * 1024
_TOPICS_PER_MESSAGE = 100  # A subscription may not exceed 64 KB; a topic has about 60 bytes.


class _Down(Exception):
    """The connection is of no use any more; its text is the reason."""


class OkxSocket:
    """One connection. `on_rows(channel, kind, data)` gets every push between `on_up()`, when login
    and all subscriptions are answered, and `on_down(reason)`."""

    def __init__(
        self,
        url: str,
        topics: Sequence[Topic],
        *,
        login: Callable[[], dict[str, Any]] | None,
        on_rows: Callable[[str, str, list[msgspec.Raw]], None],
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        random: Random,
        counters: Counter[str],
        silence_max_s: float = 25.0,
        connect_timeout_s: float = 5.0,
    ) -> None:
        self._url = url
        self.name = url.rpartition("/")[2]
        self._topics = list(topics)
        self._login = login
        self._on_rows = on_rows
        self._on_up = on_up
        self._on_down = on_down
        self._backoff = Backoff(0.1, 10.0, random)
        self._counters = counters
        self._silence_s = silence_max_s
        self._connect_s = connect_timeout_s
        self._frames = JsonReader(Frame, f"okx {self.name} frame", bytes_max=_FRAME_BYTES_MAX)
        self._is_up = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"okx_{self.name}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                async with aiohttp.ClientSession() as session:
                    await self._follow(session)
            except (_Down, VenueProtocolError, aiohttp.ClientError, OSError) as error:
                self._go_down(f"{self.name}: {type(error).__name__.lstrip('_')}: {error}"[:200])
            await asyncio.sleep(self._backoff.next_s())

    def _go_down(self, reason: str) -> None:
        self._counters[f"{self.name}_disconnects"] += 1
        if self._is_up:
            self._is_up = False
            self._on_down(reason)

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        """One connection, from login to its end, which is always a `_Down`."""
        async with asyncio.timeout(self._connect_s):
            socket = await session.ws_connect(self._url, max_msg_size=_FRAME_BYTES_MAX)
        async with socket:
            async with asyncio.timeout(self._connect_s):
                await self._prepare(socket)
            self._is_up = True
            self._backoff.reset()
            self._on_up()
            is_quiet = False
            while True:
                try:
                    text = await self._text(socket, self._silence_s)
                except TimeoutError:
                    if is_quiet:
                        raise _Down("no pong") from None
                    is_quiet = True
                    await socket.send_str("ping")
                    continue
                is_quiet = False
                if text != "pong":
                    self._take(self._frames.read(text.encode()))

    async def _prepare(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        if self._login is not None:
            await self._say(socket, self._login())
            while (await self._answer(socket)).event != "login":
                pass
        for at in range(0, len(self._topics), _TOPICS_PER_MESSAGE):
            args = self._topics[at : at + _TOPICS_PER_MESSAGE]
            await self._say(socket, {"op": "subscribe", "args": args})
        missing = len(self._topics)
        while missing:
            missing -= (await self._answer(socket)).event == "subscribe"

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse) -> Frame:
        frame = self._frames.read((await self._text(socket, None)).encode())
        self._take(frame)
        return frame

    async def _say(self, socket: aiohttp.ClientWebSocketResponse, row: dict[str, Any]) -> None:
        await socket.send_str(msgspec.json.encode(row).decode())

    async def _text(self, socket: aiohttp.ClientWebSocketResponse, within_s: float | None) -> str:
        message = await socket.receive(timeout=within_s)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise _Down(f"closed by the venue ({socket.close_code})")
        text: str = message.data
        return text

    def _take(self, frame: Frame) -> None:
        if frame.arg is not None and not frame.event:
            self._on_rows(frame.arg.channel, frame.arg.kind, frame.data)
        elif frame.event == "error":
            raise _Down(f"error {frame.code} {frame.msg[:80]}")
        elif frame.event == "notice":
            self._counters["notices"] += 1
            raise _Down(f"notice {frame.code}")
        elif not frame.event:
            raise VenueProtocolError(f"okx {self.name}: a frame that is neither push nor event")
