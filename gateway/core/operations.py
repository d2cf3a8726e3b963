"""What is done to the gateway rather than through it, as journal records: configuration, plugins,
logins, the clock, commands. Off the order path; no secret may ever be handed to it, and a flood of
strangers can neither fill the journal nor go by uncounted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING

from gateway.process import KernelClock, kernel_clock

if TYPE_CHECKING:
    from gateway._core.engine import Engine as NativeEngine

__all__ = ["GATEWAY", "ClockWatch", "Operation", "OperationLog"]

log = logging.getLogger(__name__)
GATEWAY = "gateway"
BURST_MAX = 256  # of notes at once; a start writes one for each plugin and each file
PER_SECOND = 4.0
STRANGERS_BURST_MAX = 128  # a budget of their own: it takes nothing from those who have a key
STRANGERS_PER_SECOND = 2.0
REPORTS_BURST_MAX = 256  # likewise: what programs report keeps no person's command out
REPORTS_PER_SECOND = 4.0
USES_MAX = 4096  # first uses of keys that are remembered
_ACTOR, _SUBJECT, _TEXT = 40, 88, 64  # bytes of record/operation.hpp


class Operation(IntEnum):
    """The numbers of core_ext/include/gateway_core/record/operation.hpp."""

    CONFIGURATION_LOADED = 1
    CONFIGURATION_RELOADED = 2
    CONFIGURATION_REFUSED = 3
    PLUGIN_LOADED = 4
    PLUGIN_UNLOADED = 5
    PLUGIN_REFUSED = 6
    LOGGED_IN = 7
    LOGIN_REFUSED = 8
    LOGGED_OUT = 9
    CLOCK_QUALITY = 10
    CONTROL_COMMAND = 11
    MARGIN_CALLED = 12


class OperationLog:
    """Writes one record per operation. Event-loop thread only; never raises."""

    def __init__(self, native: NativeEngine, clock_ns: Callable[[], int] | None = None) -> None:
        self._native = native
        self._clock_ns = clock_ns or native.now_ns
        now_ns = self._clock_ns()
        self._budget = _Budget(BURST_MAX, PER_SECOND, now_ns)
        self._strangers = _Budget(STRANGERS_BURST_MAX, STRANGERS_PER_SECOND, now_ns)
        self._reports = _Budget(REPORTS_BURST_MAX, REPORTS_PER_SECOND, now_ns)
        self._unnoted = 0
        self._used: set[tuple[str, str]] = set()

    def note(
        self,
        operation: Operation,
        *,
        subject: str,
        actor: str = GATEWAY,
        detail: str = "",
        reason: str = "",
        digest: str = "",
        values: tuple[int, int, int] = (-1, -1, -1),
        principal: int = 0,
        is_report: bool = False,
    ) -> int:
        """The record's sequence, 0 when there was no room for it; the next one says how many.
        `is_report`: nobody commanded anything; a budget of its own."""
        is_stranger = operation is Operation.LOGIN_REFUSED
        budget = self._reports if is_report else self._strangers if is_stranger else self._budget
        if not budget.take(self._clock_ns()):
            self._unnoted += 1
            return 0
        try:
            sequence = self._native.note_operation(
                operation,
                _plain(actor, _ACTOR),
                _plain(subject, _SUBJECT),
                _plain(detail, _TEXT),
                _plain(reason, _TEXT),
                bytes.fromhex(digest),
                values,
                self._unnoted,
                principal,
            )
        except (RuntimeError, ValueError) as error:
            self._unnoted += 1
            log.error("%s of %s is not in the journal: %s", operation.name, subject, error)
            return 0
        self._unnoted = 0
        return sequence

    def is_first_use(self, door: str, key: str) -> bool:
        """Whether no use of this key by this door was noted since the start."""
        return (door, key) not in self._used and len(self._used) < USES_MAX

    def used(self, door: str, key: str) -> None:
        """Its first use stands in the journal."""
        self._used.add((door, key))


class _Budget:
    """So many notes at once and so many a second."""

    def __init__(self, burst_max: int, per_second: float, now_ns: int) -> None:
        self._burst_max, self._per_second = burst_max, per_second
        self._left, self._filled_ns = float(burst_max), now_ns

    def take(self, now_ns: int) -> bool:
        gained = max(now_ns - self._filled_ns, 0) * self._per_second / 1e9
        self._left, self._filled_ns = min(self._left + gained, self._burst_max), now_ns
        if self._left < 1:
            return False
        self._left -= 1
        return True


class ClockWatch:
    """Notes how good the wall clock is: at the start, and when that changes."""

    def __init__(
        self,
        operations: OperationLog,
        read: Callable[[], KernelClock] = kernel_clock,
    ) -> None:
        self._operations, self._read = operations, read
        self._told: KernelClock | None = None

    def look(self) -> None:
        """Another source, in or out of step, or an error bound four times or a quarter of what was
        told last."""
        found = self._read()
        if self._told is not None and not _has_changed(self._told, found):
            return
        values = (found.bound_ns, found.estimate_ns, found.offset_ns)
        detail = "synchronised" if found.is_synchronised else "unsynchronised"
        reason = "start" if self._told is None else "changed"
        if self._operations.note(
            Operation.CLOCK_QUALITY,
            subject=found.source or "unknown",
            detail=detail,
            reason=reason,
            values=values,
        ):
            self._told = found


def _has_changed(told: KernelClock, found: KernelClock) -> bool:
    if (told.source, told.is_synchronised) != (found.source, found.is_synchronised):
        return True
    if not found.is_synchronised:
        return False  # its bound grows for ever and says nothing
    low, high = sorted((max(told.bound_ns, 1), max(found.bound_ns, 1)))
    return high >= 4 * low


def _plain(text: str, room: int) -> str:
    """Printable ASCII that fits; of what is too long the end counts, it tells more of a path."""
    shown = "".join(each if " " <= each <= "~" else "?" for each in text)
    return shown if len(shown) <= room else "..." + shown[3 - room :]
