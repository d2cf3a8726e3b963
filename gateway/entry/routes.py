"""The table of the REST API: each handler is registered once, with all that is known about it.

The app, the OpenAPI document and the tests read this table; nothing is described twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from gateway.api import RefusedError
from gateway.entry.api_messages import (
    AdoptBreak,
    BalancesAnswer,
    BreakAnswer,
    BreaksAnswer,
    CancelsAnswer,
    DefinedAnswer,
    Enable,
    HealthAnswer,
    InstrumentsAnswer,
    Kill,
    KillAnswer,
    LimitsAnswer,
    LinkedOrders,
    NewOrderMessage,
    Note,
    NotedAnswer,
    OrderAnswer,
    OrdersAnswer,
    PluginsAnswer,
    PositionsAnswer,
    ReconciledAnswer,
    ReplaceOrderMessage,
    ResolveBreak,
    SetLimits,
    SetTradingState,
    StatusAnswer,
    TellMeasures,
    TradingStatesAnswer,
)
from gateway.entry.desk import Desk
from gateway.entry.field_rules import near_hint
from gateway.entry.keys import Identity

__all__ = ["ROUTES", "WIDER", "Answer", "Call", "Route"]

_ORDERS_LIMIT = 1_000
_ORDERS_LIMIT_MAX = 100_000


class Call(msgspec.Struct, frozen=True):
    """One authenticated request. `message` is of the route's request type."""

    who: Identity
    path: dict[str, str]
    query: dict[str, str]
    message: Any


class Answer(msgspec.Struct, frozen=True):
    """Status and body."""

    status: int
    body: Any


Handler = Callable[[Desk, Call], Awaitable[Answer]]
ScopeName = Literal["", "read", "trade", "cancel", "admin", "risk"]
WIDER: dict[ScopeName, tuple[ScopeName, ...]] = {"risk": ("admin",)}  # what else lets it pass


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One address and method. scope "" = no key needed; statuses: success status -> answer."""

    method: str
    path: str
    handler: Handler
    scope: ScopeName
    response: type
    statuses: tuple[int, ...]
    request: type | None = None
    query: tuple[str, ...] = ()
    summary: str = ""


ROUTES: list[Route] = []


def route(
    method: str,
    path: str,
    *,
    response: type,
    scope: ScopeName = "read",
    statuses: tuple[int, ...] = (200,),
    request: type | None = None,
    query: tuple[str, ...] = (),
) -> Callable[[Handler], Handler]:
    """Register a handler; its docstring is the summary of the operation."""

    def register(handler: Handler) -> Handler:
        ROUTES.append(
            Route(
                method=method,
                path=path,
                handler=handler,
                scope=scope,
                response=response,
                statuses=statuses,
                request=request,
                query=query,
                summary=(handler.__doc__ or "").strip(),
            )
        )
        return handler

    return register


@route(
    "POST",
    "/v1/orders",
    scope="trade",
    request=NewOrderMessage,
    response=OrderAnswer,
    statuses=(201, 200),
)
async def submit_order(desk: Desk, call: Call) -> Answer:
    """Send a new order; the same client_order_id with the same content answers the same order."""
    submitted = await desk.submit(call.who, call.message)
    return Answer(201 if submitted.is_new else 200, OrderAnswer(submitted.order))


@route(
    "POST",
    "/v1/linked-orders",
    scope="trade",
    request=LinkedOrders,
    response=OrdersAnswer,
    statuses=(201, 200),
)
async def submit_linked_orders(desk: Desk, call: Call) -> Answer:
    """Send orders that live and end together, all or none; the same group again answers itself."""
    submitted = await desk.submit_linked(call.who, call.message)
    is_new = any(each.is_new for each in submitted)
    return Answer(201 if is_new else 200, OrdersAnswer([each.order for each in submitted]))


@route("GET", "/v1/orders", response=OrdersAnswer, query=("open", "limit"))
async def list_orders(desk: Desk, call: Call) -> Answer:
    """Orders; open=true (default) or false for the terminal ones in memory as well."""
    is_open = call.query.get("open", "true")
    if is_open not in ("true", "false"):
        hint = near_hint(is_open, ("true", "false"))
        rule = 'one of "true", "false"'
        raise RefusedError("BAD_ENUM", field="open", value=is_open, rule=rule, hint=hint)
    limit = call.query.get("limit", str(_ORDERS_LIMIT))
    if not (limit.isascii() and limit.isdigit() and 0 < len(limit) <= 6):
        raise RefusedError("RANGE", field="limit", value=limit, rule=f"1 to {_ORDERS_LIMIT_MAX}")
    if not 1 <= int(limit) <= _ORDERS_LIMIT_MAX:
        raise RefusedError("RANGE", field="limit", value=limit, rule=f"1 to {_ORDERS_LIMIT_MAX}")
    rows = await desk.engine.newest_orders(open_only=is_open == "true", limit=int(limit))
    return Answer(200, OrdersAnswer(rows))


@route("GET", "/v1/orders/by-client-id/{client_order_id}", response=OrderAnswer)
async def order_by_client_id(desk: Desk, call: Call) -> Answer:
    """One order of the caller's principal by its client order id."""
    row = desk.order_by_client_id(call.who, call.path["client_order_id"])
    return Answer(200, OrderAnswer(await desk.worded(row)))


@route("GET", "/v1/orders/{order_id}", response=OrderAnswer)
async def one_order(desk: Desk, call: Call) -> Answer:
    """One order by its id."""
    row = desk.order(call.who, call.path["order_id"])
    return Answer(200, OrderAnswer(await desk.worded(row)))


@route("DELETE", "/v1/orders/{order_id}", scope="cancel", response=OrderAnswer, statuses=(202,))
async def cancel_order(desk: Desk, call: Call) -> Answer:
    """Ask the venue to cancel an order."""
    return Answer(202, OrderAnswer(await desk.cancel(call.who, call.path["order_id"])))


@route(
    "DELETE",
    "/v1/orders",
    scope="cancel",
    response=CancelsAnswer,
    statuses=(202,),
    query=("account", "strategy", "instrument", "venue"),
)
async def cancel_orders(desk: Desk, call: Call) -> Answer:
    """Cancel every open order that matches all given names; without names, all of them."""
    found = await desk.mass_cancel(call.who, call.query)
    return Answer(202, CancelsAnswer(found.sent, found.refused))


@route(
    "PUT",
    "/v1/orders/{order_id}",
    scope="trade",
    request=ReplaceOrderMessage,
    response=OrderAnswer,
    statuses=(202, 200),
)
async def replace_order(desk: Desk, call: Call) -> Answer:
    """Ask the venue to change an order; the same client_order_id and content again answers 200."""
    replaced = await desk.replace(call.who, call.path["order_id"], call.message)
    return Answer(202 if replaced.is_new else 200, OrderAnswer(replaced.order))


@route("GET", "/v1/positions", response=PositionsAnswer)
async def positions(desk: Desk, call: Call) -> Answer:
    """Positions by account, instrument, leg and strategy book."""
    return Answer(200, PositionsAnswer(await desk.engine.positions()))


@route("GET", "/v1/balances", response=BalancesAnswer)
async def balances(desk: Desk, call: Call) -> Answer:
    """Balances by account and currency."""
    return Answer(200, BalancesAnswer(desk.engine.native.balances()))


@route("GET", "/v1/instruments", response=InstrumentsAnswer)
async def instruments(desk: Desk, call: Call) -> Answer:
    """Registered instruments and their rules."""
    return Answer(200, InstrumentsAnswer(desk.engine.native.registry("instrument")))


@route("GET", "/v1/limits", response=LimitsAnswer)
async def limits(desk: Desk, call: Call) -> Answer:
    """Limits in force, with version, actor and reason."""
    return Answer(200, LimitsAnswer(desk.engine.native.limits()))


@route("PUT", "/v1/limits", scope="admin", request=SetLimits, response=DefinedAnswer)
async def set_limits(desk: Desk, call: Call) -> Answer:
    """Replace all limits of one level entity."""
    return Answer(200, DefinedAnswer(desk.set_limits(call.who, call.message)))


@route("PUT", "/v1/measures", scope="risk", request=TellMeasures, response=DefinedAnswer)
async def tell_measures(desk: Desk, call: Call) -> Answer:
    """Tell what guards are held against: headroom, result, greeks."""
    return Answer(200, DefinedAnswer(desk.tell_measures(call.who, call.message)))


@route("GET", "/v1/trading-states", response=TradingStatesAnswer)
async def trading_states(desk: Desk, call: Call) -> Answer:
    """Halts, reduce-only states and latches."""
    return Answer(200, TradingStatesAnswer(desk.engine.native.trading_states()))


@route(
    "POST",
    "/v1/trading-states",
    scope="risk",
    request=SetTradingState,
    response=DefinedAnswer,
)
async def set_trading_state(desk: Desk, call: Call) -> Answer:
    """Let one level entity only reduce, or lift that; a halt or a latch stays as it is."""
    return Answer(200, DefinedAnswer(desk.set_trading_state(call.who, call.message)))


@route("POST", "/v1/notes", scope="risk", request=Note, response=NotedAnswer)
async def note(desk: Desk, call: Call) -> Answer:
    """Journal what somebody found out, with actor and reason."""
    return Answer(200, NotedAnswer(desk.note(call.who, call.message)))


@route("POST", "/v1/kill", scope="cancel", request=Kill, response=KillAnswer)
async def kill(desk: Desk, call: Call) -> Answer:
    """Halt one level entity with a latch and cancel its open orders until none is left."""
    return Answer(200, desk.kill(call.who, call.message))


@route("POST", "/v1/enable", scope="admin", request=Enable, response=DefinedAnswer)
async def enable(desk: Desk, call: Call) -> Answer:
    """Lift a latch, by a named person."""
    return Answer(200, DefinedAnswer(desk.enable(call.who, call.message)))


@route("GET", "/v1/breaks", response=BreaksAnswer, query=("open",))
async def breaks(desk: Desk, call: Call) -> Answer:
    """Differences between the journal and the venues; open=false for the resolved ones as well."""
    is_open = call.query.get("open", "true")
    if is_open not in ("true", "false"):
        hint = near_hint(is_open, ("true", "false"))
        rule = 'one of "true", "false"'
        raise RefusedError("BAD_ENUM", field="open", value=is_open, rule=rule, hint=hint)
    return Answer(200, BreaksAnswer(desk.breaks(open_only=is_open == "true")))


@route(
    "POST",
    "/v1/breaks/{break_id}/resolve",
    scope="admin",
    request=ResolveBreak,
    response=BreakAnswer,
)
async def resolve_break(desk: Desk, call: Call) -> Answer:
    """A named person answers for a difference; it opens again when it changes."""
    found = desk.resolve_break(call.who, call.path["break_id"], call.message)
    return Answer(200, BreakAnswer(found))


@route(
    "POST",
    "/v1/breaks/{break_id}/adopt",
    scope="admin",
    request=AdoptBreak,
    response=BreakAnswer,
)
async def adopt_break(desk: Desk, call: Call) -> Answer:
    """A named person takes over the position of a difference that no fill will ever explain, or
    a fill in quarantine as it was told."""
    found = desk.adopt_break(call.who, call.path["break_id"], call.message)
    return Answer(200, BreakAnswer(found))


@route("POST", "/v1/venues/{venue}/reconcile", scope="admin", response=ReconciledAnswer)
async def reconcile_venue(desk: Desk, call: Call) -> Answer:
    """Compare everything with the venue now, while orders flow."""
    venue = call.path["venue"]
    return Answer(200, ReconciledAnswer(venue, await desk.reconcile(call.who, venue)))


@route("POST", "/v1/venues/{venue}/restart-adapter", scope="admin", response=ReconciledAnswer)
async def restart_adapter(desk: Desk, call: Call) -> Answer:
    """Hand an adapter over to a new process of it: drain, stop, start, reconcile."""
    venue = call.path["venue"]
    return Answer(200, ReconciledAnswer(venue, await desk.restart_adapter(call.who, venue)))


@route("GET", "/v1/status", response=StatusAnswer)
async def status(desk: Desk, call: Call) -> Answer:
    """The daemon in one object; the state hash belongs to its sequence."""
    return Answer(200, await desk.status())


@route("GET", "/v1/plugins", response=PluginsAnswer)
async def plugins(desk: Desk, call: Call) -> Answer:
    """Installed plugins, the refused ones with their reason."""
    return Answer(200, PluginsAnswer(desk.plugins()))


@route("GET", "/v1/health/live", scope="", response=HealthAnswer, statuses=(200, 503))
async def live(desk: Desk, call: Call) -> Answer:
    """The process answers."""
    return Answer(200, HealthAnswer(True))


@route("GET", "/v1/health/ready", scope="", response=HealthAnswer, statuses=(200, 503))
async def ready(desk: Desk, call: Call) -> Answer:
    """Recovered and serving; cancels work."""
    is_ready, reason = desk.is_ready()
    return Answer(200 if is_ready else 503, HealthAnswer(is_ready, reason))


@route("GET", "/v1/health/trading", scope="", response=HealthAnswer, statuses=(200, 503))
async def trading(desk: Desk, call: Call) -> Answer:
    """Every venue is reconciled and takes new orders."""
    is_trading, reason = desk.is_trading()
    return Answer(200 if is_trading else 503, HealthAnswer(is_trading, reason))
