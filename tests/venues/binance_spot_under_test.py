"""The simulated Binance Spot as the conformance kit wants it; its own list of orders and trades is
the judge."""

import itertools
from collections import Counter
from decimal import Decimal

from binance_simulator.spot_server import SpotSimulator
from gateway_binance.spot import gateway_create_adapter

from gateway.api import BalanceReport, FillReport, OrderReport, PositionReport
from gateway.testing import VenueUnderTest, WireRule

SYMBOL = "BTCUSDT"
_TYPES = {"LIMIT": "limit", "LIMIT_MAKER": "limit", "MARKET": "market"}
_TYPES |= {"STOP_LOSS": "stop", "STOP_LOSS_LIMIT": "stop_limit"}
_STATES = {"EXPIRED_IN_MATCH": "expired"}


class BinanceSpotVenue(VenueUnderTest):
    """A venue of its own for every case. The key of each account is a key of its own."""

    distribution = "gateway-binance"
    plugin = "binance_spot"
    account = "main"
    instrument = "BTCUSDT.binance_spot"
    symbol = SYMBOL
    quantity = "0.02"
    price = "50000.00"
    tick = "0.01"
    settle = "USDT"
    fills_page = 1_000
    requests = {  # noqa: RUF012
        "submit": WireRule("POST", r"/api/v3/order(\?|$)"),
        "cancel": WireRule("DELETE", r"/api/v3/order\b"),
        "replace": WireRule("P(OS|U)T", r"/api/v3/order/(cancelReplace|amend)\b"),
        "query": WireRule("GET", r"/api/v3/order\b"),
    }

    async def start(self):
        self.simulator = SpotSimulator()
        self.market = self.simulator.venue
        self._names = itertools.count(1)
        await self.simulator.start()
        self.market.trade(SYMBOL, self.price, "0.001", "buy")  # a last price
        return self.simulator.url

    async def stop(self):
        await self.simulator.stop()

    def settings(self, url, account, timeout_ms):
        socket_url = url.replace("http://", "ws://")
        return {
            "account": account,
            "symbols": [SYMBOL],
            "url": url,
            "stream_url": socket_url,
            "api_socket_url": f"{socket_url}/ws-api/v3",
            "timeout_ms": timeout_ms,
            "acceptance_window_ms": min(timeout_ms, 5_000),
            "follow_s": 1.0,
        }

    def adapter(self, url, *, account, timeout_ms):
        secrets = {"key": f"{account}-key", "secret": f"{account}-secret"}
        settings = self.settings(url, account, timeout_ms)
        return gateway_create_adapter("binance_spot", settings, secrets)

    def secrets(self):
        return [f"{self.account}-secret"]

    # The judge.

    def orders(self):
        """Without those that made room for their replacement: it stands for them."""
        return [_order(each) for each in self.market.orders if not is_replaced(each)]

    def fills(self):
        names = {each.order_id: each for each in self.market.orders}
        rows = [(name, row) for name, each in self.market.trades.items() for row in each]
        rows.sort(key=lambda pair: pair[1]["id"])
        return [_fill(name, row, names[row["orderId"]]) for name, row in rows]

    def positions(self):
        """What was bought and sold; the coin itself is a balance."""
        held = Counter()
        for fill in self.fills():
            sign = 1 if fill.side == "buy" else -1
            held[fill.account, fill.instrument] += sign * Decimal(fill.quantity)
        return [
            PositionReport(account=account, instrument=name, leg="net", quantity=str(quantity))
            for (account, name), quantity in held.items()
            if quantity
        ]

    def balances(self):
        return [
            BalanceReport(account=account, currency=code, total=_places(total))
            for account in ("main", "margin")
            for code, total in self.market.net(account).items()
        ]

    # The market.

    async def show(self, side, price, quantity):
        self.market.level(SYMBOL, side, price, quantity)

    async def trade(self, side, price, quantity):
        self.market.trade(SYMBOL, price, quantity, side)

    async def cancel_at_venue(self, client_order_id):
        [order] = [o for o in self.market.orders if o.client_order_id == client_order_id]
        self.market.cancel(order)

    async def place_elsewhere(self, side, price, quantity):
        name = f"web_{next(self._names)}"
        terms = {"symbol": SYMBOL, "side": side.upper(), "type": "LIMIT", "timeInForce": "GTC"}
        terms |= {"quantity": quantity, "price": price, "newClientOrderId": name}
        self.market.place(self.account, terms)
        return name


class BinanceMarginVenue(BinanceSpotVenue):
    """The cross-margin wallet, with a loan."""

    account = "margin"
    requests = {  # noqa: RUF012
        "submit": WireRule("POST", r"/sapi/v1/margin/order\b"),
        "cancel": WireRule("DELETE", r"/sapi/v1/margin/order\b"),
        "query": WireRule("GET", r"/sapi/v1/margin/order\b"),
    }

    def settings(self, url, account, timeout_ms):
        return super().settings(url, account, timeout_ms) | {"wallet": "margin"}

    async def accrue_interest(self):
        self.market.borrow(self.account, "USDT", "5000")
        self.market.accrue_interest(self.account, "USDT", "0.00001")


def is_replaced(order):
    """Whether the order was canceled for its replacement."""
    return "//r" in order.cancel_id


def _places(fraction):
    return format((Decimal(fraction.numerator) / Decimal(fraction.denominator)), "f")


def _order(order):
    waits = order.status == "NEW" and not order.is_working
    return OrderReport(
        client_order_id=order.client_order_id.partition("//")[0],
        venue_order_id=str(order.order_id),
        account=order.account,
        instrument=order.symbol,
        side=order.side.lower(),
        type=_TYPES[order.type],
        time_in_force=order.time_in_force.lower(),
        state="untriggered" if waits else _STATES.get(order.status, order.status.lower()),
        quantity=order.quantity,
        cumulative_quantity=order.cumulative,
        price=order.price,
        trigger_price=order.trigger_price,
    )


def _fill(account, row, order):
    return FillReport(
        client_order_id=order.client_order_id.partition("//")[0],
        venue_order_id=str(row["orderId"]),
        trade_id=str(row["id"]),
        account=account,
        instrument=row["symbol"],
        side="buy" if row["isBuyer"] else "sell",
        price=row["price"],
        quantity=row["qty"],
        fee=row["commission"],
        fee_currency=row["commissionAsset"],
        liquidity="maker" if row["isMaker"] else "taker",
        venue_time_ns=row["time"] * 1_000_000,
    )
