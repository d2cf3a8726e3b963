"""35=F, G and q: cancels and replaces, and the chain of client order ids behind them.

41 names the order by the newest id that was accepted; the id of a refused change is burnt. A cancel
is taken by any id the order ever had: it takes risk away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from gateway.api import RefusedError
from gateway.core.vocabulary import CancelReason
from gateway.entry.api_messages import ReplaceOrderMessage
from gateway.entry.desk import Desk
from gateway.entry.fix_acceptor.context import SessionContext
from gateway.entry.fix_acceptor.order_tracks import OrderTracks
from gateway.entry.fix_acceptor.reports import send_cancel_reject, send_status
from gateway.entry.fix_acceptor.requests import (
    Refused,
    check_permitted,
    cross_ms_of,
    decoded,
    instrument_of,
    unsupported_of,
    used_id,
)
from gateway.entry.fix_acceptor.words import NO_ORDER, UserTag, cancel_reason, text_of
from gateway.transport.fix_codec import FixRequest
from gateway.transport.fix_session import BusinessReject, FixMessage

__all__ = ["Changes"]

Row = dict[str, Any]
_VERDICTS_MAX = 12
_ENDED = ("TOO_LATE_TO_CANCEL", "CANCEL_PENDING", "UNKNOWN_ORDER")  # needs no cancel
_BY_INSTRUMENT, _EVERYTHING = "1", "7"


class Changes:
    """Handlers of F, G and q."""

    def __init__(self, desk: Desk, tracks: OrderTracks, tell_events: Callable[[], None]) -> None:
        self._desk, self._tracks, self._tell_events = desk, tracks, tell_events

    async def cancel(self, context: SessionContext, message: FixMessage) -> BusinessReject | None:
        """35=F. Of any order of the counterparty, whatever else its session may not do."""
        return await self._change(context, message, is_replace=False)

    async def replace(self, context: SessionContext, message: FixMessage) -> BusinessReject | None:
        """35=G. 38 is the new total."""
        return await self._change(context, message, is_replace=True)

    async def _change(
        self, context: SessionContext, message: FixMessage, *, is_replace: bool
    ) -> BusinessReject | None:
        try:
            request = decoded(context, message)
        except Refused as refused:
            return refused.answer
        row = None
        try:
            row = self._found(context, request)
            if is_replace and (why := unsupported_of(request, message)):
                raise RefusedError("UNSUPPORTED_TYPE", rule=why)
            if is_replace:
                _check_crossing(message, row)
            if self._is_again(context, request, row):
                return None
            _check_same(row, request, self._desk)
            await (self._replace if is_replace else self._cancel)(context, request, row)
        except RefusedError as error:
            self._refuse(context, request, row, error, is_replace=is_replace)
        return None

    # -- cancel -----------------------------------------------------------------------------------

    async def _cancel(self, context: SessionContext, request: FixRequest, row: Row) -> None:
        self._check_unused(context, request, row)
        track = self._tracks.get(int(row["order_id"]))
        assert track is not None
        if row["pending"] == "cancel":  # and its own id stays with it
            raise RefusedError("CANCEL_PENDING", field="order_id", value=row["order_id"])
        before, is_asked = track.cancel_id, False
        self._tracks.ask_cancel(track, request.client_order_id)
        for _ in range(_VERDICTS_MAX):
            try:
                await self._desk.cancel(context.who, row["order_id"])
                return
            except RefusedError as error:
                is_asked = is_asked or error.code == "UNKNOWN_OUTCOME"
                if is_asked and error.code in ("CANCEL_PENDING", "TOO_LATE_TO_CANCEL"):
                    return  # The one we asked for: its outcome is told.
                if error.code != "UNKNOWN_OUTCOME":
                    self._tracks.take_back_cancel(track, before)
                    raise
        raise TimeoutError("the engine does not answer")

    # -- replace ----------------------------------------------------------------------------------

    async def _replace(self, context: SessionContext, request: FixRequest, row: Row) -> None:
        _check_terms(row, request)
        check_permitted(context, row)
        known = self._order_of(context, request.client_order_id)
        is_of_cancel = self._tracks.is_cancel_id(row["principal"], request.client_order_id)
        if is_of_cancel or (known and str(known) != row["order_id"]):
            raise used_id(request.client_order_id)
        change = ReplaceOrderMessage(
            client_order_id=request.client_order_id,
            quantity=request.quantity,
            price=request.price if request.price != row["price"] else None,
        )
        for attempt in range(_VERDICTS_MAX):
            try:
                replaced = await self._desk.replace(context.who, row["order_id"], change)
            except RefusedError as error:
                if error.code != "UNKNOWN_OUTCOME":
                    raise
                continue
            if not replaced.is_new and not attempt:
                raise used_id(request.client_order_id)
            return
        raise TimeoutError("the engine does not answer")

    # -- many at once -----------------------------------------------------------------------------

    async def mass_cancel(
        self, context: SessionContext, message: FixMessage
    ) -> BusinessReject | None:
        """35=q: the counterparty's own open orders, by instrument or all."""
        try:
            request = decoded(context, message)
        except Refused as refused:
            return refused.answer
        kind = request.mass_cancel_type
        if kind not in (_BY_INSTRUMENT, _EVERYTHING) or unsupported_of(request, message):
            self._mass_report(context, request, 0, "UNSUPPORTED_TYPE: 530 is 1 or 7")
            return None
        try:
            context.who.require("cancel")
            name = instrument_of(self._desk.engine, request) if kind == _BY_INSTRUMENT else ""
            total, left = await self._cancel_all(context, name, request.side)
        except RefusedError as error:
            self._mass_report(context, request, 0, text_of(error))
            return None
        told = ", ".join(f"{count} {code}" for code, count in sorted(left.items()))
        self._mass_report(context, request, total, f"not canceled: {told}" if told else "")
        return None

    async def _cancel_all(
        self, context: SessionContext, instrument: str, side: str
    ) -> tuple[int, Counter[str]]:
        """How many cancels are on their way, and why the others are not."""
        total = 0
        left: Counter[str] = Counter()
        async for page in self._desk.engine.order_pages():
            for row in page:
                if row["principal"] != context.settings.principal or row["pending"] == "cancel":
                    continue
                if instrument not in ("", row["instrument"]) or side not in ("", row["side"]):
                    continue
                refused = await self._cancel_one(context, row["order_id"])
                total += not refused
                if refused and refused not in _ENDED:
                    left[refused] += 1
        return total, left

    async def _cancel_one(self, context: SessionContext, order_id: str) -> str:
        """Why it is not on its way, "" = it is."""
        try:
            await self._desk.cancel(context.who, order_id, CancelReason.MASS_CANCEL)
        except RefusedError as error:
            return "" if error.code == "UNKNOWN_OUTCOME" else error.code
        return ""

    def _mass_report(
        self, context: SessionContext, request: FixRequest, total: int, why: str
    ) -> None:
        self._tell_events()
        now_ns = context.now_ns()

        def build(number: int) -> bytes:
            return context.codec.mass_cancel_report(
                sequence=number,
                sending_time_ns=now_ns,
                order_id=NO_ORDER,
                client_order_id=request.client_order_id,
                request_type=request.mass_cancel_type,
                response="0" if why and not total else request.mass_cancel_type,
                reject_reason=99 if why and not total else -1,
                total_affected=total,
                text=why,
                transact_time_ns=now_ns,
                symbol=request.symbol,
                side=request.side,
                report_id=f"M{number}" if context.version >= 50 else "",
                last_processed=context.last_processed,
            )

        context.send(b"r", build)

    # -- whom it is about -------------------------------------------------------------------------

    def _found(self, context: SessionContext, request: FixRequest) -> Row:
        """The order by 41, else by 37."""
        engine = self._desk.engine
        order_id = self._order_of(context, request.original_client_order_id)
        if not order_id and request.order_id.isascii() and request.order_id.isdigit():
            order_id = int(request.order_id[:19])
        row = engine.order(order_id) if order_id else None
        if row is None or row["principal"] != context.settings.principal:
            value = request.original_client_order_id
            raise RefusedError("UNKNOWN_ORDER", field="original_client_order_id", value=value)
        return row

    def _order_of(self, context: SessionContext, client_order_id: str) -> int:
        engine = self._desk.engine
        number = engine.names.find("principal", context.settings.principal)
        if not number or not client_order_id or len(client_order_id) > 64:
            return 0
        return engine.native.find_order(number, client_order_id)

    def _is_again(self, context: SessionContext, request: FixRequest, row: Row) -> bool:
        """A change that came before, sent again: its order is told where it stands."""
        if not (request.is_possible_duplicate or request.is_possible_resend):
            return False
        order_id = int(row["order_id"])
        track, pending = (
            self._tracks.get(order_id),
            self._desk.engine.native.pending_replace(order_id),
        )
        asked = {row["client_order_id"], track.cancel_id, track.replace_id} if track else set()
        if pending is not None:
            asked.add(pending[0])
        if request.client_order_id not in asked:
            return False
        self._tell_events()
        send_status(context, row, is_possible_resend=request.is_possible_resend)
        return True

    def _check_unused(self, context: SessionContext, request: FixRequest, row: Row) -> None:
        """11 of a cancel names no order, and no other cancel that is pending: the outcomes of two
        could not be told apart."""
        name, order_id = request.client_order_id, int(row["order_id"])
        is_pending = self._tracks.is_pending_cancel(row["principal"], name, except_of=order_id)
        if is_pending or self._order_of(context, name):
            raise used_id(name)

    def _refuse(
        self,
        context: SessionContext,
        request: FixRequest,
        row: Row | None,
        error: RefusedError,
        *,
        is_replace: bool,
    ) -> None:
        self._tell_events()
        now = self._desk.engine.order(int(row["order_id"])) if row is not None else None
        send_cancel_reject(
            context,
            now,
            client_order_id=request.client_order_id,
            original_client_order_id=request.original_client_order_id,
            is_replace=is_replace,
            reason=cancel_reason(error.code, context.version),
            text=text_of(error),
        )


def _check_crossing(message: FixMessage, row: Row) -> None:
    """5004 of a G may only say again what the order has."""
    asked = cross_ms_of(message)
    if asked and asked != (row.get("cross_ms") or 0):
        rule = f"{UserTag.CROSS_MS} does not change; cancel the order and send a new one"
        raise RefusedError("UNSUPPORTED_TYPE", field="cross_ms", value=asked, rule=rule)


def _check_same(row: Row, request: FixRequest, desk: Desk) -> None:
    """A change names the order it means in full; another side or instrument is another order."""
    if request.side and request.side != row["side"]:
        raise RefusedError("UNKNOWN_ORDER", field="side", value=request.side, rule="other side")
    name = instrument_of(desk.engine, request)
    if name != row["instrument"]:
        raise RefusedError("UNKNOWN_ORDER", field="instrument", value=name, rule="other symbol")
    if request.account and request.account != row["account"]:
        rule = "other account"
        raise RefusedError("UNKNOWN_ORDER", field="account", value=request.account, rule=rule)


def _check_terms(row: Row, request: FixRequest) -> None:
    """What a replace may change are 38 and 44."""
    if request.original_client_order_id not in ("", row["client_order_id"]):
        rule = f"the order is {row['client_order_id']} now"
        value = request.original_client_order_id
        raise RefusedError(
            "UNKNOWN_ORDER", field="original_client_order_id", value=value, rule=rule
        )
    for field in ("type", "time_in_force"):
        value = getattr(request, field)
        if value and value != row[field]:
            rule = f"the order is {row[field]}; cancel it and send a new one"
            raise RefusedError("UNSUPPORTED_TYPE", field=field, value=value, rule=rule)
    trigger = request.trigger_price
    if trigger is not None and trigger != row["trigger_price"]:
        rule = "99 does not change; cancel the order and send a new one"
        raise RefusedError("UNSUPPORTED_TYPE", field="trigger_price", value=trigger, rule=rule)
