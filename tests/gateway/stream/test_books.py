"""The observer's books over journals that a real engine wrote: fills with what they earned, profit
whose causes add up to it, exposure whose parts add up to the firm; journals that have no books."""

import dataclasses
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from random import Random
from unittest import mock

import pytest
from engine_world import BUY, NET, SELL
from observed_desk import wait_for

from gateway.analytics.aggregation import MapEntry
from gateway.analytics.waterfall import CAUSES
from gateway.journal.share import REST_SECONDS_MAX
from gateway.stream.books import READING, Books, BooksStep
from gateway.stream.books_watch import LOOK_SECONDS, BooksSources, BooksWatch
from gateway.stream.fill_stream import FILLS_MAX
from gateway.stream.ledger_metrics import ledger_metrics


def money(rows, name="total"):
    sums = defaultdict(Decimal)
    for row in rows:
        sums[row["currency"]] += Decimal(row[name])
    return dict(sums)


def trade_at_random(world, random, count):
    instruments = world.instruments
    for _ in range(count):
        instrument, side = random.choice(instruments), random.choice((BUY, SELL))
        quantity = str(random.randrange(1, 9))
        price = str(random.randrange(90, 111))
        owner = random.choice((world.strategy, world.other_strategy))
        order = world.working(side, quantity, "100", instrument=instrument, strategy=owner)
        fee = random.choice(("", "0.01", "-0.003"))
        world.fill(order, quantity, price, side=side, instrument=instrument, fee=fee,
                   fee_currency=random.choice((world.usd, world.bnb)))  # fmt: skip


def test_a_fill_is_shown_with_what_it_earned_and_what_it_slipped(desk):
    world = desk.world
    bought = world.working(BUY, "2", "100", instrument=world.perpetual)
    world.fill(bought, "2", "101", instrument=world.perpetual, fee="0.5", fee_currency=world.usd)
    sold = world.working(SELL, "1", "100", instrument=world.perpetual)
    world.fill(sold, "1", "105", side=SELL, instrument=world.perpetual, trade="sale")
    desk.look()
    first, second = desk.rows("fills")
    assert (first["side"], first["quantity"], first["price"]) == ("buy", "2", "101")
    assert (first["fee"], first["fee_currency"], first["venue"]) == ("0.5", "USD", "sim")
    assert (first["realised"], first["arrival_price"], first["slippage"]) == ("0", "100", "2")
    assert (first["order_id"], first["strategy"]) == (str(bought), "alpha")
    assert first["client_order_id"] == world.row(bought)["client_order_id"]
    assert (second["realised"], second["slippage"], second["trade_id"]) == ("4", "-5", "sale")
    world.revise(sold, "sale", 1, "1", "103", side=SELL, instrument=world.perpetual)
    desk.look()
    assert len(desk.rows("fills")) == 2
    revised = desk.view.channels["fills"].rows[str(second["sequence"])]
    assert (revised["price"], revised["revision"], revised["realised"]) == ("103", 1, "2")


def test_only_the_newest_fills_are_shown_and_their_profit_is_that_of_the_position(desk):
    world = desk.world
    for number in range(FILLS_MAX // 2 + 20):
        for side, price in ((BUY, "100"), (SELL, str(99 + number % 3))):
            world.fill(0, "1", price, side=side, instrument=world.perpetual, venue_order="x")
        if number % 100 == 0:
            desk.look()
    desk.look()
    rows = desk.rows("fills")
    assert len(rows) == FILLS_MAX
    ordered = sorted(rows, key=lambda row: row["sequence"])
    assert rows == ordered
    assert all(row["strategy"] == "EXTERNAL" and row["order_id"] is None for row in rows)
    newest = sum(Decimal(row["realised"]) for row in rows)
    assert newest == sum(Decimal(99 + number % 3) - 100 for number in range(20, 520))


@pytest.mark.parametrize("seed", range(3))
def test_the_causes_of_a_profit_add_up_to_it_and_to_the_money(desk, seed):
    world, random = desk.world, Random(seed)
    trade_at_random(world, random, 60)
    world.fact("funding", world.account, world.perpetual, 0, world.usd, "-1.25", "0.0001", "f1", 7)
    world.fact("balance", world.account, world.usd, "0.75", 6, "found")
    desk.mark(BTC_USD="103", BTC_PERP="103", BTC_INV="103", BTC_QUANTO="103")
    found = desk.look()
    assert (found.state, found.is_balanced, sum(found.unbooked.values())) == ("following", True, 0)
    rows = desk.rows("profit")
    for row in rows:
        causes = sum(Decimal(row[cause]) for cause in CAUSES)
        assert causes == Decimal(row["total"]), row
        assert row["excluded"] == (["rate:BNB"] if row["currency"] == "BNB" else [])
    positions = world.engine.positions()
    assert money(rows, "realised") == {**money(positions, "realised"), "BNB": 0}
    assert any(Decimal(row["slippage"]) for row in rows)
    assert money(rows, "carry")["USD"] == Decimal("-1.25")
    assert money(rows, "other")["USD"] == Decimal("0.75")


def test_what_was_earned_on_closed_contracts_is_what_the_balance_gained(desk):
    world = desk.world
    for side, price in ((BUY, "100"), (SELL, "117"), (SELL, "120"), (BUY, "121")):
        order = world.working(side, "3", "100", instrument=world.perpetual)
        world.fill(order, "3", price, side=side, instrument=world.perpetual, fee="0.11",
                   fee_currency=world.usd)  # fmt: skip
    desk.look()
    assert money(desk.rows("profit"))["USD"] == world.balance("USD")


def test_a_position_without_a_fresh_mark_is_named_and_in_no_total(open_desk):
    desk = open_desk(mark_age_ms_max=1000)  # the marks of these tests are fifty years old
    world = desk.world
    order = world.working(BUY, "2", "100", instrument=world.perpetual)
    world.fill(order, "2", "100", instrument=world.perpetual)
    for prices in ({}, {"BTC_PERP": "150"}):
        desk.mark(**prices)
        desk.look()
        (profit,) = desk.rows("profit")
        assert (profit["excluded"], profit["unrealised"], profit["total"]) == (
            ["BTC-PERP"],
            "0",
            "0",
        )
        for row in desk.rows("exposure"):
            assert (row["excluded"], row["gross"]) == (["BTC-PERP"], "0")


def test_exposure_is_told_in_the_money_of_the_contract_and_in_the_reporting_currency(desk):
    world = desk.world
    world.fill(0, "5", "100", instrument=world.inverse, venue_order="x")
    world.fill(0, "2", "100", side=SELL, instrument=world.perpetual, venue_order="x")
    desk.mark(BTC_INV="200", BTC_PERP="200")
    desk.look()
    rows = {(row["level"], row["name"], row["currency"]): row for row in desk.rows("exposure")}
    short = rows["instrument", "BTC-PERP", "USD"]
    assert (short["net"], short["gross"], short["short"]) == ("-400", "400", "-400")
    coins = rows["asset", "BTC", "BTC"]
    assert (coins["net"], coins["reporting"]["net"]) == ("0.025", "2.5")
    assert coins["reporting"]["rate"] == "100"
    assert coins["reporting"]["rate_time_ns"] > 0
    for name in ("net", "gross", "long", "short"):
        firm = rows["firm", "firm", "USD"][name]
        for level in ("instrument", "asset", "strategy", "account", "venue"):
            parts = [Decimal(row[name]) for key, row in rows.items() if key[::2] == (level, "USD")]
            assert sum(parts) == Decimal(firm)


def test_an_instrument_map_makes_the_assets_of_exposure(desk):
    world = desk.world
    same = {"BTC-INV": MapEntry(asset="COIN"), "BTC": MapEntry(asset="GOLD")}
    desk.books = desk.new_books(instrument_map=same)
    world.fill(0, "5", "100", instrument=world.inverse, venue_order="x")
    world.fill(0, "2", "100", side=SELL, instrument=world.perpetual, venue_order="x")
    desk.mark(BTC_INV="200", BTC_PERP="200")
    desk.look()
    assets = {row["name"]: row["net"] for row in desk.rows("exposure") if row["level"] == "asset"}
    assert assets == {"COIN": "0.025", "GOLD": "-400"}


def reported(desk):
    rows = {(row["strategy"], row["currency"]): row["reporting"] for row in desk.rows("profit")}
    for row in filter(None, rows.values()):
        assert sum(Decimal(row[cause]) for cause in CAUSES) == Decimal(row["total"])
    return rows


def test_profit_in_the_reporting_currency_is_dated_by_the_journal_s_own_rates(desk):
    world = desk.world
    for price, rate in (("100", None), ("125", "150")):  # coins earned at 100, worth 150 since
        world.fill(0, "200", "100", instrument=world.inverse, venue_order="x")
        world.fill(0, "200", price, side=SELL, instrument=world.inverse, venue_order="x")
        if rate:
            world.engine.set_currency_rate(world.btc, rate)
    world.fill(0, "100", "100", instrument=world.inverse, venue_order="x")
    world.fill(0, "100", "50", side=SELL, instrument=world.inverse, venue_order="x")
    desk.look()
    before = reported(desk)["EXTERNAL", "BTC"]
    assert (before["rate"], before["rate_time_ns"] > 0) == ("150", True)
    # 200 (1/100 - 1/125) coins at 100, then 100 (1/100 - 1/50) coins at 150.
    moved = Decimal(before["fx"])
    assert moved > 0
    assert Decimal(before["price"]) == moved / 20 * (40 - 150)
    assert Decimal(before["total"]) == moved / 20 * (60 - 150)
    again = open_again(desk)
    assert again == before  # the journal says it all: when it is looked at plays no part
    world.engine.set_currency_rate(world.btc, "150")
    desk.look()
    assert reported(desk)["EXTERNAL", "BTC"]["fx"] == before["fx"]


def open_again(desk):
    desk.view.reopened += 1
    desk.look()
    return reported(desk)["EXTERNAL", "BTC"]


def test_limits_and_states_are_a_channel(desk):
    world = desk.world
    desk.look()
    world.state(3, 2)
    desk.look()
    rows = desk.view.channels["states"].rows
    assert rows["state|venue|sim"]["state"] == "halted"
    assert rows["limits|firm|firm"]["credit_max"] == "1000000000"


def test_looking_again_changes_nothing(desk):
    world = desk.world
    order = world.working(BUY, "4", "100", instrument=world.perpetual)
    world.fill(order, "2", "100", instrument=world.perpetual, time_ns=50)
    desk.look()
    before = desk.view.channels["fills"].rows
    desk.look()
    assert desk.view.channels["fills"].rows == before
    assert desk.look().sequence == desk.view.sequence


def test_a_journal_whose_beginning_is_gone_has_no_books_and_says_why(open_desk):
    desk = open_desk(ring_bytes=1 << 20, segment_bytes=1 << 18)
    world = desk.world
    for number in range(6000):  # 2 MiB of records; the ring holds one
        told = (0, world.account, world.perpetual, BUY, NET, "100", "1", "", "", 0, 1)
        wait_for(
            lambda n=number, t=told: world.adapter.filled(*t, f"t{n}", "x", (n + 1) * 10**9, 7)
        )
        world.turn()
    wait_for(lambda: world.turn() or world.counter("fills") == 6000)
    desk.look()
    assert desk.rows("profit")
    first = min(Path(world.journal).glob("segment-*"))
    first.rename(first.with_name("elsewhere"))
    desk.view.reopened += 1  # as when the journal is opened afresh
    found = desk.look()
    assert found.state == "following", "the books go on where they stand"
    assert len(desk.ledgers) == 1
    desk.books = desk.new_books()
    found = desk.look()
    assert found.state == "waiting"
    assert found.reason
    assert desk.view.channels["profit"].waiting == found.reason
    assert desk.rows("profit") == []
    assert desk.rows("fills")  # the view needs no books
    first.with_name("elsewhere").rename(first)
    assert desk.look().state == "waiting"  # asked again in a while
    desk.seconds += 11
    assert desk.look().state == "following"
    assert desk.rows("profit")


def test_books_that_stand_behind_are_read_in_steps_and_shown_when_they_are_there(desk, monkeypatch):
    monkeypatch.setattr("gateway.stream.books.RECORDS_PER_STEP", 40)
    world = desk.world
    for _ in range(60):
        world.fill(0, "1", "100", instrument=world.perpetual, venue_order="x")
    desk.view.apply(desk.follower.step())
    states = []
    while desk.books.follow(1):
        states.append(desk.tell().state)
        assert bool(desk.rows("profit")) == (states[-1] == "following")
    assert states[0] == "catching_up"
    assert states[-1] == "following"


def test_rows_stay_when_one_more_record_came_at_the_end_of_a_look(desk, monkeypatch):
    world = desk.world
    world.fill(0, "1", "100", instrument=world.perpetual, venue_order="x")
    desk.look()
    profit = desk.view.channels["profit"]
    generation = profit.generation
    monkeypatch.setattr("gateway.stream.books.RECORDS_PER_STEP", 1)
    for _ in range(3):
        world.fill(0, "1", "100", instrument=world.perpetual, venue_order="x")
    assert desk.books.follow(1) == 1  # and more are behind it
    told = desk.tell()
    assert (told.state, told.reason) == ("following", "")
    assert told.sequence < world.engine.state_hash()[0]
    assert (profit.generation, profit.waiting) == (generation, "")
    assert profit.rows


def test_books_of_the_journal_before_are_never_shown_as_those_of_the_new_one(desk):
    world = desk.world
    world.fill(0, "1", "100", instrument=world.perpetual, venue_order="x")
    watch = watch_of(desk)
    step = desk.follower.step()
    desk.view.apply(step)

    def is_stopping():
        """Asked within the run, behind its first moment: the view opens another history here."""
        if desk.books.sequence == desk.view.followed and desk.view.reopened == 1:
            desk.view.apply(dataclasses.replace(step, rows={}))
            return True
        return desk.view.reopened > 1

    watch._sources = dataclasses.replace(watch._sources, is_stopping=is_stopping)
    told, _ = watch.look(10.0, desk.follower.instruments())
    assert (told.state, desk.view.reopened) == ("following", 2)
    assert told.rows["profit"]
    watch.take(told)
    assert desk.view.channels["profit"].waiting == READING
    assert not desk.rows("profit")
    watch = watch_of(desk)
    watch._sources = dataclasses.replace(
        watch._sources, is_stopping=lambda: desk.books.sequence == desk.view.followed
    )
    told, _ = watch.look(10.0, desk.follower.instruments())
    watch.take(told)
    assert desk.rows("profit")


def watch_of(desk):
    def monotonic():
        desk.seconds += 0.06
        return desk.seconds

    desk.books = Books(dataclasses.replace(desk.books._options, monotonic=monotonic))
    nothing = BooksSources(lambda: [], lambda: None, lambda *_: "", lambda: False, monotonic)
    return BooksWatch(desk.view, desk.books, nothing)


def test_a_look_that_a_stop_of_a_minute_made_long_is_followed_by_the_next_within_seconds(
    desk, monkeypatch
):
    watch, slept = watch_of(desk), []

    def look(seconds, instruments):
        slept.append(seconds)
        watch._sources = dataclasses.replace(watch._sources, is_stopping=lambda: len(slept) == 2)
        return watch.step, 60.0

    desk.look()
    monkeypatch.setattr(watch, "look", look)
    watch._run(mock.Mock())
    assert slept == [LOOK_SECONDS, REST_SECONDS_MAX]


def samples(step, sequence):
    families = ledger_metrics(step, sequence)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_books_are_counted_and_an_unbooked_record_is_named_by_its_reason(desk):
    world = desk.world
    world.fill(0, "1", "100", instrument=world.perpetual, venue_order="x")
    step = desk.look()
    found = samples(step, step.sequence + 3)
    assert found["gateway_ledger_up",] == 1
    assert found["gateway_ledger_lag_records",] == 3
    assert found["gateway_ledger_posted_total",] == 1
    assert found["gateway_ledger_trial_balance_nonzero",] == 0
    unbooked = {key[1] for key in found if key[0] == "gateway_ledger_unbooked_total"}
    assert {"UNBALANCED", "AFTER_IMAGE", "OVERFLOW"} <= unbooked
    assert samples(BooksStep("waiting", "gone"), 7) == {("gateway_ledger_up",): 0}
