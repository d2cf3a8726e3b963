"""Guards of the gate once more, after the fact: losses, margin headroom, greeks, own orders,
repeated execution, breakers, from a journal's records alone and by arithmetic of its own. It counts
what is beyond doubt: where the engine rounds up, or looks a moment later, this lets pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from gateway.analytics.recheck_book import BUY, FIRM, INSTRUMENT, VENUE, Book, OrderHeld, levels_of
from gateway.analytics.recheck_watch import Breaker, Repeats

__all__ = ["UNJUDGED", "GuardCheck"]

Row = Mapping[str, Any]
Entity = tuple[int, int]
Find = Callable[[Row, str, Entity, int, int], None]

# Guards that no journal holds enough to judge anew, and why. A report names those that were set.
UNJUDGED: Final[Mapping[str, str]] = {
    "fat_finger_soft": "what is usual is learned from the orders remembered at a start",
    "fat_finger_hard": "what is usual is learned from the orders remembered at a start",
    "breaker_move_bps": "reference prices between two orders are in no record",
}
_OFF: Final = 2**63 - 1
_HEADROOM, _RESULT, _GREEKS = 1, 2, 4  # told of risk_measured
_GREEK_RULES: Final = (("delta", "DELTA_LIMIT"), ("gamma", "GAMMA_LIMIT"), ("vega", "VEGA_LIMIT"))
_LIMIT, _STOP_LIMIT = 2, 4
_IMMEDIATE: Final = frozenset({3, 4})  # IOC, FOK
_NEW_PERIOD: Final = 1  # purpose of clock_tick
_BREAKER_OPEN: Final = 1
_DUST_E4: Final = 4  # by which one book's rounded result may be off, with each rate
_MS_NS: Final = 1_000_000


class _Level:
    """What was told of one level, and what it has realised since."""

    __slots__ = (
        "breaker", "dust", "gross_told", "guards", "headroom", "headroom_ns", "is_told", "peak",
        "realised", "realised_told", "repeats", "result",
    )  # fmt: skip

    def __init__(self) -> None:
        self.guards: Row = {}
        self.headroom = self.gross_told = self.headroom_ns = 0
        self.is_told = False
        self.result = self.realised = self.realised_told = self.peak = self.dust = 0
        self.breaker = Breaker()
        self.repeats = Repeats()

    @property
    def result_now(self) -> int:
        return self.result + self.realised - self.realised_told

    def start_period(self) -> None:
        self.result = self.peak = 0
        self.realised_told = self.realised

    def guard(self, name: str) -> int:
        """0 and _OFF: not set."""
        return int(self.guards.get(name, _OFF if name.endswith("_e4") else 0))


class GuardCheck:
    """Shown every record behind the book; `find` takes what did not hold."""

    def __init__(self, book: Book, find: Find) -> None:
        self._book = book
        self._find = find
        self._levels: dict[Entity, _Level] = defaultdict(_Level)
        self._greeks: dict[int, tuple[int, ...]] = {}
        self._greeks_ns: dict[int, int] = {}
        self._realised: dict[tuple[int, int, int, int], tuple[int, int]] = {}
        self._quotes: dict[int, dict[int, int]] = defaultdict(dict)  # instrument: order: price
        self._kept: dict[int, Row] = {}  # to be crossed: in no book so far
        self._has_guards = False
        self.checks = 0
        self.unjudged: dict[str, str] = {}

    def take(self, record: Row, halted: Callable[[Entity], bool]) -> None:
        """Any record that is not judged as an order."""
        kind = record["kind"]
        if kind == "guards_set":
            self._set(record)
        elif kind == "risk_measured":
            self._told(record)
        elif kind == "clock_tick" and record["purpose"] == _NEW_PERIOD:
            for level in self._levels.values():
                level.start_period()
        elif kind == "boot":
            for level in self._levels.values():
                level.breaker.restart()
                level.repeats.restart()
        elif kind == "trading_state_set":
            level = self._levels[record["level"], record["id"]]
            level.repeats.latched()
            level.breaker.restart(is_open=record.get("breaker", 0) == _BREAKER_OPEN)
        elif "position_realised" in record:
            self._realise(record)
        self._count(kind, record, halted)

    def loss(self, entity: Entity) -> int:
        """What the level has lost since the journal began, not below 0; at 10^-4."""
        level = self._levels[entity]
        return max(-level.realised - level.dust, 0)

    def order(self, record: Row, order: OrderHeld, *, is_exempt: bool) -> None:
        """What was let go, behind its own record. `is_exempt`: it asks for a way out."""
        if not self._has_guards:
            self._quote(record, order)
            return
        added = self._added(order)
        for entity in levels_of(self._book.names, order):
            level = self._levels[entity]
            if not level.guards:
                continue
            if added and not is_exempt:
                self._opening(record, order, entity, level)
            if added:
                self._limit_greeks(record, order, entity, level, is_exempt=is_exempt)
            self._watched(record, entity, level)
        self._own(record, order, is_exempt=is_exempt)
        self._quote(record, order)

    def _set(self, record: Row) -> None:
        level = self._levels[record["level"], record["id"]]
        level.guards = record
        level.breaker.restart()
        level.repeats.resize(record)
        self._has_guards = True
        self.unjudged |= {name: why for name, why in UNJUDGED.items() if record.get(name)}

    def _told(self, record: Row) -> None:
        level, told = self._levels[record["level"], record["id"]], record["told"]
        if told & _HEADROOM:
            level.headroom, level.headroom_ns = record["margin_headroom_e4"], record["time_ns"]
            level.gross_told = self._book.totals[record["level"], record["id"]].gross
            level.is_told = True
        if told & _RESULT:
            level.result, level.realised_told = record["result_e4"], level.realised
            level.peak = max(level.peak, level.result_now)
        if told & _GREEKS:
            self._greeks[record["id"]] = tuple(record[f"{name}_e8"] for name, _ in _GREEK_RULES)
            self._greeks_ns[record["id"]] = record["time_ns"]

    def _realise(self, record: Row) -> None:
        """The realised result that the record says its book has, at the rate of its moment."""
        order = self._book.orders.get(record.get("order_id", 0))
        strategy = order.strategy if order is not None else record.get("strategy", 0)
        leg = order.leg if order is not None else record["leg"]
        route = (record["account"], record["instrument"], leg, strategy)
        rules = self._book.names.row("instrument", record["instrument"])
        rate = self._book.rates.get(rules["settle"], 0)
        now = int(Decimal(record["position_realised"]).scaleb(18))
        before, rate_before = self._realised.get(route, (0, 0))
        self._realised[route] = (now, rate)
        if now == before:
            return
        by = _amount_e4(now, rate) - _amount_e4(before, rate)
        for entity in self._book.levels_of_route(route):
            level = self._levels[entity]
            level.realised += by
            level.dust += 0 if rate == rate_before else _DUST_E4
            level.peak = max(level.peak, level.result_now)
            if level.guards:
                level.breaker.realised(record["time_ns"], level.realised - by, level.realised,
                                       level.guards, level.dust)  # fmt: skip

    def _added(self, order: OrderHeld) -> bool:
        """Whether the order takes more than what was reserved before it, for itself or its group:
        what only takes off is held against no guard."""
        book = self._book
        if order.pending is not None:
            left = max(order.quantity - order.cumulative, 0)
            if order.amount <= book.amount(order.instrument, order.gate_price, left):
                return False
        if order.linked_to:
            _, shared = book.siblings(order.number, order)
            return order.amount > shared
        return order.amount > 0

    def _opening(self, record: Row, order: OrderHeld, entity: Entity, level: _Level) -> None:
        loss, fallen = -level.result_now, level.peak - level.result_now
        for name, found in (("loss_max_e4", loss), ("drawdown_max_e4", fallen)):
            if level.guard(name) != _OFF:
                self._check(record, "LOSS_LIMIT", entity, level.guard(name), found - level.dust)
        margin_bps = level.guard("margin_bps")
        if not margin_bps:
            return
        if not level.is_told:
            self._check(record, "INSUFFICIENT_MARGIN", entity, 0, 1)
            return
        age_max = level.guard("headroom_age_ms_max")
        if age_max:
            age_ns = record["time_ns"] - level.headroom_ns
            self._check(record, "HEADROOM_STALE", entity, age_max * _MS_NS, age_ns, unit=_MS_NS)
        if not self._book.unvalued:
            _, shared = self._book.siblings(order.number, order) if order.linked_to else (0, 0)
            grown = self._book.totals[entity].gross - shared - level.gross_told
            self._check(
                record, "INSUFFICIENT_MARGIN", entity, level.headroom * 10_000,
                grown * margin_bps, unit=10_000,
            )  # fmt: skip

    def _limit_greeks(
        self, record: Row, order: OrderHeld, entity: Entity, level: _Level, *, is_exempt: bool
    ) -> None:
        limits = [level.guard(f"{name}_max_e4") for name, _ in _GREEK_RULES]
        if all(limit == _OFF for limit in limits):
            return
        greeks = self._greeks.get(order.instrument)
        age_max = level.guard("greeks_age_ms_max")
        if greeks is not None and age_max and not is_exempt:
            age_ns = record["time_ns"] - self._greeks_ns[order.instrument]
            self._check(record, "GREEKS_STALE", entity, age_max * _MS_NS, age_ns, unit=_MS_NS)
        for number, (limit, (_, rule)) in enumerate(zip(limits, _GREEK_RULES, strict=True)):
            if limit == _OFF:
                continue
            if greeks is None:  # what nobody told is no 0
                self._check(record, rule, entity, 0, 1)
            elif greeks[number]:
                worst = self._worst_greek(entity, number, order, greeks[number])
                self._check(record, rule, entity, limit * 10**22, worst, unit=10**22)

    def _worst_greek(self, entity: Entity, number: int, order: OrderHeld, greek: int) -> int:
        """With every working order executed that moves it as the order does; at 10^-26."""
        book, sign = self._book, 1 if order.side == BUY else -1
        direction = 1 if greek * sign > 0 else -1
        worst = 0
        for (kind, owner, instrument, _), quantity in book.positions.items():
            if self._belongs(entity, kind, owner, instrument):
                worst += self._greek_of(instrument, number) * quantity
        for (kind, owner, instrument, _, side), quantity in book.working.items():
            if self._belongs(entity, kind, owner, instrument):
                moved = self._greek_of(instrument, number) * quantity * (1 if side == BUY else -1)
                worst += moved if moved * direction > 0 else 0
        if order.linked_to:
            shared, _ = book.siblings(order.number, order)
            worst -= self._greek_of(order.instrument, number) * shared * sign
        return worst * direction

    def _greek_of(self, instrument: int, number: int) -> int:
        """Of one unit of quantity, at 10^-26; 0 while nobody told it, as the gate counts."""
        told = self._greeks.get(instrument)
        if told is None:
            return 0
        scale: int = self._book.names.row("instrument", instrument)["quantity_scale"]
        unit: int = told[number] * 10 ** (18 - scale)
        return unit

    def _belongs(self, entity: Entity, kind: int, owner: int, instrument: int) -> bool:
        if entity[0] == FIRM:
            return kind == INSTRUMENT
        if entity[0] == VENUE:
            venue = self._book.names.row("instrument", instrument)["venue"]
            return kind == INSTRUMENT and venue == entity[1]
        return (kind, owner) == entity

    def _own(self, record: Row, order: OrderHeld, *, is_exempt: bool) -> None:
        """Where a level refuses it, no order meets one of ours that rests beyond doubt."""
        entities = levels_of(self._book.names, order)
        bound = [each for each in entities if self._levels[each].guard("self_trade_refused")]
        price = record["price"]
        if not bound or price <= 0 or (is_exempt and record.get("trigger_price")):
            return
        quotes, gone = self._quotes[order.instrument], []
        for number, resting in quotes.items():
            other = self._book.orders[number]
            if not other.is_open:
                gone.append(number)
            elif other is not order and other.side != order.side and other.pending is None:
                found = price - resting if order.side == BUY else resting - price
                self._check(record, "SELF_TRADE", bound[0], -1, found)
        for number in gone:
            del quotes[number]

    def _quote(self, record: Row, order: OrderHeld) -> None:
        """An order that can stand in a book with its price, and waits for nothing: one that is
        kept to be crossed stands in none before it is let out."""
        is_kept = bool(record.get("cross_ms"))
        if (
            record["kind"] != "order_new"
            or order.linked_to
            or record.get("trigger_price")
            or is_kept
        ):
            if is_kept:
                self._kept[record["order_id"]] = record
            return
        self._rest(record, order)

    def _let_out(self, order: OrderHeld, order_id: int) -> None:
        kept = self._kept.pop(order_id, None)
        if kept is not None:
            self._rest(kept, order)

    def _rest(self, record: Row, order: OrderHeld) -> None:
        if record["type"] in (_LIMIT, _STOP_LIMIT) and record["time_in_force"] not in _IMMEDIATE:
            self._quotes[order.instrument][record["order_id"]] = record["price"]

    def _watched(self, record: Row, entity: Entity, level: _Level) -> None:
        if level.repeats.is_due:
            level.repeats.latched()  # told once
            self._check(record, "REPEATED_EXECUTION", entity, 0, 1)
        overdue = level.breaker.overdue(record["time_ns"])
        if overdue is not None:
            self._check(record, "BREAKER_OPEN", entity, *overdue)

    def _count(self, kind: str, record: Row, halted: Callable[[Entity], bool]) -> None:
        order = self._book.orders.get(record.get("order_id", 0))
        if kind == "order_replaced" and order is not None:
            self._requote(record, self._quotes[order.instrument])
        elif kind == "order_triggered" and order is not None:
            self._let_out(order, record["order_id"])
        elif order is not None and not order.is_open:
            self._kept.pop(record["order_id"], None)
        if not self._has_guards or order is None:
            return
        for entity in levels_of(self._book.names, order):
            level = self._levels[entity]
            if not level.guards:
                continue
            level.breaker.count(kind, record["time_ns"], level.guards)
            is_new = kind == "order_new" and not order.linked_to
            if is_new or kind == "order_filled":
                level.repeats.note(
                    "orders" if is_new else "fills", order.side, record["time_ns"], level.guards,
                    is_halted=halted(entity),
                )  # fmt: skip

    def _requote(self, record: Row, quotes: dict[int, int]) -> None:
        if record["order_id"] in quotes:
            quotes[record["order_id"]] = record["price"]
        elif (kept := self._kept.get(record["order_id"])) is not None:
            self._kept[record["order_id"]] = {**kept, "price": record["price"]}

    def _check(
        self, record: Row, rule: str, entity: Entity, limit: int, found: int, *, unit: int = 1
    ) -> None:  # fmt: skip
        """A number that must not be above its limit; told in whole units of both."""
        self.checks += 1
        if found > limit:
            self._find(record, rule, entity, limit // unit, -(-found // unit))


def _amount_e4(money_e18: int, rate_e8: int) -> int:
    """Rounded up, so that no loss looks larger than it is."""
    return -(-money_e18 * rate_e8 // 10**22)
