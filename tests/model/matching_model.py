"""A slow, obvious order book. It keeps one list of orders by time and one dict of the market; every
question is a search, and whether a fill-or-kill order can fill is tried out on a copy of it all.
"""

import copy
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gateway.matching import Event, MatchingRules

TICK = 5
LOT = 2
MASK = 2**64 - 1


@dataclass
class Order:
    order_id: int
    side: str
    type: str
    time: str
    price: int
    trigger: int
    quantity: int
    leaves: int
    post_only: bool
    expires: int
    owner: int = 0
    display: int = 0
    shown: int = 0
    ahead: int = 0
    waits: bool = False


def mixed(a: int, b: int) -> int:
    product = a * b
    return (product ^ product >> 64) & MASK


def shares_of(sizes: list[int], quantity: int, rules: MatchingRules) -> list[int]:
    """Pro-rata by fractions: who gets how much of `quantity`, oldest first."""
    if quantity >= sum(sizes):
        return sizes
    exact = [Fraction(quantity * size, sum(sizes)) for size in sizes]
    shares = [int(share // LOT) * LOT for share in exact]
    stood = [i for i, share in enumerate(shares) if share >= rules.allocation_min]
    shares = [share if i in stood else 0 for i, share in enumerate(shares)]
    left = quantity - sum(shares)
    if rules.remainder == "largest":
        for i in sorted(stood, key=lambda i: (shares[i] - exact[i], i)):
            if left >= LOT and sizes[i] - shares[i] >= LOT:
                shares[i] += LOT
                left -= LOT
    for i, size in enumerate(sizes):
        more = min(left, size - shares[i])
        shares[i] += more
        left -= more
    return shares


class SlowBook:
    def __init__(self, orders_max: int, rules: MatchingRules) -> None:
        self.rules = rules
        self.is_stopped = False  # the taker, by self-trade prevention
        self.orders_max = orders_max
        self.resting: list[Order] = []  # by time
        self.waiting: list[Order] = []  # stops, by time
        self.market: dict[tuple[str, int], int] = {}
        self.last = 0
        self.now = 0
        self.trades: list[int] = []  # prices since stops were last looked at
        self.line: list[Order] = []  # triggered stops whose turn comes
        self.events: list[Event] = []

    # Calls.

    def submit(self, *fields: Any) -> None:
        order_id, side, type_, time, quantity, price, trigger, expires, post_only, now, *who = (
            fields
        )
        *owners, display = who
        scope = ("account", "group", "firm").index(self.rules.self_trade_scope)
        owner = 0 if self.rules.self_trade == "allowed" else owners[scope]
        self.advance(now)
        order = Order(
            order_id, side, type_, time, price, trigger, quantity, quantity, post_only, expires,
            owner, display,
        )  # fmt: skip
        reason = self.why_not(order)
        if reason:
            self.say("rejected", order, price, quantity, leaves=0, reason=reason)
        elif "stop" in type_:
            self.say("untriggered", order, trigger, quantity)
            self.wait(order)
            self.run_stops()
        else:
            self.say("accepted", order, price, quantity)
            self.execute(order)
            self.run_stops()

    def cancel(self, order_id: int) -> None:
        order = self.find(order_id)
        if order is None:
            self.events.append(
                Event("cancel_rejected", order_id, 0, 0, 0, 0, False, "UNKNOWN_ORDER")
            )
        else:
            self.remove(order)
            self.say("canceled", order, order.price, order.leaves, leaves=0, reason="REQUESTED")

    def replace(self, order_id: int, price: int, quantity: int, trigger: int) -> None:
        order = self.find(order_id)
        asked = (price, quantity)
        if order is None:
            reason = "UNKNOWN_ORDER"
        else:
            wanted = (price or order.price, quantity or order.quantity, trigger or order.trigger)
            reason = self.why_not_replace(order, wanted, trigger)
        if order is None or reason:
            leaves = order.leaves if order else 0
            self.events.append(
                Event("replace_rejected", order_id, *asked, leaves, 0, False, reason)
            )
            return
        old = (order.price, order.quantity, order.trigger)
        order.leaves += wanted[1] - order.quantity
        order.shown = order.leaves if order.waits else min(order.shown, order.leaves)
        order.price, order.quantity, order.trigger = wanted
        self.say("replaced", order, order.price, order.quantity)
        if order.waits:
            if order.trigger != old[2]:
                self.waiting.remove(order)
                self.wait(order)
        elif order.price != old[0] or order.quantity > old[1]:
            self.resting.remove(order)
            self.execute(order)
        self.run_stops()

    def advance(self, now: int) -> None:
        self.now = max(now, self.now)
        due = [o for o in self.resting + self.waiting if o.expires and o.expires <= self.now]
        for order in sorted(due, key=lambda o: (o.expires, o.order_id)):
            self.expire(order, "EXPIRY_REACHED")

    def end_day(self, arrivals: list[int]) -> None:
        """`arrivals`: order ids by arrival, which the two lists of the model cannot tell."""
        alive = {o.order_id: o for o in self.resting + self.waiting}
        for order_id in arrivals:
            if alive[order_id].time not in ("gtc", "gtd"):
                self.expire(alive[order_id], "DAY_ENDED")

    def set_market_level(self, side: str, price: int, quantity: int) -> None:
        self.market[side, price] = quantity
        for order in self.at(side, price):
            order.ahead = min(order.ahead, quantity)

    def clear_market(self) -> None:
        for side, price in list(self.market):
            self.set_market_level(side, price, 0)

    def market_trade(self, price: int, quantity: int, aggressor: str) -> None:
        for side, sign in (("buy", 1), ("sell", -1)):
            through = [o for o in self.resting if o.side == side and sign * o.price > sign * price]
            for order in sorted(through, key=lambda o: -sign * o.price):
                self.fill(order, order.leaves, order.price, 0, True)
        passive = "sell" if aggressor == "buy" else "buy"
        while quantity:
            taken = self.take(passive, price, quantity, None)
            if not taken:
                break
            quantity -= taken
        self.traded(price)
        self.run_stops()

    # Rules.

    def why_not(self, order: Order) -> str:
        immediate = order.time in ("ioc", "fok")
        rests = order.type in ("limit", "stop_limit") and not immediate
        stop = "stop" in order.type
        rules: list[tuple[bool, str]] = [
            (self.find(order.order_id) is not None, "DUPLICATE_ORDER"),
            (order.type == "market" and order.time == "gtd", "UNSUPPORTED_TIME_IN_FORCE"),
            (order.post_only and not rests, "UNSUPPORTED_FLAG"),
            (order.display != 0 and not rests, "DISPLAY_NOT_ALLOWED"),
            (order.quantity <= 0, "QUANTITY_RANGE"),
            (order.quantity % LOT != 0, "BAD_LOT"),
            (order.display < 0 or order.display > order.quantity, "DISPLAY_RANGE"),
            (order.display % LOT != 0, "BAD_LOT"),
            ("limit" in order.type and not order.price, "PRICE_MISSING"),
            (order.price < 0, "RANGE"),
            (order.price % TICK != 0, "BAD_TICK"),
            (stop and not order.trigger, "TRIGGER_MISSING"),
            (not stop and order.trigger != 0, "TRIGGER_NOT_ALLOWED"),
            (order.trigger % TICK != 0, "BAD_TICK"),
            (order.time != "gtd" and order.expires != 0, "EXPIRY_NOT_ALLOWED"),
            (order.time == "gtd" and order.expires == 0, "EXPIRY_MISSING"),
            (order.time == "gtd" and order.expires <= self.now, "EXPIRY_PAST"),
            (len(self.resting) + len(self.waiting) >= self.orders_max, "ORDERS_FULL"),
            (order.post_only and not stop and self.crosses(order, order.price), "WOULD_CROSS"),
        ]
        return next((reason for broken, reason in rules if broken), "")

    def why_not_replace(self, order: Order, wanted: tuple[int, int, int], trigger: int) -> str:
        price, quantity, new_trigger = wanted
        old = (order.price, order.quantity, order.trigger)
        moves_post_only = order.post_only and not order.waits and price != order.price
        rules: list[tuple[bool, str]] = [
            (trigger != 0 and not order.waits, "TRIGGER_NOT_ALLOWED"),
            (quantity <= 0, "QUANTITY_RANGE"),
            (quantity % LOT != 0, "BAD_LOT"),
            (quantity <= order.quantity - order.leaves, "QUANTITY_BELOW_FILLED"),
            (price < 0, "RANGE"),
            (price % TICK != 0 or new_trigger % TICK != 0, "BAD_TICK"),
            (wanted == old, "NOTHING_TO_CHANGE"),
            (moves_post_only and self.crosses(order, price), "WOULD_CROSS"),
        ]
        return next((reason for broken, reason in rules if broken), "")

    def execute(self, order: Order) -> None:
        if order.time == "fok":
            trial, twin = copy.deepcopy((self, order))
            trial.sweep(twin)
            if twin.quantity != order.quantity or twin.leaves:
                self.end(order, "FOK_UNFILLABLE")
                return
        self.sweep(order)
        other = "sell" if order.side == "buy" else "buy"
        if not order.leaves:
            return
        if self.is_stopped:
            self.end(order, "SELF_TRADE")
        elif order.type in ("market", "stop"):
            self.end(order, "PROTECTION_PRICE" if self.prices(other) else "NO_LIQUIDITY")
        elif order.time == "ioc":
            self.end(order, "IOC_REMAINDER")
        else:
            self.join(order)

    def sweep(self, order: Order) -> None:
        self.is_stopped = False
        other = "sell" if order.side == "buy" else "buy"
        sign = 1 if order.side == "buy" else -1
        limit = order.price or (10**9 if order.side == "buy" else 0)
        while order.leaves and not self.is_stopped:
            prices = [p for p in self.prices(other) if sign * p <= sign * limit]
            if not prices:
                break
            self.take(other, min(prices, key=lambda p: sign * p), order.leaves, order)

    def join(self, order: Order) -> None:
        """To the back of the queue, showing the next part."""
        order.shown = order.leaves
        if order.display:
            lots = order.display // LOT
            less = min(lots * self.rules.display_variance_percent // 100, lots - 1)
            drawn = mixed(
                self.rules.display_seed ^ order.order_id ^ 0x9E3779B97F4A7C15,
                order.leaves ^ 0xD6E8FEB86659FD93,
            )
            order.shown = min(order.display - drawn % (less + 1) * LOT, order.leaves)
        order.ahead = self.market.get((order.side, order.price), 0)
        self.resting.append(order)

    def take(self, side: str, price: int, quantity: int, taker: Order | None) -> int:
        """One step at a price, or one round of shares; returns what traded."""
        if self.rules.allocation == "pro_rata":
            return self.take_shares(side, price, quantity, taker)
        queue = self.at(side, price)
        if queue and queue[0].ahead == 0:
            if self.is_self_trade(queue[0], taker):
                self.prevent(queue[0], taker)
                return 0
            return self.trade(queue[0], min(quantity, queue[0].shown), taker)
        there = queue[0].ahead if queue else self.market.get((side, price), 0)
        return self.trade_market(side, price, min(quantity, there), taker)

    def take_shares(self, side: str, price: int, quantity: int, taker: Order | None) -> int:
        for order in self.at(side, price):
            if self.is_self_trade(order, taker) and not self.is_stopped:
                self.prevent(order, taker)
        if self.is_stopped and taker is not None:
            return 0
        quantity = taker.leaves if taker else quantity
        market = self.market.get((side, price), 0)
        queue = self.at(side, price)
        sizes = [market, *(order.shown for order in queue)]
        market_share, *shares = shares_of(sizes, quantity, self.rules)
        traded = self.trade_market(side, price, market_share, taker)
        for order, share in zip(queue, shares, strict=True):
            traded += self.trade(order, share, taker) if share else 0
        return traded

    def is_self_trade(self, maker: Order, taker: Order | None) -> bool:
        return taker is not None and taker.owner != 0 and maker.owner == taker.owner

    def prevent(self, maker: Order, taker: Any) -> None:
        mode = self.rules.self_trade
        if mode == "decrement":
            amount = min(maker.leaves, taker.leaves)
            self.decrement(maker, amount)
            if taker.leaves == amount:
                self.is_stopped = True
            else:
                self.decrement(taker, amount)
            return
        if mode in ("cancel_oldest", "cancel_both"):
            self.resting.remove(maker)
            self.say("canceled", maker, maker.price, maker.leaves, leaves=0, reason="SELF_TRADE")
        self.is_stopped = mode != "cancel_oldest"

    def decrement(self, order: Order, amount: int) -> None:
        if order.leaves == amount:
            self.resting.remove(order)
            self.say("canceled", order, order.price, amount, leaves=0, reason="SELF_TRADE")
            return
        order.leaves -= amount
        order.quantity -= amount
        order.shown = min(order.shown, order.leaves)
        self.say("replaced", order, order.price, order.quantity, reason="SELF_TRADE")

    def trade(self, maker: Order, quantity: int, taker: Order | None) -> int:
        self.fill(maker, quantity, maker.price, taker.order_id if taker else 0, True)
        if taker:
            self.fill(taker, quantity, maker.price, maker.order_id, False)
        return quantity

    def trade_market(self, side: str, price: int, quantity: int, taker: Order | None) -> int:
        if quantity:
            self.market[side, price] -= quantity
            for order in self.at(side, price):
                order.ahead = max(0, order.ahead - quantity)
            if taker:
                self.fill(taker, quantity, price, 0, False)
        return quantity

    def fill(self, order: Order, quantity: int, price: int, contra: int, maker: bool) -> None:
        order.leaves -= quantity
        order.shown -= min(order.shown, quantity)
        if maker and not order.shown:
            self.resting.remove(order)
            if order.leaves:
                self.join(order)
        self.events.append(
            Event("filled", order.order_id, price, quantity, order.leaves, contra, maker, "")
        )
        self.traded(price)

    def run_stops(self) -> None:
        self.collect_stops()
        while self.line:
            order = self.line.pop(0)
            self.say("triggered", order, order.trigger, order.quantity)
            if order.post_only and self.crosses(order, order.price):
                self.end(order, "WOULD_CROSS")
            else:
                self.execute(order)
            self.collect_stops()

    def collect_stops(self) -> None:
        if not self.trades:
            return
        high, low = max(self.trades), min(self.trades)
        buys = [o for o in self.waiting if o.side == "buy" and o.trigger <= high]
        sells = [o for o in self.waiting if o.side == "sell" and o.trigger >= low]
        reached = sorted(buys, key=lambda o: o.trigger) + sorted(sells, key=lambda o: -o.trigger)
        for order in reached:
            self.waiting.remove(order)
            order.waits = False
        self.line += reached
        self.trades = []

    def wait(self, order: Order) -> None:
        sign = 1 if order.side == "buy" else -1
        if self.last and sign * order.trigger <= sign * self.last:
            order.waits = False
            self.line.append(order)
        else:
            order.waits = True
            order.shown = order.leaves
            self.waiting.append(order)

    # Looking.

    def find(self, order_id: int) -> Order | None:
        return next((o for o in self.resting + self.waiting if o.order_id == order_id), None)

    def at(self, side: str, price: int) -> list[Order]:
        return [o for o in self.resting if (o.side, o.price) == (side, price)]

    def displayed(self, side: str, price: int) -> int:
        return self.market.get((side, price), 0) + sum(o.shown for o in self.at(side, price))

    def prices(self, side: str) -> list[int]:
        found = {o.price for o in self.resting if o.side == side}
        found |= {p for (s, p), quantity in self.market.items() if s == side and quantity}
        return sorted(found, reverse=side == "buy")

    def crosses(self, order: Order, price: int) -> bool:
        if order.side == "buy":
            return any(p <= price for p in self.prices("sell"))
        return any(p >= price for p in self.prices("buy"))

    def depth(self, side: str) -> list[tuple[int, int]]:
        return [(price, self.displayed(side, price)) for price in self.prices(side)]

    # Small steps.

    def traded(self, price: int) -> None:
        self.last = price
        self.trades.append(price)

    def remove(self, order: Order) -> None:
        (self.waiting if order.waits else self.resting).remove(order)

    def expire(self, order: Order, reason: str) -> None:
        self.remove(order)
        self.say("expired", order, order.price, order.leaves, leaves=0, reason=reason)

    def end(self, order: Order, reason: str) -> None:
        self.say("canceled", order, order.price, order.leaves, leaves=0, reason=reason)

    def say(
        self,
        kind: Any,
        order: Order,
        price: int,
        quantity: int,
        *,
        leaves: int | None = None,
        reason: str = "",
    ) -> None:
        left = order.leaves if leaves is None else leaves
        self.events.append(Event(kind, order.order_id, price, quantity, left, 0, False, reason))
