"""The adapter of OKX under the real runtime, on the native engine, against the simulated venue."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from fault_script import CuttingProxy
from gateway_okx.adapter import OkxAdapter
from okx_simulator.simulator import OkxSimulator

from gateway.core.drive import InlineDrive
from gateway.core.engine import (
    Engine,
    EngineSettings,
    PrincipalDefinition,
    open_native_engine,
)
from gateway.execution.router import NewOrder, Router
from gateway.venues.link import VenueLink
from gateway.venues.reconcile import AccountTerms

__all__ = ["SWAP", "Desk", "adapter_of", "desk", "eventually", "simulated"]

SWAP = "BTC-USDT-SWAP"
PATIENCE_SECONDS = 60
LIMITS: dict[str, str | int] = {
    "order_quantity_max": "1000000",
    "order_notional_max": "100000000",
    "position_long_max": "1000000",
    "position_short_max": "1000000",
    "gross_exposure_max": "1000000000",
    "net_exposure_max": "1000000000",
    "credit_max": "1000000000",
    "collar_bps": 5000,
    "reference_age_ms_max": 600_000,
    "orders_per_second": 100_000,
    "order_burst": 10_000,
    "cancels_per_second": 100_000,
    "cancel_burst": 10_000,
    "open_orders_side_max": 10_000,
    "duplicate_window_ms": 0,
}


async def eventually(probe: Callable[[], Any], what: str = "the awaited fact") -> Any:
    """The first true answer; the bound is for a loaded machine."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := probe()):
        assert time.monotonic() < deadline, f"{what} did not come in {PATIENCE_SECONDS} s"
        await asyncio.sleep(0.005)
    return found


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
        "instruments": ["BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT"],
        "timeout_ms": 1_000,
        **changes,
    }
    names = ("key", "secret", "passphrase")
    words = (f"{account}-key", f"{account}-secret", f"{account}-phrase")
    return OkxAdapter("okx", settings, dict(zip(names, words, strict=True)))


class HeldDrive(InlineDrive):
    """Lets commands gather before the engine turns, so that they leave together."""

    is_held = False

    def kick(self) -> None:
        if not self.is_held:
            super().kick()


class Desk:
    """One engine with one venue link, as the daemon wires them."""

    def __init__(
        self,
        directory: Path,
        simulator: OkxSimulator,
        account: str,
        url: str = "",
        **changes: Any,
    ) -> None:
        for name in ("data", "ring"):
            (directory / name).mkdir(exist_ok=True)
        self.native = open_native_engine(
            EngineSettings(
                directory=str(directory / "data"),
                ring_directory=str(directory / "ring"),
                ring_bytes=1 << 20,
                segment_bytes=1 << 20,
                orders_max=1024,
                idempotency_max=1024,
                positions_max=64,
                is_virtual_clock=True,
            )
        )
        self.native.set_time(max(time.time_ns(), self.native.now_ns() + 1))
        self.simulator, self.account = simulator, account
        self.engine = Engine(self.native, instance=1)
        self.drive = HeldDrive(self.native)
        self.adapter = adapter_of(simulator, account, **({"url": url} if url else {}), **changes)
        self.engine.define_venue("okx", self.adapter.capabilities)
        self.engine.define_account("okx", account, is_hedge_mode=account == "hedge")
        self.engine.define_strategy("alpha")
        scopes = frozenset({"read", "trade", "cancel"})
        self.engine.define_principal(PrincipalDefinition(name="desk", scopes=scopes))
        self.engine.set_currency_rate("USDT", "1")
        self.engine.set_currency_rate("USD", "1")
        self.engine.set_currency_rate("BTC", "50000")
        self.router = Router(self.engine, self.drive, verdict_seconds_max=5.0)
        terms = [AccountTerms(name=account, durability="process", margin_mode="cross")]
        self.link = VenueLink(
            "okx",
            self.engine,
            self.drive,
            self.adapter,
            terms,
            on_instruments=self._set_limits,
        )
        self._numbers = iter(range(1, 10_000))
        self._clock: asyncio.Task[None] | None = None

    def _set_limits(self) -> None:
        entities = [("firm", ""), ("venue", "okx"), ("account", self.account)]
        entities.append(("strategy", "alpha"))
        names = [row["name"] for row in self.native.registry("instrument")]
        for level, name in [*entities, *(("instrument", each) for each in names)]:
            self.engine.set_limits(level, name, LIMITS, actor="test", reason="start")

    async def start(self) -> None:
        self._clock = asyncio.create_task(self._run_clock())
        self.link.start()
        await eventually(lambda: self.link.health.is_reconciled, "reconciliation")
        await eventually(lambda: self.link.health.counters["marks"] >= 3, "marks")

    async def close(self) -> None:
        await self.link.close(2.0)
        if self._clock is not None:
            self._clock.cancel()
            await asyncio.gather(self._clock, return_exceptions=True)
        self.drive.close()
        self.native.stop()

    async def _run_clock(self) -> None:
        """The engine's time follows the wall, and jumps when the test says so."""
        self.jump_ns = 0
        while True:
            self.native.set_time(max(time.time_ns() + self.jump_ns, self.native.now_ns()))
            await self.drive.settle()
            await asyncio.sleep(0.005)

    def pass_proof_window(self) -> None:
        """Later than any request of before can still be carried out."""
        window_ms = self.adapter.capabilities.not_found_proof_after_ms or 0
        self.jump_ns += (window_ms + 1_000) * 1_000_000

    # What a strategy does.

    async def submit(self, **changes: Any) -> int:
        fields = {
            "principal": "desk",
            "client_order_id": f"c{next(self._numbers)}",
            "account": self.account,
            "instrument": f"{SWAP}.okx",
            "strategy": "alpha",
            "side": "buy",
            "type": "limit",
            "time_in_force": "gtc",
            "quantity": "2",
            "price": "49000",
        } | changes
        submitted = await self.router.submit(NewOrder(**fields))
        assert submitted.order is not None
        return int(submitted.order["order_id"])

    async def together(self, *calls: Any) -> list[Any]:
        """All in one turn of the engine: one batch at the adapter."""
        self.drive.is_held = True
        tasks = [asyncio.ensure_future(call) for call in calls]
        await asyncio.sleep(0)
        self.drive.is_held = False
        self.drive.kick()
        return await asyncio.gather(*tasks)

    async def cancel(self, order_id: int) -> None:
        await self.router.cancel("desk", order_id)

    async def replace(self, order_id: int, **terms: str) -> None:
        await self.router.replace("desk", order_id, **terms)

    async def settled(self, order_id: int) -> dict[str, Any]:
        """Its row once nothing about it is open any more. What the venue denies for long enough
        needs the proof window to pass."""

        def is_sure() -> bool:
            row = self.row(order_id)
            return not row["pending"] and row["state"] not in ("PENDING_NEW", "UNKNOWN")

        def is_unsure() -> bool:
            row = self.row(order_id)
            return row["state"] == "UNKNOWN" or str(row["pending"]).endswith("_unknown")

        await eventually(lambda: is_sure() or is_unsure(), f"an outcome of {order_id}")
        for _ in range(40):
            if is_sure():
                return self.row(order_id)
            await asyncio.sleep(0.02)
        self.pass_proof_window()
        await eventually(is_sure, f"the settlement of {self.row(order_id)}")
        return self.row(order_id)

    async def judge(self, order_id: int) -> None:
        """The venue's own book says whether the order is doubled, lost or told wrongly."""
        ids = self.simulator.sent_with(self.client_id(order_id))
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
            await eventually(lambda: told() == (*truth, order.filled))
        except AssertionError:
            raise AssertionError(f"we say {told()}, the venue {truth}, {order.filled}") from None

    def judge_all(self) -> None:
        """No orphans on either side, and the same position."""
        ours = [row for row in self.native.orders(True) if row["venue"] == "okx"]
        wanted = {self.client_id(int(row["order_id"])) for row in ours}
        assert self.simulator.open_client_ids(self.account) == wanted
        held = self.simulator.venue.holder(self.account).signed_quantity(SWAP, "net")
        assert self.position() * 100 == held

    # What there is to see.

    def requests_counted(self, outcome: str) -> int:
        """REST requests of this outcome so far: answers, not_sent or unknown."""
        return int(self.adapter.row()[outcome])

    def row(self, order_id: int) -> dict[str, Any]:
        row = self.engine.order(order_id)
        assert row is not None
        return row

    def state(self, order_id: int) -> str:
        return str(self.row(order_id)["state"])

    def client_id(self, order_id: int) -> str:
        return self.link.session.ids.encode(order_id)

    async def reaches(self, order_id: int, *states: str) -> dict[str, Any]:
        def probe() -> bool:
            row = self.row(order_id)
            return row["state"] in states and not row["pending"]

        try:
            await eventually(probe, f"order in {states}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.row(order_id)}") from None
        return self.row(order_id)

    def position(self, symbol: str = SWAP, leg: str = "net") -> Decimal:
        rows = [
            row
            for row in self.native.positions()
            if row["instrument"] == f"{symbol}.okx" and row["leg"] == leg
        ]
        return sum((Decimal(str(row["quantity"])) for row in rows), Decimal(0))


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
