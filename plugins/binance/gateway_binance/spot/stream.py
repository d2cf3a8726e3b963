"""The account's line at Binance Spot: a connection to the WebSocket API that subscribes to user
data. Listen keys are retired there (user-data-stream.md of binance-spot-api-docs, read 2026-11).
What the events say is the business of others; how a line is kept, that of gateway.transport."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from gateway.api import VenueProtocolError, VenueRejected
from gateway.transport import JsonReader, Send, SocketShard
from gateway_binance.messages import ErrorRow
from gateway_binance.spot.messages import UserFrame
from gateway_binance.stream import LINE, GapWatch

__all__ = ["SpotUserStream"]

_FRAME = JsonReader(UserFrame, "a user frame", has_unique_keys=False)
_ERROR = JsonReader(ErrorRow, "an error")


class SpotUserStream:
    """`url()`: where to dial, when that may be done. `subscription()`: the signed request that
    begins the events. `on_refused(status, error)`: the venue did not take it. `on_gap(reason)`
    opens a gap, `on_gap("")` closes it."""

    def __init__(
        self,
        url: Callable[[], Awaitable[str]],
        *,
        subscription: Callable[[], Awaitable[str]],
        on_event: Callable[[bytes], None],
        on_refused: Callable[[int, ErrorRow], None],
        on_gap: Callable[[str], None],
        random: Random,
    ) -> None:
        self._subscription = subscription
        self._on_event = on_event
        self._on_refused = on_refused
        self._gap = GapWatch(on_gap)
        self._answer: asyncio.Future[None] | None = None
        self._line = SocketShard(
            "user stream",
            url,
            LINE,
            random=random,
            on_frame=lambda _, data: self._take(data),
            on_up=lambda _: self._gap.up(),
            on_down=lambda _, reason: self._gap.down(reason),
            login=self._subscribe,
        )

    @property
    def is_connected(self) -> bool:
        """False from a loss until the line is back."""
        return self._line.is_up and not self._gap.is_open

    def row(self) -> dict[str, Any]:
        return self._line.row()

    async def start(self, timeout_ms: int) -> None:
        """Returns when events come; raises VenueUnavailable otherwise."""
        await self._line.start(timeout_ms)

    async def stop(self) -> None:
        await self._line.stop()

    def break_off(self, reason: str) -> None:
        """Something is missing: start anew, which reconciles."""
        self._line.drop(reason)

    async def _subscribe(self, send: Send) -> None:
        self._answer = asyncio.get_running_loop().create_future()
        await send(await self._subscription())
        await self._answer

    def _take(self, data: bytes) -> None:
        frame = _FRAME.read(data)
        if event := bytes(frame.event):
            self._on_event(event)
        elif frame.kind:
            self._on_event(data)
        elif frame.status:
            self._answered(frame)
        else:
            raise VenueProtocolError("a user frame without an event")

    def _answered(self, frame: UserFrame) -> None:
        answer = self._answer
        if answer is None or answer.done():
            return
        if frame.status == 200:
            answer.set_result(None)
            return
        error = _ERROR.read(bytes(frame.error))
        self._on_refused(frame.status, error)
        answer.set_exception(VenueRejected(str(error.code), error.msg))
