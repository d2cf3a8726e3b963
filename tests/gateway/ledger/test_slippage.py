"""Slippage of real journals against exact fractions that are made of what the test itself told the
engine: spot, linear, inverse and quanto, busts and corrections; parts are the whole in every view,
and the ledger's own."""

import csv
import io
import json
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from click.testing import CliRunner
from engine_world import BUY, IOC, LIMIT, LONG, MARKET, NET, SELL, SHORT
from hypothesis import example, given
from hypothesis import strategies as st
from linked_world import OCO, WITH_STOPS, bracket, link

from gateway.__main__ import root
from gateway.journal import reader
from gateway.ledger.slippage import VIEWS, SlippageBooks, worth_e18

UNIT = Fraction(1, 10**18)
NAMES = {"spot": "BTC-USD", "perpetual": "BTC-PERP", "inverse": "BTC-INV", "quanto": "BTC-QUANTO"}


def call(world, *words):
    result = CliRunner().invoke(
        root, ["ledger", "slippage", world.journal, "--ring-directory", world.ring, *words]
    )
    assert not result.exception or isinstance(result.exception, SystemExit), result.exception
    return result


def told(world, view, *words):
    result = call(world, "--json", "--by", view, *words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def worth(kind, price, quantity):
    """In 10^-18 of the settle currency, half-even as a fraction's round is."""
    exact = Fraction(quantity) / Fraction(price) if kind == "inverse" else (
        Fraction(quantity) * Fraction(price))  # fmt: skip
    return round(exact / UNIT) * UNIT


@dataclass
class Told:
    """One fill as the engine was told of it; `decided` is the mark when its order came in."""

    kind: str
    side: int
    quantity: str
    order_id: int = 0
    decided: str = ""
    account: int = 0
    leg: int = NET
    price: str = ""


class Desk:
    """Tells an engine a random life and remembers it."""

    def __init__(self, world, seed):
        self.world, self.rng = world, Random(seed)
        self.marks = dict.fromkeys(NAMES, "100")
        self.fills = {}  # by trade
        self.strategies = {}

    def move(self, kind):
        self.marks[kind] = f"{self.rng.randint(97, 103)}.{self.rng.randint(0, 99):02}"
        self.world.mark(self.marks[kind], getattr(self.world, kind))

    def quantity(self, kind):
        if kind == "inverse":
            return str(self.rng.randint(1, 9))
        return f"{self.rng.randint(0, 3)}.{self.rng.randint(1, 999):03}"

    def order(self):
        """One order in up to four fills, while the mark goes on."""
        rng, world, kind = self.rng, self.world, self.rng.choice(list(NAMES))
        account = rng.choice((world.account, world.hedge))
        leg = rng.choice((LONG, SHORT)) if account == world.hedge and kind != "spot" else NET
        side = {LONG: BUY, SHORT: SELL}.get(leg) or rng.choice((BUY, SELL))
        strategy = rng.choice(("alpha", "beta"))
        parts = [self.quantity(kind) for _ in range(rng.randint(1, 4))]
        fields = {"instrument": getattr(world, kind), "account": account, "leg": leg,
                  "strategy": world.strategy if strategy == "alpha" else world.other_strategy,
                  "quantity": str(sum(map(Decimal, parts))), "price": self.marks[kind]}  # fmt: skip
        if rng.random() < 0.3:
            fields |= {"price": "", "type": MARKET, "time_in_force": IOC}
        order_id, decided = world.working(side, **fields), self.marks[kind]
        self.strategies[str(order_id)] = strategy
        for part in parts:
            self.fill(Told(kind, side, part, order_id, decided, account, leg))
            self.move(kind)

    def fill(self, fill):
        trade = f"T{len(self.fills)}"
        fill.price = f"{self.rng.randint(96, 104)}.{self.rng.randint(0, 9999):04}"
        self.fills[trade] = fill
        late = self.rng.randint(2, 9) if self.rng.random() < 0.15 else 0  # told behind newer ones
        number = max(10 * (len(self.fills) - late) + (late > 0), 1)
        self.world.fill(fill.order_id, fill.quantity, fill.price, side=fill.side, trade=trade,
                        account=fill.account, leg=fill.leg, number=number,
                        instrument=getattr(self.world, fill.kind), fee="0.7",
                        venue_order=None if fill.order_id else "x",
                        fee_currency=self.world.bnb)  # fmt: skip

    def external(self):
        kind = self.rng.choice(list(NAMES))
        self.fill(Told(kind, BUY, self.quantity(kind), account=self.world.account))

    def revise(self):
        """A bust or a correction of an earlier fill of the netting account."""
        known = [name for name, fill in self.fills.items() if fill.account == self.world.account]
        if not known:
            return
        trade = self.rng.choice(known)
        fill = self.fills[trade]
        if fill.quantity == "0":
            return
        fill.quantity = "0" if self.rng.random() < 0.4 else self.quantity(fill.kind)
        fill.price = "" if fill.quantity == "0" else f"{self.rng.randint(96, 104)}.5"
        self.world.names += 1
        self.world.revise(fill.order_id, trade, self.world.names, fill.quantity, fill.price,
                          side=fill.side, instrument=getattr(self.world, fill.kind),
                          venue_order=None if fill.order_id else "x")  # fmt: skip

    def expected(self):
        """(order, slippage, worth at arrival) of each fill that has one."""
        for fill in self.fills.values():
            if not fill.order_id or fill.quantity == "0":
                continue
            ideal, paid = (worth(fill.kind, each, fill.quantity)
                           for each in (fill.decided, fill.price))  # fmt: skip
            is_paid = (fill.side == BUY) != (fill.kind == "inverse")
            yield str(fill.order_id), paid - ideal if is_paid else ideal - paid, ideal


def sums_of(rows, *names):
    found = defaultdict(Fraction)
    for row in rows:
        found[tuple(row[name] for name in names)] += Fraction(row["slippage"])
    return found


@pytest.mark.parametrize("seed", range(3))
def test_random_lives_equal_exact_fractions_and_parts_are_the_whole(world, seed):
    desk = Desk(world, seed)
    assert world.engine.adopt_position(world.account, world.perpetual, world.strategy, NET, "0",
                                       "-1.5", "99", "older", "ops") > 0  # fmt: skip
    for _ in range(70):
        desk.rng.choice((desk.order, desk.order, desk.external, desk.revise))()
    views = {view: told(world, view) for view in VIEWS}
    rows = {view: document["slippage"] for view, document in views.items()}
    slipped, decided = defaultdict(Fraction), defaultdict(Fraction)
    for order_id, amount, ideal in desk.expected():
        slipped[order_id] += amount
        decided[order_id] += ideal
    assert world.counter("fills_late") > 1
    assert len(slipped) > 20 and any(amount < 0 for amount in slipped.values())
    orders = [row for row in rows["order"] if row["order_id"] is not None]
    busted = {row["order_id"] for row in orders if row["fills"] == 0}
    assert sums_of(orders, "order_id") == {
        (key,): slipped.get(key, 0) for key in {*slipped, *busted}
    }
    for row in orders:
        key = row["order_id"]
        assert Fraction(row["arrival_value"]) == decided[key]
        assert row["strategy"] == desk.strategies[key] and row["arrival_by"] == "reference"
        bps = slipped[key] / decided[key] * 10_000 if decided[key] else None
        assert (row["bps"] is None) == (bps is None)
        assert bps is None or abs(Fraction(row["bps"]) - bps) <= Fraction(1, 20_000)
    assert sums_of(rows["fill"], "order_id") == sums_of(rows["order"], "order_id")
    whole = sums_of(rows["fill"], "account", "strategy", "instrument", "leg", "currency")
    for view in ("order", "linked", "book"):
        assert sums_of(rows[view], "account", "strategy", "instrument", "leg", "currency") == whole
    assert sums_of(rows["strategy"], "strategy", "currency") == sums_of(
        rows["fill"], "strategy", "currency"
    )
    totals = views["order"]["totals"]
    names = ("account", "strategy", "instrument", "currency")
    of_fills = sums_of(rows["fill"], *names)
    assert all(Fraction(row["slippage"]) == of_fills[tuple(row[name] for name in names)]
               for row in totals)  # fmt: skip
    assert len(totals) == len(of_fills)  # an adopted position without a fill is among them, as 0
    assert all(row["is_tied"] and row["ledger"] == row["slippage"] for row in totals)
    assert {row["instrument"] for row in totals if row["slippage"] != "0"} == set(NAMES.values())
    unmeasured = [
        each for each in desk.fills.values() if not each.order_id and each.quantity != "0"
    ]
    assert sum(row["fills_without_arrival"] for row in rows["book"]) == len(unmeasured)


SCALES = st.tuples(*[st.integers(0, 6)] * 3)


@given(st.sampled_from([1, 2, 3, 4]), SCALES, st.integers(1, 10**9), st.integers(1, 10**12),
       st.integers(1, 10**9) | st.integers(0, 40).map(lambda power: 2**power))  # fmt: skip
@example(3, (0, 0, 0), 1, 1, 2**19)  # 10^18 / 2^19 ends in a half behind an even digit
@example(3, (0, 0, 0), 1, 3, 2**19)  # and behind an odd one
def test_a_worth_is_the_exact_fraction_rounded_once(kind, scales, multiplier, quantity, price):
    price_scale, quantity_scale, multiplier_scale = scales
    rules = {"instrument_kind": kind, "price_scale": price_scale, "multiplier": multiplier,
             "quantity_scale": quantity_scale, "multiplier_scale": multiplier_scale}  # fmt: skip
    units = Fraction(quantity * multiplier, 10 ** (quantity_scale + multiplier_scale))
    at = Fraction(price, 10**price_scale)
    exact = (units / at if kind == 3 else units * at) / UNIT
    assert worth_e18(rules, price, quantity) == round(exact)
    assert kind == 3 or exact.denominator == 1


def test_a_cost_is_above_zero_whatever_the_side_and_the_instrument(world):
    for kind in NAMES:
        for side, price, sign in ((BUY, "102", 1), (SELL, "98", 1), (BUY, "99", -1),
                                  (SELL, "101", -1)):  # fmt: skip
            where = {"instrument": getattr(world, kind)}
            order_id = world.working(side, quantity="2", price="100", **where)
            world.fill(order_id, "2", price, side=side, **where)
            row = next(each for each in told(world, "order")["slippage"]
                       if each["order_id"] == str(order_id))  # fmt: skip
            assert (Decimal(row["slippage"]) > 0) == (sign > 0), (kind, side)
            assert row["currency"] == ("BTC" if kind == "inverse" else "USD")
            if kind != "inverse":
                assert abs(Decimal(row["bps"])) == (200 if sign > 0 else 100)
                assert (row["arrival_price"], row["arrival_value"]) == ("100", "200")


def test_orders_add_up_to_their_group_and_the_group_to_the_book(open_world):
    world = open_world(venue_types=WITH_STOPS)
    entry, limit, _ = bracket(world)
    perpetual = {"instrument": world.perpetual}
    world.fill(entry, "2", "100.5", **perpetual)
    world.mark("104", world.perpetual)
    world.fact("accepted", limit, f"V{limit}", False, 1, 1)
    world.fill(limit, "2", "105.25", side=SELL, **perpetual)
    alone = world.working(BUY, quantity="1", price="104", **perpetual)
    world.fill(alone, "1", "104.75", **perpetual)
    orders = {row["order_id"]: row for row in told(world, "order")["slippage"]}
    assert orders[str(entry)]["linked_to"] == orders[str(limit)]["linked_to"] == str(entry)
    assert orders[str(alone)]["linked_to"] is None
    assert (orders[str(entry)]["slippage"], orders[str(alone)]["slippage"]) == ("1", "0.75")
    exit_row = orders[str(limit)]
    price = Decimal(exit_row["arrival_price"])
    assert Decimal(exit_row["slippage"]) == 2 * (price - Decimal("105.25"))
    groups = {row["linked_to"]: row for row in told(world, "linked")["slippage"]}
    assert set(groups) == {str(entry), None}
    assert Decimal(groups[str(entry)]["slippage"]) == 1 + Decimal(exit_row["slippage"])
    (book,) = told(world, "book")["slippage"]
    assert Decimal(book["slippage"]) == sum(Decimal(row["slippage"]) for row in groups.values())
    (total,) = told(world, "book")["totals"]
    assert (total["ledger"], total["is_tied"]) == (book["slippage"], True)


def test_two_of_one_group_that_both_executed_are_one_row(open_world):
    world = open_world(venue_types=WITH_STOPS)
    first, second = link(world, OCO, (BUY, LIMIT, "99", ""), (BUY, LIMIT, "98", ""))
    for order_id, price in ((first, "99"), (second, "98")):
        world.fact("accepted", order_id, f"V{order_id}", False, 1, 1)
        world.fill(order_id, "1", price, instrument=world.perpetual)
    (group,) = told(world, "linked")["slippage"]
    assert (group["linked_to"], group["slippage"], group["fills"]) == (str(first), "-3", 2)


def test_a_bust_takes_its_slippage_back_and_a_correction_replaces_it(world):
    order_id = world.working(BUY, quantity="3", price="101")
    for trade, price in (("a", "100.5"), ("b", "102")):
        world.fill(order_id, "1", price, trade=trade)
    assert told(world, "order")["slippage"][0]["slippage"] == "2.5"
    world.revise(order_id, "b", 1, "1", "101")
    assert told(world, "order")["slippage"][0]["slippage"] == "1.5"
    world.revise(order_id, "a", 2)
    (row,) = told(world, "order")["slippage"]
    assert (row["slippage"], row["fills"], row["bps"]) == ("1", 1, "100")
    busted = next(each for each in told(world, "fill")["slippage"] if each["quantity"] == "0")
    assert (busted["slippage"], busted["fills"], busted["bps"]) == ("0", 0, None)


def test_every_view_is_a_table_json_or_csv_as_of_a_moment(world):
    order_id = world.working(BUY, quantity="2", price="101")
    world.fill(order_id, "1", "101")
    then = str(world.engine.sequence)
    world.fill(order_id, "1", "100")
    for view in VIEWS:
        rows = told(world, view)["slippage"]
        lines = list(csv.DictReader(io.StringIO(call(world, "--csv", "--by", view).stdout)))
        assert [{key: "" if row[key] is None else str(row[key]) for key in line}
                for line, row in zip(lines, rows, strict=True)] == lines  # fmt: skip
        assert "arrival value" in call(world, "--by", view).stdout
    (before,) = told(world, "order", "--as-of", then)["slippage"]
    assert (before["fills"], before["bps"]) == (1, "100")
    assert told(world, "order")["slippage"][0]["bps"] == "50"


def test_a_sum_that_is_not_the_ledger_s_is_not_tied(world):
    order_id = world.working(BUY, quantity="2", price="101")
    world.fill(order_id, "1", "101")
    found = SlippageBooks().read(reader.decoded(world.journal, ring_directory=world.ring))
    position = {"account": "main", "strategy": "alpha", "instrument": "BTC-USD", "currency": "USD"}
    for ledger, is_tied in (("1", True), ("1." + "0" * 17 + "1", False), ("-1", False)):
        (total,) = found.totals([{**position, "slippage": ledger}])
        assert total["is_tied"] is is_tied
    assert [row["is_tied"] for row in found.totals([])] == [False]


def test_a_record_that_is_not_in_the_books_fails_the_command(world):
    half = str(6 * 10**19)  # an account of the books ends at 8.5 x 10^19
    for name in ("B1", "B2"):
        world.fact("balance", world.account, world.usd, half, 2, name)
    failed = call(world)
    assert failed.exit_code == 1 and "not in the books" in failed.stderr
