"""The user data stream: each event becomes facts on the port. An event that cannot be read is a
lost fact, so it is raised, and the stream opens a gap; kinds nobody needs are passed over."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.api import VenueError, VenueProtocolError
from gateway.transport import EventResult, JsonReader, VenueFact
from gateway_binance import translate
from gateway_binance.event_table import order_reader
from gateway_binance.expectation import Expectation
from gateway_binance.memory import ALGO_ENDS, KnownOrder, OrderMemory
from gateway_binance.messages import (
    AccountEvent,
    AlgoBody,
    AlgoEvent,
    EventHead,
    MarginCallEvent,
    OrderBody,
    OrderEvent,
    TradeLiteEvent,
)
from gateway_binance.outcomes import Tell, order_ended
from gateway_binance.questions import Questions
from gateway_binance.words import nanoseconds

__all__ = ["StreamGap", "UserEvents"]

log = logging.getLogger(__name__)

_HEAD = JsonReader(EventHead, "a user event", has_unique_keys=False)
_ORDER = JsonReader(OrderEvent, "ORDER_TRADE_UPDATE")
_ALGO = JsonReader(AlgoEvent, "ALGO_UPDATE")
_LITE = JsonReader(TradeLiteEvent, "TRADE_LITE")
_ACCOUNT = JsonReader(AccountEvent, "ACCOUNT_UPDATE")
_CALL = JsonReader(MarginCallEvent, "MARGIN_CALL")
_KIND = "ORDER_TRADE_UPDATE"
_FREQUENT = b'{"e":"ORDER_TRADE_UPDATE",'
_ENDS = ("FILLED", "CANCELED", "EXPIRED")
_ANNOUNCED_MAX = 10_000
_FUNDING_WAITS_S = (0.2, 1.0, 2.0, 4.0, 8.0, 16.0)  # the list of incomes follows the event
_RESOLVE_WAITS_S = (0.0, 0.2, 1.0, 3.0)
_FUNDING_BACK_MS = 60_000


class StreamGap(VenueError):
    """Facts may be missing; its text is the reason."""


class UserEvents:
    """Reads the events of one account, in order. `later` runs what the stream cannot wait for."""

    def __init__(
        self,
        account: str,
        memory: OrderMemory,
        questions: Questions,
        *,
        tell: Tell,
        later: Callable[[Coroutine[Any, Any, None]], None],
        on_gap: Callable[[str], None],
        follow_seconds_max: float = 5.0,
        told: Callable[[VenueFact], None] | None = None,
    ) -> None:
        """`told` takes what the native reader reads; without it every event is read in words."""
        self._account = account
        self._memory = memory
        self._named, self._by_key = memory.named, memory.by_key
        self._questions = questions
        self._tell = tell
        self._later = later
        self._on_gap = on_gap
        self._follow_seconds_max = follow_seconds_max
        self.counters: Counter[str] = Counter()
        # Fills that TRADE_LITE announced and whose full event has not come.
        self._announced: dict[tuple[str, int], asyncio.TimerHandle] = {}
        self._expectation = Expectation(follow_seconds_max, self.counters, on_gap)
        self.expect = self._expectation.expect
        # Events of orders nobody knows, while the venue is asked whose they are.
        self._held: dict[tuple[str, int], list[OrderBody]] = {}
        self._payments_ms: list[int] = []
        self._told = told
        self._reader = order_reader(account)
        self._read, self._said = self._reader.read, self._reader.fact
        self._is_change = [False, *(self._changes(each) for each in self._reader.results)]

    @property
    def held(self) -> dict[tuple[str, int], int]:
        """How many events wait for an answer, by symbol and the venue's id of the order."""
        return {key: len(bodies) for key, bodies in self._held.items()}

    def take(self, data: bytes) -> None:
        """One frame. Raises VenueProtocolError or StreamGap.

        Natively when it is an event of an order of ours and nothing about it is open; what was
        looked up until then the ordinary way would have changed too."""
        told = self._told
        result = self._read(data) if told is not None else 0
        if not result or told is None:
            self._take_in_words(data)
            return
        fact = self._said
        key = fact.venue_order_key
        known = None
        if not self._held:
            known = self._by_key(key) or self._link(key, fact.client_order_id)
        if known is None or not known.order_id or self._named(known.client_order_id) is not known:
            self._reader.decline()
            self._take_in_words(data)
            return
        if not known.is_heard or self._expectation.expected:
            self._expectation.hear(known)
        fact.address(known.client_order_id, known.order_id)
        told(fact)
        if self._announced and fact.trade_id:
            self._full_event_came((fact.symbol, int(fact.trade_id)))
        if self._is_change[result]:
            if fact.kind == "replaced":
                known.price, known.quantity = fact.price, fact.quantity
            else:
                known.is_done = True

    def _take_in_words(self, data: bytes) -> None:
        if data.startswith(_FREQUENT):  # as Binance writes it; in another order it is read twice
            event = _ORDER.read(data)
            self.counters[event.kind] += 1
            self._order(event.order)
            return
        kind = _HEAD.read(data).kind
        self.counters[kind] += 1
        if kind == "ORDER_TRADE_UPDATE":
            self._order(_ORDER.read(data).order)
        elif kind == "ALGO_UPDATE":
            told = _ALGO.read(data)
            self._algo(told.order, told.time)
        elif kind == "TRADE_LITE":
            self._announce(_LITE.read(data))
        elif kind == "ACCOUNT_UPDATE":
            self._account_changed(_ACCOUNT.read(data))
        elif kind == "MARGIN_CALL":
            self._margin_called(data)
        elif kind == "listenKeyExpired":
            raise StreamGap("the listen key has expired")

    def clear(self) -> None:
        """The stream starts anew: reconciliation settles what was open."""
        for handle in self._announced.values():
            handle.cancel()
        self._announced.clear()
        self._expectation.clear()
        self._held.clear()

    def counts(self) -> dict[str, int]:
        """Events by kind, and how they were read."""
        found = {**self.counters, **self._reader.counts()}
        found[_KIND] = self.counters[_KIND] + found["events_native"]
        return found

    # Orders.

    @staticmethod
    def _changes(result: EventResult) -> bool:
        """Whether the order has ended, or has other terms."""
        return result.state in _ENDS or result.fact == "replaced"

    def _order(self, body: OrderBody) -> None:
        if body.trade_id:
            self._full_event_came((body.symbol, body.trade_id))
        if (body.symbol, body.order_id) in self._held:
            self._held[body.symbol, body.order_id].append(body)
            return
        known = self._known(body)
        if known is None and self._memory.waiting(body.symbol, body.side):
            # Perhaps a conditional order of ours has just become this one.
            self._held[body.symbol, body.order_id] = [body]
            self._later(self._resolve(body.order_id, body.symbol, body.side))
            return
        self._tell_order(body, known)

    def _known(self, body: OrderBody) -> KnownOrder | None:
        key = (body.symbol, body.order_id)
        return self._memory.by_key(key) or self._link(key, body.client_order_id)

    def _link(self, key: tuple[str, int], client_order_id: str) -> KnownOrder | None:
        """The order of this name, which the venue calls so."""
        symbol, number = key
        known = self._memory.by_client(client_order_id, symbol)
        if known is not None:
            self._memory.link(known, number)
        return known

    def _tell_order(self, body: OrderBody, known: KnownOrder | None) -> None:
        """A fill is told whoever ordered it; the rest as a fact of our order, or as a view."""
        state = translate.state_of(body.status)
        self._memory.symbols.add(body.symbol)
        if known is not None:
            self._expectation.hear(known)
        if body.execution in ("TRADE", "CALCULATED") and body.last_quantity.strip("0."):
            name = known.client_order_id if known else body.client_order_id
            if self._memory.is_namesake(name, body.symbol):
                name = ""  # somebody else's, under the name of an order of ours elsewhere
            settle = self._questions.settle(body.symbol)
            self._tell("filled", translate.event_fill(self._account, body, name, settle))
            if known is not None and state == "filled":
                known.is_done = True
            if state in ("new", "partially_filled", "filled"):
                return
        if known is None and self._memory.is_namesake(body.client_order_id, body.symbol):
            log.warning("an order on %s has the name of ours on another symbol", body.symbol)
            return
        if known is None or not known.order_id:
            name = known.client_order_id if known else ""
            self._tell("order_seen", translate.event_report(self._account, body, name))
            return
        self._fact(body, known, state)

    def _fact(self, body: OrderBody, known: KnownOrder, state: str) -> None:
        stamp = nanoseconds(body.time)
        number = str(body.order_id)
        if state in ("canceled", "expired", "rejected"):
            known.is_done = True
        if state == "rejected":
            self._tell("rejected", known.order_id, body.execution.lower(), venue_time_ns=stamp)
        elif state in ("canceled", "expired"):
            order_ended(
                self._tell,
                known.order_id,
                body.status,
                cumulative=body.cumulative,
                number=number,
                stamp_ns=stamp,
            )
        elif body.execution == "AMENDMENT":
            known.price, known.quantity = body.price, body.quantity
            self._tell(
                "replaced",
                known.order_id,
                price=body.price,
                quantity=body.quantity,
                venue_order_id=number,
                venue_time_ns=stamp,
            )
        elif body.execution == "NEW":
            self._tell("accepted", known.order_id, number, venue_time_ns=stamp)
        else:
            raise VenueProtocolError(f"unknown execution type {body.execution[:40]!r}")

    # Conditional orders.

    def _algo(self, body: AlgoBody, time_ms: int) -> None:
        report = translate.algo_report(self._account, body, time_ms)
        if self._memory.is_namesake(body.client_algo_id, body.symbol):
            log.warning("an algo order on %s has the name of ours elsewhere", body.symbol)
            return
        known = self._memory.by_client(body.client_algo_id)
        if known is None:
            known = self._memory.remember(
                KnownOrder(
                    client_order_id=body.client_algo_id,
                    symbol=body.symbol,
                    side=body.side,
                    is_conditional=True,
                    algo_id=body.algo_id,
                )
            )
        self._expectation.hear(known)
        known.algo_id = body.algo_id
        known.is_waiting = body.status == "NEW"
        known.is_done |= body.status in ALGO_ENDS
        if body.actual_id:
            self._memory.link(known, int(body.actual_id))
            self._release(body.symbol, int(body.actual_id))
        if known.order_id:
            self._algo_fact(body, known, nanoseconds(time_ms))
        elif body.status in ("NEW", "CANCELED", "EXPIRED", "REJECTED"):
            self._tell("order_seen", report)

    def _algo_fact(self, body: AlgoBody, known: KnownOrder, stamp: int) -> None:
        number, order_id = str(body.algo_id), known.order_id
        end = {"cumulative_quantity": "0", "venue_time_ns": stamp, "venue_order_id": number}
        if body.status == "NEW":
            self._tell("accepted", order_id, number, is_untriggered=True, venue_time_ns=stamp)
        elif body.status == "TRIGGERED":
            self._tell("triggered", order_id, venue_time_ns=stamp)
        elif body.status == "CANCELED":
            self._tell("canceled", order_id, "requested", **end)
        elif body.status == "EXPIRED":
            self._tell("expired", order_id, "time_in_force", **end)
        elif body.status == "REJECTED":
            self._tell("canceled", order_id, body.reason or "venue_decision", **end)

    async def _resolve(self, order_id: int, symbol: str, side: str) -> None:
        """Ask the waiting conditional orders whether one of them became this order. The algo
        service may lag behind, so only its last answer makes it the order of a stranger."""
        is_answered = False
        for wait_s in _RESOLVE_WAITS_S:
            await asyncio.sleep(wait_s)
            if (symbol, order_id) not in self._held:
                return  # its trigger was told meanwhile, or the stream has started anew
            try:
                is_answered = False
                is_settled = await self._ask_origin(order_id, symbol, side)
                is_answered = True
            except VenueError as error:
                log.warning("whose order %d is could not be asked: %s", order_id, error)
                continue
            if is_settled:
                break
        if is_answered:
            self._release(symbol, order_id)
        elif self._held.pop((symbol, order_id), None) is not None:
            self._on_gap(f"nobody knows whose order {order_id} is")

    async def _ask_origin(self, order_id: int, symbol: str, side: str) -> bool:
        """Whether more asking can tell nothing: the origin is known, or none is left."""
        for each in self._memory.waiting(symbol, side):
            await self._questions.algo(each.client_order_id)
            if self._memory.by_venue_id(symbol, order_id) is not None:
                return True
        return not self._memory.waiting(symbol, side)

    def _release(self, symbol: str, order_id: int) -> None:
        for body in self._held.pop((symbol, order_id), ()):
            try:
                self._tell_order(body, self._known(body))
            except VenueProtocolError as error:
                self._on_gap(str(error))

    # The account, announcements and funding.

    def _margin_called(self, data: bytes) -> None:
        """Of all its positions or, when it cannot be read, of none: then no fact is lost."""
        try:
            call = _CALL.read(data)
            told = [
                translate.margin_call(self._account, each, call.time) for each in call.positions
            ]
        except VenueProtocolError as error:
            self.counters["unreadable_margin_calls"] += 1
            log.error("a margin call cannot be read: %s", error)
            return
        for report in told:
            self._tell("margin_called", report)

    def _account_changed(self, event: AccountEvent) -> None:
        """Balances and quantities follow from fills and payments; modes and collateral from nothing
        else. A change of the margin type comes here too, also of flat positions."""
        for body in event.account.positions:
            self._tell("position_seen", translate.position_seen(self._account, body, event.time))
        if event.account.reason == "FUNDING_FEE":
            self._paid(event.time)

    def _announce(self, event: TradeLiteEvent) -> None:
        """TRADE_LITE comes first and lacks the fee, so nothing is booked by it; that the full
        event follows is watched."""
        key = (event.symbol, event.trade_id)
        if key in self._announced or len(self._announced) >= _ANNOUNCED_MAX:
            return
        loop = asyncio.get_running_loop()
        self._announced[key] = loop.call_later(self._follow_seconds_max, self._overdue, key)

    def _full_event_came(self, key: tuple[str, int]) -> None:
        handle = self._announced.pop(key, None)
        if handle is not None:
            handle.cancel()

    def _overdue(self, key: tuple[str, int]) -> None:
        if self._announced.pop(key, None) is not None:
            self.counters["announced_fills_missing"] += 1
            self._on_gap(f"fill {key[1]} of {key[0]} was announced and did not follow")

    def _paid(self, time_ms: int) -> None:
        """Many positions pay at once: one task asks for all of them."""
        self._payments_ms.append(time_ms)
        if len(self._payments_ms) == 1:
            self._later(self._funding())

    async def _funding(self) -> None:
        """What was paid where stands in the list of incomes alone, a little later than the event.
        Asked until it holds as many payments as were announced; then reconciliation asks."""
        for wait_s in _FUNDING_WAITS_S:
            await asyncio.sleep(wait_s)
            since_ns = nanoseconds(min(self._payments_ms) - _FUNDING_BACK_MS)
            announced = len(self._payments_ms)
            try:
                paid = await self._questions.funding(since_ns)
            except VenueError as error:
                log.warning("funding could not be asked: %s", error)
                continue
            for each in paid:
                self._tell("funded", each)
            if len(paid) >= announced == len(self._payments_ms):
                self._payments_ms.clear()
                return
        self._payments_ms.clear()
        self._on_gap("a funding payment was announced and is not listed")
