"""Simulated OKX v5: REST and WebSocket on one port of 127.0.0.1 over the gateway's own matching
engine. Its fidelity is judged by clients that were not written here (test_okx_clients.py).

    async with OkxSimulator() as simulator:
        simulator.quote("BTC-USDT-SWAP", "50000", "50000.1")
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from aiohttp import web
from fault_script import FaultScript
from gateway_paper.venue.settings import AccountSettings
from okx_simulator.access import Gate, RollingLimits
from okx_simulator.algos import Algos
from okx_simulator.listings import ACCOUNTS, KEYS, PRODUCTS, Key, Product
from okx_simulator.reports import Reports
from okx_simulator.rest import RestFace
from okx_simulator.sockets import SocketFace
from okx_simulator.venue import OkxVenue

__all__ = ["OkxSimulator"]

Row = dict[str, Any]
TICK_SECONDS = 0.02
# OKX repeats an unchanged mark every 10 s; a test does not wait that long for the first one.
REPEAT_SECONDS = 0.2


class OkxSimulator:
    """One running venue. `faults` is its script, `venue` its state for the judge."""

    def __init__(
        self,
        products: Sequence[Product] = PRODUCTS,
        accounts: Sequence[AccountSettings] = ACCOUNTS,
        keys: Sequence[Key] = KEYS,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.skew_ns = 0
        self.faults = FaultScript()

        def now() -> int:
            return now_ns() + self.skew_ns

        self.limits = RollingLimits(now)
        gate = Gate(keys, now)
        self.venue = OkxVenue(products, accounts, now_ns=now, push=self._push)
        self.algos = Algos(self.venue, self._push)
        reports = Reports(self.venue)
        terms = {"gate": gate, "limits": self.limits, "faults": self.faults}
        self.rest = RestFace(self.venue, self.algos, reports, **terms)  # type: ignore[arg-type]
        self.sockets = SocketFace(self.venue, reports, **terms)  # type: ignore[arg-type]
        self.venue.on_change = self._changed
        self.venue.on_expiry = self.sockets.tell_expiry
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._ticking: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/v5"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Also again after `stop`, on the same port: a venue that restarts keeps its state."""
        app = web.Application()
        app.router.add_route("*", "/api/v5/{rest:.*}", self.rest.handle)
        app.router.add_get("/ws/v5/{kind:public|private|business}", self.sockets.handle)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self._ticking = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        self.sockets.cut_all()
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        if self._runner is not None:
            await self._runner.cleanup()

    # The market, by hand.

    def quote(self, inst_id: str, bid: str, ask: str, size: str = "100") -> None:
        """The market bids and asks, and has just traded, so that a last price exists."""
        self.venue.set_level(inst_id, "buy", bid, size)
        self.venue.set_level(inst_id, "sell", ask, size)
        self.venue.trade(inst_id, ask, self.venue.products[inst_id].min_size, "buy")
        self.venue.set_level(inst_id, "sell", ask, size)

    # What the judge reads.

    def sent_with(self, client_id: str) -> list[str]:
        """The ids of every order, plain or algo, ever taken with this client id."""
        plain = [o.order_id for o in self.venue.orders.values() if o.client_id == client_id]
        algo = [o.algo_id for o in self.algos.orders.values() if o.client_id == client_id]
        return plain + algo

    def open_client_ids(self, account: str) -> set[str]:
        plain = {o.client_id or o.algo_client_id for o in self.venue.open_orders(account)}
        return plain | {o.client_id for o in self.algos.open_orders(account)}

    def _push(self, account: str, channel: str, product: Product | None, rows: list[Row]) -> None:
        self.sockets.push(account, channel, product, rows)

    def _changed(self) -> None:
        self.algos.check()
        self.sockets.market_moved()

    async def _tick(self) -> None:
        repeated = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.algos.advance()
            self.venue.exchange.advance()
            if time.monotonic() - repeated >= REPEAT_SECONDS:
                repeated = time.monotonic()
                self.sockets.repeat_marks()
