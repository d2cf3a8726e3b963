"""Incoming messages that came too early, and what is asked for again. No time, no bytes.

One request stands at a time; it is repeated only for a hole inside the answer, or by the clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.transport.fix_session.message import FixMessage

__all__ = ["EarlyMessages", "ResendWish"]


@dataclass(frozen=True, slots=True)
class ResendWish:
    """7 and 16 of a ResendRequest; `last` None = everything from `first` on."""

    first: int
    last: int | None


class EarlyMessages:
    """The queue of a session. `expected` is always the session's next expected number."""

    def __init__(self, *, queued_max: int, chunk: int) -> None:
        self._queued_max = queued_max
        self._chunk = chunk
        self._queue: dict[int, FixMessage | None] = {}  # None = already answered, only counted
        self._highest = 0
        self._until = 0  # last number that is missing; 0 = no gap
        self._asked_from = self._asked_to = 0
        self.dropped = 0  # found no place, asked for again

    @property
    def is_open(self) -> bool:
        """Whether an answer to a ResendRequest is awaited."""
        return self._until > 0

    def is_idle(self, expected: int) -> bool:
        """Nothing is missing, nothing waits."""
        return self._until == 0 and not self._queue and self._highest < expected

    def add(self, number: int, message: FixMessage | None, expected: int) -> ResendWish | None:
        """Keep one that is early; what to ask for now, if anything."""
        self._highest = max(self._highest, number)
        if len(self._queue) < self._queued_max:
            self._queue[number] = message
        else:
            self.dropped += 1
        if not self.is_open:
            return self._ask(expected, number - 1)
        is_repeated = message is not None and message.is_possible_duplicate
        if is_repeated and number <= self._until and expected != self._asked_from:
            return self._ask(expected, self._until)
        return None

    def again(self, expected: int) -> ResendWish:
        """The request once more: its answer did not come."""
        return self._ask(expected, max(self._until, expected))

    def advanced(self, expected: int) -> ResendWish | None:
        """Call when the number moved on and nothing queued fits it: the next request, if any."""
        if self.is_open and expected <= self._until:
            return self._ask(expected, self._until) if expected > self._asked_to else None
        self._until = 0
        for number in [each for each in self._queue if each < expected]:
            del self._queue[number]
        if self._highest >= expected:
            last = min(self._queue, default=self._highest + 1) - 1
            return self._ask(expected, last)
        return None

    def pop(self, expected: int) -> tuple[bool, FixMessage | None]:
        """(whether the expected number is queued, its message)."""
        if expected not in self._queue:
            return False, None
        return True, self._queue.pop(expected)

    def clear(self) -> None:
        self._queue.clear()
        self._highest = self._until = self._asked_from = self._asked_to = 0

    def _ask(self, expected: int, last: int) -> ResendWish:
        self._until = last
        self._asked_from = expected
        end = expected + self._chunk - 1
        if self._chunk and end < last:
            self._asked_to = end
            return ResendWish(expected, end)
        self._asked_to = last
        return ResendWish(expected, None)
