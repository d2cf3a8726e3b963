"""The session time of a door: its end, its next start, and a daemon that dies over the boundary."""

import dataclasses

import pytest
from fix_world import FixWorld, counterparty, fetched, new_order, one_life, open_fix, venue_knows

from gateway.api import RefusedError
from gateway.config.fix import FixSchedule, SessionPolicy
from gateway.core.fix_store import FixJournal
from gateway.entry.fix_acceptor.administration import FixAdministration
from gateway.entry.fix_acceptor.session_file import SessionFile
from gateway.entry.keys import Identity
from gateway.transport.fix_session import Schedule, parse_time

pytestmark = pytest.mark.asyncio

# The engine's clock begins at 2023-11-14 22:13:20 UTC, a Tuesday.
EVENING = FixSchedule(start_time="22:00", end_time="22:14", days=["tuesday", "wednesday"])
ENDED, NEXT_START = "20231114-22:14:00", "20231115-22:00:00"


def set_time(world, text):
    world.native.set_time(parse_time(text.encode()))


def at(text, prepare=lambda world: None):
    """For `start`: a later time of the engine."""

    def prepared(world):
        prepare(world)
        set_time(world, text)

    return prepared


def numbers(fix, name="fund"):
    store = fix.door.contexts[name].store
    return store.next_outgoing, store.next_expected


def journaled(fix):
    """(next outgoing, next expected) of the session, as the journal has it."""
    session = fix.door.contexts["fund"].store._store.session
    row = fix.world.native.fix_session(session)
    return row["next_outgoing"], row["next_incoming"]


async def ended(fix, client):
    """The clock comes to the end of the session time."""
    set_time(fix.world, ENDED)
    session = fix.door.contexts["fund"].session
    session.tick(fix.world.native.now_ns())
    logout = await client.until("5")
    client.send("5")
    assert await client.next() is None
    return logout


async def test_at_its_end_everybody_is_logged_out_and_nobody_comes_back_before_the_start(
    ring_directory,
):
    async with open_fix(ring_directory, {"fund": counterparty(schedule=EVENING)}) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        await client.until("8")
        logout = await ended(fix, client)
        assert logout[58] == "End of the session time"
        before = numbers(fix)
        set_time(fix.world, "20231115-21:59:59")
        early = await fix.client(number=client.number)
        early.send("A", [(98, 0), (108, 30), (553, "desk"), (554, "wrong")])
        assert await early.next() is None, "who is not known learns no times"
        assert numbers(fix) == before
        early = await fix.client(number=client.number)
        early.send("A", [(98, 0), (108, 30), *secrets()])
        refused = await early.next()
        assert (refused[35], refused[58]) == ("5", "Outside of the session time")
        assert int(refused[34]) == before[0]
        assert await early.next() is None
        set_time(fix.world, NEXT_START)
        again = await fix.client()
        answer = await again.logon()
        assert answer[34] == "1" and 141 not in answer
        assert numbers(fix) == journaled(fix) == (2, 2)
        again.send("D", new_order("a2"))
        assert (await again.until("8", _11="a2"))[34] == "2"


def secrets():
    from live_door import SECRET

    return [(553, "desk"), (554, SECRET)]


async def test_fixt_says_by_a_code_that_logons_are_not_taken_now(ring_directory):
    session = counterparty(schedule=EVENING, begin_string="FIXT.1.1")
    async with open_fix(ring_directory, {"fund": session}) as fix:
        set_time(fix.world, "20231115-08:00:00")
        client = await fix.client(begin_string="FIXT.1.1")
        client.send("A", [(98, 0), (108, 30), *secrets(), (1137, 9)])
        refused = await client.next()
        assert (refused[35], refused[1409]) == ("5", "7")


@pytest.mark.parametrize("is_reset", [True, False])
async def test_a_daemon_that_dies_over_the_boundary_begins_as_configured(ring_directory, is_reset):
    """Told before the boundary, untold at the kill, and happened in the new session time: numbers
    rise from 1, or go on; none is used twice, and a resend gives what its own time has."""
    sessions = {"fund": counterparty(schedule=EVENING, reset_at_start=is_reset)}
    async with one_life(ring_directory, sessions) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        fix.accept(order_id)
        await client.until("8", _39="0")
        told_before = {each[17] for each in client.seen if each[35] == "8"}
        heard = int(client.seen[-1][34])
        report = fix.world.report(order_id, "new", venue_order_id="v1")
        fix.door.pump.turn = lambda: False  # from here on it is dying
        fix.fill(order_id, "t1", "0.5")
    known = venue_knows(report)
    async with one_life(ring_directory, sessions, at(NEXT_START, known)) as fix:
        fix.fill(order_id, "t2", "0.5")
        fix.door.tell_events()
        first = 1 if is_reset else heard + 2  # a Logout of ours at the end of the first life
        assert numbers(fix) == journaled(fix) == (first + 2, 1 if is_reset else client.number)
        again = await fix.client(number=1 if is_reset else client.number)
        answer = await again.logon()
        assert int(answer[34]) == first + 2
        told = await fetched(again, 1)
        mine = [each for each in told if each[17] not in told_before]
        assert [(int(each[34]), each[14]) for each in mine] == [(first, "0.5"), (first + 1, "1")]
        assert bool(told_before & {each[17] for each in told}) is not is_reset
        assert len({each[34] for each in told}) == len(told), "no number twice"
    # And once more within the same session time: nothing begins anew.
    async with one_life(ring_directory, sessions, at("20231115-22:10:00", known)) as fix:
        later = await fix.client(number=again.number)
        answer = await later.logon()
        assert int(answer[34]) > first + 2


async def test_a_kill_at_any_step_of_the_turn_uses_no_number_twice(ring_directory, monkeypatch):
    """The reset and the first message of the new session time are one group of records."""
    sessions = {"fund": counterparty(schedule=EVENING)}
    async with one_life(ring_directory, sessions) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        report = fix.world.report(order_id, "new", venue_order_id="v1")
    groups, inner = [], FixJournal._journal

    def journal(self, group):
        groups.append(list(group))
        inner(self, group)

    monkeypatch.setattr(FixJournal, "_journal", journal)
    async with one_life(ring_directory, sessions, at(NEXT_START, venue_knows(report))) as fix:
        fix.fill(order_id, "t1", "0.5")
        fix.door.tell_events()
        session = fix.door.contexts["fund"].store._store.session
        (turned,) = [each for each in groups if any(entry[1] == "reset" for entry in each)]
        kinds = [entry[1] for entry in turned if entry[0] == session]
        assert kinds[:2] == ["reset", 1], "whole or not at all"
        assert any(entry[1] == "incoming" for entry in turned), "and the mark of what was told"


async def test_a_schedule_has_the_words_of_its_setting():
    """One list of words: one that only the setting has, or only the session, fails here."""
    words = [each.name for each in dataclasses.fields(Schedule)]
    assert sorted(words) == sorted(FixSchedule.__struct_fields__)


async def test_the_default_of_the_door_is_every_sessions_and_one_may_differ(ring_directory):
    sessions = {
        "fund": counterparty(),
        "free": counterparty(
            target_comp_id="FREE", kind="drop_copy", schedule=FixSchedule(), reset_on_logon=False
        ),
    }
    policy = SessionPolicy(schedule=EVENING, reset_on_logon=True, resend_page=50)
    async with open_fix(ring_directory, sessions, policy=policy) as fix:
        fund, free = (fix.door.contexts[name].session.settings for name in ("fund", "free"))
        evening = Schedule("22:00", "22:14", days=("tuesday", "wednesday"))
        assert fund.schedule == evening and fund.resend_chunk == 50
        assert fund.is_reset_on_logon
        assert free.schedule == Schedule() and free.resend_chunk == 50
        assert not free.is_reset_on_logon
        set_time(fix.world, "20231115-08:00:00")
        rows = {each.name: each.row() for each in fix.door.contexts.values()}
        assert [rows[name]["is_session_time"] for name in ("fund", "free")] == [False, True]


async def test_reset_on_logon_begins_both_numbers_anew_each_time(ring_directory):
    sessions = {"fund": counterparty(reset_on_logon=True)}
    async with open_fix(ring_directory, sessions) as fix:
        for name in ("a1", "a2"):
            client = await fix.client()
            assert (await client.logon())[34] == "1"
            client.send("D", new_order(name))
            assert (await client.until("8", _11=name))[34] == "2"
            client.cut()
            await client.reader.read()
        assert journaled(fix)[1] == 3


@pytest.mark.parametrize("policy", ["reset_on_logout", "reset_on_disconnect"])
async def test_numbers_may_begin_anew_behind_the_end_of_a_line(ring_directory, policy):
    async with open_fix(ring_directory, {"fund": counterparty(**{policy: True})}) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        await client.until("8")
        client.send("5")
        await client.until("5")
        assert await client.next() is None
        again = await fix.client()
        assert (await again.logon())[34] == "1"
        assert numbers(fix) == (2, 2)


async def test_our_requests_for_a_gap_are_paged(ring_directory):
    async with open_fix(ring_directory, {"fund": counterparty(resend_page=3)}) as fix:
        client = await fix.logged_on()
        client.number = 12
        client.send("1", [(112, "gap")])
        pages = []
        for number in range(2, 12):
            if not pages or number > pages[-1][1]:
                asked = await client.until("2")
                pages.append((int(asked[7]), int(asked[16]) or 11))
            client.send("1", [(112, f"t{number}")], number=number,
                        header=[(43, "Y"), (122, "20231114-22:13:20")])  # fmt: skip
        assert pages == [(2, 4), (5, 7), (8, 10), (11, 11)]
        await client.until("0", _112="gap")


async def test_a_session_of_run_time_takes_its_own_session_time_also_after_a_restart(
    ring_directory,
):
    file = SessionFile(ring_directory / "fix_sessions.jsonl")
    operator = Identity("ops", "ops", frozenset({"admin"}))
    added = {
        "target_comp_id": "LATE", "principal": "desk", "kind": "drop_copy",
        "schedule": {"start_time": "08:00", "end_time": "17:00", "time_zone": "Europe/London"},
        "resend_page": 7,
    }  # fmt: skip
    why = {"actor": "anna", "reason": "new client"}
    async with open_fix(ring_directory) as fix:
        administration = FixAdministration(fix.door, file, lambda wanted: None)
        row = administration.add(operator, "late", added, **why)
        assert row["is_session_time"] is False
        late = await fix.client(sender="LATE")
        late.send("A", [(98, 0), (108, 30), *secrets()])
        assert (await late.next())[58] == "Outside of the session time"
        with pytest.raises(RefusedError, match="schedule"):
            administration.add(operator, "bad", added | {"schedule": {"begin": "08:00"}}, **why)
    found = file.settings_after({"fund": counterparty()})
    assert found["late"].schedule.time_zone == "Europe/London"
    world = FixWorld(ring_directory, found)
    await world.start(at("20231115-09:00:00"))
    try:
        late = await world.client(sender="LATE")
        assert (await late.logon())[34] == "1"
        assert world.door.contexts["late"].session.settings.resend_chunk == 7
    finally:
        await world.stop()
