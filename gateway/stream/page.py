"""The page's files, read once at start, and the headers that keep everything foreign out. The page
may talk to this observer and to the live API of this gateway, to nothing else."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from gateway.stream.channels import CHANNELS

__all__ = [
    "LIVE_API",
    "add_security_headers",
    "channels_script",
    "live_address",
    "page_routes",
]

CONTENT_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
CHARSET = "utf-8"
LIVE_API: web.AppKey[Callable[[], str]] = web.AppKey("live_api")
# Nothing else may get into a header, whatever the file holds.
LOOPBACK_ADDRESS = re.compile(r"https?://(127\.0\.0\.\d{1,3}|localhost|\[::1\]):\d{1,5}")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'{live}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def live_address(run_file: Path) -> str:
    """The live API as run.json tells it; "" while there is none on loopback."""
    try:
        told = str(json.loads(run_file.read_text("utf-8"))["api"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return told if LOOPBACK_ADDRESS.fullmatch(told) else ""


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """A response-prepare signal: every answer carries the same headers."""
    live = _live(request) if response.content_type == "text/html" else ""
    response.headers.update(SECURITY_HEADERS)
    response.headers["Content-Security-Policy"] = POLICY.format(live=live and f" {live}")


def page_routes() -> list[web.RouteDef]:
    """GET / and its files. They hold no data, so they need no key."""
    folder = files("gateway.stream") / "dashboard"
    routes = [web.get("/v1/page", _tell_page)]
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        content_type = CONTENT_TYPES.get(Path(file.name).suffix)
        if content_type is None:
            continue
        path = "/" if file.name == "index.html" else f"/{file.name}"
        routes.append(web.get(path, _file(file.read_bytes(), content_type)))
    routes.append(web.get("/channels.js", _file(channels_script(), CONTENT_TYPES[".js"])))
    return routes


def channels_script() -> bytes:
    """A module of the page: the fields of the key of each channel that it follows."""
    keys = {name: spec.key for name, spec in CHANNELS.items() if spec.is_on_page}
    return f"export const KEY_FIELDS = {json.dumps(keys)};\n".encode(CHARSET)


def _file(content: bytes, content_type: str) -> Handler:
    packed = gzip.compress(content, mtime=0)  # once; every browser takes it

    async def serve(request: web.Request) -> web.StreamResponse:
        is_packed = "gzip" in request.headers.get("Accept-Encoding", "")
        response = web.Response(
            body=packed if is_packed else content, content_type=content_type, charset=CHARSET
        )
        response.headers["Vary"] = "Accept-Encoding"
        if is_packed:
            response.headers["Content-Encoding"] = "gzip"
        return response

    return serve


def _live(request: web.Request) -> str:
    return request.app[LIVE_API]() if LIVE_API in request.app else ""


async def _tell_page(request: web.Request) -> web.StreamResponse:
    """What the page can use: the live API's address and the addresses of this observer."""
    live = _live(request)
    routes = sorted({each.canonical for each in request.app.router.resources()})
    return web.json_response({"live_api": live, "routes": routes})
