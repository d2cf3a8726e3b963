"""What a follower knows of the journal's health beyond its rows: whether it can be read, and
whether the running totals are the sums of their parts. Counts and words alone; must never stop a
follower."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["JournalHealth"]

CHECK_SECONDS = 5.0  # between two looks at the totals
SHARE = 0.01  # of the follower's time that they may take at most


class Totalled(Protocol):
    """What is looked at: gateway._core.journal.Replica."""

    def differing_total(self) -> str: ...


class JournalHealth:
    """Of one follower, in its thread; anybody may read it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._due_at = 0.0
        self.fault = ""  # why the journal cannot be followed, as long as that is so
        self.difference = ""  # the first total that is not its sum
        self.checks = 0

    def failed(self, fault: str) -> None:
        """A record or a segment is damaged, or contradicts the state behind the one before it."""
        self.fault = fault

    def followed(self) -> None:
        """It can be read."""
        self.fault = ""

    def check(self, replica: Totalled) -> None:
        """Reserved quantities and amounts, exposures and counts against orders and positions: now
        and then, and the seldomer the longer it takes."""
        began = self._monotonic()
        if began < self._due_at:
            return
        self.difference = replica.differing_total()
        self.checks += 1
        now = self._monotonic()
        self._due_at = now + max(CHECK_SECONDS, (now - began) / SHARE)
