"""What goes wrong in a program that runs for weeks, told once and not at every turn."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["Complaints", "kind_of"]

REPEAT_NS = 60 * 10**9
WELL_NS = 10 * 10**9  # without a complaint, before it is said
KINDS_MAX = 64  # remembered ones; a program with more of them tells each
_NUMBER = re.compile(r"\d+")


def kind_of(text: str) -> str:
    """The same for texts that differ in numbers alone."""
    return _NUMBER.sub("#", text)


class Complaints:
    """A kind of text is told once a minute at most."""

    def __init__(self, tell: Callable[[str], object], monotonic_ns: Callable[[], int]) -> None:
        self._tell = tell
        self._monotonic_ns = monotonic_ns
        self._kinds: dict[str, tuple[int, int]] = {}  # when it was told last, how many since
        self._last_ns = 0
        self.count = 0
        self.last = ""

    def add(self, text: str) -> None:
        self.count += 1
        self.last = text
        kind, now_ns = kind_of(text), self._monotonic_ns()
        self._last_ns = now_ns
        told_ns, silent = self._kinds.get(kind, (now_ns - REPEAT_NS, 0))
        if now_ns - told_ns < REPEAT_NS:
            self._kinds[kind] = (told_ns, silent + 1)
            return
        self._tell(f"{text} (and {silent} times before)" if silent else text)
        if len(self._kinds) < KINDS_MAX:
            self._kinds[kind] = (now_ns, 0)

    def end(self) -> None:
        """A turn went well: said once, when it has been so for a while after a complaint."""
        if self._kinds and self._monotonic_ns() - self._last_ns >= WELL_NS:
            self._tell("it goes on well again")
            self._kinds.clear()
