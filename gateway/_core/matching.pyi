"""The native matching engine of one instrument. Its Python door is gateway.matching, which speaks
in words and documents the rules; here enumerations are the integers of types/side.hpp and every
price and quantity is an integer mantissa in the instrument's own scale."""

from typing import Literal

EventKind = Literal[
    "accepted",
    "untriggered",
    "triggered",
    "filled",
    "canceled",
    "expired",
    "rejected",
    "replaced",
    "cancel_rejected",
    "replace_rejected",
]
# kind, order_id, price, quantity, leaves, contra_order_id, is_maker, reason
EventRow = tuple[EventKind, int, int, int, int, int, bool, str]
# order_id, account, side, type, time_in_force, price, trigger_price, quantity, leaves, queue_ahead,
# expires_ns, is_untriggered, is_post_only, display_quantity, shown
OpenOrderRow = tuple[int, int, int, int, int, int, int, int, int, int, int, bool, bool, int, int]

class MatchingEngine:
    def __init__(
        self,
        tick: int,
        lot: int,
        orders_max: int = 65536,
        allocation: int = 0,
        remainder: int = 0,
        allocation_min: int = 0,
        self_trade: int = 0,
        self_trade_scope: int = 0,
        display_variance_percent: int = 0,
        display_seed: int = 0,
    ) -> None:
        """Enumerations are those of book/rules.hpp. Raises ValueError out of range."""
    def submit(
        self,
        order_id: int,
        account: int,
        side: int,
        type: int,
        time_in_force: int,
        quantity: int,
        price: int = 0,
        trigger_price: int = 0,
        expires_ns: int = 0,
        flags: int = 0,
        now_ns: int = 0,
        display_quantity: int = 0,
        group: int = 0,
        firm: int = 0,
    ) -> list[EventRow]: ...
    def cancel(self, order_id: int) -> list[EventRow]: ...
    def replace(
        self, order_id: int, price: int = 0, quantity: int = 0, trigger_price: int = 0
    ) -> list[EventRow]: ...
    def advance(self, now_ns: int) -> list[EventRow]: ...
    def end_day(self) -> list[EventRow]: ...
    def set_market_level(self, side: int, price: int, quantity: int) -> None: ...
    def clear_market(self) -> None: ...
    def market_trade(self, price: int, quantity: int, aggressor_side: int) -> list[EventRow]: ...
    def depth(self, levels: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]: ...
    def best_bid(self) -> int: ...
    def best_ask(self) -> int: ...
    def last_price(self) -> int: ...
    def open_orders(self) -> list[OpenOrderRow]: ...
    def check(self) -> str: ...

def fee(value: str, rate: str) -> str:
    """value * rate rounded half-even at 10^-18; decimal text in and out. Raises ValueError."""

class FeeTiers:
    def __init__(self, tiers: list[tuple[str, str, str]]) -> None:
        """(volume_min, maker rate, taker rate), from volume 0 upwards. Raises ValueError."""
    def tier(self, volume: str) -> int: ...
    def fee(self, value: str, is_maker: bool, volume: str) -> str: ...
