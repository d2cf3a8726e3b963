"""The past over HTTP: the state at a record, and why an order is as it is. One question at a time,
in a thread of its own, bounded in time; the follower and the streams never wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from gateway.history.faults import ArchiveFault, HistoryFault
from gateway.history.mark_samples import sampled_marks
from gateway.journal import JournalPlace
from gateway.stream.access import AUTHORITY
from gateway.stream.authority import NOTHING
from gateway.stream.codes import PAST_STATUS, STREAM_CODES

__all__ = ["HistoryApi"]

WAITING_MAX = 4
SECONDS_MAX = 30.0
_NUMBER_MAX = 2**63 - 1
_ID_CHARACTERS_MAX = 64
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
        # A slider asks for the same place again; another journal has another past.
        self._newest: tuple[int, object, bytes] | None = None

    def routes(self, guarded: Callable[[Handler, Collection[str]], Handler]) -> list[web.RouteDef]:
        """`guarded` lets only readers through, and these fields of the query."""
        return [
            web.get("/v1/at", guarded(self._at, ("sequence", "time_ns"))),
            web.get("/v1/why/order/{order_id}", guarded(self._why, ())),
        ]

    def close(self) -> None:
        """What runs ends at its next step."""
        self._is_closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _at(self, request: web.Request) -> web.Response:
        return await self._answer(
            request, lambda: self._state(_number(request, "sequence"), _number(request, "time_ns"))
        )

    async def _why(self, request: web.Request) -> web.Response:
        return await self._answer(request, lambda: self._chain(_order_id(request)))

    async def _answer(self, request: web.Request, ask: Callable[[], bytes]) -> web.Response:
        """The past is told as a whole: a state, and a chain with the halts of others in it."""
        try:
            if not request.get(AUTHORITY, NOTHING).is_all:
                rule = "the past is shown to who may see every account, strategy and instrument"
                raise HistoryFault("NOT_PERMITTED", rule)
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
        identity = self._place.identity(), self._place.superblock()
        if sequence is not None and self._newest and self._newest[:2] == (sequence, identity):
            return self._newest[2]
        found = state_at(
            self._place,
            sequence=sequence,
            time_ns=time_ns,
            archive=self._archive,
            between=self._deadline(),
            marks=sampled_marks(self._archive),
        )
        body = msgspec.json.encode(found.rows())
        self._newest = (found.sequence, identity, body)
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
    if not (text.isascii() and text.isdecimal()):
        raise HistoryFault("BAD_VALUE", f"{name} is a whole number", name, text[:64])
    if len(text) > len(str(_NUMBER_MAX)) or int(text) > _NUMBER_MAX:
        raise HistoryFault("BAD_VALUE", f"{name} is from 0 to {_NUMBER_MAX}", name, text[:64])
    return int(text)


def _order_id(request: web.Request) -> str:
    """An order id or a client order id, and no pattern: `*` finds orders that nobody named."""
    text = request.match_info["order_id"]
    if not (0 < len(text) <= _ID_CHARACTERS_MAX and all("!" <= c <= "~" for c in text)):
        raise HistoryFault("BAD_VALUE", "1 to 64 printable ASCII characters without space",
                           "order_id", text[:64])  # fmt: skip
    if "*" in text:
        rule = "an id with * is not asked for here: `gateway why` takes it"
        raise HistoryFault("BAD_VALUE", rule, "order_id", text)
    return text


def _refusal(fault: HistoryFault | ArchiveFault) -> web.Response:
    """One error in the form of every door."""
    own = STREAM_CODES.get(fault.code)
    error: Mapping[str, Any] = {
        "code": fault.code,
        "field": getattr(fault, "field", ""),
        "value": getattr(fault, "value", ""),
        "rule": str(fault),
        "hint": own.advice if own else f"`gateway explain {fault.code}` tells what to do",
    }
    return web.Response(
        body=msgspec.json.encode({"error": error}),
        status=own.http_status if own else PAST_STATUS.get(fault.code, 500),
        content_type="application/json",
    )
