"""Drop copies: what others' orders do is heard in the journal's order, once, and nothing can be
done by it. Every message of the listener is made by simplefix."""

import shutil

import pytest
from fix_world import change, counterparty, new_order, open_fix
from native_world import LIMITS

from gateway.execution.router import NewOrder
from gateway.transport.fix_session import LineLimits

pytestmark = pytest.mark.asyncio

AUDIT = {"sender": "AUDIT"}


def sessions(**changes):
    copy = counterparty(target_comp_id="AUDIT", principal="boss", kind="drop_copy",
                        scopes=["read"], accounts="all", strategies="all", **changes)  # fmt: skip
    return {"fund": counterparty(), "audit": copy}


async def listening(fix, *, number=1):
    client = await fix.client(number=number, **AUDIT)
    await client.logon(key="boss")
    return client


def by_another_door(name="r1", **changes):
    return NewOrder(**({
        "principal": "desk", "client_order_id": name, "account": "main",
        "instrument": "BTC-USDT.sim", "strategy": "alpha", "side": "sell", "type": "limit",
        "time_in_force": "gtc", "quantity": "1", "price": "101",
    } | changes))  # fmt: skip


async def test_orders_of_every_door_are_copied_in_the_order_of_the_journal(ring_directory):
    async with open_fix(ring_directory, sessions()) as fix:
        fund, audit = await fix.logged_on(), await listening(fix)
        fund.send("D", new_order())
        order_id = int((await fund.until("8", _39="A"))[37])
        other = await fix.world.router.submit(by_another_door())
        fix.accept(order_id)
        fix.fill(order_id, "t1", "0.5")
        fix.accept(int(other.order["order_id"]), "v2")
        own = [await fund.until("8", _37=str(order_id)) for _ in range(2)]
        copies = [await audit.until("8") for _ in range(5)]
        assert [(each[11], each[150]) for each in copies if each[150] != "A"] == [
            ("a1", "0"), ("a1", "F"), ("r1", "0"),
        ]  # fmt: skip
        sequences = [int(each[17].lstrip("E")) for each in copies]
        assert sequences == sorted(sequences), "the journal's order"
        assert {each[17] for each in own} <= {each[17] for each in copies}, "the same execution"


async def test_a_drop_copy_cannot_do_anything_with_orders(ring_directory):
    async with open_fix(ring_directory, sessions()) as fix:
        fund, audit = await fix.logged_on(), await listening(fix)
        fund.send("D", new_order())
        await fund.until("8", _39="A")
        await audit.until("8")
        for kind, fields in (("D", new_order("b1")), ("F", change("c1", "a1")),
                             ("q", [(11, "q1"), (530, 7), (60, "20231114-22:13:20")])):  # fmt: skip
            audit.send(kind, fields)
            refused = await audit.until("j")
            assert (refused[372], refused[380]) == (kind, "3")
        assert fix.world.engine.order_by_client_id("boss", "b1") is None
        assert [row["pending"] for row in fix.world.native.orders()] == [""]


async def test_only_what_the_session_may_see_is_copied(ring_directory):
    hidden = counterparty(target_comp_id="AUDIT", principal="boss", kind="drop_copy",
                          scopes=["read"], accounts=["other"], strategies="all")  # fmt: skip
    both = sessions() | {"elsewhere": hidden}
    both["audit"] = counterparty(target_comp_id="ALL", principal="boss", kind="drop_copy",
                                 scopes=["read"], accounts="all", strategies="all")  # fmt: skip
    async with open_fix(ring_directory, both) as fix:
        fund, nothing = await fix.logged_on(), await listening(fix)
        everything = await fix.client(sender="ALL")
        await everything.logon(key="boss")
        fund.send("D", new_order())
        await fund.until("8", _39="A")
        fix.accept(int((await everything.until("8"))[37]))
        assert (await everything.until("8"))[11] == "a1"
        assert await nothing.silence() == []


async def test_a_copy_goes_on_where_it_stopped_also_after_the_gateway_was_killed(ring_directory):
    killed = ring_directory / "killed"
    (ring_directory / "first").mkdir()
    async with open_fix(ring_directory / "first", sessions()) as fix:
        fund, audit = await fix.logged_on(), await listening(fix)
        fund.send("D", new_order())
        order_id = int((await fund.until("8", _39="A"))[37])
        await audit.until("8")
        audit.cut()  # and nobody listens any more
        fix.accept(order_id)
        fix.fill(order_id, "t1", "0.5")
        await fund.until("8", _150="F")
        # What a kill -9 leaves is what is in the files now.
        unnamed = shutil.ignore_patterns("*.tmp")  # being made while the copy is
        shutil.copytree(ring_directory / "first", killed, ignore=unnamed)
    async with open_fix(killed, sessions()) as fix:
        audit = await fix.client(number=2, **AUDIT)
        audit.send("A", [(98, 0), (108, 30), (553, "boss"), (554, "s" * 32)])
        logon = await audit.until("A")
        audit.send("2", [(7, 3), (16, 0)])
        told = [await audit.until("8") for _ in range(2)]
        assert [(each[150], each[43]) for each in told] == [("0", "Y"), ("F", "Y")]
        assert int(logon[34]) == int(told[-1][34]) + 1, "each once: two were kept, no more"
        fix.fill(order_id, "t2", "0.5")
        fresh = await audit.until("8")
        assert (fresh[150], fresh[14], fresh.get(43)) == ("F", "1", None)


async def test_a_copy_that_does_not_read_holds_nobody_back(ring_directory):
    terms = {"limits": LineLimits(send_buffer_bytes_max=65_536, slow_reader_s=0)}
    async with open_fix(ring_directory, sessions(), **terms) as fix:
        fund, _ = await fix.logged_on(), await listening(fix)
        context = fix.door.contexts["audit"]
        line = next(each for each in fix.door._acceptor._lines if each.session is context.session)
        line.pause_writing()  # as the transport says when the peer's window is full
        count = 0
        while context.session.is_logged_on and count < 1000:
            count += 1
            fund.send("D", new_order(f"n{count}", _38="0.001"))
            await fund.until("8", _11=f"n{count}")
        assert count < 1000, "never cut"
        fund.send("D", new_order("after"))
        await fund.until("8", _11="after")
        assert context.store.next_outgoing > count, "kept for its next logon"


@pytest.mark.parametrize("is_halted", [True, False])
async def test_an_order_that_is_kept_to_be_crossed_is_working_until_its_rest_ends(
    ring_directory, is_halted
):
    async with open_fix(ring_directory, sessions()) as fix:
        world, audit = fix.world, await listening(fix)
        world.engine.define_strategy("beta")
        world.engine.set_limits("strategy", "beta", LIMITS, actor="test", reason="start")
        kept = await fix.router.submit(by_another_door("r1", price="99", cross_ms=50))
        order_id = int(kept.order["order_id"])
        other = {"strategy": "beta", "side": "buy", "quantity": "0.5", "cross_ms": 50}
        await fix.router.submit(by_another_door("r2", **other))
        if is_halted:
            world.engine.set_trading_state(
                "firm", "", "halted", is_latch=False, actor="test", reason="test"
            )
        world.advance(51)
        await world.sends()
        if not is_halted:
            world.link.session.rejected(order_id, "no")
            await world.sends()
        end = await audit.until("8", _37=str(order_id), _39="4")
        assert (end[150], end[14], end[151]) == ("4", "0.5", "0")
        if is_halted:
            assert end[58] == "cross_ended"
        states = [heard[39] for heard in audit.seen if heard.get(37) == str(order_id)]
        assert set(states[states.index("0") :]) <= {"0", "1", "4"}, "never pending again"
