"""The production way out for the benches: engine, router, Outbound, and of the Binance adapter what
sends, under limits that a bench does not reach. The counters of the limits run as always."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec

from gateway.api import CancelRequest, OrderRequest, ReplaceRequest
from gateway.benchmarks._venue_desk import ACCOUNT, Desk, contract
from gateway.benchmarks._venue_loopback import LoopbackVenue
from gateway.transport import PortGuard, TaskKeeper
from gateway.venues.outbound import Outbound

__all__ = ["BinanceDesk"]

log = logging.getLogger(__name__)

_CAPACITY = 100_000_000


class BinanceDesk:
    """`start` before the first order, `close` after the last. The parts stay visible."""

    def __init__(self, directory: str, ring: str, venue: LoopbackVenue, *, orders_max: int) -> None:
        from gateway_binance.capabilities import RATE_LIMITS, capabilities
        from gateway_binance.events import UserEvents
        from gateway_binance.memory import OrderMemory
        from gateway_binance.questions import Questions
        from gateway_binance.rest import BinanceRest
        from gateway_binance.sender import Sender
        from gateway_binance.signing import Signer

        manifest = capabilities("binance", acceptance_window_ms=5_000, timeout_ms=3_000)
        self.desk = desk = Desk(
            directory, ring, manifest, contract("binance", "BTCUSDT"), orders_max=orders_max
        )
        self.rest = BinanceRest(
            venue.url,
            Signer("bench-key", "bench-secret-bench-secret-bench-secret"),
            product="usdm",
            timeout_ms=3_000,
            acceptance_window_ms=5_000,
            account=ACCOUNT,
            limits=[msgspec.structs.replace(each, capacity=_CAPACITY) for each in RATE_LIMITS],
            random=Random(1),
        )
        self._port = PortGuard()
        self._port.open(desk.session)
        self._tasks = TaskKeeper(lambda error: log.warning("%s", error))
        self.memory = OrderMemory(orders_max=min(orders_max, 65_536))
        self.questions = Questions(self.rest, self.memory, account=ACCOUNT, symbols=("BTCUSDT",))
        parts: dict[str, Any] = {"tell": self._port.tell, "later": self._tasks.start}
        self.events = UserEvents(
            ACCOUNT, self.memory, self.questions, on_gap=lambda reason: None, **parts
        )
        expect = self.events.expect
        self._sender = Sender(self.rest, self.memory, self.questions, expect=expect, **parts)
        self.capabilities = manifest
        self.outbound = Outbound(desk.session, desk.native, self)  # type: ignore[arg-type]
        desk.drive.watch(desk.native, self._on_wake)

    async def start(self) -> None:
        await self.rest.open()
        self.desk.drive.start()

    async def close(self) -> None:
        await self.outbound.close(1.0)
        self.events.clear()
        await self._tasks.cancel_all()
        await self.rest.close()
        self.desk.close()

    # The part of an adapter that Outbound calls.

    async def submit(self, orders: Sequence[OrderRequest]) -> None:
        await self._sender.submit(orders)

    async def cancel(self, cancels: Sequence[CancelRequest]) -> None:
        await self._sender.cancel(cancels)

    async def replace(self, replaces: Sequence[ReplaceRequest]) -> None:
        await self._sender.replace(replaces)

    def _on_wake(self) -> None:
        self.desk.session.flush()
        self.outbound.pump()
