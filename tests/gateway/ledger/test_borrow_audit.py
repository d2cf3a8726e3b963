"""Settled interest beside its estimate: hourly and daily, simple and compound, and its parts."""

import json
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from click.testing import CliRunner
from engine_world import BUY, SECOND_NS, SELL

from gateway.__main__ import root
from gateway.journal import reader
from gateway.ledger.borrow import HOUR_NS
from gateway.ledger.borrow_audit import InterestAudit, schedules_of

YEARLY = "0.876"  # 0.0001 an hour


def schedule(**fields):
    terms = {"rates": {"1970-01-01T00:00:00Z": YEARLY}, **fields}
    return schedules_of(json.dumps({"USD": terms}).encode())


def audited(world, schedules=None, *, records=None):
    if records is None:
        records = reader.decoded(world.journal, ring_directory=world.ring)
    return InterestAudit(schedule() if schedules is None else schedules).run(records)


def borrow(world, quantity="10", strategy=None):
    """Bought at 100 with nothing on the account; the fill at the beginning of an hour."""
    order = world.working(BUY, quantity, strategy=strategy or world.strategy)
    world.fill(order, quantity)


def to_the_hour(world, hours=1, seconds=1):
    """So many full hours later, and a little."""
    now = world.engine.now_ns()
    world.pass_time((now // HOUR_NS + hours) * HOUR_NS + seconds * SECOND_NS - now)
    world.mark("100")


def pay(world, amount, reference, currency=None):
    world.fact("balance", world.account, currency or world.usd, amount, 1, reference)


def test_each_settlement_is_the_charges_since_the_one_before(world):
    to_the_hour(world)
    borrow(world)
    to_the_hour(world)
    pay(world, "-0.1", "h1")
    to_the_hour(world, 3)
    pay(world, "-0.3", "h2-4")
    found = audited(world)
    told = [(row["amount"], row["expected"], row["difference"], row["faults"])
            for row in found["payments"]]  # fmt: skip
    assert told == [("-0.1", "0.1", "0", []), ("-0.3", "0.3", "0", [])]
    (left,) = found["outstanding"]
    assert (left["principal"], left["charged"], left["faults"]) == ("1000", "0", [])


@pytest.mark.parametrize(
    ("amount", "faults"),
    [
        ("-0.1", []),
        ("-0.10000001", []),  # a unit is rounding
        ("-0.1009", []),
        ("-0.102", ["AMOUNT_AWAY 200 bps"]),
        ("-0.05", ["AMOUNT_AWAY 5000 bps"]),
        ("0.1", ["RECEIVED"]),
    ],
)
def test_a_difference_is_named(world, amount, faults):
    to_the_hour(world)
    borrow(world)
    to_the_hour(world)
    pay(world, amount, "h1")
    (row,) = audited(world)["payments"]
    assert row["faults"] == faults


def test_interest_on_nothing_and_in_a_currency_without_a_rate_is_named(world):
    to_the_hour(world, 2)
    pay(world, "-0.1", "a")
    pay(world, "-0.1", "b", world.btc)
    assert [row["faults"] for row in audited(world)["payments"]] == [["NOTHING_DUE"], ["NO_RATE"]]
    assert [row["faults"] for row in audited(world, {})["payments"]] == [["NO_RATE"]] * 2


def test_what_nobody_settles_is_late_after_two_periods(world):
    to_the_hour(world)
    borrow(world)
    to_the_hour(world, 2)
    assert audited(world)["outstanding"][0]["faults"] == []
    to_the_hour(world, 1)
    (row,) = audited(world)["outstanding"]
    assert (row["charged"], row["faults"]) == ("0.3", ["NOT_PAID"])
    assert Decimal(row["accrued"]) == Decimal("0.00002778"), "a second of the next hour"


def test_a_loan_that_is_repaid_accrues_no_more(world):
    to_the_hour(world)
    borrow(world)
    to_the_hour(world)
    pay(world, "-0.1", "h1")
    world.fact("balance", world.account, world.usd, "1000", 2, "deposit")
    to_the_hour(world, 5)
    assert audited(world)["outstanding"] == []


@pytest.mark.parametrize("period", ["hour", "8 hours", "day"])
@pytest.mark.parametrize("is_compound", [True, False])
def test_the_schedule_of_the_venue_is_followed_to_the_last_unit(world, period, is_compound):
    hours = {"hour": 1, "8 hours": 8, "day": 24}[period]
    terms = schedule(period=period, is_compound=is_compound, day_count="actual/360")
    now = world.engine.now_ns()
    world.pass_time((now // (24 * HOUR_NS) + 1) * 24 * HOUR_NS - now)
    world.mark("100")
    borrow(world)
    rate = Fraction(YEARLY) * hours / (360 * 24)
    for count in range(1, 5):
        to_the_hour(world, hours)
        grown = (1 + rate) ** (count - 1) if is_compound else 1
        exact = 1000 * rate * grown
        paid = Decimal(round(exact * 10**8)).scaleb(-8)
        pay(world, f"-{paid:f}", f"p{count}")
    for row in audited(world, terms)["payments"]:
        assert row["faults"] == [], row
        assert abs(Decimal(row["difference"])) <= Decimal("0.00000001")


def test_the_parts_of_random_loans_are_the_settlement_and_by_holding_time(world):
    chance = Random(3)
    to_the_hour(world)
    borrow(world, "10")
    to_the_hour(world, 0, 1801)
    borrow(world, "10", world.other_strategy)
    to_the_hour(world, 1, 0)
    pay(world, "-0.3", "h1")
    for number in range(30):
        strategy = chance.choice((world.strategy, world.other_strategy))
        side = chance.choice((BUY, SELL))
        quantity = f"{chance.randrange(1, 3000) / 1000}"
        world.fill(world.working(side, quantity, strategy=strategy), quantity, side=side)
        world.pass_time(chance.randrange(1, 4000) * SECOND_NS)
        world.mark("100")
        pay(world, f"-{chance.randrange(1, 10**9)}e-8".replace("e-8", ""), f"r{number}")
    rows = audited(world)["payments"]
    for row in rows:
        assert sum(map(Decimal, row["parts"].values())) == Decimal(row["amount"]), row
    first = {name: float(part) for name, part in rows[0]["parts"].items()}
    assert rows[0]["parts_by"] == "time"
    assert first["alpha"] == pytest.approx(-0.2, abs=0.001), "an hour against half of one"
    assert first["beta"] == pytest.approx(-0.1, abs=0.001)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[]", "object"),
        (b'{"USD": {}}', "rates"),
        (b'{"USD": {"rates": {}, "tempo": 1}}', "tempo"),
        (b'{"USD": {"rates": {"2026-01-01": "0.1"}}}', "time zone"),
        (b'{"USD": {"rates": {"2026-01-01T00:00Z": "x"}}}', "no number"),
        (b'{"USD": {"rates": {}, "period": "week"}}', "week"),
        (b'{"USD": {"rates": {}, "unit": "0"}}', "unit"),
        (b'{"USD": {"rates": {}, "day_count": "30/360"}}', "30/360"),
    ],
)
def test_a_schedule_that_is_none_is_named(text, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        schedules_of(text)
    path = tmp_path / "rates.json"
    path.write_bytes(text)
    ended = CliRunner().invoke(root, ["ledger", "interest", str(tmp_path), "--schedule", str(path)])
    assert ended.exit_code == 2 and words in ended.output.replace("\n", " ")


def test_the_command_tells_payments_and_what_is_left(world, tmp_path):
    to_the_hour(world)
    borrow(world)
    to_the_hour(world)
    pay(world, "-0.2", "h1")
    path = tmp_path / "rates.json"
    path.write_text(json.dumps({"USD": {"rates": {"2000-01-01T00:00:00+00:00": YEARLY}}}))
    words = ["ledger", "interest", world.journal, "--ring-directory", world.ring]
    ended = CliRunner().invoke(root, [*words, "--schedule", str(path), "--json"])
    assert ended.exit_code == 0, ended.output
    (row,) = json.loads(ended.output)["payments"]
    assert (row["expected"], row["difference"]) == ("0.1", "0.1")
    assert row["faults"] == ["AMOUNT_AWAY 10000 bps"]
    assert "AMOUNT_AWAY" in CliRunner().invoke(root, [*words, "--schedule", str(path)]).output
