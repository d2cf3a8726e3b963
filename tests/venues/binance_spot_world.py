"""A simulated Binance Spot, the adapter and a gateway around it; the judge of what came of it."""

from collections import Counter
from contextlib import asynccontextmanager
from decimal import Decimal

from binance_simulator.spot_server import SpotSimulator
from binance_spot_under_test import is_replaced
from binance_world import JudgedWorld, judged_world
from gateway_binance.spot import gateway_create_adapter

_OPEN = ("NEW", "PARTIALLY_FILLED", "UNTRIGGERED")


class SpotWorld(JudgedWorld):
    """What stands for a replaced order is its replacement."""

    order_event = "executionReport"
    events = ("executionReport", "outboundAccountPosition")
    filled_before = ("cancel", "reduce")

    def end_stream(self):
        """The venue goes silent by its own rules."""
        self.simulator.hub.terminate(self.account)

    def orders_at_venue(self, client_order_id):
        return [
            order
            for order in self.market.orders
            if order.client_order_id.partition("//")[0] == client_order_id
            and not is_replaced(order)
        ]

    def compare(self, order_ids):
        for order_id in order_ids:
            row, found = self.row(order_id), self.orders_at_venue(self.client_id(order_id))
            if not found:
                self.compare_without(order_id, row)
                continue
            order = found[0]
            assert (row["state"] in _OPEN) == order.is_open, f"{row} and {order}"
            assert Decimal(row["cumulative_quantity"]) == Decimal(order.cumulative), row
            if order.is_open:
                assert Decimal(row["quantity"]) == Decimal(order.quantity), row
                assert row["price"] is None or Decimal(row["price"]) == Decimal(order.price), row
                assert row["venue_order_id"] == str(order.order_id), row
        ours = {self.client_id(each) for each in order_ids}
        for order in self.market.orders:
            if order.account == self.account:
                name = order.client_order_id.partition("//")[0]
                assert name in ours, f"orphan: {order}"
        self.compare_holdings()

    def compare_without(self, order_id, row):
        """Never arrived; or canceled for a replacement that was refused."""
        assert row["state"] in ("REJECTED", "CANCELED"), f"{order_id} is not there, yet {row}"

    def compare_holdings(self):
        """What the engine has bought and sold is what the venue has traded."""
        traded = Counter()
        for row in self.market.trades[self.account]:
            sign = 1 if row["isBuyer"] else -1
            traded[row["symbol"]] += sign * Decimal(row["qty"])
        known = Counter()
        for row in self.native.positions():
            known[row["instrument"].partition(".")[0]] += Decimal(row["quantity"])
        assert {k: q for k, q in known.items() if q} == {k: q for k, q in traded.items() if q}


@asynccontextmanager
async def spot_world(account="main", *, simulator=None, secrets=None, **settings):
    """Open and reconciled, with a market around 50000."""
    venue = simulator or SpotSimulator()
    own = secrets or {"key": f"{account}-key", "secret": f"{account}-secret"}
    given = {"account": account, **settings}
    async with judged_world(
        venue, SpotWorld, lambda terms: gateway_create_adapter("binance_spot", terms, own), given
    ) as world:
        yield world
