"""A real QuickFIX engine as a counterparty of the door: it trades, loses its line and its
life, and so do we; its own dictionary judges every message."""

import asyncio
import importlib.util
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fix_world import FixWorld, change, counterparty, new_order, venue_knows
from live_door import SECRET
from quickfix_program import free_port, program

from gateway.api import PositionReport
from gateway.config.fix import FixSchedule
from gateway.testing import until

PEER = Path(__file__).parents[1] / "transport/fix_session/quickfix_peer.py"
# An engine takes seconds to start: one version here, the others by `make nightly`.
VERSIONS = [
    "FIX.4.4",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("FIX.4.2", "FIXT.1.1")),
]
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(
        importlib.util.find_spec("quickfix") is None, reason="no wheel of quickfix-py here"
    ),
]


class Counterparty:
    """The engine's program, and what it told as {tag: text}."""

    def __init__(self, running):
        self.running = running

    def say(self, kind, fields):
        self.running.say(f"send {kind} " + "|".join(f"{tag}={value}" for tag, value in fields))

    def told(self, event="from_app"):
        lines = [line.split(" ", 1)[1] for line in self.running.lines if line.startswith(event)]
        pairs = [[part.split("=", 1) for part in line.split("|") if part] for line in lines]
        return [{int(tag): value for tag, value in each} for each in pairs]

    async def until(self, kind, event="from_app", **fields):
        """The first message of a type with these fields, as _39="2"."""
        wanted = {int(name.strip("_")): value for name, value in fields.items()} | {35: kind}
        found = []

        def has_come():
            found[:] = [each for each in self.told(event) if wanted.items() <= each.items()]
            return bool(found)

        try:
            await until(has_come)
        except AssertionError:
            raise AssertionError(f"{wanted} never came in {self.running.lines}") from None
        return found[0]

    def judge(self):
        """Its dictionary refused nothing, and no number of ours was used twice."""
        assert not self.told("to_admin") or "3" not in [m[35] for m in self.told("to_admin")]
        fresh = [each[34] for each in self.told() if 43 not in each]
        assert len(fresh) == len(set(fresh)), fresh
        ids = [each[17] for each in self.told() if each[35] == "8" and 43 not in each]
        assert len(ids) == len(set(ids)), ids


@asynccontextmanager
async def desk(port, folder, version, **more):
    words = {"sender": "FUND", "target": "GATEWAY", "key": "desk", "secret": SECRET} | more
    arguments = [f"{name}={value}" for name, value in words.items()]
    async with program(str(PEER), "initiator", str(port), str(folder), version, *arguments) as run:
        made = Counterparty(run)
        await run.heard("logon")
        yield made
        made.judge()


def of_now(prepare=lambda world: None):
    """The engine's clock is not its own here, and QuickFIX has the time of day."""

    def at_start(world):
        prepare(world)
        world.native.set_time(max(time.time_ns(), world.native.now_ns() + 1))

    return at_start


class Life(FixWorld):
    """A gateway that ends as by a kill, once."""

    is_over = False

    async def end(self):
        if not self.is_over:
            self.is_over = True
            await self.die()


@asynccontextmanager
async def life(directory, port, version, prepare=lambda world: None):
    session = counterparty(begin_string=version, reset_accepted=True)
    world = Life(directory, {"fund": session}, port=port)
    try:
        yield await world.start(of_now(prepare))
    finally:
        await world.end()


async def works(fix, peer, name, **changes):
    """An order that works at the venue; its id."""
    peer.say("D", new_order(name, **changes))
    order_id = int((await peer.until("8", _11=name, _39="A"))[37])
    fix.accept(order_id, f"v{order_id & 0xFFFF}")
    await peer.until("8", _11=name, _39="0")
    return order_id


async def trade(fix, peer):
    """Accepted, filled, replaced, canceled, refused: each told in its own words."""
    old = fix.sessions["fund"].begin_string == "FIX.4.2"
    order_id = await works(fix, peer, "a1")
    fix.fill(order_id, "t1", "0.5", price="99.5")
    partial = await peer.until("8", _11="a1", _39="1")
    assert [partial[tag] for tag in (150, 14, 151, 32, 31, 6)] == [
        "1" if old else "F", "0.5", "1.5", "0.5", "99.5", "99.5"
    ]  # fmt: skip
    peer.say("G", new_order("a2", _41="a1", _38="3", _44="99"))
    assert (await peer.until("8", _11="a2", _39="E"))[41] == "a1"
    fix.world.link.session.replaced(order_id, price="99", quantity="3", venue_order_id="v1")
    fix.world.drive.kick()
    replaced = await peer.until("8", _11="a2", _150="5")
    assert [replaced[tag] for tag in (41, 38, 44, 14, 151)] == ["a1", "3", "99", "0.5", "2.5"]
    peer.say("F", change("a3", "a2", _38="3"))
    await peer.until("8", _11="a3", _39="6")
    fix.world.link.session.canceled(order_id, "requested", cumulative_quantity="0.5")
    fix.world.drive.kick()
    ended = await peer.until("8", _11="a3", _39="4")
    assert [ended[tag] for tag in (37, 41, 14, 151)] == [str(order_id), "a2", "0.5", "0"]
    peer.say("F", change("a4", "a2", _38="3"))
    late = await peer.until("9", _11="a4")
    assert [late[tag] for tag in (39, 434, 102)] == ["4", "1", "0"]
    peer.say("D", new_order("big", _38="5000"))
    refused = await peer.until("8", _11="big", _39="8")
    assert (refused[150], refused[151], refused[14]) == ("8", "0", "0") and refused[58]
    peer.say("D", new_order("a1"))
    assert (await peer.until("8", _11="a1", _39="8"))[103] == "6"


async def gaps(fix, peer):
    """Numbers that were never sent, theirs and ours: asked for and filled, and nothing is lost."""
    peer.running.say("sender 300")
    await peer.running.heard("next is 300")
    await works(fix, peer, "jump")
    assert (await peer.until("2", "from_admin"))[35] == "2", "we asked"
    peer.running.say("skip 500")
    await peer.running.heard("next is 500")
    await works(fix, peer, "skipped")
    assert fix.door.contexts["fund"].session.store.next_expected == 501
    ours = fix.door.contexts["fund"].session
    ours.set_numbers(outgoing=ours.store.next_outgoing + 40)
    await works(fix, peer, "over")
    await peer.until("2", "to_admin")
    await peer.until("4", "from_admin", _123="Y")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_quickfix_engine_trades_through_the_door_and_its_gaps_are_closed(
    ring_directory, tmp_path, version
):
    port = free_port()
    async with life(ring_directory, port, version) as fix, desk(port, tmp_path, version) as peer:
        await trade(fix, peer)
        await gaps(fix, peer)
        away = await works(fix, peer, "away")
        peer.running.say("logout")
        await peer.running.heard("logout")
        fix.fill(away, "t2", "0.5")
        fix.door.tell_events()
        peer.running.say("logon")
        missed = await peer.until("8", _11="away", _39="1")
        assert missed[43] == "Y" and missed[122] and missed[14] == "0.5"


def known_of(fix):
    """For the next life: what works at the venue, and what is held there."""
    working, held = [], Decimal(0)
    for row in fix.world.native.orders():
        done, order_id = row["cumulative_quantity"], int(row["order_id"])
        held += Decimal(done)
        state = "partially_filled" if float(done) else "new"
        number = f"v{order_id & 0xFFFF}"
        working.append(fix.world.report(order_id, state, done, venue_order_id=number))

    position = PositionReport(account="main", instrument="BTCUSDT", leg="net", quantity=f"{held}")

    def prepare(world):
        venue_knows(*working)(world)
        world.adapter.open, world.adapter.position = working, [position]

    return prepare


async def test_kills_of_either_side_lose_no_report_and_double_none(ring_directory, tmp_path):
    port, version = free_port(), "FIX.4.4"
    async with life(ring_directory, port, version) as fix:
        async with desk(port, tmp_path, version) as peer:
            order_id = await works(fix, peer, "a1")
        fix.fill(order_id, "t1", "0.5")  # while it is dead
        fix.door.tell_events()
        async with desk(port, tmp_path, version) as peer:
            assert (await peer.until("8", _11="a1", _14="0.5"))[43] == "Y"
            order_id = await works(fix, peer, "a2")
            fix.door.pump.turn = lambda: False  # from here on we are dying
            fix.fill(order_id, "t2", "1.5")
            known = known_of(fix)
            await fix.end()
            await peer.running.heard("logout")
            peer.say("D", new_order("a3"))  # it keeps what it sends to the dead
            async with life(ring_directory, port, version, known) as later:
                await peer.until("8", _11="a2", _14="1.5")
                await peer.until("8", _11="a3", _39="A")
                orders = later.world.native.orders()
                assert sorted(row["client_order_id"] for row in orders) == ["a1", "a2", "a3"]
                fills = [m[17] for m in peer.told() if m.get(11) == "a2" and m[39] == "1"]
                assert len(set(fills)) == 1
                known = known_of(later)
    # Both numbers begin anew; the ids of before stay taken.
    reset = desk(port, tmp_path, version, reset="Y")
    async with life(ring_directory, port, version, known) as fix, reset as peer:
        logon = await peer.until("A", "from_admin")
        assert (logon[34], logon[141]) == ("1", "Y")
        await works(fix, peer, "b1")
        peer.say("D", new_order("a1"))
        assert (await peer.until("8", _11="a1", _39="8"))[103] == "6"
        assert fix.door.contexts["fund"].session.store.next_expected == 4


class Clock:
    """The engine's time goes on as that of the peer does, so much ahead of it."""

    ahead_ns = 0

    async def follow(self, world):
        while True:
            now_ns = time.time_ns() + self.ahead_ns
            world.native.set_time(max(now_ns, world.native.now_ns() + 1))
            await asyncio.sleep(0.02)


async def test_an_engine_is_logged_out_at_the_end_refused_in_the_pause_and_begins_with_one(
    ring_directory, tmp_path
):
    """The pause between two session times is some seconds of now; it dials each second. Our clock
    is set to its beginning: less than a heartbeat ahead, so that neither side seems silent."""
    now = datetime.now(UTC).replace(microsecond=0)
    end_ns = int(now.timestamp() + 28) * 10**9
    end, start = (f"{now + timedelta(seconds=after):%H:%M:%S}" for after in (28, 48))
    schedule = FixSchedule(start_time=start, end_time=end)
    port, version = free_port(), "FIX.4.4"
    session = counterparty(schedule=schedule, reset_accepted=True)
    world = Life(ring_directory, {"fund": session}, port=port)
    fix = await world.start(of_now())
    clock = Clock()
    following = asyncio.create_task(clock.follow(fix.world))
    more = [f"{name}={value}" for name, value in {
        "sender": "FUND", "target": "GATEWAY", "key": "desk", "secret": SECRET, "forget": "Y",
    }.items()]  # fmt: skip
    try:
        async with program(
            str(PEER), "initiator", str(port), str(tmp_path), version, *more
        ) as running:
            peer = Counterparty(running)
            await running.heard("logon")
            await works(fix, peer, "before")
            store = fix.door.contexts["fund"].session.store
            assert store.next_outgoing == 4
            clock.ahead_ns = end_ns - time.time_ns()
            await running.heard("logout")
            ended = await peer.until("5", "from_admin")
            assert (ended[34], ended[58]) == ("4", "End of the session time")
            await until(lambda: [line.split()[0] for line in running.lines].count("logon") == 2)
            logons = [each for each in peer.told("from_admin") if each[35] == "A"]
            assert [(each[34], each.get(141)) for each in logons] == [("1", "Y")] * 2
            assert logons[1][52].partition("-")[2] >= start, "none was taken in the pause"
            await works(fix, peer, "after")
            assert (store.next_outgoing, store.next_expected) == (4, 3)
            admin = [each[35] for each in peer.told("from_admin") + peer.told("to_admin")]
            assert not {"2", "3", "4"} & set(admin), "no gap, no reject, no reset"
            peer.say("F", change("c1", "before", _38="2"))
            assert (await peer.until("8", _11="c1"))[41] == "before"
    finally:
        following.cancel()
        await world.end()
