"""The door for Python code inside the process: the same desk, without a socket in between.

For a program that runs a daemon itself (docs/reference/api.md). Never a way around a check.
"""

from __future__ import annotations

from typing import Any

from gateway.entry import strict_json
from gateway.entry.api_messages import LinkedOrders, NewOrderMessage, ReplaceOrderMessage
from gateway.entry.desk import Desk
from gateway.entry.keys import Identity
from gateway.execution.router import Submitted

__all__ = ["InProcessClient"]


class InProcessClient:
    """One principal's client. Event-loop thread only.

    Messages are checked exactly as those of the other doors, and the engine checks what the
    principal may do; only the key is not asked for, because whoever runs in the process could read
    it anyway. `who.scopes` says what this client may do at most.

    Prices and quantities are decimal text, order ids are decimal strings, times are UTC ns. An
    order comes back as the row of docs/reference/api.md. Every call raises RefusedError with the
    code of docs/reference/refusals.md; after a refusal the state is unchanged. `UNKNOWN_OUTCOME`
    says that the verdict did not come in time: say the same again under the same client order id.
    """

    def __init__(self, desk: Desk, who: Identity) -> None:
        """`desk`: that of a running daemon; until it runs, orders are refused with `NOT_READY`."""
        self._desk = desk
        self._who = who

    async def submit(self, **fields: Any) -> Submitted:
        """A new order; the fields are those of POST /v1/orders. It returns once the engine took the
        order, not once the venue did. The same client order id with the same content is the same
        order: `is_new` is False, and nothing is sent."""
        return await self._desk.submit(self._who, strict_json.convert(fields, NewOrderMessage))

    async def submit_linked(self, link: str, orders: list[dict[str, Any]]) -> list[Submitted]:
        """Orders that live and end together (`link`: oco, ouo, bracket), 2 to 8, each with the
        fields of `submit`: all are taken or none."""
        group = strict_json.convert({"link": link, "orders": orders}, LinkedOrders)
        return await self._desk.submit_linked(self._who, group)

    async def cancel(self, order_id: str) -> dict[str, Any]:
        """Ask the venue to cancel one order. The row, with `pending` = cancel until it answered."""
        return await self._desk.cancel(self._who, order_id)

    async def replace(self, order_id: str, **fields: Any) -> Submitted:
        """Ask the venue to change one order; `client_order_id`, `quantity` (the total), `price`, of
        which what is left out stays. The same content under the same client order id is the same
        change: `is_new` is False."""
        message = strict_json.convert(fields, ReplaceOrderMessage)
        return await self._desk.replace(self._who, order_id, message)

    async def mass_cancel(self, **names: str) -> int:
        """Cancel every open order that matches all of `account`, `strategy`, `instrument` and
        `venue`, as far as they are given, and that the principal may cancel. How many cancels were
        sent."""
        return (await self._desk.mass_cancel(self._who, names)).sent

    def order(self, order_id: str) -> dict[str, Any]:
        """One order as it is now."""
        return self._desk.order(self._who, order_id)
