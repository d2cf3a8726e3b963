"""The real engine, router and venue runtime over an adapter, in memory: what a fault leaves behind
when everybody has done his part is compared with the venue's own books."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.api import OrderReport
from gateway.api.messages import SideName
from gateway.core.engine import is_unknown
from gateway.core.vocabulary import TERMINAL_STATES
from gateway.testing.live_gateway import LiveGateway, Row
from gateway.testing.world import CLOSED, World

__all__ = ["GatewayWorld", "open_gateway"]


class GatewayWorld(LiveGateway):
    """A small gateway over the adapter of one case."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        super().__init__(
            folder,
            world.adapter,
            account=world.venue.account,
            order={"instrument": world.venue.instrument, "quantity": world.venue.quantity},
            rates={world.venue.settle: "1"},
            is_durable=False,
        )

    async def start(self) -> None:
        """Connect, reconcile, and wait until orders may flow and have a price."""
        await super().start()
        venue = self.world.venue
        # A level each side: the collar wants a reference price.
        await venue.show("buy", self.world.at(-60), self.world.times("50"))
        await venue.show("sell", self.world.at(60), self.world.times("50"))
        await self.until(self.native.marks, "a mark")

    async def place(self, side: SideName = "buy", price: str = "", **terms: Any) -> int:
        """One order through the gate, far from the market unless told otherwise; its id."""
        return await self.submit(side=side, price=price or self.world.far(side), **terms)

    def at_venue(self, row: Row) -> list[OrderReport]:
        """Every order the venue took under the name of ours."""
        name = self.client_order_id(int(row["order_id"]))
        return [each for each in self.world.venue.orders() if each.client_order_id == name]

    def is_known_there(self, row: Row) -> bool:
        return bool(self.at_venue(row))

    # What must be true in the end.

    async def assert_agreement(self) -> None:
        """Every order exists once at the venue, with our terms, or nowhere; every fill is booked
        once; positions are equal."""
        rows = await self.rows()
        known = {self.client_order_id(int(row["order_id"])) for row in rows}
        taken = Counter(report.client_order_id for report in self.world.venue.orders())
        for name, times in taken.items():
            assert times == 1, f"doubled: the venue took {name} {times} times"
            assert name in known, f"orphan: {name} works at the venue and nobody here knows it"
        for row in rows:
            self._assert_same(row)
        await self._assert_positions()

    def _assert_same(self, row: Row) -> None:
        reports = self.at_venue(row)
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
            if report.account == self.account:
                judged[report.account, report.leg] += Decimal(report.quantity)  # type: ignore[assignment]
        ours = {key: total for key, total in held.items() if total}
        assert ours == {key: total for key, total in judged.items() if total}


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
