"""Which addresses failed to log on too often within a minute. Time is an argument.

Must never hold more than `addresses_max` of them: the one that is quiet longest is forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict, deque

__all__ = ["FailedLogons"]

_MINUTE_NS = 60_000_000_000


class FailedLogons:
    """Times of the failures by address. `per_minute` 0 = no limit, nothing is kept."""

    def __init__(self, per_minute: int, addresses_max: int = 10_000) -> None:
        self._per_minute = per_minute
        self._addresses_max = addresses_max
        self._times: OrderedDict[str, deque[int]] = OrderedDict()  # by their newest failure

    def __len__(self) -> int:
        return len(self._times)

    def add(self, address: str, now_ns: int) -> None:
        """One more failure; what is of no use any more goes."""
        if not self._per_minute:
            return
        self._times.setdefault(address, deque(maxlen=self._per_minute)).append(now_ns)
        self._times.move_to_end(address)
        self._forget_expired(now_ns)
        while len(self._times) > self._addresses_max:
            self._times.popitem(last=False)

    def is_over(self, address: str, now_ns: int) -> bool:
        """Whether this address has to wait."""
        times = self._times.get(address)
        if times is None:
            return False
        return sum(each >= now_ns - _MINUTE_NS for each in times) >= self._per_minute

    def _forget_expired(self, now_ns: int) -> None:
        while self._times:
            times = next(iter(self._times.values()))
            if times[-1] >= now_ns - _MINUTE_NS:
                return
            self._times.popitem(last=False)
