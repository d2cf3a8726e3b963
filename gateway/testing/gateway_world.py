"""The real engine, router and venue runtime over an adapter, in memory: what a fault leaves behind
when everybody has done his part is compared with the venue's own books."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.api.messages import SideName
from gateway.core.drive import InlineDrive
from gateway.core.engine import (
    Engine,
    EngineSettings,
    PrincipalDefinition,
    is_unknown,
    open_native_engine,
)
from gateway.core.vocabulary import TERMINAL_STATES
from gateway.execution.router import NewOrder, Router
from gateway.testing.recording_port import SECONDS_MAX
from gateway.testing.world import CLOSED, World
from gateway.venues.link import VenueLink
from gateway.venues.reconcile import AccountTerms

__all__ = ["GatewayWorld", "open_gateway"]

Row = dict[str, Any]
_STRATEGY, _PRINCIPAL = "conformance", "desk"
# Wide open: not the gate is judged here.
_LIMITS: dict[str, str | int] = {
    "order_quantity_max": "1000000",
    "order_notional_max": "1000000000",
    "position_long_max": "1000000",
    "position_short_max": "1000000",
    "gross_exposure_max": "1000000000",
    "net_exposure_max": "1000000000",
    "credit_max": "1000000000",
    "collar_bps": 5000,
    "reference_age_ms_max": 2_000_000_000,
    "orders_per_second": 10_000,
    "order_burst": 10_000,
    "cancels_per_second": 10_000,
    "cancel_burst": 10_000,
    "open_orders_side_max": 1_000,
    "duplicate_window_ms": 0,
}
_TICK_SECONDS = 0.002
_STEP_NS, _IDLE_STEP_NS = 200_000_000, 5_000_000_000


class GatewayWorld:
    """A small gateway with one venue. Its clock is the machine's plus what was skipped."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        for name in ("data", "ring"):
            (folder / name).mkdir()
        self._native = open_native_engine(
            EngineSettings(
                directory=str(folder / "data"),
                ring_directory=str(folder / "ring"),
                ring_bytes=1 << 20,
                segment_bytes=1 << 20,
                orders_max=1_024,
                idempotency_max=1_024,
                positions_max=64,
                is_memory_only=True,
                is_virtual_clock=True,
            )
        )
        self._skipped_ns = 0
        self._set_time()
        self.engine = Engine(self._native, instance=1)
        self._drive = InlineDrive(self._native)
        self._router = Router(self.engine, self._drive, verdict_seconds_max=SECONDS_MAX)
        self._define()
        adapter, account = world.adapter, world.venue.account
        terms = AccountTerms(name=account, durability="memory", margin_mode="cross")
        self.link = VenueLink(
            adapter.capabilities.venue,
            self.engine,
            self._drive,
            adapter,
            [terms],
            on_instruments=self._seed_limits,
        )
        self._clock: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        """Connect, reconcile, and wait until orders may flow and have a price."""
        self._drive.start()
        self._clock = asyncio.create_task(self._run_clock())
        self.link.start()
        await self._until(lambda: self.link.health.is_reconciled, "reconciliation")
        venue = self.world.venue
        # A level each side: the collar wants a reference price.
        await venue.show("buy", self.world.at(-60), self.world.times("50"))
        await venue.show("sell", self.world.at(60), self.world.times("50"))
        await self._until(self._native.marks, "a mark")

    async def close(self) -> None:
        """Stop everything."""
        await self.link.close(1.0)
        if self._clock is not None:
            self._clock.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._clock
        self._drive.close()
        self._native.stop()

    # What a trader does.

    async def submit(self, side: SideName = "buy", price: str = "", **terms: Any) -> int:
        """One order through the gate; its id."""
        fields: dict[str, Any] = {
            "principal": _PRINCIPAL,
            "client_order_id": f"c{next(self._numbers)}",
            "account": self.world.venue.account,
            "instrument": self.world.venue.symbol,
            "strategy": _STRATEGY,
            "side": side,
            "type": "limit",
            "time_in_force": "gtc",
            "quantity": self.world.venue.quantity,
            "price": price or self.world.far(side),
        }
        submitted = await self._router.submit(NewOrder(**(fields | terms)))
        return int(submitted.order["order_id"])

    async def cancel(self, order_id: int) -> None:
        """Ask for the cancel of one order."""
        await self._router.cancel(_PRINCIPAL, order_id)

    async def replace(self, order_id: int, *, price: str) -> None:
        """Ask for another price."""
        await self._router.replace(_PRINCIPAL, order_id, price=price)

    def row(self, order_id: int) -> Row:
        """The order as every door tells it."""
        row = self.engine.order(order_id)
        assert row is not None
        return row

    async def until_state(self, order_id: int, *states: str) -> None:
        """Wait for a state of one order."""
        await self._until(lambda: self.row(order_id)["state"] in states, f"{states} of {order_id}")

    # What must be true in the end.

    async def settle(self) -> None:
        """Wait until nothing is pending; what has no answer is asked about, late enough."""
        deadline = time.monotonic() + SECONDS_MAX
        proof = self.world.manifest.not_found_proof_after_ms
        while True:
            rows = await self._rows()
            waiting = [row for row in rows if self._is_waiting(row, is_proof=proof is not None)]
            if (
                not waiting
                and self.link.health.is_reconciled
                and not len(self.link.session.in_flight)
            ):
                return
            assert time.monotonic() < deadline, f"not settled: {waiting} {self.link.health.row()}"
            await asyncio.sleep(0.02)
            self._skipped_ns += self._step_ns(waiting)

    def _step_ns(self, waiting: list[Row]) -> int:
        """How much time passes at once: ten times as fast as ours while somebody may still answer;
        when nothing but the proof window is awaited, seconds."""
        is_asked = len(self.link.session.in_flight) or not self.link.health.is_reconciled
        is_idle = not is_asked and all(is_unknown(row) for row in waiting)
        return _IDLE_STEP_NS if is_idle else _STEP_NS

    def _is_waiting(self, row: Row, *, is_proof: bool) -> bool:
        if row["state"] in TERMINAL_STATES:
            return False
        if is_unknown(row):
            # Without a proof an order nobody knows stays unknown: neither lost nor doubled.
            return is_proof or bool(self._at_venue(row))
        return row["state"] == "PENDING_NEW" or bool(row["pending"])

    async def assert_agreement(self) -> None:
        """Every order exists once at the venue, with our terms, or nowhere; every fill is booked
        once; positions are equal."""
        rows = await self._rows()
        known = {self._client_order_id(row): row for row in rows}
        taken = Counter(report.client_order_id for report in self.world.venue.orders())
        for name, times in taken.items():
            assert times == 1, f"doubled: the venue took {name} {times} times"
            assert name in known, f"orphan: {name} works at the venue and nobody here knows it"
        for row in rows:
            self._assert_same(row)
        await self._assert_positions()

    def _assert_same(self, row: Row) -> None:
        reports = self._at_venue(row)
        is_open_here = row["state"] not in TERMINAL_STATES
        if not reports:
            is_excused = is_unknown(row) or not is_open_here
            assert is_excused, f"lost: {row['order_id']} is {row['state']} and not at the venue"
            assert not Decimal(row["cumulative_quantity"])
            return
        report = reports[0]
        is_open_there = report.state not in CLOSED
        assert is_open_here == is_open_there, f"{row['state']} here, {report.state} there"
        assert Decimal(row["cumulative_quantity"]) == Decimal(report.cumulative_quantity)
        if is_open_here:
            assert Decimal(row["quantity"]) == Decimal(report.quantity)
            assert Decimal(row["price"]) == Decimal(report.price or 0)

    async def _assert_positions(self) -> None:
        held: Counter[tuple[str, str]] = Counter()
        for row in await self.engine.positions():
            held[row["account"], row["leg"]] += Decimal(row["quantity"])  # type: ignore[assignment]
        judged: Counter[tuple[str, str]] = Counter()
        for report in self.world.venue.positions():
            if report.account == self.world.venue.account:
                judged[report.account, report.leg] += Decimal(report.quantity)  # type: ignore[assignment]
        ours = {key: total for key, total in held.items() if total}
        assert ours == {key: total for key, total in judged.items() if total}

    async def _rows(self) -> list[Row]:
        return [row async for page in self.engine.order_pages(open_only=False) for row in page]

    def _client_order_id(self, row: Row) -> str:
        return self.link.session.ids.encode(int(row["order_id"]))

    def _at_venue(self, row: Row) -> list[Any]:
        name = self._client_order_id(row)
        return [each for each in self.world.venue.orders() if each.client_order_id == name]

    # Inner.

    def _define(self) -> None:
        engine, manifest = self.engine, self.world.manifest
        engine.define_venue(manifest.venue, manifest)
        engine.define_account(
            manifest.venue, self.world.venue.account, durability="memory", margin_mode="cross"
        )
        engine.define_strategy(_STRATEGY)
        scopes = frozenset({"read", "trade", "cancel"})
        engine.define_principal(PrincipalDefinition(name=_PRINCIPAL, scopes=scopes))
        engine.set_currency_rate(self.world.venue.settle, "1")

    def _seed_limits(self) -> None:
        """Instruments are known: their currencies get a rate and everything its limits."""
        if self._native.limits():
            return
        venue = self.world.manifest.venue
        entities = [
            ("firm", ""),
            ("venue", venue),
            ("account", self.world.venue.account),
            ("strategy", _STRATEGY),
            ("instrument", self.world.venue.symbol),
        ]
        for level, name in entities:
            self.engine.set_limits(level, name, _LIMITS, actor="conformance", reason="start")

    async def _run_clock(self) -> None:
        while True:
            self._set_time()
            await asyncio.sleep(_TICK_SECONDS)

    def _set_time(self) -> None:
        self._native.set_time(time.time_ns() + self._skipped_ns)

    async def _until(self, probe: Any, what: str) -> None:
        deadline = time.monotonic() + SECONDS_MAX
        while not probe():
            assert time.monotonic() < deadline, f"{what} did not come: {self.link.health.row()}"
            await asyncio.sleep(0.005)


@asynccontextmanager
async def open_gateway(world: World) -> AsyncIterator[GatewayWorld]:
    """A gateway over the world's adapter that is reconciled; ends it."""
    with tempfile.TemporaryDirectory(prefix="gateway-conformance-") as folder:
        gateway = GatewayWorld(world, Path(folder))
        try:
            await gateway.start()
            yield gateway
        finally:
            await gateway.close()
