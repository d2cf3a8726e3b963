"""The simulated FIX venue as the conformance kit wants it; its own books are the judge."""

import shutil
import tempfile
from fractions import Fraction
from urllib.parse import urlsplit

from fix_simulator.simulator import FixSimulator
from fix_simulator.venue import text_of
from fix_simulator.voices import GENERIC
from gateway_fix import gateway_create_adapter
from gateway_paper.venue.orders import SubmitBody

from gateway.api import FillReport, OrderReport, PositionReport
from gateway.testing import VenueUnderTest, WireRule

PERP = "BTC-PERP"
INSTRUMENTS = [
    {
        "symbol": PERP,
        "kind": "linear",
        "base": "BTC",
        "quote": "USD",
        "tick": "0.1",
        "lot": "0.1",
        "multiplier": "0.01",
    }
]
SECRETS = {"key": "main-key", "password": "main-password"}


class FixVenueUnderTest(VenueUnderTest):
    """A venue and a state directory of its own for every case."""

    wire = "fix"
    distribution = "gateway-fix"
    account = "main"
    instrument = f"{PERP}.fix"
    symbol = PERP
    quantity = "0.2"
    price = "50000.0"
    tick = "0.1"
    settle = "USD"
    requests = {  # noqa: RUF012
        "submit": WireRule(frame=r"\|35=D\|"),
        "cancel": WireRule(frame=r"\|35=F\|"),
        "replace": WireRule(frame=r"\|35=G\|"),
        "query": WireRule(frame=r"\|35=H\|"),
    }

    async def start(self):
        self._simulator = FixSimulator(GENERIC)
        self._venue = self._simulator.venue
        await self._simulator.start()
        self._venue.trade(PERP, self.price, "0.1", "buy")
        self._folder = tempfile.mkdtemp(prefix="gateway-fix-")
        return self._simulator.url

    async def stop(self):
        await self._simulator.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def adapter(self, url, *, account, timeout_ms):
        parts = urlsplit(url)
        settings = {
            "account": account,
            "state_directory": getattr(self, "_folder", "/nonexistent"),
            "instruments": INSTRUMENTS,
            "host": parts.hostname,
            "port": parts.port,
            "has_tls": False,
            "sender_comp_id": "DESK",
            "target_comp_id": "VENUE",
            "timeout_ms": timeout_ms,
            "is_synced": False,
        }
        return gateway_create_adapter("fix", settings, SECRETS)

    def secrets(self):
        return ["main-password"]

    # The judge.

    def orders(self):
        return [_order(each) for each in self._venue.orders.values()]

    def fills(self):
        return [_fill(order, row) for order, row in self._venue.fills]

    def positions(self):
        found = [(name, self._venue.held(name, PERP)) for name in ("main", "other")]
        return [
            PositionReport(account=name, instrument=PERP, leg="net", quantity=held)
            for name, held in found
            if Fraction(held)
        ]

    def balances(self):
        return []  # no FIX message tells them, and nothing is claimed

    # The market.

    async def show(self, side, price, quantity):
        self._venue.level(PERP, side, price, quantity)

    async def trade(self, side, price, quantity):
        self._venue.trade(PERP, price, quantity, side)

    async def cancel_at_venue(self, client_order_id):
        order = self._venue.find("main", client_order_id)
        self._venue.exchange.cancel(order.account, order.venue_id)

    async def place_elsewhere(self, side, price, quantity):
        name = f"web-{len(self._venue.orders)}"
        body = SubmitBody(
            account="main",
            client_order_id=self._venue.next_id(),
            instrument=PERP,
            side=side,
            type="limit",
            time_in_force="gtc",
            quantity=quantity,
            price=price,
        )
        self._venue.place("main", name, body)
        return name


def _order(order):
    body = order.body
    return OrderReport(
        client_order_id=order.names[0],
        venue_order_id=order.venue_id,
        account=order.account,
        instrument=body.instrument,
        side=body.side,
        type=body.type,
        time_in_force=body.time_in_force,
        state=order.state,
        quantity=text_of(order.quantity),
        cumulative_quantity=text_of(order.filled),
        price=order.price,
        trigger_price=body.trigger_price,
    )


def _fill(order, row):
    return FillReport(
        client_order_id=order.names[0],
        venue_order_id=order.venue_id,
        trade_id=row["trade_id"],
        account=order.account,
        instrument=row["instrument"],
        side=row["side"],
        price=row["price"],
        quantity=row["quantity"],
        fee=row["fee"],
        fee_currency=row["fee_currency"],
        liquidity=row["liquidity"],
        venue_time_ns=row["venue_time_ns"],
    )
