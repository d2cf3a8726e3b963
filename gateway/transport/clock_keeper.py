"""The venue's clock as it is believed now: measured by asking, dropped when the venue refuses it.

Must never let samples of before a doubt count after it, nor mix up one measurement with another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from gateway.api import OutcomeUnknown, VenueProtocolError, VenueUnavailable
from gateway.transport.clock import VenueClock

__all__ = ["ClockKeeper", "TimeSample"]

# Local ns before the send, the venue's stamp in ns, local ns after the read.
TimeSample: TypeAlias = tuple[int, int, int]


class ClockKeeper:
    """`ask` asks the venue for its time once. Event loop only."""

    def __init__(
        self,
        now_ns: Callable[[], int],
        ask: Callable[[], Awaitable[TimeSample]],
        *,
        samples: int = 3,
    ) -> None:
        self._local_ns = now_ns
        self._ask = ask
        self._samples = samples
        self._clock = VenueClock(now_ns)
        self._one_at_a_time = asyncio.Lock()
        self.is_doubted = False

    def now_ns(self) -> int:
        """Venue time by the clock that is believed now."""
        return self._clock.now_ns()

    @property
    def offset_ns(self) -> int:
        """Venue minus local; 0 before the first measurement."""
        return self._clock.offset_ns

    def doubt(self) -> None:
        """The venue refused our time: one of the two clocks has jumped, and what was measured
        before says nothing any more. `settle` measures again before the next signed request."""
        self.is_doubted = True

    async def settle(self) -> None:
        """Measure when the clock is in doubt; whoever asks meanwhile waits for the same answer."""
        if self.is_doubted:
            async with self._one_at_a_time:
                if self.is_doubted:
                    await self._measure()

    async def measure(self) -> None:
        """Samples of before count beside the new ones, except those of before a doubt."""
        async with self._one_at_a_time:
            await self._measure()

    async def _measure(self) -> None:
        """Asking for the time changes nothing and what it was asked for has not been sent: whatever
        goes wrong here is VenueUnavailable, never OutcomeUnknown."""
        clock = VenueClock(self._local_ns) if self.is_doubted else self._clock
        try:
            for _ in range(self._samples):
                clock.observe(*await self._ask())
        except (OutcomeUnknown, VenueProtocolError) as error:
            raise VenueUnavailable(f"the venue's time is not known: {error}") from error
        self._clock, self.is_doubted = clock, False
