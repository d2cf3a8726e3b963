"""Door to the native reader of venue events. An adapter says once where the fields of an event
stand and which fact they make; the reader makes it without a Python object for each field.

Whatever the table does not say (docs/concepts/native_events.md) is not read here, and the adapter
reads that event in its ordinary way. Must never make a fact that the ordinary way would not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from gateway._core.event import EventReader as NativeReader
from gateway._core.event import Fact as VenueFact
from gateway.api import FillReport
from gateway.api.messages import LegName, LiquidityName, SideName

__all__ = ["ONLY_ROW", "EventPlace", "EventReader", "EventResult", "VenueFact", "tell", "words_of"]

ONLY_ROW: Final = "[0]"  # a step of a path: the one element of a list
_SIDES: Final[tuple[SideName, ...]] = ("buy", "buy", "sell")  # by number; 0 is none
_LEGS: Final[tuple[LegName, ...]] = ("net", "long", "short")
_LIQUIDITIES: Final[tuple[LiquidityName, ...]] = ("unknown", "maker", "taker")

PlaceKind = Literal["text", "number", "whole", "time_ms", "text_time_ms", "flag", "word"]
PlaceRole = Literal[
    "",
    "symbol",
    "client_order_id",
    "venue_order_id",
    "trade_id",
    "fee_currency",
    "price",
    "quantity",
    "last_price",
    "last_quantity",
    "cumulative",
    "fee",
    "fill_time",
    "order_time",
    "time",
    "side",
    "leg",
    "liquidity",
    "step",
    "state",
    "reason",
]
FactName = Literal["filled", "accepted", "canceled", "expired", "replaced"]


class EventPlace(msgspec.Struct, frozen=True):
    """Where one field stands and what it must be. Without a role it is only checked, as strictly as
    the ordinary way checks it.

    `words`: the venue's word -> the gateway's, of a `word` or a `flag` ("true", "false"); of a
    step, a state or a check the meaning may be "". `refused_prefixes`: a text that begins so is not
    read here.
    """

    path: str | tuple[str, ...]
    kind: PlaceKind
    role: PlaceRole = ""
    is_required: bool = True
    may_be_empty: bool = False
    may_be_null: bool = False
    words: Mapping[str, str] = {}
    refused_prefixes: tuple[str, ...] = ()

    def row(self) -> tuple[Any, ...]:
        """As the native side takes it."""
        path = (self.path,) if isinstance(self.path, str) else self.path
        flags = (self.is_required, self.may_be_empty, self.may_be_null)
        return (
            path,
            self.kind,
            self.role,
            *flags,
            tuple(self.words.items()),
            self.refused_prefixes,
        )


class EventResult(msgspec.Struct, frozen=True):
    """The fact that a step and a state (words of the venue) make. `reason`: why an order ended; ""
    = what the place with the role `reason` says."""

    step: str
    state: str
    fact: FactName
    reason: str = ""


class EventReader:
    """One kind of event of one account. `read(data)` is 0 for an event that is not read here, else
    1 + the place of its result in `results`, and `fact` holds what it says until the next one."""

    def __init__(
        self,
        account: str,
        places: Sequence[EventPlace],
        results: Sequence[EventResult],
        *,
        is_fee_negated: bool = False,
        is_sequence_the_trade: bool = False,
    ) -> None:
        """`is_fee_negated`: the venue writes what it charged below zero. `is_sequence_the_trade`:
        its trade ids tell the order of fills. Raises ValueError for a table that contradicts
        itself."""
        self._native = NativeReader(
            account,
            [place.row() for place in places],
            [(each.step, each.state, each.fact, each.reason) for each in results],
            is_fee_negated,
            is_sequence_the_trade,
        )
        self.results = tuple(results)
        self.read = self._native.read
        self.fact: VenueFact = self._native.fact
        self._declined = 0

    @property
    def fault(self) -> str:
        """Why the last event was not read, "none" when it was."""
        return self._native.fault

    def decline(self) -> None:
        """The adapter reads the event of `fact` in the ordinary way all the same."""
        self._declined += 1

    def counts(self) -> dict[str, int]:
        """For `counts()` of an adapter: events read here, and why others were not."""
        found = {"events_native": self._native.events_read - self._declined}
        why = self._native.faults()
        if self._declined:
            why["declined"] = self._declined
        return found | {f"events_in_words.{name}": count for name, count in why.items()}


def tell(port: Any, fact: VenueFact) -> None:
    """`told(fact)` of a port that takes facts as they were read, else the words."""
    take = getattr(port, "told", None)
    if take is not None:
        take(fact)
    else:
        name, values, named = words_of(fact)
        getattr(port, name)(*values, **named)


def words_of(fact: VenueFact) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """The call of gateway.api.AdapterPort that says the same: name, arguments, named arguments."""
    kind, when = fact.kind, {"venue_time_ns": fact.venue_time_ns}
    if kind == "filled":
        return kind, (_fill_of(fact),), {}
    if kind == "accepted":
        return kind, (fact.order_id, fact.venue_order_id), when
    if kind == "replaced":
        terms = {"price": fact.price, "quantity": fact.quantity}
        return kind, (fact.order_id,), terms | {"venue_order_id": fact.venue_order_id} | when
    end = {"cumulative_quantity": fact.cumulative_quantity, "venue_order_id": fact.venue_order_id}
    return kind, (fact.order_id, fact.reason), end | when


def _fill_of(fact: VenueFact) -> FillReport:
    return FillReport(
        client_order_id=fact.client_order_id,
        venue_order_id=fact.venue_order_id,
        trade_id=fact.trade_id,
        account=fact.account,
        instrument=fact.symbol,
        side=_SIDES[fact.side],
        price=fact.price,
        quantity=fact.quantity,
        fee=fact.fee,
        fee_currency=fact.fee_currency,
        liquidity=_LIQUIDITIES[fact.liquidity],
        leg=_LEGS[fact.leg],
        venue_time_ns=fact.venue_time_ns,
        venue_sequence=fact.venue_sequence,
    )
