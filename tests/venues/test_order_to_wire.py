"""What stands between an order and its bytes at Binance and OKX: no turn of the event loop while a
line is free and the budget has room, and every check all the same."""

import asyncio
import contextlib
import fcntl
import json
import os
import socket
import struct
import termios
import time
from collections import Counter
from random import Random

import msgspec
import pytest
from gateway_binance.capabilities import RATE_LIMITS
from gateway_binance.memory import KnownOrder, OrderMemory
from gateway_binance.questions import Questions
from gateway_binance.rest import BinanceRest
from gateway_binance.sender import Sender
from gateway_binance.signing import Signer as BinanceSigner
from gateway_okx.known_orders import KnownOrders
from gateway_okx.order_entry import OrderEntry
from gateway_okx.rest import OkxRest
from gateway_okx.rows import ResultRow
from gateway_okx.signing import Signer as OkxSigner

from gateway.api import CancelRequest, OrderRequest, ReplaceRequest, VenueUnavailable
from gateway.testing.recording_port import RecordingPort
from gateway.transport import PortGuard

pytestmark = pytest.mark.asyncio
SECOND_NS = 1_000_000_000
SYMBOLS = {"binance": "BTCUSDT", "okx": "BTC-USDT-SWAP"}


class Listener(asyncio.Protocol):
    """Answers the time of both venues; keeps whatever else it is sent and says nothing to it."""

    def __init__(self, lines, requests):
        self._lines, self._requests = lines, requests

    def connection_made(self, transport):
        self._transport = transport
        self._lines.append(transport)

    def data_received(self, data):
        if b"/time" not in data.partition(b"\r\n")[0]:
            self._requests.append(bytes(data))
            return
        now_ms = time.time_ns() // 1_000_000
        told = {"serverTime": now_ms, "code": "0", "msg": "", "data": [{"ts": str(now_ms)}]}
        body = json.dumps(told).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


class Desk:
    """The sending part of one adapter in front of a listener, with one line and `orders_max` new
    orders in ten seconds. Its clock stands unless it is moved. `facts`: what was told."""

    def __init__(self, venue, *, orders_max=1_000):
        self.venue, self.orders_max = venue, orders_max
        self.lines, self.requests, self.facts = [], [], []
        self.stamp_ns = time.time_ns()

    def now_ns(self):
        return self.stamp_ns

    def move_to(self, seconds):
        """So far into the ten seconds of the venue's limit."""
        within_ns = self.rest.clock.now_ns() % (10 * SECOND_NS)
        self.stamp_ns += int(seconds * SECOND_NS) - within_ns + 10 * SECOND_NS

    async def open(self):
        loop = asyncio.get_running_loop()
        made = lambda: Listener(self.lines, self.requests)  # noqa: E731
        self.server = await loop.create_server(made, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        self.rest, self.entry = getattr(self, f"_{self.venue}")(url)
        await self.rest.open()
        self.requests.clear()

    def tell(self, fact, *values, **named):
        self.facts.append(fact)

    def _binance(self, url):
        limits = [
            msgspec.structs.replace(each, capacity=self.orders_max)
            if each.name == "orders_10s"
            else each
            for each in RATE_LIMITS
        ]
        rest = BinanceRest(
            url,
            BinanceSigner("key", "secret-secret-secret"),
            product="usdm",
            timeout_ms=300,
            acceptance_window_ms=5_000,
            account="main",
            limits=limits,
            connections=1,
            now_ns=self.now_ns,
            random=Random(1),
        )
        memory = OrderMemory()
        memory.remember(known_order())
        questions = Questions(rest, memory, account="main", symbols=("BTCUSDT",))
        expect = later = lambda *_: None
        return rest, Sender(rest, memory, questions, tell=self.tell, later=later, expect=expect)

    def _okx(self, url):
        rest = OkxRest(
            url,
            OkxSigner("key", "secret-secret-secret", "phrase"),
            "main",
            timeout_ms=300,
            acceptance_window_ms=5_000,
            now_ns=self.now_ns,
            random=Random(1),
            counters=Counter(),
        )
        known = KnownOrders()
        known.note("known", "BTC-USDT-SWAP", order_id=1)

        async def nothing(_):
            return None

        return rest, OrderEntry(
            rest,
            known,
            tell=self.tell,
            ask=nothing,
            look=nothing,
            kind_of=lambda symbol: "SWAP",
            off_tick=lambda symbol, price: "",
            trade_mode=lambda symbol: "cross",
            counters=Counter(),
        )

    async def close(self):
        await self.rest.close()
        self.server.close()

    def unread_bytes(self):
        """What the kernel holds for the listener, before any turn of the loop."""
        lines = [each for each in self.lines if not each.is_closing()]
        numbers = [each.get_extra_info("socket").fileno() for each in lines]
        found = [fcntl.ioctl(each, termios.FIONREAD, b"\0" * 4) for each in numbers]
        return sum(struct.unpack("i", each)[0] for each in found)

    def request(self, kind):
        same = {"order_id": 1, "client_order_id": "known", "account": "main"}
        same |= {"instrument": SYMBOLS[self.venue]}
        if kind == "cancel":
            return self.entry.cancel([CancelRequest(**same, venue_order_id="7")])
        if kind == "replace":
            terms = {"venue_order_id": "7", "quantity": "0.020", "price": "50001.0"}
            return self.entry.replace([ReplaceRequest(**same, **terms)])
        return self.entry.submit([self.order(2)])

    def order(self, number):
        return OrderRequest(
            order_id=number,
            client_order_id=f"new{number}",
            account="main",
            instrument=SYMBOLS[self.venue],
            side="buy",
            type="limit",
            time_in_force="gtc",
            quantity="0.010",
            price="50000.10",
        )


def known_order():
    return KnownOrder(
        client_order_id="known",
        symbol="BTCUSDT",
        side="BUY",
        order_id=1,
        venue_order_id=7,
        is_ours=True,
        price="50000.0",
        quantity="0.010",
    )


@contextlib.asynccontextmanager
async def desk_of(venue, **settings):
    desk = Desk(venue, **settings)
    await desk.open()
    try:
        yield desk
    finally:
        await desk.close()


@pytest.mark.parametrize("kind", ["submit", "cancel", "replace"])
@pytest.mark.parametrize("venue", ["binance", "okx"])
async def test_no_turn_of_the_loop_lies_between_the_call_and_the_bytes(venue, kind):
    async with desk_of(venue) as desk:
        call = desk.request(kind)
        call.send(None)
        assert desk.unread_bytes() > 100
        with pytest.raises(asyncio.CancelledError):
            call.throw(asyncio.CancelledError())


async def fill_the_budget(desk):
    """Everything but what is kept for those who go first; the counters alone, nothing is sent."""
    costs = {"orders_10s@main": 1, "orders_1m@main": 1}
    while not desk.rest.budget.take("new", costs):
        pass


async def test_an_order_without_room_in_the_budget_is_not_sent_and_says_so():
    async with desk_of("binance", orders_max=4) as desk:
        desk.move_to(5)
        await fill_the_budget(desk)
        await desk.entry.submit([desk.order(2)])
        await asyncio.sleep(0.01)
        assert desk.facts == ["not_sent"] and desk.requests == []
        assert desk.rest.row()["requests"] == desk.rest.row()["answers"]  # of the clock alone


async def test_an_order_that_waits_for_room_goes_out_once_when_there_is_some():
    async with desk_of("binance", orders_max=4) as desk:
        desk.move_to(9.9)
        await fill_the_budget(desk)
        call = asyncio.create_task(desk.entry.submit([desk.order(2)]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert desk.unread_bytes() == 0 and desk.requests == []
        desk.stamp_ns += SECOND_NS // 6  # the ten seconds have surely turned at the venue too
        async with asyncio.timeout(300):
            await call
        # The listener never answers, so its outcome is open. It was sent once.
        assert [each.count(b"newClientOrderId=new2") for each in desk.requests] == [1]
        assert desk.facts == ["unknown"]


@pytest.mark.parametrize("is_while_waiting", [False, True])
async def test_a_ban_keeps_the_order_here(is_while_waiting):
    async with desk_of("binance", orders_max=4) as desk:
        desk.move_to(9.9)
        if is_while_waiting:
            await fill_the_budget(desk)
        task = asyncio.create_task(desk.entry.submit([desk.order(2)]))
        if is_while_waiting:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        desk.rest.budget.ban(desk.now_ns() + 60 * SECOND_NS, "418")
        async with asyncio.timeout(300):
            await task
        assert desk.facts == ["not_sent"] and desk.requests == []


@pytest.mark.parametrize("venue", ["binance", "okx"])
async def test_a_write_that_breaks_leaves_the_order_unknown_and_sends_nothing_again(venue):
    async with desk_of(venue) as desk:

        class Broken:
            def write(self, data):
                raise BrokenPipeError("in the middle of it")

        for connection in desk.rest._pool._idle:
            connection._transport = Broken()
        await desk.entry.submit([desk.order(2)])
        await asyncio.sleep(0.01)
        assert desk.facts == ["unknown"] and desk.requests == []


@pytest.mark.parametrize("venue", ["binance", "okx"])
async def test_an_order_without_any_line_is_not_sent(venue):
    async with desk_of(venue) as desk:
        desk.server.close()
        await desk.server.wait_closed()
        for line in desk.lines:  # in the kernel; the loop has had no turn to see it
            with socket.socket(fileno=os.dup(line.get_extra_info("socket").fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)
        await desk.entry.submit([desk.order(2)])
        assert desk.facts == ["not_sent"] and desk.requests == []


async def one_that_waits_for_a_line(desk):
    """Every line is busy with an order that is not answered; the last order waits. When the first
    time-out has ended a line, another one comes up in its place and is given to it."""
    lines = desk.rest.row()["idle"]
    calls = [asyncio.create_task(desk.entry.submit([desk.order(n)])) for n in range(2, 2 + lines)]
    while desk.rest.row()["busy"] < lines:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.15)  # so that its own time lasts longer
    calls.append(asyncio.create_task(desk.entry.submit([desk.order(99)])))
    await asyncio.sleep(0.01)
    return lines, asyncio.gather(*calls)


async def check_that_it_stayed(desk, lines, calls):
    async with asyncio.timeout(300):
        await calls
    await asyncio.sleep(0.02)
    assert [each.count(b"new99") for each in desk.requests] == [0] * lines
    assert sorted(desk.facts) == ["not_sent"] + ["unknown"] * lines


@pytest.mark.parametrize("venue", ["binance", "okx"])
async def test_a_ban_that_comes_while_an_order_waits_for_a_line_keeps_it_here(venue):
    async with desk_of(venue) as desk:
        lines, calls = await one_that_waits_for_a_line(desk)
        desk.rest.budget.ban(desk.now_ns() + 60 * SECOND_NS, "418")
        await check_that_it_stayed(desk, lines, calls)


@pytest.mark.parametrize("end", ["port", "epoch"])
@pytest.mark.parametrize("venue", ["binance", "okx"])
async def test_an_order_of_an_earlier_term_that_waits_for_a_line_stays_here(venue, end):
    async with desk_of(venue) as desk:
        port, guard = PortWithEpoch(), PortGuard()
        guard.open(port)
        desk.rest.term = guard.term
        lines, calls = await one_that_waits_for_a_line(desk)
        if end == "port":
            guard.close()
        else:
            port.now += 1
        await check_that_it_stayed(desk, lines, calls)


class PortWithEpoch(RecordingPort):
    now = 7

    def epoch(self):
        return self.now


async def test_an_order_of_an_earlier_term_that_waits_for_room_stays_here():
    async with desk_of("binance", orders_max=4) as desk:
        guard = PortGuard()
        guard.open(RecordingPort())
        desk.rest.term = guard.term
        desk.move_to(9.9)
        await fill_the_budget(desk)
        call = asyncio.create_task(desk.entry.submit([desk.order(2)]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        guard.close()
        desk.stamp_ns += SECOND_NS // 6
        async with asyncio.timeout(300):
            await call
        await asyncio.sleep(0.01)
        assert desk.facts == ["not_sent"] and desk.requests == []


async def test_a_ban_that_comes_while_the_order_socket_fails_keeps_the_order_here():
    async with desk_of("binance") as desk:

        class Falling:
            is_up = True

            async def ask(self, method, parameters):
                desk.rest.budget.ban(desk.now_ns() + 60 * SECOND_NS, "418")
                raise VenueUnavailable("the line fell before the first byte")

        desk.rest.order_socket = Falling()
        await desk.entry.submit([desk.order(2)])
        await asyncio.sleep(0.01)
        assert desk.facts == ["not_sent"] and desk.requests == []


ORDER = {
    "orderId": 7, "symbol": "BTCUSDT", "status": "NEW", "clientOrderId": "new2", "price": "50001.0",
    "origQty": "0.020", "executedQty": "0", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
    "updateTime": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "right", "other"),
    [
        ("submit", {}, {"clientOrderId": "new3"}),
        ("cancel", {"status": "CANCELED"}, {"orderId": 8}),
        ("replace", {}, {"orderId": 8}),
    ],
)
async def test_an_answer_about_another_order_is_no_verdict_on_this_one(kind, right, other):
    async with desk_of("binance") as desk:
        answers = [ORDER | right, ORDER | right | other]

        async def send(*terms, **named):
            return json.dumps(answers.pop(0)).encode()

        desk.rest.send = send
        await desk.request(kind)
        await desk.request(kind)
        done = {"submit": "accepted", "cancel": "canceled", "replace": "replaced"}
        assert desk.facts == [done[kind], "unknown"]


@pytest.mark.parametrize("name", ["new2", "new3"])
async def test_an_answer_of_okx_about_another_algo_order_is_no_verdict_on_this_one(name):
    async with desk_of("okx") as desk:

        async def post(*terms, **named):
            return [ResultRow(code="0", algo_id="5", algo_client_id=name)]

        desk.rest.post = post
        order = desk.order(2)
        changed = {"type": "stop", "trigger_price": "49000", "price": None}
        await desk.entry.submit([msgspec.structs.replace(order, **changed)])
        assert desk.facts == ["accepted" if name == "new2" else "unknown"]
