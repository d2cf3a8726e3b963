"""Misbehaviour of a simulated venue, written down before a test runs: which request or event it
hits, and what then goes wrong on the wire. Knows HTTP and WebSocket, never a venue.

    script = FaultScript()
    script.add("POST /fapi/v1/order", "execute_then_drop")            # the next one
    script.add("POST /fapi/v1/order", "error", nth=3, status=503)     # the third from now
    script.add("event ORDER_TRADE_UPDATE", "duplicate", count=None)   # all from now
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import Literal

import msgspec
from aiohttp import web

__all__ = ["CuttingProxy", "Fault", "FaultScript", "answer_under", "deliver_under"]

RequestFault = Literal[
    "drop",  # cut before anything was executed
    "execute_then_drop",  # executed, cut without one byte of answer
    "execute_then_silent",  # executed, never answered; the client's patience ends it
    "silent",  # not executed, never answered
    "delay",  # executed `seconds` late
    "execute_then_delay",  # executed at once, answered `seconds` late
    "error",  # not executed: `status` and `body`
    "execute_then_error",  # executed, yet answered with `status` and `body`
    "truncate",  # executed; the answer is a whole HTTP message with half a JSON text
    "cut",  # executed; `at_byte` bytes of the answer's body leave, then the line is cut
    "execute_twice",  # a proxy repeated the request: the venue sees it two times
    "call",  # `call()` runs before the request, which then goes its normal way
]
EventFault = Literal["lose", "duplicate", "hold", "reorder", "truncate", "cut", "rewrite", "call"]


class Fault(msgspec.Struct, kw_only=True):
    """One thing that goes wrong. `subject` may hold * and ?; `nth` counts from the adding on."""

    subject: str
    action: str
    nth: int = 1
    count: int | None = 1  # how many in a row; None = all from the nth on
    seconds: float = 0.0
    status: int = 503
    body: str = '{"code":-1007,"msg":"Timeout waiting for response from backend server."}'
    content_type: str = "application/json"
    at_byte: int = 0
    rewrite: Callable[[str], str] | None = None
    call: Callable[[], None] | None = None
    seen: int = 0
    hits: int = 0
    tasks: list[asyncio.Task[web.StreamResponse]] = []

    def takes(self, subject: str) -> bool:
        """Count this subject and say whether the fault hits it."""
        if not fnmatchcase(subject, self.subject):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.count is not None and self.hits >= self.count):
            return False
        self.hits += 1
        return True


class FaultScript:
    """The faults of one venue, first match wins. `log` holds what was hit, in order."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.log: list[tuple[str, str]] = []

    def add(self, subject: str, action: RequestFault | EventFault, **terms: object) -> Fault:
        fault = Fault(subject=subject, action=action, **terms)  # type: ignore[arg-type]
        self.faults.append(fault)
        return fault

    def clear(self) -> None:
        self.faults.clear()

    def take(self, subject: str) -> Fault | None:
        """The fault that hits this request or event; every matching fault counts it."""
        found = None
        for fault in self.faults:
            if found is None and fault.takes(subject):
                found = fault
            elif found is not None and fnmatchcase(subject, fault.subject):
                fault.seen += 1
        if found is not None:
            self.log.append((subject, found.action))
        return found


async def answer_under(
    fault: Fault | None,
    request: web.Request,
    execute: Callable[[], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Execute the request and answer it, as well or as badly as the fault says."""
    if fault is None:
        return await execute()
    action = fault.action
    if fault.call is not None:
        fault.call()
    if action in ("drop", "silent", "error"):
        return await _unexecuted(fault, request)
    if action == "delay":
        # The request is on its way: it arrives though the client has gone meanwhile.
        return await asyncio.shield(_later(fault, execute))
    answer = await execute()
    if action == "execute_twice":
        answer = await execute()
    elif action == "execute_then_delay":
        await asyncio.sleep(fault.seconds)
    elif action == "execute_then_drop":
        _abort(request)
    elif action == "execute_then_silent":
        await _never()
    elif action == "execute_then_error":
        answer = _error(fault)
    elif action == "truncate":
        return _truncated(answer)
    elif action == "cut":
        return await _cut(fault, request, answer)
    return answer


def deliver_under(
    fault: Fault | None,
    text: str,
    send: Callable[[str], None],
    abort: Callable[[str], None],
    held: list[str],
) -> None:
    """Hand one event to `send`. `held` belongs to the connection: what `hold` and `reorder` keep
    follows after the next event. `abort(part)` sends the part of a frame and cuts the line."""
    action = fault.action if fault else ""
    if fault is not None and fault.call is not None:
        fault.call()
    if action == "lose":
        return
    if action in ("hold", "reorder"):
        held.append(text)
        return
    if action == "truncate":
        send(text[: len(text) // 2])
    elif action == "cut":
        abort(text[: fault.at_byte if fault else 0])
        return
    elif action == "rewrite" and fault is not None and fault.rewrite is not None:
        send(fault.rewrite(text))
    else:
        send(text)
    if action == "duplicate":
        send(text)
    while held:
        send(held.pop(0))


def _later(
    fault: Fault, execute: Callable[[], Awaitable[web.StreamResponse]]
) -> asyncio.Task[web.StreamResponse]:
    async def after() -> web.StreamResponse:
        await asyncio.sleep(fault.seconds)
        return await execute()

    task = asyncio.create_task(after())
    fault.tasks.append(task)
    return task


async def _unexecuted(fault: Fault, request: web.Request) -> web.StreamResponse:
    if fault.action == "drop":
        _abort(request)
    elif fault.action == "silent":
        await _never()
    return _error(fault)


def _error(fault: Fault) -> web.Response:
    return web.Response(status=fault.status, text=fault.body, content_type=fault.content_type)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _never() -> None:
    """Until the server is stopped: aiohttp cancels the handler when the client goes."""
    await asyncio.Event().wait()


def _truncated(answer: web.StreamResponse) -> web.StreamResponse:
    assert isinstance(answer, web.Response)
    text = answer.text or ""
    return web.Response(
        status=answer.status,
        text=text[: len(text) // 2],
        content_type="application/json",
    )


async def _cut(
    fault: Fault, request: web.Request, answer: web.StreamResponse
) -> web.StreamResponse:
    """Promise the whole body, send its first bytes, cut the line."""
    assert isinstance(answer, web.Response)
    body = (answer.text or "").encode()
    partial = web.StreamResponse(status=answer.status)
    partial.content_type = "application/json"
    partial.content_length = len(body)
    await partial.prepare(request)
    if fault.at_byte:
        await partial.write(body[: fault.at_byte])
        await asyncio.sleep(0.01)  # the bytes leave before the line goes
    _abort(request)
    return partial


class CuttingProxy:
    """A TCP line to a venue that can be cut in the middle of a request or of an answer, at an
    exact byte, and that can be down. `port` is chosen by the kernel."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        # Bytes that still pass before the line is cut; None = no limit.
        self.request_bytes: int | None = None
        self.answer_bytes: int | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections and cut those that stand; `start` opens the same port again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # accepted just before the line went down
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far_writer: asyncio.StreamWriter | None = None
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            self._writers |= {writer, far_writer}
            pumps = (
                self._pump(reader, far_writer, "request_bytes"),
                self._pump(far_reader, writer, "answer_bytes"),
            )
            await asyncio.gather(*pumps)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for each in (writer, far_writer):
                if each is not None:
                    self._writers.discard(each)
                    with contextlib.suppress(OSError, RuntimeError):
                        each.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: str
    ) -> None:
        while data := await reader.read(65_536):
            left: int | None = getattr(self, limit)
            if left is not None:
                data = data[:left]
                setattr(self, limit, left - len(data))
            writer.write(data)
            await writer.drain()
            if left is not None and left - len(data) <= 0:
                await asyncio.sleep(0.01)  # what passed arrives before the line is cut
                setattr(self, limit, None)
                raise ConnectionAbortedError(f"cut at the limit of {limit}")
        raise ConnectionAbortedError("end of stream")
