"""What limits are measured against, worked out again from a journal's records alone: positions,
working orders and amounts of every level. Shares no code with the engine's gate. Where the engine
may count more (what a venue told of an ended order, roundings up) this counts less: what exceeds a
limit here exceeds it beyond doubt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from gateway.journal.names import NamesLearned

__all__ = ["FIRM", "Book", "Levels", "OrderHeld", "levels_of"]

Row = Mapping[str, Any]
Levels = tuple[tuple[int, int], ...]
Route = tuple[int, int, int, int]  # account, instrument, leg, strategy
INSTRUMENT, STRATEGY, ACCOUNT, VENUE, FIRM = range(5)
BUY, SELL = 1, 2
_INVERSE, _QUANTO, _BRACKET = 3, 4, 3
_ENDED = frozenset({"order_rejected", "order_canceled", "order_expired", "order_not_sent"})


class OrderHeld:
    """One order and what is reserved for it: a quantity and an amount at 10^-4."""

    __slots__ = (
        "account",
        "amount",
        "cumulative",
        "gate_price",
        "instrument",
        "is_open",
        "is_reduce_only",
        "is_waiting",
        "leg",
        "linked_to",
        "number",
        "pending",
        "quantity",
        "route",
        "side",
        "strategy",
        "working",
    )  # fmt: skip

    def __init__(self, record: Row, gate_price: int) -> None:
        self.number: int = record["order_id"]
        self.account, self.instrument = record["account"], record["instrument"]
        self.strategy, self.leg, self.side = record["strategy"], record["leg"], record["side"]
        self.route = (self.account, self.instrument, self.leg, self.strategy)
        self.quantity, self.cumulative = record["quantity"], record.get("cumulative", 0)
        self.gate_price = gate_price
        self.is_reduce_only = bool(record["flags"] & 2)
        self.is_open = True
        count, place = record.get("link_count", 0), record.get("link_place", 0)
        self.linked_to = record["order_id"] - place if count else 0
        self.is_waiting = bool(count) and record.get("link_kind") == _BRACKET and place != 0
        self.pending: tuple[int, int] | None = None  # quantity and gate price of a replace
        self.working = self.amount = 0


class _Totals:
    __slots__ = ("gross", "net", "open", "working")

    def __init__(self) -> None:
        self.gross = self.net = 0
        self.working, self.open = [0, 0, 0], [0, 0, 0]  # by side


class Book:
    """Everything as of the newest record that was shown. `names` learns beside it."""

    def __init__(self, names: NamesLearned) -> None:
        self.names = names
        self.orders: dict[int, OrderHeld] = {}
        self.linked: dict[int, set[int]] = defaultdict(set)
        self.rates: dict[int, int] = {}
        # (level kind, its id, instrument, leg) -> position; and by side -> working quantity
        self.positions: dict[tuple[int, int, int, int], int] = defaultdict(int)
        self.working: dict[tuple[int, int, int, int, int], int] = defaultdict(int)
        self.totals: dict[tuple[int, int], _Totals] = defaultdict(_Totals)
        self.held: dict[Route, int] = defaultdict(int)  # fills added up
        self.valued: dict[Route, int] = defaultdict(int)  # amount of what is held, signed
        self.fills: dict[int, int] = {}  # by the engine's own count of executions
        self._executions = 0
        self._placed: dict[Route, int] = defaultdict(int)
        self.unvalued: set[Route] = set()  # since a revision, until their next fill
        self._newest: dict[Route, int] = {}  # price of the newest fill by the venue's time

    def apply(self, record: Row) -> None:
        """Any record."""
        kind = record["kind"]
        self._executions += kind in ("order_filled", "position_adopted")
        if kind == "currency_rate_set":
            self.rates[record["currency"]] = record["rate_e8"]
        elif kind in ("order_new", "order_adopted"):
            self._enter(record)
        elif kind == "order_filled":
            self._fill(record)
        elif kind in ("fill_busted", "fill_corrected"):
            self._revise(record)
        elif kind == "position_adopted":
            route = self._route(record)
            self._newest.pop(route, None)
            self._move(route, self.held[route] + _signed(record), self._own_scale(record))
        elif record.get("order_id") in self.orders:
            self._change(kind, record, self.orders[record["order_id"]])

    def amount(self, instrument: int, price: int, quantity: int) -> int:
        """In the reporting currency at 10^-4, rounded up; of an inverse contract its face."""
        rules = self.names.row("instrument", instrument)
        kind = rules["instrument_kind"]
        rate = self.rates.get(rules["settle"] if kind == _QUANTO else rules["quote"], 0)
        decimals = rules["quantity_scale"] + rules["multiplier_scale"] + 4
        product = abs(quantity) * rules["multiplier"] * rate
        if kind != _INVERSE:
            product *= abs(price)
            decimals += rules["price_scale"]
        up: int = -(-product // 10**decimals)
        return up

    def has_rate(self, instrument: int) -> bool:
        rules = self.names.row("instrument", instrument)
        is_quanto = rules["instrument_kind"] == _QUANTO
        return self.rates.get(rules["settle"] if is_quanto else rules["quote"], 0) > 0

    def levels_of_route(self, route: Route) -> Levels:
        """The level entities that a position counts at."""
        account, instrument, _, strategy = route
        return _levels(self.names, account, instrument, strategy)

    def siblings(self, order_id: int, order: OrderHeld) -> tuple[int, int]:
        """Reserved quantity and amount of the others of its group on its side: of linked orders
        only the largest counts."""
        others = [self.orders[each] for each in self.linked[order.linked_to] if each != order_id]
        same = [each for each in others if each.side == order.side]
        return sum(each.working for each in same), sum(each.amount for each in same)

    def _route(self, record: Row) -> Route:
        order = self.orders.get(record.get("order_id", 0))
        if order is not None:
            return order.route
        strategy = record.get("strategy", 0)
        return (record["account"], record["instrument"], record["leg"], strategy)

    def _enter(self, record: Row) -> None:
        price = gate_price(record["side"], record["price"], record.get("reference_price", 0))
        order = self.orders[record["order_id"]] = OrderHeld(record, price)
        if order.linked_to:
            self.linked[order.linked_to].add(record["order_id"])
        for level in levels_of(self.names, order):
            self.totals[level].open[order.side] += 1
        self._reserve(order)

    def _change(self, kind: str, record: Row, order: OrderHeld) -> None:
        if kind == "replace_requested":
            price = gate_price(order.side, record["price"], record["reference_price"])
            order.pending = record["quantity"], price
        elif kind == "replace_rejected":
            order.pending = None
        elif kind == "order_replaced":
            known = order.pending[1] if order.pending else order.gate_price
            order.quantity = record["quantity"]
            order.gate_price = gate_price(order.side, record["price"], known)
            order.pending = None
            if order.cumulative >= order.quantity:
                self._end(order)
        elif kind == "order_triggered" and record["by_gateway"] >= 2:
            order.is_waiting, order.quantity = False, record["quantity"]
            order.gate_price = gate_price(order.side, record["price"], record["reference_price"])
        elif kind in _ENDED:
            self._end(order)
        self._reserve(order)

    def _fill(self, record: Row) -> None:
        order = self.orders.get(record["order_id"])
        route = self._route(record)
        self.fills[self._executions] = _signed(record)
        if not record.get("booked_before"):
            self._newest[route] = self._own_scale(record)
        # One that came late is no newer price: what is held stays valued at the newest fill's.
        self._move(route, self.held[route] + _signed(record), self._newest.get(route, 0))
        if order is not None:
            order.cumulative += record["quantity"]
            if order.cumulative >= order.quantity and order.is_open:
                self._end(order)
            self._reserve(order)

    def _revise(self, record: Row) -> None:
        """Another quantity in the place of an earlier fill's, 0 = it never was."""
        route, order = self._route(record), self.orders.get(record["order_id"])
        ordinal, now = record["fill_ordinal"], _signed(record)
        self._newest.pop(route, None)
        before = self.fills.get(ordinal)
        self.fills[ordinal] = now
        if before is None:  # nobody here has seen the fill: the record's word is taken
            self._move(route, record["position_quantity"], 0)
            return
        self._move(route, self.held[route] + now - before, 0)
        if order is not None:
            order.cumulative += abs(now) - abs(before)
            self._reserve(order)

    def _own_scale(self, record: Row) -> int:
        rules = self.names.row("instrument", record["instrument"])
        wide: int = record["price"] * 10 ** rules["price_scale"]
        # Away from zero, as limits measure: a fill may have decimals that the instrument lacks.
        price: int = -(-abs(wide) // 10 ** record["price_scale"])
        return price if wide >= 0 else -price

    def _end(self, order: OrderHeld) -> None:
        if not order.is_open:
            return
        order.is_open, order.pending = False, None
        for level in levels_of(self.names, order):
            self.totals[level].open[order.side] -= 1

    def _reserve(self, order: OrderHeld) -> None:
        quantity = amount = 0
        if order.is_open and not order.is_waiting:
            quantity = max(order.quantity - order.cumulative, 0)
            amount = self.amount(order.instrument, order.gate_price, quantity)
            if order.pending:
                wanted = max(order.pending[0] - order.cumulative, 0)
                amount = max(amount, self.amount(order.instrument, order.pending[1], wanted))
                quantity = max(quantity, wanted)
        by, by_amount = quantity - order.working, amount - order.amount
        order.working, order.amount = quantity, amount
        for key in exposures_of(order):
            self.working[*key, order.side] += by
        for level in levels_of(self.names, order):
            totals = self.totals[level]
            totals.gross += by_amount
            totals.working[order.side] += by_amount

    def _move(self, route: Route, position: int, price: int) -> None:
        """A route's position is this now, valued at this price; 0 = at none that is known."""
        account, instrument, leg, strategy = route
        by = position - self._placed[route]
        self._placed[route] = self.held[route] = position
        for level, number in _owners(account, instrument, strategy):
            self.positions[level, number, instrument, leg] += by
        amount = self.amount(instrument, price, position)
        (self.unvalued.discard if price or not position else self.unvalued.add)(route)
        signed, before = amount if position > 0 else -amount, self.valued[route]
        self.valued[route] = signed
        for entity in _levels(self.names, account, instrument, strategy):
            totals = self.totals[entity]
            totals.net += signed - before
            totals.gross += abs(signed) - abs(before)


def _signed(record: Row) -> int:
    quantity: int = record["quantity"]
    return quantity if record["side"] == BUY else -quantity


def gate_price(side: int, price: int, reference: int) -> int:
    """What an order counts at: a sell may execute above its limit."""
    return reference if side == SELL and reference > price else price


def levels_of(names: NamesLearned, order: OrderHeld) -> Levels:
    """The level entities that an order counts at: (kind, id)."""
    return _levels(names, order.account, order.instrument, order.strategy)


def exposures_of(order: OrderHeld) -> list[tuple[int, int, int, int]]:
    """Whose quantities an order counts in: the instrument as a whole, its account, its strategy."""
    owners = _owners(order.account, order.instrument, order.strategy)
    return [(level, number, order.instrument, order.leg) for level, number in owners]


def _owners(account: int, instrument: int, strategy: int) -> Levels:
    return (INSTRUMENT, instrument), (ACCOUNT, account), (STRATEGY, strategy)


def _levels(names: NamesLearned, account: int, instrument: int, strategy: int) -> Levels:
    venue = names.row("instrument", instrument)["venue"]
    return (*_owners(account, instrument, strategy), (VENUE, venue), (FIRM, 0))
