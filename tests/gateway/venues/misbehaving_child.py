"""A real adapter process whose adapter does what the client order id of a query, or the quantity of
an order, tells it to. Run by test_isolated.py."""

import asyncio
import os
import sys
import time
import types
from pathlib import Path

from gateway.api import (
    Capabilities,
    FillReport,
    OutcomeUnknown,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
    hookimpl,
)
from gateway.venues.isolated import child
from gateway.venues.registry import Plugins

DESCRIPTOR = int(sys.argv[1])
HELD = []


def raw(text):
    os.write(DESCRIPTOR, text)


def framed(body):
    raw(len(body).to_bytes(4, "big") + body)


ACTS = {
    "garbage": lambda: raw(b"\xff" * 64),
    "html": lambda: raw(b"HTTP/1.1 200 OK\r\n\r\n<html>"),
    "empty": lambda: raw(b"\0\0\0\0"),
    "not msgpack": lambda: framed(b"\xc1" * 10),
    "other shape": lambda: framed(b"\x93\x01\x02\x03"),
    "unknown frame": lambda: framed(b"\x92\xa5Order\x01"),
    "unknown event": lambda: framed(b"\x93\xa5Event\xaadelete_all\x80"),
    "wrong event": lambda: framed(b"\x93\xa5Event\xaagap_opened\x81\xa6reason\x07"),
    "crash": lambda: os._exit(3),
    "last words": lambda: (os.write(2, b"this is why\n"), os._exit(3)),
    "hang": lambda: time.sleep(60),
    "leak": lambda: HELD.append(b"x" * (300 << 20)),
    "cut": lambda: os.close(DESCRIPTOR),
}


class Adapter:
    def __init__(self, venue, settings, secrets):
        if settings.get("build") == "refuse":
            raise ValueError("url: is missing")
        if settings.get("build") == "exit":
            os._exit(7)
        batch = 1 if not settings.get("marker") else 1 + Path(settings["marker"]).exists()
        self.secrets = secrets
        self.port = None
        self.asked = []
        self.capabilities = Capabilities(
            venue=venue,
            is_simulated=True,
            order_types=frozenset({"limit"}),
            times_in_force=frozenset({"gtc"}),
            batch_orders_max=batch,
        )

    async def connect(self, port):
        self.port = port

    async def close(self):
        pass

    async def instruments(self):
        return []

    async def submit(self, orders):
        for order in orders:
            if order.quantity == "13":
                os._exit(3)
            if order.quantity == "60":
                await asyncio.sleep(60)
            self.port.accepted(order.order_id, "v1", venue_time_ns=5)
            self.port.filled(
                FillReport(
                    client_order_id=order.client_order_id,
                    venue_order_id="v1",
                    trade_id="t1",
                    account=order.account,
                    instrument=order.instrument,
                    side=order.side,
                    price="0.10000000000000000001",
                    quantity=order.quantity,
                    fee="0",
                    fee_currency="USDT",
                    cause="liquidation",
                )
            )

    async def cancel(self, cancels):
        raise VenueRejected("51400", "order is gone")

    async def replace(self, replaces):
        raise VenueRateLimited("slow down", 250)

    def counts(self):
        if "no counts" in self.asked:
            raise KeyError("a bug of the adapter")
        return {"requests.answered": len(self.asked), "limit_used.orders@main": 3}

    async def query_order(self, account, client_order_id):
        self.asked.append(client_order_id)
        if client_order_id in ACTS:
            ACTS[client_order_id]()
        elif client_order_id == "unavailable":
            raise VenueUnavailable("maintenance")
        elif client_order_id == "unknown":
            raise OutcomeUnknown("cut")
        elif client_order_id == "bug":
            raise KeyError("a bug of the adapter")

    async def open_orders(self, account):
        return ["not an order"]

    async def fills(self, account, since_ns):
        return []

    async def funding(self, account, since_ns):
        return []

    async def positions(self, account):
        return []

    async def balances(self, account):
        return []

    async def is_hedge_mode(self, account):
        return self.secrets["key"] == "very-secret"


def create(venue, settings, secrets):
    return Adapter(venue, settings, secrets)


def discover(cls, *, wanted=None):
    plugin = types.ModuleType("made")
    plugin.gateway_api_level = hookimpl(lambda: 1)
    plugin.gateway_venue_name = hookimpl(lambda: "made")
    plugin.gateway_create_adapter = hookimpl(create)
    plugins = Plugins()
    plugins.add("made", plugin)
    return plugins


Plugins.discover = classmethod(discover)
sys.exit(child.main(sys.argv[1:]))
