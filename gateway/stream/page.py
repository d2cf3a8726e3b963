"""The page's files, read once at start, and the headers that keep everything foreign out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from aiohttp import web

__all__ = ["SECURITY_HEADERS", "add_security_headers", "page_routes"]

CONTENT_TYPES = {
    "index.html": "text/html",
    "app.js": "text/javascript",
    "grid.js": "text/javascript",
    "decimals.js": "text/javascript",
    "stream.js": "text/javascript",
    "style.css": "text/css",
    "favicon.svg": "image/svg+xml",
}
CHARSET = "utf-8"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


async def add_security_headers(_: web.Request, response: web.StreamResponse) -> None:
    """A response-prepare signal: every answer carries the same headers."""
    response.headers.update(SECURITY_HEADERS)


def page_routes() -> list[web.RouteDef]:
    """GET / and its files. They hold no data, so they need no key."""
    folder = files("gateway.stream") / "dashboard"
    routes = []
    for name, content_type in CONTENT_TYPES.items():
        path = "/" if name == "index.html" else f"/{name}"
        routes.append(web.get(path, _file((folder / name).read_bytes(), content_type)))
    return routes


def _file(content: bytes, content_type: str) -> Handler:
    async def serve(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content, content_type=content_type, charset=CHARSET)

    return serve
