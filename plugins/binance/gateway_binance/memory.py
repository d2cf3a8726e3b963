"""What the adapter remembers about orders while they may still speak: which of ours an id of the
venue belongs to. Bounded; what was forgotten is asked again, never guessed."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

__all__ = ["KnownOrder", "OrderMemory"]

_ORDERS_MAX = 65_536


class KnownOrder(msgspec.Struct, kw_only=True):
    """One order by its names. `order_id` is the gateway's, 0 when it never told us."""

    client_order_id: str
    symbol: str
    side: str
    is_conditional: bool = False
    order_id: int = 0
    algo_id: int = 0
    venue_order_id: int = 0  # of the matching engine
    price: str = ""
    quantity: str = ""
    is_waiting: bool = False  # a conditional order that has not triggered
    is_done: bool = False
    is_ours: bool = False  # the gateway has sent it, or asked for it by its id
    is_heard: bool = False  # the stream has told of it


class OrderMemory:
    """By client id, by the matching engine's id, and every symbol ever seen in use."""

    def __init__(self) -> None:
        self._by_client: dict[str, KnownOrder] = {}
        self._by_venue_id: dict[int, KnownOrder] = {}
        self.symbols: set[str] = set()

    def remember(self, order: KnownOrder) -> KnownOrder:
        known = self._by_client.get(order.client_order_id)
        if known is not None:
            order.order_id = order.order_id or known.order_id
            order.is_ours = order.is_ours or known.is_ours
            order.is_heard = order.is_heard or known.is_heard
            if known.venue_order_id and not order.venue_order_id:
                order.venue_order_id = known.venue_order_id
        self._by_client[order.client_order_id] = order
        self.symbols.add(order.symbol)
        if order.venue_order_id:
            self._by_venue_id[order.venue_order_id] = order
        self._bound()
        return order

    def link(self, order: KnownOrder, venue_order_id: int) -> None:
        """The matching engine's id of an order that had none, or another one, before."""
        order.venue_order_id = venue_order_id
        self._by_venue_id[venue_order_id] = order

    def by_client(self, client_order_id: str) -> KnownOrder | None:
        return self._by_client.get(client_order_id)

    def by_venue_id(self, venue_order_id: int) -> KnownOrder | None:
        return self._by_venue_id.get(venue_order_id)

    def waiting(self, symbol: str, side: str) -> Iterable[KnownOrder]:
        """Conditional orders that may be the origin of an order nobody knows."""
        return [
            each
            for each in self._by_client.values()
            if each.is_conditional
            and not each.venue_order_id
            and not each.is_done
            and (each.symbol, each.side) == (symbol, side)
        ]

    def _bound(self) -> None:
        """Forget the oldest that have ended."""
        if len(self._by_client) <= _ORDERS_MAX:
            return
        for name in [name for name, each in self._by_client.items() if each.is_done][:1_024]:
            gone = self._by_client.pop(name)
            self._by_venue_id.pop(gone.venue_order_id, None)
