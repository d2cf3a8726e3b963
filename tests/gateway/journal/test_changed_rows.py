"""Rows by change: the native follower gives what moved and nothing else. Books run by
themselves and go on where the journal does."""

import shutil
import time
from pathlib import Path

import pytest
from engine_world import BUY, NET, SELL
from observed_desk import wait_for

from gateway._core.journal import Replica
from gateway._core.ledger import Ledger

AGE_STEP_NS = 5_000_000_000


def fill(world, instrument, side=BUY, count=1):
    before = world.counter("fills")
    for number in range(before, before + count):
        told = (0, world.account, instrument, side, NET, "100", "1", "", "", 0, 1)
        wait_for(
            lambda t=told, n=number: world.adapter.filled(*t, f"t{n}", "x", (n + 1) * 10**9, 7)
        )
        world.turn()
    wait_for(lambda: world.turn() or world.counter("fills") == before + count)


@pytest.fixture
def replica(desk):
    fill(desk.world, desk.world.perpetual)
    fill(desk.world, desk.world.quanto)
    made = Replica(str(desk.place.directory), str(desk.place.ring_directory))
    made.follow()
    made.changes()
    return made


def moved(replica):
    return [row["instrument"] for row in replica.take_positions()]


def test_positions_are_told_when_a_record_or_a_mark_or_its_age_moved_them(desk, replica):
    world = desk.world
    assert sorted(moved(replica)) == ["BTC-PERP", "BTC-QUANTO"]
    assert moved(replica) == []
    fill(world, world.perpetual, SELL)
    replica.follow()
    (row,) = replica.take_positions()
    assert (row["instrument"], row["quantity"], row["sequence"]) == (
        "BTC-PERP", "0", replica.sequence,
    )  # fmt: skip
    now_ns = time.time_ns()
    replica.set_mark("BTC-QUANTO", "101", now_ns)
    assert moved(replica) == ["BTC-QUANTO"]
    replica.set_mark("BTC-QUANTO", "101", now_ns + 1)
    assert moved(replica) == [], "the same price, a moment later"
    replica.set_mark("BTC-QUANTO", "101", now_ns - 3 * AGE_STEP_NS)
    (row,) = replica.take_positions()
    assert row["mark_age_ms"] >= 15_000
    assert len(replica.take_positions(is_all=True)) == 2
    assert moved(replica) == []


def test_a_new_definition_tells_every_row_anew(desk, replica):
    """Names, scales and rules are in the rows and not in what moved."""
    world = desk.world
    assert world.adapter.balance(world.account, world.usd, "500", 0, "deposit")
    world.turn()
    replica.follow()
    assert len(replica.take_positions(is_all=True)) == 2
    (balance,) = replica.take_balances(is_all=True)
    replica.changes()
    world.define("BTC-QUANTO", 4, world.usd, lot="0.002")
    world.turn()
    assert replica.follow()
    assert {kind for _, kind, _ in replica.changes()} >= {"position", "balance", "state"}
    assert sorted(moved(replica)) == ["BTC-PERP", "BTC-QUANTO"]
    assert replica.take_balances() == [balance]
    assert moved(replica) == replica.take_balances() == []


def test_balances_are_told_when_a_record_touched_them(desk, replica):
    first = {row["currency"]: row["total"] for row in replica.take_balances()}
    assert first == {row["currency"]: row["total"] for row in replica.balances()}
    assert replica.take_balances() == []
    before = replica.sequence
    fill(desk.world, desk.world.spot)
    replica.follow()
    assert {row["sequence"] for row in replica.take_balances()} <= {*range(before + 1, 1 << 20)}


def test_a_key_that_was_touched_often_is_told_once(desk, replica):
    assert not replica.has_changes
    order = desk.world.working(BUY, "1", "100", instrument=desk.world.perpetual)
    desk.world.cancel(order)
    fill(desk.world, desk.world.perpetual, count=5)
    replica.follow()
    assert replica.has_changes
    told = [(kind, key) for _, kind, key in replica.changes() if kind != "state"]
    assert told.count(("order", str(order))) == 1
    assert len(told) == len(set(told))
    assert not replica.has_changes


def test_books_run_by_themselves_until_the_time_is_over(desk):
    fill(desk.world, desk.world.perpetual, count=10)
    books = Ledger(str(desk.place.directory), str(desk.place.ring_directory), False)
    rates = 0
    while not books.run(0.0, 0.001):  # back behind each record with another rate
        rates += 1
        assert books.rate_changes == rates
    assert rates > 0 and books.sequence == desk.world.engine.sequence
    *_, (sequence, at_ns) = books.take_steps()
    assert (sequence, at_ns <= time.monotonic_ns()) == (books.sequence, True)
    began = time.monotonic()
    assert books.run(0.02, 0.001)
    assert time.monotonic() - began >= 0.02
    assert books.take_steps() == []


def test_another_history_is_never_read_on(desk, open_desk, tmp_path):
    fill(desk.world, desk.world.perpetual, count=3)
    other = open_desk("other")
    fill(other.world, other.world.spot, SELL, count=9)
    followers = []
    for kind in (Replica, Ledger):
        each = kind(str(desk.place.directory), str(desk.place.ring_directory))
        each.follow()
        assert each.reopen()
        followers.append(each)
    desk.world.engine.stop()
    other.world.engine.stop()
    for ours, theirs in (
        (desk.place.directory, other.place.directory),
        (desk.place.ring_directory, other.place.ring_directory),
    ):
        shutil.rmtree(ours)
        shutil.copytree(theirs, Path(ours))
    before = [each.sequence for each in followers]
    assert [each.reopen() for each in followers] == [False, False]
    assert [each.sequence for each in followers] == before
