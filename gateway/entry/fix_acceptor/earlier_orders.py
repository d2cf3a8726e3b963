"""Orders that are older than this process, brought back to where their counterparty left them: as
they were before the records that are still to be told. Must never hold those records in memory; a
journal of weeks may be untold.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Any

from gateway.core.vocabulary import FACT_REASONS

if TYPE_CHECKING:
    from gateway.core.native import OrderEvents
    from gateway.entry.fix_acceptor.order_tracks import OrderTracks

__all__ = ["EXACT", "EarlierOrders", "Untold", "fill_price"]

log = logging.getLogger(__name__)

# A turnover is a price of 19 digits times a quantity of 19: the default context would round it.
EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN)
Record = dict[str, Any]
_READ_AT_ONCE = 1_024
_SCANNED_AT_ONCE = 65_536
# Records behind the first untold one, each time for the orders that are not found yet.
_LOOKED_BACK = (65_536, 1_048_576, 16_777_216)
_NEW = frozenset(("order_new", "order_accepted", "order_rejected", "order_not_sent"))
_ENDS = frozenset(("order_canceled", "order_expired", "order_rejected", "order_not_sent"))
_REVISIONS = frozenset(("fill_busted", "fill_corrected"))
# What an order was before these does not follow from what it is now.
_NEEDS_HISTORY = _REVISIONS | {"order_replaced", "order_triggered", "order_unknown"}


class Untold:
    """The records of one order that are still to be told, folded into what undoes them."""

    def __init__(self) -> None:
        self.count = self.filled = 0
        self.turnover = Decimal(0)
        self.first_of_cancel = self.first_of_replace = self.end = ""
        self.is_created = self.is_new = self.needs_history = False

    def add(self, record: Record) -> None:
        """The next one."""
        kind = record["kind"]
        self.count += 1
        self.is_created |= kind == "order_new"
        self.is_new |= kind in _NEW
        self.needs_history |= kind in _NEEDS_HISTORY
        if kind == "order_filled":
            self.filled += record["quantity"]
            self.turnover = EXACT.fma(fill_price(record), record["quantity"], self.turnover)
        if kind in _ENDS:
            self.end = kind
        is_by_request = kind == "order_canceled" and record["reason"] == FACT_REASONS["requested"]
        if is_by_request or kind in ("cancel_requested", "cancel_rejected"):
            self.first_of_cancel = self.first_of_cancel or kind
        if kind in ("replace_requested", "replace_rejected", "order_replaced"):
            self.first_of_replace = self.first_of_replace or kind


class EarlierOrders:
    """`read` makes a reader of the journal from a record on; `told` is the newest that was told."""

    def __init__(
        self, read: Callable[[int], OrderEvents], tracks: OrderTracks, *, told: int
    ) -> None:
        self._read, self._tracks, self._told = read, tracks, told

    def bring_back(self, rows: Sequence[dict[str, Any]]) -> None:
        """Tracks of these orders. One of which nothing is untold is tracked when it is asked for,
        as the engine has it then."""
        newest = {int(row["order_id"]): row["sequence"] for row in rows}
        untold: dict[int, Untold] = {}
        for record in self._records(self._told + 1, list(newest)):
            order_id = record["order_id"]
            if record["sequence"] <= newest[order_id]:  # else its row does not have it either
                untold.setdefault(order_id, Untold()).add(record)
        for row in rows:
            if found := untold.get(int(row["order_id"])):
                self._tracks.adopt(row, found)
        self._replay(untold)

    def _replay(self, untold: dict[int, Untold]) -> None:
        """Their lives from the beginning, where the journal still has it near enough."""
        missing = {order_id for order_id, found in untold.items() if not found.is_created}
        for count in _LOOKED_BACK:
            if not missing:
                return
            found: set[int] = set()
            try:
                for record in self._records(max(1, self._told + 1 - count), list(missing)):
                    if record["sequence"] > self._told:
                        break
                    if record["kind"] == "order_new":
                        found.add(record["order_id"])
                    if record["order_id"] in found:
                        self._tracks.replay(record)
            except RuntimeError as error:  # the journal does not go back as far
                log.warning("orders before record %d: %s", self._told + 1, error)
                break
            missing = {each for each in missing - found if untold[each].needs_history}
            if count > self._told:
                break
        for order_id in missing:
            if untold[order_id].needs_history:
                log.error("order %d: what it was before its untold events is guessed", order_id)

    def _records(self, start: int, orders: Sequence[int]) -> Iterator[Record]:
        reader = self._read(start)
        for order_id in orders:
            reader.watch(order_id)
        while True:
            before = reader.sequence
            records = reader.read(_READ_AT_ONCE, _SCANNED_AT_ONCE)
            yield from records
            if not records and reader.sequence - before < _SCANNED_AT_ONCE:
                return


def fill_price(record: Record) -> Decimal:
    """Of an execution or its revision."""
    return Decimal(record["price"]).scaleb(-record["price_scale"])
