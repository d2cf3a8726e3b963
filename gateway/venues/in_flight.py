"""Requests that left and have no answer yet. An answer or the deadline ends each one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

__all__ = ["InFlight", "RequestKind", "Waiting"]

RequestKind = Literal["new", "cancel", "replace"]


class Waiting(NamedTuple):
    """One unanswered request."""

    order_id: int
    kind: RequestKind
    deadline_ns: int


class InFlight:
    """Keyed by (order, kind): at most one new, one cancel and one replace of an order at a time."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, RequestKind], Waiting] = {}
        self.waiting: Mapping[tuple[int, RequestKind], Waiting] = self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, order_id: int, kind: RequestKind, deadline_ns: int) -> None:
        """The request is about to leave."""
        self._waiting[order_id, kind] = Waiting(order_id, kind, deadline_ns)

    def holds(self, order_id: int, kind: RequestKind) -> bool:
        """True while the request has no answer."""
        return (order_id, kind) in self._waiting

    def answered(self, order_id: int, *kinds: RequestKind) -> None:
        """An answer came; without kinds it answers everything of the order."""
        for kind in kinds or ("new", "cancel", "replace"):
            self._waiting.pop((order_id, kind), None)

    def of_order(self, order_id: int) -> RequestKind | None:
        """The oldest kind that waits for this order."""
        for kind in ("new", "cancel", "replace"):
            if (order_id, kind) in self._waiting:
                return kind
        return None

    def expired(self, now_ns: int) -> list[Waiting]:
        """Take out what is past its deadline. Deadlines rise in insertion order."""
        late: list[Waiting] = []
        for waiting in self._waiting.values():
            if waiting.deadline_ns > now_ns:
                break
            late.append(waiting)
        for waiting in late:
            del self._waiting[waiting.order_id, waiting.kind]
        return late
