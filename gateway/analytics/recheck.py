"""The post-trade re-check: every order a journal lets go is held against the limits that were in
force at its record once more, by arithmetic of its own (recheck_book.py). What it finds is for
people and changes nothing; it never asks the engine's gate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.analytics.recheck_book import (
    ACCOUNT,
    BUY,
    FIRM,
    INSTRUMENT,
    STRATEGY,
    Book,
    OrderHeld,
    exposures_of,
    levels_of,
)
from gateway.analytics.recheck_guards import GuardCheck
from gateway.journal.names import NamesLearned

__all__ = ["Finding", "Recheck", "Rechecked"]

Row = Mapping[str, Any]
_SHARED = frozenset({INSTRUMENT, 3, FIRM})  # levels that look at the instrument as a whole
_REDUCING, _HALTED = 1, 2
_RUNNING_ON = 2  # of boot: the epoch was raised, nothing was started
_FINDINGS_MAX = 10_000  # of each sort


class Finding(NamedTuple):
    """One limit that did not hold. `is_bypass`: an order went that should not have; else what was
    allowed grew beyond it later, by a fill that nobody here ordered or a limit that was lowered."""

    sequence: int
    time_ns: int
    order_id: str
    rule: str
    level: str
    limit: int
    found: int
    is_bypass: bool


class Rechecked(NamedTuple):
    """The whole journal's result. Amounts that could not be valued for a while were not judged;
    `unjudged` are guards that were set and cannot be judged from records, with the reason."""

    sequence: int
    orders: int
    checks: int
    unvalued: int
    findings: list[Finding]
    unjudged: Mapping[str, str]

    @property
    def is_clean(self) -> bool:
        """No order went past a limit and no book is other than its fills."""
        return not any(found.is_bypass for found in self.findings)


class _Rates:
    """Messages of one level: never more than a burst, nor than the rate after it."""

    def __init__(self) -> None:
        self.due_ns = 0

    def take(self, now_ns: int, per_second: int, burst: int) -> bool:
        if not per_second or not burst:
            return False
        interval_ns = -(-1_000_000_000 // per_second)
        is_within = self.due_ns - now_ns <= interval_ns * (burst - 1)
        self.due_ns = max(self.due_ns, now_ns) + interval_ns
        return is_within


class Recheck:
    """Goes through a journal from its first record."""

    def __init__(self) -> None:
        self._names = NamesLearned()
        self._book = Book(self._names)
        self._guards = GuardCheck(self._book, self._find)
        self._limits: dict[tuple[int, int], Row] = {}
        self._states: dict[tuple[int, int], int] = {}
        self._rates: dict[tuple[int, int, str], _Rates] = {}
        self._seen: dict[tuple[Any, ...], int] = {}
        self._beyond: set[tuple[int, int, int, int, int]] = set()
        self._findings: list[Finding] = []
        self._found = {True: 0, False: 0}
        self._orders = self._checks = self._unvalued = self._sequence = 0

    def run(self, records: Iterable[Row]) -> Rechecked:
        """Every record; the findings."""
        for record in records:
            self._sequence = record["sequence"]
            self._names.learn(record)
            self._book.apply(record)
            self._judge(record)
            self._guards.take(record, self._is_halted)
        checks = self._checks + self._guards.checks
        return Rechecked(
            self._sequence, self._orders, checks, self._unvalued, self._findings,
            self._guards.unjudged,
        )  # fmt: skip

    def _is_halted(self, level: tuple[int, int]) -> bool:
        return self._states.get(level, 0) == _HALTED

    def compare(self, orders: Iterable[Row], positions: Iterable[Row]) -> list[str]:
        """What the engine's state, replayed to the same record, holds otherwise than the records
        add up to: open orders and what is left of them (it is what is reserved), positions."""
        found = []
        told = {int(row["order_id"]): row["leaves_quantity"] for row in orders}
        ours = {number: each for number, each in self._book.orders.items() if each.is_open}
        for number in sorted(told.keys() | ours.keys()):
            order, leaves = ours.get(number), told.get(number)
            left = None if order is None else self._left(order)
            if left != (None if leaves is None else Decimal(leaves)):
                found.append(f"order {number}: {leaves} is left, its records say {left}")
        held: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
        for row in positions:
            key = tuple(row[name] for name in ("account", "instrument", "leg", "strategy"))
            held[key] = held[key] + Decimal(row["quantity"])
        for route, quantity in self._book.held.items():
            key = self._named(route)
            known = Decimal(quantity).scaleb(-self._scale(route[1]))
            if held[key] != known:
                found.append(f"{' '.join(key)}: {held[key]} is held, its fills say {known}")
        return found

    def _left(self, order: OrderHeld) -> Decimal:
        left = Decimal(max(order.quantity - order.cumulative, 0))
        return left.scaleb(-self._scale(order.instrument))

    def _named(self, route: tuple[int, int, int, int]) -> tuple[str, ...]:
        account, instrument, leg, strategy = route
        name = self._names.name
        return (
            name("account", account), name("instrument", instrument),
            ("net", "long", "short")[leg], name("strategy", strategy),
        )  # fmt: skip

    def _judge(self, record: Row) -> None:
        kind = record["kind"]
        if kind == "limits_set":
            self._limits[record["level"], record["id"]] = record
        elif kind == "trading_state_set":
            self._states[record["level"], record["id"]] = record["state"]
        elif kind == "boot":
            if record["clean_shutdown"] != _RUNNING_ON:  # a start knows neither rates nor orders
                self._rates.clear()
                self._seen.clear()
        elif kind == "replace_requested":
            self._replaced(record, self._book.orders[record["order_id"]])
        elif _lets_go(record):
            order = self._book.orders[record["order_id"]]
            if kind != "order_new" or not order.is_waiting:
                self._order(record, order, record["quantity"])
        elif kind == "cancel_requested" and record["reason"] == 0:
            self._rate(record, self._book.orders[record["order_id"]], "cancel")
        elif kind == "order_filled":
            self._filled(record)
        elif kind in ("position_adopted", "fill_busted", "fill_corrected"):
            self._consistent(record, record["position_quantity"])

    def _replaced(self, record: Row, order: OrderHeld) -> None:
        """What a link takes off lowers the risk and goes whatever stands against it; what waits
        for its link is judged when that lets it go."""
        if order.is_waiting:
            self._rate(record, order, "order")
        elif record["actor"] == 0 and record["quantity"] < order.quantity:
            self._rate(record, order, "order", is_judged=False)
        else:
            self._order(record, order, record["quantity"])

    def _order(self, record: Row, order: OrderHeld, quantity: int) -> None:
        """What was let go, behind its own record: it is reserved already."""
        self._orders += 1
        levels = levels_of(self._names, order)
        if not all(level in self._limits for level in levels):
            missing = next(level for level in levels if level not in self._limits)
            self._find(record, "LIMIT_MISSING", missing, 0, 0)
            return
        if not self._book.has_rate(order.instrument):
            self._find(record, "NO_CONVERSION_RATE", (INSTRUMENT, order.instrument), 0, 0)
        for level in levels:
            self._state(record, order, level)
            self._size(record, order, level, quantity)
            self._price(record, order, level)
            self._position(record, order, level)
            self._amounts(record, order, level)
        self._unvalued += bool(self._book.unvalued)
        self._closing(record, order)
        self._guards.order(record, order, is_exempt=_reduces(order))
        self._rate(record, order, "order")
        if record["kind"] == "order_new" and not order.linked_to:
            self._duplicate(record, levels)

    def _check(
        self, record: Row, rule: str, level: tuple[int, int], limit: int, found: int
    ) -> None:
        """A number that must not be above its limit."""
        self._checks += 1
        if found > limit:
            self._find(record, rule, level, limit, found)

    def _find(
        self, record: Row, rule: str, level: tuple[int, int], limit: int, found: int,
        *, is_bypass: bool = True,
    ) -> None:  # fmt: skip
        self._found[is_bypass] += 1
        if self._found[is_bypass] <= _FINDINGS_MAX:
            self._findings.append(
                Finding(
                    record["sequence"], record["time_ns"], str(record.get("order_id", 0)), rule,
                    self._names.level(*level), limit, found, is_bypass,
                )
            )  # fmt: skip

    def _state(self, record: Row, order: OrderHeld, level: tuple[int, int]) -> None:
        state = self._states.get(level, 0)
        self._checks += 1
        if state == _HALTED or (state == _REDUCING and not _reduces(order)):
            rule = "TRADING_HALTED" if state == _HALTED else "REDUCE_ONLY_STATE"
            self._find(record, rule, level, 0, state)

    def _size(self, record: Row, order: OrderHeld, level: tuple[int, int], quantity: int) -> None:
        limits, scale = self._limits[level], self._scale(order.instrument)
        self._check(
            record, "MAX_ORDER_QUANTITY", level,
            limits["order_quantity_max_e8"] * 10**scale, quantity * 10**8,
        )  # fmt: skip
        price = order.pending[1] if order.pending else order.gate_price
        amount = self._book.amount(order.instrument, price, quantity)
        self._check(record, "MAX_ORDER_NOTIONAL", level, limits["order_notional_max_e4"], amount)

    def _price(self, record: Row, order: OrderHeld, level: tuple[int, int]) -> None:
        limits, price = self._limits[level], record["price"]
        reference = record["reference_price"]
        self._checks += 2
        if reference <= 0:
            self._find(record, "STALE_PRICE", level, limits["reference_age_ms_max"], -1)
        elif record.get("reference_age_ms", 0) > limits["reference_age_ms_max"]:
            age = record["reference_age_ms"]
            self._find(record, "STALE_PRICE", level, limits["reference_age_ms_max"], age)
        if record["kind"] != "order_new" or reference <= 0:
            return  # what a stop's price is laid around is in its order_new
        around, bps = record.get("trigger_price") or reference, limits["collar_bps"]
        away = price - around if order.side == BUY else around - price
        self._check(record, "PRICE_COLLAR", level, around * bps, away * 10_000)

    def _position(self, record: Row, order: OrderHeld, level: tuple[int, int]) -> None:
        key = self._exposure(order, level)
        shared, _ = self._shared(record, order)
        worst = self._worst(key, order.side) - shared
        self._check(
            record, "POSITION_LIMIT", level,
            self._position_limit(level, order.side) * 10 ** self._scale(order.instrument),
            worst * 10**8,
        )  # fmt: skip

    def _amounts(self, record: Row, order: OrderHeld, level: tuple[int, int]) -> None:
        limits, totals = self._limits[level], self._book.totals[level]
        if record["kind"] != "order_triggered":
            most = limits["open_orders_side_max"]
            self._check(record, "MAX_OPEN_ORDERS", level, most, totals.open[order.side])
        if self._book.unvalued:
            return
        _, shared = self._shared(record, order)
        gross = totals.gross - shared
        sign = 1 if order.side == BUY else -1
        net = totals.working[order.side] - shared + sign * totals.net
        self._check(record, "EXPOSURE_LIMIT", level, limits["gross_exposure_max_e4"], gross)
        self._check(record, "EXPOSURE_LIMIT", level, limits["net_exposure_max_e4"], net)
        lost = self._guards.loss(level)
        self._check(record, "CREDIT_LIMIT", level, limits["credit_max_e4"], gross + lost)

    def _closing(self, record: Row, order: OrderHeld) -> None:
        """A reduce-only order closes at most what its account holds, with all others that do."""
        if not order.is_reduce_only or order.linked_to:
            return
        key = (ACCOUNT, order.account, order.instrument, order.leg)
        held = self._book.positions[key] * (-1 if order.side == BUY else 1)
        working = self._book.working[*key, order.side]
        self._check(record, "WOULD_INCREASE", (ACCOUNT, order.account), held, working)

    def _rate(self, record: Row, order: OrderHeld, what: str, *, is_judged: bool = True) -> None:
        for level in levels_of(self._names, order):
            limits = self._limits.get(level)
            if limits is None:
                continue
            self._checks += is_judged
            rates = self._rates.setdefault((*level, what), _Rates())
            per_second, burst = limits[f"{what}s_per_second"], limits[f"{what}_burst"]
            is_within = rates.take(record["time_ns"], per_second, burst)
            if is_judged and not is_within:
                self._find(record, "THROTTLED", level, per_second, per_second + 1)

    def _duplicate(self, record: Row, levels: tuple[tuple[int, int], ...]) -> None:
        window_ms = max(self._limits[level]["duplicate_window_ms"] for level in levels)
        fields = ("account", "instrument", "leg", "strategy", "side", "type", "price", "quantity")
        key = (*(record[name] for name in fields), record.get("trigger_price", 0))
        before_ns = self._seen.get(key)
        self._seen[key] = record["time_ns"]
        self._checks += 1
        if before_ns is not None and record["time_ns"] - before_ns < window_ms * 1_000_000:
            age_ms = (record["time_ns"] - before_ns) // 1_000_000
            self._find(record, "DUPLICATE_ORDER", levels[0], window_ms, age_ms)

    def _filled(self, record: Row) -> None:
        """A fill may bring a position beyond a limit only where no order of ours was asked."""
        self._consistent(record, record["position_quantity"])
        order = self._book.orders.get(record["order_id"])
        account, instrument, strategy = record["account"], record["instrument"], 0
        if order is not None:
            strategy = order.strategy
        scale = self._scale(instrument)
        for level in ((INSTRUMENT, instrument), (ACCOUNT, account), (STRATEGY, strategy)):
            key = (*level, instrument, record["leg"])
            if level not in self._limits:
                continue
            worst = self._worst(key, record["side"])
            limit = self._position_limit(level, record["side"])
            place = (*key, record["side"])
            if worst * 10**8 <= limit * 10**scale:
                self._beyond.discard(place)
            elif place not in self._beyond:
                self._beyond.add(place)
                found = worst * 10**8 // 10**scale
                self._find(record, "POSITION_LIMIT", level, limit, found, is_bypass=False)

    def _consistent(self, record: Row, told: int) -> None:
        """The book's quantity behind a fill is the sum of its fills (P10.1)."""
        order = self._book.orders.get(record.get("order_id", 0))
        strategy = order.strategy if order is not None else record.get("strategy", 0)
        leg = order.leg if order is not None else record["leg"]
        route = (record["account"], record["instrument"], leg, strategy)
        self._checks += 1
        if self._book.held[route] != told:
            level = (STRATEGY, strategy)
            self._find(record, "POSITION_NOT_ITS_FILLS", level, self._book.held[route], told)

    def _shared(self, record: Row, order: OrderHeld) -> tuple[int, int]:
        return self._book.siblings(record["order_id"], order) if order.linked_to else (0, 0)

    def _exposure(self, order: OrderHeld, level: tuple[int, int]) -> tuple[int, int, int, int]:
        if level[0] in _SHARED:
            return exposures_of(order)[0]
        return (*level, order.instrument, order.leg)

    def _worst(self, key: tuple[int, int, int, int], side: int) -> int:
        """With every working order of that side executed; of a short what is sold."""
        sign = 1 if side == BUY else -1
        return sign * self._book.positions[key] + self._book.working[*key, side]

    def _position_limit(self, level: tuple[int, int], side: int) -> int:
        name = "position_long_max_e8" if side == BUY else "position_short_max_e8"
        limit: int = self._limits[level][name]
        return limit

    def _scale(self, instrument: int) -> int:
        scale: int = self._names.row("instrument", instrument)["quantity_scale"]
        return scale


def _lets_go(record: Row) -> bool:
    """A new order, or one that was held for its link."""
    kind = record["kind"]
    is_released = kind == "order_triggered" and int(record["by_gateway"]) >= 2
    return is_released or bool(kind == "order_new")


def _reduces(order: OrderHeld) -> bool:
    """Asks for nothing but a way out: by its flag, its leg, or as an exit of a group."""
    closes_leg = (order.leg == 1 and order.side != BUY) or (order.leg == 2 and order.side == BUY)
    return order.is_reduce_only or closes_leg or bool(order.linked_to)
