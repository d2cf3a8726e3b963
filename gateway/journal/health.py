"""What a follower knows of the journal's health beyond its rows: whether it can be read, and
whether the running totals are the sums of their parts. Counts and words alone; must never stop a
follower."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["JournalHealth"]

CHECK_SECONDS = 5.0  # between two looks at the totals
RETRY_SECONDS = 0.25  # until a journal that cannot be read, or is not there, is looked at again
RETRY_SECONDS_MAX = 16.0  # while it is always the same that is wrong
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
        self.retry_seconds = RETRY_SECONDS  # until it is worth another look
        self._failed: tuple[str, object] = ("", None)
        self.difference = ""  # the first total that is not its sum
        self.checks = 0

    def failed(self, fault: str, identity: object = None) -> None:
        """A record or a segment is damaged, or contradicts the state behind the one before it.
        The same again in the same journal waits longer: every look reads all that is before it."""
        is_same = self._failed == (fault, identity)
        self.retry_seconds = (
            min(2 * self.retry_seconds, RETRY_SECONDS_MAX) if is_same else RETRY_SECONDS
        )
        self.fault, self._failed = fault, (fault, identity)

    def followed(self) -> None:
        """It can be read up to its end, or is not there."""
        self.fault, self._failed, self.retry_seconds = "", ("", None), RETRY_SECONDS

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
