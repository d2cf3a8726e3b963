"""Orders out at Binance Spot: new, cancel, replace. Each one is sent once and ends in one fact; a
doubt is `unknown`, never a verdict (docs/concepts/unknown_outcome.md)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from gateway.api import CancelRequest, OrderRequest, ReplaceRequest, VenueError
from gateway.transport import JsonReader, side_by_side
from gateway_binance.memory import KnownOrder, OrderMemory
from gateway_binance.outcomes import change_failed, check_named, new_order_failed, words_of
from gateway_binance.request_sender import RequestSender
from gateway_binance.rest import Rejection
from gateway_binance.spot import translate
from gateway_binance.spot.messages import AckRow, AmendRow, CanceledRow, ReplaceRow
from gateway_binance.spot.names import GENERATION_MAX, Name, cancel_name, succeeded_name
from gateway_binance.spot.questions import SpotQuestions
from gateway_binance.words import nanoseconds

__all__ = ["SpotSender", "succeed"]

_ACK = JsonReader(AckRow, "the answer about an order")
_CANCELED = JsonReader(CanceledRow, "the answer about a cancel")
_REPLACED = JsonReader(ReplaceRow, "the answer about a replacement")
_AMENDED = JsonReader(AmendRow, "the answer about an amendment")
_AMEND_WEIGHT = 4
_HALF_DONE = "-2021"  # the old order is canceled, the new one was rejected


def succeed(memory: OrderMemory, known: KnownOrder, generation: int, venue_order_id: int) -> None:
    """The order goes on as its replacement."""
    known.generation = generation
    known.is_heard = known.is_done = False
    memory.link(known, venue_order_id)


class SpotSender(RequestSender[SpotQuestions]):
    """Of one wallet, which is that of the questions."""

    async def submit(self, orders: Sequence[OrderRequest]) -> None:
        """Spot has no batches: each for itself. Nothing leaves of an order whose terms the venue
        would not keep."""
        await side_by_side([self._submit(order) for order in orders])

    async def cancel_all(self) -> None:
        """Every order of the account: at once on the symbols it trades, and on any other that the
        venue names. What fails keeps nothing else from being ended; then it is raised."""
        ours = self._questions.symbols
        await side_by_side([*map(self._cancel_all_of, ours), self._cancel_besides(ours)])

    async def _cancel_besides(self, ours: Sequence[str]) -> None:
        """Somebody else's orders, on symbols that the account does not trade."""
        others = await self._questions.open_symbols() - set(ours)
        await side_by_side([*map(self._cancel_all_of, sorted(others))])

    # New orders.

    async def _submit(self, order: OrderRequest) -> None:
        if reason := translate.refusal_of(order):
            self._tell("not_sent", order.order_id, reason)
            return
        terms = translate.order_parameters(order)
        known = self._remember(order, terms)
        weight = self._questions.wallet.new_weight
        try:
            data = await self._rest.send(
                "POST", self._questions.wallet.order, terms, weight=weight, lane="new", orders=1
            )
            row = _ACK.read(data)
            check_named(row.client_order_id, terms["newClientOrderId"])
        except VenueError as error:
            new_order_failed(self._tell, known, error)
            return
        self._memory.link(known, row.order_id)
        self._tell(
            "accepted",
            known.order_id,
            str(row.order_id),
            # It may have triggered before this answer was read.
            is_untriggered=known.is_waiting,
            venue_time_ns=nanoseconds(row.transact_time),
        )
        self._expect(known)

    def _remember(self, order: OrderRequest, terms: dict[str, str]) -> KnownOrder:
        """Before sending: the stream may be first."""
        return self._memory.remember(
            KnownOrder(
                client_order_id=order.client_order_id,
                symbol=order.instrument,
                side=order.side.upper(),
                order_id=order.order_id,
                is_ours=True,
                price=terms.get("price", ""),
                quantity=order.quantity,
                type=terms["type"],
                time_in_force=terms.get("timeInForce", ""),
                is_waiting=translate.is_stop(terms["type"]),
            )
        )

    # Cancels.

    async def _cancel(self, cancel: CancelRequest) -> None:
        known = self._memory.by_client(cancel.client_order_id)
        if known is not None:
            known.order_id = known.order_id or cancel.order_id
        try:
            await self._cancel_one(cancel, known)
        except Rejection as error:
            self._tell("cancel_rejected", cancel.order_id, words_of(error))
            if error.meaning == "not_found":
                self._later(self._look(cancel.client_order_id))
        except VenueError as error:
            change_failed(self._tell, "cancel_rejected", cancel.order_id, error)

    async def _cancel_one(self, cancel: CancelRequest, known: KnownOrder | None) -> None:
        terms = {"symbol": cancel.instrument}
        terms["newClientOrderId"] = cancel_name(cancel.client_order_id)
        number = str(known.venue_order_id or "") if known else cancel.venue_order_id
        if number:
            terms["orderId"] = number
        else:
            terms["origClientOrderId"] = cancel.client_order_id
        weight = self._questions.wallet.cancel_weight
        data = await self._rest.send(
            "DELETE", self._questions.wallet.order, terms, weight=weight, lane="cancel"
        )
        row = _CANCELED.read(data)
        if number:
            check_named(row.order_id, number)
        elif row.orig_client_order_id:
            check_named(row.orig_client_order_id, terms["origClientOrderId"])
        if row.status not in ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"):
            return  # taken; how the order ends comes over the stream
        if known is not None:
            known.is_done, known.is_waiting = True, False
        self._tell(
            "canceled",
            cancel.order_id,
            "requested",
            cumulative_quantity=row.executed_qty,
            venue_order_id=str(row.order_id),
            venue_time_ns=nanoseconds(row.transact_time),
        )

    async def _cancel_all_of(self, symbol: str) -> None:
        path, terms = self._questions.wallet.open_orders, {"symbol": symbol}
        try:
            await self._rest.send("DELETE", path, terms, weight=1, lane="kill")
        except Rejection as error:
            if error.meaning != "not_found":  # all of them have ended meanwhile
                raise

    # Replaces.

    async def _replace(self, replace: ReplaceRequest) -> None:
        """Less of the same price keeps its place in the queue; anything else is another order, and
        only for one of which nothing is filled: what fills between the question and the answer
        would come on top of the new total."""
        known: KnownOrder | None = None
        try:
            known = await self._known(replace, lambda known: known.venue_order_id and known.type)
            if known is None or known.is_waiting or known.type not in ("LIMIT", "LIMIT_MAKER"):
                reason = "only_working_limit_orders_are_replaced" if known else "order_not_found"
                self._tell("replace_rejected", replace.order_id, reason)
            elif _is_less(replace, known):
                await self._amend(replace, known)
            else:
                await self._cancel_replace(replace, known)
        except Rejection as error:
            self._not_replaced(replace, known, error)
        except VenueError as error:
            change_failed(self._tell, "replace_rejected", replace.order_id, error)

    async def _amend(self, replace: ReplaceRequest, known: KnownOrder) -> None:
        """PUT order/amend/keepPriority. Without a name the venue would give it another one."""
        terms = {
            "symbol": replace.instrument,
            "orderId": str(known.venue_order_id),
            "newQty": replace.quantity,
            "newClientOrderId": Name(known.client_order_id, known.generation).wire,
        }
        path = "/api/v3/order/amend/keepPriority"
        data = await self._rest.send("PUT", path, terms, weight=_AMEND_WEIGHT, lane="new")
        answer = _AMENDED.read(data)
        check_named(answer.amended_order.order_id, terms["orderId"])
        known.quantity = answer.amended_order.qty
        self._replaced(replace, known, answer.transact_time)

    async def _cancel_replace(self, replace: ReplaceRequest, known: KnownOrder) -> None:
        generation = known.generation + 1
        if generation > GENERATION_MAX:
            self._tell("replace_rejected", replace.order_id, "replaced_too_often")
            return
        own, price = known.client_order_id, replace.price or known.price
        terms = {
            "symbol": replace.instrument,
            "cancelReplaceMode": "STOP_ON_FAILURE",
            "cancelRestrictions": "ONLY_NEW",
            "cancelOrderId": str(known.venue_order_id),
            "cancelNewClientOrderId": succeeded_name(own, generation),
            "newClientOrderId": Name(own, generation).wire,
            "newOrderRespType": "ACK",
            "side": known.side,
            "type": known.type,
            "quantity": replace.quantity,
            "price": price,
        }
        if known.type == "LIMIT":
            terms["timeInForce"] = known.time_in_force
        path = "/api/v3/order/cancelReplace"
        data = await self._rest.send("POST", path, terms, weight=1, lane="new", orders=1)
        row = _REPLACED.read(data).new_order_response
        check_named(row.client_order_id, terms["newClientOrderId"])
        if known.generation < generation:
            succeed(self._memory, known, generation, row.order_id)
        known.price, known.quantity = price, replace.quantity
        self._replaced(replace, known, row.transact_time)
        self._expect(known)

    def _replaced(self, replace: ReplaceRequest, known: KnownOrder, time_ms: int) -> None:
        self._tell(
            "replaced",
            replace.order_id,
            price=known.price,
            quantity=known.quantity,
            venue_order_id=str(known.venue_order_id),
            venue_time_ns=nanoseconds(time_ms),
        )

    def _not_replaced(
        self, replace: ReplaceRequest, known: KnownOrder | None, error: Rejection
    ) -> None:
        self._tell("replace_rejected", replace.order_id, words_of(error))
        if error.code == _HALF_DONE and known is not None:
            known.is_done = True
            self._tell("canceled", replace.order_id, "venue_decision", cumulative_quantity="0")
        else:
            self._later(self._look(replace.client_order_id))


def _is_less(replace: ReplaceRequest, known: KnownOrder) -> bool:
    is_same_price = replace.price is None or Decimal(replace.price) == Decimal(known.price)
    return is_same_price and Decimal(replace.quantity) < Decimal(known.quantity)
