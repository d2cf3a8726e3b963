"""Two clients of a desk that must never lose count: each remembers every intent, what was answered,
and sends the same client order id again after each cut. They trade through the real sockets."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any

import aiohttp

__all__ = ["Intent", "Quotes", "RestTrader", "SocketTrader", "Trader", "decimal"]

Row = dict[str, Any]
Answer = tuple[int, Row]
CUT = (aiohttp.ClientError, ConnectionError, asyncio.TimeoutError)
# Nothing was taken; a loaded machine or a slow disk may say so at any time.
REFUSED_FOR_NOW = {
    "NOT_RECONCILED", "VENUE_DOWN", "NOT_READY", "JOURNAL_BEHIND", "VENUE_QUEUE_FULL", "LANE_FULL",
}  # fmt: skip
OPEN_MAX = 30
CHECKED_OLD = 10  # acknowledged orders of earlier lives looked up again after each restart


@dataclass
class Intent:
    """One thing a client wants. `order_id` once acknowledged, `refusal` while the last word was no,
    neither while the outcome is in doubt."""

    body: Row
    order_id: str = ""
    refusal: str = ""

    @property
    def is_in_doubt(self) -> bool:
        return not self.order_id and not self.refusal


@dataclass
class Quotes:
    """Best prices by the gateway's instrument symbol, with tick and typical order sizes."""

    rules: dict[str, Row]
    best: dict[str, tuple[Fraction, Fraction]] = field(default_factory=dict)


def decimal(value: Fraction, step: Fraction) -> str:
    """The multiple of `step` nearest to a positive value, as text."""
    mantissa = max(1, round(value / step)) * step
    scale = 0
    while (mantissa * 10**scale).denominator != 1:
        scale += 1
    digits = str((mantissa * 10**scale).numerator).rjust(scale + 1, "0")
    return f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits


class Trader:
    """What both have in common: intents, the random choice, and the bookkeeping of answers."""

    def __init__(
        self,
        name: str,
        *,
        address: Callable[[], str],
        key: Callable[[], str],
        quotes: Quotes,
        strategies: Mapping[str, str],
        seed: int,
    ) -> None:
        self.name = name
        self.address = address
        self.key = key
        self.quotes = quotes
        self.strategies = strategies
        self.random = Random(f"{seed}/{name}")
        self.intents: dict[str, Intent] = {}
        self.working: list[Intent] = []
        self.faults: list[str] = []  # everything a client must never see
        self.acknowledged = asyncio.Event()  # something was since somebody cleared it
        self.sends = 0
        self.repeats = 0
        self.reconnects = 0
        self.is_stopping = False
        self._numbers = itertools.count(1)
        self._last_life: list[Intent] = []

    async def run(self) -> None:
        """Trade on whatever address answers, until told to stop and nothing is in doubt."""
        while True:
            address = self.address()
            if not address:
                if self.is_stopping and not self.doubts():
                    return
                await asyncio.sleep(0.005)
                continue
            try:
                if await self.session(address):
                    return
            except CUT:
                await asyncio.sleep(0.005)

    async def session(self, address: str) -> bool:
        """One connection; True when everything is done."""
        raise NotImplementedError

    async def send(self, body: Row) -> Answer:
        raise NotImplementedError

    async def cancel(self, order_id: str) -> Answer:
        raise NotImplementedError

    async def replace(self, order_id: str, change: Row) -> Answer:
        raise NotImplementedError

    async def find(self, client_order_id: str) -> Answer:
        raise NotImplementedError

    def doubts(self) -> list[Intent]:
        return [each for each in self.intents.values() if each.is_in_doubt]

    async def resume(self) -> None:
        """After a cut: what was acknowledged is there, what is in doubt is sent again."""
        self.reconnects += 1
        known = [each for each in self.intents.values() if each.order_id]
        old = self.random.sample(known, min(CHECKED_OLD, len(known)))
        for intent in self._last_life + old:
            status, answer = await self.find(intent.body["client_order_id"])
            found = answer.get("order", {}).get("order_id")
            if status != 200 or found != intent.order_id:
                self.faults.append(f"acknowledged {intent} is {status} {answer} after a restart")
        self._last_life = []
        for intent in self.doubts() + old[:3]:
            self.repeats += 1
            await self.submit(intent)

    async def submit(self, intent: Intent) -> None:
        self.sends += 1
        status, answer = await self.send(intent.body)
        if status in (200, 201):
            order_id = answer["order"]["order_id"]
            if intent.order_id and intent.order_id != order_id:
                self.faults.append(f"{intent} became a second order {order_id}")
            if not intent.order_id:
                self._last_life.append(intent)
                self.working.append(intent)
            intent.order_id, intent.refusal = order_id, ""
            self.acknowledged.set()
            return
        code = answer["error"]["code"]
        if intent.order_id:
            self.faults.append(f"{intent} was acknowledged and is now refused: {answer}")
        elif code != "UNKNOWN_OUTCOME":
            intent.refusal = code
        if status >= 500 and code not in REFUSED_FOR_NOW:
            self.faults.append(f"{intent}: {status} {answer}")

    async def act(self) -> None:
        """One random thing a client does."""
        choice = self.random.random()
        refused = [each for each in self.intents.values() if each.refusal == "NOT_RECONCILED"]
        if self.working and (choice < 0.22 or len(self.working) > OPEN_MAX):
            intent = self.working.pop(self.random.randrange(len(self.working)))
            await self.cancel(intent.order_id)
        elif self.working and choice < 0.34:
            await self._replace(self.random.choice(self.working))
        elif refused and choice < 0.40:
            await self.submit(refused[-1])  # refused before, the same id is still free
        else:
            await self.submit(self._fresh())

    async def _replace(self, intent: Intent) -> None:
        body = intent.body
        if body["type"] == "market":
            return
        instrument = body["instrument"]
        rules = self.quotes.rules[instrument]
        change: Row = {"price": self._price(instrument, body["side"], is_passive=True)}
        if self.random.random() < 0.5:
            change["quantity"] = self._quantity(rules)
        await self.replace(intent.order_id, change)

    def _fresh(self) -> Intent:
        instrument = self.random.choice(sorted(self.quotes.best))
        rules = self.quotes.rules[instrument]
        side = self.random.choice(("buy", "sell"))
        kind = self.random.choice(("market", "limit", "limit", "limit", "limit_ioc"))
        body: Row = {
            "client_order_id": f"{self.name}-{next(self._numbers)}",
            "account": "main",
            "instrument": instrument,
            "strategy": self.strategies[instrument],
            "side": side,
            "type": kind.partition("_")[0],
            "time_in_force": "gtc" if kind == "limit" else "ioc",
            "quantity": self._quantity(rules),
        }
        if kind != "market":
            is_passive = kind == "limit" and self.random.random() < 0.7
            body["price"] = self._price(instrument, side, is_passive=is_passive)
        intent = self.intents[body["client_order_id"]] = Intent(body)
        return intent

    def _quantity(self, rules: Row) -> str:
        return decimal(rules["size"] * self.random.randint(1, 40), rules["lot"])

    def _price(self, instrument: str, side: str, *, is_passive: bool) -> str:
        bid, ask = self.quotes.best[instrument]
        tick = self.quotes.rules[instrument]["tick"]
        away = self.random.randint(0, 12) * tick * (1 if is_passive else -1)
        return decimal(bid - away if side == "buy" else ask + away, tick)

    async def pause(self) -> None:
        await asyncio.sleep(self.random.uniform(0.001, 0.012))


class RestTrader(Trader):
    """Over REST, with two requests on their way at once."""

    async def session(self, address: str) -> bool:
        headers = {"Authorization": f"Bearer {self.key()}"}
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(address, headers=headers, timeout=timeout) as self._http:
            await self.resume()
            while not self.is_stopping:
                results = await asyncio.gather(self.act(), self.act(), return_exceptions=True)
                for result in results:
                    if isinstance(result, BaseException):
                        raise result
                await self.pause()
            return not self.doubts()

    async def _ask(self, method: str, path: str, body: Row | None = None) -> Answer:
        async with self._http.request(method, path, json=body) as answer:
            return answer.status, await answer.json()

    async def send(self, body: Row) -> Answer:
        return await self._ask("POST", "/v1/orders", body)

    async def cancel(self, order_id: str) -> Answer:
        return await self._ask("DELETE", f"/v1/orders/{order_id}")

    async def replace(self, order_id: str, change: Row) -> Answer:
        return await self._ask("PUT", f"/v1/orders/{order_id}", change)

    async def find(self, client_order_id: str) -> Answer:
        return await self._ask("GET", f"/v1/orders/by-client-id/{client_order_id}")


class SocketTrader(Trader):
    """Over the WebSocket, four requests deep; lookups go over REST beside it."""

    async def session(self, address: str) -> bool:
        headers = {"Authorization": f"Bearer {self.key()}"}
        timeout = aiohttp.ClientTimeout(total=60)
        async with (
            aiohttp.ClientSession(address, headers=headers, timeout=timeout) as self._http,
            self._http.ws_connect("/v1/ws") as self._socket,
        ):
            self._waiting: dict[int, asyncio.Future[Row]] = {}
            self._ids = itertools.count(1)
            reader = asyncio.create_task(self._read())
            try:
                await self._do({"op": "login", "key": self.key()})
                await self._do({"op": "subscribe", "channel": "orders"})
                await self.resume()
                while not self.is_stopping:
                    acts = (self.act() for _ in range(4))
                    for result in await asyncio.gather(*acts, return_exceptions=True):
                        if isinstance(result, BaseException):
                            raise result
                    await self.pause()
                return not self.doubts()
            finally:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                document = message.json()
                future = self._waiting.pop(document.get("id", -1), None)
                if future is not None and not future.done():
                    future.set_result(document)
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionError("the session is gone"))
                    future.exception()  # perhaps nobody waits any more

    async def _do(self, operation: Row) -> Answer:
        number = next(self._ids)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({**operation, "id": number})
        async with asyncio.timeout(300):
            answer = await future
        return (200 if answer["ok"] else 400), answer

    async def send(self, body: Row) -> Answer:
        return await self._do({"op": "submit", "order": body})

    async def cancel(self, order_id: str) -> Answer:
        return await self._do({"op": "cancel", "order_id": order_id})

    async def replace(self, order_id: str, change: Row) -> Answer:
        return await self._do({"op": "replace", "order_id": order_id, **change})

    async def find(self, client_order_id: str) -> Answer:
        async with self._http.get(f"/v1/orders/by-client-id/{client_order_id}") as answer:
            return answer.status, await answer.json()
