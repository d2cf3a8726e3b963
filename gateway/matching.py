"""Door to the native matching engine, for simulated venues: one instrument, orders in, events out.

Rules in full: docs/concepts/matching.md. Must never see a float: every price and quantity is an
integer mantissa in the instrument's own scale, every fee exact decimal text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from gateway._core import matching as _native
from gateway.api.messages import OrderTypeName, SideName, TimeInForceName

__all__ = [
    "AllocationName",
    "Depth",
    "Event",
    "EventKind",
    "FeeSchedule",
    "FeeTier",
    "FeeTiers",
    "MatchingEngine",
    "MatchingRules",
    "OpenOrder",
    "RemainderName",
    "SelfTradeName",
    "SelfTradeScopeName",
]

EventKind = Literal[
    "accepted",  # the order is live; fills follow as separate events
    "untriggered",  # a stop waits for its trigger price
    "triggered",  # the stop became a market or limit order; its fills follow
    "filled",  # one per side of ours; two orders of ours that trade give two events
    "canceled",  # gone with something left: on request, IOC, FOK, market remainder
    "expired",  # gone with something left: GTD time or end of day
    "rejected",  # a new order was not taken
    "replaced",  # price, quantity or trigger changed; fills it causes follow
    "cancel_rejected",  # the cancel changed nothing
    "replace_rejected",  # the replace changed nothing; the order lives on as it was
]

AllocationName = Literal["price_time", "pro_rata"]
RemainderName = Literal["largest", "time"]
SelfTradeName = Literal["allowed", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"]
SelfTradeScopeName = Literal["account", "group", "firm"]

# In the order of book/rules.hpp.
_ALLOCATION: Final[tuple[AllocationName, ...]] = ("price_time", "pro_rata")
_REMAINDER: Final[tuple[RemainderName, ...]] = ("largest", "time")
_SELF_TRADE: Final[tuple[SelfTradeName, ...]] = (
    "allowed",
    "cancel_newest",
    "cancel_oldest",
    "cancel_both",
    "decrement",
)
_SELF_TRADE_SCOPE: Final[tuple[SelfTradeScopeName, ...]] = ("account", "group", "firm")

_SIDE: Final[dict[str, int]] = {"buy": 1, "sell": 2}
_TYPE: Final[dict[str, int]] = {"market": 1, "limit": 2, "stop": 3, "stop_limit": 4}
_TIME_IN_FORCE: Final[dict[str, int]] = {"day": 0, "gtc": 1, "ioc": 3, "fok": 4, "gtd": 6}
_SIDE_NAME: Final[dict[int, SideName]] = {1: "buy", 2: "sell"}
_TYPE_NAME: Final[dict[int, OrderTypeName]] = {
    1: "market",
    2: "limit",
    3: "stop",
    4: "stop_limit",
}
_TIME_IN_FORCE_NAME: Final[dict[int, TimeInForceName]] = {
    0: "day",
    1: "gtc",
    3: "ioc",
    4: "fok",
    6: "gtd",
}
_POST_ONLY: Final = 1


class Event(NamedTuple):
    """One fact about one order of ours.

    accepted, replaced: `price` is the limit price and `quantity` the total. untriggered, triggered:
    `price` is the trigger price. filled: `price` and `quantity` of this fill. canceled, expired:
    `quantity` is what was left and now never trades. `leaves` is always what is still open
    afterwards. `contra_order_id` is 0 when the other side is the market. `reason` is "" or one
    UPPER_SNAKE word of docs/concepts/matching.md.
    """

    kind: EventKind
    order_id: int
    price: int
    quantity: int
    leaves: int
    contra_order_id: int
    is_maker: bool
    reason: str


class OpenOrder(NamedTuple):
    """One live order. `queue_ahead` is the market's quantity displayed ahead of it at its price,
    `shown` the part of `leaves` that it displays; less only for an iceberg that rests."""

    order_id: int
    account: int
    side: SideName
    type: OrderTypeName
    time_in_force: TimeInForceName
    price: int
    trigger_price: int
    quantity: int
    leaves: int
    queue_ahead: int
    expires_ns: int
    is_untriggered: bool
    is_post_only: bool
    display_quantity: int
    shown: int


class Depth(NamedTuple):
    """(price, quantity) pairs from the best level outwards, the market's and ours together."""

    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class FeeSchedule(NamedTuple):
    """Maker and taker rate as decimal text ("0.0002"; negative = rebate)."""

    maker_rate: str
    taker_rate: str

    def fee(self, value: str, is_maker: bool) -> str:
        """Exact fee of a fill of `value` (decimal text): value * rate, half-even at 10^-18."""
        return _native.fee(value, self.maker_rate if is_maker else self.taker_rate)


class FeeTier(NamedTuple):
    """The rates from a traded volume on; all decimal text, negative rate = rebate."""

    volume_min: str
    maker_rate: str
    taker_rate: str


class FeeTiers:
    """Rates by traded volume: the last tier whose minimum is reached."""

    def __init__(self, tiers: Sequence[FeeTier]) -> None:
        """`tiers` begin at volume 0 and rise. Raises ValueError."""
        self.tiers = tuple(tiers)
        self._native = _native.FeeTiers(list(self.tiers))

    def tier(self, volume: str) -> int:
        """The tier's number, from 0."""
        return self._native.tier(volume)

    def fee(self, value: str, is_maker: bool, volume: str) -> str:
        """Exact fee of a fill of `value` for who has traded `volume`: as FeeSchedule.fee."""
        return self._native.fee(value, is_maker, volume)


class MatchingRules(NamedTuple):
    """How an instrument is matched (docs/concepts/matching.md).

    `allocation_min` is pro-rata's smallest share, 0 = any. `self_trade` says what happens instead
    of a trade between two orders of one account, group or firm; an id of 0 is nobody's. Every part
    an iceberg displays is drawn from `display_variance_percent` below its size up to its size.
    """

    allocation: AllocationName = "price_time"
    remainder: RemainderName = "largest"
    allocation_min: int = 0
    self_trade: SelfTradeName = "allowed"
    self_trade_scope: SelfTradeScopeName = "account"
    display_variance_percent: int = 0
    display_seed: int = 0


class MatchingEngine:
    """Matches one instrument. Not thread-safe; no clock, no randomness inside."""

    def __init__(
        self, tick: int, lot: int, orders_max: int = 65536, rules: MatchingRules | None = None
    ) -> None:
        """Without rules: price-time, self-trades allowed. Raises ValueError out of range."""
        wanted = rules or MatchingRules()
        self._engine = _native.MatchingEngine(
            tick,
            lot,
            orders_max,
            _ALLOCATION.index(wanted.allocation),
            _REMAINDER.index(wanted.remainder),
            wanted.allocation_min,
            _SELF_TRADE.index(wanted.self_trade),
            _SELF_TRADE_SCOPE.index(wanted.self_trade_scope),
            wanted.display_variance_percent,
            wanted.display_seed,
        )

    def submit(
        self,
        order_id: int,
        account: int,
        side: SideName,
        type: OrderTypeName,
        quantity: int,
        *,
        time_in_force: TimeInForceName = "gtc",
        price: int = 0,
        trigger_price: int = 0,
        expires_ns: int = 0,
        is_post_only: bool = False,
        now_ns: int = 0,
        display_quantity: int = 0,
        group: int = 0,
        firm: int = 0,
    ) -> list[Event]:
        """Enter a new order. `price` is the limit; for market and stop the worst price (0 = any).

        A `now_ns` later than the engine's time first expires what is due, as `advance` does.
        `display_quantity` makes an iceberg (0 = all is shown); `group` and `firm` are for
        self-trade prevention, as is `account`.
        """
        return _events(
            self._engine.submit(
                order_id,
                account,
                _SIDE[side],
                _TYPE[type],
                _TIME_IN_FORCE[time_in_force],
                quantity,
                price,
                trigger_price,
                expires_ns,
                _POST_ONLY if is_post_only else 0,
                now_ns,
                display_quantity,
                group,
                firm,
            )
        )

    def cancel(self, order_id: int) -> list[Event]:
        """canceled, or cancel_rejected with UNKNOWN_ORDER."""
        return _events(self._engine.cancel(order_id))

    def replace(
        self, order_id: int, *, price: int = 0, quantity: int = 0, trigger_price: int = 0
    ) -> list[Event]:
        """Change an open order; 0 = unchanged, `quantity` is the new total.

        Less quantity at the same price keeps the place in the queue, anything else loses it. A
        total at or below what has been filled is replace_rejected with QUANTITY_BELOW_FILLED.
        """
        return _events(self._engine.replace(order_id, price, quantity, trigger_price))

    def advance(self, now_ns: int) -> list[Event]:
        """Move time forward and expire GTD orders that are due. Earlier times change nothing."""
        return _events(self._engine.advance(now_ns))

    def end_day(self) -> list[Event]:
        """Expire every DAY order, and stops with IOC or FOK that never triggered."""
        return _events(self._engine.end_day())

    def set_market_level(self, side: SideName, price: int, quantity: int) -> None:
        """The market displays `quantity` at `price` now, ours not counted; 0 removes the level."""
        self._engine.set_market_level(_SIDE[side], price, quantity)

    def clear_market(self) -> None:
        """Forget every level of the market, as before a new snapshot; ours stay."""
        self._engine.clear_market()

    def market_trade(self, price: int, quantity: int, aggressor_side: SideName) -> list[Event]:
        """A recorded trade of the market: moves the queue ahead, fills ours, triggers stops."""
        return _events(self._engine.market_trade(price, quantity, _SIDE[aggressor_side]))

    def depth(self, levels: int) -> Depth:
        """The best `levels` of both sides, as displayed."""
        return Depth(*self._engine.depth(levels))

    @property
    def best_bid(self) -> int | None:
        return self._engine.best_bid() or None

    @property
    def best_ask(self) -> int | None:
        return self._engine.best_ask() or None

    @property
    def last_price(self) -> int | None:
        """Price of the last trade, the market's or ours; None before the first."""
        return self._engine.last_price() or None

    def open_orders(self) -> list[OpenOrder]:
        """Every live order by arrival."""
        return [_open_order(row) for row in self._engine.open_orders()]

    def check(self) -> str:
        """The first broken invariant as a sentence, or "". Walks everything; for tests."""
        return self._engine.check()


def _events(rows: list[_native.EventRow]) -> list[Event]:
    return [Event(*row) for row in rows]


def _open_order(row: _native.OpenOrderRow) -> OpenOrder:
    order_id, account, side, type_, time_in_force = row[:5]
    return OpenOrder(
        order_id,
        account,
        _SIDE_NAME[side],
        _TYPE_NAME[type_],
        _TIME_IN_FORCE_NAME[time_in_force],
        *row[5:],
    )
