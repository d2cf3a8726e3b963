"""Funding and borrowing: estimates, payments and their parts, against exact fractions and examples
of venues."""

import json
import random
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.__main__ import root
from gateway._core.market import MarketWriter
from gateway.journal import reader
from gateway.ledger.borrow import (
    BINANCE_MARGIN,
    HOUR_NS,
    BorrowTerms,
    accrual,
    charges,
    settled,
)
from gateway.ledger.funding import (
    Contract,
    FundingAudit,
    NextPayment,
    Quoted,
    estimate,
    fair_shares,
    forecast_rows,
    implied_mark,
    payment,
    shares,
)
from gateway.market import market_path

LINEAR, INVERSE = Contract(Decimal("0.01")), Contract(Decimal(100), is_inverse=True)
UNIT = Fraction(1, 10**18)


def test_a_long_pays_a_rate_above_zero_and_a_short_receives_it():
    assert payment(Decimal(300), Decimal(50_000), Decimal("0.0001"), LINEAR) == Decimal(-15)
    assert payment(Decimal(-300), Decimal(50_000), Decimal("0.0001"), LINEAR) == Decimal(15)
    assert payment(Decimal(300), Decimal(50_000), Decimal("-0.0001"), LINEAR) == Decimal(15)
    # 10 contracts of 100 USD at 50,000 are 0.02 coins.
    assert payment(Decimal(10), Decimal(50_000), Decimal("0.0001"), INVERSE) == Decimal("-0.000002")


@pytest.mark.parametrize("hours", [1, 4, 8])
def test_an_estimate_counts_down_and_accrues_whatever_the_interval(hours):
    due = NextPayment(0, hours * HOUR_NS, Decimal("0.0001"))
    quantity, mark = Decimal(300), Decimal(50_000)
    quarter = estimate(quantity, mark, due, LINEAR, hours * HOUR_NS // 4)
    assert (quarter.due, quarter.accrued) == (Decimal(-15), Decimal("-3.75"))
    assert quarter.in_ns == hours * HOUR_NS * 3 // 4
    after = estimate(quantity, mark, due, LINEAR, hours * HOUR_NS + 5)
    assert (after.in_ns, after.accrued) == (0, after.due)
    assert estimate(quantity, mark, due, LINEAR, -5).accrued == 0
    with pytest.raises(ValueError, match="not after"):
        estimate(quantity, mark, NextPayment(5, 5, Decimal(0)), LINEAR, 0)


def test_a_forecast_counts_down_with_money_and_names_what_nobody_quotes(world):
    world.fill(0, "2", "100", instrument=world.perpetual, venue_order="x")
    world.fill(0, "100", "100", instrument=world.inverse, venue_order="x", number=8)
    world.fill(0, "1", "100", venue_order="x", number=9)  # spot pays no funding
    now_ns = 10 * HOUR_NS
    rows = forecast_rows(
        world.engine.positions(),
        {row["name"]: row for row in world.engine.registry("instrument")},
        {"BTC-PERP": Quoted(Decimal(150), Decimal("0.0002"), now_ns + 2 * HOUR_NS)},
        {"BTC-PERP": now_ns - 6 * HOUR_NS},
        now_ns,
    )
    inverse, linear = sorted(rows, key=lambda row: row["instrument"])
    assert (linear["amount"], linear["accrued"], linear["in_seconds"]) == ("-0.06", "-0.045", 7200)
    assert linear["missing"] == [] and linear["strategy"] == "EXTERNAL"
    assert inverse["amount"] is None and inverse["missing"] == ["mark", "rate", "next_ns"]
    words = ["ledger", "carry", world.journal, "--ring-directory", world.ring]
    found = json.loads(CliRunner().invoke(root, [*words, "--json"]).stdout)
    assert [row["missing"] for row in found["positions"]] == [["mark", "rate", "next_ns"]] * 2
    assert CliRunner().invoke(root, words).exit_code == 0


def test_the_implied_mark_is_the_inverse_of_the_payment():
    chance = random.Random(2)
    for contract in (LINEAR, INVERSE):
        for _ in range(50):
            quantity = Decimal(chance.randrange(1, 10**6)) * chance.choice((-1, 1))
            mark, rate = Decimal(chance.randrange(100, 10**6)), Decimal("0.000137")
            paid = payment(quantity, mark, rate, contract)
            assert abs(implied_mark(paid, quantity, rate, contract) - mark) <= mark / 10**6
    assert implied_mark(Decimal(1), Decimal(0), Decimal(1), LINEAR) is None


def test_parts_of_random_payments_are_the_payment_and_as_near_as_digits_let_them():
    chance = random.Random(9)
    for _ in range(300):
        amount = Decimal(chance.randrange(-(10**24), 10**24)).scaleb(-18)
        weights = {f"s{number}": chance.randrange(-(10**30), 10**30) for number in range(5)}
        parts = shares(amount, weights)
        assert sum(map(Fraction, parts.values())) == Fraction(amount)
        total = sum(weights.values())
        for name, weight in weights.items():
            assert abs(Fraction(parts[name]) - Fraction(amount) * weight / total) <= UNIT / 2
    assert shares(Decimal(3), {"a": 5, "b": -5}) == {"EXTERNAL": Decimal(3)}
    assert shares(Decimal(3), {}) == {"EXTERNAL": Decimal(3)}


def test_holdings_against_each_other_make_no_part_many_times_the_payment():
    hour = HOUR_NS
    areas, sizes = {"A": 8 * hour, "B": -2 * (4 * hour - 10**9)}, {"A": 1, "B": -2}
    parts, basis = fair_shares(Decimal(10), areas, sizes)
    assert (parts, basis) == ({"A": Decimal(-10), "B": Decimal(20)}, "size")
    assert fair_shares(Decimal(10), areas, {"A": 2, "B": -2}) == ({"EXTERNAL": Decimal(10)}, "none")
    assert fair_shares(Decimal(10), {"A": 3, "B": 1}, sizes)[1] == "time"


def funding_records(*payments):
    yield {"kind": "account_defined", "id": 1, "name": "A"}
    yield {"kind": "currency_defined", "id": 1, "currency": 1, "code": "USDT"}
    yield {"kind": "instrument_defined", "id": 1, "symbol": "P", "price_scale": 2,
           "quantity_scale": 3, "multiplier": 1, "multiplier_scale": 0, "instrument_kind": 2,
           "settle": 1}  # fmt: skip
    yield {"kind": "order_filled", "time_ns": 1, "account": 1, "instrument": 1, "leg": 0,
           "order_id": 0, "strategy": 0, "position_quantity": 1, "price": 1,
           "price_scale": 8}  # fmt: skip
    for payment_ in payments:
        yield {"kind": "funding", "sequence": 5, "venue_time_ns": 0, "account": 1, "currency": 1,
               "instrument": 1, "leg": 0, **payment_}  # fmt: skip


def test_a_price_that_is_far_away_is_named_however_far():
    told = {"time_ns": 2, "amount": "-10000000", "rate_e18": 1}
    (row,) = FundingAudit().run(funding_records(told))
    assert row["faults"][0].startswith("PRICE_AWAY 999")


def test_payments_without_a_venue_time_are_not_paid_twice():
    first = {"time_ns": 2, "amount": "-1", "rate_e18": 10**14}
    rows = FundingAudit().run(funding_records(first, {**first, "time_ns": 8 * HOUR_NS}))
    assert all("PAID_TWICE" not in row["faults"] for row in rows)


def test_the_command_reads_what_a_venue_quotes_beside_the_ring(world):
    world.fill(0, "2", "100", instrument=world.perpetual, venue_order="x")
    writer = MarketWriter(str(market_path(Path(world.ring), "sim")), "sim", ["BTC-PERP"], 1, 5)
    writer.beat(time.monotonic_ns())
    next_ns = time.time_ns() + 2 * HOUR_NS
    writer.mark(0, "150", 5)
    writer.funding(0, "0.0002", next_ns, 5)
    words = ["ledger", "carry", world.journal, "--ring-directory", world.ring, "--json"]
    (row,) = json.loads(CliRunner().invoke(root, words).stdout)["positions"]
    assert (row["amount"], row["missing"], row["next_ns"]) == ("-0.06", [], next_ns)


def test_a_payment_is_split_by_holding_time_and_size_and_compared(world):
    def fund(amount, rate, reference, time_ns):
        world.fact("funding", world.account, world.perpetual, 0, world.usd, amount, rate,
                   reference, time_ns)  # fmt: skip

    def hold(strategy, quantity, side=1):
        order = world.working(side, quantity, "100", instrument=world.perpetual, strategy=strategy)
        world.fill(order, quantity, "100", side=side, instrument=world.perpetual,
                   number=0, time_ns=0)  # fmt: skip

    def found():
        return list(FundingAudit().run(reader.decoded(world.journal, ring_directory=world.ring)))

    fund("0.5", "0.0001", "F0", 1)
    hold(world.strategy, "2")
    world.pass_time(3 * HOUR_NS)
    world.mark("100")
    hold(world.other_strategy, "6")
    world.pass_time(HOUR_NS)
    fund("-0.08", "0.0001", "F1", 2)  # alpha: 2 x 4 h, beta: 6 x 1 h
    first, second = found()
    assert first["faults"] == ["NO_POSITION"] and first["parts"] == {"EXTERNAL": "0.5"}
    assert second["faults"] == [] and second["implied_mark"] == "100"
    assert sum(map(Decimal, second["parts"].values())) == Decimal("-0.08")
    alpha = Decimal(second["parts"]["alpha"])
    assert abs(alpha - Decimal("-0.08") * 8 / 14) < Decimal("1e-8")
    assert second["by_size"] == {"alpha": "-0.02", "beta": "-0.06"}
    fund("0.08", "0.0001", "F2", 3)
    fund("-0.09", "0.0001", "F3", 4)
    fund("-0.08", "0.0001", "F4", 4)
    faults = [row["faults"] for row in found()[2:]]
    assert faults == [["WRONG_SIGN"], ["PRICE_AWAY 1250 bps"], ["PAID_TWICE"]]
    booked = {row["strategy"]: row["funding"] for row in world_ledger(world)}
    assert Decimal(booked["alpha"]) + Decimal(booked["beta"]) + Decimal(
        booked.get("EXTERNAL", "0")
    ) == sum(Decimal(row["amount"]) for row in found()[1:])


def world_ledger(world):
    from gateway._core.ledger import Ledger

    books = Ledger(world.journal, world.ring)
    books.follow(10**6)
    return books.positions()


def test_binance_charges_an_hour_at_once_and_one_at_each_full_hour():
    """1,000 USDT at 0.001 % an hour, borrowed at 13:55: at 14:30 it is 0.02 USDT (Binance, 18
    October 2024); and 0.02 % a day from 13:20 to 14:15 is 0.01666667 USDT."""
    yearly = Decimal("0.00001") * 24 * 365
    at = 13 * HOUR_NS + 55 * HOUR_NS // 60
    found = charges(
        [(at, Decimal(1000))], [(0, yearly)], BINANCE_MARGIN, 14 * HOUR_NS + HOUR_NS // 2
    )
    assert [each.time_ns for each in found] == [at, 14 * HOUR_NS]
    assert settled(found, BINANCE_MARGIN) == Decimal("0.02")
    at = 13 * HOUR_NS + HOUR_NS // 3
    steps = [(at, Decimal(1000)), (14 * HOUR_NS + HOUR_NS // 4, Decimal(0))]
    found = charges(steps, [(0, Decimal("0.0002") * 365)], BINANCE_MARGIN, 20 * HOUR_NS)
    assert settled(found, BINANCE_MARGIN) == Decimal("0.01666667")


def test_what_is_borrowed_on_the_hour_is_charged_once_for_it():
    steps = [(10 * HOUR_NS, Decimal(100)), (12 * HOUR_NS, Decimal(200))]
    found = charges(steps, [(0, Decimal("0.876"))], BINANCE_MARGIN, 13 * HOUR_NS)
    told = [(each.time_ns // HOUR_NS, each.principal) for each in found]
    assert sorted(told) == [(10, 100), (11, 100), (12, 100), (12, 100), (13, 200)]


def test_interest_on_interest_is_the_power_it_should_be():
    terms = BorrowTerms(period_ns=24 * HOUR_NS, is_compound=True, day_count="actual/360")
    rate = Decimal("0.36")
    found = charges([(0, Decimal(100))], [(0, rate)], terms, 240 * HOUR_NS)
    total = sum(each.interest for each in found)
    assert total == 100 * (Fraction(1001, 1000) ** 10 - 1)
    assert settled(found, terms) == Decimal("1.00451202")
    simple = terms._replace(is_compound=False)
    assert sum(
        each.interest for each in charges([(0, Decimal(100))], [(0, rate)], simple, 240 * HOUR_NS)
    ) == accrual(Decimal(100), rate, 240 * HOUR_NS, simple)


def test_rates_that_change_and_loans_that_grow_are_charged_as_of_their_time():
    terms = BorrowTerms()
    found = charges(
        [(0, Decimal(100)), (90 * HOUR_NS // 60, Decimal(300)), (4 * HOUR_NS, Decimal(0))],
        [(0, Decimal("0.0876")), (150 * HOUR_NS // 60, Decimal("0.876"))],
        terms,
        9 * HOUR_NS,
    )
    assert [(each.time_ns // HOUR_NS, each.interest) for each in found] == [
        (1, Fraction(1, 1000)), (2, Fraction(3, 1000)), (3, Fraction(3, 100)),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="later time"):
        charges([(5, Decimal(1)), (5, Decimal(2))], [(0, Decimal(1))], terms, 9)
