"""What questions cost: the registry is read once for all sessions, and limits come from [fix]."""

import asyncio
from dataclasses import asdict

import pytest
from fix_world import counterparty, new_order, open_fix
from live_door import SECRET

from gateway.config.fix import FixSettings
from gateway.entry.fix_acceptor.opening import question_limits
from gateway.entry.fix_acceptor.questions import QuestionLimits, Questions

pytestmark = pytest.mark.asyncio
SYMBOL = "BTC-USDT.sim"
PRICES = [(262, "m1"), (263, 1), (264, 1), (265, 1), (267, 1), (269, 0), (146, 1), (55, SYMBOL)]
KINDS = {"copy1": "COPY1", "copy2": "COPY2", "prices": "PRICES"}


class Counting:
    """The native engine; counts what is asked of its registry."""

    def __init__(self, native):
        self._native, self.asked = native, []

    def __getattr__(self, name):
        return getattr(self._native, name)

    def registry(self, kind):
        self.asked.append(kind)
        return self._native.registry(kind)


def sessions():
    return {
        name: counterparty(target_comp_id=theirs, principal="desk",
                           kind="market_data" if name == "prices" else "drop_copy")
        for name, theirs in KINDS.items()
    }  # fmt: skip


async def test_a_look_reads_the_registry_once_for_every_session(ring_directory):
    async with open_fix(ring_directory, sessions()) as fix:
        questions = next(each for each in fix.door.services if isinstance(each, Questions))
        clients = []
        for theirs in KINDS.values():
            client = await fix.client(sender=theirs)
            await client.logon(secret=SECRET)
            client.send("V", PRICES)
            assert (await client.until("W"))[270] == "99.9"
            clients.append(client)
        fix.world.link.session._native.marked(1, "101", "100.9", "101.1", "101")
        await fix.world.sends()
        for client in clients:
            assert (await client.until("X"))[270] == "100.9"
        engine = fix.desk.engine
        counting = engine.native = Counting(engine.native)
        try:
            await questions.look()
        finally:
            engine.native = counting._native
        assert sorted(counting.asked) == ["instrument", "principal"]
        assert await turns_of(questions) == [0, 1, 2], "others run between two sessions"


async def turns_of(questions):
    """In which turn of the event loop a look tells each session."""
    turns, found, tell = [0], [], questions._tell

    def told(place):
        found.append(turns[0])
        tell(place)

    async def count():
        while len(found) < len(KINDS):
            await asyncio.sleep(0)
            turns[0] += 1

    questions._tell = told
    await asyncio.wait_for(asyncio.gather(count(), questions.look()), 10)
    return found


async def test_an_instrument_the_session_may_not_use_has_no_price(ring_directory):
    narrow = counterparty(kind="market_data", instruments=["ETH-USDT.sim"])
    async with open_fix(ring_directory, {"fund": narrow}) as fix:
        client = await fix.logged_on()
        client.send("V", PRICES)
        assert (await client.until("Y"))[281] == "0"
        client.send("x", [(320, "s1"), (559, 4)])
        assert (await client.until("y"))[560] == "2"


async def test_the_settings_of_the_door_bound_questions(ring_directory):
    assert question_limits(FixSettings()) == QuestionLimits(), "the defaults are the same"
    names = set(asdict(QuestionLimits())) - {"market_data"}
    changed = {name: getattr(QuestionLimits(), name) + 1 for name in names}
    limits = question_limits(FixSettings(**changed))
    assert {name: getattr(limits, name) for name in names} == changed


async def test_fills_and_subscriptions_of_states_are_bound(ring_directory):
    limits = QuestionLimits(fills_kept_max=1, venue_subscriptions_max=1)
    async with open_fix(ring_directory, questions=limits) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8", _39="A"))[37])
        fix.accept(order_id)
        for trade in ("t1", "t2"):
            fix.fill(order_id, trade, "0.5")
            await client.until("8", _150="F")
        client.send("AD", [(568, "t1"), (569, 0)])
        assert (await client.until("AQ"))[748] == "1", "the newest"
        client.send("g", [(335, "g1"), (263, 1)])
        await client.until("h")
        client.send("g", [(335, "g2"), (263, 1)])
        assert (await client.until("j"))[58] == "at most 1 subscriptions of 35=g"
