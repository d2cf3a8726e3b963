"""From an order to its last byte at a socket on loopback: the whole gateway, the adapter alone, and
ccxt's asynchronous client, one order of each in turns on one event loop."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from gateway.api import OrderRequest
from gateway.benchmarks._venue_desk import ACCOUNT, PRICE, QUANTITY, new_order
from gateway.benchmarks._venue_loopback import LoopbackVenue
from gateway.benchmarks._venue_sender import BinanceDesk
from gateway.benchmarks._venue_sign import CCXT_SYMBOL, ccxt_market

__all__ = ["measure"]

_WARM = 50
_SECONDS_MAX = 10.0
# Sends one order; the id under which it arrives.
Send = Callable[[int], Awaitable[str]]
Start = Callable[[Coroutine[Any, Any, Any]], None]


async def measure(
    directory: str, ring: str, orders: int, *, has_ccxt: bool
) -> dict[str, dict[str, float]]:
    """Microseconds from the call to the last byte read by the listener."""
    venue = LoopbackVenue()
    await venue.start()
    whole = BinanceDesk(directory, ring, venue, orders_max=4 * (orders + _WARM))
    client = _ccxt(venue.url) if has_ccxt else None
    host, port = venue.url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    bare, _ = await loop.create_connection(asyncio.Protocol, host, int(port))
    try:
        await whole.start()
        start = _starter()
        ways = {"gateway": _through(whole), "adapter": _by_adapter(whole, start)}
        ways["bare"] = _bare(bare, start)
        if client is not None:
            ways["ccxt"] = _by_ccxt(client, start)
        taken = await _in_turns(venue, ways, orders)
    finally:
        bare.close()
        if client is not None:
            await client.close()
        await whole.close()
        venue.stop()
    return {name: _told(each) for name, each in taken.items()}


async def _in_turns(
    venue: LoopbackVenue, ways: dict[str, Send], orders: int
) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(orders + _WARM):
        for name, send in ways.items():
            begin = time.perf_counter_ns()
            arrived = await send(number)
            async with asyncio.timeout(_SECONDS_MAX):
                while arrived not in venue.arrivals:  # noqa: ASYNC110 one turn of the loop each
                    await asyncio.sleep(0)
            if number >= _WARM:
                taken[name].append((venue.arrivals[arrived] - begin) / 1_000)
            venue.arrivals.clear()
            await _calm()  # answers and what follows them, of this order alone
    return taken


async def _calm() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


def _told(found: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(found, n=100, method="inclusive")
    return {
        "p50": round(statistics.median(found), 2),
        "p99": round(cuts[98], 2),
        "min": round(min(found), 2),
    }


def _starter() -> Start:
    """Starts what nobody waits for, and holds it until it has ended."""
    tasks: set[asyncio.Task[Any]] = set()

    def start(work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return start


def _through(desk: BinanceDesk) -> Send:
    """Router, gate, journal ring, venue lane, Outbound, adapter."""
    inner = desk.desk

    async def send(number: int) -> str:
        submitted = await inner.router.submit(new_order(number, inner.symbol))
        return inner.session.ids.encode(int(submitted.order["order_id"]))

    return send


def _by_adapter(desk: BinanceDesk, start: Start) -> Send:
    """The adapter's own share: submit() of an order that Outbound would hand over."""

    async def send(number: int) -> str:
        name = f"direct{number}"
        order = OrderRequest(
            order_id=(1 << 50) + number,  # no order of the engine: what it is told is no fact of it
            client_order_id=name,
            account=ACCOUNT,
            instrument="BTCUSDT",
            side="buy",
            type="limit",
            time_in_force="gtc",
            quantity=QUANTITY,
            price=PRICE,
        )
        start(desk.submit([order]))
        return name

    return send


def _bare(transport: asyncio.WriteTransport, start: Start) -> Send:
    """The same bytes, made before, written by a task: what loop and sockets cost alone."""
    name = "bare".ljust(16, "0")
    query = f"symbol=BTCUSDT&newClientOrderId={name}&signature={'0' * 64}"
    data = f"POST /fapi/v1/order?{query} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()

    async def write() -> None:
        transport.write(data)

    async def send(number: int) -> str:
        start(write())
        return name

    return send


def _ccxt(url: str) -> Any:
    """ccxt as it is installed, its address redirected and its own throttle off."""
    import ccxt.async_support as ccxt

    client = ccxt.binanceusdm(
        {"apiKey": "bench-key", "secret": "bench-secret", "enableRateLimit": False}
    )
    ccxt_market(client, "BTCUSDT")
    addresses = client.urls["api"]
    for name, address in addresses.items():
        if isinstance(address, str):
            addresses[name] = address.replace("https://fapi.binance.com", url)
    return client


def _by_ccxt(client: Any, start: Start) -> Send:
    async def send(number: int) -> str:
        name = f"ccxt{number}"
        start(
            client.create_order(
                CCXT_SYMBOL,
                "limit",
                "buy",
                float(QUANTITY),
                float(PRICE),
                {"newClientOrderId": name},
            )
        )
        return name

    return send
