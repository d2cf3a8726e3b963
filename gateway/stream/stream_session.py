"""One client of GET /v1/stream: its socket, its subscriptions, its pace. It waits for nobody and
nobody waits for it: a client that does not read holds back its own task and is cut off."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from gateway.stream.authority import EVERYTHING, Authority
from gateway.stream.channel import Channel
from gateway.stream.channels import CHANNELS, ChannelName
from gateway.stream.codes import STREAM_CODES
from gateway.stream.shared_messages import Encoding, SharedMessages
from gateway.stream.subscriptions import Filter, Request, StreamFault, Subscription

__all__ = ["StreamCounters", "StreamHub", "StreamLimits"]

GUARD_SECONDS = 1.0  # between two looks whether a client may still read
_log = logging.getLogger("gateway.observer")
decode_request = msgspec.json.Decoder(Request).decode
encode = msgspec.json.Encoder().encode
REQUEST_FORM = (
    '{"op": "subscribe", "unsubscribe" or "ping", "channel": one of '
    f'{", ".join(CHANNELS)}, "filter"?: {{name: text}}, "resume"?: sequence, "stream"?: text, '
    '"encoding"?: "json" or "binary"}'
)


_FIELD = re.compile(r"`\$\.(\w{1,40})|field `(\w{1,40})`")  # as msgspec names it
_RULES = {"channel": f"one of {', '.join(CHANNELS)}", "encoding": "json or binary"}
Frame = Literal[WSMsgType.TEXT, WSMsgType.BINARY]
KINDS: Mapping[Encoding, Frame] = {"json": WSMsgType.TEXT, "binary": WSMsgType.BINARY}


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Every bound of the stream, with its reason."""

    clients_max: int = 256  # sockets and tasks one observer serves
    frame_interval_seconds: float = 0.05  # 20 updates a second are as many as a person follows
    slow_client_seconds: float = 10.0  # one message unsent for so long: the client is cut off
    heartbeat_seconds: float = 15.0  # finds a peer that is gone
    request_bytes_max: int = 4096  # the longest request is a filter of four patterns
    is_compressed: bool = False  # each frame again for each client: docs/decisions/0042_*


@dataclass(slots=True)
class StreamCounters:
    """Counts since the start of the observer."""

    clients: int = 0
    messages: int = 0
    conflated: int = 0
    snapshots: int = 0
    cut_off: int = 0
    refused: int = 0


@dataclass(slots=True)
class StreamHub:
    """All clients of all channels."""

    channels: Mapping[ChannelName, Channel]
    name: str  # names this run of the observer, so that sequences of another run do not match
    limits: StreamLimits = field(default_factory=StreamLimits)
    counters: StreamCounters = field(default_factory=StreamCounters)
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    shared: SharedMessages = field(default_factory=SharedMessages)
    _sessions: set[StreamSession] = field(default_factory=set)
    _frame: asyncio.TimerHandle | None = None
    _next_frame_at: float = 0.0

    def wake(self) -> None:
        """The channels moved: the first change goes out at once, those of the next interval wait
        and conflate. Never blocks."""
        if self._frame is None and self._sessions:
            loop = asyncio.get_running_loop()
            self._frame = loop.call_at(max(loop.time(), self._next_frame_at), self._release)

    def _release(self) -> None:
        """All clients at the same time, so that those who ask the same stand at the same place."""
        self._frame = None
        self._next_frame_at = asyncio.get_running_loop().time() + self.limits.frame_interval_seconds
        for session in self._sessions:
            session.wake()

    async def serve(
        self,
        request: web.Request,
        authority: Authority = EVERYTHING,
        may_read: Callable[[], bool] = lambda: True,
    ) -> web.StreamResponse:
        """The life of one client. The caller has checked key and origin; `may_read` asks again."""
        if len(self._sessions) >= self.limits.clients_max:
            self.counters.refused += 1
            rule = f"at most {self.limits.clients_max} clients"
            fault = StreamFault("TOO_MANY_CLIENTS", "clients", len(self._sessions), rule)
            status = STREAM_CODES["TOO_MANY_CLIENTS"].http_status
            return web.json_response({"error": fault.error}, status=status)
        socket = web.WebSocketResponse(
            heartbeat=self.limits.heartbeat_seconds,
            max_msg_size=self.limits.request_bytes_max,
            compress=self.limits.is_compressed,
        )
        await socket.prepare(request)
        session = StreamSession(self, socket, request, authority)
        self._sessions.add(session)
        self.counters.clients = len(self._sessions)
        try:
            await session.run(may_read)
        finally:
            self._sessions.discard(session)
            self.counters.clients = len(self._sessions)
        return socket

    async def close(self) -> None:
        """Say goodbye to every client."""
        if self._frame is not None:
            self._frame.cancel()
        await asyncio.gather(*(session.close() for session in tuple(self._sessions)))


class StreamSession:
    """Reads requests in the caller's task, sends from its own."""

    def __init__(
        self,
        hub: StreamHub,
        socket: web.WebSocketResponse,
        request: web.Request,
        authority: Authority,
    ) -> None:
        self._hub = hub
        self._authority = authority
        self._socket = socket
        self._request = request
        self._awake = asyncio.Event()
        self._has_asked = False  # since it was last sent something
        self._send_lock = asyncio.Lock()
        self._subscriptions: dict[str, Subscription] = {}

    def wake(self) -> None:
        self._awake.set()

    async def run(self, may_read: Callable[[], bool]) -> None:
        """Until the client goes, may read no longer, or cannot be sent to: a client that gets
        answers and no rows would believe what it has."""
        sender = asyncio.create_task(self._send_forever())
        sender.add_done_callback(self._sender_ended)
        guard = asyncio.create_task(self._guard(may_read))
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    await self.close(WSCloseCode.UNSUPPORTED_DATA, b"requests are text frames")
                    break
                await self._answer(message.data)
        finally:
            sender.cancel()
            guard.cancel()
            await asyncio.gather(sender, guard, return_exceptions=True)

    def _sender_ended(self, sender: asyncio.Task[None]) -> None:
        error = None if sender.cancelled() else sender.exception()
        if error is not None and not isinstance(error, TimeoutError | ConnectionError):
            _log.error("a stream ends: %r", error)
        if not sender.cancelled():
            self._abort()

    async def _guard(self, may_read: Callable[[], bool]) -> None:
        """A key that was revoked or changed reads no longer than this."""
        while may_read():  # noqa: ASYNC110 - the key file is what it looks at
            await asyncio.sleep(GUARD_SECONDS)
        await self.close(WSCloseCode.POLICY_VIOLATION, b"the key may not read any more")

    async def close(
        self, code: int = WSCloseCode.GOING_AWAY, why: bytes = b"the observer is stopping"
    ) -> None:
        try:
            async with asyncio.timeout(1):
                await self._socket.close(code=code, message=why)
        except TimeoutError:
            self._abort()

    async def _answer(self, text: str) -> None:
        try:
            reply = self._apply(decode_request(text))
        except msgspec.MsgspecError as error:
            reply = {"type": "error", "error": _malformed(text, str(error)).error}
        except StreamFault as fault:
            reply = {"type": "error", "error": fault.error}
        if reply is not None:
            await self._send(encode(reply))

    def _apply(self, request: Request) -> dict[str, Any] | None:
        if request.op == "ping":
            return {"type": "pong"}
        if request.channel is None:
            raise StreamFault("BAD_REQUEST", "channel", "", f"{request.op} needs a channel")
        if request.channel not in CHANNELS:
            raise StreamFault("BAD_REQUEST", "channel", request.channel, _RULES["channel"])
        if request.op == "unsubscribe":
            self._subscriptions.pop(request.channel, None)
            return {"type": "unsubscribed", "channel": request.channel}
        self._subscriptions[request.channel] = Subscription(
            self._hub.channels[request.channel],
            Filter(request.channel, request.filter, self._authority),
            self._hub.name,
            request.resume,
            request.stream,
            encoding=request.encoding,
            shared=self._hub.shared,
        )
        self._has_asked = True
        self.wake()
        return None

    async def _send_forever(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            has_asked, self._has_asked = self._has_asked, False
            for name, subscription in tuple(self._subscriptions.items()):
                if self._subscriptions.get(name) is subscription and subscription.is_behind:
                    await self._bring_up_to_date(subscription)
            if has_asked:  # nobody is answered more often than frames come
                await self._hub.pause(self._hub.limits.frame_interval_seconds)

    async def _bring_up_to_date(self, subscription: Subscription) -> None:
        conflated, snapshots = subscription.conflated, subscription.snapshots
        kind = KINDS[subscription.encoding]
        for message in subscription.messages():
            await self._send(message, kind)
        self._hub.counters.snapshots += subscription.snapshots - snapshots
        self._hub.counters.conflated += subscription.conflated - conflated

    async def _send(self, message: bytes, kind: Frame = WSMsgType.TEXT) -> None:
        """Waits while the socket is full, but only so long: then the client is cut off."""
        try:
            async with asyncio.timeout(self._hub.limits.slow_client_seconds), self._send_lock:
                await self._socket.send_frame(message, kind)
            self._hub.counters.messages += 1
        except TimeoutError:
            self._hub.counters.cut_off += 1
            self._abort()
            raise
        except ConnectionError:
            self._abort()
            raise

    def _abort(self) -> None:
        transport = self._request.transport
        if transport is not None:
            transport.abort()


def _malformed(text: str, why: str) -> StreamFault:
    """Names the field and what it holds, as far as the request can be read."""
    found = _FIELD.search(why)
    try:
        body = msgspec.json.decode(text)
    except msgspec.MsgspecError:
        found = None
    if found is None or not isinstance(body, dict):
        return StreamFault("BAD_REQUEST", "", text, REQUEST_FORM)
    name = found[1] or found[2]
    value = body.get(name, "")
    shown = value if isinstance(value, str) else encode(value).decode()
    return StreamFault("BAD_REQUEST", name, shown, _RULES.get(name, REQUEST_FORM))
