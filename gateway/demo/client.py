"""The sample client: quotes around the market over REST, crosses now and then, cancels what rests.
An example of the local API, and what keeps the demo's page alive."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from decimal import ROUND_DOWN, Decimal
from typing import Any

import aiohttp

__all__ = ["SampleClient"]

PAUSE_SECONDS = 0.15
RESTING_MAX = 12


class SampleClient:
    """Trades until `stop` is set. Counts what it did."""

    def __init__(self, url: str, key: str, seed: int = 1) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._random = random.Random(seed)
        self._number = 0
        self._resting: list[str] = []
        self.counts: Counter[str] = Counter()

    async def trade(self, stop: asyncio.Event) -> None:
        """One action after another, each on an instrument with a market."""
        async with aiohttp.ClientSession(self._url, headers=self._headers) as session:
            while not stop.is_set():
                instruments = (await self._get(session, "/v1/instruments"))["instruments"]
                quoted = [row for row in instruments if row["bid"] and row["ask"]]
                if quoted:
                    await self._act(session, self._random.choice(quoted))
                await asyncio.sleep(PAUSE_SECONDS)
            await session.delete("/v1/orders")

    async def _act(self, session: aiohttp.ClientSession, instrument: dict[str, Any]) -> None:
        if len(self._resting) >= RESTING_MAX:
            await self._cancel(session, self._resting.pop(0))
        elif self._random.random() < 0.3:
            await self._submit(session, instrument, "market")
        else:
            await self._submit(session, instrument, "limit")

    async def _submit(
        self, session: aiohttp.ClientSession, instrument: dict[str, Any], kind: str
    ) -> None:
        side = self._random.choice(("buy", "sell"))
        order = {
            "client_order_id": self._next_id(),
            "account": "demo",
            "strategy": "demo",
            "instrument": instrument["name"],
            "side": side,
            "type": kind,
            "time_in_force": "ioc" if kind == "market" else "gtc",
            "quantity": self._quantity(instrument),
        }
        if kind == "limit":
            order["price"] = self._price(instrument, side)
        async with session.post("/v1/orders", json=order) as response:
            answer = await response.json()
        if response.status >= 400:
            self.counts[answer["error"]["code"]] += 1
            return
        self.counts["orders"] += 1
        if kind == "limit":
            self._resting.append(answer["order"]["order_id"])

    async def _cancel(self, session: aiohttp.ClientSession, order_id: str) -> None:
        async with session.delete(f"/v1/orders/{order_id}") as response:
            await response.read()
        self.counts["cancels" if response.status < 400 else "cancels_too_late"] += 1

    def _next_id(self) -> str:
        self._number += 1
        return f"sample-{self._number}"

    def _quantity(self, instrument: dict[str, Any]) -> str:
        """About 500 units of the quote currency, in whole lots."""
        lot = Decimal(instrument["lot"])
        lots = (Decimal(500) / Decimal(instrument["bid"]) / lot).to_integral_value(ROUND_DOWN)
        return format(max(lots, Decimal(1)) * lot, "f")

    def _price(self, instrument: dict[str, Any], side: str) -> str:
        """Up to eight ticks behind the best price."""
        tick = Decimal(instrument["tick"])
        away = self._random.randint(0, 8) * tick
        best = (
            Decimal(instrument["bid"]) - away
            if side == "buy"
            else Decimal(instrument["ask"]) + away
        )
        return format((best / tick).to_integral_value(ROUND_DOWN) * tick, "f")

    async def _get(self, session: aiohttp.ClientSession, path: str) -> dict[str, Any]:
        async with session.get(path) as response:
            response.raise_for_status()
            answer: dict[str, Any] = await response.json()
            return answer
