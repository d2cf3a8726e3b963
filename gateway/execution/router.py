"""From an intent to a lane and back: commands go in, verdicts come out by request number, and every
notice is fanned out to the doors. One pump, no task per order; a full lane is an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from gateway.api import RefusedError
from gateway.core.drive import Drive
from gateway.core.engine import Engine
from gateway.core.native import Notice
from gateway.core.refusals import describe_number, refusal_of, refusing, with_existing
from gateway.core.vocabulary import (
    LEGS,
    LINKS,
    ORDER_FLAGS,
    ORDER_TYPES,
    SIDES,
    TIMES_IN_FORCE,
    CancelReason,
    RecordKind,
    crossing_flags,
)
from gateway.telemetry import SUBMIT

if TYPE_CHECKING:
    from gateway.core.native import ClientPort

__all__ = ["Cancels", "Listener", "NewOrder", "Router", "Submitted"]

log = logging.getLogger(__name__)

Row = dict[str, Any]
# Called with each notice; None means: notices were lost, read the state again.
Listener = Callable[["Notice | None"], None]
REPEATED = 1  # `current` of a verdict that told an earlier one again
_NOTICES_MAX = 1024
_SENT_MAX = 1024
_LINKED_MAX = 8


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One intent, in words."""

    principal: str
    client_order_id: str
    account: str
    instrument: str
    strategy: str
    side: str
    type: str
    time_in_force: str
    quantity: str
    price: str = ""
    trigger_price: str = ""
    display_quantity: str = ""
    expires_ns: int = 0
    leg: str = "net"
    is_post_only: bool = False
    is_reduce_only: bool = False
    is_emulated: bool = False
    is_size_overridden: bool = False
    is_cancel_on_disconnect: bool = False
    cross_ms: int = 0  # kept so long to be crossed, 0 = not


class Submitted(msgspec.Struct, frozen=True):
    """The order behind a submit; `is_new` False when the same intent had been seen before."""

    order: Row  # empty when it is new and nobody asked for it
    is_new: bool


class Cancels(NamedTuple):
    """What became of the orders of a mass cancel; none is counted whose cancel is on its way."""

    sent: int
    refused: int  # not asked again
    waiting: int  # of a stop: sent when there is room


class Router:
    """All commands of the doors of one process. Event-loop thread only."""

    def __init__(
        self,
        engine: Engine,
        drive: Drive,
        *,
        name: str = "api",
        capacity: int = 4096,
        verdict_seconds_max: float = 5.0,
    ) -> None:
        self.engine = engine
        self._drive = drive
        self._port: ClientPort = engine.open_client_port(name, capacity)
        self._verdicts: dict[int, asyncio.Future[Notice]] = {}
        self._mass: set[int] = set()
        self._listeners: list[Listener] = []
        # The newest orders of this router, to name the one that a duplicate repeats.
        self._sent: deque[tuple[NewOrder, int]] = deque(maxlen=_SENT_MAX)
        self._overruns = self._port.overruns
        # Orders that other ways brought in: a port of their own, so that a flood of them takes no
        # room from verdicts. Open only once somebody wants to hear.
        self._heard: ClientPort | None = None
        self._heard_overruns = 0
        self._hearers: list[Listener] = []
        self._capacity = capacity
        self._verdict_seconds_max = verdict_seconds_max
        self.is_closed = False
        drive.watch(self._port, self.pump)

    async def submit(self, order: NewOrder, *, is_row_wanted: bool = True) -> Submitted:
        """Send one order through the gate. Raises RefusedError with the gate's reason."""
        if self.is_closed:
            raise RefusedError("SHUTTING_DOWN", rule="the gateway takes no new orders")
        principal = self.engine.names.id("principal", order.principal)
        begin = self.engine.measurement.timestamp()
        with refusing(order):
            request = self._port.submit(principal, *self._native(order))
        try:
            notice = await self._verdict(request, order, begin)
        except RefusedError as error:
            raise self._with_existing(error, order) from None
        self._sent.append((order, notice.order_id))
        is_new = notice.current != REPEATED
        has_row = is_row_wanted or not is_new
        return Submitted(self._row(notice.order_id) if has_row else {}, is_new)

    async def submit_linked(self, link: str, orders: Sequence[NewOrder]) -> list[Submitted]:
        """Send 2 to 8 orders of one principal as one group: all are taken or none. Raises
        RefusedError of the order that was refused."""
        if self.is_closed:
            raise RefusedError("SHUTTING_DOWN", rule="the gateway takes no new orders")
        if not 2 <= len(orders) <= _LINKED_MAX or len({each.principal for each in orders}) != 1:
            rule = f"2 to {_LINKED_MAX} orders of one principal"
            raise RefusedError("BAD_LINK", field="orders", value=str(len(orders)), rule=rule)
        principal = self.engine.names.id("principal", orders[0].principal)
        natives = []
        for order in orders:
            with refusing(order):
                natives.append(self._native(order))
        with refusing(link=link):
            request = self._port.submit_linked(principal, LINKS[link], natives)
        if request == 0:
            raise RefusedError("LANE_FULL", rule="the entry lane is full; try again")
        for place in range(len(orders)):  # all before the first turn, which answers all of them
            self._expect(request + place)
        answers = await asyncio.gather(
            *(self._verdict(request + place, order) for place, order in enumerate(orders)),
            return_exceptions=True,
        )
        _raise_first(answers, orders)
        return [
            Submitted(self._row(notice.order_id), notice.current != REPEATED)
            for notice in answers
            if isinstance(notice, Notice)
        ]

    def _native(self, order: NewOrder) -> tuple[Any, ...]:
        """The arguments of ClientPort.submit behind the principal."""
        names = self.engine.names
        flags = order.is_post_only * ORDER_FLAGS["post_only"]
        flags |= order.is_reduce_only * ORDER_FLAGS["reduce_only"]
        flags |= order.is_emulated * ORDER_FLAGS["emulate"]
        flags |= order.is_cancel_on_disconnect * ORDER_FLAGS["cancel_on_disconnect"]
        flags |= order.is_size_overridden * ORDER_FLAGS["override_size"]
        flags |= crossing_flags(order.cross_ms)
        return (
            order.client_order_id,
            names.id("instrument", order.instrument),
            names.id("account", order.account),
            names.id("strategy", order.strategy),
            SIDES[order.side],
            ORDER_TYPES[order.type],
            TIMES_IN_FORCE[order.time_in_force],
            order.quantity,
            order.price,
            order.trigger_price,
            order.display_quantity,
            order.expires_ns,
            LEGS[order.leg],
            flags,
        )

    async def cancel(
        self, principal: str, order_id: int, reason: CancelReason = CancelReason.CLIENT
    ) -> Row:
        """Ask the venue to cancel. The row says PENDING_CANCEL by `pending`."""
        number = self.engine.names.id("principal", principal)
        values = {"order_id": order_id, "principal": principal}
        with refusing(**values):
            request = self._port.cancel(number, order_id, int(reason))
        await self._verdict(request, values)
        return self._row(order_id)

    async def replace(
        self,
        principal: str,
        order_id: int,
        *,
        client_order_id: str = "",
        quantity: str = "",
        price: str = "",
    ) -> Submitted:
        """Ask the venue to change total quantity or price. The same client order id with the same
        content again answers the order as it is."""
        if self.is_closed:
            raise RefusedError("SHUTTING_DOWN", rule="the gateway takes no new orders")
        number = self.engine.names.id("principal", principal)
        values = {
            "order_id": order_id,
            "client_order_id": client_order_id,
            "quantity": quantity,
            "price": price,
            "principal": principal,
            "instrument": self._row(order_id)["instrument"],
        }
        with refusing(**values):
            request = self._port.replace(number, order_id, client_order_id, quantity, price)
        try:
            await self._verdict(request, values)
        except RefusedError as error:
            # Asked only now, so that a first replace costs nothing; what was refused has changed
            # nothing, and a used client order id is never taken again.
            if self.engine.is_repeated_replace(
                principal, order_id, client_order_id, quantity=quantity, price=price
            ):
                return Submitted(self._row(order_id), False)
            if error.code == "ID_CONFLICT":
                known = self.engine.native.find_order(number, client_order_id)
                raise with_existing(error, known) from None
            raise
        return Submitted(self._row(order_id), True)

    async def mass_cancel(
        self,
        principal: str,
        names: Mapping[str, str],
        reason: CancelReason = CancelReason.MASS_CANCEL,
    ) -> Cancels:
        """Cancel every open order that matches all given names (account, strategy, instrument,
        venue). With SHUTDOWN (it takes no names) the engine asks again for what it could not send
        and for what was rejected, until the process ends."""
        known = self.engine.names
        ids = {kind: known.id(kind, name) for kind, name in names.items() if name}
        request = self._port.mass_cancel(
            known.id("principal", principal), **ids, reason=int(reason)
        )
        self._mass.add(request)
        try:
            notice = await self._verdict(request)
        finally:
            self._mass.discard(request)
        return Cancels(notice.current, notice.would_be, notice.working)

    def kill(
        self, principal: str, level: str, name: str, *, actor: str, reason: str
    ) -> dict[str, int]:
        """Halt and cancel (Engine.kill), and have the cancels sent on at once."""
        found = self.engine.kill(level, name, actor=actor, reason=reason, principal=principal)
        self._drive.kick()
        return found

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for every notice from now on; returns the call that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def hear_others(self, hearer: Listener) -> Callable[[], None]:
        """Call `hearer` for every event of an order that came through shared memory, from now on;
        returns the call that ends it. The engine is asked to tell only while somebody hears."""
        if self._heard is None:
            self._heard = self.engine.open_client_port("heard", self._capacity)
            self._drive.watch(self._heard, self._pump_heard)
        if not self._hearers:
            self.engine.native.let_hear(self._heard)
        self._hearers.append(hearer)

        def end() -> None:
            if hearer in self._hearers:
                self._hearers.remove(hearer)
                if not self._hearers:
                    self.engine.native.let_hear(None)

        return end

    @property
    def port_number(self) -> int:
        """How records name the way in."""
        return self._port.number

    def refuse_new(self) -> None:
        """Take no new order and no replace any more; cancels go on."""
        self.is_closed = True

    def _tell_held(self, notice: Notice) -> None:
        """The gateway holds an order and cannot let it go."""
        name = describe_number(notice.refusal).name
        row = self.engine.order(notice.order_id)
        if row is not None and row.get("cross_ms"):
            log.warning("order %d was kept to be crossed and ends: %s", notice.order_id, name)
            return
        log.error("linked order %d is held back: %s; it is tried again", notice.order_id, name)

    def pump(self) -> None:
        """Read notices, resolve verdicts, tell listeners. Runs after each engine turn."""
        while notices := self._port.notices(_NOTICES_MAX):
            for notice in (Notice(*each) for each in notices):
                self._resolve(notice)
                if notice.refusal and notice.order_id and not notice.request:
                    self._tell_held(notice)
                for listener in tuple(self._listeners):
                    listener(notice)
        if self._port.overruns != self._overruns:
            log.error("notices lost: %d", self._port.overruns - self._overruns)
            self._overruns = self._port.overruns
            for listener in tuple(self._listeners):
                listener(None)

    def _pump_heard(self) -> None:
        port = self._heard
        if port is None:
            return
        notices = port.notices(_NOTICES_MAX)
        for notice in (Notice(*each) for each in notices):
            for hearer in tuple(self._hearers):
                hearer(notice)
        if port.overruns != self._heard_overruns:
            self._heard_overruns = port.overruns
            for hearer in tuple(self._hearers):
                hearer(None)
        if len(notices) == _NOTICES_MAX:  # the rest after the loop has turned
            asyncio.get_running_loop().call_soon(self._pump_heard)

    def _resolve(self, notice: Notice) -> None:
        """A mass cancel answers with one notice per order first and order 0 at last."""
        future = self._verdicts.get(notice.request) if notice.request else None
        if future is None or future.done():
            return
        is_mass = notice.request in self._mass
        if is_mass and notice.order_id:
            return
        future.set_result(notice)

    def _expect(self, request: int) -> asyncio.Future[Notice]:
        future: asyncio.Future[Notice] = asyncio.get_running_loop().create_future()
        self._verdicts[request] = future
        return future

    def _details(self, notice: Notice) -> Mapping[str, Any] | None:
        """What the engine knows of a refusal of the gate beyond its notice."""
        if notice.level < 0:
            return None
        return self.engine.native.refusal_details(self._port.number, notice.request)

    async def _verdict(
        self,
        request: int,
        command: NewOrder | Mapping[str, object] | None = None,
        begin: int = 0,
    ) -> Notice:
        """The engine's answer to `request`; `command` is what was asked, for its refusal. A submit
        says when it began."""
        if request == 0:
            raise RefusedError("LANE_FULL", rule="the entry lane is full; try again")
        future = self._verdicts.get(request) or self._expect(request)
        self._drive.kick()
        try:
            if not future.done():  # an inline engine has answered already
                async with asyncio.timeout(self._verdict_seconds_max):
                    await future
            notice = future.result()
        except TimeoutError:
            raise RefusedError(
                "UNKNOWN_OUTCOME",
                rule="the verdict did not come in time; ask by client order id",
            ) from None
        finally:
            del self._verdicts[request]
        if begin:
            self.engine.measurement.record(SUBMIT, begin, notice.order_id)
        if notice.kind == RecordKind.ORDER_REFUSED or notice.refusal:
            if isinstance(command, NewOrder):
                command = msgspec.structs.asdict(command)
            values = command or {}
            scales = self.engine.scales(str(values.get("instrument", "")))
            raise refusal_of(
                notice,
                values=values,
                price_scale=scales[0],
                quantity_scale=scales[1],
                details=self._details(notice),
            )
        return notice

    def _with_existing(self, error: RefusedError, order: NewOrder) -> RefusedError:
        """A conflict names the order that was there before."""
        if error.code == "ID_CONFLICT":
            number = self.engine.names.id("principal", order.principal)
            known = self.engine.native.find_order(number, order.client_order_id)
            return with_existing(error, known)
        if error.code == "DUPLICATE_ORDER":
            same = (known for sent, known in reversed(self._sent) if _is_same(sent, order))
            return with_existing(error, next(same, 0))
        return error

    def _row(self, order_id: int) -> Row:
        row = self.engine.order(order_id)
        if row is None:
            raise RefusedError("UNKNOWN_ORDER", field="order_id", value=order_id)
        return row


def _raise_first(answers: Sequence[Notice | BaseException], orders: Sequence[NewOrder]) -> None:
    """The refusal that ended the group, not the ones that followed from it."""
    refused = [
        (error, order)
        for error, order in zip(answers, orders, strict=True)
        if isinstance(error, BaseException)
    ]
    for error, order in refused:
        if isinstance(error, RefusedError) and error.code != "LINK_REFUSED":
            error.hint = error.hint or f"refused: {order.client_order_id}"
            raise error
    if refused:
        raise refused[0][0]


_WORDS = ("account", "instrument", "strategy", "leg", "side", "type")
_NUMBERS = ("quantity", "price", "trigger_price")


def _is_same(sent: NewOrder, order: NewOrder) -> bool:
    """What the engine's duplicate check compares; numbers by value, not by spelling."""
    return all(getattr(sent, name) == getattr(order, name) for name in _WORDS) and all(
        Decimal(getattr(sent, name) or 0) == Decimal(getattr(order, name) or 0) for name in _NUMBERS
    )
