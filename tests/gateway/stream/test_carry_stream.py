"""What carrying a position costs: one break-even in ledger, stream and screen, and the next funding
as the venue tells it. What nobody tells is null."""

import asyncio
from decimal import ROUND_HALF_EVEN, Context, Decimal
from random import Random

import pytest
from engine_world import BUY, NET, SELL

from gateway.ledger import open_books
from gateway.ledger.break_even import break_even_after
from gateway.ledger.funding import Contract
from gateway.stream.books_watch import BooksSources, BooksWatch
from gateway.stream.carry_stream import NO_CARRY, carry_rows

EXACT = Context(prec=120)
TICK = Decimal("0.01")
NOW_NS = 1_790_000_000 * 10**9
HOUR_NS = 3600 * 10**9
TOLD = {
    "venue": "sim", "instrument": "BTC-PERP", "price": "100", "time_ns": NOW_NS - 10**9,
    "funding_rate": "0.001", "next_funding_ns": NOW_NS + HOUR_NS,
}  # fmt: skip


def carried(desk):
    world = desk.world
    world.fill(0, "10", "100", instrument=world.perpetual, fee="1", fee_currency=world.usd,
               venue_order="x")  # fmt: skip
    world.fact("funding", world.account, world.perpetual, NET, world.usd, "-4", "0.004", "F1", 5)


def ledger_rows(desk):
    return open_books(desk.place.directory, str(desk.place.ring_directory)).positions()


def test_a_position_with_fee_and_funding_has_one_break_even(desk):
    carried(desk)
    desk.look()
    (row,) = desk.rows("positions")
    (booked,) = ledger_rows(desk)
    assert row["break_even"] == booked["break_even"] == "100.600600600601"
    assert row["break_even_before_carry"] == "100.1"
    assert row["next_funding"] is row["break_even_after_next_funding"] is None
    desk.mark(BTC_PERP="120")
    desk.look()
    (row,) = desk.rows("positions")
    assert (row["unrealised"], row["break_even"]) == ("200", "100.600600600601")


def test_the_live_row_says_what_its_break_even_lacks(desk):
    carried(desk)
    (row,) = desk.world.engine.positions()
    assert row["break_even_before_carry"] == "100.1" and "break_even" not in row


def test_the_next_funding_of_the_venue_is_told_with_the_break_even_behind_it(open_desk):
    told = {}
    desk = open_desk()
    desk.books = desk.new_books(mark_row=told.get, clock_ns=lambda: NOW_NS)
    carried(desk)
    desk.look()
    assert desk.rows("positions")[0]["next_funding_ns"] is None
    told["BTC-PERP"] = TOLD
    desk.tell()
    (row,) = desk.rows("positions")
    assert (row["next_funding"], row["next_funding_ns"]) == ("-1", NOW_NS + HOUR_NS)
    assert row["break_even_after_next_funding"] == "100.700700700701"  # 1006 / 9.99
    del told["BTC-PERP"]
    desk.tell()
    (row,) = desk.rows("positions")
    assert row["next_funding"] is None and row["break_even"] == "100.600600600601"


@pytest.mark.parametrize(
    "told",
    [
        None,
        {**TOLD, "funding_rate": None, "next_funding_ns": None},
        {**TOLD, "next_funding_ns": None},
        {**TOLD, "next_funding_ns": NOW_NS},
        {**TOLD, "price": None, "time_ns": 0},
        {**TOLD, "time_ns": NOW_NS - 61 * 10**9},
    ],
    ids=["nothing", "no rate", "no time", "a payment that is over", "no mark", "an old mark"],
)
def test_what_the_venue_does_not_tell_is_null(desk, told):
    carried(desk)
    desk.look()
    instruments = {row["name"]: row for row in desk.follower.instruments()}
    held = desk.ledgers[-1].positions()
    (row,) = carry_rows(held, instruments, lambda _: told, NOW_NS, 60_000).values()
    assert row["break_even"] == "100.600600600601"
    assert {name: row[name] for name in NO_CARRY if name != "break_even"} == {
        name: None for name in NO_CARRY if name != "break_even"
    }
    stopped = [{**each, "is_stopped": True} for each in held]
    assert carry_rows(stopped, instruments, lambda _: TOLD, NOW_NS, 60_000) == {}


def test_what_the_books_say_of_another_quantity_is_said_of_no_row(desk):
    carried(desk)
    desk.look()
    world = desk.world
    world.fill(0, "4", "100", side=SELL, instrument=world.perpetual, venue_order="x")
    step = desk.follower.step()
    desk.view.apply(step)
    (row,) = desk.rows("positions")
    assert (row["quantity"], row["break_even"]) == ("6", None)
    desk.look()
    (row,) = desk.rows("positions")
    assert row["break_even"] == ledger_rows(desk)[0]["break_even"] is not None
    world.fill(0, "6", "100", side=SELL, instrument=world.perpetual, venue_order="x")
    desk.look()
    assert desk.rows("positions")[0]["break_even"] is None  # flat


def test_rows_of_books_that_wait_have_no_break_even(desk):
    carried(desk)
    desk.look()
    for _ in desk.view.carry_steps({}):
        pass
    assert desk.rows("positions")[0]["break_even"] is None


@pytest.mark.asyncio
async def test_the_watch_shows_what_the_books_carry(desk):
    carried(desk)
    desk.look()
    list(desk.view.carry_steps({}))
    woken = []
    sources = BooksSources(
        desk.follower.instruments, lambda: woken.append(1), str, lambda: False, lambda: 0.0
    )
    watch = BooksWatch(desk.view, desk.books, sources)
    watch.show(asyncio.get_running_loop(), desk.books.tell(desk.follower.instruments()))
    await asyncio.sleep(0)
    watch.close()
    assert desk.rows("positions")[0]["break_even"] == "100.600600600601"
    assert woken


def value(quantity, price, contract):
    """What so many contracts cost in cash, in the contract's currency."""
    units = EXACT.multiply(quantity, contract.multiplier)
    return EXACT.divide(-units, price) if contract.is_inverse else EXACT.multiply(units, price)


@pytest.mark.parametrize("kind", ["linear", "inverse"])
@pytest.mark.parametrize("seed", range(4))
def test_closing_at_the_break_even_leaves_nothing(desk, kind, seed):
    """Random fills, fees and funding, then the whole position goes at its break-even, on the tick
    and with the fee that was expected."""
    world, rng = desk.world, Random(seed)
    instrument = world.inverse if kind == "inverse" else world.perpetual
    currency = world.btc if kind == "inverse" else world.usd
    fee = "0.0003" if kind == "inverse" else "0.07"
    number = 0

    def trade(side, quantity, price, fee):
        nonlocal number
        number += 1
        world.fill(0, str(quantity), price, side=side, instrument=instrument, fee=fee,
                   fee_currency=currency, number=number, venue_order="x")  # fmt: skip

    for _ in range(rng.randint(2, 12)):
        side = rng.choice((BUY, SELL))
        trade(side, rng.randint(1, 9), f"{rng.randint(9_000, 11_000) / 100}", fee)
    trade(rng.choice((BUY, SELL)), 100, "100", fee)  # so the books are open and one-sided
    paid = "-0.0002" if kind == "inverse" else "-0.3"
    world.fact("funding", world.account, instrument, NET, currency, paid, "0.0001", "F1", 5)
    desk.look()
    rules = {row["name"]: row for row in desk.follower.instruments()}
    (row,) = ledger_rows(desk)
    contract = Contract(Decimal(rules[row["instrument"]]["multiplier"]), kind == "inverse")
    assert desk.rows("positions")[0]["break_even"] == row["break_even"]
    assert break_even_after(row, contract, Decimal(0)) == row["break_even"]
    more = Decimal("-0.001")
    later = break_even_after({**row, "funding": str(Decimal(row["funding"]) + more)}, contract,
                             Decimal(0))  # fmt: skip
    assert break_even_after(row, contract, more) == later

    exact = Decimal(row["break_even"])
    price = exact.quantize(TICK, ROUND_HALF_EVEN)
    held = Decimal(row["quantity"])
    exit_fee = abs(value(held, price, contract)) * Decimal(row["exit_fee_rate"])
    side = SELL if held > 0 else BUY
    trade(side, abs(held), f"{price}", f"{exit_fee:.8f}")
    (closed,) = ledger_rows(desk)
    assert closed["quantity"] == "0"
    left = sum(Decimal(closed[name]) for name in ("realised", "funding", "interest"))
    left -= Decimal(closed["fees"])
    a_tick = abs(value(held, price + TICK, contract) - value(held, price, contract))
    assert abs(left) <= a_tick + Decimal("0.00000001")
