"""How fast one client may knock. Volatile; time is an argument."""

from __future__ import annotations

__all__ = ["TokenBucket"]


class TokenBucket:
    """`per_second` 0 = no bound. Starts full."""

    def __init__(self, per_second: int, burst: int, now_seconds: float) -> None:
        self._per_second = per_second
        self._burst = burst or per_second
        self._level = float(self._burst)
        self._at = now_seconds

    def take(self, now_seconds: float) -> bool:
        """One request; False when it comes too early."""
        if not self._per_second:
            return True
        grown = self._level + max(0.0, now_seconds - self._at) * self._per_second
        self._level = min(float(self._burst), grown)
        self._at = now_seconds
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True
