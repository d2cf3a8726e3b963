"""What this adapter knows of orders: OKX asks for the instrument in every question, and an algo
order has three ids in its life. Bounded; forgetting costs a search and never an order."""

from __future__ import annotations

import msgspec

__all__ = ["KnownOrder", "KnownOrders", "key_of"]

_ENDED_MAX = 20_000
_CHILDREN_MAX = 20_000
_FOREIGN_MAX = 20_000


def key_of(client_id: str, venue_id: str) -> str:
    """The client id, or the venue's for an order that a person placed without one. No client id
    has a # in it."""
    return client_id or f"#{venue_id}"


class KnownOrder(msgspec.Struct, kw_only=True):
    """`order_id` is the gateway's, 0 for an order that this process did not send."""

    client_id: str
    symbol: str
    order_id: int = 0
    is_algo: bool = False
    algo_id: str = ""
    child_id: str = ""  # of the plain order an algo order has become
    # The request that no answer and no push has settled yet: "", new, cancel or replace. A push
    # may come before the answer that got lost, and then nothing is unknown.
    awaited: str = ""
    is_ended: bool = False


class KnownOrders:
    """By `key_of`; children of algo orders by their own id too."""

    def __init__(self) -> None:
        self._orders: dict[str, KnownOrder] = {}
        self._children: dict[str, str] = {}
        self._ended: dict[str, None] = {}
        self._foreign: dict[str, None] = {}  # not sent by this process, and not known to have ended

    @property
    def size(self) -> int:
        return len(self._orders)

    def note(
        self,
        client_id: str,
        symbol: str,
        *,
        order_id: int = 0,
        is_algo: bool = False,
        algo_id: str = "",
        child_id: str = "",
    ) -> KnownOrder:
        """Take in what was learned; what is known already stays."""
        order = self._orders.get(client_id)
        if order is None:
            order = self._orders[client_id] = KnownOrder(client_id=client_id, symbol=symbol)
        order.order_id = order_id or order.order_id
        order.is_algo |= is_algo
        order.algo_id = algo_id or order.algo_id
        if child_id:
            order.child_id = child_id
            self._children[child_id] = client_id
            _trim(self._children, _CHILDREN_MAX)
        if order.order_id:
            self._foreign.pop(client_id, None)
        elif not order.is_ended:
            self._foreign.setdefault(client_id)
            self._forget_beyond(_FOREIGN_MAX, self._foreign)
        return order

    def get(self, client_id: str) -> KnownOrder | None:
        return self._orders.get(client_id)

    def parent_of(self, child_id: str) -> str:
        """The client id of the algo order behind a plain one, or ""."""
        key = self._children.get(child_id, "")
        return "" if key.startswith("#") else key

    def end(self, order: KnownOrder) -> None:
        """It may still be asked about; the oldest ended ones are forgotten."""
        order.is_ended = True
        order.awaited = ""
        self._foreign.pop(order.client_id, None)
        self._ended.pop(order.client_id, None)
        self._ended[order.client_id] = None
        self._forget_beyond(_ENDED_MAX, self._ended)

    def end_unless_awaited(self, order: KnownOrder) -> None:
        """For an end that an answer told: the outcome of a request on its way stays open."""
        if not order.awaited:
            self.end(order)

    def _forget_beyond(self, size_max: int, keys: dict[str, None]) -> None:
        while len(keys) > size_max:
            oldest = next(iter(keys))
            del keys[oldest]
            self._orders.pop(oldest, None)


def _trim(rows: dict[str, str], size_max: int) -> None:
    while len(rows) > size_max:
        del rows[next(iter(rows))]
