"""How late the event loop is, and what waits in the queues, a few times a second.

Off the order path; must never decide about an order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.telemetry import LOOP_LAG

if TYPE_CHECKING:
    from gateway._core.engine import Engine as NativeEngine

__all__ = ["LoopWatch"]

INTERVAL_SECONDS = 0.02
CALIBRATE_SECONDS = 1.0


class LoopWatch:
    """One timer that knows when it should have run."""

    def __init__(
        self,
        native: NativeEngine,
        interval_seconds: float = INTERVAL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._native = native
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._calibrate_at = clock() + CALIBRATE_SECONDS

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            due = self._clock() + self._interval_seconds
            await asyncio.sleep(self._interval_seconds)
            self.once(due)

    def once(self, due: float) -> None:
        """The timer that was `due` runs now."""
        now = self._clock()
        late_ns = int((now - due) * 1e9)
        self._native.measurement.record_ns(LOOP_LAG, max(0, late_ns))
        self._native.sample_queues()
        if now >= self._calibrate_at:
            self._calibrate_at = now + CALIBRATE_SECONDS
            self._native.measurement.calibrate()
