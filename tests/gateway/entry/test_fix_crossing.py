"""A counterparty asks to be crossed inside the house, and hears in its own words what came of
it."""

import pytest
from fix_world import counterparty, new_order, open_fix
from native_world import LIMITS

pytestmark = pytest.mark.asyncio

VERSIONS = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")


def two_books(begin_string="FIX.4.4"):
    return {"fund": counterparty(strategies=["alpha", "beta"], begin_string=begin_string)}


async def crossing(fix, begin_string="FIX.4.4"):
    world = fix.world
    world.engine.define_strategy("beta")
    world.engine.set_limits("strategy", "beta", LIMITS, actor="test", reason="start")
    return await fix.logged_on(begin_string=begin_string)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_crossed_fill_says_that_no_market_executed_it(ring_directory, version):
    async with open_fix(ring_directory, two_books(version)) as fix:
        client = await crossing(fix, version)
        client.send("D", new_order("b", _44="101", _5004="1000"))
        kept = await client.until("8", _11="b", _39="0")
        assert 29 not in kept and 30 not in kept
        client.send("D", new_order("s", _54="2", _44="99", _5001="beta", _5004="1000", _38="0.5"))
        fill = "1" if version == "FIX.4.2" else "F"
        bought = await client.until("8", _11="b", _39="1")
        assert (bought[29], bought[30], bought[32], bought[31]) == ("2", "XOFF", "0.5", "100")
        assert (bought[150], bought[14], bought[151]) == (fill, "0.5", "1.5")
        sold = await client.until("8", _11="s", _39="2")
        assert (sold[29], sold[30], sold[31]) == ("2", "XOFF", "100")
        orders = [order for kind, sent in fix.world.adapter.sent if kind == "new" for order in sent]
        assert orders == [], "the venue never heard of it"
        order_id = int(bought[37])
        fix.world.advance(1_001)
        await fix.world.sends()
        fix.fill(order_id, "t1", "1.5", price="101")
        there = await client.until("8", _11="b", _39="2")
        assert 29 not in there and 30 not in there, "the rest was executed at the venue"


@pytest.mark.parametrize("value", ["0", "30001", "-1", "1.5", "soon", " 50", "1e3", "9" * 19])
async def test_what_is_no_time_to_be_kept_is_refused_by_its_tag(ring_directory, value):
    async with open_fix(ring_directory, two_books()) as fix:
        client = await crossing(fix)
        client.send("D", new_order("a1", _5004=value))
        refused = await client.until("8")
        assert (refused[150], refused[39], refused[37]) == ("8", "8", "NONE")
        assert refused[58].startswith("RANGE cross_ms: 5004 is a whole number of milliseconds")
        assert fix.world.native.orders() == []


async def test_what_cannot_be_kept_is_refused_in_the_words_of_every_door(ring_directory):
    async with open_fix(ring_directory, two_books()) as fix:
        client = await crossing(fix)
        client.send("D", new_order("a1", _5004="50", _5003="Y"))
        refused = await client.until("8")
        assert (refused[39], refused[103]) == ("8", "11")
        assert refused[58].startswith("BAD_CROSS cross_ms: An order like this cannot be kept")


async def test_the_time_to_be_kept_does_not_change_by_a_replace(ring_directory):
    async with open_fix(ring_directory, two_books()) as fix:
        client = await crossing(fix)
        client.send("D", new_order("a1", _5004="30000"))
        await client.until("8", _39="0")
        client.send("G", new_order("a2", _41="a1", _44="99", _5004="100"))
        refused = await client.until("9")
        assert refused[58].startswith("UNSUPPORTED_TYPE cross_ms: 5004 does not change")
        client.send("G", new_order("a3", _41="a1", _44="99", _5004="30000"))
        assert (await client.until("8", _11="a3", _150="5"))[44] == "99"


async def test_the_same_order_again_is_the_same_only_with_the_same_time(ring_directory):
    async with open_fix(ring_directory, two_books()) as fix:
        client = await crossing(fix)
        client.send("D", new_order("a1", _5004="30000"))
        order_id = (await client.until("8", _39="0"))[37]
        client.send("D", new_order("a1", _5004="30000"), header=[(97, "Y")])
        assert (await client.until("8", _150="I"))[37] == order_id
        client.send("D", new_order("a1"), header=[(97, "Y")])
        assert (await client.until("8", _39="8"))[103] == "6"
