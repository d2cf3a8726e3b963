"""The simulated Binance USD-M as the conformance kit wants it; its own list of orders and trades is
the judge."""

import itertools

from binance_simulator.server import BinanceSimulator
from gateway_binance import gateway_create_adapter

from gateway.api import BalanceReport, FillReport, OrderReport, PositionReport
from gateway.testing import VenueUnderTest, WireRule

SYMBOL = "BTCUSDT"
_TYPES = {"LIMIT": "limit", "MARKET": "market", "STOP": "stop_limit", "STOP_MARKET": "stop"}
_TIMES = {"GTC": "gtc", "GTX": "gtc", "IOC": "ioc", "FOK": "fok", "GTD": "gtd"}
_STATES = {"EXPIRED_IN_MATCH": "expired"}
_LEGS = {"BOTH": "net", "LONG": "long", "SHORT": "short"}


class BinanceVenue(VenueUnderTest):
    """A venue of its own for every case. The key of each account is a key of its own."""

    distribution = "gateway-binance"
    plugin = "binance"
    account = "main"
    hedge_account = "hedge"
    instrument = "BTCUSDT.binance"
    symbol = SYMBOL
    quantity = "0.02"
    price = "50000.0"
    tick = "0.10"
    settle = "USDT"
    fills_page = 1_000
    requests = {  # noqa: RUF012
        "submit": WireRule("POST", r"/fapi/v1/(order|batchOrders)\b"),
        "cancel": WireRule("DELETE", r"/fapi/v1/(order|batchOrders)\b"),
        "replace": WireRule("PUT", r"/fapi/v1/(order|batchOrders)\b"),
        "query": WireRule("GET", r"/fapi/v1/order\b"),
    }

    async def start(self):
        self._simulator = BinanceSimulator()
        self._market = self._simulator.venue
        self._names = itertools.count(1)
        await self._simulator.start()
        self._market.trade(SYMBOL, self.price, "0.001", "buy")  # a last price, and so a mark
        return self._simulator.url

    async def stop(self):
        await self._simulator.stop()

    def adapter(self, url, *, account, timeout_ms):
        settings = {
            "account": account,
            "url": url,
            "stream_url": url.replace("http://", "ws://"),
            "symbols": [SYMBOL],
            "timeout_ms": timeout_ms,
            "acceptance_window_ms": min(timeout_ms, 5_000),
            "follow_s": 1.0,
        }
        secrets = {"key": f"{account}-key", "secret": f"{account}-secret"}
        return gateway_create_adapter("binance", settings, secrets)

    def secrets(self):
        return [f"{self.account}-secret"]

    # The judge.

    def orders(self):
        return [_order(each) for each in self._market.orders]

    def fills(self):
        names = {str(each.order_id): each for each in self._market.orders if each.order_id}
        rows = [(name, row) for name, each in self._market.trades.items() for row in each]
        rows.sort(key=lambda pair: pair[1]["id"])
        return [_fill(name, row, names[str(row["orderId"])]) for name, row in rows]

    def positions(self):
        return [
            PositionReport(
                account=account,
                instrument=row["symbol"],
                leg=_LEGS[row["positionSide"]],
                quantity=row["quantity"].lstrip("-" if row["positionSide"] != "BOTH" else ""),
            )
            for account in ("main", "hedge")
            for row in self._market.positions(account)
        ]

    def balances(self):
        return [
            BalanceReport(account=account, currency=code, total=_places(total, 8))
            for account in ("main", "hedge")
            for code, total in self._market.balances(account).items()
        ]

    # The market.

    async def show(self, side, price, quantity):
        self._market.level(SYMBOL, side, price, quantity)

    async def trade(self, side, price, quantity):
        self._market.trade(SYMBOL, price, quantity, side)

    async def cancel_at_venue(self, client_order_id):
        [order] = [o for o in self._market.orders if o.client_order_id == client_order_id]
        self._market.cancel(order)

    async def pay_funding(self):
        self._market.pay_funding(self._simulator.clock.now_ms())

    async def place_elsewhere(self, side, price, quantity):
        name = f"web_{next(self._names)}"
        terms = {"symbol": SYMBOL, "side": side.upper(), "type": "LIMIT", "timeInForce": "GTC"}
        terms |= {"quantity": quantity, "price": price, "newClientOrderId": name}
        self._market.place(self.account, terms)
        return name


def _places(fraction, places):
    scaled = round(fraction * 10**places)
    digits = str(abs(scaled)).rjust(places + 1, "0")
    return f"{'-' if scaled < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _order(order):
    waits = bool(order.algo_id) and not order.order_id
    state = order.algo_status if waits else order.status
    state = {"NEW": "untriggered"}.get(state, state.lower()) if waits else state.lower()
    return OrderReport(
        client_order_id=order.client_algo_id or order.client_order_id,
        venue_order_id=str(order.order_id or order.algo_id),
        account=order.account,
        instrument=order.symbol,
        side=order.side.lower(),
        type=_TYPES[order.type],
        time_in_force=_TIMES[order.time_in_force],
        state=_STATES.get(order.status, state),
        quantity=order.quantity,
        cumulative_quantity=order.cumulative,
        price=order.price,
        trigger_price=order.trigger_price,
        leg=_LEGS[order.position_side],
    )


def _fill(account, row, order):
    return FillReport(
        client_order_id=order.client_order_id,
        venue_order_id=str(row["orderId"]),
        trade_id=str(row["id"]),
        account=account,
        instrument=row["symbol"],
        side=row["side"].lower(),
        price=row["price"],
        quantity=row["qty"],
        fee=row["commission"],
        fee_currency=row["commissionAsset"],
        liquidity="maker" if row["maker"] else "taker",
        leg=_LEGS[row["positionSide"]],
        venue_time_ns=row["time"] * 1_000_000,
    )
