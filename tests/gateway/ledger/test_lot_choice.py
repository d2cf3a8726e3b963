"""Lots that are chosen for their tax: what is earned stays, when it is realised changes."""

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from engine_world import BUY, SELL

from gateway.__main__ import root
from gateway.ledger import open_books, unmet
from gateway.ledger.lot_choice import Rates, lots_of_least_tax, tax_by_currency

DAY_NS = 86_400_000_000_000
RATES = Rates(Fraction("0.4"), Fraction("0.1"), 365)
EQUAL = Rates(Fraction("0.3"), Fraction("0.3"), 365)


def fills(world, *told):
    """(day, side, quantity, price) each, on its day: a time to come would be none."""
    for number, (day, side, quantity, price) in enumerate(told, start=1):
        world.engine.set_time(max(world.engine.now_ns(), 1 + day * DAY_NS))
        world.fill(0, quantity, price, side=side, number=number, time_ns=1 + day * DAY_NS,
                   venue_order="x")  # fmt: skip


def books_of(world, chosen=()):
    return open_books(Path(world.journal), world.ring, designations=chosen)


def chosen_and_books(world, rates):
    books = books_of(world)
    chosen = lots_of_least_tax(books.disposals("fifo")[0], books.lots("fifo"), rates)
    return chosen, books_of(world, chosen)


def bases(books):
    return [(row["quantity"], row["basis"]) for row in books.disposals("specific")[0]]


def test_a_gain_of_a_year_goes_before_a_smaller_one_of_a_day(world):
    fills(world, (0, BUY, "1", "100"), (400, BUY, "1", "130"), (401, SELL, "1", "150"))
    # 50 at a tenth is 5, 20 at four tenths is 8; the highest cost would be the wrong one.
    chosen, books = chosen_and_books(world, RATES)
    assert bases(books) == [("1", "100")]
    assert tax_by_currency(books.disposals("specific")[0], RATES) == {"USD": "5"}
    assert tax_by_currency(books.disposals("hifo")[0], RATES) == {"USD": "8"}
    assert len(chosen) == 1


def test_a_loss_goes_where_it_saves_most(world):
    fills(world, (0, BUY, "1", "120"), (400, BUY, "1", "110"), (401, SELL, "1.5", "100"))
    # 20 held long saves 2, 10 held short saves 4.
    _, books = chosen_and_books(world, RATES)
    assert sorted(bases(books)) == [("0.5", "60"), ("1", "110")]


def test_shorts_are_bought_back_where_least_was_gained(world):
    fills(world, (0, SELL, "2", "100"), (1, SELL, "2", "90"), (2, BUY, "3", "80"))
    _, books = chosen_and_books(world, RATES)
    assert [row["proceeds"] for row in books.disposals("specific")[0]] == ["180", "100"]


def test_the_last_day_that_is_not_long_is_short(world):
    fills(world, (0, BUY, "1", "100"), (365, SELL, "0.5", "200"), (366, SELL, "0.5", "200"))
    rows = books_of(world).disposals("fifo")[0]
    assert [tax_by_currency([row], RATES) for row in rows] == [{"USD": "20"}, {"USD": "5"}]


def random_fills(seed):
    rng = Random(seed)
    return [
        (
            number * 40,
            rng.choice((BUY, SELL)),
            f"{rng.randint(1, 30)}.{rng.randint(0, 9)}",
            f"{rng.randint(90, 110)}.5",
        )
        for number in range(60)
    ]


def earned(books, method):
    return [Decimal(row["realised"]) - Decimal(row["cost"]) for row in books.positions(method)]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_earned_stays_and_equal_rates_are_the_highest_cost_first(world, seed):
    fills(world, *random_fills(seed))
    for rates in (RATES, EQUAL):
        chosen, books = chosen_and_books(world, rates)
        assert not unmet(books) and not books.unbooked_count
        closed = sum(Decimal(row["quantity"]) for row in books.disposals("fifo")[0])
        assert sum(Decimal(each.quantity) for each in chosen) == closed
        assert earned(books, "fifo") == earned(books, "hifo") == earned(books, "specific")
    highest, ours = (
        sum(Decimal(row["realised"]) for row in books.disposals(method)[0])
        for method in ("hifo", "specific")
    )
    assert highest == ours


def slowly_chosen(disposals, lots, rates):
    """The same by looking at every lot for every close."""
    opened, closes = {}, {}
    for row in [*disposals, *lots]:
        quantity = abs(Fraction(row["quantity"]))
        is_close = "closed_by" in row
        is_short = row["side"] == "short" if is_close else Decimal(row["quantity"]) < 0
        names = ("basis", "proceeds") if is_close else ("cost", "cost")
        bought, sold = (abs(Fraction(row[name])) for name in names)
        lot = opened.setdefault(
            int(row["lot"]), [row["opened_ns"], Fraction(0), Fraction(0), is_short]
        )
        lot[1] += quantity
        lot[2] += sold if is_short else bought
        if is_close:
            key = (row["closed_ns"], int(row["closed_by"]))
            close = closes.setdefault(key, [Fraction(0), Fraction(0), is_short])
            close[0] += quantity
            close[1] += bought if is_short else sold
    left = {number: lot[1] for number, lot in opened.items()}
    for (closed_ns, number), (closed, worth, is_short) in sorted(closes.items()):
        quantity = closed

        def tax(lot, at=closed_ns, unit=worth / closed):
            opened_ns, whole, cost, is_sold = opened[lot]
            gain = unit - cost / whole
            rate = rates.of((at - opened_ns) // DAY_NS)
            return (-gain if is_sold else gain) * rate, opened_ns, lot

        there = [lot for lot, (opened_ns, *_, side) in opened.items()
                 if lot < number and opened_ns <= closed_ns and side == is_short]  # fmt: skip
        for lot in sorted(there, key=tax):
            taken = min(quantity, left[lot])
            if taken:
                quantity = quantity - taken
                left[lot] -= taken
                yield (number, lot, taken)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rates", [RATES, EQUAL, Rates(Fraction(0), Fraction("0.2"), 100)])
def test_the_choice_is_that_of_looking_at_every_lot(world, seed, rates):
    fills(world, *random_fills(seed + 10))
    books = books_of(world)
    rows = books.disposals("fifo")[0], books.lots("fifo")
    chosen = [(each.closed_by, each.lot, Fraction(each.quantity))
              for each in lots_of_least_tax(*rows, rates)]  # fmt: skip
    assert sorted(chosen) == sorted(slowly_chosen(*rows, rates))


def test_many_lots_are_chosen_from_in_a_moment():
    number = 20_000
    book = dict.fromkeys(("account", "strategy", "instrument", "leg", "margin_mode"), "x")
    common = {**book, "side": "long", "currency": "USD", "quantity": "1"}
    rows = [{**common, "lot": str(each), "opened_ns": each, "closed_by": str(number + each),
             "closed_ns": number + each, "basis": str(each * 7919 % 1009), "proceeds": "500"}
            for each in range(1, number + 1)]  # fmt: skip
    chosen = lots_of_least_tax(rows, [], RATES)
    assert len(chosen) == number and len({each.lot for each in chosen}) == number
    assert int(chosen[0].lot) * 7919 % 1009 == 1008


def call(world, *words):
    command = ["ledger", "choose-lots", world.journal, "--ring-directory", world.ring, *words]
    return CliRunner().invoke(root, command)


def test_the_command_writes_lots_that_the_disposals_take(world, tmp_path):
    fills(world, (0, BUY, "1", "100"), (400, BUY, "1", "130"), (401, SELL, "1", "150"))
    path = tmp_path / "lots.json"
    rates = ("--short-rate", "0.4", "--long-rate", "0.1")
    result = call(world, *rates, "--out", str(path), "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert {row["method"]: row["tax"] for row in told["taxes"]} == {
        "fifo": "5", "lifo": "8", "hifo": "8", "specific": "5",
    }  # fmt: skip
    assert json.loads(path.read_text()) == told["designations"]
    words = ["ledger", "disposals", world.journal, "--ring-directory", world.ring, "--json",
             "--method", "specific", "--designations", str(path)]  # fmt: skip
    rows = json.loads(CliRunner().invoke(root, words).stdout)["disposals"]
    assert [row["basis"] for row in rows] == ["100"]
    assert "specific" in call(world, *rates).stdout
    again = call(world, *rates, "--out", str(path))
    assert again.exit_code == 1 and "cannot be made" in again.output


@pytest.mark.parametrize("rate", ["1.1", "-0.1", "1e-1", "a", ""])
def test_a_rate_is_a_part_of_one(world, rate):
    result = call(world, "--short-rate", rate, "--long-rate", "0.1")
    assert result.exit_code == 2 and "from 0 to 1" in result.output
