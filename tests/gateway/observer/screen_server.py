"""The page's own files behind a server that speaks the stream as docs/reference/stream.md has it,
with rows a test chooses; and a browser that remembers each complaint and each address it asked."""

import asyncio
import itertools
import json
import os
import shutil
from pathlib import Path

from aiohttp import WSMsgType, web

from gateway.stream.channels import CHANNELS
from gateway.stream.page import LIVE_API, add_security_headers, page_routes

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TRIES = 1200  # of 50 ms: a loaded machine draws late
START_NS = 1_790_000_000_123_456_789
ALL = tuple(name for name in CHANNELS if name not in ("greeks", "marks"))


def order(number, **fields):
    row = {
        "order_id": str(number), "client_order_id": f"client-{number}", "principal": "desk",
        "venue": "paper", "instrument": "BTC-USDT.paper", "account": "main", "strategy": "alpha",
        "side": "buy", "type": "limit", "time_in_force": "gtc", "leg": "net", "quantity": "2",
        "price": "50000.5", "trigger_price": None, "leaves_quantity": "2", "state": "NEW",
        "pending": "", "cumulative_quantity": "0", "average_price": None, "venue_order_id": "",
        "reason": "", "created_ns": START_NS + number, "updated_ns": START_NS + number,
        "sequence": number,
    }  # fmt: skip
    return row | fields


def position(instrument="BTC-USDT.paper", **fields):
    row = {
        "account": "main", "instrument": instrument, "leg": "net", "margin_mode": "cross",
        "strategy": "alpha", "venue": "paper", "quantity": "1.5", "average_price": "50000.25",
        "cost": "75000.375", "realised": "12.5", "unrealised": "-3.25", "fees": "1.1",
        "break_even_before_carry": "50000.5", "break_even": "50001", "next_funding": None,
        "next_funding_ns": None, "break_even_after_next_funding": None,
        "mark": "49998.08", "mark_age_ms": 120, "currency": "USDT",
        "venue_margin_mode": None, "collateral": None, "state": "active", "sequence": 1,
        "liquidation_price": "41000.5", "liquidation_distance_percent": "17.99",
    }  # fmt: skip
    return row | fields


class ScreenServer:
    """Rows by channel; publish() sends what changed to every page."""

    def __init__(self, channels=ALL, live_api=""):
        self.rows = {name: {} for name in channels}
        self.live_api = live_api
        self.sequence = 1
        self.sockets = {}
        self.snapshots = 0
        self.status = {"state": "following", "reason": "", "ready": True, "lag_records": 0}
        self.past = {}
        self.why = {}
        self.numbers = itertools.count(1)
        self.requests = []

    async def __aenter__(self):
        app = web.Application(middlewares=[self._record])
        app.add_routes([
            *page_routes(),
            web.get("/v1/stream", self._stream), web.get("/v1/status", self._status),
            web.get("/v1/session", self._session), web.post("/v1/session", self._session),
            web.get("/v1/at", self._at), web.get("/v1/why/order/{order_id}", self._why),
        ])  # fmt: skip
        app[LIVE_API] = lambda: self.live_api
        app.on_response_prepare.append(add_security_headers)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self.drop()
        await self.runner.cleanup()

    async def drop(self):
        """Every page loses its connection."""
        for socket in list(self.sockets):
            await socket.close()

    async def publish(self, channel, *rows, removed=()):
        """Rows by key; the key is what the row says under `key`, which is not sent."""
        self.sequence += 1
        for row in rows:
            self.rows[channel][_key(channel, row)] = row
        for key in removed:
            self.rows[channel].pop(key, None)
        await self.send(channel, self.delta(channel, rows, removed))

    def delta(self, channel, rows, removed=()):
        return json.dumps({
            "type": "delta", "channel": channel, "sequence": self.sequence, "rows": rows,
            "removed": list(removed), "has_more": False,
        })  # fmt: skip

    async def send(self, channel, text):
        for socket, channels in list(self.sockets.items()):
            if channel in channels and not socket.closed:
                await socket.send_str(text)

    @web.middleware
    async def _record(self, request, handler):
        body = await request.text() if request.can_read_body else ""
        self.requests.append((request.method, request.path, dict(request.headers), body))
        return await handler(request)

    async def _stream(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        channels = self.sockets[socket] = set()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._subscribe(socket, channels, message.data)
        finally:
            del self.sockets[socket]
        return socket

    async def _subscribe(self, socket, channels, text):
        request = json.loads(text)
        name = request["channel"]
        if name not in self.rows:
            error = {"code": "BAD_REQUEST", "value": text[:64], "rule": "no such channel"}
            return await socket.send_json({"type": "error", "error": error})
        channels.add(name)
        # A resumed page gets every row as a delta: late rows replace themselves.
        is_resumed = request.get("resume") is not None
        self.snapshots += not is_resumed
        kind = "delta" if is_resumed else "snapshot"
        await socket.send_json({
            "type": kind, "channel": name, "sequence": self.sequence, "stream": "s.1",
            "rows": list(self.rows[name].values()), "has_more": False,
        })  # fmt: skip

    async def _status(self, _):
        return web.json_response({"lag_ms": 0, "sequence": self.sequence} | self.status)

    async def _session(self, _):
        return web.json_response({"ok": True})

    async def _at(self, request):
        return web.json_response(self.past[int(request.query["sequence"])])

    async def _why(self, request):
        return web.json_response(self.why[request.match_info["order_id"]])


def _key(channel, row):
    told = (row.get(name) for name in CHANNELS[channel].key)
    return "|".join("" if each is None else str(each) for each in told)


class Screen:
    """One page of a running chromium."""

    def __init__(self, chromium, scheme="light", size=(1440, 900), *, reduced_motion=None):
        self.chromium, self.scheme, self.size = chromium, scheme, size
        self.reduced_motion = reduced_motion
        self.complaints, self.asked = [], []

    async def __aenter__(self):
        width, height = self.size
        self.context = await self.chromium.new_context(
            color_scheme=self.scheme,
            reduced_motion=self.reduced_motion,
            viewport={"width": width, "height": height},
        )
        self.context.set_default_timeout(300_000)  # on a loaded machine
        self.page = await self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        return self

    async def __aexit__(self, *_):
        await self.context.close()

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    async def open(self, address):
        await self.page.goto(address)
        await self.page.wait_for_selector("#panels:not([hidden]), #sign-in:not([hidden])")

    async def cells(self, panel):
        """Texts of the visible rows, in the order of the screen."""
        return await self.page.evaluate(
            """(panel) => [...document.querySelectorAll(`#panel-${panel} .row:not([hidden])`)]
            .sort((a, b) => a.getAttribute("aria-rowindex") - b.getAttribute("aria-rowindex"))
            .map((row) => [...row.children].map((cell) => cell.innerText.trim()).join(" | "))""",
            panel,
        )

    async def sees(self, panel, *words):
        """Wait until one visible row of the panel holds all the words; returns its text."""
        rows = []
        for _ in range(TRIES):
            rows = await self.cells(panel)
            for row in rows:
                if all(word in row for word in words):
                    return row
            await asyncio.sleep(0.05)
        raise AssertionError(f"{words} not seen in {rows}")

    async def reads(self, selector, is_wanted):
        """The visible text of an element once it is as wanted."""
        text = ""
        for _ in range(TRIES):
            text = await self.page.inner_text(selector)
            if is_wanted(text):
                return text
            await asyncio.sleep(0.05)
        raise AssertionError(f"{selector} is not as wanted: {text}")

    async def until(self, probe):
        """The first true answer of an awaitable probe."""
        for _ in range(TRIES):
            found = await probe()
            if found:
                return found
            await asyncio.sleep(0.05)
        raise AssertionError("it did not come")

    async def picture(self, name):
        """Kept when GATEWAY_SCREENSHOTS names a folder."""
        if "GATEWAY_SCREENSHOTS" in os.environ:
            await self.page.wait_for_timeout(700)
            await self.page.screenshot(path=Path(os.environ["GATEWAY_SCREENSHOTS"]) / f"{name}.png")
