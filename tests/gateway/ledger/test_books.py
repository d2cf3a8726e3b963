"""Books of journals that a real engine wrote: they tie to its positions and balances, whatever came
late, was busted or corrected, and add up to zero in every currency behind every record."""

import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from engine_world import BUY, LONG, NET, SELL, SHORT

from gateway._core.ledger import Ledger
from gateway.ledger import METHODS, RULES, Bounds, Designation, open_books, realised_totals

INTEREST, TRANSFER = 1, 4


def books_of(world, **options):
    return open_books(Path(world.journal), world.ring, **options)


def engine_positions(world):
    return {
        (row["account"], row["strategy"], row["instrument"], row["leg"]): row
        for row in world.engine.positions()
    }


def assert_ties(world, books):
    """Quantity, cost, profit and fees of every book, and every balance."""
    assert books.unbooked_count == 0, books.unbooked()
    assert books.is_balanced()
    for method in METHODS:
        assert {row["total"] for row in books.trial_balance(method)} <= {"0"}, method
    ours = {
        (row["account"], row["strategy"], row["instrument"], row["leg"]): row
        for row in books.positions()
    }
    for key, theirs in engine_positions(world).items():
        if theirs["state"] == "FLAT" and key not in ours:
            continue
        for name in ("quantity", "cost", "realised", "fees"):
            assert ours[key][name] == theirs[name], (key, name)
    cash = defaultdict(Decimal)
    for row in books.accounts():
        if row["purpose"] == "cash":
            cash[row["account"], row["currency"]] += Decimal(row["balance"])
    for row in world.engine.balances():
        assert cash.pop((row["account"], row["currency"]), 0) == Decimal(row["total"]), row
    assert not any(cash.values())


def random_fill(world, rng, number):
    account = rng.choice((world.account, world.hedge))
    instrument = rng.choice(world.instruments)
    leg = NET
    if account == world.hedge and instrument != world.spot:
        leg = rng.choice((LONG, SHORT))
    side = rng.choice((BUY, SELL))
    quantity = (
        str(rng.randint(1, 9)) if instrument == world.inverse else f"0.{rng.randint(1, 999):03}"
    )
    price = f"{rng.randint(95, 105)}.{rng.randint(0, 99):02}"
    strategy = rng.choice((0, world.strategy, world.other_strategy))
    if strategy and leg != NET:  # an order that closes may not close more than there is
        side = BUY if leg == LONG else SELL
    fields = {"instrument": instrument, "account": account, "leg": leg}
    order_id = 0
    if strategy:
        order = dict(fields, strategy=strategy, quantity=quantity, price=price)
        order_id = world.working(side, **order)
    fee_currency = rng.choice((world.usd, world.btc, world.bnb))
    fee = str(Decimal(rng.randint(-9, 30)) / 1000)  # within what the least fill may cost
    # One in eight is told late: the venue's own number is older than the newest one.
    late = number - rng.randint(5, 40) if rng.random() < 0.12 else number
    told = {"side": side, "trade": f"T{number}", "venue_order": "x"}
    world.fill(order_id, quantity, price, fee=fee, fee_currency=fee_currency,
               number=max(late * 10 + 1, 1), time_ns=number, **fields, **told)  # fmt: skip
    return order_id, side, quantity, fields, told


def random_event(world, rng, number, told):
    """Something other than a new fill, or a new fill."""
    wish = rng.random()
    if wish < 0.05:
        where = (world.account, world.perpetual, NET, world.usd)
        world.fact("funding", *where, f"{rng.randint(-99, 99)}.07", "0.0001", f"F{number}", number)
    elif wish < 0.1:
        reason = rng.choice((0, INTEREST, TRANSFER, 6))
        amount = f"{rng.randint(-50, 50)}.000000000000000003"
        world.fact("balance", world.account, world.usd, amount, reason, f"B{number}")
    elif wish < 0.2 and told:
        order_id, side, quantity, fields, names = rng.choice(told)
        if fields["account"] == world.account and fields["leg"] == NET:
            changed = "0" if rng.random() < 0.5 else quantity
            world.revise(order_id, names["trade"], number, changed, "99.5", side=side,
                         instrument=fields["instrument"], fee="1", fee_currency=world.usd,
                         venue_order="x")  # fmt: skip
    else:
        told.append(random_fill(world, rng, number))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_random_life_ties_to_the_engine_at_every_stage(open_world, seed):
    world, rng, told = open_world(), Random(seed), []
    assert world.engine.adopt_position(world.account, world.perpetual, world.strategy, NET, "0",
                                       "-1.5", "99", "older", "ops") > 0  # fmt: skip
    follower = Ledger(world.journal, world.ring)
    for number in range(1, 301):
        random_event(world, rng, number, told)
        if number % 20 == 0:
            follower.follow(1 << 20)
            assert_ties(world, follower)
    assert world.counter("fills_late") > 3
    world.engine.stop()
    again = open_world()
    books = books_of(again)
    assert_ties(again, books)
    follower.follow(1 << 20)
    assert follower.accounts() == books.accounts()
    for method in METHODS:
        rows, waiting = books.disposals(method)
        assert not waiting
        totals = realised_totals(rows, books.accounts(method))
        assert totals and all(total["is_tied"] for total in totals), method


@pytest.mark.parametrize("instrument", ["spot", "perpetual", "inverse", "quanto"])
def test_all_methods_stand_as_if_history_had_been_right(open_world, instrument):
    wrong, right = open_world("wrong"), open_world("right")
    # number, side, quantity, price; 2 comes late, 3 is corrected, 5 is busted.
    fills = [(1, BUY, "3", "100"), (2, BUY, "2", "90"), (3, SELL, "1", "95"), (4, BUY, "4", "105"),
             (5, SELL, "2", "80"), (6, SELL, "3", "101")]  # fmt: skip

    def tell(world, number, side, quantity, price):
        world.fill(0, quantity, price, side=side, trade=f"T{number}", number=number,
                   time_ns=number, instrument=getattr(world, instrument),
                   venue_order="x")  # fmt: skip

    for number, side, quantity, price in fills:
        if number != 5:
            tell(right, number, side, quantity, price)
        if number != 2:
            tell(wrong, number, side, quantity, "91" if number == 3 else price)
    tell(wrong, *fills[1])
    for trade, quantity, price, side in (("T3", "1", "95", SELL), ("T5", "0", "", SELL)):
        wrong.revise(0, trade, 1, quantity, price, side=side, venue_order="x",
                     instrument=getattr(wrong, instrument))  # fmt: skip
    assert_ties(wrong, books_of(wrong))

    def told(world, method):
        books = books_of(world)
        names = ("quantity", "cost", "realised", "turnover")
        money = [[row[name] for name in names] for row in books.positions(method)]
        accounts = {(row["purpose"], row["currency"]): row["balance"]
                    for row in books.accounts(method) if row["balance"] != "0"}  # fmt: skip
        lots = [(row["opened_ns"], row["quantity"], row["cost"]) for row in books.lots(method)]
        given = [(row["opened_ns"], row["closed_ns"], row["quantity"], row["realised"])
                 for row in books.disposals(method)[0]]  # fmt: skip
        return money, accounts, sorted(lots), given

    for method in METHODS:
        assert told(wrong, method) == told(right, method), method


def test_realised_less_cost_is_one_number_for_all_methods(world):
    rng = Random(11)
    for number in range(1, 60):
        side = rng.choice((BUY, SELL))
        world.fill(0, str(rng.randint(1, 5)), str(rng.randint(90, 110)), side=side, number=number,
                   instrument=world.inverse, venue_order="x")  # fmt: skip
    books = books_of(world)
    found = {
        Decimal(row["realised"]) - Decimal(row["cost"])
        for method in METHODS
        for row in books.positions(method)
    }
    profits = {row["realised"] for method in METHODS for row in books.positions(method)}
    assert len(found) == 1
    assert len(profits) > 2  # the order in which lots go does make a difference


def test_as_of_ends_at_a_record_or_at_an_instant(world):
    points = []
    for number in range(1, 4):
        world.pass_time(1_000)
        world.fill(0, "1", "100", number=number, venue_order="x")
        follower = Ledger(world.journal, world.ring)
        follower.follow(1 << 20)
        points.append((follower.sequence, follower.time_ns))
    for count, (sequence, time_ns) in enumerate(points, start=1):
        for as_of in (Bounds(sequence=sequence), Bounds(time_ns=time_ns)):
            books = books_of(world, as_of=as_of)
            assert books.positions()[0]["quantity"] == str(count)
            assert books.sequence == sequence
            assert books.follow(1 << 20) == points[-1][0] - sequence  # nothing was lost on the way


def test_a_named_lot_goes_before_older_ones(world):
    for number, (side, price) in enumerate(
        ((BUY, "100"), (BUY, "90"), (BUY, "95"), (SELL, "97")), start=1
    ):
        world.fill(0, "2", price, side=side, number=number, venue_order="x")
    before = books_of(world)
    lots = {row["cost"]: int(row["lot"]) for row in before.lots("lifo")}  # 100 and 90 are left
    closing = int(before.disposals()[0][0]["closed_by"])
    named = [Designation(closing, lots["180"], "1.5")]
    books = books_of(world, designations=named)
    found = [
        (row["basis"], row["quantity"], row["realised"]) for row in books.disposals("specific")[0]
    ]
    assert found == [("135", "1.5", "10.5"), ("50", "0.5", "-1.5")]
    assert books.disposals("fifo") == before.disposals("fifo")
    with pytest.raises(ValueError, match="decimal text"):
        books_of(world, designations=[Designation(1, 1, "1e3")])


def test_slippage_is_measured_from_the_arrival_price_and_never_holds_the_fee(world):
    order_id = world.working(BUY, quantity="2", price="101")  # the mark stands at 100
    world.fill(order_id, "1", "100.5", fee="0.25", fee_currency=world.usd)
    world.fill(order_id, "1", "99.25", fee="0.25", fee_currency=world.usd)
    world.fill(0, "1", "70", venue_order="x")  # nobody's order: nothing to measure it by
    rows = {row["strategy"]: row for row in books_of(world).positions()}
    assert rows["alpha"]["slippage"] == "-0.25" and rows["alpha"]["fees"] == "0.5"
    assert rows["alpha"]["fills_without_arrival"] == 0
    assert rows["EXTERNAL"]["slippage"] == "0" and rows["EXTERNAL"]["fills_without_arrival"] == 1


def test_break_even_pays_fees_funding_and_the_way_out(world):
    world.fill(0, "10", "100", instrument=world.perpetual, fee="1", fee_currency=world.usd,
               venue_order="x")  # fmt: skip
    world.fact("funding", world.account, world.perpetual, NET, world.usd, "-4", "0.004", "F1", 5)
    books = books_of(world)

    def break_even(rate):
        return books.positions(exit_fee_rate=rate)[0]["break_even"]

    assert break_even("0") == "100.5"
    assert break_even("0.005") == "101.005025125628"  # 100.5 / 0.995
    assert books.positions()[0]["exit_fee_rate"] == "0.001"  # as paid so far
    assert break_even("") == "100.600600600601"
    for bad in ("1", "-0.1", "0.000000001", "x"):
        with pytest.raises(ValueError, match="exit_fee_rate"):
            break_even(bad)


def test_interest_and_transfers_have_accounts_of_their_own(world):
    world.fact("balance", world.account, world.usd, "100", 0, "opening")
    world.fact("balance", world.account, world.usd, "-2", INTEREST, "i1")
    world.fact("balance", world.account, world.usd, "-30", TRANSFER, "t1-out")
    rows = {(row["account"], row["purpose"]): row["balance"] for row in books_of(world).accounts()}
    assert rows == {
        ("main", "cash"): "68",
        ("main", "capital"): "-100",
        ("main", "interest"): "2",
        ("FIRM", "transit"): "30",
    }
    world.fact("balance", world.hedge, world.usd, "30", TRANSFER, "t1-in")
    rows = {(row["account"], row["purpose"]): row["balance"] for row in books_of(world).accounts()}
    assert rows["FIRM", "transit"] == "0" and rows["hedge", "cash"] == "30"


def test_words_that_are_not_known_are_refused_by_name(world):
    books = books_of(world)
    for ask in (books.lots, books.accounts, books.trial_balance, books.positions, books.disposals):
        with pytest.raises(ValueError, match="method average is not known"):
            ask("average")
    with pytest.raises(ValueError, match="rule moon is not known"):
        books.disposals("fifo", "moon")
    with pytest.raises(ValueError, match="keeps all"):
        Ledger(world.journal, world.ring, keeps_all=False).disposals()


def test_both_sides_of_a_hedge_account_are_books_of_their_own(world):
    for leg, side, price in ((LONG, BUY, "100"), (SHORT, SELL, "101"), (LONG, SELL, "103")):
        world.fill(0, "2", price, side=side, leg=leg, account=world.hedge,
                   instrument=world.perpetual, venue_order="x")  # fmt: skip
    rows = {row["leg"]: row for row in books_of(world).positions("hifo")}
    assert rows["long"]["realised"] == "6" and rows["long"]["quantity"] == "0"
    assert rows["short"]["quantity"] == "-2" and rows["short"]["cost"] == "-202"


def test_the_words_of_methods_and_rules_are_those_of_the_core():
    headers = Path(__file__).parents[3] / "core_ext/include/gateway_core/ledger"
    for header, words in (("lot.hpp", METHODS), ("disposals.hpp", RULES)):
        (names,) = re.findall(r"kNames\[\] = \{(.*?)\}", (headers / header).read_text(), re.S)
        assert tuple(re.findall(r'"(.*?)"', names)) == words
