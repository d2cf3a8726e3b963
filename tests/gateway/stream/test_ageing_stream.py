"""How long positions have been held, natively and worked out slowly from the lots; as the observer
tells it: a row stands still until its lots move or one grows into the next bucket."""

from collections import defaultdict
from decimal import Decimal
from random import Random

import pytest
from engine_world import BUY, SELL
from test_books import trade_at_random

from gateway.analytics.ageing import BUCKETS, aged, edges_ns, held_rows
from gateway.stream.authority import Authority
from gateway.stream.books import AGEING_SECONDS

DAY_NS = 86_400 * 10**9
BOOK = ("account", "strategy", "instrument", "leg", "margin_mode")


def slowly(lots, now_ns):
    """By book: buckets, weighted age and the oldest one, lot by lot."""
    found = defaultdict(lambda: [defaultdict(Decimal), Decimal(0), Decimal(0), 0])
    for lot in lots:
        parts = found[tuple(lot[name] for name in BOOK)]
        quantity, age_ns = Decimal(lot["quantity"]), now_ns - lot["opened_ns"]
        days = age_ns / DAY_NS
        name = next((name for name, edge in BUCKETS if days < edge), "90_days_and_more")
        parts[0][name] += quantity
        parts[1] += abs(quantity) * age_ns
        parts[2] += abs(quantity)
        parts[3] = max(parts[3], age_ns)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_ages_are_those_of_the_open_lots(desk, seed):
    world, random = desk.world, Random(seed)
    start_ns = world.engine.now_ns()
    for step in range(30):
        trade_at_random(world, random, 2)
        order = world.working(BUY, "3", "100", instrument=world.perpetual)
        world.fill(order, "3", "100", instrument=world.perpetual,
                   time_ns=start_ns + step * 4 * DAY_NS)  # fmt: skip
    desk.look()
    (ledger,) = desk.ledgers
    now_ns = start_ns + 121 * DAY_NS
    rows = held_rows(ledger.holdings(edges_ns(now_ns)))
    wanted = slowly(ledger.lots("fifo"), now_ns)
    assert {tuple(row[name] for name in BOOK) for row in rows} == set(wanted) and len(rows) > 2
    for row in rows:
        buckets, weighted, size, oldest_ns = wanted[tuple(row[name] for name in BOOK)]
        told = {name: Decimal(text) for name, text in row["buckets"].items()}
        assert {name: each for name, each in told.items() if each} == {
            name: each for name, each in buckets.items() if each
        }
        assert sum(told.values()) == Decimal(row["quantity"])
        seconds = aged(row, now_ns)
        assert Decimal(seconds["average_age_seconds"]) == pytest.approx(
            weighted / size / 10**9, abs=Decimal("0.001")
        )
        assert Decimal(seconds["oldest_seconds"]) == round(Decimal(oldest_ns) / 10**9, 3)


def ageing(desk):
    desk.seconds += AGEING_SECONDS + 1
    desk.look()
    return {row["instrument"]: row for row in desk.rows("ageing")}


def test_a_row_stands_still_until_its_lots_move(desk):
    world = desk.world
    assert ageing(desk) == {}
    order = world.working(BUY, "2", "100", instrument=world.perpetual)
    world.fill(order, "2", "100", instrument=world.perpetual, time_ns=1_000)
    first = ageing(desk)["BTC-PERP"]
    assert (first["opened_ns"], first["average_opened_ns"], first["quantity"]) == (
        1_000,
        1_000,
        "2",
    )
    assert first["buckets"]["90_days_and_more"] == "2" and first["venue"] == "sim"
    channel = desk.view.channels["ageing"]
    before = channel.revision
    assert ageing(desk)["BTC-PERP"] == first and channel.revision == before
    order = world.working(BUY, "6", "100", instrument=world.perpetual)
    world.fill(order, "6", "100", instrument=world.perpetual, time_ns=5_000)
    second = ageing(desk)["BTC-PERP"]
    assert (second["average_opened_ns"], second["oldest_opened_ns"]) == (4_000, 1_000)
    assert channel.revision > before
    sold = world.working(SELL, "8", "100", instrument=world.perpetual)
    world.fill(sold, "8", "100", side=SELL, instrument=world.perpetual)
    assert "BTC-PERP" not in ageing(desk)


def test_it_is_looked_at_seldom_and_at_once_after_a_start(desk):
    world = desk.world
    order = world.working(BUY, "2", "100", instrument=world.perpetual)
    world.fill(order, "1", "100", instrument=world.perpetual)
    assert desk.look().rows["ageing"]
    world.fill(order, "1", "100", instrument=world.perpetual)
    assert "ageing" not in desk.look().rows
    assert [row["quantity"] for row in desk.rows("ageing")] == ["1"]
    desk.seconds += AGEING_SECONDS
    assert desk.look().rows["ageing"]
    desk.books = desk.new_books()
    assert desk.look().rows["ageing"]


def test_an_age_is_seen_by_who_may_see_the_position(desk):
    world = desk.world
    order = world.working(BUY, "2", "100", instrument=world.perpetual)
    world.fill(order, "2", "100", instrument=world.perpetual)
    row = ageing(desk)["BTC-PERP"]
    assert Authority(accounts=frozenset(["main"])).sees("ageing", row)
    assert not Authority(accounts=frozenset(["other"])).sees("ageing", row)


def test_what_is_of_the_future_is_new():
    told = {**dict.fromkeys(BOOK, "x"), "quantity": "1", "opened_ns": 90, "average_opened_ns": 90,
            "oldest_opened_ns": 90, "parts": ["1", "0", "0", "0", "0"]}  # fmt: skip
    (row,) = held_rows([told])
    assert aged(row, 10)["average_age_seconds"] == "0"
    assert row["buckets"]["under_1_day"] == "1"
