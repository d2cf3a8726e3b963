"""A simulated Binance, the adapter and a gateway around it; the judge of what came of it. USD-M
here, Spot in binance_spot_world.py."""

import asyncio
import os
import shutil
import tempfile
import time
from collections import Counter
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from binance_simulator.server import BinanceSimulator
from fault_script import CuttingProxy
from gateway_binance import gateway_create_adapter
from gateway_world import SECONDS_MAX, GatewayWorld

SYMBOLS = ("BTCUSDT", "ETHUSDT")
# A loaded machine answers by then: only a fault is late.
TIMES = {"timeout_ms": 2_000, "acceptance_window_ms": 2_000, "follow_s": 1.0}
# Where silence is the fault: proof that an order never arrived (window + 2 s) is soon there.
SHORT_TIMES = {"timeout_ms": 500, "acceptance_window_ms": 500}
_OPEN = ("NEW", "PARTIALLY_FILLED", "UNTRIGGERED")


class JudgedWorld(GatewayWorld):
    """`simulator` is the venue, `proxy` the line of the REST calls to it. A product says how its
    own book is compared."""

    def __init__(self, directory, adapter, *, simulator, proxy, account, **terms):
        named = {"account": account, "symbols": SYMBOLS, **terms}
        super().__init__(directory, adapter, adapter.venue, **named)
        self.simulator, self.proxy = simulator, proxy

    @property
    def faults(self):
        return self.simulator.faults

    @property
    def market(self):
        return self.simulator.venue

    async def judge(self, order_ids):
        """The venue's own book against the engine's: no order twice, none forgotten, none alive
        on one side only, the same fills and the same position. A lost event is noticed after a
        while, so agreement is awaited; a second order under one name never is."""
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            await self.until_calm()
            for order_id in order_ids:
                found = self.orders_at_venue(self.client_id(order_id))
                assert len(found) <= 1, f"duplicate: {found}"
            try:
                self.compare(order_ids)
                return
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.02)

    def orders_at_venue(self, client_order_id):
        """Every order the venue ever took under that name."""
        raise NotImplementedError

    def compare(self, order_ids):
        raise NotImplementedError


class BinanceWorld(JudgedWorld):
    """USD-M."""

    order_event = "ORDER_TRADE_UPDATE"
    events = ("ORDER_TRADE_UPDATE", "TRADE_LITE", "ACCOUNT_UPDATE")
    filled_before = ("cancel", "replace")  # a partly filled order is canceled, and replaced

    def end_stream(self):
        """The venue goes silent by its own rules."""
        self.simulator.listen_keys.expire_all()

    def orders_at_venue(self, client_order_id):
        """Every order the venue ever took under that name."""
        names = (client_order_id,)
        rows = self.market.orders
        return [o for o in rows if o.client_order_id in names or o.client_algo_id in names]

    def compare(self, order_ids):
        for order_id in order_ids:
            row, found = self.row(order_id), self.orders_at_venue(self.client_id(order_id))
            if not found:
                assert row["state"] in ("REJECTED", "CANCELED"), f"never arrived, yet {row}"
                continue
            order = found[0]
            is_open = order.is_open if order.order_id else order.algo_status == "NEW"
            assert (row["state"] in _OPEN) == is_open, f"{row} and {order}"
            assert Decimal(row["cumulative_quantity"]) == Decimal(order.cumulative), row
            if is_open:
                assert Decimal(row["quantity"]) == Decimal(order.quantity), row
                assert row["price"] is None or Decimal(row["price"]) == Decimal(order.price), row
        ours = Counter(self.client_id(each) for each in order_ids)
        for order in self.market.orders:
            if order.account == self.account:
                name = order.client_algo_id or order.client_order_id
                assert name in ours, f"orphan: {order}"
        self.compare_positions()

    def compare_positions(self):
        held = {
            (row["symbol"], row["positionSide"]): Decimal(row["quantity"])
            for row in self.market.positions(self.account)
        }
        known = Counter()
        sides = {"net": "BOTH", "long": "LONG", "short": "SHORT"}
        for row in self.native.positions():
            key = (row["instrument"].partition(".")[0], sides[row["leg"]])
            known[key] += Decimal(row["quantity"])
        assert {k: q for k, q in known.items() if q} == held


@asynccontextmanager
async def binance_world(
    account="main", *, simulator=None, secrets=None, margin_mode="cross", **settings
):
    """Open and reconciled, with a market around 50000."""
    venue = simulator or BinanceSimulator()
    own = secrets or {"key": f"{account}-key", "secret": f"{account}-secret"}
    given = {"account": account, **settings}
    async with judged_world(
        venue,
        BinanceWorld,
        lambda terms: gateway_create_adapter("binance", terms, own),
        given,
        margin_mode=margin_mode,
    ) as world:
        yield world


@asynccontextmanager
async def judged_world(venue, kind, create_adapter, settings, **terms):
    """A world of this kind, open and reconciled, with a market around 50000."""
    await venue.start()
    for side, price in (("buy", "49999.90"), ("sell", "50000.10")):
        venue.venue.level("BTCUSDT", side, price, "5")
    venue.venue.trade("BTCUSDT", "50000", "0.01", "buy")
    proxy = CuttingProxy("127.0.0.1", venue.port)
    await proxy.start()
    given = {"stream_url": venue.stream_url, "symbols": list(SYMBOLS)}
    given["api_socket_url"] = venue.api_socket_url
    given |= {"url": f"http://127.0.0.1:{proxy.port}", **TIMES, **settings}
    adapter = create_adapter(given)
    folder = Path(tempfile.mkdtemp(prefix=f"gateway-test-{os.getpid()}-", dir="/dev/shm"))
    account = given["account"]
    world = kind(folder, adapter, simulator=venue, proxy=proxy, account=account, **terms)
    try:
        await world.open()
        yield world
    finally:
        await world.close()
        await proxy.stop()
        await venue.stop()
        shutil.rmtree(folder, ignore_errors=True)
