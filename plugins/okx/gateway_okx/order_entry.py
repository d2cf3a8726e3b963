"""Orders out: new, cancel and amend, alone and in batches of 20, plain and algo. Every request ends
in one fact per order; a doubt is `unknown`, never a verdict, and nothing is ever sent twice.

An answer 0 to a cancel or amend says taken, not done (docs-v5, amend order): the result comes over
the orders channel, so nothing is told here.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, Literal

from gateway.api import (
    CancelRequest,
    OrderReport,
    OrderRequest,
    ReplaceRequest,
    VenueError,
    VenueRejected,
)
from gateway.transport.outcomes import outcome_of
from gateway.transport.task_keeper import side_by_side
from gateway_okx import translate
from gateway_okx.errors import reason_of, verdict_of
from gateway_okx.known_orders import KnownOrder, KnownOrders, key_of
from gateway_okx.limits import BATCH_MAX
from gateway_okx.rest import OkxRest
from gateway_okx.rows import ResultRow
from gateway_okx.socket_entry import SocketEntry

__all__ = ["OrderEntry"]

Body = dict[str, Any]
Tell = Callable[..., None]
Kind = Literal["new", "cancel", "replace"]

_ENDS = frozenset({"canceled", "expired", "rejected"})


class OrderEntry:
    """`tell(fact, ...)` is the port; `ask(client_id)` asks the venue about one order and tells
    what it says, `look(client_id)` returns it; `off_tick(symbol, price)`: why there is no such
    price, or ""."""

    def __init__(
        self,
        requests: OkxRest | SocketEntry,
        known: KnownOrders,
        *,
        tell: Tell,
        ask: Callable[[str], Awaitable[None]],
        look: Callable[[str], Awaitable[OrderReport | None]],
        kind_of: Callable[[str], str],
        off_tick: Callable[[str, str | None], str],
        trade_mode: Callable[[str], str],
        counters: Counter[str],
    ) -> None:
        self._requests = requests
        self._known = known
        self._tell = tell
        self._ask = ask
        self._look = look
        self._kind_of = kind_of
        self._off_tick = off_tick
        self._trade_mode = trade_mode
        self._counters = counters
        self._request_ids = itertools.count(1)

    # New orders.

    async def submit(self, orders: Sequence[OrderRequest]) -> None:
        plain: list[OrderRequest] = []
        calls: list[Awaitable[None]] = []
        for order in orders:
            # Known before sending: the stream may be first.
            client_id, is_algo = order.client_order_id, translate.is_algo(order)
            known = self._known.note(
                client_id, order.instrument, order_id=order.order_id, is_algo=is_algo
            )
            known.awaited = "new"
            reason = translate.unsendable(
                order, kind=self._kind_of(order.instrument)
            ) or self._off_tick(order.instrument, order.price)
            if reason:
                self._end(client_id)
                self._tell("not_sent", order.order_id, reason)
            elif is_algo:
                calls.append(self._submit_algo(order))
            else:
                plain.append(order)
        for at in range(0, len(plain), BATCH_MAX):
            calls.append(self._submit_plain(plain[at : at + BATCH_MAX]))
        await side_by_side(calls)

    async def _submit_plain(self, orders: Sequence[OrderRequest]) -> None:
        bodies = [
            translate.order_body(
                order,
                kind=self._kind_of(order.instrument),
                trade_mode=self._trade_mode(order.instrument),
            )
            for order in orders
        ]
        place, body = _single_or_batch("trade/order", "trade/batch-orders", bodies)
        try:
            rows = await self._requests.post(place, body, ResultRow, lane="new", is_bounded=True)
        except VenueError as error:
            for order in orders:
                self._not_placed(order, error)
            return
        found = {row.client_id: row for row in rows}
        for order in orders:
            self._placed(order, found.get(order.client_order_id))

    async def _submit_algo(self, order: OrderRequest) -> None:
        kind = self._kind_of(order.instrument)
        trade_mode = self._trade_mode(order.instrument)
        body = translate.algo_body(order, kind=kind, trade_mode=trade_mode)
        try:
            rows = await self._requests.post("trade/order-algo", body, ResultRow, lane="new")
        except VenueError as error:
            self._not_placed(order, error)
            return
        row = rows[0] if len(rows) == 1 else None
        if row is not None and row.algo_client_id not in ("", order.client_order_id):
            row = None  # about another order
        if row is not None and row.algo_id:
            self._known.note(order.client_order_id, order.instrument, algo_id=row.algo_id)
        self._placed(order, row)

    def _placed(self, order: OrderRequest, row: ResultRow | None) -> None:
        """The result of one item; one that is missing, or taken without an id, proves nothing."""
        if row is None or (row.code == "0" and not (row.order_id or row.algo_id)):
            self._counters["results_missing"] += 1
            self._unknown(order.client_order_id, "new", "no result for this order")
        elif row.code == "0":
            venue_id = row.order_id or row.algo_id
            self._answered(order.client_order_id, "new")
            self._tell("accepted", order.order_id, venue_id, is_untriggered=not row.order_id)
        else:
            self._rejected(order, row.code, row.text)

    def _not_placed(self, order: OrderRequest, error: VenueError) -> None:
        if isinstance(error, VenueRejected):
            self._rejected(order, error.code, error.text)
        elif outcome_of(error) == "not_sent":
            self._end(order.client_order_id)
            self._tell("not_sent", order.order_id, str(error))
        else:
            self._unknown(order.client_order_id, "new", str(error))

    def _rejected(self, order: OrderRequest, code: str, text: str) -> None:
        product = self._kind_of(order.instrument)
        verdict = verdict_of(product, code)
        if verdict in ("unknown", "duplicate"):
            self._unknown(order.client_order_id, "new", f"{code} {text}"[:120])
            return
        self._end(order.client_order_id)
        if verdict == "rate_limited":
            self._counters["rate_limited"] += 1
            self._tell("not_sent", order.order_id, f"rate limited: {code}")
        else:
            self._tell("rejected", order.order_id, reason_of(product, code, text))

    def _end(self, client_id: str) -> None:
        if known := self._known.get(client_id):
            self._known.end(known)

    # Cancels.

    async def cancel(self, cancels: Sequence[CancelRequest]) -> None:
        plain: list[CancelRequest] = []
        calls: list[Awaitable[None]] = []
        for cancel in cancels:
            known = self._known.note(_key(cancel), cancel.instrument, order_id=cancel.order_id)
            known.awaited = "cancel"
            if known.is_algo and not known.child_id:
                calls.append(self._cancel_algo(cancel, known))
            else:
                plain.append(cancel)
        for at in range(0, len(plain), BATCH_MAX):
            calls.append(self._cancel_plain(plain[at : at + BATCH_MAX]))
        await side_by_side(calls)

    async def _cancel_plain(self, cancels: Sequence[CancelRequest]) -> None:
        bodies = [self._named(each) for each in cancels]
        place, body = _single_or_batch("trade/cancel-order", "trade/cancel-batch-orders", bodies)
        try:
            rows = await self._requests.post(place, body, ResultRow, lane="cancel")
        except VenueError as error:
            for cancel in cancels:
                self._failed(cancel, "cancel", error)
            return
        for cancel, sent in zip(cancels, bodies, strict=True):
            row = _result_of(sent, rows)
            await self._canceled(cancel, row)

    async def _canceled(self, cancel: CancelRequest, row: ResultRow | None) -> None:
        known = self._known.get(_key(cancel))
        is_absent = row is not None and row.code == "51400"
        # Not a plain order, or an ended one. An algo order of an earlier process?
        if is_absent and known and not known.algo_id and await self._canceled_algo(cancel, known):
            return
        await self._changed(cancel, "cancel", row)

    async def _canceled_algo(self, cancel: CancelRequest, known: KnownOrder) -> bool:
        """Whether the venue takes the cancel of an algo order of this client id, or may have."""
        if known.order_id and not known.is_algo and not cancel.venue_order_id:
            return False
        ids = {"algoClOrdId": cancel.client_order_id}
        if not cancel.client_order_id:
            ids = {"algoId": cancel.venue_order_id}
        body = [{"instId": cancel.instrument, **ids}]
        try:
            rows = await self._requests.post("trade/cancel-algos", body, ResultRow, lane="cancel")
        except VenueError as error:
            if outcome_of(error) != "unknown":
                return False
            self._failed(cancel, "cancel", error)  # it may be canceled: no verdict
            return True
        return bool(rows) and rows[0].code == "0"

    async def _cancel_algo(self, cancel: CancelRequest, known: KnownOrder) -> None:
        ids = {"algoId": known.algo_id} if known.algo_id else {"algoClOrdId": known.client_id}
        body = [{"instId": cancel.instrument, **ids}]
        try:
            rows = await self._requests.post("trade/cancel-algos", body, ResultRow, lane="cancel")
        except VenueError as error:
            self._failed(cancel, "cancel", error)
            return
        row = rows[0] if len(rows) == 1 else None
        await self._changed(cancel, "cancel", row)

    # Amends.

    async def replace(self, replaces: Sequence[ReplaceRequest]) -> None:
        plain: list[ReplaceRequest] = []
        calls: list[Awaitable[None]] = []
        for replace in replaces:
            known = self._known.note(_key(replace), replace.instrument, order_id=replace.order_id)
            known.awaited = "replace"
            if reason := self._off_tick(replace.instrument, replace.price):
                known.awaited = ""
                self._tell("replace_rejected", replace.order_id, reason)
            elif known.is_algo and not known.child_id:
                calls.append(self._replace_algo(replace, known))
            else:
                plain.append(replace)
        for at in range(0, len(plain), BATCH_MAX):
            calls.append(self._replace_plain(plain[at : at + BATCH_MAX]))
        await side_by_side(calls)

    async def _replace_algo(self, replace: ReplaceRequest, known: KnownOrder) -> None:
        """One stop that waits; OKX amends them one by one."""
        body = translate.algo_amend_body(replace, f"a{next(self._request_ids)}")
        body |= {"algoId": known.algo_id} if known.algo_id else {"algoClOrdId": known.client_id}
        try:
            rows = await self._requests.post("trade/amend-algos", body, ResultRow, lane="new")
        except VenueError as error:
            self._failed(replace, "replace", error)
            return
        row = rows[0] if len(rows) == 1 else None
        await self._changed(replace, "replace", row)
        if row is not None and verdict_of("", row.code) == "done":
            await self._confirm_algo(replace, known)

    async def _confirm_algo(self, replace: ReplaceRequest, known: KnownOrder) -> None:
        """No push is documented to tell the result of this amend: the order itself is asked, and
        what has other terms than wanted is a doubt."""
        try:
            report = await self._look(known.client_id)
        except VenueError as error:
            self._unknown(known.client_id, "replace", f"amended, and asking failed: {error}")
            return
        is_done = (
            report is not None
            and Decimal(report.quantity) == Decimal(replace.quantity)
            and (replace.price is None or _is_same(report.price, replace.price))
        )
        if report is not None and report.state in _ENDS:
            self._answered(known.client_id, "replace")
            self._tell("replace_rejected", replace.order_id, f"the order is {report.state}")
            self._tell("order_seen", report)
            self._known.end(known)
            return
        if report is None or not is_done:
            self._unknown(known.client_id, "replace", "amended, and the order has other terms")
            return
        self._answered(known.client_id, "replace")
        self._tell(
            "replaced",
            replace.order_id,
            price=report.price,
            quantity=report.quantity,
            venue_order_id=report.venue_order_id,
            venue_time_ns=report.venue_time_ns,
        )

    async def _replace_plain(self, replaces: Sequence[ReplaceRequest]) -> None:
        bodies = [
            {
                **translate.amend_body(each, f"a{next(self._request_ids)}"),
                **self._named(each),
            }
            for each in replaces
        ]
        place, body = _single_or_batch("trade/amend-order", "trade/amend-batch-orders", bodies)
        try:
            rows = await self._requests.post(place, body, ResultRow, lane="new", is_bounded=True)
        except VenueError as error:
            for replace in replaces:
                self._failed(replace, "replace", error)
            return
        for replace, sent in zip(replaces, bodies, strict=True):
            row = _result_of(sent, rows)
            await self._changed(replace, "replace", row)

    # What both share.

    def _named(self, request: CancelRequest | ReplaceRequest) -> Body:
        """By the venue's id when it is that of a plain order, else by ours."""
        known = self._known.get(_key(request))
        venue_id = request.venue_order_id
        if known is not None and known.is_algo:
            venue_id = known.child_id
        if venue_id:
            return {"instId": request.instrument, "ordId": venue_id}
        return {"instId": request.instrument, "clOrdId": request.client_order_id}

    async def _changed(
        self, request: CancelRequest | ReplaceRequest, kind: Kind, row: ResultRow | None
    ) -> None:
        """The result of a cancel or an amend."""
        if row is None:
            self._counters["results_missing"] += 1
            self._unknown(_key(request), kind, "no result for this order")
            return
        verdict = verdict_of("", row.code)
        if verdict in ("done", "canceling"):
            return
        if verdict == "unknown":
            self._unknown(_key(request), kind, f"{row.code} {row.text}"[:120])
            return
        self._answered(_key(request), kind)
        self._tell(f"{kind}_rejected", request.order_id, reason_of("", row.code, row.text))
        if verdict == "gone":
            await self._ask(_key(request))

    def _failed(
        self, request: CancelRequest | ReplaceRequest, kind: Kind, error: VenueError
    ) -> None:
        if outcome_of(error) == "unknown":
            self._unknown(_key(request), kind, str(error))
            return
        self._answered(_key(request), kind)
        self._tell(f"{kind}_rejected", request.order_id, str(error))

    def _unknown(self, client_id: str, kind: Kind, reason: str) -> None:
        """Unless a push has settled it before the answer failed."""
        known = self._known.get(client_id)
        if known is not None and known.awaited == kind:
            self._tell("unknown", known.order_id, reason)
        else:
            self._counters["answers_overtaken"] += 1

    def _answered(self, client_id: str, kind: Kind) -> None:
        known = self._known.get(client_id)
        if known is not None and known.awaited == kind:
            known.awaited = ""


def _is_same(told: str | None, wanted: str) -> bool:
    return told is not None and Decimal(told) == Decimal(wanted)


def _key(request: CancelRequest | ReplaceRequest) -> str:
    return key_of(request.client_order_id, request.venue_order_id)


def _single_or_batch(single: str, batch: str, bodies: list[Body]) -> tuple[str, Any]:
    return (single, bodies[0]) if len(bodies) == 1 else (batch, bodies)


def _result_of(sent: Body, rows: Sequence[ResultRow]) -> ResultRow | None:
    """The result that names the order; a single refusal may name it by nothing."""
    for row in rows:
        if row.order_id and row.order_id == sent.get("ordId"):
            return row
        if row.client_id and row.client_id == sent.get("clOrdId"):
            return row
    is_nameless = len(rows) == 1 and not rows[0].order_id
    if is_nameless and "clOrdId" in sent and rows[0].client_id:
        return None  # it names another order
    return rows[0] if is_nameless else None
