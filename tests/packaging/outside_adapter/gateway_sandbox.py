"""Adapter `sandbox`: one instrument matched in memory against a fixed market. It forgets everything
when it ends, so it is for trying things out and never for money."""

import asyncio
import time
from decimal import Decimal

from gateway.api import (
    Capabilities,
    FillReport,
    Instrument,
    MarkReport,
    OrderReport,
    PositionReport,
    hookimpl,
)
from gateway.matching import FeeSchedule, MatchingEngine

PRICE_SCALE, QUANTITY_SCALE = 1, 2
BID, ASK, SHOWN = 999, 1001, 1000  # 99.9 and 100.1, ten of each, always
FEES = FeeSchedule("0.0001", "0.0002")
MARK_SECONDS = 0.2
INSTRUMENT = Instrument(
    symbol="SAND-USDT.sandbox",
    venue_symbol="SANDUSDT",
    kind="linear",
    base="SAND",
    quote="USDT",
    settle="USDT",
    tick="0.1",
    lot="0.01",
    price_scale=PRICE_SCALE,
    quantity_scale=QUANTITY_SCALE,
)


def mantissa(text, scale):
    return int(Decimal(text or "0").scaleb(scale))


def text(number, scale):
    return format(Decimal(number).scaleb(-scale), "f")


class SandboxAdapter:
    """The whole venue."""

    def __init__(self, venue, settings):
        if settings:
            raise ValueError(f"{next(iter(settings))}: the sandbox has no settings")
        self.capabilities = Capabilities(
            venue=venue,
            is_simulated=True,
            order_types=frozenset({"market", "limit"}),
            times_in_force=frozenset({"gtc", "ioc", "fok"}),
            has_post_only=True,
            not_found_proof_after_ms=1000,
        )
        self.port = None
        self.book = MatchingEngine(tick=1, lot=1)
        self.orders = {}
        self.states = {}
        self.executed = []
        self.marks = None

    async def connect(self, port):
        self.port = port
        self.show_market()
        self.marks = asyncio.create_task(self.tell_marks())

    async def close(self):
        self.port = None
        if self.marks is not None:
            self.marks.cancel()

    async def tell_marks(self):
        while self.port is not None:
            self.port.marked(MarkReport(instrument=INSTRUMENT.venue_symbol, mark="100.0"))
            await asyncio.sleep(MARK_SECONDS)

    def show_market(self):
        self.book.set_market_level("buy", BID, SHOWN)
        self.book.set_market_level("sell", ASK, SHOWN)

    async def instruments(self):
        return [INSTRUMENT]

    # Orders out, facts in.

    async def submit(self, orders):
        for order in orders:
            self.orders[order.order_id] = order
            events = self.book.submit(
                order.order_id,
                1,
                order.side,
                order.type,
                mantissa(order.quantity, QUANTITY_SCALE),
                time_in_force=order.time_in_force,
                price=mantissa(order.price, PRICE_SCALE),
                is_post_only=order.is_post_only,
            )
            self.tell(events)

    async def cancel(self, cancels):
        for cancel in cancels:
            self.tell(self.book.cancel(cancel.order_id))

    async def replace(self, replaces):
        for replace in replaces:  # amend = "none": the gateway does not send any
            self.port.replace_rejected(replace.order_id, "not supported")

    def tell(self, events):
        for event in events:
            getattr(self, f"on_{event.kind}")(event)
        self.show_market()

    def on_accepted(self, event):
        self.states[event.order_id] = "new"
        self.port.accepted(event.order_id, f"S{event.order_id}")

    def on_rejected(self, event):
        self.states[event.order_id] = "rejected"
        self.port.rejected(event.order_id, event.reason)

    def on_filled(self, event):
        order = self.orders[event.order_id]
        self.states[event.order_id] = "partially_filled" if event.leaves else "filled"
        price = text(event.price, PRICE_SCALE)
        quantity = text(event.quantity, QUANTITY_SCALE)
        fill = FillReport(
            client_order_id=order.client_order_id,
            venue_order_id=f"S{event.order_id}",
            trade_id=f"T{len(self.executed) + 1}",
            account=order.account,
            instrument=INSTRUMENT.venue_symbol,
            side=order.side,
            price=price,
            quantity=quantity,
            fee=FEES.fee(format(Decimal(price) * Decimal(quantity), "f"), event.is_maker),
            fee_currency="USDT",
            liquidity="maker" if event.is_maker else "taker",
            venue_time_ns=time.time_ns(),
        )
        self.executed.append(fill)
        self.port.filled(fill)

    def on_canceled(self, event):
        self.states[event.order_id] = "canceled"
        done = self.done(self.orders[event.order_id])
        self.port.canceled(event.order_id, event.reason, cumulative_quantity=done)

    def on_cancel_rejected(self, event):
        self.port.cancel_rejected(event.order_id, event.reason)

    # Questions.

    def done(self, order):
        own = (f.quantity for f in self.executed if f.client_order_id == order.client_order_id)
        return format(sum(map(Decimal, own), Decimal(0)), "f")

    def report(self, order):
        return OrderReport(
            client_order_id=order.client_order_id,
            venue_order_id=f"S{order.order_id}",
            account=order.account,
            instrument=order.instrument,
            side=order.side,
            type=order.type,
            time_in_force=order.time_in_force,
            state=self.states[order.order_id],
            quantity=order.quantity,
            cumulative_quantity=self.done(order),
            price=order.price,
        )

    async def query_order(self, account, client_order_id):
        own = (o for o in self.orders.values() if o.client_order_id == client_order_id)
        return next((self.report(order) for order in own if order.account == account), None)

    async def open_orders(self, account):
        live = (self.orders[order.order_id] for order in self.book.open_orders())
        return [self.report(order) for order in live if order.account == account]

    async def fills(self, account, since_ns):
        return [f for f in self.executed if f.account == account and f.venue_time_ns >= since_ns]

    async def funding(self, account, since_ns):  # not asked: the manifest has no funding
        return []

    async def positions(self, account):
        signs = {"buy": 1, "sell": -1}
        own = (signs[f.side] * Decimal(f.quantity) for f in self.executed if f.account == account)
        quantity = format(sum(own, Decimal(0)), "f")
        name = INSTRUMENT.venue_symbol
        return [PositionReport(account=account, instrument=name, leg="net", quantity=quantity)]

    async def balances(self, account):
        return []

    async def is_hedge_mode(self, account):
        return False


@hookimpl
def gateway_api_level():
    return 1


@hookimpl
def gateway_venue_name():
    return "sandbox"


@hookimpl
def gateway_create_adapter(venue, settings, secrets):
    return SandboxAdapter(venue, settings)
