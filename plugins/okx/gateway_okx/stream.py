"""One WebSocket of OKX on the toolkit's line: log in, subscribe, hand rows on. Up means that every
subscription was confirmed. What a row means is the adapter's business; a frame that makes no sense
ends the line.

Rules (docs-v5, WebSocket overview and notification, read 2026-11-21): `ping` as text within 30 s of
silence, `pong` back; event `notice` with code 64008 announces the end of the connection.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from gateway.api import VenueError, VenueProtocolError, VenueUnavailable
from gateway.transport.documents import FRAME_BYTES_MAX, JsonReader
from gateway.transport.websocket import Send, SocketSettings, SocketShard
from gateway.transport.websocket_pool import PendingReplies
from gateway_okx.rows import Frame

__all__ = ["OkxSocket"]

_TOPICS_PER_MESSAGE = 100  # A subscription may not exceed 64 KB; a topic has about 60 bytes.
_CONFIRMATIONS_S = 5.0
_PONG_MS = 5_000


class OkxSocket:
    """`on_frame(frame)` gets every push; between `on_up()` and `on_down(reason)` none
    is missing."""

    def __init__(
        self,
        url: str,
        topics: Sequence[dict[str, str]],
        *,
        login: Callable[[], dict[str, Any]] | None,
        on_frame: Callable[[Frame], None],
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        random: Random,
        counters: Counter[str],
        silence_max_s: float,
        take_first: Callable[[bytes], bool] = lambda data: False,
    ) -> None:
        """`take_first(data)` may take a whole frame before it is read."""
        self.name = url.rpartition("/")[2]
        self._topics = [_text(topic) for topic in topics]
        self._login_row = login
        self._on_push = on_frame
        self._take_first = take_first
        self._on_up = on_up
        self._on_down = on_down
        self._counters = counters
        self._frames = JsonReader(Frame, f"okx {self.name} frame", bytes_max=FRAME_BYTES_MAX)
        self._logged_in: asyncio.Future[None] | None = None
        self._missing = 0  # subscriptions that are not confirmed
        self._is_sent = self._is_up = False
        self._replies: PendingReplies[Frame] = PendingReplies()
        self._tasks: set[asyncio.Task[None]] = set()
        self._deadline: asyncio.TimerHandle | None = None
        self._shard = SocketShard(
            f"okx {self.name}",
            url,
            SocketSettings(
                text_ping="ping",
                text_pong="pong",
                ping_every_ms=int(silence_max_s * 1_000),
                pong_max_ms=min(_PONG_MS, int(silence_max_s * 1_000)),
            ),
            random=random,
            on_frame=self._take,
            on_up=lambda _: self._sent(),
            on_down=self._ended,
            login=self._login if login is not None else None,
            subscribe_frames=self._subscribe_frames,
            unsubscribe_frames=lambda topics: _operations("unsubscribe", topics),
        )

    async def start(self) -> None:
        """Keep the line from now on."""
        await self._shard.subscribe(*self._topics)
        await self._shard.start()

    @property
    def is_up(self) -> bool:
        """Logged in, and every subscription confirmed."""
        return self._is_up

    def row(self) -> dict[str, Any]:
        return self._shard.row()

    async def ask(self, key: str, text: str, timeout_ms: int) -> Frame:
        """One operation and its answer. Raises VenueUnavailable (nothing left), OutcomeUnknown."""
        return await self._replies.ask(self._shard, key, text, timeout_ms)

    async def keep(self, topics: Sequence[dict[str, str]]) -> None:
        """These and no others from now on."""
        wanted = [_text(topic) for topic in topics]
        await self._shard.unsubscribe(*(set(self._shard.keys) - set(wanted)))
        await self._shard.subscribe(*wanted)

    async def stop(self) -> None:
        await self._shard.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._forget_deadline()

    def ask_again(self, topic: dict[str, str]) -> None:
        """Subscribe anew, for a snapshot."""
        task = asyncio.get_running_loop().create_task(self._ask_again(_text(topic)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask_again(self, topic: str) -> None:
        try:
            await self._shard.unsubscribe(topic)
            await self._shard.subscribe(topic)
        except VenueError as error:
            self._shard.drop(f"{type(error).__name__}: {error}")

    async def _login(self, send: Send) -> None:
        assert self._login_row is not None
        self._logged_in = asyncio.get_running_loop().create_future()
        await send(_text(self._login_row()))
        await self._logged_in

    def _subscribe_frames(self, topics: Sequence[str]) -> list[str]:
        if not self._is_up:  # all of them, on a new connection
            self._missing, self._is_sent = len(topics), False
        return _operations("subscribe", topics)

    def _take(self, _: SocketShard, data: bytes) -> None:
        if self._take_first(data):
            return
        frame = self._frames.read(data)
        if frame.arg is not None and not frame.event:
            self._on_push(frame)
        elif frame.op and frame.id:
            self._replies.answer(frame.id, frame)
        elif frame.event == "subscribe":
            self._missing -= not self._is_up
            self._perhaps_up()
        elif frame.event == "login":
            if self._logged_in is not None and not self._logged_in.done():
                self._logged_in.set_result(None)
        elif frame.event in ("error", "notice"):
            self._counters[f"{frame.event}s"] += 1
            raise VenueUnavailable(f"{frame.event} {frame.code} {frame.msg[:80]}")
        elif not frame.event:
            raise VenueProtocolError(f"okx {self.name}: a frame that is neither push nor event")

    def _sent(self) -> None:
        self._is_sent = True
        self._forget_deadline()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(_CONFIRMATIONS_S, self._check_confirmed)
        self._perhaps_up()

    def _perhaps_up(self) -> None:
        if self._is_sent and not self._missing and not self._is_up:
            self._is_up = True
            self._forget_deadline()
            self._on_up()

    def _check_confirmed(self) -> None:
        if not self._is_up:
            self._shard.drop(f"{self._missing} subscriptions were not confirmed")

    def _ended(self, _: SocketShard, reason: str) -> None:
        self._counters[f"{self.name}_disconnects"] += 1
        self._is_sent = False
        self._forget_deadline()
        self._replies.lose_all(reason)
        if self._is_up:
            self._is_up = False
            self._on_down(f"{self.name}: {reason}"[:200])

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _operations(operation: str, topics: Sequence[str]) -> list[str]:
    chunks = [
        topics[at : at + _TOPICS_PER_MESSAGE] for at in range(0, len(topics), _TOPICS_PER_MESSAGE)
    ]
    return [f'{{"op":"{operation}","args":[{",".join(chunk)}]}}' for chunk in chunks]


def _text(row: dict[str, Any]) -> str:
    return msgspec.json.encode(row).decode()
