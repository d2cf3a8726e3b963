"""What one budget of a venue counts, and how what was spent comes back: the five models of
gateway.api.RateLimit, each a handful of integers.

Must never let more through than the venue would. Clocks and wires are not exact: every model holds
when each request is counted by the venue up to `guard_ns` before or after the time told here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final, Protocol

from gateway.api import RateLimit

__all__ = ["NEVER_NS", "Bucket", "Counter", "Earned", "Recent", "Rolling", "Window", "counter_of"]

NEVER_NS: Final = 1 << 62  # "wait for ever": only trading or the venue's own word can help
SECOND_NS: Final = 1_000_000_000
ROLLING_SLOTS: Final = 64


class Counter(Protocol):
    """One budget. Time is an argument; times may repeat and may fall."""

    def capacity(self) -> int:
        """What may stand on the counter."""

    def used(self, now_ns: int) -> int:
        """What stands on the counter, rounded up."""

    def wait_ns(self, cost: int, ceiling: int, now_ns: int) -> int:
        """How long until `cost` (at most `ceiling`) fits below the ceiling if nobody else spends;
        0 = now."""

    def spend(self, cost: int, now_ns: int) -> None:
        """Count it, whether it fits or not."""

    def give_back(self, cost: int, spent_ns: int, now_ns: int) -> None:
        """What was spent then was not: take it off, as far as it still counts."""

    def settle(self, used: int, now_ns: int) -> None:
        """The counter stands at `used`: the venue said so."""

    def room_ns(self, per_second: Fraction, ceiling: int, now_ns: int) -> int | None:
        """When the ceiling is met at this pace; None = never."""

    def dump(self) -> list[int]:
        """The state in at most 128 numbers."""

    def load(self, state: Sequence[int]) -> None:
        """The reverse of `dump`. Raises ValueError for what it never wrote."""

    def fill(self, now_ns: int) -> None:
        """The state is lost: assume that everything was spent just now."""

    def idle_from_ns(self) -> int:
        """From then on a new counter would say the same."""


class Window:
    """`capacity` per window; windows turn on whole multiples of the window since 1970. What is
    spent within the guard of a turn counts in both windows, for the venue may see it in either."""

    def __init__(self, capacity: int, window_ns: int, guard_ns: int) -> None:
        self._capacity = capacity
        self._window_ns = window_ns
        self._guard_ns = min(guard_ns, window_ns // 4)
        self._counts: dict[int, int] = {}  # of at most two windows
        # The window that surely is the venue's too, from here to there: most questions are in it.
        self._sure, self._from_ns, self._to_ns = (0,), 0, 0

    def capacity(self) -> int:
        return self._capacity

    def used(self, now_ns: int) -> int:
        if self._from_ns <= now_ns < self._to_ns:
            return self._counts.get(self._sure[0], 0)
        return max(self._counts.get(each, 0) for each in self._windows(now_ns))

    def wait_ns(self, cost: int, ceiling: int, now_ns: int) -> int:
        at_ns = now_ns
        if self.used(now_ns) + cost <= ceiling:
            return 0
        while self.used(at_ns) + cost > ceiling:
            full = max(
                each for each in self._windows(at_ns) if self._counts.get(each, 0) + cost > ceiling
            )
            at_ns = (full + 1) * self._window_ns + self._guard_ns
        return at_ns - now_ns

    def spend(self, cost: int, now_ns: int) -> None:
        counts = self._counts
        for each in self._windows(now_ns):
            counts[each] = counts.get(each, 0) + cost
        if len(counts) > 1:  # not only the one that was just written
            self._forget(now_ns)

    def give_back(self, cost: int, spent_ns: int, now_ns: int) -> None:
        for each in self._windows(spent_ns):
            if each in self._counts:
                self._counts[each] = max(0, self._counts[each] - cost)

    def settle(self, used: int, now_ns: int) -> None:
        for each in self._windows(now_ns):
            is_sure = len(self._windows(now_ns)) == 1
            self._counts[each] = used if is_sure else max(used, self._counts.get(each, 0))
        self._forget(now_ns)

    def room_ns(self, per_second: Fraction, ceiling: int, now_ns: int) -> int | None:
        left = max(0, ceiling - self.used(now_ns))
        turn_ns = self._window_ns - now_ns % self._window_ns
        needed_ns = _time_ns(left, per_second)
        return None if needed_ns is None or needed_ns >= turn_ns else needed_ns

    def dump(self) -> list[int]:
        pairs = [*sorted(self._counts.items()), (0, 0), (0, 0)][:2]
        return [part for pair in pairs for part in pair]

    def load(self, state: Sequence[int]) -> None:
        first, used, last, used_last = state
        self._counts = {at: count for at, count in ((first, used), (last, used_last)) if count}

    def fill(self, now_ns: int) -> None:
        self._counts = dict.fromkeys(self._windows(now_ns), self._capacity)

    def idle_from_ns(self) -> int:
        return (max(self._counts, default=-1) + 1) * self._window_ns + self._guard_ns

    def _windows(self, now_ns: int) -> tuple[int, ...]:
        if self._from_ns <= now_ns < self._to_ns:
            return self._sure
        first = (now_ns - self._guard_ns) // self._window_ns
        last = (now_ns + self._guard_ns) // self._window_ns
        if first != last:
            return (first, last)
        self._sure = (first,)
        self._from_ns = first * self._window_ns + self._guard_ns
        self._to_ns = (first + 1) * self._window_ns - self._guard_ns
        return self._sure

    def _forget(self, now_ns: int) -> None:
        keep = self._windows(now_ns)
        self._counts = {at: used for at, used in self._counts.items() if at in keep}


class Bucket:
    """Both "credits" and "decaying": what was spent flows off at `refill` per second. Kept as the
    time at which nothing is left of it, so that a state is one number and nothing is rounded."""

    def __init__(self, capacity: int, refill: Fraction, guard_ns: int) -> None:
        self._capacity = capacity
        self._unit_ns = Fraction(SECOND_NS) / refill
        self._guard_ns = guard_ns
        self._empty_ns = 0

    def capacity(self) -> int:
        return self._capacity

    def used(self, now_ns: int) -> int:
        return -int(-max(0, self._debt_end(now_ns) - now_ns) // self._unit_ns)

    def wait_ns(self, cost: int, ceiling: int, now_ns: int) -> int:
        # It flows off from `guard` later on, for the venue may count the spending that much later.
        busy_until = max(self._debt_end(now_ns) + self._guard_ns, now_ns)
        return max(0, busy_until + self._length_ns(cost) - now_ns - self._length_ns(ceiling))

    def spend(self, cost: int, now_ns: int) -> None:
        self._empty_ns = max(self._debt_end(now_ns), now_ns) + self._length_ns(cost)

    def give_back(self, cost: int, spent_ns: int, now_ns: int) -> None:
        # What may have flowed off since is gone: behind it the bucket may have been filled anew.
        left_ns = self._length_ns(cost) - max(0, now_ns - spent_ns)
        self._empty_ns -= max(0, left_ns)

    def settle(self, used: int, now_ns: int) -> None:
        self._empty_ns = now_ns + self._length_ns(used)

    def room_ns(self, per_second: Fraction, ceiling: int, now_ns: int) -> int | None:
        net = per_second - SECOND_NS / self._unit_ns
        return _time_ns(max(0, ceiling - self.used(now_ns)), net)

    def dump(self) -> list[int]:
        return [self._empty_ns]

    def load(self, state: Sequence[int]) -> None:
        [self._empty_ns] = state

    def fill(self, now_ns: int) -> None:
        self.settle(self._capacity, now_ns)

    def idle_from_ns(self) -> int:
        return self._empty_ns + self._guard_ns

    def _length_ns(self, units: int) -> int:
        return -int(-units * self._unit_ns // 1)

    def _debt_end(self, now_ns: int) -> int:
        """A clock that was set back must not leave a debt of years."""
        return min(self._empty_ns, now_ns + self._length_ns(4 * self._capacity))


class Rolling:
    """`capacity` in any stretch of a window. Each spending is kept until it has left the window;
    where more than the slots hold could be, they are kept by time slices, counted to their end."""

    def __init__(self, capacity: int, window_ns: int, guard_ns: int) -> None:
        self._capacity = capacity
        # Two requests may arrive closer together than they left.
        self._window_ns = window_ns + guard_ns
        few = capacity <= ROLLING_SLOTS
        self._slice_ns = 1 if few else -(-self._window_ns // (ROLLING_SLOTS - 2))
        self._spent: list[tuple[int, int]] = []  # (time, cost), oldest first
        self._total = 0  # of all that is kept

    def capacity(self) -> int:
        return self._capacity

    def used(self, now_ns: int) -> int:
        used, horizon_ns = self._total, now_ns - self._window_ns
        for at, cost in self._spent:
            if at > horizon_ns:
                break
            used -= cost
        return used

    def wait_ns(self, cost: int, ceiling: int, now_ns: int) -> int:
        used = self.used(now_ns)
        if used + cost <= ceiling:
            return 0
        for at, freed in self._spent:
            if at + self._window_ns > now_ns:
                used -= freed
                if used + cost <= ceiling:
                    return at + self._window_ns - now_ns
        return NEVER_NS  # not reached: with nothing left in the window `cost` fits

    def spend(self, cost: int, now_ns: int) -> None:
        self._forget(now_ns)
        spent = self._spent
        at = -(-now_ns // self._slice_ns) * self._slice_ns
        self._total += cost
        if spent and (spent[-1][0] >= at or len(spent) >= ROLLING_SLOTS):
            last_at, last = spent.pop()
            at, cost = max(at, last_at), cost + last
        spent.append((at, cost))

    def give_back(self, cost: int, spent_ns: int, now_ns: int) -> None:
        at = -(-spent_ns // self._slice_ns) * self._slice_ns
        if at <= now_ns - self._window_ns:
            return
        for place, (kept_at, kept) in enumerate(self._spent):
            if kept_at >= at:  # where it stands, alone or with what came behind it
                taken = min(cost, kept) if kept_at == at or kept > cost else 0
                self._spent[place] = (kept_at, kept - taken)
                self._total -= taken
                return

    def _forget(self, now_ns: int) -> None:
        """What has left the window. What lies far ahead was told by a clock that has been set back
        since."""
        spent, gone, horizon_ns = self._spent, 0, now_ns - self._window_ns
        for at, cost in spent:
            if at > horizon_ns:
                break
            gone, self._total = gone + 1, self._total - cost
        if gone:
            del spent[:gone]
        latest_ns = now_ns + self._slice_ns
        if spent and spent[-1][0] > latest_ns:
            spent[:] = [(min(at, latest_ns), cost) for at, cost in spent]

    def settle(self, used: int, now_ns: int) -> None:
        surplus = self.used(now_ns) - used
        if surplus < 0:
            return self.spend(-surplus, now_ns)
        kept = []
        for at, cost in self._spent:  # The oldest go first: what stays binds longest.
            taken = min(cost, surplus)
            surplus -= taken
            if cost > taken:
                kept.append((at, cost - taken))
        self._keep(kept)

    def room_ns(self, per_second: Fraction, ceiling: int, now_ns: int) -> int | None:
        if per_second * self._window_ns <= ceiling * SECOND_NS:
            return None
        return _time_ns(max(0, ceiling - self.used(now_ns)), per_second)

    def dump(self) -> list[int]:
        return [part for pair in self._spent for part in pair]

    def load(self, state: Sequence[int]) -> None:
        self._keep(list(zip(state[0::2], state[1::2], strict=True)))

    def fill(self, now_ns: int) -> None:
        self._keep([(now_ns, self._capacity)])

    def idle_from_ns(self) -> int:
        return max((at for at, _ in self._spent), default=0) + self._window_ns

    def _keep(self, spent: list[tuple[int, int]]) -> None:
        self._spent, self._total = spent, sum(cost for _, cost in spent)


class Earned:
    """`capacity` to begin with, and `refill` more per unit of quote currency traded; what is spent
    never comes back."""

    def __init__(self, capacity: int, refill: Fraction) -> None:
        self._capacity = capacity
        self._refill = refill
        self._used = 0
        self._earned_e6 = 0

    def capacity(self) -> int:
        return self._capacity + self._earned_e6 // 1_000_000

    def earn(self, volume: Fraction) -> None:
        """So much was traded."""
        self._earned_e6 += int(volume * self._refill * 1_000_000)

    def used(self, now_ns: int) -> int:
        return self._used

    def wait_ns(self, cost: int, ceiling: int, now_ns: int) -> int:
        return 0 if self._used + cost <= ceiling else NEVER_NS

    def spend(self, cost: int, now_ns: int) -> None:
        self._used += cost

    def give_back(self, cost: int, spent_ns: int, now_ns: int) -> None:
        self._used = max(0, self._used - cost)

    def settle(self, used: int, now_ns: int) -> None:
        self._used = used

    def room_ns(self, per_second: Fraction, ceiling: int, now_ns: int) -> int | None:
        return _time_ns(max(0, ceiling - self._used), per_second)

    def dump(self) -> list[int]:
        return [self._used, self._earned_e6]

    def load(self, state: Sequence[int]) -> None:
        self._used, self._earned_e6 = state

    def fill(self, now_ns: int) -> None:
        self._used, self._earned_e6 = self._capacity, 0

    def idle_from_ns(self) -> int:
        return NEVER_NS


class Recent:
    """What was spent lately, by quarter seconds: how much the venue may not have counted yet when
    it tells its count, and how fast we spend."""

    SLICES: Final = 16
    SLICE_NS: Final = SECOND_NS // 4

    def __init__(self) -> None:
        self._latest = 0
        self._costs = [0] * self.SLICES

    def spend(self, cost: int, now_ns: int) -> None:
        """Count it."""
        if now_ns // self.SLICE_NS != self._latest:
            self._roll(now_ns)
        self._costs[self._latest % self.SLICES] += cost

    def give_back(self, cost: int, spent_ns: int, now_ns: int) -> None:
        """As a counter's."""
        self._roll(now_ns)
        if self._latest - self.SLICES < spent_ns // self.SLICE_NS <= self._latest:
            place = spent_ns // self.SLICE_NS % self.SLICES
            self._costs[place] = max(0, self._costs[place] - cost)

    def since(self, at_ns: int, now_ns: int, *, is_partly: bool) -> int:
        """What was spent after `at_ns`; the slice in which it lies counts when `is_partly`."""
        self._roll(now_ns)
        first = at_ns // self.SLICE_NS + (0 if is_partly else 1)
        first = max(first, self._latest - self.SLICES + 1)
        return sum(self._costs[each % self.SLICES] for each in range(first, self._latest + 1))

    def per_second(self, now_ns: int) -> Fraction:
        """The pace of the last four seconds."""
        self._roll(now_ns)
        return Fraction(sum(self._costs), self.SLICES) * Fraction(SECOND_NS, self.SLICE_NS)

    def dump(self) -> list[int]:
        """The state, SLICES + 1 numbers."""
        return [self._latest, *self._costs]

    def idle_from_ns(self) -> int:
        """From then on nothing of it counts."""
        return (self._latest + self.SLICES) * self.SLICE_NS

    def load(self, state: Sequence[int]) -> None:
        """The reverse of `dump`."""
        self._latest, self._costs = state[0], list(state[1:])

    def _roll(self, now_ns: int) -> None:
        latest = now_ns // self.SLICE_NS
        if abs(latest - self._latest) >= self.SLICES:
            self._costs = [0] * self.SLICES
            self._latest = latest
        while self._latest < latest:
            self._latest += 1
            self._costs[self._latest % self.SLICES] = 0


def _time_ns(units: int, per_second: Fraction) -> int | None:
    return int(units * SECOND_NS / per_second) if per_second > 0 else None


def counter_of(limit: RateLimit, guard_ns: int) -> Counter:
    """The counter of a declared limit. Raises ValueError for one that makes no sense."""
    makers: dict[str, Callable[[], Counter]] = {
        "window": lambda: Window(limit.capacity, limit.window_ms * 1_000_000, guard_ns),
        "rolling": lambda: Rolling(limit.capacity, limit.window_ms * 1_000_000, guard_ns),
        "credits": lambda: Bucket(limit.capacity, Fraction(limit.refill), guard_ns),
        "decaying": lambda: Bucket(limit.capacity, Fraction(limit.refill), guard_ns),
        "volume_earned": lambda: Earned(limit.capacity, Fraction(limit.refill)),
    }
    is_timed = limit.model in ("window", "rolling")
    is_right = limit.window_ms > 0 if is_timed else Fraction(limit.refill) > 0
    if limit.capacity < 1 or not is_right:
        raise ValueError(f"limit {limit.name}: {limit.model} of {limit.capacity} has no meaning")
    return makers[limit.model]()
