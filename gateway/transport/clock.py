"""What time it is at the venue, measured from its answers.

Must never read a clock by itself: the local one is an argument (UTC ns; one that never jumps).
A sample says no more than its round trip allows, and this bound is kept beside the estimate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["VenueClock"]

_DRIFT_PPM = 100  # Two quartz clocks apart; a worse machine needs more samples, not more trust.


class _Sample(NamedTuple):
    offset_ns: int
    radius_ns: int  # the venue's clock was within offset ± radius
    received_ns: int


class VenueClock:
    """Local time plus an offset. Of the last `samples` answers the one with the smallest bound
    counts; the bound of an old sample grows with what two clocks may drift apart.

    `resolution_ns`: the venue cuts its stamps to this; the middle of the cut is assumed.
    """

    def __init__(
        self, now_ns: Callable[[], int], *, samples: int = 32, resolution_ns: int = 1_000_000
    ) -> None:
        self._local_ns = now_ns
        self._resolution_ns = resolution_ns
        self._samples: deque[_Sample] = deque(maxlen=samples)
        self._best: _Sample | None = None
        self.refused = 0  # samples that ended before they began

    def now_ns(self) -> int:
        """Venue time, as well as it is known; local time before the first sample."""
        best = self._best
        return self._local_ns() + (best.offset_ns if best else 0)

    @property
    def offset_ns(self) -> int:
        """Venue minus local; 0 before the first sample."""
        return self._best.offset_ns if self._best else 0

    @property
    def uncertainty_ns(self) -> int | None:
        """How far `now_ns` may be off; None before the first sample."""
        return None if self._best is None else _bound_ns(self._best, self._local_ns())

    def observe(self, sent_ns: int, venue_ns: int, received_ns: int) -> None:
        """One answer: local time before the send, the venue's stamp, local time after the read."""
        if received_ns < sent_ns or (self._samples and received_ns < self._samples[-1].received_ns):
            self.refused += 1  # the local clock went back, or answers were told out of order
            return
        middle_ns = (sent_ns + received_ns) // 2
        self._samples.append(
            _Sample(
                venue_ns + self._resolution_ns // 2 - middle_ns,
                (received_ns - sent_ns + 1) // 2 + (self._resolution_ns + 1) // 2,
                received_ns,
            )
        )
        self._best = min(self._samples, key=lambda each: _bound_ns(each, received_ns))


def _bound_ns(sample: _Sample, now_ns: int) -> int:
    age_ns = max(0, now_ns - sample.received_ns)
    return sample.radius_ns + age_ns * _DRIFT_PPM // 1_000_000
