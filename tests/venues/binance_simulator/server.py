"""Binance USD-M on a local port: HTTP, streams and WebSocket API over one simulated venue.

simulator = BinanceSimulator()
await simulator.start()        # simulator.url, simulator.stream_url, simulator.api_socket_url
simulator.faults.add("POST /fapi/v1/order", "execute_then_drop")
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import WSMsgType, web
from binance_simulator import rest
from binance_simulator.rules import BinanceError, weight_of
from binance_simulator.security import (
    Key,
    Limits,
    SimulatorClock,
    check_timestamp,
    is_signed,
    split_signature,
)
from binance_simulator.sockets import ListenKeys, StreamHub
from binance_simulator.usdm import LISTINGS, UsdmVenue
from fault_script import FaultScript, answer_under
from gateway_paper.venue.settings import AccountSettings, Listing

__all__ = ["ACCOUNTS", "KEYS", "BinanceSimulator"]

Row = dict[str, Any]
ACCOUNTS = (
    AccountSettings(name="main", balances={"USDT": "1000000"}),
    AccountSettings(name="hedge", is_hedge_mode=True, balances={"USDT": "1000000"}),
    AccountSettings(name="other", balances={"USDT": "1000000"}),
)
KEYS = (
    Key(api_key="main-key", account="main", secret="main-secret"),
    Key(api_key="hedge-key", account="hedge", secret="hedge-secret"),
    Key(api_key="other-key", account="other", secret="other-secret"),
)
_TICK_SECONDS = 0.1
_SOCKET_METHODS = {
    "order.place": rest.order_place,
    "order.modify": rest.order_modify,
    "order.cancel": rest.order_cancel,
    "order.status": rest.order_status,
    "algoOrder.place": rest.algo_place,
    "algoOrder.cancel": rest.algo_cancel,
    "account.balance": rest.balance,
    "v2/account.balance": rest.balance,
    "account.position": rest.position_risk_2,
    "v2/account.position": rest.position_risk,
    "account.status": rest.account_state,
    "v2/account.status": rest.account_state,
}


class BinanceSimulator:
    """The whole venue. `is_in_maintenance` refuses every request; `clock` may be moved."""

    def __init__(
        self,
        *,
        accounts: Iterable[AccountSettings] = ACCOUNTS,
        keys: Iterable[Key] = KEYS,
        listings: Iterable[Listing] = LISTINGS,
    ) -> None:
        self.clock = SimulatorClock()
        self.venue = UsdmVenue(self.clock, accounts, listings)
        self.limits = Limits(self.clock)
        self.faults = FaultScript()
        self.keys = {key.api_key: key for key in keys}
        self.listen_keys = ListenKeys(self.clock)
        self.hub = StreamHub(self.venue, self.faults, self.listen_keys)
        self.is_in_maintenance = False
        self.requests: list[tuple[str, str, dict[str, str]]] = []  # all that were executed
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._ticker: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def api_socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws-fapi/v1"

    async def start(self) -> None:
        """Listen; the port is chosen by the kernel the first time and kept afterwards."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.2, handler_cancellation=True
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = int(self._runner.addresses[0][1])
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        self.hub.cut_all()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self.venue.tick()
            self.hub.tick()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.lstrip("/")
        for prefix in ("public/", "market/", "private/"):
            path = path.removeprefix(prefix)
        if path.startswith("ws-fapi/"):
            return await self._serve_api(request)
        if path == "ws" or path.startswith(("ws/", "stream")):
            return await self.hub.serve(request, path)
        fault = self.faults.take(f"{request.method} {request.path}")
        return await answer_under(fault, request, lambda: self._execute(request))

    async def _execute(self, request: web.Request) -> web.Response:
        account = ""
        try:
            if self.is_in_maintenance:
                raise BinanceError(-1, text="Service Unavailable.", status=503)
            body = await request.text()
            text, signature, given = split_signature(request.url.raw_query_string, body)
            self.limits.spend(weight_of(request.method, request.path, given))
            account, answer = self._answer(request, text, signature, given)
            status = 200
        except BinanceError as error:
            answer, status = error.row(), error.status
        headers = self.limits.headers(account)
        if status in (418, 429):
            headers["Retry-After"] = str(self.limits.retry_after_seconds())
        return web.json_response(answer, status=status, headers=headers, dumps=_dumps)

    def _answer(
        self, request: web.Request, text: str, signature: str, given: dict[str, str]
    ) -> tuple[str, Any]:
        method, path = request.method, request.path
        public = rest.PUBLIC.get((method, path))
        if public is not None:
            return "", public(self.venue, "", given)
        key = self._key(request.headers.get("X-MBX-APIKEY", ""))
        if path == "/fapi/v1/listenKey":
            return key.account, self._listen_key(method, key.account)
        private = rest.PRIVATE.get((method, path))
        if private is None:
            raise BinanceError(-1, text="Not found", status=404)
        self._check(key, text, signature, given)
        if method == "POST" and path.endswith(("/order", "/algoOrder", "/batchOrders")):
            count = given["batchOrders"].count("symbol") if "batchOrders" in given else 1
            self.limits.count_orders(key.account, count)
        self.requests.append((method, path, given))
        return key.account, private(self.venue, key.account, given)

    def _key(self, api_key: str) -> Key:
        if not api_key:
            raise BinanceError(-2014)
        if api_key not in self.keys:
            raise BinanceError(-2015, "127.0.0.1")
        return self.keys[api_key]

    def _check(self, key: Key, text: str, signature: str, given: dict[str, str]) -> None:
        if not signature:
            raise BinanceError(-1102, "signature")
        check_timestamp(given, self.clock.now_ms())
        if not is_signed(key, text, signature):
            raise BinanceError(-1022)

    def _listen_key(self, method: str, account: str) -> Any:
        if method == "POST":
            return {"listenKey": self.listen_keys.create(account)}
        if method == "PUT":
            key = self.listen_keys.extend(account)
            if key is None:
                raise BinanceError(-1125)
            return {"listenKey": key}
        self.listen_keys.close(account)
        return {}

    # The WebSocket API.

    async def _serve_api(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        session: dict[str, Key] = {}
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            ask = msgspec.json.decode(message.data, type=dict[str, Any])
            fault = self.faults.take(f"WS {ask.get('method')}")
            action = fault.action if fault else ""
            if fault is not None and fault.call is not None:
                fault.call()
            if action == "delay" and fault is not None:
                await asyncio.sleep(fault.seconds)
            is_executed = action not in ("drop", "silent", "error")
            answer = self._answer_api(ask, session) if is_executed else {}
            if action.endswith("drop"):
                request.transport.abort()  # type: ignore[union-attr]
                return socket
            if action.endswith("silent"):
                continue
            if action.endswith("error") and fault is not None:
                error = msgspec.json.decode(fault.body)
                answer = {"id": ask.get("id"), "status": fault.status, "error": error}
            text = _dumps(answer)
            if action == "execute_twice":
                text = _dumps(self._answer_api(ask, session))
            await socket.send_str(text[: len(text) // 2] if action == "truncate" else text)
        return socket

    def _answer_api(self, ask: Row, session: dict[str, Key]) -> Row:
        try:
            if self.is_in_maintenance:
                raise BinanceError(-1, text="Service Unavailable.", status=503)
            self.limits.spend(1)
            result = self._call_api(str(ask.get("method")), ask.get("params") or {}, session)
            answer: Row = {"id": ask.get("id"), "status": 200, "result": result}
        except BinanceError as error:
            row = error.row()
            if error.status in (418, 429):
                wait_ms = self.limits.retry_after_seconds() * 1_000
                row["data"] = {"retryAfter": self.clock.now_ms() + wait_ms}
            answer = {"id": ask.get("id"), "status": error.status, "error": row}
        limit = {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": self.limits.limit_weight,
            "count": self.limits.used_weight,
        }
        return answer | {"rateLimits": [limit]}

    def _call_api(self, method: str, params: Row, session: dict[str, Key]) -> Any:
        if method == "ping":
            return {}
        if method == "time":
            return {"serverTime": self.clock.now_ms()}
        given = {name: _text(value) for name, value in params.items()}
        if method == "session.logout":
            session.clear()
            return self._session_state(session)
        if method == "session.status":
            return self._session_state(session)
        key = session.get("key")
        if "signature" in given or key is None:
            key = self._key(given.get("apiKey", ""))
            signature = given.pop("signature", "")
            text = "&".join(f"{name}={given[name]}" for name in sorted(given))
            self._check(key, text, signature, given)
        else:
            check_timestamp(given, self.clock.now_ms())
        if method == "session.logon":
            if key.secret:
                raise BinanceError(-4056, text="HMAC_SHA256 API key is not supported.")
            session["key"] = key
            return self._session_state(session)
        call = _SOCKET_METHODS.get(method)
        if call is None:
            raise BinanceError(-1, text=f"Unknown method {method}")
        if method.endswith(".place"):
            self.limits.count_orders(key.account)
        return call(self.venue, key.account, given)

    def _session_state(self, session: dict[str, Key]) -> Row:
        key = session.get("key")
        return {
            "apiKey": key.api_key if key else None,
            "authorizedSince": self.clock.now_ms() if key else None,
            "connectedSince": self.clock.now_ms(),
            "returnRateLimits": True,
            "serverTime": self.clock.now_ms(),
        }


def _dumps(document: Any) -> str:
    return msgspec.json.encode(document).decode()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
