"""Margin of accounts from rows of positions, balances and instruments: what is required, what is
there, and the price at which each position would be liquidated. Exact decimal text in and out.

Pure: no clock, no state, nothing reaches the engine from here. What has no mark, schedule or
collateral is named in `excluded` and left out, never guessed. Rules: docs/concepts/margin.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway._core import valuation as native
from gateway.valuation.brackets import Brackets, BracketTables, mantissa
from gateway.valuation.margin_inputs import (
    TYPES,
    array,
    mantissa_and_scale,
    mode_of,
    order_price,
    row_of,
    scales,
    spot_value,
    words,
)
from gateway.valuation.margin_text import (
    isolated_ratio,
    liquidation_of,
    no_price,
    option_row,
    ratio_e12,
    ratio_text,
    text,
    without_margin,
)
from gateway.valuation.mark import money_array, money_integers
from gateway.valuation.option_margin import OptionAmounts, OptionMargins
from gateway.valuation.option_terms import OptionBook

__all__ = [
    "CALL_RATIO",
    "MARK_AGE_MS_MAX",
    "WARNING_RATIO",
    "MarginRows",
    "MarkPrice",
    "margin_rows",
    "state_of",
]

Row = Mapping[str, Any]

MARK_AGE_MS_MAX = 60_000  # of one that values something, where nobody says
WARNING_RATIO = Decimal("0.7")
CALL_RATIO = Decimal("0.85")
_SIZE_MAX = 2**63 - 1
_MODES = {"cross": 1, "isolated": 2}
_UNKNOWN_MODE = "the margin mode is not known"
_ISOLATED_OPTION = "isolated, and no document says what of its premium lies in its margin"
_STATUSES = ("", "no mark", "bad numbers", "above the last bracket", "out of range")
_LEFT_OUT = "other positions are left out"


class MarkPrice(NamedTuple):
    """A price positions are valued at, and how old it is."""

    price: str
    age_ms: int


class MarginRows(NamedTuple):
    """`accounts`: {account, venue, currency, equity, initial, initial_orders, maintenance, ratio,
    partial_ratio, headroom, is_balance_known, state, excluded[], estimates[]} for each account and
    currency with positions or orders on margin; `initial_orders` is the orders' part of `initial`.
    `state` is `unknown` where it would be ok but something is left out; equity, ratio and headroom
    are None where an isolated position's collateral, which lies in the balance, is not known:
    `partial_ratio` is then what the ratio would be with it in the equity. `is_balance_known` False:
    equity is what positions alone made, and says nothing. `estimates`
    names what was counted by a rule that its venue does not document in full.
    `positions`: {account, venue, instrument, leg, margin_mode, margin_mode_source, currency,
    quantity, collateral, notional, unrealised, initial, maintenance, ratio, state,
    liquidation_price, liquidation_distance_percent, reason}: what the venue sees, strategies
    summed. `margin_mode` cross | isolated | unknown is the venue's word (source `venue`) or, where
    it has said none, that of the account (source `account`).
    Amounts are decimal text; None where there is none, with `reason` why."""

    accounts: list[dict[str, Any]]
    positions: list[dict[str, Any]]


class _Held(NamedTuple):
    """What the venue sees of one position: every strategy, EXTERNAL too."""

    account: str
    venue: str
    instrument: str
    leg: str
    margin_mode: str


def margin_rows(
    positions: Iterable[Row],
    balances: Iterable[Row],
    instruments: Iterable[Row],
    brackets: Brackets,
    marks: Mapping[str, MarkPrice],
    *,
    orders: Iterable[Row] = (),
    collateral: Mapping[tuple[str, str, str], str] | None = None,
    margin_accounts: Collection[str] = (),
    age_ms_max: int = MARK_AGE_MS_MAX,
    options: OptionBook | None = None,
    now_ns: int = 0,
) -> MarginRows:
    """Margin of every account with positions or open orders on margin, and of `margin_accounts`
    in each currency they have, even when they hold nothing.

    positions, balances, instruments, orders: rows with the keys of `engine.positions()`,
    `.balances()`, `.registry("instrument")`, `.orders()`. marks: by instrument name; older than
    `age_ms_max` is excluded. collateral: of isolated positions, by (account, instrument, leg),
    instead of what their rows say.
    options: which instruments are options; `now_ns` tells which of them have expired.
    """
    work = _Work(instruments, brackets, marks, age_ms_max)
    work.take_options(options, now_ns)
    work.take_positions(positions, collateral or {})
    work.take_orders(orders)
    work.take_balances(balances, margin_accounts)
    work.take_spot_orders()
    return work.result()


def state_of(ratio: str | None, maintenance: str) -> str:
    """ok | warning | call | liquidation of one moment, without memory (margin_watch has it).
    `ratio` None with maintenance due: no equity is left."""
    if ratio is None:
        return "liquidation" if Decimal(maintenance) > 0 else "ok"
    value = Decimal(ratio)
    if value >= 1:
        return "liquidation"
    if value >= CALL_RATIO:
        return "call"
    return "warning" if value >= WARNING_RATIO else "ok"


class _Work:
    """One calculation: rows are collected, handed to the native core once, and named again."""

    def __init__(
        self,
        instruments: Iterable[Row],
        brackets: Brackets,
        marks: Mapping[str, MarkPrice],
        age_ms_max: int,
    ) -> None:
        self._instruments = {row["name"]: row for row in instruments}
        self._numbers = {name: place for place, name in enumerate(self._instruments)}
        self._brackets = brackets
        self._tables = BracketTables(brackets.schedules)
        self._marks = marks
        self._age_ms_max = age_ms_max
        self._pools: dict[tuple[str, str], int] = {}
        self._venues: dict[tuple[str, str], str] = {}
        self._held: list[tuple[_Held, int, int]] = []  # position, quantity, cost
        self._rows: list[tuple[Any, ...]] = []
        self._counted: list[int] = []  # places of _held that have a row
        self._reasons: dict[int, str] = {}
        self._orders: list[tuple[Any, ...]] = []
        self._spot_orders: list[Row] = []
        self._spot_initial: dict[tuple[str, str], int] = defaultdict(int)
        self._isolated: dict[tuple[str, str], int] = defaultdict(int)
        self._balances: dict[tuple[str, str], int] = {}
        self._excluded: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._locked: dict[tuple[str, str], int] = defaultdict(int)  # cost of what nets to nothing
        self._partial: dict[tuple[str, str], str] = {}  # why its equity is not all there
        self._unknown: set[tuple[str, str]] = set()  # collateral in the balance, of unknown size
        self._collateral: dict[tuple[str, str, str], str] = {}  # account, instrument, leg
        self._told: set[_Held] = set()  # whose mode is the venue's own word
        self._sides: dict[tuple[str, str, str, bool], int] = defaultdict(int)  # sizes, by is_buy
        self._sizes: Mapping[tuple[str, str], int] = {}
        self._options: OptionMargins | None = None
        self._now_ns = 0
        self._option_rows: dict[int, OptionAmounts] = {}  # by place in _held

    def take_options(self, options: OptionBook | None, now_ns: int) -> None:
        """First of all: what is an option is no contract of the brackets."""
        self._now_ns = now_ns
        if options is not None:
            self._options = OptionMargins(options, self._fraction_of)

    def take_positions(
        self, rows: Iterable[Row], collateral: Mapping[tuple[str, str, str], str]
    ) -> None:
        sums: dict[_Held, list[int]] = {}
        for row in rows:
            mode = mode_of(row)
            instrument = self._instruments.get(row["instrument"])
            if mode == "cash" or instrument is None:
                continue
            key = _Held(row["account"], row["venue"], row["instrument"], row["leg"], mode)
            if row.get("venue_margin_mode"):
                self._told.add(key)
            total = sums.setdefault(key, [0, 0])
            total[0] += mantissa(row["quantity"], instrument["quantity_scale"])
            total[1] += mantissa(row["cost"], 18)
            if (told := row.get("collateral")) is not None:
                self._collateral[key.account, key.instrument, key.leg] = told
        self._collateral |= collateral
        sizes = self._sizes = _sizes(sums)
        for key, (quantity, cost) in sums.items():
            if quantity:
                self._held.append((key, quantity, cost))
                self._take(key, quantity, cost, sizes)
            elif cost:
                # Strategies against each other: the venue holds nothing, the result is fixed. That
                # of options lies in the balance with their premiums.
                settle = self._instruments[key.instrument]["settle"]
                self._pool_of(key.account, settle, key.venue)
                if not self._is_option(key.instrument):
                    self._locked[key.account, settle] += cost

    def _take(
        self,
        key: _Held,
        quantity: int,
        cost: int,
        sizes: Mapping[tuple[str, str], int],
    ) -> None:
        place = len(self._held) - 1
        rules = self._instruments[key.instrument]
        pool = self._pool_of(key.account, rules["settle"], key.venue)
        isolated = 0
        if self._is_option(key.instrument):
            self._take_option(place, key, quantity, cost)
            return
        if key.margin_mode == "cross":
            self._sides[key.account, key.instrument, key.leg, quantity > 0] += abs(quantity)
        elif (given := self._take_collateral(place, key, rules["settle"])) is None:
            return
        else:
            isolated = given
        schedule = self._brackets.schedule_of(key.instrument)
        reason, mark, mark_scale = self._mark_of(key.instrument)
        if schedule is None:
            reason = "no brackets"
        if schedule is None or reason:
            self._exclude(place, key, rules["settle"], reason)
            return
        extra = 0
        if schedule.legs == "summed" and key.margin_mode == "cross":
            extra = sizes[key.account, key.instrument] - abs(quantity)
        row = row_of(rules, quantity, mark, extra, cost=cost, isolated=isolated)
        where = (self._tables.places[self._brackets.instruments[key.instrument]], pool)
        row += (*where, self._numbers[key.instrument])
        leverage = self._brackets.leverage_of(key.account, key.instrument)
        self._counted.append(place)
        self._rows.append((*row, leverage, *scales(rules, mark_scale), _MODES[key.margin_mode]))

    def _take_collateral(self, place: int, key: _Held, currency: str) -> int | None:
        """What lies in a position that is not cross, taken out of the equity; None where it, or the
        mode, is not known: some of the balance may lie there."""
        given = self._collateral_of(key)
        if given is None:
            self._unknown.add((key.account, currency))
            self._partial[key.account, currency] = _LEFT_OUT
            is_isolated = key.margin_mode == "isolated"
            reason = "no collateral is known" if is_isolated else _UNKNOWN_MODE
            self._exclude(place, key, currency, reason)
            return None
        isolated = mantissa(given, 18)
        self._isolated[key.account, currency] += isolated
        return isolated

    def _collateral_of(self, key: _Held) -> str | None:
        if key.margin_mode != "isolated":
            return None
        return self._collateral.get((key.account, key.instrument, key.leg))

    def _is_option(self, instrument: str) -> bool:
        return self._options is not None and self._options.holds(instrument)

    def _take_option(self, place: int, key: _Held, quantity: int, cost: int) -> None:
        assert self._options is not None, "asked by _take"
        rules = self._instruments[key.instrument]
        pool = key.account, rules["settle"]
        size = Fraction(quantity, 10 ** rules["quantity_scale"])
        is_cross = key.margin_mode == "cross"
        value = self._options.take if is_cross else self._options.amounts_of
        found = value(key.instrument, pool, size, cost, self._now_ns)
        if not is_cross:
            self._name_isolated_option(key, pool)
        if isinstance(found, str):
            self._exclude(place, key, rules["settle"], found)
        else:
            self._option_rows[place] = found

    def _name_isolated_option(self, key: _Held, pool: tuple[str, str]) -> None:
        """Its venue's rule says what it asks for; what lies in it is in the equity somewhere."""
        self._unknown.add(pool)
        self._partial[pool] = _LEFT_OUT
        reason = _ISOLATED_OPTION if key.margin_mode == "isolated" else _UNKNOWN_MODE
        self._excluded[pool].add(f"{key.instrument}: {reason}")

    def take_orders(self, rows: Iterable[Row]) -> None:
        """Open orders that may open a position; a market order counts at the mark. Those of spot
        wait until it is known which currencies of which accounts are on margin."""
        for row in rows:
            rules = self._instruments.get(row["instrument"])
            if rules is None or row.get("is_reduce_only"):
                continue
            pool = row["account"], rules["settle"]
            quantity = mantissa(row["leaves_quantity"], rules["quantity_scale"])
            if not quantity:
                continue
            if rules["kind"] == "spot" and not self._is_option(row["instrument"]):
                self._spot_orders.append(row)
                continue
            self._pool_of(*pool, row.get("venue") or rules.get("venue", ""))
            reason = self._take_order(row, rules, pool, quantity)
            if reason:
                self._excluded[pool].add(f"order {row['order_id']}: {reason}")

    def _take_order(self, row: Row, rules: Row, pool: tuple[str, str], quantity: int) -> str:
        """Why it cannot be valued; empty = it is among the orders."""
        if self._options is not None and self._is_option(row["instrument"]):
            size = Fraction(quantity, 10 ** rules["quantity_scale"])
            at = None if row["price"] is None else Fraction(row["price"])
            is_buy = row["side"] == "buy"
            return self._options.take_order(row["instrument"], pool, size, at, is_buy=is_buy)
        schedule = self._brackets.schedule_of(row["instrument"])
        reason, mark, mark_scale = self._mark_of(row["instrument"])
        if schedule is None or reason:
            return reason or "no brackets"
        try:
            price = order_price(row["price"], rules, mark, mark_scale)
        except ValueError:
            return "a price that is none"
        extra = self._joined(row, quantity, schedule.legs == "summed")
        place = self._tables.places[self._brackets.instruments[row["instrument"]]]
        leverage = self._brackets.leverage_of(row["account"], row["instrument"])
        multiplier = mantissa(rules["multiplier"], rules["multiplier_scale"])
        signed = quantity if row["side"] == "buy" else -quantity
        head = (signed, price, mark, multiplier, extra, place, self._pools[pool], leverage)
        self._orders.append((*head, *scales(rules, mark_scale), schedule.order_open_loss))
        return ""

    def _joined(self, row: Row, quantity: int, is_summed: bool) -> int:
        """Size that is there before the order on its side: positions and the orders before it. The
        order counts for those behind it."""
        leg, is_buy = row.get("leg") or "net", row["side"] == "buy"
        side = row["account"], row["instrument"], leg, is_buy
        there = self._sides[side]
        self._sides[side] = there + quantity
        if is_summed and leg != "net":
            other = self._sizes.get((row["account"], row["instrument"]), 0)
            there = max(there, other)
        return min(there, _SIZE_MAX)

    def take_spot_orders(self) -> None:
        """What is bought is paid in full, what is sold asks for nothing. No schedule plays a part,
        and an account without margin in that currency has no row for it."""
        for row in self._spot_orders:
            rules = self._instruments[row["instrument"]]
            pool = row["account"], rules["settle"]
            if pool not in self._pools or row["side"] != "buy":
                continue
            reason, mark, mark_scale = "", 0, 0
            if row["price"] is None:
                reason, mark, mark_scale = self._mark_of(row["instrument"])
            try:
                value = 0 if reason else spot_value(row, rules, mark, mark_scale)
            except ValueError:
                value, reason = 0, "a price that is none"
            self._spot_initial[pool] += value
            if reason:
                self._excluded[pool].add(f"order {row['order_id']}: {reason}")

    def take_balances(self, rows: Iterable[Row], margin_accounts: Collection[str]) -> None:
        for row in rows:
            key = (row["account"], row["currency"])
            if row["account"] in margin_accounts:
                self._pool_of(*key, row.get("venue", ""))
            if key in self._pools:
                self._balances[key] = mantissa(row["total"], 18)
        for pool in self._pools:
            if pool not in self._balances:
                self._excluded[pool].add(f"{pool[1]}: no balance is known")
                self._partial.setdefault(pool, "no balance is known")

    def result(self) -> MarginRows:
        rows = array("row", self._rows)
        orders = array("order", self._orders)
        pools = np.zeros(len(self._pools), TYPES["pool"])
        pools["balance_e18"] = money_array(
            self._balances.get(pool, 0) - self._isolated[pool] - self._locked[pool]
            for pool in self._pools
        )
        margins = np.zeros(len(rows), TYPES["position"])
        tables = (self._tables.schedules, self._tables.brackets)
        native.margin(rows, orders, *tables, margins, pools)
        self._add_outside(pools)
        found = np.zeros(len(rows), TYPES["liquidation"])
        native.liquidation(rows, margins, *tables, pools, found)
        self._name_excluded(margins, pools)
        told = self._position_rows(rows, margins, found)
        return MarginRows(self._account_rows(pools, self._held_initial(margins)), told)

    def _add_outside(self, pools: NDArray[np.void]) -> None:
        """What the core does not know: options, which stand still while the price of a contract
        moves to its liquidation, and spot orders."""
        options = self._options.sums if self._options else {}
        for pool in options.keys() | self._spot_initial.keys():
            row = pools[self._pools[pool]]
            told = {name: money_integers(row[[f"{name}_e18"]][f"{name}_e18"].reshape(1))[0]
                    for name in ("equity", "initial", "maintenance")}  # fmt: skip
            if (sums := options.get(pool)) is not None:
                told["equity"] += sums.worth
                told["initial"] += sums.initial
                told["maintenance"] += sums.maintenance
            told["initial"] += self._spot_initial.get(pool, 0)
            told["headroom"] = told["equity"] - told["initial"]
            for name, amount in told.items():
                row[f"{name}_e18"] = words(amount)
            row["ratio_e12"] = ratio_e12(told["maintenance"], told["equity"])

    def _name_excluded(self, margins: NDArray[np.void], pools: NDArray[np.void]) -> None:
        """What the core refused: positions by name, orders by their number."""
        refused = dict.fromkeys(self._pools, 0)
        for place, status in zip(self._counted, margins["status"].tolist(), strict=True):
            if status:
                key = self._held[place][0]
                currency = self._instruments[key.instrument]["settle"]
                self._exclude(place, key, currency, _STATUSES[status])
                refused[key.account, currency] += key.margin_mode == "cross"
        for pool, place in self._pools.items():
            orders = int(pools["excluded"][place]) - refused[pool]
            if orders:
                self._excluded[pool].add(f"orders that could not be valued: {orders}")
            if pools["status"][place]:
                self._excluded[pool].add("the sums are out of range")
                self._partial[pool] = "out of range"

    def _account_rows(
        self, pools: NDArray[np.void], held: Mapping[tuple[str, str], int]
    ) -> list[dict[str, Any]]:
        """`held`: what the positions of a pool ask for."""
        initials = money_integers(pools["initial_e18"])
        columns = {
            name: [text(amount) for amount in money_integers(pools[f"{name}_e18"])]
            for name in ("equity", "initial", "maintenance", "headroom")
        }
        rows = []
        for key, place in self._pools.items():
            ratio = ratio_text(int(pools["ratio_e12"][place]))
            row: dict[str, Any] = {"account": key[0], "venue": self._venues[key]}
            row["currency"] = key[1]
            row |= {name: column[place] for name, column in columns.items()}
            row["initial_orders"] = text(initials[place] - held[key])
            row |= {"ratio": ratio, "partial_ratio": None}
            state = state_of(ratio, columns["maintenance"][place])
            row["is_balance_known"] = key in self._balances
            if not row["is_balance_known"] or (state == "ok" and self._excluded[key]):
                state = "unknown"
            if key in self._unknown:
                row |= {"equity": None, "headroom": None, "ratio": None, "partial_ratio": ratio}
            named = {} if self._options is None else self._options.estimates
            row |= {"state": state, "excluded": sorted(self._excluded[key])}
            rows.append(row | {"estimates": sorted(named.get(key, ()))})
        return rows

    def _held_initial(self, margins: NDArray[np.void]) -> dict[tuple[str, str], int]:
        """What the positions of each pool ask for, without its orders."""
        held: dict[tuple[str, str], int] = defaultdict(int)
        initials, statuses = money_integers(margins["initial_e18"]), margins["status"].tolist()
        told = zip(self._counted, initials, statuses, strict=True)
        amounts = {place: amount for place, amount, status in told if not status}
        amounts |= {place: each.initial for place, each in self._option_rows.items()}
        for place, amount in amounts.items():
            key = self._held[place][0]
            if key.margin_mode == "cross":
                held[key.account, self._instruments[key.instrument]["settle"]] += amount
        return held

    def _position_rows(
        self, rows: NDArray[np.void], margins: NDArray[np.void], found: NDArray[np.void]
    ) -> list[dict[str, Any]]:
        native_row = {place: index for index, place in enumerate(self._counted)}
        columns = {
            name: money_integers(margins[f"{name}_e18"])
            for name in ("notional", "unrealised", "initial", "maintenance")
        }
        told = []
        for place, (key, quantity, _) in enumerate(self._held):
            rules = self._instruments[key.instrument]
            row = dict(key._asdict(), currency=rules["settle"])
            row["margin_mode_source"] = "venue" if key in self._told else "account"
            row["quantity"] = text(quantity, rules["quantity_scale"])
            row["collateral"] = self._collateral_of(key)
            if place in self._option_rows:
                told.append(row | option_row(self._option_rows[place]))
                continue
            index = native_row.get(place)
            status = 0 if index is None else int(margins["status"][index])
            if index is None or status:
                told.append(row | without_margin(self._reasons[place]))
                continue
            amounts = {name: column[index] for name, column in columns.items()}
            ratio = None
            if key.margin_mode == "isolated":
                ratio = isolated_ratio(rows[index], amounts)
            row |= {name: text(amount) for name, amount in amounts.items()} | {"ratio": ratio}
            is_isolated = key.margin_mode == "isolated"
            row["state"] = state_of(ratio, row["maintenance"]) if is_isolated else None
            why = "" if is_isolated else self._partial.get((key.account, rules["settle"]), "")
            told.append(
                row | (no_price(why) if why else liquidation_of(rules, rows[index], found[index]))
            )
        return told

    def _pool_of(self, account: str, currency: str, venue: str) -> int:
        self._venues.setdefault((account, currency), venue)
        return self._pools.setdefault((account, currency), len(self._pools))

    def _exclude(self, place: int, key: _Held, currency: str, reason: str) -> None:
        self._reasons[place] = reason
        if key.margin_mode == "cross":
            self._partial[key.account, currency] = _LEFT_OUT
        self._excluded[key.account, currency].add(f"{key.instrument}: {reason}")

    def _fraction_of(self, instrument: str) -> tuple[str, Fraction]:
        reason, mark, scale = self._mark_of(instrument)
        return reason, Fraction(mark, 10**scale)

    def _mark_of(self, instrument: str) -> tuple[str, int, int]:
        mark = self._marks.get(instrument)
        if mark is None:
            return "no mark", 0, 0
        if mark.age_ms < 0:
            return "the mark is from the future", 0, 0
        if mark.age_ms > self._age_ms_max:
            return f"the mark is {mark.age_ms} ms old", 0, 0
        try:
            price, scale = mantissa_and_scale(mark.price)
        except ValueError:
            return "a mark that is no price", 0, 0
        if not 0 < price < 2**63:
            return "a mark that is no price", 0, 0
        return "", price, scale


def _sizes(sums: Mapping[_Held, Sequence[int]]) -> dict[tuple[str, str], int]:
    """Size of all cross legs of one account and instrument together."""
    sizes: dict[tuple[str, str], int] = defaultdict(int)
    for key, (quantity, _) in sums.items():
        if key.margin_mode == "cross":
            sizes[key.account, key.instrument] += abs(quantity)
    return sizes
