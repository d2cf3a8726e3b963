"""The read-only HTTP answers of the observer. Nothing here changes anything but the page's own
session; an order can neither be sent nor cancelled from this program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from gateway.journal import FollowFault, Row
from gateway.stream.access import AUTHORITY, Access, is_own_origin
from gateway.stream.authority import Authority
from gateway.stream.channels import CHANNELS, ChannelName
from gateway.stream.codes import STREAM_CODES
from gateway.stream.history_api import HistoryApi
from gateway.stream.metrics_page import CONTENT_TYPE, MetricsPage
from gateway.stream.order_stream import is_terminal
from gateway.stream.stream_session import StreamHub
from gateway.stream.subscriptions import Filter, StreamFault
from gateway.stream.view import View

__all__ = ["ReadApi", "one_form_of_error"]

LIMIT_DEFAULT = 1000
LIMIT_MAX = 100_000
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# Orders have options of their own.
PLAIN = [name for name, spec in CHANNELS.items() if spec.is_answered]


@dataclass(frozen=True, slots=True)
class ReadApi:
    """Handlers and their routes. The two callables run in the follower's thread."""

    view: View
    hub: StreamHub
    access: Access
    metrics: MetricsPage
    own_origins: Callable[[], frozenset[str]]
    state_hash: Callable[[], Awaitable[tuple[int, str]]]
    find_order: Callable[[int], Awaitable[Row | None]]
    status: Callable[[], dict[str, Any]]
    history: HistoryApi

    def routes(self) -> list[web.RouteDef]:
        reader = self._reader
        return [
            web.get("/v1/stream", reader(self._stream)),
            web.get("/v1/orders", reader(self._orders, None)),
            web.get("/v1/orders/{order_id}", reader(self._order)),
            *(web.get(f"/v1/{name}", reader(self._plain(name), None)) for name in PLAIN),
            web.get("/v1/status", reader(self._status, ("state_hash",))),
            web.get("/v1/session", self._has_session),
            web.post("/v1/session", self._session),
            web.get("/v1/health/live", self._live),
            web.get("/v1/health/ready", self._ready),
            web.get("/metrics", self._metrics),
            *self.history.routes(reader),
        ]

    def _reader(self, handler: Handler, options: Collection[str] | None = ()) -> Handler:
        """Only our own page's origin, only a key or session that may read. `options`: the fields
        of the query, None = the handler looks at them."""

        async def checked(request: web.Request) -> web.StreamResponse:
            if not is_own_origin(request, self.own_origins()):
                return refuse("FOREIGN_ORIGIN", "Origin", request.headers["Origin"])
            authority = self.access.of_request(request)
            if authority is None:
                hint = "Authorization: Bearer KEYID.SECRET with scope read, or the page's address"
                return refuse("NOT_AUTHENTICATED", "Authorization", "", hint)
            request[AUTHORITY] = authority
            try:
                _check_query(request, options)
                return await handler(request)
            except StreamFault as fault:
                return answer({"error": fault.error}, 400)
            except FollowFault as fault:
                return refuse("NO_JOURNAL", "", "", str(fault))

        return checked

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return refuse("UPGRADE_REQUIRED", "Upgrade", request.headers.get("Upgrade", ""))
        authority = request[AUTHORITY]
        return await self.hub.serve(
            request, authority, lambda: self.access.of_request(request) == authority
        )

    async def _orders(self, request: web.Request) -> web.StreamResponse:
        open_only = _boolean(request, "open", default=True)
        return self._rows(request, "orders", lambda row: not (open_only and is_terminal(row)))

    async def _order(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["order_id"]
        row = self.view.channels["orders"].rows.get(key)
        if row is None and key.isascii() and key.isdecimal() and len(key) < 20:
            row = await self.find_order(int(key))
        if row is None or not request[AUTHORITY].sees("orders", row):
            return refuse("UNKNOWN_ORDER", "order_id", key)
        return answer({"order": row})

    def _plain(self, name: ChannelName) -> Handler:
        async def rows(request: web.Request) -> web.StreamResponse:
            return self._rows(request, name, lambda _: True)

        return rows

    def _rows(
        self, request: web.Request, name: ChannelName, keeps: Callable[[Row], bool]
    ) -> web.Response:
        channel = self.view.channels[name]
        allowed = CHANNELS[name].filters
        options = {"limit", "open"} if name == "orders" else {"limit"}
        for key in request.query:  # a misspelt filter would show everything
            if key not in allowed and key not in options:
                rule = f"{name} take {', '.join(sorted({*allowed, *options}))}"
                raise StreamFault("UNKNOWN_FILTER", key, request.query[key], rule)
        patterns = {key: request.query[key] for key in request.query if key in allowed}
        selection = Filter(name, patterns, request[AUTHORITY])
        limit = _limit(request)
        newest_first = reversed(channel.rows.values())
        rows: list[Row] = []
        for row in newest_first:
            if len(rows) == limit:
                break
            if keeps(row) and selection.takes(row):
                rows.append(row)
        waiting = {"waiting": channel.waiting} if channel.waiting else {}
        return answer({"sequence": channel.sequence, name: rows, **waiting})

    async def _status(self, request: web.Request) -> web.StreamResponse:
        status = self.status() | self._counts(request[AUTHORITY])
        if _boolean(request, "state_hash", default=False):
            sequence, state_hash = await self.state_hash()
            status |= {"sequence": sequence, "state_hash": state_hash}
        return answer(status)

    def _counts(self, authority: Authority) -> dict[str, int]:
        """How many rows of each kind there are for whoever asks."""
        counts = {}
        for name in ("orders", "positions", "balances"):
            rows, takes = self.view.channels[name].rows, Filter(name, {}, authority).takes
            counts[name] = len(rows) if authority.is_all else sum(map(takes, rows.values()))
        return counts

    async def _session(self, request: web.Request) -> web.StreamResponse:
        """Trade a page token or a key for a session cookie that scripts cannot read."""
        if not is_own_origin(request, self.own_origins()):
            return refuse("FOREIGN_ORIGIN", "Origin", request.headers["Origin"])
        if request.content_type != "application/json":
            hint = "Content-Type: application/json"
            return refuse("BAD_REQUEST", "Content-Type", request.content_type, hint, status=415)
        try:
            body = msgspec.json.decode(await request.read(), type=dict[str, str])
        except msgspec.MsgspecError:
            return refuse("BAD_REQUEST", "", "", 'one JSON object: {"token": ...} or {"key": ...}')
        session = None
        if "token" in body:
            session = self.access.redeem(body["token"])
        else:
            session = self.access.open_session(body.get("key", ""))
        if session is None:
            return refuse("NOT_AUTHENTICATED", "", "", "the address was used before, or no key")
        response = answer({"ok": True})
        response.set_cookie(
            self.access.cookie, session, httponly=True, samesite="Strict", path="/", max_age=43200
        )
        return response

    async def _has_session(self, request: web.Request) -> web.StreamResponse:
        """Lets the page ask without provoking an error."""
        return answer({"ok": self.access.of_request(request) is not None})

    async def _live(self, _: web.Request) -> web.StreamResponse:
        return answer({"ok": True, "reason": ""})

    async def _ready(self, _: web.Request) -> web.StreamResponse:
        body = {"ok": self.view.is_ready, "reason": self.view.reason}
        return answer(body, 200 if self.view.is_ready else 503)

    async def _metrics(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=self.metrics.render(), headers={"Content-Type": CONTENT_TYPE})


# What the observer refuses in the gateway's own words; its own codes are in codes.py.
_SHARED_RULES = {
    "NOT_AUTHENTICATED": (401, "a valid key or session with scope read"),
    "UNKNOWN_ORDER": (404, "no order has this id"),
    "UPGRADE_REQUIRED": (426, "a WebSocket handshake"),
    "NOT_FOUND": (404, "an address of the observer"),
    "METHOD_NOT_ALLOWED": (405, "a method of this address"),
}


@web.middleware
async def one_form_of_error(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Addresses and methods that are not there are told as every other error is."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        response = refuse("METHOD_NOT_ALLOWED", "method", request.method, allowed)
        response.headers["Allow"] = allowed
        return response
    except web.HTTPNotFound:
        return refuse("NOT_FOUND", "path", request.path)
    except web.HTTPException as error:
        return refuse("BAD_REQUEST", "", "", error.reason, status=error.status)


def answer(body: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


def refuse(code: str, field: str, value: str, hint: str = "", *, status: int = 0) -> web.Response:
    """One error in the form of every door; the tables know its status and rule."""
    if code in STREAM_CODES:
        usual, rule = STREAM_CODES[code].http_status, STREAM_CODES[code].sentence
    else:
        usual, rule = _SHARED_RULES[code]
    error = {"code": code, "field": field, "value": value[:200], "rule": rule, "hint": hint}
    return answer({"error": error}, status or usual)


def _check_query(request: web.Request, options: Collection[str] | None) -> None:
    """A field that nobody reads, or only one of two, would answer another question."""
    for name, value in request.query.items():
        if options is not None and name not in options:
            rule = f"this address takes {', '.join(options) or 'no fields'}"
            raise StreamFault("BAD_REQUEST", name, value, rule)
        if len(request.query.getall(name)) > 1:
            both = " and ".join(request.query.getall(name))
            raise StreamFault("BAD_REQUEST", name, both, "each field once")


def _boolean(request: web.Request, name: str, *, default: bool) -> bool:
    text = request.query.get(name)
    if text is None:
        return default
    if text not in ("true", "false"):
        raise StreamFault("BAD_REQUEST", name, text, "true or false")
    return text == "true"


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(LIMIT_DEFAULT))
    if not (text.isascii() and text.isdecimal() and len(text) < 7 and 0 < int(text) <= LIMIT_MAX):
        raise StreamFault("BAD_REQUEST", "limit", text, f"a number from 1 to {LIMIT_MAX}")
    return int(text)
