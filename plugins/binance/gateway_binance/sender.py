"""Orders out: new, cancel, replace. Each one is sent once and ends in one fact; a doubt is
`unknown`, never a verdict (docs/concepts/unknown_outcome.md)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import msgspec

from gateway.api import (
    CancelRequest,
    OrderRequest,
    OutcomeUnknown,
    ReplaceRequest,
    VenueError,
    VenueProtocolError,
    VenueRateLimited,
    VenueUnavailable,
)
from gateway.transport import JsonReader, side_by_side
from gateway_binance import translate
from gateway_binance.errors import meaning_of
from gateway_binance.memory import KnownOrder
from gateway_binance.messages import AlgoRow, LegRow, OrderRow
from gateway_binance.outcomes import change_failed, check_named, new_order_failed, words_of
from gateway_binance.questions import Questions
from gateway_binance.request_sender import RequestSender
from gateway_binance.rest import Rejection
from gateway_binance.words import nanoseconds

__all__ = ["Sender"]

log = logging.getLogger(__name__)

_ORDER = JsonReader(OrderRow, "the answer about an order")
_ALGO = JsonReader(AlgoRow, "the answer about an algo order")
_LEGS = JsonReader(list[LegRow], "the answer about a batch")
_BATCH_MAX = 5  # Place Multiple Orders, 2026-10


class Sender(RequestSender[Questions]):
    """Plain orders and conditional ones."""

    async def submit(self, orders: Sequence[OrderRequest]) -> None:
        """Plain orders together, five a request; conditional ones each for itself. Nothing leaves
        of an order whose terms the venue would not keep."""
        if len(orders) == 1 and not translate.refusal_of(orders[0]):
            await self._submit_one(orders[0])  # nearly always: nothing to sort out
            return
        for order in orders:
            if reason := translate.refusal_of(order):
                self._tell("not_sent", order.order_id, reason)
        orders = [order for order in orders if not translate.refusal_of(order)]
        plain = [order for order in orders if not translate.is_conditional(order)]
        batches = [plain[at : at + _BATCH_MAX] for at in range(0, len(plain), _BATCH_MAX)]
        sends = [
            self._submit_one(batch[0]) if len(batch) == 1 else self._submit_batch(batch)
            for batch in batches
        ]
        sends += [self._submit_one(order) for order in orders if translate.is_conditional(order)]
        await side_by_side(sends)

    async def cancel_all(self) -> None:
        """Every order of the account, plain and conditional, on every symbol that has one."""
        symbols = await self._questions.open_symbols()
        calls = [("/fapi/v1/allOpenOrders", each) for each in sorted(symbols)]
        calls += [("/fapi/v1/algoOpenOrders", each) for each in sorted(symbols)]
        await side_by_side([self._cancel_all_of(*each) for each in calls])

    async def _cancel_all_of(self, path: str, symbol: str) -> None:
        await self._rest.send("DELETE", path, {"symbol": symbol}, weight=1, lane="kill")

    # New orders.

    async def _submit_one(self, order: OrderRequest) -> None:
        known = self._remember(order)
        is_algo = known.is_conditional
        path = "/fapi/v1/algoOrder" if is_algo else "/fapi/v1/order"
        terms = translate.algo_parameters(order) if is_algo else translate.order_parameters(order)
        try:
            data = await self._rest.send("POST", path, terms, weight=0, lane="new", orders=1)
            if is_algo:
                algo = _ALGO.read(data)
                check_named(algo.client_algo_id, known.client_order_id)
                self._taken_algo(known, algo)
            else:
                row = _ORDER.read(data)
                check_named(row.client_order_id, known.client_order_id)
                self._taken(known, row.order_id, row.update_time)
        except VenueError as error:
            new_order_failed(self._tell, known, error)

    async def _submit_batch(self, orders: Sequence[OrderRequest]) -> None:
        """Each leg ends for itself. An answer that does not fit the legs proves nothing."""
        legs = [self._remember(order) for order in orders]
        listed = [translate.order_parameters(order) for order in orders]
        terms = {"batchOrders": msgspec.json.encode(listed).decode()}
        try:
            data = await self._rest.send(
                "POST",
                "/fapi/v1/batchOrders",
                terms,
                weight=5,
                lane="new",
                orders=len(legs),
            )
            rows = _LEGS.read(data)
            if len(rows) != len(legs):
                raise VenueProtocolError(f"{len(rows)} answers to {len(legs)} legs")
        except VenueError as error:
            for known in legs:
                new_order_failed(self._tell, known, error)
            return
        for known, row in zip(legs, rows, strict=True):
            self._leg(known, row)

    def _leg(self, known: KnownOrder, row: LegRow) -> None:
        if row.code is not None and row.order_id is None:
            meaning = meaning_of("usdm", 400, row.code, row.msg)
            if meaning == "unknown":
                new_order_failed(self._tell, known, OutcomeUnknown(f"{row.code} {row.msg}"))
            elif meaning in ("rate_limited", "not_executed"):
                new_order_failed(self._tell, known, VenueRateLimited(f"{row.code} {row.msg}"))
            else:
                new_order_failed(self._tell, known, Rejection(str(row.code), row.msg, meaning))
        elif row.order_id is None or row.client_order_id != known.client_order_id:
            new_order_failed(self._tell, known, VenueProtocolError("a leg without its order"))
        else:
            self._taken(known, row.order_id, row.update_time)

    def _remember(self, order: OrderRequest) -> KnownOrder:
        """Before sending: the stream may be first."""
        return self._memory.remember(
            KnownOrder(
                client_order_id=order.client_order_id,
                symbol=order.instrument,
                side=order.side.upper(),
                is_conditional=translate.is_conditional(order),
                order_id=order.order_id,
                is_ours=True,
                price=order.price or "",
                quantity=order.quantity,
            )
        )

    def _taken(self, known: KnownOrder, venue_order_id: int, time_ms: int) -> None:
        self._memory.link(known, venue_order_id)
        stamp = nanoseconds(time_ms)
        self._tell("accepted", known.order_id, str(venue_order_id), venue_time_ns=stamp)
        self._expect(known)

    def _taken_algo(self, known: KnownOrder, row: AlgoRow) -> None:
        known.algo_id, known.is_waiting = row.algo_id, row.algo_status == "NEW"
        stamp = nanoseconds(row.update_time)
        self._tell(
            "accepted",
            known.order_id,
            str(row.algo_id),
            is_untriggered=True,
            venue_time_ns=stamp,
        )
        self._expect(known)

    # Cancels.

    async def _cancel(self, cancel: CancelRequest) -> None:
        known = self._memory.by_client(cancel.client_order_id)
        if known is not None:
            known.order_id = known.order_id or cancel.order_id
        try:
            if known is not None and known.is_conditional and not known.venue_order_id:
                await self._cancel_algo(cancel, known)
            else:
                number = known.venue_order_id if known else 0
                await self._cancel_plain(cancel, number)
        except Rejection as error:
            await self._not_canceled(cancel, known, error)
        except VenueError as error:
            change_failed(self._tell, "cancel_rejected", cancel.order_id, error)

    async def _cancel_plain(self, cancel: CancelRequest, number: int) -> None:
        terms = {"symbol": cancel.instrument}
        if number:
            terms["orderId"] = str(number)
        else:
            terms["origClientOrderId"] = cancel.client_order_id
        data = await self._rest.send("DELETE", "/fapi/v1/order", terms, weight=1, lane="cancel")
        row = _ORDER.read(data)
        _check_asked(row, terms)
        if row.status not in ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"):
            return  # taken; how the order ends comes over the stream
        self._done(cancel.client_order_id)
        self._tell(
            "canceled",
            cancel.order_id,
            "requested",
            cumulative_quantity=row.executed_qty,
            venue_order_id=str(row.order_id),
            venue_time_ns=nanoseconds(row.update_time),
        )

    async def _cancel_algo(self, cancel: CancelRequest, known: KnownOrder | None) -> None:
        terms = {"clientAlgoId": cancel.client_order_id}
        await self._rest.send("DELETE", "/fapi/v1/algoOrder", terms, weight=1, lane="cancel")
        self._done(cancel.client_order_id)
        number = str(known.algo_id) if known and known.algo_id else cancel.venue_order_id
        self._tell(
            "canceled",
            cancel.order_id,
            "requested",
            cumulative_quantity="0",
            venue_order_id=number,
        )

    async def _not_canceled(
        self, cancel: CancelRequest, known: KnownOrder | None, error: Rejection
    ) -> None:
        """So the venue speaks of an order that has ended, of one that never arrived and of one that
        lives under another id: a conditional order that triggered, or that was never known."""
        is_missed = error.meaning == "not_found" and (known is None or known.is_conditional)
        if is_missed and await self._canceled_elsewhere(cancel):
            return
        self._tell("cancel_rejected", cancel.order_id, words_of(error))
        if error.meaning == "not_found":
            self._later(self._look(cancel.client_order_id))

    async def _canceled_elsewhere(self, cancel: CancelRequest) -> bool:
        try:
            row = await self._questions.algo(cancel.client_order_id)
            if row is None:
                return False
            if row.actual_order_id:
                await self._cancel_plain(cancel, int(row.actual_order_id))
            else:
                await self._cancel_algo(cancel, self._memory.by_client(cancel.client_order_id))
            return True
        except (Rejection, VenueUnavailable, VenueRateLimited):
            return False
        except (OutcomeUnknown, VenueProtocolError) as error:
            self._tell("unknown", cancel.order_id, str(error))
            return True

    def _done(self, client_order_id: str) -> None:
        known = self._memory.by_client(client_order_id)
        if known is not None:
            known.is_done, known.is_waiting = True, False

    # Replaces.

    async def _replace(self, replace: ReplaceRequest) -> None:
        """PUT order. Side, price and total quantity must all be sent, so what the gateway does not
        change is told as it is."""
        try:
            known = await self._known(replace, lambda known: replace.price or known.price)
            if known is None or (known.is_conditional and not known.venue_order_id):
                reason = "conditional_orders_are_not_amended" if known else "order_not_found"
                self._tell("replace_rejected", replace.order_id, reason)
                return
            terms = self._amendment(replace, known)
            data = await self._rest.send("PUT", "/fapi/v1/order", terms, weight=1, lane="new")
            row = _ORDER.read(data)
            _check_asked(row, terms)
            self._replaced(replace, known, row)
        except Rejection as error:
            self._not_replaced(replace, error)
        except VenueError as error:
            change_failed(self._tell, "replace_rejected", replace.order_id, error)

    def _amendment(self, replace: ReplaceRequest, known: KnownOrder) -> Mapping[str, str]:
        terms = {
            "symbol": replace.instrument,
            "side": known.side,
            "quantity": replace.quantity,
            "price": replace.price or known.price,
        }
        if known.venue_order_id:
            terms["orderId"] = str(known.venue_order_id)
        else:
            terms["origClientOrderId"] = replace.client_order_id
        return terms

    def _replaced(self, replace: ReplaceRequest, known: KnownOrder, row: OrderRow) -> None:
        """An amendment to what is filled already, or of a post-only order into the other side,
        makes Binance cancel the order (Modify Order, 2026-10)."""
        stamp = nanoseconds(row.update_time)
        if row.status in ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"):
            self._done(replace.client_order_id)
            self._tell("replace_rejected", replace.order_id, "the venue canceled the order instead")
            self._tell(
                "canceled",
                replace.order_id,
                "venue_decision",
                cumulative_quantity=row.executed_qty,
                venue_order_id=str(row.order_id),
                venue_time_ns=stamp,
            )
            return
        self._memory.link(known, row.order_id)
        known.price, known.quantity = row.price, row.orig_qty
        self._tell(
            "replaced",
            replace.order_id,
            price=row.price,
            quantity=row.orig_qty,
            venue_order_id=str(row.order_id),
            venue_time_ns=stamp,
        )

    def _not_replaced(self, replace: ReplaceRequest, error: Rejection) -> None:
        if error.meaning == "no_change":
            self._later(self._look(replace.client_order_id))
        self._tell("replace_rejected", replace.order_id, words_of(error))
        if error.meaning == "not_found":
            self._later(self._look(replace.client_order_id))


def _check_asked(row: OrderRow, terms: Mapping[str, str]) -> None:
    """By the number that was asked for, or by the name."""
    if number := terms.get("orderId"):
        check_named(row.order_id, number)
    else:
        check_named(row.client_order_id, terms["origClientOrderId"])
