"""The past over HTTP: the state at a record, and why an order is as it is. One question at a time,
in a thread of its own, bounded in time; the follower and the streams never wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from gateway.history.faults import ArchiveFault, HistoryFault
from gateway.journal import JournalPlace

__all__ = ["HistoryApi"]

WAITING_MAX = 4
SECONDS_MAX = 30.0
_STATUS = {
    "OUT_OF_RANGE": 404,
    "UNKNOWN_ORDER": 404,
    "MISSING_EXTRA": 501,
    "TOO_LONG": 503,
    "TAIL_TOO_LONG": 503,
    "BUSY": 503,
    "BAD_VALUE": 400,
}
_NUMBER_DIGITS_MAX = 19
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HistoryApi:
    """GET /v1/at?sequence=N or ?time_ns=N, and GET /v1/why/order/ID."""

    def __init__(self, place: JournalPlace, archive: Path, monotonic: Callable[[], float]) -> None:
        self._place = place
        self._archive = archive
        self._monotonic = monotonic
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="observer_history")
        self._waiting = 0
        self._is_closed = False
        self._newest: tuple[int, bytes] | None = None  # a slider asks for the same place again

    def routes(self, guarded: Callable[[Handler], Handler]) -> list[web.RouteDef]:
        """`guarded` lets only readers through."""
        return [
            web.get("/v1/at", guarded(self._at)),
            web.get("/v1/why/order/{order_id}", guarded(self._why)),
        ]

    def close(self) -> None:
        """What runs ends at its next step."""
        self._is_closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _at(self, request: web.Request) -> web.Response:
        return await self._answer(lambda: self._state(_number(request, "sequence"),
                                                      _number(request, "time_ns")))  # fmt: skip

    async def _why(self, request: web.Request) -> web.Response:
        return await self._answer(lambda: self._chain(request.match_info["order_id"]))

    async def _answer(self, ask: Callable[[], bytes]) -> web.Response:
        try:
            body = await self._in_thread(ask)
        except (HistoryFault, ArchiveFault) as fault:
            return _refusal(fault)
        except ModuleNotFoundError as error:
            return _refusal(HistoryFault("MISSING_EXTRA", f"{error.name} is not installed"))
        return web.Response(body=body, content_type="application/json")

    async def _in_thread(self, ask: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX or self._is_closed:
            raise HistoryFault("BUSY", f"{WAITING_MAX} questions about the past wait already")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, ask)
        finally:
            self._waiting -= 1

    def _state(self, sequence: int | None, time_ns: int | None) -> bytes:
        from gateway.history.time_machine import state_at

        if (sequence is None) == (time_ns is None):
            raise HistoryFault("BAD_VALUE", "either sequence or time_ns", "sequence")
        if sequence is not None and self._newest and self._newest[0] == sequence:
            return self._newest[1]
        found = state_at(
            self._place,
            sequence=sequence,
            time_ns=time_ns,
            archive=self._archive,
            between=self._deadline(),
        )
        body = msgspec.json.encode(found.rows())
        self._newest = (found.sequence, body)
        return body

    def _deadline(self) -> Callable[[], None]:
        """Ends by name what calls it later than a question may take."""
        deadline = self._monotonic() + SECONDS_MAX

        def between() -> None:
            if self._is_closed or self._monotonic() > deadline:
                raise HistoryFault("TOO_LONG", f"no answer within {SECONDS_MAX:g} s")

        return between

    def _chain(self, name: str) -> bytes:
        from gateway.history.queries import History
        from gateway.history.views import Views
        from gateway.history.why import why_order

        views = Views(
            self._place.directory,
            self._archive,
            str(self._place.ring_directory),
            threads=1,
            between=self._deadline(),
        )
        try:
            return msgspec.json.encode(why_order(History(views), name))
        finally:
            views.close()


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _NUMBER_DIGITS_MAX):
        raise HistoryFault("BAD_VALUE", f"{name} is a whole number", name, text[:64])
    return min(int(text), 2**63 - 1)


def _refusal(fault: HistoryFault | ArchiveFault) -> web.Response:
    """One error in the form of every door."""
    error: Mapping[str, Any] = {
        "code": fault.code,
        "field": getattr(fault, "field", ""),
        "value": getattr(fault, "value", ""),
        "rule": str(fault),
        "hint": "",
    }
    return web.Response(
        body=msgspec.json.encode({"error": error}),
        status=_STATUS.get(fault.code, 500),
        content_type="application/json",
    )
