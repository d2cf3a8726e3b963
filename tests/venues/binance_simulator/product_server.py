"""One simulated product of Binance on a local port: HTTP, streams and WebSocket API. What it offers
stands in tables; this file knows the gate (keys, signatures, weights, bans) and the wire alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from aiohttp import WSMsgType, web
from binance_simulator.matched_venue import MatchedVenue
from binance_simulator.rules import BinanceError
from binance_simulator.security import (
    Key,
    Limits,
    SimulatorClock,
    check_timestamp,
    is_signed,
    split_signature,
)
from binance_simulator.sockets import ApiSession, StreamHub
from fault_script import FaultScript, answer_under

__all__ = ["Call", "ProductServer"]

Row = dict[str, Any]
Call = Callable[[Any, str, dict[str, str]], Any]
_TICK_SECONDS = 0.1
_INTERVALS = {"10S": ("SECOND", 10), "1M": ("MINUTE", 1), "1D": ("DAY", 1)}


class ProductServer:
    """The whole venue. `is_in_maintenance` refuses every request; `clock` may be moved."""

    api_path = ""  # of the WebSocket API
    order_paths: tuple[str, ...] = ()  # POST to what ends so is counted as an order
    order_methods: tuple[str, ...] = (".place",)
    unsigned_methods: tuple[str, ...] = ()  # calls about the connection that need no key
    public: Mapping[tuple[str, str], Call] = {}
    private: Mapping[tuple[str, str], Call] = {}
    socket_methods: Mapping[str, Call] = {}

    def __init__(
        self,
        clock: SimulatorClock,
        venue: MatchedVenue[Any],
        limits: Limits,
        keys: Iterable[Key],
    ) -> None:
        self.clock = clock
        self.venue: Any = venue
        self.limits = limits
        self.faults = FaultScript()
        self.keys = {key.api_key: key for key in keys}
        self.hub = self.make_hub()
        self.is_in_maintenance = False
        self.requests: list[tuple[str, str, dict[str, str]]] = []  # all that were executed
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._ticker: asyncio.Task[None] | None = None

    # What a product says for itself.

    def make_hub(self) -> StreamHub:
        raise NotImplementedError

    def weight_of(self, method: str, path: str, given: dict[str, str]) -> int:
        raise NotImplementedError

    def socket_weight(self, method: str) -> int:
        return 1

    def keyed(self, method: str, path: str, key: Key, given: dict[str, str]) -> Any:
        """A call that the key alone allows; None = there is none of that name."""
        return None

    def session_call(self, method: str, given: dict[str, str], session: ApiSession) -> Any:
        """A call of the WebSocket API that is about the connection; None = there is none."""
        return None

    # Life.

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def api_socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/{self.api_path}"

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

    # HTTP.

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.lstrip("/")
        for prefix in ("public/", "market/", "private/"):
            path = path.removeprefix(prefix)
        if path == self.api_path:
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
            self.limits.spend(self.weight_of(request.method, request.path, given))
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
        public = self.public.get((method, path))
        if public is not None:
            return "", public(self.venue, "", given)
        key = self._key(request.headers.get("X-MBX-APIKEY", ""))
        keyed = self.keyed(method, path, key, given)
        if keyed is not None:
            return key.account, keyed
        private = self.private.get((method, path))
        if private is None:
            raise BinanceError(-1, text=f"Not found: {path}", status=404)
        self._check(key, text, signature, given)
        if method == "POST" and path.endswith(self.order_paths):
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

    # The WebSocket API.

    async def _serve_api(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        session = ApiSession(self.hub.reader(request))
        self.hub.sessions.add(session)
        sender = asyncio.create_task(self.hub.pass_on(socket, session.reader))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._ask(message.data, session)
        finally:
            self.hub.sessions.discard(session)
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sender
        return socket

    async def _ask(self, data: str, session: ApiSession) -> None:
        """One request, as well or as badly as the fault says."""
        ask = msgspec.json.decode(data, type=dict[str, Any])
        fault = self.faults.take(f"WS {ask.get('method')}")
        action = fault.action if fault else ""
        if fault is not None and fault.call is not None:
            fault.call()
        if action == "delay" and fault is not None:
            await asyncio.sleep(fault.seconds)
        is_executed = action not in ("drop", "silent", "error")
        answer = self._answer_api(ask, session) if is_executed else {}
        if action.endswith("drop"):
            session.reader.abort()
            return
        if action.endswith("silent"):
            return
        if action.endswith("error") and fault is not None:
            error = msgspec.json.decode(fault.body)
            answer = {"id": ask.get("id"), "status": fault.status, "error": error}
        text = _dumps(answer)
        if action == "execute_twice":
            text = _dumps(self._answer_api(ask, session))
        session.reader.put(text[: len(text) // 2] if action == "truncate" else text)

    def _answer_api(self, ask: Row, session: ApiSession) -> Row:
        method = str(ask.get("method"))
        try:
            if self.is_in_maintenance:
                raise BinanceError(-1, text="Service Unavailable.", status=503)
            self.limits.spend(self.socket_weight(method))
            result = self._call_api(method, ask.get("params") or {}, session)
            answer: Row = {"id": ask.get("id"), "status": 200, "result": result}
        except BinanceError as error:
            row = error.row()
            if error.status in (418, 429):
                wait_ms = self.limits.retry_after_seconds() * 1_000
                row["data"] = {"retryAfter": self.clock.now_ms() + wait_ms}
            answer = {"id": ask.get("id"), "status": error.status, "error": row}
        return answer | {"rateLimits": self._counts(method, session.account)}

    def _counts(self, method: str, account: str) -> list[Row]:
        kinds = [("REQUEST_WEIGHT", "1M", self.limits.limit_weight, self.limits.used_weight)]
        if method.endswith(self.order_methods):
            counts = self.limits.order_counts(account)
            limits = self.limits.limit_orders.items()
            kinds += [("ORDERS", name, limit, counts[name]) for name, (_, limit) in limits]
        return [
            {
                "rateLimitType": kind,
                "interval": _INTERVALS[name][0],
                "intervalNum": _INTERVALS[name][1],
                "limit": limit,
                "count": count,
            }
            for kind, name, limit, count in kinds
        ]

    def _call_api(self, method: str, params: Row, session: ApiSession) -> Any:
        if method == "ping":
            return {}
        if method == "time":
            return {"serverTime": self.clock.now_ms()}
        given = {name: _text(value) for name, value in params.items()}
        if method == "session.logout":
            session.key = None
            return self._session_state(session)
        if method == "session.status":
            return self._session_state(session)
        if method in self.unsigned_methods:
            return self.session_call(method, given, session)
        key = session.key
        if "signature" in given or key is None:
            key = self._key(given.get("apiKey", ""))
            signature = given.pop("signature", "")
            text = "&".join(f"{name}={given[name]}" for name in sorted(given))
            self._check(key, text, signature, given)
        elif method != "userDataStream.subscribe":
            check_timestamp(given, self.clock.now_ms())
        session.account = key.account
        if method == "session.logon":
            if key.secret:
                raise BinanceError(-4056, text="HMAC_SHA256 API key is not supported.")
            session.key = key
            return self._session_state(session)
        result = self.session_call(method, given, session)
        if result is not None:
            return result
        call = self.socket_methods.get(method)
        if call is None:
            raise BinanceError(-1, text=f"Unknown method {method}")
        if method.endswith(self.order_methods):
            self.limits.count_orders(key.account)
        self.requests.append(("WS", method, given))
        return call(self.venue, key.account, given)

    def _session_state(self, session: ApiSession) -> Row:
        key = session.key
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
