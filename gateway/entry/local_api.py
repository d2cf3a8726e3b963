"""The REST and WebSocket door: aiohttp around the route table. It authenticates, reads strictly,
calls the desk and answers in JSON. It never decides about an order and never shows a stack trace.
"""

from __future__ import annotations

import logging
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from aiohttp import web

from gateway.api import RefusedError
from gateway.core.refusals import describe
from gateway.entry import strict_json
from gateway.entry.desk import Desk, error_body
from gateway.entry.field_rules import near_hint
from gateway.entry.keys import Identity, KeyRing
from gateway.entry.openapi import WEBSOCKET_PATH, openapi_document
from gateway.entry.page_origins import PageOrigins
from gateway.entry.routes import ROUTES, WIDER, Answer, Call, Route
from gateway.entry.token_bucket import TokenBucket
from gateway.entry.websocket import Sessions
from gateway.telemetry import REST

__all__ = ["ApiLimits", "LocalApi"]

log = logging.getLogger(__name__)

AiohttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_CREDENTIALS = struct.Struct("3i")
_KEEP_ALIVE_SECONDS = 75.0
_JSON = "application/json"


class ApiLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the door, from [api]."""

    body_bytes_max: int = strict_json.BODY_BYTES_MAX
    sessions_max: int = 1000
    session_queue_max: int = 8192
    subscriptions_max: int = 64
    requests_per_second: int = 0
    request_burst: int = 0
    request_seconds_max: float = 10.0


class ForeignOriginError(RefusedError):
    """A page of an origin that is not in api.page_origins asked."""


class LocalApi:
    """Builds the application and owns its sessions."""

    def __init__(
        self,
        desk: Desk,
        keys: KeyRing,
        limits: ApiLimits | None = None,
        *,
        owner: Identity | None = None,
        owner_uid: int = -1,
        page_origins: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.desk = desk
        self.keys = keys
        self.limits = limits or ApiLimits()
        self._owner, self._owner_uid = owner, owner_uid
        self._pages = PageOrigins(page_origins)
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}
        self._requests = 0
        self._measurement = desk.engine.measurement
        self.sessions = Sessions(desk, keys, self.limits, clock=clock)
        self._openapi = msgspec.json.encode(openapi_document())

    def app(self) -> web.Application:
        """A fresh application; TCP and Unix socket each serve one."""
        app = web.Application(
            middlewares=[self._errors], client_max_size=self.limits.body_bytes_max
        )
        for route in ROUTES:
            app.router.add_route(route.method, route.path, self._handler(route))
        app.router.add_get("/v1/openapi.json", self._show_openapi)
        app.router.add_get(WEBSOCKET_PATH, self._websocket)
        return app

    def runner(self) -> web.AppRunner:
        """A runner with this door's time limits."""
        return web.AppRunner(
            self.app(),
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            handle_signals=False,
            shutdown_timeout=1.0,
        )

    def _handler(self, route: Route) -> AiohttpHandler:
        async def handle(request: web.Request) -> web.StreamResponse:
            who = self._authenticate(request) if route.scope else Identity("", "", frozenset())
            if route.scope and not (route.path == "/v1/kill" and "admin" in who.scopes):
                who.require(route.scope, *WIDER.get(route.scope, ()))
            if route.scope:
                self._throttle(who)
            answer = await route.handler(self.desk, await self._call(route, request, who))
            return _respond(answer)

        return handle

    async def _call(self, route: Route, request: web.Request, who: Identity) -> Call:
        query: dict[str, str] = {}
        for name, value in request.query.items():
            if name not in route.query:
                raise _unknown_parameter(name, value, route)
            if name in query:
                raise strict_json.InputError(
                    "DUPLICATE_KEY",
                    field=name,
                    value=f"{query[name]} and {value}",
                    rule="each name once",
                    hint="Remove one of the two.",
                )
            query[name] = value
        body = await self._body(request)
        message: Any = None
        if route.request is not None:
            message = strict_json.decode(body, route.request)
        elif body:
            raise strict_json.InputError("BAD_JSON", rule="this request takes no body", offset=0)
        return Call(who, dict(request.match_info), query, message)

    async def _body(self, request: web.Request) -> bytes:
        if not request.can_read_body:
            return b""
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge:
            rule = f"at most {self.limits.body_bytes_max} bytes"
            raise strict_json.InputError("BODY_TOO_LARGE", rule=rule) from None

    def _authenticate(self, request: web.Request) -> Identity:
        header = request.headers.get("Authorization")
        if header is None and self._is_owner(request):
            assert self._owner is not None
            self.keys.on_login("unix", self._owner.key_id, f"uid {self._owner_uid}", self._owner)
            return self._owner
        scheme, _, token = (header or "").partition(" ")
        secret = token if scheme.lower() == "bearer" else ""
        return self.keys.authenticate(secret, "rest", request.remote or "")

    def _is_owner(self, request: web.Request) -> bool:
        """True for a peer on the Unix socket that runs as the daemon's own user."""
        transport = request.transport
        peer: socket.socket | None = transport.get_extra_info("socket") if transport else None
        if self._owner is None or peer is None or peer.family != socket.AF_UNIX:
            return False
        raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, uid, _ = _CREDENTIALS.unpack(raw)
        return bool(uid == self._owner_uid)

    def _throttle(self, who: Identity) -> None:
        limits, now = self.limits, self._clock()
        bucket = self._buckets.get(who.key_id)
        if bucket is None:
            bucket = TokenBucket(limits.requests_per_second, limits.request_burst, now)
            self._buckets[who.key_id] = bucket
        if not bucket.take(now):
            rule = f"at most {limits.requests_per_second} requests per second"
            raise RefusedError("TOO_MANY_REQUESTS", field="key", value=who.key_id, rule=rule)

    @web.middleware
    async def _errors(self, request: web.Request, handler: AiohttpHandler) -> web.StreamResponse:
        """Whatever happens becomes one error object; the inside is logged, never shown."""
        self._requests += 1
        begin = self._measurement.timestamp()
        request_id = f"r{self._requests:x}"
        try:
            if self._pages.refuses(request):
                raise _foreign_origin(request)
            response = self._pages.preflight(request) or await handler(request)
        except ForeignOriginError as error:
            response = _refuse(error, request_id, status=403)
        except RefusedError as error:
            response = _refuse(error, request_id)
        except web.HTTPMethodNotAllowed as error:
            allowed = ", ".join(sorted(error.allowed_methods))
            refused = RefusedError("METHOD_NOT_ALLOWED", value=request.method, rule=allowed)
            response = _refuse(refused, request_id)
            response.headers["Allow"] = allowed
        except web.HTTPNotFound:
            response = _refuse(
                RefusedError("NOT_FOUND", field="path", value=request.path), request_id
            )
        except web.HTTPException as error:
            refused = RefusedError("BAD_JSON", value=error.status, rule=error.reason or "")
            response = _refuse(refused, request_id, status=error.status)
        except Exception:  # a bug of ours: the client learns the id, the log the cause
            log.exception("request %s failed", request_id)
            body = {"error": {"code": "INTERNAL", "request_id": request_id}}
            response = web.Response(status=500, body=msgspec.json.encode(body), content_type=_JSON)
        if not response.prepared:  # a WebSocket session is no request
            self._measurement.record(REST, begin)
            response.headers["X-Request-Id"] = request_id
            self._pages.mark(request, response)
        return response

    async def _show_openapi(self, request: web.Request) -> web.Response:
        return web.Response(body=self._openapi, content_type=_JSON)

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        return await self.sessions.serve(request)


def _foreign_origin(request: web.Request) -> ForeignOriginError:
    return ForeignOriginError(
        "FOREIGN_ORIGIN",
        field="Origin",
        value=request.headers["Origin"],
        rule="a page of api.page_origins, or no page",
        hint="Open the observer's own page, or ask from a program, which sends no Origin.",
    )


def _unknown_parameter(name: str, value: str, route: Route) -> RefusedError:
    some = "the parameters are " + ", ".join(route.query)
    return strict_json.InputError(
        "UNKNOWN_FIELD",
        field=strict_json.shown(name),
        value=value,
        rule=some if route.query else "this address takes no parameters",
        hint=near_hint(name, route.query),
    )


def _respond(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status, body=msgspec.json.encode(answer.body), content_type=_JSON
    )


def _refuse(error: RefusedError, request_id: str, *, status: int = 0) -> web.Response:
    body = msgspec.json.encode({"error": error_body(error, request_id)})
    status = status or describe(error.code).http_status
    # What the table calls 200 or 202 is an outcome of an order, still not the answer asked for.
    return web.Response(status=status, body=body, content_type=_JSON)
