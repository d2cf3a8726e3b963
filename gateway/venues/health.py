"""What is known about the way to one venue, for status, health checks and the log. Volatile."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal

__all__ = ["VenueHealth", "VenueStateName"]

log = logging.getLogger(__name__)

_CODES_MAX = 64
_CODE_LENGTH_MAX = 24
_ADAPTER_COUNTS_MAX = 256
_NAME_LENGTH_MAX = 64
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
        self.outcomes: Counter[str] = Counter()  # what venues said of orders, by kind of fact
        self.rejects: Counter[str] = Counter()  # by the venue's code, the first word of its reason
        self.adapter_counts: Callable[[], Mapping[str, int]] = dict  # see gateway.api.Counted
        self.market_counts: Callable[[], Mapping[str, int]] = dict  # of an adapter in this process

    @property
    def is_reconciled(self) -> bool:
        """True while new orders may flow."""
        return self.state == "reconciled"

    def set(self, state: VenueStateName, reason: str, now_ns: int) -> None:
        """Change the state with its reason."""
        self.state, self.reason, self.since_ns = state, reason, now_ns

    def rejected(self, reason: str) -> None:
        """The venue said no. Codes beyond a bound are counted together."""
        code = reason.split(" ", 1)[0].rstrip(":")[:_CODE_LENGTH_MAX] or "none"
        is_known = code in self.rejects or len(self.rejects) < _CODES_MAX
        self.rejects[code if is_known else "other"] += 1

    def counts(self) -> dict[str, int]:
        """For the page of metrics: whole numbers by `KIND.NAME`."""
        found = {"reconciled": int(self.is_reconciled)}
        found |= {f"counter.{name}": count for name, count in self.counters.items()}
        found |= {f"outcome.{name}": count for name, count in self.outcomes.items()}
        found |= {f"reject.{code}": count for code, count in self.rejects.items()}
        found |= {f"adapter.{name}": count for name, count in self.market_counts().items()}
        try:
            told = dict(self.adapter_counts())
        except Exception as error:  # an adapter may raise anything; what it counts is no order
            log.warning("%s: counts(): %r", self.name, error)
            return found
        for name, count in list(told.items())[:_ADAPTER_COUNTS_MAX]:
            if isinstance(count, int) and isinstance(name, str):
                found[f"adapter.{name[:_NAME_LENGTH_MAX]}"] = count
        return found

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
