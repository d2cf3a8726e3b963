"""The shared-memory port for Python: words and decimal text in, typed replies out.

Sending is asynchronous: every call answers with a request number, the verdict is a reply with that
number. Decimals are exact in both directions; nothing is a float.
"""

from __future__ import annotations

import time
from collections import deque
from decimal import Decimal
from enum import IntEnum
from types import TracebackType
from typing import Final, NamedTuple, Self

from gateway._core.port import Port as NativePort
from gateway.api import GatewayError, RefusedError
from gateway.api.messages import LegName, OrderTypeName, SideName, TimeInForceName
from gateway.core.refusals import describe_number, refusing
from gateway.core.vocabulary import (
    LEGS,
    ORDER_FLAGS,
    ORDER_TYPES,
    SIDES,
    TIMES_IN_FORCE,
    RecordKind,
    crossing_flags,
)

__all__ = ["Instrument", "LaneFull", "PortClient", "PortEnded", "Reply", "ReplyKind"]

_KINDS: Final = {"instrument": 1, "account": 2, "strategy": 3, "venue": 4}
_ENDS: Final = (
    "open",
    "client",
    "bad_index",
    "bad_kind",
    "bad_length",
    "too_fast",
    "key_revoked",
    "stopping",
)
_STATES: Final = (
    "",
    "PENDING_NEW",
    "NEW",
    "PARTIALLY_FILLED",
    "FILLED",
    "CANCELED",
    "EXPIRED",
    "REJECTED",
    "REFUSED",
    "UNTRIGGERED",
    "UNKNOWN",
)


class ReplyKind(IntEnum):
    """Replies that are no records of the journal."""

    PONG = 200
    ORDER_IMAGE = 201
    IMAGES_END = 202


class LaneFull(GatewayError):
    """The request lane is full: nothing was sent; take replies and try again."""


class PortEnded(GatewayError):
    """The gateway serves this port no more; the reason is a word of the guide."""


class Instrument(NamedTuple):
    """Number and scales of an instrument of this gateway."""

    id: int
    price_scale: int
    quantity_scale: int


class Reply(NamedTuple):
    """An answer (`request` not 0) or an event, with the order as it stands after it. Prices and
    quantities are whole numbers in the instrument's scales: see PortClient.price()."""

    sequence: int
    request: int
    order_id: int
    kind: int  # RecordKind or ReplyKind
    refusal_number: int
    level: int
    limit: int
    current: int
    would_be: int
    working: int
    client_number: int
    price: int
    quantity: int
    cumulative: int
    value_e18: int  # sum of the values of its fills
    instrument: int
    state_number: int
    overlay: int
    side: int
    type: int
    account: int
    strategy: int

    @property
    def refusal(self) -> str:
        """The name of the refusal, "" when there is none."""
        return describe_number(self.refusal_number).name if self.refusal_number else ""

    @property
    def state(self) -> str:
        """The state of the order, "" when the reply is about none."""
        return _STATES[self.state_number] if self.state_number < len(_STATES) else "?"

    @property
    def is_known_already(self) -> bool:
        """The same intent had been seen before: this is its order, nothing new happened."""
        return self.kind == RecordKind.ORDER_NEW and self.current == 1


class PortClient:
    """One port. One thread. Closing it, or the end of the process, ends the port."""

    def __init__(self, native: NativePort) -> None:
        self._native = native
        self._set_aside: deque[Reply] = deque()
        self._instruments: dict[str, Instrument] = {}
        self._by_id: dict[int, Instrument] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._query_of_all = 0  # the newest

    @classmethod
    def connect(cls, path: str, key: str, *, cancel_on_disconnect: bool = False) -> Self:
        """Attach with KEYID.SECRET. Raises RefusedError, or OSError when nobody answers."""
        with refusing():
            return cls(NativePort(path, key, cancel_on_disconnect))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the port. What was published before still counts."""
        self._native.close()

    # Names.

    def instrument(self, name: str) -> Instrument:
        """Number and scales of an instrument. Raises RefusedError(UNKNOWN_INSTRUMENT)."""
        known = self._instruments.get(name)
        if known is None:
            found = self._native.find(_KINDS["instrument"], name)
            if found is None:
                rule = "no instrument has this name"
                raise RefusedError("UNKNOWN_INSTRUMENT", field="instrument", value=name, rule=rule)
            known = self._instruments[name] = Instrument(*found)
            self._by_id[known.id] = known
        return known

    def id(self, kind: str, name: str) -> int:
        """Number of an account, strategy or venue. Raises RefusedError(UNKNOWN_*)."""
        number = self._ids.get((kind, name), 0)
        if not number:
            found = self._native.find(_KINDS[kind], name)
            if found is None:
                rule = f"no {kind} has this name"
                raise RefusedError(f"UNKNOWN_{kind.upper()}", field=kind, value=name, rule=rule)
            number = self._ids[kind, name] = found[0]
        return number

    def price(self, reply: Reply) -> Decimal:
        """The price of a reply's order, exact. Its instrument was asked for before."""
        return Decimal(reply.price).scaleb(-self._by_id[reply.instrument].price_scale)

    def quantity(self, reply: Reply, mantissa: int) -> Decimal:
        """A quantity of a reply's order (quantity or cumulative), exact."""
        return Decimal(mantissa).scaleb(-self._by_id[reply.instrument].quantity_scale)

    # Requests. Each answers with its number.

    def submit(
        self,
        *,
        client_order_id: str | int,
        instrument: str,
        account: str,
        strategy: str,
        side: SideName,
        type: OrderTypeName,
        time_in_force: TimeInForceName,
        quantity: str,
        price: str = "",
        trigger_price: str = "",
        expires_ns: int = 0,
        leg: LegName = "net",
        post_only: bool = False,
        reduce_only: bool = False,
        emulate: bool = False,
        override_size: bool = False,
        cross_ms: int = 0,
    ) -> int:
        """A new order. A whole number as client order id rises from order to order (fastest);
        text is free. Raises RefusedError for text that is no number."""
        known = self.instrument(instrument)
        flags = post_only * ORDER_FLAGS["post_only"] | reduce_only * ORDER_FLAGS["reduce_only"]
        flags |= emulate * ORDER_FLAGS["emulate"]
        flags |= override_size * ORDER_FLAGS["override_size"]
        flags |= crossing_flags(cross_ms)
        with refusing(quantity=quantity, price=price, client_order_id=client_order_id):
            request = self._native.submit(
                client_order_id,
                known.id,
                self.id("account", account),
                self.id("strategy", strategy),
                SIDES[side],
                ORDER_TYPES[type],
                TIMES_IN_FORCE[time_in_force],
                quantity,
                price,
                trigger_price,
                expires_ns,
                LEGS[leg],
                flags,
                known.price_scale,
                known.quantity_scale,
            )
        return self._sent(request)

    def replace(
        self,
        order_id: int,
        *,
        instrument: str,
        client_order_id: str | int | None = None,
        quantity: str = "",
        price: str = "",
    ) -> int:
        """New total quantity or price of an order of this instrument; "" stays as it is."""
        known = self.instrument(instrument)
        with refusing(quantity=quantity, price=price):
            return self._sent(
                self._native.replace(
                    order_id,
                    client_order_id,
                    quantity,
                    price,
                    known.price_scale,
                    known.quantity_scale,
                )
            )

    def cancel(self, order_id: int) -> int:
        """Cancel one order."""
        return self._sent(self._native.cancel(order_id))

    def mass_cancel(self, **names: str) -> int:
        """Cancel every open order that matches all of account, strategy, instrument, venue. The
        reply with order id 0 tells in `current` how many cancels were sent."""
        ids = {
            kind: self.instrument(name).id if kind == "instrument" else self.id(kind, name)
            for kind, name in names.items()
        }
        return self._sent(self._native.mass_cancel(**ids))

    def query(self, *, order_id: int = 0, client_order_id: str | int | None = None) -> int:
        """Ask how one order of this principal stands."""
        return self._sent(self._native.query(order_id, client_order_id))

    def query_all(self) -> int:
        """Ask for every open order: ORDER_IMAGE each, then IMAGES_END. After a gap, for instance;
        `would_be` of the last one counts what the lane had no room for."""
        self._query_of_all = self._sent(self._native.query_all())
        return self._query_of_all

    def ping(self) -> int:
        """Through the engine and back; changes nothing."""
        return self._sent(self._native.ping())

    # Replies.

    def replies(self, limit: int = 1024) -> list[Reply]:
        """What waits now, oldest first."""
        out = [self._set_aside.popleft() for _ in range(min(limit, len(self._set_aside)))]
        out += (Reply(*fields) for fields in self._native.take(limit - len(out)))
        return out

    def wait(self, request: int, seconds: float = 5.0) -> Reply:
        """The answer to `request`; what else comes in between stays for replies(). Raises
        TimeoutError: the outcome is then unknown, ask by client order id. Raises PortEnded."""
        deadline = time.monotonic() + seconds
        passed: list[Reply] = []
        try:
            while True:
                for fields in self._native.take():
                    passed.append(Reply(*fields))
                for place, reply in enumerate(passed):
                    if reply.request == request and not self._is_part(reply):
                        return passed.pop(place)
                self._set_aside.extend(passed)
                passed.clear()
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no answer to request {request} within {seconds} s")
                if not self._native.wait(int(left * 1e9)) and self.end != "open":
                    raise PortEnded(f"the gateway ended this port: {self.end}")
        finally:
            self._set_aside.extend(passed)

    def round_trip_ns(self, seconds: float = 1.0) -> int | None:
        """How long one ping took, None = no answer in time. Spins."""
        passed = self._native.round_trip(int(seconds * 1e9))
        return passed if passed >= 0 else None

    def take_gap(self) -> bool:
        """True once after replies were lost: ask with query_all()."""
        return self._native.take_gap()

    @property
    def number(self) -> int:
        """Number of this port; it stands in the journal at each order that came through it."""
        return self._native.number

    @property
    def end(self) -> str:
        """Why the gateway serves this port no more; "open" while it does, "gone" when it ended
        without a word."""
        number = self._native.end
        if number == 0 and not self._native.is_served:
            return "gone"
        return _ENDS[number] if number < len(_ENDS) else "?"

    def _sent(self, request: int) -> int:
        if request:
            return request
        if self.end != "open":
            raise PortEnded(f"the gateway ended this port: {self.end}")
        raise LaneFull("the request lane is full")

    def _is_part(self, reply: Reply) -> bool:
        """Whether more replies to the same request follow before its answer."""
        return reply.request == self._query_of_all and reply.kind == ReplyKind.ORDER_IMAGE
