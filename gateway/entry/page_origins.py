"""Which web pages may call the API: those of the configured loopback origins, with a key in a
header. Must never allow cookies or another origin; a request without an Origin is a program's.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import hdrs, web

__all__ = ["PageOrigins", "page_origins_of"]

OBSERVER = "observer"  # the setting that means the addresses of this configuration's own observer
_LOOPBACK = {"127.0.0.1": "127.0.0.1", "::1": "[::1]"}
_METHODS = "GET, POST, DELETE"
_HEADERS = "authorization, content-type"
_PREFLIGHT_SECONDS = "600"  # a browser may remember the answer so long


def page_origins_of(setting: Iterable[str] | str, observer_port: int) -> frozenset[str]:
    """api.page_origins spelled out. An observer on a port of the kernel's choice must be named."""
    if setting != OBSERVER:
        return frozenset(setting)
    hosts = ("127.0.0.1", "localhost", "[::1]") if observer_port else ()
    return frozenset(f"http://{host}:{observer_port}" for host in hosts)


class PageOrigins:
    """Cross-origin rules (Fetch standard) in front of the routes."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins = frozenset(origins)

    def refuses(self, request: web.Request) -> bool:
        """Whether a page asks that is neither allowed nor this API's own address."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or origin in self._origins:
            return False
        return origin not in _own_addresses(request)

    def preflight(self, request: web.Request) -> web.Response | None:
        """The answer to a browser that asks first; None for any other request."""
        is_allowed = request.headers.get(hdrs.ORIGIN) in self._origins
        is_question = hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        if request.method != hdrs.METH_OPTIONS or not is_question or not is_allowed:
            return None
        headers = {
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS,
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: _HEADERS,
            hdrs.ACCESS_CONTROL_MAX_AGE: _PREFLIGHT_SECONDS,
        }
        return web.Response(status=204, headers=headers)

    def mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let the allowed page read the answer. No credentials: a cookie is never looked at."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None:
            response.headers[hdrs.VARY] = hdrs.ORIGIN
        if origin in self._origins:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = "X-Request-Id"


def _own_addresses(request: web.Request) -> frozenset[str]:
    """Loopback addresses this request can have come to, from its socket: the Host header is the
    caller's word, and a foreign name may be resolved to a loopback address."""
    transport = request.transport
    name = transport.get_extra_info("sockname") if transport is not None else None
    if not isinstance(name, tuple) or name[0] not in _LOOPBACK:
        return frozenset()  # a Unix socket, or an address other machines reach
    assert transport is not None
    scheme = "https" if transport.get_extra_info("sslcontext") is not None else "http"
    return frozenset(f"{scheme}://{host}:{name[1]}" for host in (_LOOPBACK[name[0]], "localhost"))
