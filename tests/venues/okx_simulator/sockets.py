"""The WebSocket face: public, private and business. Login, subscriptions, pushes, order entry.
Every push may be hit by its fault; a connection that is silent for too long is closed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import WSMsgType, web
from fault_script import FaultScript, answer_under, deliver_under
from okx_simulator.access import Gate, RollingLimits
from okx_simulator.envelope import Refusal, results
from okx_simulator.listings import Product
from okx_simulator.reports import BookFeed, Reports
from okx_simulator.venue import OkxVenue

__all__ = ["Connection", "SocketFace"]

Row = dict[str, Any]
IDLE_SECONDS_MAX = 30.0
_PUBLIC = {
    "books",
    "bbo-tbt",
    "books5",
    "tickers",
    "trades",
    "mark-price",
    "funding-rate",
    "instruments",
    "status",
}
_PRIVATE = {"orders", "positions", "account", "balance_and_position"}
_BUSINESS = {"orders-algo"}
_CHANNELS = {"public": _PUBLIC, "private": _PRIVATE, "business": _BUSINESS}
_OPERATIONS = {
    "order": "place",
    "batch-orders": "place",
    "cancel-order": "cancel",
    "batch-cancel-orders": "cancel",
    "amend-order": "amend",
    "batch-amend-orders": "amend",
}


class Connection:
    """One socket. What is to be sent waits in `outgoing` with the name of its event."""

    def __init__(self, kind: str, number: int) -> None:
        self.kind = kind
        self.name = f"c{number:07d}"
        self.account = ""
        self.topics: list[Row] = []
        self.books: dict[str, BookFeed] = {}
        self.outgoing: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.abort: Callable[[], None] = lambda: None

    def put(self, event: str, row: Row | str) -> None:
        text = row if isinstance(row, str) else msgspec.json.encode(row).decode()
        self.outgoing.put_nowait((event, text))


class SocketFace:
    """All sockets of the venue."""

    def __init__(
        self,
        venue: OkxVenue,
        reports: Reports,
        *,
        gate: Gate,
        limits: RollingLimits,
        faults: FaultScript,
    ) -> None:
        self.connections: list[Connection] = []
        self.opened = 0
        self.has_checksum = True
        self._venue = venue
        self._reports = reports
        self._gate = gate
        self._limits = limits
        self._faults = faults
        self._trades = 0

    # What the venue tells.

    def push(self, account: str, channel: str, product: Product | None, rows: list[Row]) -> None:
        """A private event, to everybody who asked for it."""
        for connection in self.connections:
            if connection.account != account:
                continue
            for topic in connection.topics:
                if topic["channel"] == channel and _fits(topic, product):
                    self._push_one(connection, topic, product, rows)

    def _push_trades(self) -> None:
        trades, now = self._venue.exchange.trades, str(self._venue.now_ms())
        while trades:
            row = trades.popleft()
            self._trades += 1
            told = {"tradeId": str(self._trades), "px": row["price"], "sz": row["quantity"]}
            told |= {"instId": row["instrument"], "side": row["side"], "ts": now, "count": "1"}
            topic = {"channel": "trades", "instId": row["instrument"]}
            for connection in self.connections:
                if topic in connection.topics:
                    connection.put("trades", {"arg": topic, "data": [told]})

    def market_moved(self) -> None:
        self._push_trades()
        for connection in self.connections:
            for topic in connection.topics:
                if connection.kind == "public":
                    self._push_market(connection, topic, is_first=False)

    def repeat_marks(self) -> None:
        """Marks and tickers are told again, changed or not."""
        for connection in self.connections:
            for topic in connection.topics:
                if topic["channel"] in ("mark-price", "tickers"):
                    self._push_market(connection, topic, is_first=False)

    def tell_expiry(self, inst_id: str) -> None:
        """The instruments channel pushes what was delivered or exercised."""
        product = self._venue.products[inst_id]
        for connection in self.connections:
            for topic in connection.topics:
                if topic["channel"] == "instruments" and topic.get("instType") == product.kind:
                    connection.put("instruments", {"arg": topic, "data": [product.row()]})

    def _is_listed(self, inst_id: str) -> bool:
        product = self._venue.products.get(inst_id)
        return product is not None and product.state != "expired"

    def tell_status(self, state: str, end_ms: int, service: str = "5") -> None:
        """Maintenance of a service (docs-v5, status channel)."""
        row = {
            "begin": "",
            "end": str(end_ms),
            "href": "",
            "preOpenBegin": "",
            "scheDesc": "",
            "serviceType": service,
            "state": state,
            "system": "unified",
            "maintType": "1",
            "env": "1",
            "title": "Trading account system upgrade",
            "ts": str(self._venue.now_ms()),
        }
        for connection in self.connections:
            if {"channel": "status"} in connection.topics:
                connection.put("status", {"arg": {"channel": "status"}, "data": [row]})

    def notice_upgrade(self) -> None:
        """60 s before the line is closed (docs-v5, notification)."""
        for connection in self.connections:
            row = {"event": "notice", "code": "64008", "connId": connection.name}
            text = "The connection will soon be closed for a service upgrade. Please reconnect."
            connection.put("notice", {**row, "msg": text})

    def cut_all(self) -> None:
        for connection in list(self.connections):
            connection.abort()

    # One connection.

    async def handle(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]

        async def execute() -> web.StreamResponse:
            return await self._serve(request, kind)

        return await answer_under(self._faults.take(f"CONNECT {kind}"), request, execute)

    async def _serve(self, request: web.Request, kind: str) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        self.opened += 1
        connection = Connection(kind, self.opened)
        transport = request.transport
        connection.abort = lambda: transport.abort() if transport is not None else None
        self.connections.append(connection)
        writer = asyncio.create_task(self._write(connection, socket))
        try:
            while True:
                message = await socket.receive(timeout=IDLE_SECONDS_MAX)
                if message.type is not WSMsgType.TEXT:
                    break
                self._take(connection, message.data)
        except TimeoutError:
            await socket.close(code=4004, message=b"No data received in 30s")
        finally:
            self.connections.remove(connection)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        return socket

    async def _write(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        held: list[str] = []
        while True:
            event, text = await connection.outgoing.get()
            texts: list[str] = []
            parts: list[str] = []
            fault = self._faults.take(f"event {event}")
            deliver_under(fault, text, texts.append, parts.append, held)
            try:
                for each in [*texts, *(part for part in parts if part)]:
                    await socket.send_str(each)
            except (ConnectionError, RuntimeError):
                return
            if parts:
                connection.abort()
                return

    def _take(self, connection: Connection, text: str) -> None:
        if text == "ping":
            connection.put("pong", "pong")
            return
        try:
            row = msgspec.json.decode(text, type=dict[str, Any])
            operation, items = row["op"], row.get("args", [])
        except (msgspec.DecodeError, KeyError):
            self._error(connection, {}, Refusal("60012"))
            return
        try:
            if operation == "login":
                self._login(connection, items[0])
            elif operation in ("subscribe", "unsubscribe"):
                for topic in items:
                    self._subscribe(connection, row, topic, is_wanted=operation == "subscribe")
            elif operation in _OPERATIONS and connection.kind == "private":
                self._operate(connection, row, items)
            else:
                raise Refusal("60019")
        except Refusal as error:
            self._error(connection, row, error)

    def _login(self, connection: Connection, item: Row) -> None:
        connection.account = self._gate.check_login(item)
        row = {"event": "login", "code": "0", "msg": "", "connId": connection.name}
        connection.put("login", row)

    def _subscribe(self, connection: Connection, row: Row, topic: Row, *, is_wanted: bool) -> None:
        channel = topic.get("channel", "")
        if channel not in _CHANNELS[connection.kind]:
            raise Refusal("60018")
        if connection.kind != "public" and not connection.account:
            raise Refusal("60011")
        name = topic.get("instId")
        if connection.kind == "public" and name and is_wanted and not self._is_listed(name):
            raise Refusal("60018")
        if not is_wanted:
            connection.topics = [each for each in connection.topics if each != topic]
        elif topic not in connection.topics:
            connection.topics.append(topic)
        told = {"event": row["op"], "arg": topic, "connId": connection.name}
        connection.put(row["op"], told | ({"id": row["id"]} if "id" in row else {}))
        if not is_wanted:
            return
        if connection.kind == "public":
            self._push_market(connection, topic, is_first=True)
            return
        count = {"event": "channel-conn-count", "channel": channel, "connCount": "1"}
        connection.put("channel-conn-count", count | {"connId": connection.name})
        if channel in ("positions", "account", "balance_and_position"):
            self._push_one(connection, topic, None, [{"eventType": "snapshot"}])

    def _operate(self, connection: Connection, row: Row, items: list[Row]) -> None:
        """Order entry; the quota is that of REST (docs-v5, WS place order)."""
        if not connection.account:
            raise Refusal("60011")
        account, expires_ms = connection.account, int(row.get("expTime") or 0)
        act = _OPERATIONS[row["op"]]
        fault = self._faults.take(f"op {row['op']}")
        action = fault.action if fault else ""
        if action in ("drop", "silent", "error"):
            if action == "drop":
                connection.abort()
            elif action == "error" and fault is not None:
                told = msgspec.json.decode(fault.body, type=dict[str, Any])
                connection.put("reply", {"id": row.get("id", ""), "op": row["op"], **told})
            return

        def do(body: Row) -> Row:
            place = f"POST trade/{row['op'].removeprefix('batch-').rstrip('s')}"
            subject = (account, place, str(body.get("instId", body.get("instIdCode"))))
            if not self._limits.spend(subject, 60, 2_000):
                raise Refusal("50011")
            if act == "cancel":
                return self._venue.cancel(account, body)
            return getattr(self._venue, act)(account, body, expires_ms=expires_ms)

        answer = results(items, do, now_us=lambda: self._venue.now_ns() // 1_000)
        if action == "execute_then_drop":
            connection.abort()
        elif action == "execute_then_error" and fault is not None:
            told = msgspec.json.decode(fault.body, type=dict[str, Any])
            connection.put("reply", {"id": row.get("id", ""), "op": row["op"], **told})
        elif action != "execute_then_silent":
            connection.put("reply", {"id": row.get("id", ""), "op": row["op"], **answer})

    def _error(self, connection: Connection, row: Row, error: Refusal) -> None:
        told = {"event": "error", "code": error.code, "msg": error.text or "Invalid request"}
        told |= {"connId": connection.name} | ({"id": row["id"]} if "id" in row else {})
        connection.put("error", told)

    # Rendering.

    def _push_one(
        self, connection: Connection, topic: Row, product: Product | None, rows: list[Row]
    ) -> None:
        channel, account = topic["channel"], connection.account
        inst_id = product.inst_id if product else ""
        if channel == "positions":
            rows = self._reports.positions(account, inst_id=inst_id)
        elif channel == "account":
            rows = [self._reports.balance(account)]
        elif channel == "balance_and_position":
            rows = [self._balance_and_position(account, rows[0]["eventType"])]
        arg = {**topic, "uid": "44705892343619584"}
        connection.put(channel, {"arg": arg, "data": rows})

    def _balance_and_position(self, account: str, event: str) -> Row:
        now = str(self._venue.now_ms())
        balances = self._reports.balance(account)["details"]
        names = ("posId", "instId", "instType", "mgnMode", "posSide", "pos", "ccy", "avgPx")
        return {
            "pTime": now,
            "eventType": event,
            "balData": [
                {"ccy": row["ccy"], "cashBal": row["cashBal"], "uTime": now} for row in balances
            ],
            "posData": [
                {name: row[name] for name in names} for row in self._reports.positions(account)
            ],
            "trades": [],
        }

    def _push_market(self, connection: Connection, topic: Row, *, is_first: bool) -> None:
        channel, now = topic["channel"], self._venue.now_ms()
        inst_id = str(topic.get("instId", ""))
        if inst_id and not self._is_listed(inst_id):
            return
        if channel == "books":
            feed = connection.books.get(inst_id)
            if feed is None or is_first:
                feed = BookFeed(self._reports, inst_id, has_checksum=self.has_checksum)
                connection.books[inst_id] = feed
            row = feed.snapshot(now) if is_first else feed.update(now)
            if row is not None:
                action = "snapshot" if is_first else "update"
                connection.put("books", {"arg": topic, "action": action, "data": [row]})
            return
        if channel in ("status", "trades") or (channel == "instruments" and not is_first):
            return
        connection.put(channel, {"arg": topic, "data": self._market_rows(channel, topic, now)})

    def _market_rows(self, channel: str, topic: Row, now: int) -> list[Row]:
        inst_id = str(topic.get("instId", ""))
        if channel == "instruments":
            rows = [product.row() for product in self._venue.products.values()]
            return [
                row
                for row in rows
                if row["instType"] == topic.get("instType") and row["state"] != "expired"
            ]
        if channel in ("bbo-tbt", "books5"):
            levels = self._reports.levels(inst_id, 1 if channel == "bbo-tbt" else 5)
            return [{**levels, "ts": str(now), "seqId": now}]
        if channel == "mark-price":
            return [self._reports.mark(inst_id)]
        if channel == "funding-rate":
            return [self._reports.funding_rate(inst_id)]
        return [self._reports.ticker(inst_id)]


def _fits(topic: Row, product: Product | None) -> bool:
    kind, name = topic.get("instType", "ANY"), topic.get("instId", "")
    if product is None:
        return True
    return kind in ("ANY", product.kind) and name in ("", product.inst_id)
