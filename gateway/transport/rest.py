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
from itertools import chain
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from gateway.api import OutcomeUnknown, VenueUnavailable
from gateway.transport.backoff import Backoff
from gateway.transport.http_connection import NO_DEADLINE, HttpConnection, connect
from gateway.transport.rate_limit import LANES, Lane
from gateway.transport.tls import client_tls

__all__ = ["RestAnswer", "RestPool"]

_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})
# What a path may hold: visible ASCII without #, for what follows it is never sent.
_CARRIED: Final = bytes(each for each in range(0x21, 0x7F) if each != ord("#"))
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TIMER_SLACK_S = 0.001  # A timer of the loop may come this much too early.
_WAITING_MAX = 1_000  # Requests in want of a connection; more than this is no queue but a fault.
_TURNS_TO_READ = 3  # of the loop, within which it reads what lies in a socket


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
    Requests that wait for a connection are given theirs in the order of their lanes, equals in the
    order in which they came; nobody overtakes them.
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
        self._waiting: dict[Lane, deque[asyncio.Future[HttpConnection]]]
        self._waiting = {lane: deque() for lane in LANES}
        self._waiters = 0  # in all lanes
        self._openers: set[asyncio.Task[None]] = set()  # each opens a line for one that waits
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
            *(self._open_idle() for _ in range(self._size)), return_exceptions=True
        )
        failures = [each for each in found if each is not None]
        if len(failures) == self._size:
            self._is_open = False
            raise VenueUnavailable(f"{self._host}:{self._port}: {_told(failures[0])}")
        self._keeper = asyncio.create_task(self._keep_warm(), name=f"keep_warm_{self._host}")

    async def close(self) -> None:
        """Cut every connection; requests in flight end as OutcomeUnknown, those that wait as
        VenueUnavailable. A connection that comes up later is cut too."""
        self._is_open = False
        own = [each for each in (self._keeper, *self._openers) if each is not None]
        self._keeper = None
        for task in own:
            task.cancel()
        if self._late is not None:
            self._late.cancel()
            self._late = None
        for each in (*self._idle, *self._busy):
            each.close()
        self._idle.clear()
        while (future := self._next()) is not None:
            future.set_exception(self._closed())
        await asyncio.gather(*own, return_exceptions=True)

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: str | bytes = "",
        timeout_ms: int | None = None,
        lane: Lane = "query",
        may_leave: Callable[[], None] | None = None,
    ) -> RestAnswer:
        """Send once and read the whole answer, of any status. `path` is sent as it stands, query
        included. `may_leave` is asked behind a wait for a connection, right before the write: what
        it raises is raised, and nothing was sent. Raises ValueError for what HTTP cannot carry,
        VenueUnavailable, OutcomeUnknown."""
        data = self.request_bytes(method, path, headers, body)
        timeout_s = self._timeout_s if timeout_ms is None else timeout_ms / 1_000
        deadline = asyncio.get_running_loop().time() + timeout_s
        self._counts["requests"] += 1
        # With a line that is free, nothing is awaited from here to the write: no turn of the loop.
        connection = None if self._waiters else self._free()
        if connection is None:
            connection = await self._lease_or_not_sent(method, path, lane, deadline, may_leave)
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
        unread: list[HttpConnection] | None = None
        found = None
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable():
                self._busy.add(connection)
                found = connection
                break
            if connection.has_unread():
                unread = [connection, *(unread or ())]
            else:
                self._drop(connection)
        if unread:
            self._idle += unread
        return found

    async def _lease_or_not_sent(
        self,
        method: str,
        path: str,
        lane: Lane,
        deadline: float,
        may_leave: Callable[[], None] | None,
    ) -> HttpConnection:
        """Whatever ends the wait for a connection, nothing was written."""
        try:
            connection = await self._lease(lane, deadline)
            if may_leave is not None:
                try:
                    may_leave()
                except BaseException:
                    self._give_back(connection, True)
                    raise
            return connection
        except BaseException as error:
            self._counts["not_sent"] += 1
            if isinstance(error, (OSError, TimeoutError)):
                said = f"{_named(method, path)}: {_told(error)}; nothing was sent"
                raise VenueUnavailable(said) from error
            raise

    async def _lease(self, lane: Lane, deadline: float) -> HttpConnection:
        """Wait for one. What died between the hand that gave it and ours costs nobody his place."""
        connection = await self._turn(lane, deadline, is_first=False)
        while not connection.is_usable():
            self._give_back(connection, True)
            connection = await self._turn(lane, deadline, is_first=True)
        return connection

    async def _turn(self, lane: Lane, deadline: float, *, is_first: bool) -> HttpConnection:
        if not self._is_open:
            raise self._closed()
        if self._waiters >= _WAITING_MAX:
            raise TimeoutError(f"{_WAITING_MAX} requests wait for a connection already")
        future: asyncio.Future[HttpConnection] = asyncio.get_running_loop().create_future()
        queue = self._waiting[lane]
        if is_first:
            queue.appendleft(future)
        else:
            queue.append(future)
        self._waiters += 1
        self._open_for(future)
        if self._idle:
            self._look_again(_TURNS_TO_READ)
        try:
            async with asyncio.timeout_at(deadline):
                return await future
        except BaseException:
            self._leave(queue, future)
            raise

    def _leave(
        self, queue: deque[asyncio.Future[HttpConnection]], future: asyncio.Future[HttpConnection]
    ) -> None:
        """The wait has ended without a connection; one that was given all the same goes on."""
        if future in queue:
            queue.remove(future)
            self._waiters -= 1
        elif not future.cancelled() and future.exception() is None:
            self._give_back(future.result(), True)

    def _next(self) -> asyncio.Future[HttpConnection] | None:
        """Who goes first of those who wait; he waits no more."""
        for queue in self._waiting.values():
            while queue:
                future = queue.popleft()
                self._waiters -= 1
                if not future.done():
                    return future
        return None

    def _offer(self, connection: HttpConnection) -> None:
        """To whoever goes first of those who wait; idle when nobody does."""
        if not self._is_open:
            connection.close()
        elif self._waiters and (future := self._next()) is not None:
            self._busy.add(connection)
            future.set_result(connection)
        else:
            self._idle.append(connection)

    def _look_again(self, turns: int) -> None:
        """Lines of which something is unread, while somebody waits: the loop reads it within some
        turns, and what is then still good is given away."""
        for _ in range(len(self._idle)):
            connection = self._idle.popleft()
            if connection.is_usable():
                self._offer(connection)
            elif turns and connection.has_unread():
                self._idle.append(connection)
            else:
                self._drop(connection)
        if self._idle and self._waiters:
            asyncio.get_running_loop().call_soon(self._look_again, turns - 1)

    def _open_for(self, future: asyncio.Future[HttpConnection]) -> None:
        """One more line when there may be one; that it cannot be had ends the wait of `future`."""
        if self._is_open and self._standing() < self._size:
            task = asyncio.get_running_loop().create_task(self._open_one(future))
            self._openers.add(task)
            task.add_done_callback(self._openers.discard)

    async def _open_one(self, future: asyncio.Future[HttpConnection]) -> None:
        try:
            await self._connect()
        except Exception as error:
            self._wake.set()
            if not future.done():
                future.set_exception(error)

    def _standing(self) -> int:
        """Connections that there are and those that are being opened."""
        return len(self._idle) + len(self._busy) + self._opening + len(self._openers)

    def _closed(self) -> VenueUnavailable:
        return VenueUnavailable(f"{self._host}:{self._port}: the pool is closed")

    async def _open_idle(self) -> None:
        """One more, for whom it may concern."""
        self._opening += 1
        try:
            await self._connect()
        finally:
            self._opening -= 1

    async def _connect(self) -> None:
        try:
            connection = await connect(self._host, self._port, self._tls, self._connect_s)
        except BaseException:
            self._counts["connect_failed"] += 1
            raise
        self._counts["opened"] += 1
        connection.when_lost(self._on_lost)
        self._offer(connection)

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
        deadlines = [each.deadline for each in self._busy if now < each.deadline < NO_DEADLINE]
        if deadlines:
            self._late = loop.call_at(min(deadlines), self._give_up_late)

    def _on_lost(self, connection: HttpConnection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
            self._drop(connection)

    def _give_back(self, connection: HttpConnection, is_whole: bool) -> None:
        self._busy.discard(connection)
        connection.deadline = NO_DEADLINE
        if is_whole and self._is_open and connection.is_usable():
            connection.idle_since = asyncio.get_running_loop().time()
            self._offer(connection)
        elif is_whole and self._is_open and connection.has_unread():
            self._idle.append(connection)
            if self._waiters:
                self._look_again(_TURNS_TO_READ)
        else:
            self._drop(connection)

    def _drop(self, connection: HttpConnection) -> None:
        self._counts["lost"] += 1
        connection.close()
        self._wake.set()
        if self._waiters:
            self._open_for(next(chain.from_iterable(self._waiting.values())))

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
            while self._standing() < self._size:
                try:
                    await self._open_idle()
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


def _named(method: str, path: str) -> str:
    """Without the query, which may hold a signature."""
    return f"{method} {path.partition('?')[0]}"


def _told(error: BaseException) -> str:
    """A failure in words; many exceptions of sockets have none of their own."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
