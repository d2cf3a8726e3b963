"""A listener on loopback that stands where a venue's REST address is: notes when the last byte of
each request had arrived and answers what Binance USD-M would. It judges nothing and keeps nothing
but what the bench takes out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qsl

import msgspec

__all__ = ["LoopbackVenue"]

_HEAD_END = b"\r\n\r\n"


class LoopbackVenue:
    """`on_order(parameters, venue_order_id)` is called once an order has been answered.
    `arrivals`: client id -> when its last byte was read, by perf_counter_ns."""

    def __init__(self) -> None:
        self.url = ""
        self.arrivals: dict[str, int] = {}
        self.on_order: Callable[[dict[str, str], int], None] = lambda terms, number: None
        self.orders = self.questions = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Line(self), "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def answer(self, method: str, target: str, body: bytes, stamp_ns: int) -> tuple[Any, Any]:
        """The document, and what happens once it is written."""
        path, _, query = target.partition("?")
        terms = dict(parse_qsl(query + "&" + body.decode()))
        if path == "/fapi/v1/time":
            return {"serverTime": time.time_ns() // 1_000_000}, None
        if path != "/fapi/v1/order":
            self.questions += 1
            return [], None
        if method == "GET":
            self.questions += 1
            return _row(terms, int(terms.get("orderId", "1")), "bench-0"), None
        self.orders += 1
        number, name = 8_000_000 + self.orders, terms["newClientOrderId"]
        self.arrivals[name] = stamp_ns
        return _row(terms, number, name), (terms, number)


class _Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, venue: LoopbackVenue) -> None:
        self._venue = venue
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        stamp_ns = time.perf_counter_ns()
        self._data += data
        head, found, body = self._data.partition(_HEAD_END)
        if not found:
            return
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        if len(body) < int(headers.get("content-length", "0")):
            return
        self._data = b""
        method, target, _ = first.split(" ")
        document, after = self._venue.answer(method, target, body, stamp_ns)
        content = msgspec.json.encode(document)
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
        )
        if after is not None:
            self._venue.on_order(*after)


def _row(terms: dict[str, str], number: int, name: str) -> dict[str, Any]:
    """New Order, response RESULT (USDS-M futures, 2026-10)."""
    return {
        "orderId": number, "symbol": terms.get("symbol", "BTCUSDT"), "status": "NEW",
        "clientOrderId": name, "price": terms.get("price", "0"), "avgPrice": "0.00",
        "origQty": terms.get("quantity", "0.010"), "executedQty": "0", "cumQty": "0",
        "cumQuote": "0", "timeInForce": "GTC", "type": "LIMIT", "reduceOnly": False,
        "closePosition": False, "side": terms.get("side", "BUY"), "positionSide": "BOTH",
        "stopPrice": "0", "workingType": "CONTRACT_PRICE", "priceProtect": False,
        "origType": "LIMIT", "updateTime": time.time_ns() // 1_000_000,
    }  # fmt: skip
