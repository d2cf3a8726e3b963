"""35=H and AF: where orders stand. Reads alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.api import RefusedError
from gateway.entry.desk import Desk
from gateway.entry.fix_acceptor.context import SessionContext
from gateway.entry.fix_acceptor.reports import send_rejected, send_status
from gateway.entry.fix_acceptor.requests import Refused, decoded, terms_of
from gateway.entry.fix_acceptor.words import order_reason, text_of
from gateway.transport.fix_session import BusinessReject, FixMessage

__all__ = ["Inquiries"]

Row = dict[str, Any]
_BY_INSTRUMENT, _EVERYTHING = b"1", b"7"
_ORDERS_MAX = 10_000  # of one answer


class Inquiries:
    """Handlers of H and AF."""

    def __init__(
        self, desk: Desk, tell_events: Callable[[], None], orders_max: int = _ORDERS_MAX
    ) -> None:
        self._desk, self._tell_events, self._orders_max = desk, tell_events, orders_max

    async def status(self, context: SessionContext, message: FixMessage) -> BusinessReject | None:
        """35=H, by 11, else by 37."""
        try:
            request = decoded(context, message)
        except Refused as refused:
            return refused.answer
        self._tell_events()
        try:
            context.who.require("read")
            row = self._find(context, request.client_order_id, request.order_id)
            code, text = "UNKNOWN_ORDER", "UNKNOWN_ORDER: no order has this ClOrdID or OrderID"
        except RefusedError as error:
            row, code, text = None, error.code, text_of(error)
        if row is not None:
            named = request.client_order_id
            is_of_it = named and row["client_order_id"] != named
            send_status(
                context,
                row,
                client_order_id=named if is_of_it else "",
                request_id=request.status_request_id,
            )
            return None
        send_rejected(
            context,
            terms_of(request),
            reason=order_reason(code, context.version),
            text=text,
            name="status",
            status_request_id=request.status_request_id,
        )
        return None

    def _find(self, context: SessionContext, client_order_id: str, order_id: str) -> Row | None:
        engine, principal = self._desk.engine, context.settings.principal
        row = None
        if 0 < len(client_order_id) <= 64:
            row = engine.order_by_client_id(principal, client_order_id)
        if row is None and order_id.isascii() and order_id.isdigit() and len(order_id) < 20:
            row = engine.order(int(order_id))
        return row if row is not None and row["principal"] == principal else None

    async def mass_status(
        self, context: SessionContext, message: FixMessage
    ) -> BusinessReject | None:
        """35=AF: every open order of the counterparty, or those of one instrument."""
        kind = message.get(585)
        request_id = message.echo(584).decode("latin-1")
        symbol = (message.get(55) or b"").decode("latin-1")
        try:
            context.who.require("read")
            if kind not in (_BY_INSTRUMENT, _EVERYTHING):
                raise RefusedError("BAD_ENUM", field="585", rule="1 or 7")
            if kind == _BY_INSTRUMENT and not self._desk.engine.names.find("instrument", symbol):
                raise RefusedError("UNKNOWN_INSTRUMENT", field="instrument", value=symbol)
        except RefusedError as error:
            self._nothing(context, symbol, request_id, text_of(error))
            return None
        rows: list[Row] = []
        async for page in self._desk.engine.order_pages():
            rows += [row for row in page if row["principal"] == context.settings.principal]
        if kind == _BY_INSTRUMENT:
            rows = [row for row in rows if row["instrument"] == symbol]
        if len(rows) > self._orders_max:
            why = f"{len(rows)} open orders, at most {self._orders_max}: name 55"
            self._nothing(context, symbol, request_id, why)
            return None
        self._tell_events()
        self._send_all(context, rows, request_id, symbol)
        return None

    def _send_all(
        self, context: SessionContext, rows: list[Row], request_id: str, symbol: str
    ) -> None:
        if not rows:
            self._nothing(context, symbol, request_id, "no open orders")
        for place, row in enumerate(rows, 1):
            is_last = place == len(rows)
            send_status(context, row, mass_id=request_id, total=len(rows), is_last=is_last)

    def _nothing(self, context: SessionContext, symbol: str, request_id: str, why: str) -> None:
        self._tell_events()
        send_rejected(
            context,
            {"instrument": symbol or "[N/A]", "side": "buy", "client_order_id": "NONE"},
            reason=99 if context.version > 42 else 0,
            text=why,
            name="status",
            mass_status_id=request_id,
            is_last_report=True,
        )
