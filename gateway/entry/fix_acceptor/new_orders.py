"""35=D and 35=E: new orders, alone and as a group that lives and ends together.

A verdict that does not come is asked for again with the same client order id, which can never make
a second order; until then the order is told as pending, never as rejected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from gateway.api import RefusedError
from gateway.entry.api_messages import LinkedOrders
from gateway.entry.desk import Desk
from gateway.entry.fix_acceptor.context import SessionContext
from gateway.entry.fix_acceptor.order_tracks import OrderTracks
from gateway.entry.fix_acceptor.reports import send_pending, send_rejected, send_status
from gateway.entry.fix_acceptor.requests import (
    Refused,
    decoded,
    order_message,
    terms_of,
    unsupported_of,
    used_id,
)
from gateway.entry.fix_acceptor.words import UserTag, order_reason, text_of
from gateway.execution.router import Submitted
from gateway.transport.fix_codec import FixRequest, order_status
from gateway.transport.fix_session import BusinessReject, Field, FixMessage, read_group

__all__ = ["NewOrders"]

_VERDICTS_MAX = 12
_DUPLICATE = 6
_UNSUPPORTED = {42: 0}
_ORDERS, _LIST_ID, _CONTINGENCY, _TOTAL = 73, 66, 1385, 68
_LINKS = {b"1": "oco", b"2": "bracket", b"3": "ouo", b"4": "ouo"}
_HEADER = (8, 34, 49, 56, 52, 43, 97, 122)
_CAME_BEFORE = "ID_CONFLICT client_order_id: orders of this list came before"
_OF_LIST = frozenset((67,))
# As the router takes; the refusals of one list fit into one group of records.
_LISTED_MAX = 8
Result = TypeVar("Result")


class NewOrders:
    """Handlers of D and E."""

    def __init__(self, desk: Desk, tracks: OrderTracks, tell_events: Callable[[], None]) -> None:
        self._desk, self._tracks, self._tell_events = desk, tracks, tell_events

    async def single(self, context: SessionContext, message: FixMessage) -> BusinessReject | None:
        """35=D."""
        try:
            request = decoded(context, message)
        except Refused as refused:
            return refused.answer
        if why := unsupported_of(request, message):
            self._reject(context, terms_of(request), _UNSUPPORTED.get(context.version, 11), why)
            return None
        try:
            order = order_message(context, self._desk.engine, request, message)
            self._check_unused(context, request)
            is_cancelling = context.settings.cancel_on_disconnect

            async def submit() -> Submitted:
                return await self._desk.submit(
                    context.who,
                    order,
                    is_cancel_on_disconnect=is_cancelling,
                    is_row_wanted=False,
                )

            submitted, is_asked = await self._until_decided(context, [request], submit)
        except RefusedError as error:
            reason = order_reason(error.code, context.version)
            self._reject(context, terms_of(request), reason, text_of(error))
            return None
        if not submitted.is_new:
            self._repeated(context, request, submitted.order, is_asked=is_asked)
        return None

    def _check_unused(self, context: SessionContext, request: FixRequest) -> None:
        """Of orders the engine knows the ids; 11 of a cancel names no order either."""
        if self._tracks.is_cancel_id(context.settings.principal, request.client_order_id):
            raise used_id(request.client_order_id)

    def _repeated(
        self, context: SessionContext, request: FixRequest, row: dict[str, Any], *, is_asked: bool
    ) -> None:
        """The same order again: asked for again, by the counterparty (43, 97) or by us, it is told
        where it stands; else the client order id is taken."""
        self._tell_events()
        if is_asked or _is_asked_again(request):
            is_resend = request.is_possible_resend
            send_status(context, row, is_possible_resend=is_resend)
            return
        text = f"ID_CONFLICT client_order_id: order {row['order_id']} has this ClOrdID"
        self._reject(context, terms_of(request), _DUPLICATE, text)

    async def _until_decided(
        self,
        context: SessionContext,
        requests: list[FixRequest],
        submit: Callable[[], Awaitable[Result]],
    ) -> tuple[Result, bool]:
        """Ask again while the engine does not answer; each time it is the same intent. Whether it
        was asked for more than once: then that it is known says nothing."""
        for attempt in range(_VERDICTS_MAX):
            try:
                return await submit(), attempt > 0
            except RefusedError as error:
                if error.code != "UNKNOWN_OUTCOME":
                    raise
                for each in requests if attempt == 0 else []:
                    send_pending(context, terms_of(each), text_of(error))
                await asyncio.sleep(0)
        raise TimeoutError("the engine does not answer")

    def _reject(
        self, context: SessionContext, terms: dict[str, Any], reason: int, text: str
    ) -> None:
        self._tell_events()
        self._send_rejected(context, terms, reason, text)

    def _send_rejected(
        self, context: SessionContext, terms: dict[str, Any], reason: int, text: str
    ) -> None:
        context.counters["refused_orders"] += 1
        send_rejected(context, terms, reason=reason, text=text)

    # -- groups -----------------------------------------------------------------------------------

    async def group(self, context: SessionContext, message: FixMessage) -> BusinessReject | None:
        """35=E: OCO, OUO or bracket, all orders or none."""
        try:
            requests = [decoded(context, each) for each in _entries(context, message)]
        except Refused as refused:
            return refused.answer
        try:
            orders = [
                order_message(context, self._desk.engine, request, message) for request in requests
            ]
            for request in requests:
                if why := unsupported_of(request, message):
                    raise RefusedError("UNSUPPORTED_TYPE", rule=why)
                self._check_unused(context, request)
            linked = LinkedOrders(link=_link(message), orders=orders)  # type: ignore[arg-type]
            is_cancelling = context.settings.cancel_on_disconnect

            async def submit() -> list[Submitted]:
                return await self._desk.submit_linked(
                    context.who, linked, is_cancel_on_disconnect=is_cancelling
                )

            submitted, is_asked = await self._until_decided(context, requests, submit)
        except RefusedError as error:
            reason = order_reason(error.code, context.version)
            self._tell_events()
            for each in requests:  # with nothing between them: they are journaled together
                self._send_rejected(context, terms_of(each), reason, text_of(error))
            self._list_status(context, message, [], text_of(error))
            return None
        self._tell_events()
        is_asked = is_asked or _is_asked_again(requests[0])
        for request, entered in zip(requests, submitted, strict=True):
            if not entered.is_new:
                self._repeated(context, request, entered.order, is_asked=is_asked)
        is_taken = is_asked or all(entered.is_new for entered in submitted)
        rows = [entered.order for entered in submitted] if is_taken else []
        self._list_status(context, message, rows, "" if is_taken else _CAME_BEFORE)
        return None

    def _list_status(
        self, context: SessionContext, message: FixMessage, rows: list[dict[str, Any]], text: str
    ) -> None:
        """35=N: received for execution, or rejected as a whole."""
        total = b"%d" % len(rows)
        body: list[Field] = [
            (_LIST_ID, message.echo(_LIST_ID)),
            (429, b"2"),
            (431, b"7" if text else b"3"),
            (82, b"1"),
            (83, b"1"),
            (60, context.time_now()),
            (_TOTAL, total),
            (_ORDERS, total),
        ]
        for row in rows:
            body += [
                (11, row["client_order_id"].encode()),
                (14, row["cumulative_quantity"].encode()),
                (39, order_status(row).encode()),
                (151, row["leaves_quantity"].encode()),
                (84, b"0"),
                (6, (row["average_price"] or "0").encode()),
            ]
        if text:
            body.insert(5, (58, text.encode("latin-1", "replace")))
        context.send(b"N", body)


def _is_asked_again(request: FixRequest) -> bool:
    """It says itself that it may have come before."""
    return request.is_possible_duplicate or request.is_possible_resend


def _link(message: FixMessage) -> str:
    """1385, which 4.4 does not have yet."""
    value = message.get(_CONTINGENCY) or message.get(UserTag.CONTINGENCY) or b""
    if value not in _LINKS:
        rule = f"1385 (before 5.0: {UserTag.CONTINGENCY}) 1 OCO, 2 bracket, 3 or 4 OUO"
        raise RefusedError("BAD_LINK", field="link", value=value.decode("latin-1"), rule=rule)
    return _LINKS[value]


def _entries(context: SessionContext, message: FixMessage) -> list[FixMessage]:
    """Each order of the list as the D it would be alone."""
    section = context.session.settings.dictionary_in_force.messages.get(b"E")
    rule = section.groups.get(_ORDERS) if section is not None else None
    places = [index for index, (tag, _) in enumerate(message.fields) if tag == _ORDERS]
    if rule is None or not places:
        raise Refused(BusinessReject(5, "Conditionally required field missing", tag=_ORDERS))
    _, entries, fault = read_group(message.fields, places[0], rule)
    if fault is not None:
        raise Refused(BusinessReject(0, "the orders of the list are out of order", tag=_ORDERS))
    if not 2 <= len(entries) <= _LISTED_MAX:
        text = f"BAD_LINK orders: 2 to {_LISTED_MAX} orders in one list"
        raise Refused(BusinessReject(0, text, tag=_ORDERS))
    header = [(tag, value) for tag, value in message.fields if tag in _HEADER]
    return [
        FixMessage([
            header[0], (9, b"0"), (35, b"D"), *header[1:],
            *(each for each in entry if each[0] not in _OF_LIST), (10, b"000"),
        ])
        for entry in entries
    ]  # fmt: skip
