"""Requests of the gateway as FIX fields, in the words of the dialect. Pure: says the body, sends
nothing. A word that the dialect lacks is an error here, for the manifest excludes it before."""

from __future__ import annotations

from collections.abc import Callable

from gateway.api import CancelRequest, OrderRequest, ReplaceRequest
from gateway.transport.fix_session import Field, format_time
from gateway_fix.dialect import Dialect
from gateway_fix.known_orders import KnownOrder, terms_of
from gateway_fix.records import OrderTerms

__all__ = ["Terms", "body", "cancel", "mass_cancel", "new_order", "order_status", "replace"]

_SIDES = {"buy": "1", "sell": "2", "": "1"}


def body(fields: dict[int, str]) -> list[Field]:
    """In ascending order; empty values are left out."""
    return [(tag, value.encode()) for tag, value in sorted(fields.items()) if value]


class Terms:
    """What stands in every request of one session."""

    def __init__(self, account: str, now_ns: Callable[[], int]) -> None:
        self._account, self._now_ns = account, now_ns

    def now(self) -> str:
        """60."""
        return format_time(self._now_ns(), 3).decode()

    def shared(
        self, dialect: Dialect, symbol: str, side: str, *, is_order: bool = True
    ) -> dict[int, str]:
        """Account, instrument, side, time, and what the dialect wants in every order."""
        fields = {55: symbol, 54: _SIDES[side]}
        if dialect.has_account:
            fields[1] = self._account
        if dialect.has_transact_time:
            fields[60] = self.now()
        if is_order:
            fields |= {int(tag): value for tag, value in dialect.order_fields.items()}
        return fields


def new_order(order: OrderRequest, wire_id: str, dialect: Dialect, terms: Terms) -> list[Field]:
    """D."""
    fields = terms.shared(dialect, order.instrument, order.side) | {
        11: wire_id,
        38: order.quantity,
        **_said(terms_of(order), order.price, dialect),
    }
    return body(fields)


def cancel(
    request: CancelRequest, known: KnownOrder, wire_id: str, dialect: Dialect, terms: Terms
) -> list[Field]:
    """F."""
    fields = terms.shared(dialect, request.instrument, known.side, is_order=False)
    if not dialect.has_side_in_cancel:
        del fields[54]
    return body(fields | _names(known, request.venue_order_id, wire_id, dialect))


def replace(
    request: ReplaceRequest, known: KnownOrder, wire_id: str, dialect: Dialect, terms: Terms
) -> list[Field]:
    """G: the whole order as it is to be; the quantity is the total."""
    price = request.price if request.price is not None else known.price
    assert known.terms is not None
    fields = terms.shared(dialect, request.instrument, known.side) | {
        38: request.quantity,
        **_said(known.terms, price, dialect),
    }
    return body(fields | _names(known, request.venue_order_id, wire_id, dialect))


def order_status(
    known: KnownOrder, wire_id: str, request_id: str, dialect: Dialect, terms: Terms
) -> list[Field]:
    """H."""
    fields = terms.shared(dialect, known.symbol, known.side, is_order=False)
    fields.pop(60, None)
    return body(fields | {11: wire_id, 37: known.venue_id, 790: request_id})


def mass_cancel(wire_id: str, symbol: str, dialect: Dialect, terms: Terms) -> list[Field]:
    """q."""
    now = terms.now() if dialect.has_transact_time else ""
    return body({11: wire_id, 530: dialect.mass_cancel, 55: symbol, 60: now})


def _names(known: KnownOrder, venue_id: str, wire_id: str, dialect: Dialect) -> dict[int, str]:
    """Which order is meant: by the name in force, or by the venue's id."""
    venue_id = venue_id or known.venue_id
    if dialect.original == "venue_id":
        return {41: venue_id} if venue_id else {11: known.client_id}
    return {11: wire_id, 41: known.current or known.client_id, 37: venue_id}


def _said(own: OrderTerms, price: str | None, dialect: Dialect) -> dict[int, str]:
    """What D and G say alike of an order."""
    fields = _terms(own.type, own.time_in_force, price, own.trigger_price, dialect)
    fields[18] = _instructions(own.is_post_only, own.is_reduce_only, dialect)
    if own.display_quantity is not None and dialect.display_tag:
        fields[dialect.display_tag] = own.display_quantity
    if own.expires_ns is not None:
        fields[126] = format_time(own.expires_ns, 3).decode()
    return fields


def _terms(
    kind: str, span: str, price: str | None, trigger: str | None, dialect: Dialect
) -> dict[int, str]:
    """Type, time in force and prices. A market order with a worst price is a limit order that
    leaves nothing."""
    is_bounded = kind == "market" and price is not None
    word = "limit" if is_bounded else kind
    fields = {40: dialect.order_types[word]}  # type: ignore[index]
    fields[59] = dialect.times_in_force[span]  # type: ignore[index]
    if kind in {"market", "stop"} and not is_bounded and dialect.market_time_in_force:
        fields[59] = "" if dialect.market_time_in_force == "omit" else dialect.market_time_in_force
    if price is not None and word in {"limit", "stop_limit"}:
        fields[44] = price
    if trigger is not None and kind in {"stop", "stop_limit"}:
        fields[99] = trigger
    return fields


def _instructions(is_post_only: bool, is_reduce_only: bool, dialect: Dialect) -> str:
    """18."""
    words = [dialect.post_only] if is_post_only else []
    words += [dialect.reduce_only] if is_reduce_only else []
    return " ".join(words)
