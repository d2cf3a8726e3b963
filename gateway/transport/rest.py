"""A warm pool of HTTP connections for signed requests: what is signed is what is sent, once.

Must never send a request again, follow a redirect, keep a cookie, or write to a connection that is
known dead. Why not aiohttp's own client: docs/decisions/0032_requests_go_out_once.md.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from gateway.api import OutcomeUnknown, VenueUnavailable
from gateway.transport.backoff import Backoff
from gateway.transport.http_connection import HttpConnection, connect
from gateway.transport.tls import client_tls

__all__ = ["RestAnswer", "RestPool"]

_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})
# What a path may hold: visible ASCII without #, for what follows it is never sent.
_CARRIED: Final = bytes(each for each in range(0x21, 0x7F) if each != ord("#"))
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TIMER_SLACK_S = 0.001  # A timer of the loop may come this much too early.
_WAITING_MAX = 1_000  # Requests in want of a connection; more than this is no queue but a fault.


class RestAnswer(NamedTuple):
    """A complete answer, whatever its status."""

    status: int
    headers: Mapping[str, str]  # asked for in any case
    data: bytes
    sent_ns: int
    received_ns: int


class RestPool:
    """Up to `connections` connections to one host, opened before they are needed.

    Failures are typed by what is proved. VenueUnavailable: not one byte of the request left, for
    no connection was there to write it to. OutcomeUnknown: everything after the first write.
    `idle_max_s`: a connection idle for longer is replaced before the venue closes it under a send.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int = 4,
        timeout_ms: int = 5_000,
        now_ns: Callable[[], int],
        random: Random,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        body_bytes_max: int = 32 * 1024 * 1024,
        connect_timeout_ms: int = 3_000,
        idle_max_s: float = 30.0,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http or https address")
        if parts.path not in ("", "/") or parts.query or parts.username:
            raise ValueError(f"{parts.netloc}: the address is scheme, host and port alone")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = client_tls(tls) if parts.scheme == "https" else None
        self._fixed = _header_text({"Host": parts.netloc, **(headers or {})})
        self._size = connections
        self._timeout_s = timeout_ms / 1_000
        self._connect_s = connect_timeout_ms / 1_000
        self._idle_max_s = idle_max_s
        self._body_bytes_max = body_bytes_max
        self._now_ns = now_ns
        self._backoff = Backoff(0.1, 10.0, random, attempts_per_minute=60)
        self._idle: deque[HttpConnection] = deque()  # The newest at the right, taken first.
        self._busy: set[HttpConnection] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._keeper: asyncio.Task[None] | None = None
        self._late: asyncio.TimerHandle | None = None  # when the first answer is overdue
        self._wake = asyncio.Event()
        self._is_open = False
        self._counts = dict.fromkeys(
            ("requests", "answers", "not_sent", "unknown", "opened", "lost", "connect_failed"), 0
        )

    async def open(self) -> None:
        """Connect all. Raises VenueUnavailable when not one connection came up; those that are
        missing are opened in the background."""
        if self._is_open:
            return
        self._is_open = True
        found = await asyncio.gather(
            *(self._connect() for _ in range(self._size)), return_exceptions=True
        )
        failures = [each for each in found if each is not None]
        if len(failures) == self._size:
            self._is_open = False
            raise VenueUnavailable(f"{self._host}:{self._port}: {_told(failures[0])}")
        self._keeper = asyncio.create_task(self._keep_warm(), name=f"keep_warm_{self._host}")

    async def close(self) -> None:
        """Cut every connection; requests in flight end as OutcomeUnknown."""
        self._is_open = False
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if self._late is not None:
            self._late.cancel()
            self._late = None
        for each in (*self._idle, *self._busy):
            each.close()
        self._idle.clear()
        while self._waiting:
            _settle(self._waiting.popleft())

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: str | bytes = "",
        timeout_ms: int | None = None,
    ) -> RestAnswer:
        """Send once and read the whole answer, of any status. `path` is sent as it stands, query
        included. Raises ValueError for what HTTP cannot carry, VenueUnavailable, OutcomeUnknown."""
        data = self.request_bytes(method, path, headers, body)
        timeout_s = self._timeout_s if timeout_ms is None else timeout_ms / 1_000
        deadline = asyncio.get_running_loop().time() + timeout_s
        self._counts["requests"] += 1
        # With a line that is free, nothing is awaited from here to the write: no turn of the loop.
        connection = self._free() or await self._lease_or_not_sent(method, path, deadline)
        is_whole = False
        try:
            sent_ns = self._now_ns()
            connection.send(data)
            self._await_until(deadline, connection)
            status, answered, content = await connection.answer(self._body_bytes_max)
            is_whole = True
        except Exception as error:
            # The request was on its way: whatever went wrong, it may have been carried out.
            raise OutcomeUnknown(f"{_named(method, path)}: {_told(error)}") from error
        finally:
            self._counts["answers" if is_whole else "unknown"] += 1
            self._give_back(connection, is_whole)
        return RestAnswer(status, answered, content, sent_ns, self._now_ns())

    def request_bytes(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: str | bytes = "",
    ) -> bytes:
        """What `request` writes. Raises ValueError for what HTTP cannot carry."""
        if method not in _METHODS:
            raise ValueError(f"method {method!r}")
        if path[:1] != "/" or not path.isascii() or path.encode().translate(None, _CARRIED):
            raise ValueError(f"a path is visible ASCII and begins with /: {path[:64]!r}")
        content = body.encode() if isinstance(body, str) else body
        length = f"Content-Length: {len(content)}\r\n" if content or method != "GET" else ""
        own = _header_text(headers) if headers else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._fixed}{own}{length}\r\n"
        return head.encode("ascii") + content

    def row(self) -> dict[str, Any]:
        """For status: counts since the start, and how many connections stand idle and busy."""
        return {**self._counts, "idle": len(self._idle), "busy": len(self._busy)}

    def _free(self) -> HttpConnection | None:
        """A connection that is alive now; the caller writes before anything else can happen."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable():
                self._busy.add(connection)
                return connection
            self._drop(connection)
        return None

    async def _lease_or_not_sent(self, method: str, path: str, deadline: float) -> HttpConnection:
        """Whatever ends the wait for a connection, nothing was written."""
        try:
            return await self._lease(deadline)
        except BaseException as error:
            self._counts["not_sent"] += 1
            if isinstance(error, (OSError, TimeoutError)):
                said = f"{_named(method, path)}: {_told(error)}; nothing was sent"
                raise VenueUnavailable(said) from error
            raise

    async def _lease(self, deadline: float) -> HttpConnection:
        loop = asyncio.get_running_loop()
        while self._is_open:
            if connection := self._free():
                return connection
            if loop.time() >= deadline:
                raise TimeoutError("no connection was free in time")
            if len(self._busy) + self._opening < self._size:
                await self._connect(deadline - loop.time())
            else:
                await self._wait_for_one(deadline)
        raise VenueUnavailable(f"{self._host}:{self._port}: the pool is closed")

    async def _wait_for_one(self, deadline: float) -> None:
        if len(self._waiting) >= _WAITING_MAX:
            raise TimeoutError(f"{_WAITING_MAX} requests wait for a connection already")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            async with asyncio.timeout_at(deadline):
                await future
        except BaseException:
            if future in self._waiting:
                self._waiting.remove(future)
            else:
                self._wake_one()  # The turn was given to us and is not taken.
            raise

    async def _connect(self, timeout_s: float | None = None) -> None:
        """One more idle connection."""
        self._opening += 1
        limit_s = self._connect_s if timeout_s is None else min(self._connect_s, timeout_s)
        try:
            connection = await connect(self._host, self._port, self._tls, limit_s)
        except BaseException:
            self._counts["connect_failed"] += 1
            raise
        finally:
            self._opening -= 1
        self._counts["opened"] += 1
        connection.when_lost(self._on_lost)
        self._idle.append(connection)
        self._wake_one()

    def _await_until(self, deadline: float, connection: HttpConnection) -> None:
        """One timer watches all answers, for hardly one of them is ever late."""
        connection.deadline = deadline
        if self._late is None or deadline < self._late.when():
            if self._late is not None:
                self._late.cancel()
            self._late = asyncio.get_running_loop().call_at(deadline, self._give_up_late)

    def _give_up_late(self) -> None:
        loop = asyncio.get_running_loop()
        self._late = None
        now = loop.time() + _TIMER_SLACK_S
        for each in self._busy:
            if each.deadline <= now:
                each.give_up(TimeoutError())
        deadlines = [each.deadline for each in self._busy if each.deadline > now]
        if deadlines:
            self._late = loop.call_at(min(deadlines), self._give_up_late)

    def _on_lost(self, connection: HttpConnection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
            self._drop(connection)

    def _give_back(self, connection: HttpConnection, is_whole: bool) -> None:
        self._busy.discard(connection)
        if is_whole and self._is_open and connection.is_usable():
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
            self._wake_one()
        else:
            self._drop(connection)

    def _drop(self, connection: HttpConnection) -> None:
        self._counts["lost"] += 1
        connection.close()
        self._wake.set()
        self._wake_one()

    def _wake_one(self) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return

    async def _keep_warm(self) -> None:
        """Replaces what was lost and what has been idle for too long."""
        loop = asyncio.get_running_loop()
        while True:
            oldest_at = self._idle[0].idle_since if self._idle else loop.time()
            pause_s = max(0.05, oldest_at + self._idle_max_s - loop.time())
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            while self._idle and loop.time() - self._idle[0].idle_since >= self._idle_max_s:
                self._drop(self._idle.popleft())
            while len(self._idle) + len(self._busy) + self._opening < self._size:
                try:
                    await self._connect()
                    self._backoff.reset()
                except (OSError, TimeoutError):
                    await asyncio.sleep(self._backoff.next_s())


def _header_text(headers: Mapping[str, str]) -> str:
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    is_split = text.count("\n") != len(headers) or text.count("\r") != len(headers)
    if is_split or not text.isascii() or not _are_names(headers):
        # The values may be secrets: names alone are told.
        raise ValueError(f"headers that HTTP cannot carry, among {sorted(headers)}")
    return text


@lru_cache(maxsize=256)
def _is_name(name: str) -> bool:
    return _HEADER_NAME.fullmatch(name) is not None


def _are_names(names: Iterable[str]) -> bool:
    return all(map(_is_name, names))  # an adapter has a handful of them


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _named(method: str, path: str) -> str:
    """Without the query, which may hold a signature."""
    return f"{method} {path.partition('?')[0]}"


def _told(error: BaseException) -> str:
    """A failure in words; many exceptions of sockets have none of their own."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
