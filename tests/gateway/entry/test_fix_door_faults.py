"""The FIX door while the journal has no room, in a kill at the worst moment, and under more traffic
than it can take: nothing is done twice, nothing waits for ever."""

import asyncio

import msgspec
import pytest
from fix_world import SECONDS_MAX, change, counterparty, gated, new_order, open_fix
from live_door import SECRET

from gateway.api import RefusedError
from gateway.config.fix import DROP_COPIES_MAX
from gateway.core.fix_store import FixJournal
from gateway.entry.fix_acceptor import event_pump
from gateway.entry.fix_acceptor.administration import FixAdministration
from gateway.entry.fix_acceptor.cancel_on_disconnect import CancelOnDisconnect
from gateway.entry.fix_acceptor.event_pump import EventPump
from gateway.entry.fix_acceptor.order_tracks import OrderTracks
from gateway.entry.fix_acceptor.session_file import SessionFile
from gateway.entry.keys import Identity
from gateway.testing import until
from gateway.transport.fix_session import StoreBehind
from gateway.transport.fix_session.message import decode_own, encode

pytestmark = pytest.mark.asyncio
QUESTIONS = 4_000  # more than one read of the socket and a queue hold


class Journal:
    """The door's journal, with every group of entries it takes; `is_full`: it takes none."""

    def __init__(self, fix):
        self.groups, self.is_full = [], False
        self._journal, fix.door.journal._journal = fix.door.journal._journal, self._take

    def _take(self, group):
        if self.is_full:
            raise RefusedError("JOURNAL_BEHIND", rule="room for these bytes")
        taken = list(group)
        self._journal(group)  # may have no room yet: the group comes again
        self.groups.append(taken)

    def group_with(self, *texts):
        """The one group with a message that has all of these."""
        (found,) = [
            group
            for group in self.groups
            if any(isinstance(e[4], bytes) and all(t in e[4] for t in texts) for e in group)
        ]
        return found


def counted(group):
    """The incoming numbers of a group, by session."""
    return {entry[0]: entry[3] for entry in group if entry[1] == "incoming"}


async def full_lane(order, **more):
    raise RefusedError("LANE_FULL", rule="the entry lane is full")


async def nothing_waits(fix, name="fund"):
    context = fix.door.contexts[name]
    async with asyncio.timeout(SECONDS_MAX):
        await context.settle()
    assert len(fix.door.application.queues()[0]) == 0
    await until(lambda: not context.store._held)


async def test_a_journal_without_room_does_not_end_the_work_on_a_line_that_is_gone(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        gate = asyncio.Event()

        async def late(order, **more):
            await gate.wait()
            await full_lane(order)

        fix.desk.router.submit, submit = late, fix.desk.router.submit
        for name in ("b1", "b2", "b3"):
            client.send("D", new_order(name))
        await until(lambda: len(fix.door.application.queues()[0]) == 2)
        client.cut()
        session = fix.door.contexts["fund"].session
        await until(lambda: session.state == "disconnected")
        journal = Journal(fix)
        journal.is_full = True
        gate.set()
        await nothing_waits(fix)
        journal.is_full = False
        fix.desk.router.submit = submit
        again = await fix.client(number=client.number)
        await again.logon()
        again.send("2", [(7, 2), (16, 0)])
        answers = [await again.until("8") for _ in range(3)]
        assert [(each[11], each[150]) for each in answers] == [
            ("b1", "8"), ("b2", "8"), ("b3", "8"),
        ]  # fmt: skip
        again.send("H", [(11, "zz"), (55, "BTC-USDT.sim"), (54, "1")])
        await again.until("8", _11="zz")
        assert not fix.world.native.orders(), "what was refused is not entered later"


REFUSED = [
    ("D", new_order("z1"), b"\x0111=z1\x01", b"\x01150=8\x01"),
    ("F", change("z1", "nobody"), b"\x0111=z1\x01", b"\x0135=9\x01"),
    ("G", new_order("z1", _41="nobody"), b"\x0111=z1\x01", b"\x0135=9\x01"),
    ("q", [(11, "z1"), (530, "7"), (60, "20231114-22:13:20.000")], b"\x0111=z1\x01", b"35=r\x01"),
    ("H", [(11, "z1"), (55, "BTC-USDT.sim"), (54, "1")], b"\x0111=z1\x01", b"\x0135=8\x01"),
]


@pytest.mark.parametrize("is_up", [True, False])
@pytest.mark.parametrize(("kind", "fields", "name", "answer"), REFUSED)
async def test_an_answer_and_the_number_of_its_question_are_journaled_together(  # noqa: PLR0917
    ring_directory, kind, fields, name, answer, is_up
):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        context = fix.door.contexts["fund"]
        fix.desk.router.submit = full_lane
        queue = fix.door.application.queues()[0]
        queue._handled, gate = gated(queue._handled)
        journal = Journal(fix)
        number = client.number
        client.send(kind, fields)
        await gate.asked.wait()
        if not is_up:
            client.cut()
            await until(lambda: context.session.state == "disconnected")
        gate.go.set()
        await nothing_waits(fix)
        session = context.store._store.session
        row = fix.world.native.fix_session
        await until(lambda: row(session)["next_incoming"] == number + 1)
        assert counted(journal.group_with(name, answer)).get(session) == number + 1


async def test_the_refusals_of_a_list_and_its_number_are_journaled_together(ring_directory):
    async with open_fix(ring_directory, {"fund": counterparty(begin_string="FIXT.1.1")}) as fix:
        client = await fix.client(begin_string="FIXT.1.1")
        await client.logon()
        journal = Journal(fix)
        number = client.number
        legs = [
            pair
            for name in ("z1", "z2")
            for pair in (
                (11, name), (67, "1"), (1, "nobody"), (55, "BTC-USDT.sim"), (54, "1"),
                (60, "20231114-22:13:20.000"), (38, "2"), (40, "2"), (44, "100"), (59, "1"),
            )
        ]  # fmt: skip
        client.send("E", [(66, "L1"), (394, "3"), (1385, "1"), (68, "2"), (73, "2"), *legs])
        await client.until("N")
        session = fix.door.contexts["fund"].store._store.session
        group = journal.group_with(b"\x0111=z1\x01", b"\x01150=8\x01")
        assert group is journal.group_with(b"\x0111=z2\x01", b"\x01150=8\x01")
        assert counted(group).get(session) == number + 1


@pytest.mark.parametrize(("copies", "trades"), [(3, 150), (DROP_COPIES_MAX, 10)])
async def test_reports_of_a_turn_and_its_mark_are_one_group_however_much_there_is(
    ring_directory, copies, trades
):
    copies = {
        f"copy{n}": counterparty(target_comp_id=f"COPY{n}", kind="drop_copy") for n in range(copies)
    }
    async with open_fix(ring_directory, {"fund": counterparty()} | copies) as fix:
        client = await fix.logged_on()
        client.send("D", new_order(_38="100"))
        order_id = int((await client.until("8"))[37])
        fix.accept(order_id)
        await client.until("8", _39="0")
        journal = Journal(fix)
        fix.door.pump.turn, turn = (lambda: False), fix.door.pump.turn
        for trade in range(trades):
            fix.fill(order_id, f"t{trade}", "0.5")
        filled = f"{trades // 2}"
        await until(lambda: fix.world.row(order_id)["cumulative_quantity"] == filled)
        store = fix.door.contexts["fund"].store
        while turn():
            store.save(store.next_outgoing, other_output(store.next_outgoing))
        session = fix.door.pump._cursor.session
        marks = [counted(group)[session] for group in journal.groups if session in counted(group)]
        told = [group for group in journal.groups if has_fill(group)]
        assert len(told) > 2 and all(session in counted(group) for group in told), marks
        assert marks == sorted(set(marks)), "each mark moves with what it led to"


def has_fill(group):
    return any(isinstance(entry[4], bytes) and b"\x01150=F\x01" in entry[4] for entry in group)


def other_output(number):
    return encode([(8, b"FIX.4.4"), (35, b"y"), (34, b"%d" % number), (58, b"y" * 60_000)])


async def test_a_disabled_session_takes_no_new_risk_and_still_cancels(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        fix.accept(order_id)
        await client.until("8", _39="0")
        queue = fix.door.application.queues()[0]
        queue._handled, gate = gated(queue._handled)
        client.send("D", new_order("queued"))
        client.send("G", new_order("g1", _41="a1", _38="3"))
        await until(lambda: len(queue) == 1)
        people = administration(fix, ring_directory)
        await people.disable(BOSS, "fund", actor="anna", reason="credit")
        client.send("D", new_order("late"))
        client.send("F", change("c1", "a1"))
        await until(lambda: len(queue) == 2)
        gate.go.set()
        assert (await client.until("j"))[58] == "NOT_PERMITTED: the session is disabled"
        await until(lambda: fix.world.row(order_id)["pending"] == "cancel")
        await nothing_waits(fix)
        store = fix.door.contexts["fund"].store
        pages = store.pages(1, store.next_outgoing - 1)
        kept = [decode_own(data) for page in pages for _, data in page]
        assert [each.get(372) for each in kept if each.message_type == b"j"] == [b"D", b"D", b"G"]
        assert [row["client_order_id"] for row in fix.world.native.orders()] == ["a1"]
        assert fix.world.row(order_id)["quantity"] == "2", "not replaced"


async def test_a_revoked_key_takes_no_new_risk_until_the_next_logon(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        context = fix.door.contexts["fund"]
        context.identity = msgspec.structs.replace(context.identity, scopes=frozenset({"trade"}))
        fix.door.check_keys()
        client.send("D", new_order("late"))
        assert (await client.until("j"))[58] == "NOT_PERMITTED: the key was revoked"
        client.send("5")
        await until(lambda: context.session.state == "disconnected")
        again = await fix.client(number=client.number)
        await again.logon()
        again.send("D", new_order("a2"))
        assert (await again.until("8"))[39] == "A"


async def test_a_queue_that_is_full_stops_reading_and_goes_on(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        context = fix.door.contexts["fund"]
        queue = fix.door.application.queues()[0]
        queue._handled, gate = gated(queue._handled)
        questions = b""
        for _ in range(QUESTIONS):
            questions += client.encoded("H", [(11, "zz"), (55, "BTC-USDT.sim"), (54, "1")])
            client.number += 1
        client.writer.write(questions)
        await until(lambda: context.session.is_paused)
        for _ in range(50):
            await asyncio.sleep(0)
        at_most = 256 + 262_144 * QUESTIONS // len(questions)
        assert len(queue) <= at_most < QUESTIONS, "one read of the socket may come on top"
        fix.world.advance(80_000)  # the peer is not silent: nobody listens
        context.session.tick(fix.world.native.now_ns())
        assert context.session.close_reason is None
        gate.go.set()
        for _ in range(QUESTIONS):
            await client.until("8", _11="zz")
        assert not context.session.is_paused


async def test_the_door_stops_in_time_whatever_a_peer_sends(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()

        async def ask_on():
            while True:
                client.send("H", [(11, "zz"), (55, "BTC-USDT.sim"), (54, "1")])
                await asyncio.sleep(0)

        asking = asyncio.get_running_loop().create_task(ask_on())
        try:
            await client.until("8", _11="zz")
            async with asyncio.timeout(SECONDS_MAX):
                await fix.door.stop(0.1)
        finally:
            asking.cancel()


async def test_a_door_stops_although_a_message_is_never_done(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        queue = fix.door.application.queues()[0]
        queue._handled, gate = gated(queue._handled)
        number = client.number
        client.send("H", [(11, "zz"), (55, "BTC-USDT.sim"), (54, "1")])
        await gate.asked.wait()
        async with asyncio.timeout(SECONDS_MAX):
            await fix.door.stop(0.05)
        store = fix.door.contexts["fund"].store._store
        assert store.next_expected == number, "it is asked for again by the next life"


async def test_telling_events_ends_where_they_were_and_in_a_bounded_time(ring_directory):
    async with open_fix(ring_directory) as fix:
        turns = []
        fix.door.pump.turn = lambda: turns.append(1) or True  # events without end
        assert fix.door.tell_now() is True or turns
        first = len(turns)
        assert first <= 8
        fix.door.tell_events()
        assert len(turns) <= 2 * first + 1


async def test_cancels_that_began_go_on_after_a_late_return_and_spare_what_is_new(ring_directory):
    sessions = {"fund": counterparty(cancel_on_disconnect=True, cancel_grace_ms=0)}
    async with open_fix(ring_directory, sessions) as fix:
        asked, go = asyncio.Event(), asyncio.Event()

        async def sleep(seconds):
            asked.set()
            await go.wait()

        cancels = CancelOnDisconnect(fix.desk, fix.door.tracks, fix.door.tell_now, sleep)
        fix.door.tracks.own_port = fix.router.port_number
        fix.door.services.append(cancels)
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        fix.accept(order_id)
        await client.until("8", _39="0")
        fix.desk.router.cancel, cancel = full_lane_for_cancels, fix.desk.router.cancel
        client.cut()
        await asked.wait()
        fix.world.advance(300)
        again = await fix.client(number=client.number)
        await again.logon()
        again.send("D", new_order("new", _44="99"))
        await again.until("8", _11="new")
        fix.desk.router.cancel = cancel
        go.set()
        await until(lambda: fix.world.row(order_id)["pending"] == "cancel")
        await until(lambda: not cancels._tasks)
        new = next(r for r in fix.world.native.orders() if r["client_order_id"] == "new")
        assert new["pending"] == "", "what he entered after his return stays"


async def full_lane_for_cancels(*arguments):
    raise RefusedError("LANE_FULL", rule="the entry lane is full")


BOSS = Identity("boss", "boss", frozenset({"admin"}))


def administration(fix, directory):
    return FixAdministration(
        fix.door, SessionFile(directory / "sessions.jsonl"), lambda wanted: None
    )


@pytest.mark.parametrize("is_cancelling", [True, False])
async def test_a_counterparty_without_heartbeats_is_not_let_in(ring_directory, is_cancelling):
    sessions = {"fund": counterparty(cancel_on_disconnect=is_cancelling)}
    async with open_fix(ring_directory, sessions) as fix:
        client = await fix.client()
        client.send("A", [(98, 0), (108, 0), (553, "desk"), (554, SECRET)])
        assert (await client.until("5"))[58] == "HeartBtInt must be at least 1"


async def test_a_session_added_later_hears_of_the_orders_its_principal_has(ring_directory):
    other = {"other": counterparty(target_comp_id="OTHER", principal="boss")}
    async with open_fix(ring_directory, other) as fix:
        order_id = await fix.world.submit("r1")
        fix.accept(order_id)
        await until(lambda: fix.world.row(order_id)["state"] == "NEW")
        fix.door.open("fund", counterparty())
        client = await fix.logged_on()
        fix.fill(order_id, "t1", "1")
        report = await client.until("8", _11="r1")
        assert report[150] == "F"
        fix.door.tell_events()
        assert await client.silence() == []


async def test_the_pump_goes_on_from_the_oldest_record_when_its_own_are_gone(
    ring_directory, caplog
):
    async with open_fix(ring_directory) as fix:
        await write_much(fix)
        segments = sorted(each for each in ring_directory.rglob("segment-*.journal"))
        assert len(segments) > 1, sorted(ring_directory.rglob("*"))
        segments[0].unlink()
        tracks = OrderTracks(fix.world.engine.order, fix.world.engine.scales)
        journal = FixJournal(fix.world.native)
        pump = EventPump(fix.world.engine, journal, tracks, now_ns=1)
        assert "are lost" in caplog.text
        pump.follow("desk")
        heard = []
        pump.hear(heard.append)
        await fix.world.submit("r1")
        while pump.turn():
            pass
        assert [event.order["client_order_id"] for event in heard][:1] == ["r1"]


async def test_the_mark_moves_past_what_is_none_of_ours(ring_directory, monkeypatch):
    monkeypatch.setattr(event_pump, "_PASSED_MAX", 500)
    async with open_fix(ring_directory) as fix:
        before = fix.door.pump._cursor.next_expected
        await write_much(fix)
        moved = fix.door.pump._cursor
        await until(lambda: moved.next_expected > before + 2_000)
        assert moved.next_expected <= fix.world.native.sequence + 1


async def write_much(fix):
    """So many records that the journal begins a new segment."""
    store = fix.door.contexts["fund"].store
    for number in range(1, 3_001):
        store.save(number, encode([(8, b"FIX.4.4"), (35, b"8"), (34, b"%d" % number),
                                   (58, b"x" * 800)]))  # fmt: skip
        if number % 20 == 0:
            await until(lambda: is_flushed(store))


def is_flushed(store):
    try:
        store.flush()
    except StoreBehind:
        return False
    return True
