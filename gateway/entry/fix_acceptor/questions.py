"""The service behind x, AN, AD, V and g: what a session may see, asked once or with updates.

Reads alone, and only what the session's settings and its principal allow. Never sends updates
faster than it looks, nor to a session that does not read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.api import RefusedError
from gateway.entry.desk import Desk
from gateway.entry.fix_acceptor.context import Handler, QuietService, SessionContext
from gateway.entry.fix_acceptor.order_event import OrderEvent
from gateway.entry.fix_acceptor.words import execution_id
from gateway.entry.fix_answers.answer import FIX_42, Answer, text_of
from gateway.entry.fix_answers.market_data import Books, MarketData, MarketDataLimits
from gateway.entry.fix_answers.notices import (
    trading_session_status,
    venue_asked,
    venue_status,
)
from gateway.entry.fix_answers.positions import position_reports
from gateway.entry.fix_answers.securities import security_list
from gateway.entry.fix_answers.trades import trade_reports
from gateway.transport.fix_session import UNSUPPORTED, BusinessReject, FixMessage, format_time

if TYPE_CHECKING:
    from gateway.core.native import Engine as NativeEngine

__all__ = ["QuestionLimits", "Questions"]

log = logging.getLogger(__name__)

_END = "2"
_REGISTRY_AGE_MAX_S = 0.02  # while a look gives way to others between its sessions

Row = dict[str, Any]
Found = list[Answer] | BusinessReject
_Look = Callable[[SessionContext, FixMessage], Awaitable[Found]]


@dataclass(frozen=True, kw_only=True)
class QuestionLimits:
    """What questions may cost; the settings of [fix] with these names."""

    update_interval_ms: int = 250
    update_unsent_bytes_max: int = 262_144  # a session that has more waiting is passed over
    fills_kept_max: int = 20_000
    venue_subscriptions_max: int = 8  # of one session
    market_data: MarketDataLimits = field(default_factory=MarketDataLimits)


class _Place:
    """What one session asked to hear of."""

    def __init__(self, context: SessionContext, limits: MarketDataLimits, books: Books) -> None:
        self.context = context
        self.market_data = MarketData(context.version, limits, books=books)
        self.venues: dict[str, dict[str, int]] = {}  # 335 -> venue -> 340 told

    @property
    def is_idle(self) -> bool:
        return self.market_data.is_idle and not self.venues


class _Registry:
    """Rows by their names, as they are now."""

    def __init__(self, native: NativeEngine) -> None:
        self.instruments = _by_name(native.registry("instrument"))
        self.principals = _by_name(native.registry("principal"))


class _Visible(Mapping[str, Row]):
    """The rows a session may see; judged when one is asked for, for most are not."""

    def __init__(self, rows: Mapping[str, Row], is_visible: Callable[[str], bool]) -> None:
        self._rows, self._is_visible = rows, is_visible

    def __getitem__(self, name: str) -> Row:
        row = self._rows[name]
        if not self._is_visible(name):
            raise KeyError(name)
        return row

    def __iter__(self) -> Iterator[str]:
        return filter(self._is_visible, self._rows)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Questions(QuietService):
    """Plug it into the door once."""

    def __init__(
        self,
        desk: Desk,
        limits: QuestionLimits | None = None,
        books: Books = lambda _: None,
    ) -> None:
        self._desk = desk
        self._books = books
        self._limits = limits or QuestionLimits()
        self._places: dict[str, _Place] = {}
        self._fills: deque[Row] = deque(maxlen=self._limits.fills_kept_max)
        self._registry: _Registry | None = None
        self._is_in_a_look = False
        self._since_ns = desk.engine.now_ns()
        self._looking: asyncio.Task[None] | None = None

    def handlers(self) -> Mapping[bytes, Handler]:
        return {
            b"x": _handler(self._securities, is_of_orders=False),
            b"V": _handler(self._market_data, is_of_orders=False),
            b"g": _handler(self._venues, is_of_orders=False),
            b"AN": _handler(self._positions, is_of_orders=True),
            b"AD": _handler(self._trades, is_of_orders=True),
        }

    def opened(self, context: SessionContext) -> None:
        self._places[context.name] = _Place(context, self._limits.market_data, self._books)

    def closed(self, context: SessionContext) -> None:
        self._places.pop(context.name, None)

    def logged_out(self, context: SessionContext, reason: str) -> None:
        place = self._places.get(context.name)
        if place is not None:
            place.market_data.ended()
            place.venues.clear()

    def happened(self, event: OrderEvent) -> None:
        if event.kind == "order_filled":
            self._remember(event)
        elif event.kind in {"fill_busted", "fill_corrected"} and event.reference:
            kept = [row for row in self._fills if row["sequence"] != event.reference]
            self._fills = deque(kept, maxlen=self._limits.fills_kept_max)
            if event.kind == "fill_corrected":
                self._remember(event)

    # -- handlers ---------------------------------------------------------------------------------

    async def _securities(self, context: SessionContext, message: FixMessage) -> Found:
        return security_list(message, context.version, list(self._instruments(context).values()))

    async def _market_data(self, context: SessionContext, message: FixMessage) -> Found:
        place = self._places[context.name]
        found = place.market_data.requested(message, self._instruments(context))
        self._look_on()
        return found

    async def _positions(self, context: SessionContext, message: FixMessage) -> Found:
        if not context.session.is_logged_on:
            return []
        return position_reports(
            message,
            context.version,
            await self._desk.engine.positions(),
            accounts=self._accounts(context),
            date=format_time(context.now_ns())[:8].decode(),
        )

    async def _trades(self, context: SessionContext, message: FixMessage) -> Found:
        is_copy = context.settings.kind == "drop_copy"
        accounts = self._accounts(context)
        fills = [
            row
            for row in self._fills
            if row["account"] in accounts
            and context.may_use("strategies", row["strategy"])
            and (is_copy or row["principal"] == context.settings.principal)
        ]
        return trade_reports(message, context.version, fills, since_ns=self._since_ns)

    async def _venues(self, context: SessionContext, message: FixMessage) -> Found:
        place, request_id = self._places[context.name], text_of(message, 335)
        kind = text_of(message, 263)
        if kind == _END:
            place.venues.pop(request_id, None)
            return []
        most = self._limits.venue_subscriptions_max
        if kind == "1" and len(place.venues) >= most:
            return BusinessReject(0, f"at most {most} subscriptions of 35=g")
        now = self._venue_states()
        found = trading_session_status(
            message, context.version, now.items(), now_ns=context.now_ns()
        )
        if kind == "1" and isinstance(found, list):
            wanted = venue_asked(message, context.version)
            place.venues[request_id] = {
                venue: status for venue, status in now.items() if wanted in {"", venue}
            }
            self._look_on()
        return found

    # -- what a session may see -------------------------------------------------------------------

    def _instruments(self, context: SessionContext) -> _Visible:
        allowed = self._permitted(context, "instruments")

        def is_visible(name: str) -> bool:
            return context.may_use("instruments", name) and (allowed is None or name in allowed)

        return _Visible(self._registered().instruments, is_visible)

    def _registered(self) -> _Registry:
        """Read once in a turn of the event loop, whoever asks; a look keeps its own for all of its
        turns, so that nobody is told an older price after a newer one."""
        if self._registry is None:
            self._registry = _Registry(self._desk.engine.native)
            asyncio.get_running_loop().call_soon(self._forget_registry)
        return self._registry

    def _forget_registry(self) -> None:
        if not self._is_in_a_look:
            self._registry = None

    def _accounts(self, context: SessionContext) -> frozenset[str]:
        allowed = self._permitted(context, "accounts")
        return frozenset(
            name
            for name in self._desk.engine.names.all("account")
            if context.may_use("accounts", name) and (allowed is None or name in allowed)
        )

    def _permitted(self, context: SessionContext, kind: str) -> frozenset[str] | None:
        """Names its principal may use; None = all. A drop copy is bound by its settings alone."""
        if context.settings.kind == "drop_copy":
            return None
        row = self._registered().principals.get(context.settings.principal)
        if row is None:
            return frozenset()
        return None if row[kind] is None else self._named(kind, row[kind])

    def _named(self, kind: str, numbers: list[int]) -> frozenset[str]:
        names = self._desk.engine.names
        return frozenset(names.name(kind.removesuffix("s"), number) for number in numbers)

    def _venue_states(self) -> dict[str, int]:
        states = self._desk.engine.native.trading_states()
        halted = {
            row["name"] if row["level"] == "venue" else ""
            for row in states
            if row["level"] in {"venue", "firm"} and row["state"] == "halted"
        }
        return {
            venue.name: venue_status(venue.row(), is_halted=bool(halted & {"", venue.name}))
            for venue in self._desk.venues
        }

    def _remember(self, event: OrderEvent) -> None:
        order = event.order
        kept = ("order_id", "client_order_id", "account", "instrument", "side", "strategy",
                "principal")  # fmt: skip
        self._fills.append({key: order[key] for key in kept} | {
            "sequence": event.sequence, "execution_id": execution_id(event.sequence),
            "trade_id": event.record["trade_id"],
            "quantity": event.last_quantity, "price": event.last_price, "time_ns": event.time_ns,
        })  # fmt: skip

    # -- updates ----------------------------------------------------------------------------------

    def _look_on(self) -> None:
        """From now on until nobody wants updates."""
        if self._looking is None and any(not each.is_idle for each in self._places.values()):
            self._looking = asyncio.get_running_loop().create_task(self._keep_looking())

    async def _keep_looking(self) -> None:
        try:
            while any(not each.is_idle for each in self._places.values()):
                await asyncio.sleep(self._limits.update_interval_ms / 1000)
                await self.look()
        finally:
            self._looking = None

    async def look(self) -> None:
        """Tell every session what changed since the last look; others run between two sessions."""
        clock = asyncio.get_running_loop().time
        read = clock()
        self._is_in_a_look = True
        try:
            for place in list(self._places.values()):
                if not self._is_to_be_told(place):
                    continue
                if clock() - read > _REGISTRY_AGE_MAX_S:
                    self._registry, read = None, clock()
                self._tell(place)
                await asyncio.sleep(0)
        finally:
            self._is_in_a_look, self._registry = False, None

    def _is_to_be_told(self, place: _Place) -> bool:
        session = place.context.session
        is_slow = session.queued_bytes > self._limits.update_unsent_bytes_max
        is_here = self._places.get(place.context.name) is place and session.is_logged_on
        return is_here and not is_slow and not place.is_idle

    def _tell(self, place: _Place) -> None:
        context = place.context
        answers = place.market_data.changed(self._instruments(context))
        venues = self._venue_states() if place.venues else {}
        for told in place.venues.values():
            moved = {name: venues[name] for name in told if venues.get(name, 0) != told[name]}
            told.update(moved)
            found = trading_session_status(
                None, context.version, moved.items(), now_ns=context.now_ns()
            )
            answers += found if isinstance(found, list) else []
        for answer in answers:
            context.send(*answer)


def _by_name(rows: Iterable[Row]) -> dict[str, Row]:
    return {row["name"]: row for row in rows}


def _handler(look: _Look, *, is_of_orders: bool) -> Handler:
    async def handle(context: SessionContext, message: FixMessage) -> BusinessReject | None:
        is_late_kind = message.message_type not in {b"V", b"g"}
        if is_of_orders and context.settings.kind == "market_data":
            return UNSUPPORTED
        if is_late_kind and context.version == FIX_42:
            return UNSUPPORTED
        try:
            context.who.require("read")
        except RefusedError as error:
            return BusinessReject(
                6 if context.version > FIX_42 else 0, f"{error.code}: {error.rule}"
            )
        found = await look(context, message)
        if isinstance(found, BusinessReject):
            return found
        for answer in found:
            context.send(*answer)
        return None

    return handle
