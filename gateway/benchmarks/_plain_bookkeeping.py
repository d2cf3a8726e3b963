"""The peer of the event bench: the same events read by msgspec into typed structs and booked in
plain Python with exact decimals. What a careful team writes without a native core: order look-up,
each fill once, cumulative quantity, position at average cost, realised result and fees."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

__all__ = ["PlainBinance", "PlainOkx"]

_ZERO = Decimal(0)


class _Order:
    __slots__ = ("cumulative", "quantity", "state", "updated_ms", "value", "venue_order_id")

    def __init__(self, quantity: Decimal) -> None:
        self.quantity = quantity
        self.cumulative = self.value = _ZERO
        self.state = "NEW"
        self.updated_ms = 0
        self.venue_order_id = ""


class _Position:
    __slots__ = ("average", "quantity", "realised")

    def __init__(self) -> None:
        self.quantity = self.average = self.realised = _ZERO

    def fill(self, signed: Decimal, price: Decimal) -> None:
        """Weighted average cost; what closes is realised."""
        held = self.quantity
        if not held or (held > 0) == (signed > 0):
            total = held + signed
            self.average = (self.average * held + price * signed) / total
            self.quantity = total
            return
        closing = min(abs(signed), abs(held))
        self.realised += (price - self.average) * (closing if held > 0 else -closing)
        self.quantity = held + signed
        if abs(signed) > abs(held):
            self.average = price


class _Books:
    """What both venues share."""

    def __init__(self, account: str, client_ids: Iterable[str], quantity: str) -> None:
        self.account = account
        self.orders = {each: _Order(Decimal(quantity)) for each in client_ids}
        self.seen: set[tuple[str, str, str]] = set()
        self.positions: dict[tuple[str, str, str], _Position] = {}
        self.fees: dict[tuple[str, str], Decimal] = {}
        self.fills = self.duplicates = self.unknown = 0

    def _book(
        self, key: tuple[str, str, str], signed: Decimal, price: Decimal, fee: Decimal, coin: str
    ) -> None:
        position = self.positions.get(key)
        if position is None:
            position = self.positions[key] = _Position()
        position.fill(signed, price)
        place = (self.account, coin)
        self.fees[place] = self.fees.get(place, _ZERO) + fee
        self.fills += 1


class _BinanceBody(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    client_order_id: str = msgspec.field(name="c")
    side: str = msgspec.field(name="S")
    execution: str = msgspec.field(name="x")
    status: str = msgspec.field(name="X")
    order_id: int = msgspec.field(name="i")
    last_quantity: str = msgspec.field(name="l")
    last_price: str = msgspec.field(name="L")
    time: int = msgspec.field(name="T")
    trade_id: int = msgspec.field(name="t")
    is_maker: bool = msgspec.field(name="m")
    position_side: str = msgspec.field(name="ps")
    fee: str = msgspec.field(name="n", default="0")
    fee_currency: str = msgspec.field(name="N", default="USDT")


class _BinanceEvent(msgspec.Struct):
    kind: str = msgspec.field(name="e")
    order: _BinanceBody = msgspec.field(name="o")


class PlainBinance(_Books):
    """ORDER_TRADE_UPDATE."""

    _read = msgspec.json.Decoder(_BinanceEvent).decode

    def take(self, data: bytes) -> None:
        event = self._read(data)
        if event.kind != "ORDER_TRADE_UPDATE":
            return
        body = event.order
        order = self.orders.get(body.client_order_id)
        if order is None:
            self.unknown += 1
            return
        order.state, order.updated_ms = body.status, body.time
        order.venue_order_id = str(body.order_id)
        if body.execution != "TRADE":
            return
        mark = (self.account, body.symbol, str(body.trade_id))
        if mark in self.seen:
            self.duplicates += 1
            return
        self.seen.add(mark)
        quantity, price = Decimal(body.last_quantity), Decimal(body.last_price)
        order.cumulative += quantity
        order.value += quantity * price
        if order.cumulative > order.quantity:
            raise ValueError(f"{body.client_order_id} is overfilled")
        key = (self.account, body.symbol, body.position_side)
        signed = quantity if body.side == "BUY" else -quantity
        self._book(key, signed, price, Decimal(body.fee), body.fee_currency)


class _OkxOrder(msgspec.Struct, rename={"symbol": "instId", "client_id": "clOrdId"}):
    symbol: str
    client_id: str
    side: str
    state: str
    order_id: str = msgspec.field(name="ordId")
    leg: str = msgspec.field(name="posSide")
    trade_id: str = msgspec.field(name="tradeId")
    fill_size: str = msgspec.field(name="fillSz")
    fill_price: str = msgspec.field(name="fillPx")
    fill_fee: str = msgspec.field(name="fillFee")
    fill_fee_currency: str = msgspec.field(name="fillFeeCcy")
    liquidity: str = msgspec.field(name="execType")
    updated_ms: str = msgspec.field(name="uTime")


class _OkxTopic(msgspec.Struct):
    channel: str


class _OkxFrame(msgspec.Struct):
    arg: _OkxTopic
    data: list[_OkxOrder]


class PlainOkx(_Books):
    """A push of the orders channel."""

    _read = msgspec.json.Decoder(_OkxFrame).decode

    def take(self, data: bytes) -> None:
        frame = self._read(data)
        if frame.arg.channel != "orders":
            return
        for row in frame.data:
            self._row(row)

    def _row(self, row: _OkxOrder) -> None:
        order = self.orders.get(row.client_id)
        if order is None:
            self.unknown += 1
            return
        order.state, order.updated_ms = row.state, int(row.updated_ms)
        order.venue_order_id = row.order_id
        if not row.trade_id:
            return
        mark = (self.account, row.symbol, row.trade_id)
        if mark in self.seen:
            self.duplicates += 1
            return
        self.seen.add(mark)
        quantity, price = Decimal(row.fill_size), Decimal(row.fill_price)
        order.cumulative += quantity
        order.value += quantity * price
        if order.cumulative > order.quantity:
            raise ValueError(f"{row.client_id} is overfilled")
        key = (self.account, row.symbol, row.leg)
        signed = quantity if row.side == "buy" else -quantity
        self._book(key, signed, price, -Decimal(row.fill_fee), row.fill_fee_currency)
