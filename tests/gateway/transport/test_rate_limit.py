"""One budget, four lanes: who goes first, who waits, what a ban stops, and what the count of the
venue itself changes. Time is virtual."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import VirtualLoop, run_virtual

from gateway.api import RateLimit, VenueRateLimited
from gateway.transport import LANES, NEVER_NS, NO_HEADROOM, Budget, Lane, SharedRows

SECOND_NS = 1_000_000_000
WEIGHT = RateLimit(name="weight", model="window", scope="ip", capacity=100, window_ms=60_000)
ORDERS = RateLimit(name="orders", model="rolling", scope="account", capacity=10, window_ms=2_000)


class Clock:
    def __init__(self) -> None:
        self.ns = 1_699_999_990 * SECOND_NS

    def __call__(self) -> int:
        return self.ns


def budget(*limits: RateLimit, **settings: Any) -> tuple[Budget, Clock]:
    clock = Clock()
    return Budget(limits or (WEIGHT, ORDERS), clock, **{"guard_ms": 0, **settings}), clock


def takes(of: Budget, lane: Lane, costs: dict[str, int]) -> int:
    """How often it can be had now."""
    count = 0
    while not of.take(lane, costs):
        count += 1
    return count


def test_every_lane_leaves_headroom_for_those_before_it() -> None:
    found, _ = budget()
    got = {lane: takes(found, lane, {"weight": 1}) for lane in reversed(LANES)}
    assert got == {"market": 60, "new": 15, "query": 10, "cancel": 10, "kill": 5}
    small, _ = budget(RateLimit(name="a", model="window", scope="ip", capacity=3, window_ms=1_000))
    got = {lane: takes(small, lane, {"a": 1}) for lane in reversed(LANES)}
    assert got == {"market": 1, "new": 1, "query": 0, "cancel": 0, "kill": 1}
    alone, _ = budget(headroom_percent={"weight": NO_HEADROOM})
    assert takes(alone, "new", {"weight": 1}) == 100


def test_all_costs_are_taken_or_none() -> None:
    found, clock = budget()
    assert takes(found, "kill", {"weight": 20, "orders@a": 1}) == 5
    assert found.take("kill", {"orders@a": 6}) == 2 * SECOND_NS
    assert takes(found, "kill", {"orders@a": 5}) == 1
    clock.ns += 3 * SECOND_NS
    assert found.take("kill", {"weight": 1, "orders@a": 1}) == 47 * SECOND_NS
    assert takes(found, "kill", {"orders@a": 1}) == 10


def test_owners_of_a_scoped_limit_are_counted_apart() -> None:
    found, _ = budget()
    for owner in ("a", "b", "BTC-USDT-SWAP"):
        assert takes(found, "kill", {f"orders@{owner}": 5}) == 2
    assert {each["name"] for each in found.row()["limits"]} >= {"orders@a", "orders@b"}


@pytest.mark.parametrize(
    "costs",
    [{"wait": 1}, {"weight@a": 1}, {"orders": 1}, {"orders@": 1}, {"weight": 101}, {"weight": -1}],
)
def test_a_cost_that_no_limit_carries_is_a_mistake(costs: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        budget()[0].take("kill", costs)


def test_what_is_dearer_than_its_lane_may_pass_alone() -> None:
    found, clock = budget()
    assert found.take("new", {"weight": 90}) == 0
    clock.ns += 60 * SECOND_NS
    assert found.take("new", {"weight": 1}) == 0
    assert found.take("new", {"weight": 90}) > 0


def test_a_ban_stops_every_lane_and_counts_down() -> None:
    found, clock = budget()
    found.ban(clock.ns + 10 * SECOND_NS, "418")
    found.ban(clock.ns + 5 * SECOND_NS, "a shorter one changes nothing")
    for lane in LANES:
        assert found.take(lane, {"weight": 1}) == 10 * SECOND_NS
    clock.ns += 9 * SECOND_NS
    assert found.banned_ns() == SECOND_NS
    assert found.row() | {"limits": []} == {
        "limits": [], "banned_ms": 1_000, "ban_reason": "418", "limit_in_ms": None,
        "waiting": {"kill": 0, "cancel": 0, "query": 0, "new": 0, "market": 0}, "refused": 0,
    }  # fmt: skip
    clock.ns += SECOND_NS
    assert found.take("new", {"weight": 1}) == 0 and found.row()["ban_reason"] == ""


def test_the_limit_is_predicted() -> None:
    found, clock = budget()
    assert found.predicted_ns() is None
    for _ in range(40):
        assert found.take("new", {"weight": 1}) == 0
        clock.ns += SECOND_NS // 10
    assert found.predicted_ns() == pytest.approx(3.5 * SECOND_NS, rel=0.1)
    assert found.row()["limit_in_ms"] == pytest.approx(3_500, rel=0.1)
    clock.ns += 10 * SECOND_NS
    assert found.predicted_ns() is None


def test_the_count_of_the_venue_wins_for_all_it_can_have_seen() -> None:
    found, clock = budget()

    def used() -> int:
        return found.row()["limits"][0]["used"]

    takes(found, "new", {"weight": 10})
    assert used() == 70
    found.told("weight", 90)  # others behind the same address
    assert used() == 90
    found.told("weight", 3)  # an old answer overtook: what we sent within the lag still counts
    assert used() == 73
    clock.ns += 3 * SECOND_NS
    found.told("weight", 12)
    assert used() == 12
    sent = clock.ns
    clock.ns += SECOND_NS // 2
    found.take("new", {"weight": 8})
    found.told("weight", 40, sent_ns=sent)
    assert used() == 48


@given(told=st.integers(0, 100), before=st.integers(0, 7), after=st.integers(0, 7))
def test_no_answer_makes_us_forget_what_it_cannot_have_counted(
    told: int, before: int, after: int
) -> None:
    found, clock = budget()
    for _ in range(before):
        found.take("kill", {"weight": 5})
    clock.ns += 5 * SECOND_NS
    sent = clock.ns
    clock.ns += SECOND_NS
    for _ in range(after):
        found.take("kill", {"weight": 5})
    found.told("weight", told, sent_ns=sent)
    found.take("kill", {"orders@a": 1})
    used = {each["name"]: each["used"] for each in found.row()["limits"]}
    assert used["weight"] == told + 5 * after


def test_an_earned_budget_waits_for_trades() -> None:
    address = RateLimit(name="a", model="volume_earned", scope="ip", capacity=10, refill="1")
    found, _ = budget(address, headroom_percent={"a": NO_HEADROOM})
    assert takes(found, "new", {"a": 1}) == 10
    assert found.take("new", {"a": 1}) == NEVER_NS
    found.earned("a", "2.5")
    assert takes(found, "new", {"a": 1}) == 2
    found.earned("a", "0.5")
    assert takes(found, "new", {"a": 1}) == 1
    with pytest.raises(ValueError):
        budget()[0].earned("weight", "1")


# -- waiting ------------------------------------------------------------------------------------


def virtual_budget(loop: VirtualLoop, **settings: Any) -> Budget:
    return Budget((WEIGHT, ORDERS), loop.now_ns, **{"guard_ms": 0, **settings})


def test_kill_and_cancel_overtake_news_that_wait() -> None:
    loop, order = VirtualLoop(), []

    async def go(found: Budget, lane: Lane, name: str) -> None:
        await found.wait(lane, {"orders@a": 3}, 60_000)
        order.append(name)

    async def main() -> None:
        found = virtual_budget(loop)
        assert found.take("kill", {"orders@a": 10}) == 0
        tasks = []
        for lane, name in [("new", "1"), ("new", "2"), ("query", "q"), ("cancel", "c"),
                           ("kill", "k"), ("cancel", "d"), ("kill", "l")]:  # fmt: skip
            tasks.append(asyncio.create_task(go(found, lane, name)))
            await asyncio.sleep(0.01)
        assert found.take("new", {"orders@a": 1}) > 0  # and nobody slips past those who wait
        await asyncio.gather(*tasks)
        assert found.row()["waiting"] == dict.fromkeys(LANES, 0)

    run_virtual(main(), loop)
    assert order == ["k", "l", "c", "d", "q", "1", "2"]


def test_small_news_do_not_nibble_away_what_a_large_cancel_waits_for() -> None:
    loop, order = VirtualLoop(), list[str]()

    async def go(found: Budget, lane: Lane, cost: int) -> None:
        await found.wait(lane, {"orders@a": cost}, 60_000)
        order.append(lane)

    async def main() -> None:
        found = virtual_budget(loop, headroom_percent={"orders": NO_HEADROOM})
        for _ in range(10):
            assert found.take("kill", {"orders@a": 1}) == 0
            await asyncio.sleep(0.1)
        tasks = [asyncio.create_task(go(found, "new", 1)) for _ in range(6)]
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(go(found, "cancel", 6)))
        await asyncio.sleep(1.25)  # room for two, which the cancel is saving up for
        assert order == [] and found.take("new", {"orders@a": 1}) > 0
        await asyncio.gather(*tasks)

    run_virtual(main(), loop)
    assert order == ["cancel"] + ["new"] * 6


def test_one_who_waits_for_one_limit_does_not_hold_up_the_others() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        found = virtual_budget(loop)
        assert found.take("kill", {"orders@a": 10}) == 0
        waiting = asyncio.create_task(found.wait("cancel", {"orders@a": 1, "weight": 1}, 9_000))
        await asyncio.sleep(0.01)
        behind = asyncio.create_task(found.wait("new", {"orders@b": 1, "weight": 1}, 9_000))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await waiting
        await behind

    run_virtual(main(), loop)


def test_what_cannot_be_had_in_time_is_said_at_once() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        found, began = virtual_budget(loop), loop.time()
        assert found.take("kill", {"orders@a": 10}) == 0
        with pytest.raises(VenueRateLimited, match="new: the budget is spent") as failure:
            await found.wait("new", {"orders@a": 1}, 1_999)
        assert loop.time() == began and failure.value.retry_after_ms == 2_000
        found.ban(loop.now_ns() + 7 * SECOND_NS, "418")
        with pytest.raises(VenueRateLimited, match="kill: banned for 7000 ms"):
            await found.wait("kill", {"weight": 1}, 6_000)
        await found.wait("kill", {"weight": 1}, 8_000)
        assert 7.0 <= loop.time() - began < 7.1 and found.row()["refused"] == 2

    run_virtual(main(), loop)


def test_a_ban_ends_the_wait_of_those_who_cannot_outlast_it() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        found, began = virtual_budget(loop), loop.time()
        found.take("kill", {"orders@a": 10})
        tasks = [asyncio.create_task(found.wait("new", {"orders@a": 1}, 3_000)) for _ in "ab"]
        tasks.append(asyncio.create_task(found.wait("cancel", {"orders@a": 1}, 30_000)))
        await asyncio.sleep(1)
        found.ban(loop.now_ns() + 20 * SECOND_NS, "418")
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each) for each in done] == [VenueRateLimited, VenueRateLimited, int]
        assert 21 <= loop.time() - began < 21.1

    run_virtual(main(), loop)


def test_one_who_is_held_up_beyond_his_time_is_told() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        found, began = virtual_budget(loop), loop.time()
        found.take("kill", {"orders@a": 10})
        first = asyncio.create_task(found.wait("cancel", {"orders@a": 9}, 30_000))
        await asyncio.sleep(0.1)
        with pytest.raises(VenueRateLimited):
            await found.wait("new", {"orders@a": 1}, 500)
        assert 0.6 <= loop.time() - began < 0.7
        await first

    run_virtual(main(), loop)


def test_one_who_leaves_lets_those_behind_go() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        found, began = virtual_budget(loop), loop.time()
        found.take("kill", {"orders@a": 6})
        first = asyncio.create_task(found.wait("cancel", {"orders@a": 9}, 30_000))
        await asyncio.sleep(0.1)
        behind = asyncio.create_task(found.wait("new", {"orders@a": 1}, 30_000))
        await asyncio.sleep(0.1)
        assert not behind.done()
        first.cancel()
        await behind
        assert loop.time() - began < 0.3

    run_virtual(main(), loop)


# -- what was taken and did not leave -------------------------------------------------------------


def test_what_did_not_leave_is_given_back() -> None:
    found, clock = budget()
    assert not found.take("kill", {"weight": 60, "orders@a": 10})
    taken_ns = found.taken_ns
    clock.ns += SECOND_NS // 2
    assert found.take("kill", {"weight": 60, "orders@a": 1})
    found.give_back({"weight": 60, "orders@a": 10}, taken_ns)
    assert not found.take("kill", {"weight": 100, "orders@a": 10})


def test_nothing_is_given_back_that_the_venue_has_counted_anew() -> None:
    """Its own count replaced ours, and may not have what never left."""
    found, clock = budget(feedback_lag_ms=0)
    assert not found.take("kill", {"weight": 60})
    taken_ns = found.taken_ns
    clock.ns += 5 * SECOND_NS
    found.told("weight", 90, sent_ns=clock.ns)
    found.give_back({"weight": 60}, taken_ns)
    assert takes(found, "kill", {"weight": 1}) == 10


def test_what_other_processes_count_too_stays_counted(tmp_path: Path) -> None:
    found, _ = budget(rows=SharedRows(tmp_path / "rows"))
    assert not found.take("kill", {"weight": 100})
    found.give_back({"weight": 100}, found.taken_ns)
    assert found.take("kill", {"weight": 1})


def test_who_leaves_just_as_his_turn_comes_gives_it_back() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        found = virtual_budget(loop)
        found.take("kill", {"orders@a": 10})
        task = asyncio.create_task(found.wait("kill", {"orders@a": 10}, 30_000))
        await asyncio.sleep(0.1)
        (waiter,) = found._waiting["kill"]
        loop.now_s += 10.0
        found._serve()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert waiter.turn.result() == found.taken_ns
        assert not found.take("kill", {"orders@a": 10}), "as if he had never come"

    run_virtual(main(), loop)


def test_what_is_given_back_lets_those_go_who_wait_for_it() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        found, began = virtual_budget(loop), loop.time()
        found.take("kill", {"orders@a": 10})
        taken_ns = found.taken_ns
        behind = asyncio.create_task(found.wait("new", {"orders@a": 1}, 30_000))
        await asyncio.sleep(0.1)
        found.give_back({"orders@a": 10}, taken_ns)
        assert await behind == loop.now_ns()
        assert loop.time() - began < 0.3

    run_virtual(main(), loop)


# -- many clients, one address --------------------------------------------------------------------


class StrictVenue:
    """Counts arrivals as a venue does, and bans who goes beyond."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop, self.bans = loop, 0
        self.weight: dict[int, int] = {}
        self.orders: list[int] = []

    def receive(self, weight: int) -> int:
        """One request that is an order, too; returns the weight used in this window."""
        now = self.loop.now_ns()
        self.orders = [at for at in self.orders if at > now - 2 * SECOND_NS] + [now]
        window = now // (60 * SECOND_NS)
        self.weight[window] = self.weight.get(window, 0) + weight
        self.bans += len(self.orders) > 10 or self.weight[window] > 100
        return self.weight[window]


async def bursts(
    found: Budget, venue: StrictVenue, random: Random, waits: dict[Lane, list[float]]
) -> None:
    """One client: bursts of news, now and then a cancel, each over a wire of its own speed."""
    loop = venue.loop

    async def one(lane: Lane) -> None:
        asked = loop.time()
        try:
            await found.wait(lane, {"weight": 1, "orders@a": 1}, 5_000)
        except VenueRateLimited:
            return waits[lane].append(5.0)
        waits[lane].append(loop.time() - asked)
        sent = loop.now_ns()
        await asyncio.sleep(random.uniform(0.005, 0.045))
        used = venue.receive(1)
        await asyncio.sleep(random.uniform(0.005, 0.045))
        found.told("weight", used, sent_ns=sent)

    tasks = []
    for _ in range(20):
        await asyncio.sleep(random.expovariate(1 / 12))
        lanes: list[Lane] = ["new"] * random.randint(1, 6) + ["cancel"] * random.randint(0, 1)
        tasks += [asyncio.create_task(one(lane)) for lane in lanes]
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("is_reserved", [True, False])
def test_eight_bursty_clients_of_one_address_are_never_banned_and_cancels_do_not_starve(
    tmp_path: Path, is_reserved: bool
) -> None:
    loop = VirtualLoop()
    venue, waits = StrictVenue(loop), {lane: list[float]() for lane in LANES}
    headroom = {} if is_reserved else {"weight": NO_HEADROOM, "orders": NO_HEADROOM}

    async def main() -> None:
        clients = []
        for number in range(8):  # each as a process of its own: own file, own map, own lock
            rows = SharedRows(tmp_path / "venue.budget")
            found = Budget((WEIGHT, ORDERS), loop.now_ns, rows=rows, headroom_percent=headroom)
            clients.append(bursts(found, venue, Random(number), waits))
        await asyncio.gather(*clients)

    run_virtual(main(), loop)
    cancels, news = sorted(waits["cancel"]), sorted(waits["new"])
    assert venue.bans == 0
    assert len(cancels) > 50 and sum(venue.weight.values()) > 300
    assert news[len(news) // 2] > 0.3, "the budget is not tight"
    worst = cancels[len(cancels) * 99 // 100]
    assert worst < 2.1 if is_reserved else worst > 4.0


# -- processes ------------------------------------------------------------------------------------

HOLDER = """
import sys, time
from pathlib import Path
from gateway.api import RateLimit
from gateway.transport import Budget, SharedRows
limit = RateLimit(name="weight", model="window", scope="ip", capacity=100, window_ms=60_000)
rows = SharedRows(Path(sys.argv[1]))
budget = Budget((limit,), lambda: int(sys.argv[2]), rows=rows, guard_ms=0)
budget.take("kill", {"weight": 60})
with rows.hold():
    if sys.argv[3] == "torn":
        for known in rows._known.values():
            rows._map[known.offset + 40 : known.offset + 44] = b"torn"
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", ["torn", "whole"])
def test_a_holder_that_stops_or_dies_holds_nobody_up(tmp_path: Path, how: str) -> None:
    path = tmp_path / "venue.budget"
    rows = SharedRows(path)
    found, clock = budget(WEIGHT, rows=rows)
    command = [sys.executable, "-c", HOLDER, str(path), str(clock.ns), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"held\n"
        try:
            child.send_signal(signal.SIGSTOP)
            assert 0 < found.take("new", {"weight": 1}) < SECOND_NS // 1_000
            assert found.take("kill", {"weight": 2}) > 0
            found.ban(clock.ns + SECOND_NS, "418")
            assert found.banned_ns() == SECOND_NS
            clock.ns += SECOND_NS
            assert found.take("new", {"weight": 1}) > 0
            assert found.take("kill", {"weight": 2}) == 0  # what ends risk goes out all the same
        finally:
            os.kill(child.pid, signal.SIGKILL)
    assert found.take("kill", {"weight": 1}) == (0 if how == "whole" else 49 * SECOND_NS)
    assert rows.torn == (how == "torn")
    used = found.row()["limits"][0]["used"]
    assert used == (60 + 2 + 1 if how == "whole" else 100 + 2)


def test_budgets_of_one_file_are_one_and_outlive_their_processes(tmp_path: Path) -> None:
    path = tmp_path / "venue.budget"
    clock = Clock()

    def opened(ip: str) -> Budget:
        rows = SharedRows(path)
        return Budget((WEIGHT, ORDERS), clock, rows=rows, guard_ms=0, identity={"ip": ip})

    first, second, other = opened("a"), opened("a"), opened("b")
    assert first.take("new", {"weight": 50, "orders@x": 4}) == 0
    assert takes(second, "new", {"weight": 1}) == 25
    assert takes(second, "kill", {"orders@x": 1}) == 6
    assert takes(other, "new", {"weight": 1}) == 75
    first.ban(clock.ns + 5 * SECOND_NS, "429 told to the first")
    assert second.take("kill", {"weight": 1}) == 5 * SECOND_NS
    assert second.row()["ban_reason"] == "429 told to the first"
    assert opened("a").banned_ns() == 5 * SECOND_NS and other.banned_ns() == 0
    clock.ns += 6 * SECOND_NS
    assert opened("a").take("new", {"weight": 1}) > 0
    assert b"203" not in path.read_bytes() and (path.stat().st_mode & 0o777) == 0o600


def test_a_full_file_makes_room_among_the_idle(tmp_path: Path) -> None:
    found, clock = budget(rows=SharedRows(tmp_path / "a"))
    with pytest.raises(ValueError, match="in use"):
        for number in range(600):
            assert found.take("kill", {f"orders@{number}": 7}) == 0
    clock.ns += 60 * SECOND_NS
    other, _ = budget(rows=SharedRows(tmp_path / "a"))
    other._now_ns = clock
    for number in range(600, 1_000):
        assert other.take("kill", {f"orders@{number}": 7}) == 0
    for number in (601, 999, 3):
        assert takes(found, "kill", {f"orders@{number}": 1}) == (3 if number > 600 else 10)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"something else" * 100)
    with pytest.raises(ValueError, match="no budget file"):
        SharedRows(tmp_path / "a")
