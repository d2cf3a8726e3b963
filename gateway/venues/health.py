"""What is known about the way to one venue, for status, health checks and the log. Volatile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

__all__ = ["VenueHealth", "VenueStateName"]

VenueStateName = Literal[
    "down", "connecting", "maintenance", "reconciling", "reconciled", "stopped"
]


class VenueHealth:
    """State and counters of one venue. New orders flow only while `is_reconciled`."""

    def __init__(self, name: str, adapter: str) -> None:
        self.name = name
        self.adapter = adapter
        self.state: VenueStateName = "down"
        self.reason = "not connected yet"
        self.since_ns = 0
        self.counters: Counter[str] = Counter()
        self.breaks: list[str] = []
        self.unsettled: list[str] = []
        self.maintenance: dict[str, Any] | None = None  # reason and until_ns, while it lasts
        self.dead_man: Callable[[], dict[str, Any]] | None = None  # when it is configured
        self.process: Callable[[], dict[str, Any]] | None = None  # of an adapter outside

    @property
    def is_reconciled(self) -> bool:
        """True while new orders may flow."""
        return self.state == "reconciled"

    def set(self, state: VenueStateName, reason: str, now_ns: int) -> None:
        """Change the state with its reason."""
        self.state, self.reason, self.since_ns = state, reason, now_ns

    def row(self) -> dict[str, Any]:
        """The row of /v1/status."""
        return {
            "name": self.name,
            "adapter": self.adapter,
            "state": self.state,
            "reconciled": self.is_reconciled,
            "reason": self.reason,
            "since_ns": self.since_ns,
            "maintenance": self.maintenance,
            "dead_man": None if self.dead_man is None else self.dead_man(),
            "process": None if self.process is None else self.process(),
            "breaks": list(self.breaks),
            "unsettled": list(self.unsettled),
            "counters": dict(self.counters),
        }
