"""The door for Python code inside the process: the same desk, without a socket in between."""

from __future__ import annotations

from typing import Any

from gateway.entry import strict_json
from gateway.entry.api_messages import LinkedOrders, NewOrderMessage, ReplaceOrderMessage
from gateway.entry.desk import Desk
from gateway.entry.keys import Identity
from gateway.execution.router import Submitted

__all__ = ["InProcessClient"]


class InProcessClient:
    """One principal's client. Messages are checked exactly as those of the other doors."""

    def __init__(self, desk: Desk, who: Identity) -> None:
        self._desk = desk
        self._who = who

    async def submit(self, **fields: Any) -> Submitted:
        """A new order; the fields of NewOrderMessage. Raises RefusedError."""
        return await self._desk.submit(self._who, strict_json.convert(fields, NewOrderMessage))

    async def submit_linked(self, link: str, orders: list[dict[str, Any]]) -> list[Submitted]:
        """Orders that live and end together, all or none. Raises RefusedError."""
        group = strict_json.convert({"link": link, "orders": orders}, LinkedOrders)
        return await self._desk.submit_linked(self._who, group)

    async def cancel(self, order_id: str) -> dict[str, Any]:
        """Cancel one order."""
        return await self._desk.cancel(self._who, order_id)

    async def replace(self, order_id: str, **fields: Any) -> Submitted:
        """Change one order; the fields of ReplaceOrderMessage. `is_new` False: seen before."""
        message = strict_json.convert(fields, ReplaceOrderMessage)
        return await self._desk.replace(self._who, order_id, message)

    async def mass_cancel(self, **names: str) -> int:
        """Cancel what matches all names."""
        return await self._desk.mass_cancel(self._who, names)

    def order(self, order_id: str) -> dict[str, Any]:
        """One order row."""
        return self._desk.order(self._who, order_id)
