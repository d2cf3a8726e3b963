"""Misbehaviour on request, for tests of those who must survive it. Nothing happens unless an
admin call asks for it."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["FaultName", "FaultRequest", "Faults"]

FaultName = Literal[
    "ack_drop",  # executes, never answers
    "silent",  # neither executes nor answers
    "disconnect",  # cuts the connection, nothing executed
    "execute_disconnect",  # executes, then cuts the connection
    "error_500",  # answers 500, nothing executed
    "execute_error_500",  # executes, then answers 500
    "reject",  # refuses with 400 simulated_reject
    "stream_drop",  # leaves events out of the stream: a sequence gap
    "stream_duplicate",  # sends stream events twice
]
Operation = Literal["submit", "cancel", "replace", "cancel_all", "mode", "query", "stream", "any"]


class FaultRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arm `fault` for the next `count` uses of `operation`; None = until cleared."""

    fault: FaultName
    operation: Operation = "any"
    count: int | None = 1


class Faults:
    """The armed faults, oldest first."""

    def __init__(self) -> None:
        self._armed: list[tuple[FaultRequest, int | None]] = []

    def arm(self, request: FaultRequest) -> None:
        self._armed.append((request, request.count))

    def clear(self) -> None:
        self._armed.clear()

    def rows(self) -> list[dict[str, object]]:
        return [
            {"fault": request.fault, "operation": request.operation, "left": left}
            for request, left in self._armed
        ]

    def take(self, operation: str) -> FaultName | None:
        """The fault that hits this use of `operation`, counted down."""
        for index, (request, left) in enumerate(self._armed):
            is_stream_fault = request.fault.startswith("stream_")
            if is_stream_fault != (operation == "stream"):
                continue
            if request.operation not in (operation, "any"):
                continue
            if left is not None and left <= 1:
                del self._armed[index]
            elif left is not None:
                self._armed[index] = (request, left - 1)
            return request.fault
        return None
