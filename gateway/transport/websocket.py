"""One WebSocket connection that is kept: dial, log in, subscribe, watch, and dial again.

Must never be quiet about a hole: between `on_down` and `on_up` facts may be missing. Must never
write to a line that is known dead, and never send anything twice.
"""

from __future__ import annotations

import asyncio
import logging
import select
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, NoReturn

import aiohttp
from yarl import URL

from gateway.api import OutcomeUnknown, VenueError, VenueUnavailable
from gateway.transport.backoff import Backoff
from gateway.transport.documents import FRAME_BYTES_MAX
from gateway.transport.tls import client_tls

__all__ = ["Send", "SocketSettings", "SocketShard"]

Send = Callable[[str], Awaitable[None]]
_LEAVE_S = 0.5
_CANCEL_AGAIN_S = 2 * _LEAVE_S
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SocketSettings:
    """How a venue keeps a line. Times in ms; 0 = the venue has no such rule.

    `data_silence_max_ms`: a stream that always has something to say is dead when it says nothing.
    `ping_every_ms`, `pong_max_ms`: we ask; anything heard since counts as the answer. `text_ping`
    and `text_pong`: the venue's own words for it ("ping" and "pong" at OKX), in both directions.
    `age_max_ms`: leave before the venue cuts. `send_gap_ms`: between two subscriptions.
    """

    open_timeout_ms: int = 5_000
    login_timeout_ms: int = 5_000
    data_silence_max_ms: int = 0
    ping_every_ms: int = 15_000
    pong_max_ms: int = 5_000
    text_ping: str = ""
    text_pong: str = ""
    age_max_ms: int = 0
    send_gap_ms: int = 0
    frame_bytes_max: int = FRAME_BYTES_MAX
    backoff_first_s: float = 0.1
    backoff_max_s: float = 10.0
    attempts_per_minute: int = 30


class _Ended(Exception):
    """The line is of no use any more; the text is the reason."""


@dataclass
class ShardCounts:
    """Since the start."""

    frames: int = 0
    attempts: int = 0
    ups: int = 0
    downs: int = 0


class SocketShard:
    """`on_frame(shard, data)` gets every text and binary frame, those of the login included, in
    order; an exception of it ends the line, for a fact may have been lost. `on_up(shard)`: logged
    in and subscribed (sent, not yet confirmed). `on_down(shard, reason)`: no longer so.

    `url` may be a function, for venues that put a key into it that expires. `login(send)` logs in;
    it sees the answers by `on_frame`. `subscribe_frames(keys)` makes the frames for some keys.
    """

    def __init__(
        self,
        name: str,
        url: str | Callable[[], Awaitable[str]],
        settings: SocketSettings,
        *,
        random: Random,
        on_frame: Callable[[SocketShard, bytes], None],
        on_up: Callable[[SocketShard], None] | None = None,
        on_down: Callable[[SocketShard, str], None] | None = None,
        login: Callable[[Send], Awaitable[None]] | None = None,
        subscribe_frames: Callable[[Sequence[str]], Sequence[str]] | None = None,
        unsubscribe_frames: Callable[[Sequence[str]], Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.name = name
        self._url = url
        self._settings = settings
        self._on_frame, self._on_up, self._on_down = on_frame, on_up, on_down
        self._login = login
        self._subscribe_frames = subscribe_frames
        self._unsubscribe_frames = unsubscribe_frames
        self._headers = dict(headers or {})
        is_plain = isinstance(url, str) and url.startswith("ws://")
        self._tls = client_tls(tls) if tls is not None or not is_plain else None
        self._backoff = Backoff(
            settings.backoff_first_s,
            settings.backoff_max_s,
            random,
            attempts_per_minute=settings.attempts_per_minute,
        )
        self._keys: dict[str, None] = {}  # ordered
        self._socket: aiohttp.ClientWebSocketResponse[bool] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._heard_at = self._data_at = 0.0
        self._reason = ""
        self.counts = ShardCounts()

    @property
    def is_up(self) -> bool:
        """Whether `send` may be tried."""
        return self._up.is_set()

    @property
    def keys(self) -> tuple[str, ...]:
        """What is subscribed, or will be when the line is up."""
        return tuple(self._keys)

    async def start(self, timeout_ms: int | None = None) -> None:
        """Keep the line from now on. With a time-out: return when it is up, or give it up and raise
        VenueUnavailable."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"socket_{self.name}")
        if timeout_ms is None:
            return
        try:
            async with asyncio.timeout(timeout_ms / 1_000):
                await self._up.wait()
        except TimeoutError as error:
            why = f": {self._reason}" if self._reason else ""
            await self.stop()
            raise VenueUnavailable(f"{self.name} did not come up in time{why}") from error

    async def stop(self) -> None:
        """Leave. `on_down` is called if the line was up."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            # A cancel that meets the end of a connection can be lost in its task group.
            task.cancel()
            await asyncio.wait({task}, timeout=_CANCEL_AGAIN_S)

    async def send(self, text: str) -> None:
        """One frame. VenueUnavailable: not one byte of it left. OutcomeUnknown: it may have."""
        socket = self._socket
        if socket is None or not self._up.is_set() or _is_dead(socket):
            raise VenueUnavailable(f"{self.name} is not up: {self._reason or 'not connected'}")
        await self._write(socket, text)

    async def subscribe(self, *keys: str) -> None:
        """Now if the line is up, and again whenever it comes up."""
        fresh = [key for key in keys if key not in self._keys]
        self._keys |= dict.fromkeys(fresh)
        if fresh and self.is_up and self._subscribe_frames and self._socket is not None:
            await self._write_all(self._socket, self._subscribe_frames(fresh))

    async def unsubscribe(self, *keys: str) -> None:
        """No more. Frames that are under way still come."""
        known = [key for key in keys if self._keys.pop(key, self) is None]
        if known and self.is_up and self._unsubscribe_frames and self._socket is not None:
            await self._write_all(self._socket, self._unsubscribe_frames(known))

    def drop(self, reason: str) -> None:
        """The caller found that the line is no longer good: cut it and dial again."""
        if self._socket is not None and not self._dropped.done():
            self._dropped.set_result(reason)

    def row(self) -> dict[str, Any]:
        """For status."""
        return {
            "name": self.name,
            "is_up": self.is_up,
            "reason": self._reason,
            "subscriptions": len(self._keys),
            **vars(self.counts),
        }

    # -- one life after the other ---------------------------------------------------------------

    async def _run(self) -> None:
        async with aiohttp.ClientSession(headers=self._headers) as self._session:
            while True:
                self.counts.attempts += 1
                self._reason = await self._live()
                await asyncio.sleep(self._backoff.next_s())

    async def _live(self) -> str:
        """One connection, from the dial to its end. Returns why it ended."""
        try:
            socket = await self._dial()
        except (VenueError, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return _told("no connection", error)
        self._socket = socket
        self._dropped = asyncio.get_running_loop().create_future()
        self._heard_at = self._data_at = asyncio.get_running_loop().time()
        reason = "stopped"
        try:
            async with asyncio.TaskGroup() as group:
                for part in (self._read, self._prepare, self._watch, self._wait_for_drop):
                    group.create_task(part(socket))
        except* _Ended as ended:
            reason = str(ended.exceptions[0])
        except* Exception as failed:
            reason = _told("", failed.exceptions[0])
            if not isinstance(failed.exceptions[0], (VenueError, aiohttp.ClientError, OSError)):
                _LOG.error("%s: the line ends by a fault", self.name, exc_info=failed)
        finally:
            self._went_down(reason)
            await _leave(socket)
        return reason

    def _went_down(self, reason: str) -> None:
        self._socket, self._reason = None, reason
        if self._up.is_set():
            self._up.clear()
            self.counts.downs += 1
            if self._on_down is not None:
                self._on_down(self, reason)

    async def _dial(self) -> aiohttp.ClientWebSocketResponse[bool]:
        assert self._session is not None
        async with asyncio.timeout(self._settings.open_timeout_ms / 1_000):
            url = self._url if isinstance(self._url, str) else await self._url()
            dial = asyncio.create_task(self._connect(self._session, url))
            try:
                return await asyncio.shield(dial)
            except asyncio.CancelledError:
                # Cut short between its steps a dial would leave an open socket behind: it ends by
                # itself, within bounds, and what it brought is closed.
                await asyncio.wait({dial}, timeout=_LEAVE_S)
                if dial.done() and not dial.cancelled() and dial.exception() is None:
                    await dial.result().close()
                dial.cancel()
                raise

    async def _connect(
        self, session: aiohttp.ClientSession, url: str
    ) -> aiohttp.ClientWebSocketResponse[bool]:
        return await session.ws_connect(
            URL(url, encoded=True),
            ssl=self._tls or True,
            autoping=False,
            autoclose=False,
            max_msg_size=self._settings.frame_bytes_max,
            timeout=aiohttp.ClientWSTimeout(ws_close=_LEAVE_S),
            decode_text=False,
        )

    async def _prepare(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        if self._login is not None:
            async with asyncio.timeout(self._settings.login_timeout_ms / 1_000):
                await self._login(lambda text: self._write(socket, text))
        if self._keys and self._subscribe_frames is not None:
            await self._write_all(socket, self._subscribe_frames(self.keys))
        self._backoff.reset()
        self._reason = ""
        self.counts.ups += 1
        self._up.set()
        if self._on_up is not None:
            self._on_up(self)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> NoReturn:
        loop, pong, ping = asyncio.get_running_loop(), *self._words()
        while True:
            message = await socket.receive()
            self._heard_at = loop.time()
            if message.type is aiohttp.WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                if pong and message.data == pong:
                    continue
                if ping and message.data == ping:
                    await self._write(socket, self._settings.text_pong)
                    continue
                self._data_at = self._heard_at
                self.counts.frames += 1
                self._on_frame(self, message.data)
            elif message.type is not aiohttp.WSMsgType.PONG:
                raise _Ended(_how_it_closed(message.type, message, socket))

    def _words(self) -> tuple[bytes, bytes]:
        return self._settings.text_pong.encode(), self._settings.text_ping.encode()

    async def _watch(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> NoReturn:
        """Ends the line that is silent or old; asks when nothing is known."""
        loop, rules = asyncio.get_running_loop(), self._settings
        born_at = asked_at = loop.time()
        is_asked = False
        while True:
            now = loop.time()
            silent_at = self._data_at + rules.data_silence_max_ms / 1_000
            due_at = [born_at + rules.age_max_ms / 1_000] if rules.age_max_ms else []
            if due_at and now >= due_at[0]:
                raise _Ended(f"{rules.age_max_ms} ms old")
            if rules.data_silence_max_ms:
                due_at.append(silent_at)
                if now >= silent_at:
                    raise _Ended(f"no data for {rules.data_silence_max_ms} ms")
            if rules.ping_every_ms:
                is_asked = is_asked and self._heard_at < asked_at
                if is_asked and now >= asked_at + rules.pong_max_ms / 1_000:
                    raise _Ended(f"no answer to a ping for {rules.pong_max_ms} ms")
                if not is_asked and now >= asked_at + rules.ping_every_ms / 1_000:
                    asked_at, is_asked = now, True
                    await self._ask(socket)
                if is_asked:
                    due_at.append(asked_at + rules.pong_max_ms / 1_000)
                if (next_at := asked_at + rules.ping_every_ms / 1_000) > now:
                    due_at.append(next_at)
            await asyncio.sleep(max(0.001, min(due_at, default=now + 3_600) - now))

    async def _ask(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        if self._settings.text_ping:
            await self._write(socket, self._settings.text_ping)
        else:
            await socket.ping()

    async def _wait_for_drop(self, _: aiohttp.ClientWebSocketResponse[bool]) -> NoReturn:
        raise _Ended(await self._dropped)

    async def _write_all(
        self, socket: aiohttp.ClientWebSocketResponse[bool], frames: Sequence[str]
    ) -> None:
        for at, text in enumerate(frames):
            if at and self._settings.send_gap_ms:
                await asyncio.sleep(self._settings.send_gap_ms / 1_000)
            await self._write(socket, text)

    async def _write(self, socket: aiohttp.ClientWebSocketResponse[bool], text: str) -> None:
        if socket.closed:
            raise VenueUnavailable(f"{self.name}: the line is closed")
        try:
            await socket.send_str(text)
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise OutcomeUnknown(f"{self.name}: {_told('while sending', error)}") from error


def _how_it_closed(
    kind: aiohttp.WSMsgType, message: Any, socket: aiohttp.ClientWebSocketResponse[bool]
) -> str:
    if kind is aiohttp.WSMsgType.ERROR:
        return _told("a broken frame", message.data)
    if kind is aiohttp.WSMsgType.CLOSE:
        said = message.extra or ""
        said = said if isinstance(said, str) else bytes(said).decode("utf-8", "replace")
        return f"closed by the venue: {message.data} {said[:80]}".rstrip()
    return f"closed ({socket.close_code})"


async def _leave(socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
    """Say good-bye; a venue that goes on talking instead of answering is not listened to."""
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(_LEAVE_S):
            await socket.close()


def _is_dead(socket: aiohttp.ClientWebSocketResponse[bool]) -> bool:
    """Whether the other side is gone, as far as the kernel knows."""
    if socket.closed or (raw := socket.get_extra_info("socket")) is None or raw.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))


def _told(what: str, error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{what}: {text}" if what else text
