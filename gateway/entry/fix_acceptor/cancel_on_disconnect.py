"""Cancels the open orders of a counterparty whose line ended, where that was asked for.

A Logout, a cut and a silence are the same: the line is gone. Who is back within his grace keeps his
orders. Must never give up over a refusal: what is refused for now is asked again.
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
        tell_events: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._desk, self._tracks, self._sleep = desk, tracks, sleep
        self._tell_events = tell_events
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._is_stopping = False

    def logged_out(self, context: SessionContext, reason: str) -> None:
        if context.settings.cancel_on_disconnect:
            self.logged_on(context)
            task = asyncio.get_running_loop().create_task(self._cancel_later(context))
            self._waiting[context.name] = task

    def logged_on(self, context: SessionContext) -> None:
        task = self._waiting.pop(context.name, None)
        if task is not None:
            task.cancel()

    async def settle(self, seconds_max: float) -> None:
        """At the stop: nobody comes back, so no grace; what is left the next start cancels."""
        self._is_stopping = True
        if self._waiting:
            done, late = await asyncio.wait(self._waiting.values(), timeout=seconds_max)
            for task in late:
                task.cancel()
            await asyncio.gather(*done, *late, return_exceptions=True)

    async def _cancel_later(self, context: SessionContext) -> None:
        waits = context.settings.cancel_grace_ms / 1000
        if waits and not self._is_stopping:
            await self._sleep(waits)
        await context.settle()  # an order that was under work is one of them
        self._tell_events()
        log.warning("%s: its line is gone: its orders are cancelled", context.name)
        pause = _WAIT_SECONDS_FIRST
        while await self._round(context.settings.principal):
            await self._sleep(pause)
            pause = min(2 * pause, _WAIT_SECONDS_MAX)
        context.counters["cancels_on_disconnect"] += 1

    async def _round(self, principal: str) -> int:
        """One cancel for each open order that is not being cancelled; how many were refused."""
        refused = 0
        async for page in self._desk.engine.order_pages():
            for row in page:
                is_wanted = row["is_cancel_on_disconnect"] and row["pending"] != "cancel"
                if row["principal"] != principal or not is_wanted:
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
