"""The simulated OKX as the conformance kit wants it; its own orders and fills are the judge."""

import itertools
from decimal import Decimal

from gateway_okx import gateway_create_adapter
from okx_simulator.orders import AlgoOrder, decimal_text
from okx_simulator.simulator import OkxSimulator

from gateway.api import BalanceReport, FillReport, OrderReport, PositionReport
from gateway.testing import VenueUnderTest, WireRule

SWAP = "BTC-USDT-SWAP"
_TIMES = {"fok": "fok", "ioc": "ioc", "market": "ioc"}
_STATES = {"live": "new"}


class OkxVenue(VenueUnderTest):
    """A venue of its own for every case. The key of each account is a key of its own."""

    distribution = "gateway-okx"
    account = "net"
    hedge_account = "hedge"
    instrument = "BTC-USDT-SWAP.okx"
    symbol = SWAP
    quantity = "0.2"
    price = "50000.0"
    tick = "0.1"
    settle = "USDT"
    fills_page = 100
    requests = {  # noqa: RUF012
        "submit": WireRule("POST", r"/api/v5/trade/(order|batch-orders)$"),
        "cancel": WireRule("POST", r"/api/v5/trade/cancel-(order|batch-orders)$"),
        "replace": WireRule("POST", r"/api/v5/trade/amend-(order|batch-orders)$"),
        "query": WireRule("GET", r"/api/v5/trade/order\?"),
    }

    async def start(self):
        self._simulator = OkxSimulator()
        self._venue = self._simulator.venue
        self._names = itertools.count(1)
        await self._simulator.start()
        self._venue.trade(SWAP, self.price, "0.01", "buy")  # a last price, and so a mark
        return self._simulator.url

    async def stop(self):
        await self._simulator.stop()

    def adapter(self, url, *, account, timeout_ms):
        settings = {
            "account": account,
            "url": url,
            "socket_url": url.replace("http://", "ws://") + "/ws/v5",
            "symbols": [SWAP],
            "timeout_ms": timeout_ms,
            "silence_max_s": max(1.0, min(10.0, timeout_ms / 2_000)),
        }
        words = ("key", "secret", "phrase")
        names = ("key", "secret", "passphrase")
        secrets = {n: f"{account}-{w}" for n, w in zip(names, words, strict=True)}
        return gateway_create_adapter("okx", settings, secrets)

    def secrets(self):
        return [f"{self.account}-secret", f"{self.account}-phrase"]

    # The judge.

    def orders(self):
        plain = [_order(each) for each in self._venue.orders.values() if not each.algo_id]
        return plain + [_waiting(each) for each in self._simulator.algos.orders.values()]

    def fills(self):
        rows = [(name, row) for name, each in self._venue.fills.items() for row in each]
        rows.sort(key=lambda pair: int(pair[1]["tradeId"]))
        return [_fill(name, row) for name, row in rows]

    def positions(self):
        return [
            PositionReport(
                account=name,
                instrument=SWAP,
                leg=leg,
                quantity=format(Decimal(held if leg == "net" else abs(held)).scaleb(-2), "f"),
            )
            for name, legs in (("net", ("net",)), ("hedge", ("long", "short")))
            for leg in legs
            if (held := self._venue.holder(name).signed_quantity(SWAP, leg))
        ]

    def balances(self):
        return [
            BalanceReport(account=name, currency=code, total=decimal_text(total))
            for name in ("net", "hedge")
            for code, total in self._venue.holder(name).balances.items()
        ]

    # The market.

    async def show(self, side, price, quantity):
        self._venue.set_level(SWAP, side, price, quantity)

    async def trade(self, side, price, quantity):
        self._venue.trade(SWAP, price, quantity, side)

    async def cancel_at_venue(self, client_order_id):
        [order] = [o for o in self._venue.orders.values() if o.client_id == client_order_id]
        self._venue.cancel(order.account, {"instId": SWAP, "ordId": order.order_id})

    async def pay_funding(self):
        self._venue.pay_funding()

    async def accrue_interest(self):
        self._venue.accrue_interest(self.account, "USDT", "1000", "0.00001")

    async def place_elsewhere(self, side, price, quantity):
        name = f"web{next(self._names)}"
        body = {"instId": SWAP, "tdMode": "cross", "side": side, "ordType": "limit"}
        self._venue.place(self.account, body | {"sz": quantity, "px": price, "clOrdId": name})
        return name


def _order(order):
    is_market = order.order_type == "market"
    return OrderReport(
        client_order_id=order.client_id,
        venue_order_id=order.order_id,
        account=order.account,
        instrument=order.product.inst_id,
        side=order.side,
        type="market" if is_market else "limit",
        time_in_force=_TIMES.get(order.order_type, "gtc"),
        state=_STATES.get(order.state, order.state),
        quantity=order.size,
        cumulative_quantity=decimal_text(order.filled),
        price=None if is_market else order.price,
        leg=order.leg,
    )


def _waiting(order: AlgoOrder):
    is_market = order.execution_price == "-1"
    return OrderReport(
        client_order_id=order.client_id,
        venue_order_id=order.algo_id,
        account=order.account,
        instrument=order.product.inst_id,
        side=order.side,
        type="stop" if is_market else "stop_limit",
        time_in_force="gtc",
        state="untriggered" if order.state == "live" else "canceled",
        quantity=order.size,
        cumulative_quantity="0",
        price=None if is_market else order.execution_price,
        trigger_price=order.trigger_price,
        leg=order.leg,
    )


def _fill(account, row):
    return FillReport(
        client_order_id=row["clOrdId"],
        venue_order_id=row["ordId"],
        trade_id=row["tradeId"],
        account=account,
        instrument=row["instId"],
        side=row["side"],
        price=row["fillPx"],
        quantity=row["fillSz"],
        fee=str(-Decimal(row["fee"])),
        fee_currency=row["feeCcy"],
        liquidity="maker" if row["execType"] == "M" else "taker",
        leg=row["posSide"],
        venue_time_ns=int(row["ts"]) * 1_000_000,
    )
