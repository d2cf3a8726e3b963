"""What every door shares: one set of operations behind REST, WebSocket and Python.

A door brings an identity and a message; scope checks, names and the engine's verdict are here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from gateway.api import RefusedError, VenueError
from gateway.config import LimitRow
from gateway.core.engine import Engine
from gateway.core.refusals import describe
from gateway.core.vocabulary import TERMINAL_STATES, CancelReason
from gateway.entry.api_messages import (
    AdoptBreak,
    Enable,
    Kill,
    KillAnswer,
    LinkedOrders,
    NewOrderMessage,
    Note,
    ReplaceOrderMessage,
    ResolveBreak,
    SetLimits,
    SetTradingState,
    StatusAnswer,
    TellMeasures,
)
from gateway.entry.field_rules import near_hint
from gateway.entry.hasty_text import ACTOR_MAX, REASON_MAX, printable
from gateway.entry.keys import Identity
from gateway.entry.risk_rights import check_own, require_risk
from gateway.execution.router import Cancels, NewOrder, Router, Submitted

__all__ = ["Desk", "FixControl", "VenueControl", "VenueRow", "error_body"]

Row = dict[str, Any]
# Why an order of a kill waits for its cancel.
_WAITING = {
    "no_room": "VENUE_QUEUE_FULL",
    "venue_down": "VENUE_DOWN",
    "not_reconciled": "NOT_RECONCILED",
}
_ORDER_ID_MAX = (1 << 63) - 1
_MEASURES = ("margin_headroom", "result", "delta", "gamma", "vega")


class VenueRow(Protocol):
    """What the desk reads of a venue's health."""

    name: str

    @property
    def is_reconciled(self) -> bool:
        """True while new orders may flow."""
        ...

    def row(self) -> Row:
        """The row of /v1/status."""
        ...


class VenueControl(Protocol):
    """What the desk asks of the way to a venue."""

    def break_rows(self, *, open_only: bool) -> list[Row]:
        """Differences, oldest first."""
        ...

    def resolve_break(self, number: str, actor: str, reason: str) -> Row | None:
        """A named person answers for one; None = no open one has this id."""
        ...

    def adopt_break(
        self, number: str, *, actor: str, reason: str, quantity: str, price: str, strategy: str
    ) -> Row | None:
        """A named person takes over the position of one; None = no open one has this id."""
        ...

    async def reconcile_now(self) -> list[str]:
        """Compare everything again; what is open afterwards. Raises VenueError."""
        ...

    async def restart_adapter(self) -> list[str]:
        """Hand over to a new adapter process; what is open afterwards. Raises VenueError."""
        ...


class FixControl(Protocol):
    """What the desk asks of the FIX door."""

    def rows(self) -> list[Row]: ...
    def add(
        self, who: Identity, name: str, settings: Mapping[str, object], *, actor: str, reason: str
    ) -> Row: ...
    async def disable(self, who: Identity, name: str, *, actor: str, reason: str) -> Row: ...
    async def enable(self, who: Identity, name: str, *, actor: str, reason: str) -> Row: ...
    async def logout(self, who: Identity, name: str, *, actor: str, reason: str) -> Row: ...
    async def reset(self, who: Identity, name: str, *, actor: str, reason: str) -> Row: ...
    async def news(self, who: Identity, name: str, *, actor: str, reason: str) -> Row: ...


# who, what was done, the person named for it, the reason
OnCommand = Callable[[Identity, str, str, str], None]


def _untold(who: Identity, subject: str, actor: str, reason: str) -> None:
    """Nobody notes it."""


class Desk:
    """Operations behind all doors. Event-loop thread only."""

    def __init__(
        self,
        engine: Engine,
        router: Router,
        *,
        venues: Sequence[VenueRow] = (),
        controls: Mapping[str, VenueControl] | None = None,
        plugins: Callable[[], list[Row]] = list,
        counters: Callable[[], dict[str, int]] = dict,
    ) -> None:
        self.engine = engine
        self.router = router
        self.venues = list(venues)
        self._controls = dict(controls or {})
        self.plugins = plugins
        self._counters = counters
        self.state = "starting"
        self.fix: FixControl | None = None  # where the FIX door is open
        self.on_command: OnCommand = _untold
        self.on_note: Callable[[Identity, str, str, str], int] = lambda *told: 0
        self.on_restarted: Callable[[str], None] = lambda venue: None
        self._reads = asyncio.Semaphore(1)  # one look into the journal's files at a time

    # Orders.

    async def submit(
        self,
        who: Identity,
        message: NewOrderMessage,
        *,
        is_cancel_on_disconnect: bool = False,
        is_row_wanted: bool = True,
    ) -> Submitted:
        """One order through the gate. The wish of its session is journaled with it. Who hears of
        new orders by their events wants no row."""
        self._check_may_enter(who, [message])
        intent = _intent(who, message, is_cancel_on_disconnect)
        return await self.router.submit(intent, is_row_wanted=is_row_wanted)

    async def submit_linked(
        self, who: Identity, message: LinkedOrders, *, is_cancel_on_disconnect: bool = False
    ) -> list[Submitted]:
        """A group of orders that live and end together: all or none."""
        self._check_may_enter(who, message.orders)
        return await self.router.submit_linked(
            message.link,
            [_intent(who, order, is_cancel_on_disconnect) for order in message.orders],
        )

    def _check_may_enter(self, who: Identity, messages: Sequence[NewOrderMessage]) -> None:
        who.require("trade")
        if any(message.override_size for message in messages):
            who.require("override")
        if self.state == "starting":
            raise RefusedError("NOT_READY", rule="the gateway has not finished starting")

    async def cancel(
        self, who: Identity, order_id: str, reason: CancelReason = CancelReason.CLIENT
    ) -> Row:
        """Cancel one order."""
        who.require("cancel")
        return await self.router.cancel(who.principal, self._known(order_id), reason)

    async def replace(
        self, who: Identity, order_id: str, message: ReplaceOrderMessage
    ) -> Submitted:
        """Change one order; the same change under the same client order id is one change."""
        who.require("trade")
        if message.quantity is None and message.price is None:
            raise RefusedError("NOTHING_TO_CHANGE", rule="give quantity or price")
        _positive("quantity", message.quantity)
        _positive("price", message.price)
        return await self.router.replace(
            who.principal,
            self._known(order_id),
            client_order_id=message.client_order_id or "",
            quantity=message.quantity or "",
            price=message.price or "",
        )

    async def mass_cancel(self, who: Identity, names: Mapping[str, str]) -> Cancels:
        """Cancel every open order that matches all names and the principal may cancel."""
        who.require("cancel")
        return await self.router.mass_cancel(who.principal, names)

    def order(self, who: Identity, order_id: str) -> Row:
        """One order row."""
        who.require("read")
        row = self.engine.order(self._known(order_id))
        assert row is not None
        return row

    def order_by_client_id(self, who: Identity, client_order_id: str) -> Row:
        """One order row of the caller's own principal."""
        who.require("read")
        row = self.engine.order_by_client_id(who.principal, client_order_id)
        if row is None:
            raise RefusedError("UNKNOWN_ORDER", field="client_order_id", value=client_order_id)
        return row

    async def worded(self, row: Row) -> Row:
        """With the venue's words about its end, also when an earlier process heard them."""
        is_heard_before = row["reason"] == "venue" and not row["reason_text"]
        if is_heard_before and row["state"] in TERMINAL_STATES:
            async with self._reads:
                row["reason_text"] = await asyncio.to_thread(self.engine.words_of, row)
        return row

    # Control.

    def set_limits(self, who: Identity, message: SetLimits) -> int:
        """Replace limits; the engine refuses a raise by someone the limit binds."""
        who.require("admin")
        _check_target(message)
        _check_names(message.fields, LimitRow.__struct_fields__, "limits")
        principal = self.engine.names.id("principal", who.principal)
        sequence = self.engine.set_limits(
            message.level,
            message.name,
            message.fields,
            actor=message.actor,
            reason=message.reason,
            principal=principal,
        )
        self.on_command(who, f"limits, record {sequence}", message.actor, message.reason)
        return sequence

    def tell_measures(self, who: Identity, message: TellMeasures) -> int:
        """What guards are held against; whoever tells it decides whether orders pass."""
        require_risk(who, message.actor)
        _check_target(message)
        _check_names(message.fields, _MEASURES, "measures")
        return self.engine.tell_measures(
            message.level, message.name, message.fields, actor=message.actor
        )

    def kill(self, who: Identity, message: Kill) -> KillAnswer:
        """Halt with a latch, then cancel what works there, until nothing does or the halt is
        lifted (gateway/core/engine.py). An order that the caller may not cancel works on. No
        spelling of actor or reason refuses it: they are journaled as far as they fit."""
        if "cancel" not in who.scopes:
            who.require("admin")
        level, name = message.level, message.name
        actor = printable(message.actor, ACTOR_MAX) or who.principal
        reason = printable(message.reason, REASON_MAX) or "no reason given"
        if message.cancel and "cancel" in who.scopes:
            found = self.router.kill(who.principal, level, name, actor=actor, reason=reason)
        else:
            sequence = self.engine.set_trading_state(
                level, name, "halted", is_latch=True, actor=actor, reason=reason
            )
            found = {"sequence": sequence}
        told = f"kill, record {found['sequence']}"
        self.on_command(who, told, actor, reason)
        return KillAnswer(
            sequence=found["sequence"],
            cancels_sent=found.get("sent", 0),
            cancels_pending=found.get("on_the_way", 0),
            cancels_refused=found.get("refused", 0),
            waiting={code: found[name] for name, code in _WAITING.items() if found.get(name)},
        )

    def enable(self, who: Identity, message: Enable) -> int:
        """Lift a latch, by a named person."""
        who.require("admin")
        _check_target(message)
        sequence = self.engine.set_trading_state(
            message.level,
            message.name,
            "active",
            is_latch=False,
            actor=message.actor,
            reason=message.reason,
        )
        self.on_command(who, f"enable, record {sequence}", message.actor, message.reason)
        return sequence

    def set_trading_state(self, who: Identity, message: SetTradingState) -> int:
        """Reduce only, or no longer: a halt and a latch are above it, whoever asks. With the scope
        risk alone what stands must be its own, or nothing be reduced."""
        require_risk(who, message.actor)
        _check_target(message)
        if "admin" not in who.scopes:
            check_own(self.engine.native.trading_states(), message)
        sequence = self.engine.set_trading_state(
            message.level,
            message.name,
            message.state,
            is_latch=False,
            actor=message.actor,
            reason=message.reason,
            keeps_halts=True,
            if_actor=message.if_actor,
        )
        told = f"{message.state}, record {sequence}"
        self.on_command(who, told, message.actor, message.reason)
        return sequence

    def note(self, who: Identity, message: Note) -> int:
        """Journaled as a control command that left no other record. JOURNAL_BEHIND: it is not."""
        require_risk(who, message.actor)
        sequence = self.on_note(who, message.subject, message.actor, message.reason)
        if not sequence:
            raise RefusedError("JOURNAL_BEHIND", field="subject", rule="no room for a note now")
        return sequence

    # Venues.

    def breaks(self, *, open_only: bool = True) -> list[Row]:
        """Differences of all venues."""
        rows = (each.break_rows(open_only=open_only) for each in self._controls.values())
        return [row for found in rows for row in found]

    def resolve_break(self, who: Identity, number: str, message: ResolveBreak) -> Row:
        """A named person answers for a difference as it is."""
        who.require("admin")
        for control in self._controls.values():
            found = control.resolve_break(number, message.actor, message.reason)
            if found is not None:
                self.on_command(who, f"break {number} resolved", message.actor, message.reason)
                return found
        raise _no_break(number)

    def adopt_break(self, who: Identity, number: str, message: AdoptBreak) -> Row:
        """A named person takes over the position of a difference at a price."""
        who.require("admin")
        for control in self._controls.values():
            found = control.adopt_break(
                number,
                actor=message.actor,
                reason=message.reason,
                quantity=message.quantity,
                price=message.price,
                strategy=message.strategy,
            )
            if found is not None:
                self.on_command(who, f"break {number} adopted", message.actor, message.reason)
                return found
        raise _no_break(number)

    async def reconcile(self, who: Identity, venue: str) -> list[str]:
        """Compare everything with a venue now."""
        who.require("admin")
        control = self._control(venue)
        self.on_command(who, f"reconcile {venue}", who.principal, "asked")
        return await self._asked(venue, control.reconcile_now())

    async def restart_adapter(self, who: Identity, venue: str) -> list[str]:
        """Hand a venue's adapter over to a new process."""
        who.require("admin")
        control = self._control(venue)
        self.on_command(who, f"restart adapter {venue}", who.principal, "asked")
        breaks = await self._asked(venue, control.restart_adapter())
        self.on_restarted(venue)
        return breaks

    async def _asked(self, venue: str, asked: Awaitable[list[str]]) -> list[str]:
        try:
            return await asked
        except (VenueError, TimeoutError) as error:
            rule = f"{type(error).__name__}: {error}"[:200]
            raise RefusedError("NOT_RECONCILED", field="venue", value=venue, rule=rule) from error

    def _control(self, venue: str) -> VenueControl:
        if venue not in self._controls:
            rule = "no venue has this name"
            raise RefusedError("UNKNOWN_VENUE", field="venue", value=venue, rule=rule)
        return self._controls[venue]

    # State.

    def is_ready(self) -> tuple[bool, str]:
        """Ready to answer; venues may still be reconciling."""
        return self.state == "running", "" if self.state == "running" else self.state

    def is_trading(self) -> tuple[bool, str]:
        """Ready, every venue takes new orders, neither it nor the firm is halted or reducing, and
        the journal can be written. What other levels hold back is in `halts`."""
        is_ready, reason = self.is_ready()
        if not is_ready:
            return False, reason
        waiting = [venue.name for venue in self.venues if not venue.is_reconciled]
        held = [row for row in self.halts() if row["level"] in ("firm", "venue")]
        if self.engine.native.counters().get("journal_failed"):
            reason = "the journal cannot be written"
        elif held:
            reason = _halt_text(held[0])
        elif waiting:
            reason = "not reconciled: " + ", ".join(waiting)
        return not reason, reason

    def halts(self) -> list[Row]:
        """Trading states that hold orders back, breakers that tripped among them."""
        rows = self.engine.native.trading_states()
        return [row for row in rows if row["state"] != "active" or row["breaker"] == "open"]

    async def status(self) -> StatusAnswer:
        """The daemon in one object."""
        sequence, state_hash = self.engine.native.state_hash()
        open_orders, unknown_orders = await self.engine.counts()
        is_trading, reason = self.is_trading()
        return StatusAnswer(
            state=self.state,
            live=True,
            ready=self.is_ready()[0],
            trading=is_trading,
            reason=reason,
            halts=self.halts(),
            sequence=sequence,
            state_hash=state_hash,
            epoch=self.engine.native.epoch,
            clock_ahead_ns=self.engine.native.clock_ahead_ns,
            venues=[venue.row() for venue in self.venues],
            open_orders=open_orders,
            unknown_orders=unknown_orders,
            counters=self.engine.native.counters() | self._counters(),
        )

    def _known(self, order_id: str) -> int:
        is_number = order_id.isascii() and order_id.isdigit() and len(order_id) <= 19
        number = int(order_id) if is_number else 0
        if not 0 < number <= _ORDER_ID_MAX or self.engine.order(number) is None:
            raise RefusedError(
                "UNKNOWN_ORDER", field="order_id", value=order_id, rule="no order has this id"
            )
        return number


def _halt_text(row: Row) -> str:
    """One halt in a sentence."""
    name = "the firm" if row["level"] == "firm" else f"{row['level']} {row['name']}"
    if row["state"] == "active":
        return f"the breaker of {name} is open"
    return f"{name} is {row['state']} by {row['actor']}: {row['reason']}"


def error_body(error: RefusedError, request_id: str = "") -> Row:
    """The error object of every door."""
    from gateway.entry.strict_json import shown

    body: Row = {
        "code": error.code,
        "field": error.field,
        "value": shown(error.value),
        "rule": error.rule or describe(error.code).sentence,
        "hint": error.hint,
    }
    body |= getattr(error, "explained", {})
    offset = getattr(error, "offset", None)
    if offset is not None:
        body["offset"] = offset
    if request_id:
        body["request_id"] = request_id
    return body


def _check_target(message: SetLimits | TellMeasures | Enable | SetTradingState) -> None:
    """What lets more through must name what it means; a kill is taken as it comes."""
    if message.level == "firm" and message.name not in ("", "firm"):
        raise RefusedError("RANGE", field="name", value=message.name, rule="the firm has no name")


def _check_names(fields: Mapping[str, object], known: tuple[str, ...], what: str) -> None:
    for name, value in fields.items():
        if name not in known:
            raise RefusedError(
                "UNKNOWN_FIELD",
                field=f"fields.{name}",
                value=value,
                rule=f"the {what} are " + ", ".join(known),
                hint=near_hint(name, known),
            )


def _intent(who: Identity, message: NewOrderMessage, is_cancel_on_disconnect: bool) -> NewOrder:
    _positive("quantity", message.quantity)
    _positive("price", message.price)
    _positive("trigger_price", message.trigger_price)
    _positive("display_quantity", message.display_quantity)
    return NewOrder(
        principal=who.principal,
        client_order_id=message.client_order_id,
        account=message.account,
        instrument=message.instrument,
        strategy=message.strategy,
        side=message.side,
        type=message.type,
        time_in_force=message.time_in_force,
        quantity=message.quantity,
        price=message.price or "",
        trigger_price=message.trigger_price or "",
        display_quantity=message.display_quantity or "",
        expires_ns=message.expires_ns or 0,
        leg=message.leg,
        is_post_only=message.post_only,
        is_reduce_only=message.reduce_only,
        is_emulated=message.emulate,
        is_size_overridden=message.override_size,
        is_cancel_on_disconnect=is_cancel_on_disconnect,
        cross_ms=message.cross_ms or 0,
    )


def _positive(field: str, value: str | None) -> None:
    if value is not None and (value.startswith("-") or not value.strip("0.")):
        raise RefusedError("RANGE", field=field, value=value, rule="greater than zero")


def _no_break(number: str) -> RefusedError:
    rule = "no open break has this id"
    return RefusedError("NOT_FOUND", field="break_id", value=number, rule=rule)
