"""Signed requests whose failures say exactly what is known: the venue said no, nothing happened,
or the outcome is unknown. Never sends anything twice, and nothing at all while banned."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Literal, TypeVar

from gateway.api import (
    OutcomeUnknown,
    VenueError,
    VenueProtocolError,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
)
from gateway.transport import JsonReader, RestAnswer, RestPool, VenueClock, retry_after_ms
from gateway_binance.errors import Meaning, Product, meaning_of
from gateway_binance.messages import ErrorRow, TimeRow
from gateway_binance.signing import Signer, query_text

__all__ = ["BinanceRest", "Lane", "Refusal", "WeightGate"]

Document = TypeVar("Document")
Lane = Literal["kill", "cancel", "query", "new"]
_ERROR = JsonReader(ErrorRow, "an error")
_TIME = JsonReader(TimeRow, "the server time")
_CLOCK_SAMPLES = 3
# Share of the minute's weight that each lane may use: cancels get through when questions do not.
_SHARES: dict[Lane, float] = {"kill": 1.0, "cancel": 0.98, "new": 0.95, "query": 0.85}


class Refusal(VenueRejected):
    """The venue said no; `meaning` is what that proves (errors.py)."""

    def __init__(self, code: str, text: str, meaning: Meaning) -> None:
        super().__init__(code, text)
        self.meaning = meaning


class WeightGate:
    """The weight of this address as the venue counts it, and its bans. A request that would not be
    answered is not sent: who goes on after 429 is banned (HTTP return codes, general info)."""

    def __init__(self, now_ns: Callable[[], int], capacity: int) -> None:
        self._now_ns = now_ns
        self._capacity = capacity
        self._minute = 0
        self.used = 0
        self._closed_until_ns = 0
        self.closures = 0

    def enter(self, weight: int, lane: Lane) -> None:
        """Raises VenueRateLimited; then nothing was sent."""
        now = self._now_ns()
        if now < self._closed_until_ns:
            wait_ms = (self._closed_until_ns - now) // 1_000_000 + 1
            raise VenueRateLimited(f"banned or throttled for {wait_ms} ms", wait_ms)
        self._turn(now)
        if self.used + weight > self._capacity * _SHARES[lane]:
            wait_ms = 60_000 - now // 1_000_000 % 60_000
            raise VenueRateLimited(f"weight {self.used} of {self._capacity} is used", wait_ms)
        self.used += weight

    def told(self, used: str) -> None:
        """What the venue has counted, others behind the same address included."""
        self._turn(self._now_ns())
        if used.isascii() and used.isdigit():
            self.used = max(self.used, int(used))

    def close(self, wait_ms: int) -> None:
        self.closures += 1
        self._closed_until_ns = max(self._closed_until_ns, self._now_ns() + wait_ms * 1_000_000)

    def _turn(self, now_ns: int) -> None:
        minute = now_ns // 60_000_000_000
        if minute != self._minute:
            self._minute, self.used = minute, 0


class BinanceRest:
    """One key at one address."""

    def __init__(
        self,
        url: str,
        signer: Signer,
        *,
        product: Product,
        timeout_ms: int,
        receive_window_ms: int,
        weight_max: int,
        connections: int = 4,
        now_ns: Callable[[], int] = time.time_ns,
        random: Random,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._product: Product = product
        self._signer = signer
        self._receive_window_ms = receive_window_ms
        self.clock = VenueClock(now_ns)
        self.gate = WeightGate(self.clock.now_ns, weight_max)
        self.is_clock_doubted = False
        self._pool = RestPool(
            url,
            connections=connections,
            timeout_ms=timeout_ms,
            now_ns=now_ns,
            random=random,
            headers={"X-MBX-APIKEY": signer.api_key},
            tls=tls,
        )

    async def open(self) -> None:
        """Connect and learn the venue's time."""
        await self._pool.open()
        await self.sync_clock()

    async def close(self) -> None:
        await self._pool.close()

    def row(self) -> dict[str, Any]:
        """For logs and tests."""
        return {"weight": self.gate.used, "closures": self.gate.closures, **self._pool.row()}

    async def sync_clock(self) -> None:
        for _ in range(_CLOCK_SAMPLES):
            answer = await self._request("GET", "/fapi/v1/time", weight=1, lane="kill")
            stamp_ns = _TIME.read(answer.data).server_time * 1_000_000
            self.clock.observe(answer.sent_ns, stamp_ns, answer.received_ns)
        self.is_clock_doubted = False

    async def public(
        self,
        path: str,
        reader: JsonReader[Document],
        parameters: Mapping[str, str] | None = None,
        *,
        weight: int = 1,
    ) -> Document:
        """A question without a key. A lost answer is plain unavailability."""
        query = query_text(parameters) if parameters else ""
        target = f"{path}?{query}" if query else path
        return await self._question("GET", target, reader, weight)

    async def keyed(self, method: str, path: str, reader: JsonReader[Document]) -> Document:
        """A call that the key alone allows: listen keys."""
        return await self._question(method, path, reader, 1)

    async def ask(
        self,
        path: str,
        reader: JsonReader[Document],
        parameters: Mapping[str, str] | None = None,
        *,
        weight: int = 1,
    ) -> Document:
        """A signed question, which changes nothing."""
        if self.is_clock_doubted:
            await self.sync_clock()
        return await self._question("GET", self._signed(path, parameters), reader, weight)

    async def send(
        self, method: str, path: str, parameters: Mapping[str, str], *, weight: int, lane: Lane
    ) -> bytes:
        """A signed request that changes something, once. Raises Refusal, VenueRateLimited or
        VenueUnavailable (nothing happened), OutcomeUnknown (nobody knows)."""
        if self.is_clock_doubted:
            await self.sync_clock()
        target = self._signed(path, parameters)
        return (await self._request(method, target, weight=weight, lane=lane)).data

    async def _question(
        self, method: str, target: str, reader: JsonReader[Document], weight: int
    ) -> Document:
        try:
            answer = await self._request(method, target, weight=weight, lane="query")
        except OutcomeUnknown as error:
            raise VenueUnavailable(str(error)) from error
        return reader.read(answer.data)

    def _signed(self, path: str, parameters: Mapping[str, str] | None) -> str:
        query = query_text(parameters) if parameters else ""
        now_ms = self.clock.now_ns() // 1_000_000
        return f"{path}?{self._signer.signed(query, now_ms, self._receive_window_ms)}"

    async def _request(self, method: str, target: str, *, weight: int, lane: Lane) -> RestAnswer:
        self.gate.enter(weight, lane)
        answer = await self._pool.request(method, target)
        self.gate.told(answer.headers.get("X-MBX-USED-WEIGHT-1M", ""))
        if answer.status == 200:
            return answer
        raise self._failure(f"{method} {target.partition('?')[0]}", answer)

    def _failure(self, what: str, answer: RestAnswer) -> VenueError:
        """The proof that stands in a failed answer."""
        try:
            row = _ERROR.read(answer.data)
            code, text = row.code, row.msg
        except VenueProtocolError as error:
            code, text = None, str(error)
        meaning = meaning_of(self._product, answer.status, code, text)
        said = f"{what}: {answer.status} {code} {text}"[:200]
        if meaning == "unknown":
            return OutcomeUnknown(said)
        if meaning == "rate_limited":
            wait_ms = retry_after_ms(answer) or 1_000
            self.gate.close(wait_ms)
            return VenueRateLimited(said, wait_ms)
        if meaning == "not_executed":
            return VenueUnavailable(said)
        if meaning == "clock":
            self.is_clock_doubted = True
        return Refusal(str(code), text, meaning)
