"""The adapter of OKX under the real runtime, on the native engine, against the simulated venue."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from fault_script import CuttingProxy
from gateway_okx.adapter import OkxAdapter
from okx_simulator.simulator import OkxSimulator

from gateway.testing import until
from gateway.testing.live_gateway import LiveGateway, Row

__all__ = ["SWAP", "Desk", "adapter_of", "desk", "simulated"]

SWAP = "BTC-USDT-SWAP"
PATIENCE_SECONDS = 300


@contextlib.asynccontextmanager
async def simulated(**settings: Any) -> AsyncIterator[OkxSimulator]:
    async with OkxSimulator(**settings) as simulator:
        for inst_id in ("BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT"):
            simulator.quote(inst_id, "50000", "50000.1")
        yield simulator


def adapter_of(simulator: OkxSimulator, account: str = "net", **changes: Any) -> OkxAdapter:
    settings = {
        "account": account,
        "url": simulator.url,
        "socket_url": simulator.socket_url,
        "symbols": ["BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT"],
        "timeout_ms": 3_000,  # a loaded machine answers by then: only a fault is late
        **changes,
    }
    names = ("key", "secret", "passphrase")
    words = (f"{account}-key", f"{account}-secret", f"{account}-phrase")
    return OkxAdapter("okx", settings, dict(zip(names, words, strict=True)))


class Desk(LiveGateway):
    """A gateway over the adapter; `simulator` is the venue, `line` the line of requests to it."""

    line: CuttingProxy

    def __init__(
        self,
        directory: Path,
        simulator: OkxSimulator,
        account: str,
        url: str = "",
        margin_mode: str = "cross",
        **changes: Any,
    ) -> None:
        self.simulator = simulator
        super().__init__(
            directory,
            adapter_of(simulator, account, **({"url": url} if url else {}), **changes),
            account=account,
            order={"instrument": f"{SWAP}.okx", "quantity": "2", "price": "49000"},
            rates={"USDT": "1", "USD": "1", "BTC": "50000"},
            is_hedge_mode=account == "hedge",
            seconds_max=PATIENCE_SECONDS,
            margin_mode=margin_mode,
        )

    async def start(self) -> None:
        await super().start()
        await self.until(lambda: self.counters["marks"] >= 3, "marks")

    async def settled(self, order_id: int) -> Row:
        """Its row once nothing about it is open any more."""
        await self.settle()
        return self.row(order_id)

    async def judge(self, order_id: int) -> None:
        """The venue's own book says whether the order is doubled, lost or told wrongly."""
        ids = self.simulator.sent_with(self.client_order_id(order_id))
        assert len(ids) <= 1, f"doubled: {ids}"
        if not ids:
            assert self.state(order_id) in ("CANCELED", "REJECTED"), self.row(order_id)
            return
        order = self.simulator.venue.orders[ids[0]]
        words = {"live": "NEW", "partially_filled": "PARTIALLY_FILLED", "filled": "FILLED"}
        truth = (words.get(order.state, "CANCELED"), Decimal(order.size), Decimal(order.price))

        def told() -> tuple[object, ...]:
            row = self.row(order_id)
            terms = (Decimal(row["quantity"]), Decimal(row["price"]))
            return (row["state"], *terms, Decimal(row["cumulative_quantity"]))

        try:
            await until(lambda: told() == (*truth, order.filled))
        except AssertionError:
            raise AssertionError(f"we say {told()}, the venue {truth}, {order.filled}") from None

    def judge_all(self) -> None:
        """No orphans on either side, and the same position."""
        ours = [row for row in self.native.orders(True) if row["venue"] == "okx"]
        wanted = {self.client_order_id(int(row["order_id"])) for row in ours}
        assert self.simulator.open_client_ids(self.account) == wanted
        held = self.simulator.venue.holder(self.account).signed_quantity(SWAP, "net")
        assert self.position() * 100 == held

    # What there is to see.

    def requests_counted(self, outcome: str) -> int:
        """REST requests of this outcome so far: answers, not_sent or unknown."""
        return int(self.adapter.row()[outcome])


@contextlib.asynccontextmanager
async def desk(directory: Path, account: str = "net", **changes: Any) -> AsyncIterator[Desk]:
    """Simulator and desk, connected and reconciled; requests go through `made.line`."""
    async with simulated() as simulator:
        line = CuttingProxy("127.0.0.1", simulator.port)
        await line.start()
        made = Desk(directory, simulator, account, f"http://127.0.0.1:{line.port}", **changes)
        made.line = line
        try:
            await made.start()
            yield made
        finally:
            await made.close()
            await line.stop()
