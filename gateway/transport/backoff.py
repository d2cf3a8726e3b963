"""How long to wait before the next attempt: exponential, with full jitter, and never a storm.

Must never sleep by itself and never spread two callers by the same random numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from time import monotonic_ns

__all__ = ["Backoff"]

_MINUTE_NS = 60_000_000_000
_DOUBLINGS_MAX = 32


class Backoff:
    """Delays of one line that fails again and again.

    The n-th delay after a success is uniform in (0, min(max_s, first_s * 2**n)): clients of a venue
    that restarts must not come back in step. A line that comes up and falls at once would start
    over each time, so `reset` forgets the doubling and never the storm cap: no more than
    `attempts_per_minute` attempts in any minute.
    """

    def __init__(
        self,
        first_s: float,
        max_s: float,
        random: Random,
        *,
        attempts_per_minute: int = 30,
        now_ns: Callable[[], int] = monotonic_ns,
    ) -> None:
        if not 0 < first_s <= max_s or attempts_per_minute < 1:
            raise ValueError(f"back-off of {first_s} s to {max_s} s, {attempts_per_minute}/min")
        self._first_s = first_s
        self._max_s = max_s
        self._random = random
        self._now_ns = now_ns
        self._attempts_ns: deque[int] = deque(maxlen=attempts_per_minute)
        self._failures = 0

    @property
    def failures(self) -> int:
        """Attempts since the last success."""
        return self._failures

    def next_s(self) -> float:
        """Seconds to wait before the next attempt, which is counted as made then."""
        ceiling = min(self._max_s, self._first_s * 2 ** min(self._failures, _DOUBLINGS_MAX))
        self._failures += 1
        now = self._now_ns()
        at = now + int(self._random.uniform(0, ceiling) * 1e9)
        if len(self._attempts_ns) == self._attempts_ns.maxlen:
            at = max(at, self._attempts_ns[0] + _MINUTE_NS)
        self._attempts_ns.append(at)
        return (at - now) / 1e9

    def reset(self) -> None:
        """The line works again: the next delay is short again."""
        self._failures = 0
