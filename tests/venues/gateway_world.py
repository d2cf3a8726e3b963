"""The live side of a gateway around one adapter: native engine, router, venue link. Real time, one
event loop; the venue is whatever the adapter talks to."""

import asyncio
import time

from gateway.api import RefusedError
from gateway.core.drive import InlineDrive
from gateway.core.engine import Engine, EngineSettings, PrincipalDefinition, open_native_engine
from gateway.execution.router import NewOrder, Router
from gateway.venues.link import VenueLink
from gateway.venues.reconcile import AccountTerms

SECONDS_MAX = 60
LIMITS = {
    "order_quantity_max": "1000",
    "order_notional_max": "10000000",
    "position_long_max": "5000",
    "position_short_max": "5000",
    "gross_exposure_max": "50000000",
    "net_exposure_max": "50000000",
    "credit_max": "50000000",
    "collar_bps": 5000,
    "reference_age_ms_max": 600_000,
    "orders_per_second": 10_000,
    "order_burst": 10_000,
    "cancels_per_second": 1000,
    "cancel_burst": 2000,
    "open_orders_side_max": 4000,
    "duplicate_window_ms": 0,
}


async def until(claim, what="the awaited fact"):
    """Return when the claim holds; every wait ends with its fact, or names it."""
    deadline = time.monotonic() + SECONDS_MAX
    while not claim():
        assert time.monotonic() < deadline, f"{what} did not come within {SECONDS_MAX} s"
        await asyncio.sleep(0.02)


class GatewayWorld:
    """`open` waits until the venue is reconciled and has a price; `close` ends everything."""

    def __init__(self, directory, adapter, venue, *, account="main", symbols=()):
        for name in ("data", "ring"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        self.adapter, self.venue, self.account = adapter, venue, account
        self.instruments = [f"{each}.{venue}" for each in symbols]
        self.native = open_native_engine(
            EngineSettings(
                directory=str(directory / "data"),
                ring_directory=str(directory / "ring"),
                ring_bytes=1 << 20,
                segment_bytes=1 << 20,
                orders_max=4096,
                idempotency_max=4096,
                positions_max=64,
            )
        )
        self.engine = Engine(self.native, instance=1)
        self.drive = InlineDrive(self.native, tick_seconds=0.1)
        self.engine.define_venue(venue, adapter.capabilities)
        self.engine.define_account(venue, account)
        self.engine.define_strategy("alpha")
        scopes = frozenset({"read", "trade", "cancel"})
        self.engine.define_principal(PrincipalDefinition(name="desk", scopes=scopes))
        self.router = Router(self.engine, self.drive)
        terms = [AccountTerms(name=account, durability="process", margin_mode="cross")]
        self.link = VenueLink(
            venue, self.engine, self.drive, adapter, terms, on_instruments=self._limit
        )
        self.session = self.link.session
        self._numbers = 0

    @property
    def counters(self):
        return self.link.health.counters

    async def open(self):
        self.drive.start()
        self.engine.set_currency_rate("USDT", "1")
        self.link.start()
        await until(lambda: self.link.health.is_reconciled, "reconciliation")
        await until(lambda: self.counters["marks"], "a price")

    async def close(self):
        await self.link.close(2.0)
        self.drive.close()

    def _limit(self):
        """Limits everywhere, once the instruments have names."""
        if self.native.limits():
            return
        entities = [("firm", ""), ("venue", self.venue), ("account", self.account)]
        entities += [("strategy", "alpha"), *(("instrument", each) for each in self.instruments)]
        for level, name in entities:
            self.engine.set_limits(level, name, LIMITS, actor="test", reason="start")

    async def submit(self, side="buy", quantity="0.010", price="49000", **changes):
        """The order id, as soon as the engine has decided to send it."""
        self._numbers += 1
        fields = {
            "principal": "desk",
            "client_order_id": f"t{self._numbers}",
            "account": self.account,
            "instrument": self.instruments[0],
            "strategy": "alpha",
            "side": side,
            "type": "limit" if price else "market",
            "time_in_force": "gtc" if price else "ioc",
            "quantity": quantity,
            "price": price or "",
        } | changes
        return int((await self.router.submit(NewOrder(**fields))).order["order_id"])

    async def submit_together(self, orders):
        """Several at once: the engine decides about all before the adapter is asked for any. The
        ids of those it did not refuse."""
        kick, self.drive.kick = self.drive.kick, lambda: None
        try:
            tasks = [asyncio.create_task(self.submit(**each)) for each in orders]
            await asyncio.sleep(0)
        finally:
            self.drive.kick = kick
        kick()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        return [each for each in ends if not isinstance(each, RefusedError)]

    async def cancel(self, order_id):
        await self.router.cancel("desk", order_id)

    async def replace(self, order_id, quantity="", price=""):
        await self.router.replace("desk", order_id, quantity=quantity, price=price)

    def row(self, order_id):
        return self.engine.order(order_id)

    def state(self, order_id):
        return self.row(order_id)["state"]

    def client_id(self, order_id):
        return self.session.ids.encode(order_id)

    async def until_state(self, order_id, *states):
        def is_there():
            row = self.row(order_id)
            return row["state"] in states and not row["pending"]

        try:
            await until(is_there, f"state {' or '.join(states)}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.row(order_id)}") from None

    async def until_calm(self):
        """No request is in flight, no outcome unknown, and the venue is reconciled."""
        await until(self._is_calm, "calm")
        await self.session.drain()

    def _is_calm(self):
        rows = self.native.orders(open_only=True)
        is_open = all(
            r["state"] not in ("PENDING_NEW", "UNKNOWN") and not r["pending"] for r in rows
        )
        return is_open and self.link.health.is_reconciled

    async def position(self, leg="net"):
        rows = await self.engine.positions()
        total = [row["quantity"] for row in rows if row["leg"] == leg]
        return total
