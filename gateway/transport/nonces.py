"""Numbers that only grow, one series per key, for venues that refuse a nonce they have seen.

Must never repeat or fall, whatever the clock does.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Nonces"]


class Nonces:
    """The time in units of `unit_ns` (a millisecond unless told), or one more than the last one.
    `last`: the highest number this key may have used before, from the caller's own store."""

    def __init__(self, now_ns: Callable[[], int], unit_ns: int = 1_000_000, last: int = 0) -> None:
        if unit_ns < 1:
            raise ValueError(f"unit of {unit_ns} ns")
        self._now_ns = now_ns
        self._unit_ns = unit_ns
        self._last = last

    @property
    def last(self) -> int:
        """The number given out last."""
        return self._last

    def next(self) -> int:
        """The next number. One thread: the event loop."""
        self._last = max(self._last + 1, self._now_ns() // self._unit_ns)
        return self._last
