"""Guards that look at a stretch of time: repeated execution and breakers, as far as records tell
that the engine had to halt a level and did not. Must never find what the engine could not know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["Breaker", "Repeats"]

Row = Mapping[str, Any]
_MS_NS: Final = 1_000_000
_LOOK_NS: Final = 2 * _MS_NS  # the engine looks once a millisecond, whenever it does anything
_COUNTED: Final[Mapping[str, str]] = {
    "order_new": "breaker_messages_max",
    "replace_requested": "breaker_messages_max",
    "cancel_requested": "breaker_messages_max",
    "order_rejected": "breaker_rejects_max",
    "replace_rejected": "breaker_rejects_max",
    "order_unknown": "breaker_errors_max",
}
_OFF: Final = 2**63 - 1


class Repeats:
    """Orders and fills of one side at one level: so many within the window halt it at once."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, int], deque[int]] = {}
        self.is_due = False

    def resize(self, guards: Row) -> None:
        """The counts were set; those that changed begin anew."""
        for (what, side), times in list(self._times.items()):
            if times.maxlen != guards[f"repeat_{what}_max"]:
                del self._times[what, side]

    def note(self, what: str, side: int, now_ns: int, guards: Row, *, is_halted: bool) -> None:
        """One more; from then on a halt is due."""
        most, window_ns = guards[f"repeat_{what}_max"], guards["repeat_window_ms"] * _MS_NS
        if not most:
            return
        times = self._times.setdefault((what, side), deque(maxlen=most))
        times.append(now_ns)
        if len(times) == most and now_ns - times[0] < window_ns and not is_halted:
            times.clear()
            self.is_due = True

    def latched(self) -> None:
        """The level was halted, or it was told that it was not."""
        self.is_due = False

    def restart(self) -> None:
        """A start remembers nothing."""
        self._times.clear()
        self.is_due = False


class Breaker:
    """One level's breaker. The engine compares with what stood seven to eight eighths of the window
    ago; what comes together within six is beyond doubt."""

    def __init__(self) -> None:
        self._times: dict[str, deque[int]] = {}
        self._realised: deque[tuple[int, int]] = deque()
        self._is_open = False
        self._due: tuple[int, int, int] | None = None  # since when, limit, found
        self._looked_ns: int | None = None

    def restart(self, *, is_open: bool = False) -> None:
        """It opened, a person let it trade again, or the program began anew."""
        self._times.clear()
        self._realised.clear()
        self._is_open, self._due, self._looked_ns = is_open, None, None

    def count(self, kind: str, now_ns: int, guards: Row) -> None:
        """One more record of this kind."""
        name = _COUNTED.get(kind)
        if name is None or self._is_open or not guards.get(name):
            return
        times = self._times.setdefault(name, deque())
        times.append(now_ns)
        while now_ns - times[0] > _stretch_ns(guards):
            times.popleft()
        if len(times) > guards[name]:
            self._must_open(now_ns, guards[name], len(times))

    def realised(self, now_ns: int, before: int, now: int, guards: Row, dust: int) -> None:
        """The level's result moved."""
        limit = guards["breaker_loss_max_e4"]
        if limit == _OFF or not guards["breaker_window_ms"] or self._is_open:
            return
        self._realised.append((now_ns, before))
        while now_ns - self._realised[0][0] > _stretch_ns(guards):
            self._realised.popleft()
        lost = max(amount for _, amount in self._realised) - now - dust
        if lost > limit:
            self._must_open(now_ns, limit, lost)

    def overdue(self, now_ns: int) -> tuple[int, int] | None:
        """An order goes. (limit, found) when the level had to be halted before: the engine did
        something else since, and looked then. Told once."""
        if self._due is None or now_ns - self._due[0] < _LOOK_NS:
            return None
        if self._looked_ns is None:
            self._looked_ns = now_ns
        if now_ns - self._looked_ns < _LOOK_NS:
            return None
        _, limit, found = self._due
        self.restart()
        return limit, found

    def _must_open(self, now_ns: int, limit: int, found: int) -> None:
        if self._due is None:
            self._due = (now_ns, limit, found)


def _stretch_ns(guards: Row) -> int:
    stretch: int = guards["breaker_window_ms"] * _MS_NS * 3 // 4
    return stretch
