"""What the adapter remembers about orders while they may still speak: which of ours an id of the
venue belongs to. Bounded; what was forgotten is asked again, never guessed."""

from __future__ import annotations

import msgspec

__all__ = ["ALGO_ENDS", "KnownOrder", "OrderMemory"]

_ORDERS_MAX = 65_536
# After these words of the algo service nothing more is told. TRIGGERED is none of them: the order
# of the matching engine lives, must be told as ours, and ends with FINISHED or its own last event.
ALGO_ENDS = frozenset({"CANCELED", "EXPIRED", "REJECTED", "FINISHED"})


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
    # Spot alone: what it takes to place it anew, and how often that was done.
    type: str = ""
    time_in_force: str = ""
    generation: int = 0


class OrderMemory:
    """By client id, by the matching engine's id, and every symbol ever seen in use."""

    def __init__(self, orders_max: int = _ORDERS_MAX) -> None:
        self._orders_max = orders_max
        self._by_client: dict[str, KnownOrder] = {}
        self.named = self._by_client.get  # by client id, wherever it is
        self._by_venue_id: dict[tuple[str, int], KnownOrder] = {}  # unique per symbol alone
        self.by_key = self._by_venue_id.get  # by symbol and the venue's id
        # Conditional orders by symbol and side; those that no longer wait leave when looked at.
        self._waiting: dict[tuple[str, str], dict[str, KnownOrder]] = {}
        self.symbols: set[str] = set()

    def remember(self, order: KnownOrder) -> KnownOrder:
        """The one object of this order, brought up to date; go on with what is returned."""
        self.symbols.add(order.symbol)
        if self.is_namesake(order.client_order_id, order.symbol) and not order.is_ours:
            return order  # the name stays with ours
        known = self._by_client.get(order.client_order_id)
        if known is None or _is_another(known, order):
            known = self._by_client[order.client_order_id] = order
        else:
            _update(known, order)
        if known.venue_order_id:
            self._by_venue_id[known.symbol, known.venue_order_id] = known
        if known.is_conditional:
            place = (known.symbol, known.side)
            self._waiting.setdefault(place, {})[known.client_order_id] = known
        self._bound()
        return known

    def link(self, order: KnownOrder, venue_order_id: int) -> None:
        """The matching engine's id of an order that had none, or another one, before: that one is
        known for a while still."""
        order.venue_order_id = venue_order_id
        self._by_venue_id[order.symbol, venue_order_id] = order
        self._bound_ids()

    def by_client(self, client_order_id: str, symbol: str = "") -> KnownOrder | None:
        """`symbol`: where the order must be, "" = anywhere."""
        known = self._by_client.get(client_order_id)
        return None if known is None or symbol not in ("", known.symbol) else known

    def by_venue_id(self, symbol: str, venue_order_id: int) -> KnownOrder | None:
        return self._by_venue_id.get((symbol, venue_order_id))

    def is_namesake(self, client_order_id: str, symbol: str) -> bool:
        """Whether the name is that of an order of ours on another symbol."""
        known = self._by_client.get(client_order_id)
        return known is not None and known.is_ours and known.symbol != symbol

    def waiting(self, symbol: str, side: str) -> list[KnownOrder]:
        """Conditional orders that may be the origin of an order nobody knows."""
        found = {
            name: each
            for name, each in self._waiting.pop((symbol, side), {}).items()
            if not each.venue_order_id and not each.is_done and self._by_client.get(name) is each
        }
        if found:
            self._waiting[symbol, side] = found
        return list(found.values())

    def _bound(self) -> None:
        """Forget the oldest that have ended."""
        self._bound_ids()
        if len(self._by_client) <= self._orders_max:
            return
        for name in [name for name, each in self._by_client.items() if each.is_done][:1_024]:
            gone = self._by_client.pop(name)
            self._by_venue_id.pop((gone.symbol, gone.venue_order_id), None)
            self._waiting.get((gone.symbol, gone.side), {}).pop(name, None)

    def _bound_ids(self) -> None:
        """Forget the oldest ids under which nothing works any more: of orders that have ended, or
        bear another id since they were replaced."""
        if len(self._by_venue_id) <= 2 * self._orders_max:
            return
        found = self._by_venue_id.items()
        for key in [key for key, each in found if each.is_done or each.venue_order_id != key[1]][
            :1_024
        ]:
            del self._by_venue_id[key]


def _is_another(known: KnownOrder, order: KnownOrder) -> bool:
    """The same name again for an order of its own."""
    are_numbered = bool(known.order_id and order.order_id)
    return known.symbol != order.symbol or (are_numbered and known.order_id != order.order_id)


def _update(known: KnownOrder, order: KnownOrder) -> None:
    """What is told now, onto what was known. An end stays an end."""
    if not (order.is_conditional and known.venue_order_id):
        # Of a triggered order the algo service knows the first terms alone.
        known.price, known.quantity = order.price, order.quantity
    known.side = order.side
    known.order_id = order.order_id or known.order_id
    known.algo_id = order.algo_id or known.algo_id
    known.venue_order_id = order.venue_order_id or known.venue_order_id
    known.is_conditional |= order.is_conditional
    known.is_ours |= order.is_ours
    known.is_heard |= order.is_heard
    known.is_done |= order.is_done
    known.type = order.type or known.type
    known.time_in_force = order.time_in_force or known.time_in_force
    known.generation = max(known.generation, order.generation)
    known.is_waiting = order.is_waiting and not known.is_done
