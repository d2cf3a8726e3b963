"""Orders out over the private socket: no headers to sign, and the answer on the line of the events.
What has no operation there, and everything while the line is down, goes by REST: nothing of it was
sent before. Must never send again what may have left.

Operations name the instrument by its number, instIdCode (docs-v5, WS place order, copy of
2026-06-15).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from gateway.api import VenueUnavailable
from gateway.transport.rate_limit import Lane
from gateway_okx.rest import OkxRest
from gateway_okx.stream import OkxSocket

__all__ = ["SocketEntry"]

Row = TypeVar("Row")
_OPERATIONS: Final = {
    "trade/order": "order",
    "trade/batch-orders": "batch-orders",
    "trade/cancel-order": "cancel-order",
    "trade/cancel-batch-orders": "batch-cancel-orders",
    "trade/amend-order": "amend-order",
    "trade/amend-batch-orders": "batch-amend-orders",
}


class SocketEntry:
    """`socket()` is the private line of now, `code_of(symbol)` the number of an instrument."""

    def __init__(
        self,
        rest: OkxRest,
        *,
        socket: Callable[[], OkxSocket | None],
        code_of: Callable[[str], int | None],
        timeout_ms: int,
    ) -> None:
        self._rest = rest
        self._socket = socket
        self._code_of = code_of
        self._timeout_ms = timeout_ms
        self._ids = itertools.count(1)

    async def post(
        self, place: str, body: Any, type: type[Row], *, lane: Lane, is_bounded: bool = False
    ) -> list[Row]:
        """As OkxRest.post."""
        operation, socket = _OPERATIONS.get(place), self._socket()
        items = self._numbered(body)
        if operation and items and socket is not None and socket.is_up:
            term = self._rest.term()
            turn = await self._rest.turn(lane, "POST", place, body)
            self._rest.check_leave(lane, term, turn)
            key = str(next(self._ids))
            row: dict[str, Any] = {"id": key, "op": operation, "args": items}
            if is_bounded:
                row["expTime"] = self._rest.deadline_ms()
            try:
                text = msgspec.json.encode(row).decode()
                frame = await socket.ask(key, text, self._timeout_ms)
            except VenueUnavailable:  # the line fell before the first byte: REST takes its own
                self._rest.budget.give_back(*turn)
                self._rest.check_leave(lane, term)
            else:
                return self._rest.results(frame.code, frame.msg, frame.data, type, place)
        return await self._rest.post(place, body, type, lane=lane, is_bounded=is_bounded)

    def _numbered(self, body: Any) -> list[dict[str, Any]]:
        """The items with numbers for names; none when a number is not known."""
        items = []
        for item in body if isinstance(body, list) else [body]:
            code = self._code_of(item["instId"])
            if code is None:
                return []
            rest = {name: value for name, value in item.items() if name != "instId"}
            items.append({"instIdCode": code, **rest})
        return items
