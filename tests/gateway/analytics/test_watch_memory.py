"""What a risk watch remembers: a person is not overruled because the watch was started again, the
gate is not told everything again, and a file that is damaged or foreign is named and believed in
nothing."""

import json
import random
from pathlib import Path

import msgspec
import pytest
from engine_world import ACCOUNT, STRATEGY
from watched_desk import long_desk

from gateway.analytics.risk_watch import RiskWatch
from gateway.analytics.watch_memory import JournalPoint, MemoryFile, Recalled
from gateway.analytics.watch_policy import GreekLimit, WatchPolicy

POLICY = WatchPolicy(tells_headroom=False, tells_greeks=False)
POINT = JournalPoint.of(7, b"a record")


@pytest.fixture
def desk(world):
    return long_desk(world, POLICY)


def started_again(desk, tmp_path):
    """Through the file, as the program does it."""
    file = MemoryFile(tmp_path / "memory.json")
    file.write(desk.watch.remembered(), POINT)
    recalled = file.read(desk.policy.actor, lambda point: "" if point == POINT else "another")
    assert recalled.why_none == ""
    desk.restart(recalled.memory)


def states_sent(desk):
    return [each.body["state"] for each in desk.sent if each.path == "/v1/trading-states"]


def test_who_enables_by_name_is_not_overruled_by_a_restart_until_it_gets_worse(desk, tmp_path):
    desk.mark("84.9")
    desk.turn()
    assert desk.state() == "reducing"
    desk.world.state(ACCOUNT, 0)
    for _ in range(3):
        started_again(desk, tmp_path)
        desk.turn()
        assert desk.state() == "active"
    desk.mark("84.1")  # liquidation is worse than a call
    started_again(desk, tmp_path)
    desk.turn()
    assert desk.state() == "reducing"
    desk.world.state(ACCOUNT, 0)
    started_again(desk, tmp_path)
    desk.mark("100")
    desk.turn()
    desk.mark("84.9")  # a new episode
    started_again(desk, tmp_path)
    desk.turn()
    assert desk.state() == "reducing"


def test_who_enables_while_the_watch_is_away_is_not_overruled_either(desk, tmp_path):
    desk.mark("84.9")
    desk.turn()
    file = MemoryFile(tmp_path / "memory.json")
    file.write(desk.watch.remembered(), POINT)
    desk.world.state(ACCOUNT, 0)
    desk.restart(file.read("risk-watch", lambda point: "").memory)
    desk.turn()
    assert desk.state() == "active"
    desk.restart()
    desk.turn()
    assert desk.state() == "reducing", "without a memory it acts on what it sees"


def test_what_was_done_and_not_yet_remembered_is_taken_from_the_journal(desk):
    desk.turn()
    before = desk.watch.remembered()
    desk.mark("84.9")
    desk.turn()
    desk.restart(before)  # it was killed between its command and its memory
    desk.mark("85.2")  # a call only for who knows that there was one
    desk.turn()
    assert (desk.state(), states_sent(desk)) == ("reducing", ["reducing"])
    desk.mark("100")
    desk.turn()
    assert desk.state() == "active"


def test_a_state_that_was_not_taken_is_not_remembered_as_done(desk, tmp_path):
    desk.is_down = True
    desk.mark("84.9")
    desk.turn()
    started_again(desk, tmp_path)
    desk.is_down = False
    desk.turn()
    assert desk.state() == "reducing"
    assert desk.notes == ["margin main USD ok to call"], "the note, too"


def test_what_the_gate_was_told_is_not_told_again_unless_due_or_moved(desk, tmp_path):
    desk.policy = WatchPolicy(instruments=["BTC-PERP"])
    desk.restart()
    desk.turn()
    told = [each.body["name"] for each in desk.sent]
    assert sorted(told) == ["BTC-PERP", "main"]
    started_again(desk, tmp_path)
    desk.turn()
    assert len(desk.sent) == 2, "it stands in the gate"
    desk.world.engine.tell_measures(ACCOUNT, desk.world.account, {"margin_headroom": "7"}, "bob")
    desk.world.turn()
    started_again(desk, tmp_path)
    desk.turn()
    assert [each.body["name"] for each in desk.sent[2:]] == ["main"], "the gate holds another word"
    desk.world.pass_time(16 * 10**9)
    started_again(desk, tmp_path)
    desk.turn()
    assert len(desk.sent) == 5, "both are due"


def test_a_clock_that_was_set_back_does_not_keep_it_silent(desk):
    desk.policy = WatchPolicy(tells_greeks=False)
    desk.restart()
    desk.turn()
    later = msgspec.structs.replace(
        desk.watch.remembered(),
        told={
            key: msgspec.structs.replace(told, time_ns=told.time_ns + 3600 * 10**9)
            for key, told in desk.watch.remembered().told.items()
        },
    )
    desk.restart(later)
    desk.turn()
    assert len(desk.sent) == 2


def test_what_the_policy_watches_no_more_is_forgotten_and_said_once(desk, tmp_path):
    desk.mark("84.9")
    desk.turn()
    desk.policy = WatchPolicy(tells_headroom=False, tells_greeks=False, accounts=["other"])
    for _ in range(3):
        started_again(desk, tmp_path)
        desk.turn()
    assert desk.state() == "reducing"
    assert desk.notes.count("account:main stays reduced") == 1


def test_a_limit_that_was_taken_out_of_the_policy_does_not_stop_a_restart(desk, tmp_path):
    limits = {"firm": GreekLimit(delta_cash="500"), "account:main": GreekLimit(delta_cash="500")}
    desk.policy = WatchPolicy(tells_headroom=False, tells_greeks=False, greek_limits=limits)
    desk.restart()
    desk.turn()
    assert desk.state() == "reducing"
    desk.world.state(ACCOUNT, 0)
    started_again(desk, tmp_path)
    desk.turn()
    assert desk.state() == "active", "a breach is an episode, too"
    one = {"account:main": GreekLimit(vega="5")}
    desk.policy = WatchPolicy(tells_headroom=False, tells_greeks=False, greek_limits=one)
    started_again(desk, tmp_path)
    assert desk.turn().breaches == []


@pytest.mark.parametrize("seed", range(4))
def test_any_number_of_restarts_changes_nothing(seed, desk, world, tmp_path):
    """The same prices and persons, once without a restart and once with one at every look."""
    rng = random.Random(seed)
    walk = [(str(rng.randrange(8400, 8700) / 100), rng.random() < 0.15) for _ in range(40)]
    seen = []
    for is_restarted in (False, True):
        desk.restart()
        desk.mark("100")
        desk.world.state(ACCOUNT, 0)
        desk.turn()
        first, states = len(desk.notes), []
        for price, is_enabled in walk:
            desk.mark(price)
            if is_restarted:
                started_again(desk, tmp_path)
            desk.turn()
            if is_enabled:
                desk.world.state(ACCOUNT, 0)
            states.append(desk.state())
        seen.append((states, desk.notes[first:]))
    assert seen[0] == seen[1]
    assert {"active", "reducing"} <= set(seen[0][0])


@pytest.fixture
def file(tmp_path):
    """One with everything in it."""
    memory = RiskWatch(POLICY).remembered()
    memory = msgspec.structs.replace(
        memory, margin=[("main", "USD", "call")], reduced_by_us=[("account", "main")],
        reduced_for=[("account", "main", ["margin:USD:call"])], unsent=[("subject", "reason")],
    )  # fmt: skip
    made = MemoryFile(tmp_path / "memory.json")
    made.write(memory, POINT)
    assert made.read("risk-watch", lambda point: "").memory == memory
    return made


def test_a_file_that_was_cut_anywhere_is_named_and_believed_in_nothing(file):
    whole = file.path.read_bytes()
    for length in range(len(whole) - 1):  # without its last line end it is whole
        file.path.write_bytes(whole[:length])
        recalled = file.read("risk-watch", lambda point: "")
        assert recalled.memory is None and "damaged" in recalled.why_none, length


def test_a_bit_that_fell_anywhere_is_named_or_harmless(file):
    whole = file.path.read_bytes()
    memory = file.read("risk-watch", lambda point: "").memory
    for place in range(len(whole)):
        for bit in (1, 64):
            flipped = bytearray(whole)
            flipped[place] ^= bit
            file.path.write_bytes(flipped)
            points = []
            recalled = file.read("risk-watch", lambda point, seen=points: seen.append(point) or "")
            is_same = recalled.memory == memory
            assert recalled.why_none or is_same, place
            # In the point itself it is the journal that says so.
            assert recalled.why_none or points != [POINT] or is_same


def test_a_file_of_another_version_actor_or_journal_is_named(file, tmp_path):
    assert file.read("risk-watch", lambda point: "not of here") == Recalled(None, "not of here")
    assert "of the actor risk-watch" in file.read("night-desk", lambda point: "").why_none
    document = json.loads(file.path.read_text())
    file.path.write_text(json.dumps(document | {"version": 2}))
    assert file.read("risk-watch", lambda point: "").why_none.startswith("it is of version 2")
    file.path.write_text(json.dumps(document | {"more": 1}))
    assert "damaged" in file.read("risk-watch", lambda point: "").why_none
    file.path.write_bytes(b"\0" * 100)
    assert "damaged" in file.read("risk-watch", lambda point: "").why_none
    assert MemoryFile(tmp_path / "none").read("x", lambda point: "") == Recalled(None, "")
    assert "cannot be read" in MemoryFile(tmp_path).read("x", lambda point: "").why_none


def test_a_write_that_was_cut_short_at_any_step_leaves_the_old_or_the_new_one(file):
    old = file.read("risk-watch", lambda point: "").memory
    new = msgspec.structs.replace(old, unsent=[])
    steps = []
    MemoryFile(file.path, steps.append).write(old, POINT)
    assert len(steps) == 3

    class Killed(Exception):
        pass

    for stop in steps:

        def step(name, stop=stop):
            if name == stop:
                raise Killed

        with pytest.raises(Killed):
            MemoryFile(file.path, step).write(new, POINT)
        found = file.read("risk-watch", lambda point: "").memory
        assert found == (new if stop.startswith("directory") else old)


def test_a_disk_that_is_full_leaves_the_old_one(file, monkeypatch):
    old = file.read("risk-watch", lambda point: "").memory

    def write_bytes(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(OSError, match="No space"):
        file.write(msgspec.structs.replace(old, unsent=[]), POINT)
    assert file.read("risk-watch", lambda point: "").memory == old


def test_one_watch_holds_it_at_a_time(file):
    with file.held(), pytest.raises(BlockingIOError), MemoryFile(file.path).held():
        pass
    with MemoryFile(file.path).held():
        pass


def test_a_strategy_of_the_same_name_is_another_place(desk, tmp_path):
    desk.mark("84.9")
    desk.turn()
    started_again(desk, tmp_path)
    desk.world.state(STRATEGY, 1)
    desk.turn()
    assert desk.watch.reduced() == ["account:main"]
