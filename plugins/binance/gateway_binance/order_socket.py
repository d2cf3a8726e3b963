"""Order entry over the WebSocket API: one signed message a request, answers matched by id. A line
that falls leaves what was asked unknown; what never left is told apart from that.

"WebSocket API General Info" and "Request Security" of the USDS-M futures documentation, 2026-10;
web-socket-api.md of binance-spot-api-docs, read 2026-11.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import msgspec

from gateway.transport import JsonReader, PendingReplies, SocketShard
from gateway_binance.messages import ErrorRow, HalfRow
from gateway_binance.signing import Signer
from gateway_binance.stream import LINE

__all__ = ["OrderSocket", "SocketAnswer"]

log = logging.getLogger(__name__)


class _Count(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: int
    count: int = 0


class _Frame(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    status: int
    id: str | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: ErrorRow | None = None
    rate_limits: list[_Count] = []


class SocketAnswer(NamedTuple):
    """`code` is 0 for success. `counts`: what the venue has counted, by type and interval."""

    status: int
    code: int
    text: str
    retry_at_ms: int
    data: bytes
    counts: dict[str, int]
    halves: list[HalfRow]  # of a cancel-replace, those that failed


_FRAME = JsonReader(_Frame, "an answer of the WebSocket API")


class OrderSocket:
    """One line. `now_ms` is venue time."""

    def __init__(
        self,
        url: str,
        signer: Signer,
        *,
        now_ms: Callable[[], int],
        acceptance_window_ms: int,
        timeout_ms: int,
        random: Random,
    ) -> None:
        self._signer = signer
        self._now_ms = now_ms
        self._acceptance_window_ms = acceptance_window_ms
        self._timeout_ms = timeout_ms
        self._pending: PendingReplies[SocketAnswer] = PendingReplies()
        self._numbers = 0
        self.unexpected = 0  # answers nobody waits for any more
        self._line = SocketShard(
            "order socket",
            url,
            replace(LINE),
            random=random,
            on_frame=lambda _, data: self._take(data),
            on_down=lambda _, reason: self._down(reason),
        )

    @property
    def is_up(self) -> bool:
        return self._line.is_up

    async def start(self) -> None:
        """Dial in the background; requests go by REST until the line is up."""
        await self._line.start()

    async def stop(self) -> None:
        await self._line.stop()

    def row(self) -> dict[str, Any]:
        return self._line.row() | {"waiting": len(self._pending)}

    async def ask(self, method: str, parameters: Mapping[str, str]) -> SocketAnswer:
        """Send once. VenueUnavailable: nothing left. OutcomeUnknown: it may have been done."""
        self._numbers += 1
        key = str(self._numbers)
        params = {
            **parameters,
            "apiKey": self._signer.api_key,
            "recvWindow": str(self._acceptance_window_ms),
            "timestamp": str(self._now_ms()),
        }
        # Signed sorted by name and not percent-encoded, unlike a query.
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        params["signature"] = self._signer.signature(text)
        frame = msgspec.json.encode({"id": key, "method": method, "params": params}).decode()
        return await self._pending.ask(self._line, key, frame, self._timeout_ms)

    def _take(self, data: bytes) -> None:
        frame = _FRAME.read(data)
        error = frame.error
        answer = SocketAnswer(
            frame.status,
            error.code if error else 0,
            error.text if error else "",
            error.retry_at_ms if error else 0,
            bytes(frame.result),
            {
                f"{each.rate_limit_type}_{each.interval_num}{each.interval}": each.count
                for each in frame.rate_limits
            },
            error.halves if error else [],
        )
        if frame.id is None or not self._pending.answer(frame.id, answer):
            self.unexpected += 1

    def _down(self, reason: str) -> None:
        log.warning("order socket: %s", reason)
        self._pending.lose_all(reason)
