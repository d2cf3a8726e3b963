"""One case's world: a fresh venue, a fault proxy before it, the adapter, a port that remembers.
What a case needs more than once is a word here."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any

from gateway.api import (
    CancelRequest,
    Capabilities,
    FillReport,
    OrderReport,
    OrderRequest,
    ReplaceRequest,
    VenueAdapter,
)
from gateway.api.decimal_text import plain_text
from gateway.api.messages import SideName
from gateway.testing.fault_proxy import FaultProxy
from gateway.testing.fix_proxy import FixProxy
from gateway.testing.recording_port import RecordingPort
from gateway.testing.venue_under_test import VenueUnderTest
from gateway.venues.client_order_ids import ClientOrderIds

__all__ = ["CLOSED", "PATIENT_MS", "World", "open_world"]

# Where nothing is to go wrong, no clock of ours may: a loaded machine is slow, not faulty.
PATIENT_MS = 20_000
CLOSED = ("filled", "canceled", "expired", "rejected")
_INSTANCE = 7
_FAR_TICKS = 20  # a resting order keeps this distance from the middle


class World:
    """Everything of one case. `connect` comes first in most."""

    def __init__(self, venue: VenueUnderTest, proxy: FaultProxy, url: str) -> None:
        self.venue = venue
        self.proxy = proxy
        self.url = url
        self.port = RecordingPort()
        self.timeout_ms = PATIENT_MS
        self.account = venue.account
        self._adapter: VenueAdapter | None = None
        self._numbers = itertools.count(1)

    @property
    def adapter(self) -> VenueAdapter:
        """The adapter, built at the first use."""
        if self._adapter is None:
            self._adapter = self.venue.adapter(
                self.url, account=self.account, timeout_ms=self.timeout_ms
            )
        return self._adapter

    def use_account(self, account: str) -> None:
        """Trade on another account. Before connecting."""
        self.account = account
        self.renew_adapter()

    def renew_adapter(self) -> None:
        """The next use builds another one; who connected the last one has closed it."""
        self._adapter = None

    @property
    def manifest(self) -> Capabilities:
        """What the adapter declares."""
        return self.adapter.capabilities

    async def connect(self) -> None:
        """Log on with a port that remembers."""
        await self.adapter.connect(self.port)

    async def close(self) -> None:
        """Disconnect; from now on the port must stay silent."""
        if self._adapter is not None:
            await self._adapter.close()
        self.port.close()

    async def line_is_back(self) -> None:
        """Where requests and reports share one line, a fault of one ends it for a moment."""

        def is_up() -> bool:
            gaps = self.port.of("gap_opened", "gap_closed")
            return not gaps or gaps[-1].name == "gap_closed"

        if self.venue.wire == "fix":
            await self.port.until(is_up, "the end of the gap")

    # Orders.

    def ids(self) -> ClientOrderIds:
        """The gateway's client order ids under the manifest's rules."""
        manifest = self.manifest
        return ClientOrderIds(
            _INSTANCE,
            length_max=manifest.client_order_id_length_max,
            pattern=manifest.client_order_id_pattern,
        )

    def order(self, side: SideName = "buy", price: str | None = "", **changes: Any) -> OrderRequest:
        """A new order: a limit order far from the market unless told otherwise."""
        order_id = _INSTANCE << 51 | next(self._numbers)
        terms: dict[str, Any] = {
            "order_id": order_id,
            "client_order_id": self.ids().encode(order_id),
            "account": self.account,
            "instrument": self.venue.symbol,
            "side": side,
            "type": "limit" if price is not None else "market",
            "time_in_force": "gtc" if price is not None else "ioc",
            "quantity": self.venue.quantity,
            "price": self.far(side) if price == "" else price,
        }
        return OrderRequest(**(terms | changes))

    def far(self, side: SideName, ticks: int = _FAR_TICKS) -> str:
        """A price on the passive side of the middle, so that an order at it rests."""
        return self.at(-ticks if side == "buy" else ticks)

    def at(self, ticks: int) -> str:
        """The middle and so many ticks."""
        return str(Decimal(self.venue.price) + ticks * Decimal(self.venue.tick))

    def times(self, factor: str) -> str:
        """So many times the venue's quantity, without trailing zeros."""
        return plain_text(Decimal(self.venue.quantity) * Decimal(factor))

    async def submit(self, *orders: OrderRequest) -> None:
        """Send, and wait until each has an outcome on the port."""
        await self.adapter.submit(orders)
        for order in orders:
            await self.port.until(
                partial(self.outcome, order), f"an outcome of {order.client_order_id}"
            )

    def outcome(self, order: OrderRequest) -> str:
        """How the submit of an order ended, "" so far."""
        names = ("accepted", "rejected", "not_sent", "unknown")
        told = self.port.about(order.order_id, *names)
        if told:
            return told[0].name
        return "filled" if self.fills_of(order) else ""

    async def rest(self, side: SideName = "buy", **changes: Any) -> OrderRequest:
        """An order that works at the venue."""
        order = self.order(side, **changes)
        await self.submit(order)
        assert self.outcome(order) == "accepted", self.port.about(order.order_id)
        return order

    async def fill(self, side: SideName = "buy", quantity: str = "", **changes: Any) -> Any:
        """An order that executes at once against a displayed level; the order."""
        other: SideName = "sell" if side == "buy" else "buy"
        size = quantity or self.venue.quantity
        await self.venue.show(other, self.at(1 if side == "buy" else -1), self.times("100"))
        order = self.order(side, self.far(other), quantity=size, **changes)
        await self.submit(order)
        await self.port.until(
            lambda: self.filled_of(order) == Decimal(size), f"{size} of {order.client_order_id}"
        )
        return order

    async def cancel(self, order: OrderRequest) -> str:
        """Cancel, and wait for what the port is told of it."""
        known = self.at_venue(order)
        names = ("canceled", "cancel_rejected", "unknown")
        before = len(self.port.about(order.order_id, *names))
        await self.adapter.cancel(
            [
                CancelRequest(
                    order_id=order.order_id,
                    client_order_id=order.client_order_id,
                    venue_order_id=known[0].venue_order_id if known else "",
                    account=order.account,
                    instrument=order.instrument,
                )
            ]
        )
        told = await self.port.until(
            lambda: self.port.about(order.order_id, *names)[before:], "an answer to the cancel"
        )
        return str(told[0].name)

    async def replace(self, order: OrderRequest, **terms: str) -> str:
        """Replace, and wait for what the port is told of it."""
        known = self.at_venue(order)
        names = ("replaced", "replace_rejected", "unknown")
        await self.adapter.replace(
            [
                ReplaceRequest(
                    order_id=order.order_id,
                    client_order_id=order.client_order_id,
                    venue_order_id=known[0].venue_order_id if known else "",
                    account=order.account,
                    instrument=order.instrument,
                    quantity=terms.get("quantity", order.quantity),
                    price=terms.get("price", order.price),
                )
            ]
        )
        told = await self.port.until(
            lambda: self.port.about(order.order_id, *names), "an answer to the replace"
        )
        return str(told[0].name)

    # What is true.

    def at_venue(self, order: OrderRequest) -> list[OrderReport]:
        """The venue's own view: every order it took under this name."""
        return [
            report
            for report in self.venue.orders()
            if report.client_order_id == order.client_order_id
        ]

    def judged_fills(self, order: OrderRequest) -> list[FillReport]:
        """The venue's own fills of one order."""
        return [
            fill for fill in self.venue.fills() if fill.client_order_id == order.client_order_id
        ]

    def fills_of(self, order: OrderRequest) -> list[FillReport]:
        """What the adapter told, each trade once."""
        told = {
            fill_key(fill): fill
            for fill in self.port.fills()
            if fill.client_order_id == order.client_order_id
        }
        return list(told.values())

    def filled_of(self, order: OrderRequest) -> Decimal:
        """Executed quantity as the adapter told it."""
        return sum((Decimal(fill.quantity) for fill in self.fills_of(order)), Decimal(0))


def fill_key(fill: FillReport) -> tuple[str, str, str, str]:
    """What makes a fill the same one."""
    return fill.account, fill.instrument, fill.venue_order_id, fill.trade_id


@asynccontextmanager
async def open_world(venue: VenueUnderTest) -> AsyncIterator[World]:
    """A venue that listens and a proxy before it; ends both."""
    make = FixProxy if venue.wire == "fix" else FaultProxy
    proxy = make(venue.requests)
    address = await venue.start()
    try:
        world = World(venue, proxy, await proxy.start(address))
        try:
            yield world
        finally:
            await world.close()
    finally:
        await proxy.stop()
        await venue.stop()
