"""What a running engine needs once a second: a steered clock, a new period when the trading day
ends, a new epoch before order ids run out, a look at whether its thread is still where it was
pinned and its journal can be written. Off the order path; must never decide about an order.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.core.trading_day import TradingDay

if TYPE_CHECKING:
    from gateway._core.engine import Engine as NativeEngine

__all__ = ["Upkeep"]

log = logging.getLogger(__name__)
CLOCK_AHEAD_NS_MAX = 1_000_000_000  # A jump beyond this stops new orders.
ORDER_IDS_LEFT_MIN = 1 << 24  # About 17 s of one million orders a second.


class Upkeep:
    """One engine's housekeeping. `once` is called about once a second."""

    def __init__(self, native: NativeEngine, day: TradingDay | None = None) -> None:
        self._native = native
        self._day = day or TradingDay()
        self._is_clock_healthy = True
        self._is_where_started = True
        self._is_journal_written = True

    async def keep(self, interval_seconds: float = 1.0) -> None:
        """Until cancelled."""
        while True:
            try:
                self.once()
            except (RuntimeError, ValueError) as error:
                log.error("upkeep: %s", error)
            await asyncio.sleep(interval_seconds)

    def once(self) -> None:
        """Clock, period, epoch, CPU, journal."""
        self._steer_clock()
        self._check_cpu()
        self._check_journal()
        self._end_the_day()
        if self._native.order_ids_left() < ORDER_IDS_LEFT_MIN and self._native.raise_epoch():
            log.warning("order ids ran low: the epoch was raised to %d", self._native.epoch)

    def _end_the_day(self) -> None:
        """Once for each end, also for one that was reached while nobody ran; without room in the
        journal it is tried again."""
        if self._day.begins_ns(self._native.now_ns()) <= self._native.period_began_ns:
            return
        sequence = self._native.roll_period()
        if sequence != 0:
            log.info("the trading period rolled", extra={"sequence": sequence})

    def _check_cpu(self) -> None:
        """Somebody who may can move a pinned thread; a change is told once."""
        is_there = self._native.is_where_started()
        if is_there != self._is_where_started:
            self._is_where_started = is_there
            if is_there:
                log.info("the engine is on its CPU again")
            else:
                log.error(
                    "CPU_MOVED: the engine may run elsewhere than on the CPU it was pinned to"
                )

    def _check_journal(self) -> None:
        """A full disk, say. The journal tries again by itself; each change is told once."""
        is_written = not self._native.counters()["journal_failed"]
        if is_written == self._is_journal_written:
            return
        self._is_journal_written = is_written
        if is_written:
            log.info("the journal is written again")
        else:
            log.error("the journal cannot be written: new orders are refused (JOURNAL_BEHIND)")

    def _steer_clock(self) -> None:
        """Small differences are slewed; a jump refuses new orders until the slew has caught up."""
        ahead_ns = self._native.discipline_clock()
        is_healthy = abs(ahead_ns) <= CLOCK_AHEAD_NS_MAX
        if is_healthy == self._is_clock_healthy:
            return
        self._is_clock_healthy = is_healthy
        self._native.set_clock_healthy(is_healthy)
        if is_healthy:
            log.info("the clock is healthy again")
        else:
            log.error("wall time is %.3f s ahead of journal time: no new orders", ahead_ns / 1e9)
