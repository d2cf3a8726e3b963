"""The daemon's side of an adapter in its own process: the same contract, one launch after another.

A process that crashes, hangs, leaks or speaks garbage is ended, which opens a gap; it is started
again with growing waits, and the closed gap lets the runtime reconcile. Nothing is ever sent twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any

from gateway.api import (
    AdapterPort,
    BalanceReport,
    BorrowReport,
    CancelRequest,
    Capabilities,
    FillReport,
    FundingReport,
    Instrument,
    OrderReport,
    OrderRequest,
    PositionReport,
    ReplaceRequest,
    VenueUnavailable,
)
from gateway.venues.isolated.launch import Launch, LaunchTerms, start_launch

__all__ = ["IsolatedAdapter"]

log = logging.getLogger(__name__)

_BACKOFF_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_DRAIN_SECONDS = 5.0
_CLOSE_SECONDS = 3.0


class IsolatedAdapter:
    """Implements gateway.api.VenueAdapter by messages. Event-loop thread only."""

    def __init__(
        self,
        terms: LaunchTerms,
        first: Launch,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        assert first.manifest is not None
        self.capabilities: Capabilities = first.manifest
        self.launches = first.number
        self.last_end = ""
        self._terms = terms
        self._jitter = jitter
        self._launch: Launch = first
        self._port: AdapterPort | None = None
        self._is_closed = False
        self._is_handing_over = False
        self._reviver: asyncio.Task[None] | None = None
        first.on_end = self._on_end

    @classmethod
    async def start(
        cls, terms: LaunchTerms, *, jitter: Callable[[], float] = random.random
    ) -> IsolatedAdapter:
        """The first launch. Raises VenueError when the adapter cannot be built."""
        return cls(terms, await start_launch(1, terms), jitter=jitter)

    def row(self) -> dict[str, Any]:
        """The row of /v1/status about the process."""
        return {
            "pid": 0 if self._launch.ended else self._launch.pid,
            "launches": self.launches,
            "last_end": self.last_end,
        }

    def counts(self) -> dict[str, int]:
        """What the adapter in the process counts, as of its last beat; a new one begins anew."""
        return {"launches": self.launches, **self._launch.counts}

    # Life.

    async def connect(self, port: AdapterPort) -> None:
        """The first time by the runtime; after a new launch this object does it."""
        if self._launch.ended and self._reviver is None:
            self._revive()
        self._launch.port = port
        await self._launch.call("connect")
        self._port = port

    async def close(self) -> None:
        """Disconnect and end the process."""
        self._is_closed = True
        if self._reviver is not None:
            self._reviver.cancel()
            await asyncio.gather(self._reviver, return_exceptions=True)
        await self._launch.close(_CLOSE_SECONDS)
        self._port = None

    async def hand_over(self) -> None:
        """A new process for the same adapter: no new orders, what is on its way may end, the old
        process disconnects, the new one connects, the runtime reconciles."""
        if self._is_closed or self._is_handing_over or self._port is None:
            raise VenueUnavailable("the adapter is not connected, or is handing over already")
        self._is_handing_over = True
        try:
            self._port.gap_opened("a new adapter process takes over")
            await self._drain()
            await self._launch.close(_CLOSE_SECONDS)
            self.last_end = "handed over"
            await self._run_until_up()
        finally:
            self._is_handing_over = False
            if self._launch.ended:  # nobody waits any more, and the venue still needs a process
                self._revive()

    def end(self) -> None:
        """The gateway ends without an orderly close: the process ends at once."""
        self._is_closed = True
        if self._reviver is not None:
            self._reviver.cancel()
        self._port = None
        self._launch.end("the gateway ended")

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _DRAIN_SECONDS
        while self._launch.sends and loop.time() < until:  # noqa: ASYNC110 bounded
            await asyncio.sleep(0.01)

    def _on_end(self, reason: str) -> None:
        """The process is gone; the gap is open before anything else happens."""
        self.last_end = reason
        log.error("%s: adapter process ended: %s", self._terms.venue, reason)
        if self._port is not None:
            self._port.gap_opened(f"adapter process: {reason}")
        if not self._is_handing_over:
            self._revive()

    def _revive(self) -> None:
        if self._is_closed or (self._reviver is not None and not self._reviver.done()):
            return
        self._reviver = asyncio.get_running_loop().create_task(
            self._run_until_up(), name=f"adapter process {self._terms.venue}"
        )

    async def _run_until_up(self) -> None:
        """New launches until one is up (and connected, where the old one was)."""
        attempt = 0
        while not self._is_closed:
            try:
                await self._next_launch()
                return
            except Exception as error:  # whatever the new process does, the next one is tried
                self.last_end = f"{type(error).__name__}: {error}"[:200]
                log.error("%s: adapter process not up: %s", self._terms.venue, self.last_end)
            wait = _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)]
            await asyncio.sleep(wait * (0.5 + self._jitter()))
            attempt += 1

    async def _next_launch(self) -> None:
        self.launches += 1
        fresh = await start_launch(self.launches, self._terms)
        if fresh.manifest != self.capabilities:
            fresh.end("another manifest")
            raise VenueUnavailable("the manifest changed: the gateway itself has to be restarted")
        self._launch = fresh
        if self._port is not None:
            fresh.port = self._port
            try:
                async with asyncio.timeout(self._terms.start_seconds_max):
                    await fresh.call("connect")
            except BaseException as error:
                fresh.end(f"not connected: {error!r}"[:200])
                raise
        fresh.on_end = self._on_end
        if fresh.ended:  # between the two lines above nobody listened
            raise VenueUnavailable(fresh.ended)
        log.warning("%s: adapter process %d is up", self._terms.venue, fresh.number)
        # A gap the new process has opened meanwhile it closes itself.
        if self._port is not None and not fresh.is_gap_open:
            self._port.gap_closed()

    # The contract, message by message.

    async def instruments(self) -> Sequence[Instrument]:
        result: list[Instrument] = await self._launch.call("instruments")
        return result

    async def submit(self, orders: Sequence[OrderRequest]) -> None:
        await self._launch.call("submit", orders)

    async def cancel(self, cancels: Sequence[CancelRequest]) -> None:
        await self._launch.call("cancel", cancels)

    async def replace(self, replaces: Sequence[ReplaceRequest]) -> None:
        await self._launch.call("replace", replaces)

    async def query_order(self, account: str, client_order_id: str) -> OrderReport | None:
        report: OrderReport | None = await self._launch.call(
            "query_order", account, client_order_id
        )
        return report

    async def open_orders(self, account: str) -> Sequence[OrderReport]:
        result: list[OrderReport] = await self._launch.call("open_orders", account)
        return result

    async def fills(self, account: str, since_ns: int) -> Sequence[FillReport]:
        result: list[FillReport] = await self._launch.call("fills", account, since_ns)
        return result

    async def funding(self, account: str, since_ns: int) -> Sequence[FundingReport]:
        result: list[FundingReport] = await self._launch.call("funding", account, since_ns)
        return result

    async def borrow_interest(self, account: str, since_ns: int) -> Sequence[BorrowReport]:
        result: list[BorrowReport] = await self._launch.call("borrow_interest", account, since_ns)
        return result

    async def positions(self, account: str) -> Sequence[PositionReport]:
        result: list[PositionReport] = await self._launch.call("positions", account)
        return result

    async def balances(self, account: str) -> Sequence[BalanceReport]:
        result: list[BalanceReport] = await self._launch.call("balances", account)
        return result

    async def is_hedge_mode(self, account: str) -> bool:
        result: bool = await self._launch.call("is_hedge_mode", account)
        return result

    async def cancel_all(self, account: str) -> None:
        await self._launch.call("cancel_all", account)

    async def arm_dead_man(self, account: str, timeout_ms: int) -> None:
        await self._launch.call("arm_dead_man", account, timeout_ms)
