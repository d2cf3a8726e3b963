"""Cancels the open orders of a counterparty whose line ended, where that was asked for.

A Logout, a cut and a silence are the same: the line is gone. Who is back within his grace keeps his
orders; who comes later keeps what he enters then. Must never give up over a refusal: what is
refused for now is asked again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.api import RefusedError
from gateway.core.vocabulary import CancelReason
from gateway.entry.desk import Desk
from gateway.entry.fix_acceptor.context import QuietService, SessionContext
from gateway.entry.fix_acceptor.order_tracks import OrderTracks

__all__ = ["CancelOnDisconnect"]

log = logging.getLogger(__name__)

_WAIT_SECONDS_MAX = 5.0
_WAIT_SECONDS_FIRST = 0.05


class CancelOnDisconnect(QuietService):
    """The wish is journaled with each order too, so that a start after a kill keeps it
    (gateway/venues/link.py); here is what a running gateway does."""

    def __init__(
        self,
        desk: Desk,
        tracks: OrderTracks,
        tell_events: Callable[[], object],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._desk, self._tracks, self._sleep = desk, tracks, sleep
        self._tell_events = tell_events
        self._waiting: dict[str, tuple[SessionContext, asyncio.Task[None]]] = {}  # in their grace
        self._tasks: set[asyncio.Task[None]] = set()

    def logged_out(self, context: SessionContext, reason: str) -> None:
        if context.settings.cancel_on_disconnect:
            self.logged_on(context)
            self._start(context, context.settings.cancel_grace_ms / 1000)

    def logged_on(self, context: SessionContext) -> None:
        """What began to cancel goes on: he came too late."""
        _, task = self._waiting.pop(context.name, (None, None))
        if task is not None:
            task.cancel()

    def _start(self, context: SessionContext, grace_s: float) -> None:
        task = asyncio.get_running_loop().create_task(self._cancel_later(context, grace_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if grace_s:
            self._waiting[context.name] = context, task

    async def settle(self, seconds_max: float) -> None:
        """At the stop: nobody comes back, so no grace; what is left the next start cancels."""
        for context, task in list(self._waiting.values()):
            self._waiting.pop(context.name)
            task.cancel()
            self._start(context, 0)
        if self._tasks:
            done, late = await asyncio.wait(self._tasks, timeout=seconds_max)
            for task in late:
                task.cancel()
            await asyncio.gather(*done, *late, return_exceptions=True)

    async def _cancel_later(self, context: SessionContext, grace_s: float) -> None:
        if grace_s:
            await self._sleep(grace_s)
            self._waiting.pop(context.name, None)
        end_ns = await context.settle()  # an order that was under work is one of them
        while self._tell_events():  # noqa: ASYNC110 whose an order is stands in its events
            await asyncio.sleep(0)
        log.warning("%s: its line is gone: its orders are cancelled", context.name)
        pause = _WAIT_SECONDS_FIRST
        while await self._round(context.settings.principal, end_ns):
            await self._sleep(pause)
            pause = min(2 * pause, _WAIT_SECONDS_MAX)
        context.counters["cancels_on_disconnect"] += 1

    async def _round(self, principal: str, end_ns: int) -> int:
        """One cancel for each open order of that time that is not being cancelled; how many were
        refused."""
        refused = 0
        async for page in self._desk.engine.order_pages():
            for row in page:
                is_wanted = row["is_cancel_on_disconnect"] and row["pending"] != "cancel"
                if row["principal"] != principal or not is_wanted:
                    continue
                if row["created_ns"] > end_ns:
                    continue
                if not self._tracks.is_entered_here(int(row["order_id"])):
                    continue
                try:
                    await self._desk.router.cancel(
                        principal, int(row["order_id"]), CancelReason.DISCONNECT
                    )
                except RefusedError as error:
                    refused += error.code not in ("TOO_LATE_TO_CANCEL", "CANCEL_PENDING")
                    log.warning("cancel on disconnect of order %s: %s", row["order_id"], error)
        return refused
