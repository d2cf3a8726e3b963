"""Signed HTTP requests whose failures say exactly what is known: nothing was sent, the venue said
no, or the outcome is unknown. Never sends anything twice."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from gateway.api import (
    OutcomeUnknown,
    VenueProtocolError,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
)
from gateway_paper.signing import signed_headers

__all__ = ["RestClient"]

Row = dict[str, Any]


class RestClient:
    """One keep-alive connection pool to the venue."""

    def __init__(self, url: str, key: str, secret: str, *, timeout_ms: int) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._secret = secret
        self._timeout = aiohttp.ClientTimeout(total=timeout_ms / 1_000)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def headers(self, method: str, path: str, body: str = "") -> dict[str, str]:
        return signed_headers(self._key, self._secret, time.time_ns(), method, path, body=body)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Row:
        return await self._request("GET", f"{path}?{urlencode(query)}" if query else path, "")

    async def post(self, path: str, body: Row) -> Row:
        # All changes are POST: the HTTP library repeats PUT and DELETE by itself when a kept
        # connection breaks, and an order must never leave twice.
        return await self._request("POST", path, msgspec.json.encode(body).decode())

    async def _request(self, method: str, path: str, body: str) -> Row:
        if self._session is None:
            raise VenueUnavailable("not connected")
        url = URL(self._url + path, encoded=True)  # encoded: the signed path is the sent path
        headers = self.headers(method, path, body)
        try:
            async with self._session.request(method, url, data=body, headers=headers) as answer:
                return _read(answer.status, await answer.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # No connection existed, so not one byte was written.
            raise VenueUnavailable(f"{method} {path}: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            name = type(error).__name__
            raise OutcomeUnknown(f"{method} {path}: {name} {error}") from error


def _read(status: int, data: bytes) -> Row:
    if status >= 500:
        raise OutcomeUnknown(f"the venue answered {status}")
    try:
        row: Row = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        # An answer nobody can read proves nothing about what the request did.
        raise OutcomeUnknown(f"status {status}: {error}") from error
    if status < 400:
        return row
    error_row = row.get("error")
    if not isinstance(error_row, dict) or "code" not in error_row:
        raise VenueProtocolError(f"status {status} without an error code")
    if status == 429:
        raise VenueRateLimited(error_row.get("text", ""))
    raise VenueRejected(error_row["code"], error_row.get("text", ""))
