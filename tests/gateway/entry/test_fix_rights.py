"""What a key, a scope and a bound are worth once a session is up."""

import pytest
from fix_world import counterparty, new_order, open_fix
from live_door import KEYS, write_keys

from gateway.api import RefusedError
from gateway.entry.fix_acceptor.administration import FixAdministration
from gateway.entry.fix_acceptor.inquiries import Inquiries
from gateway.entry.fix_acceptor.session_file import SessionFile
from gateway.entry.keys import Identity
from gateway.testing import until
from gateway.transport.fix_session import FixMessage

pytestmark = pytest.mark.asyncio


async def test_a_key_that_is_another_principals_now_ends_its_sessions(ring_directory):
    reading = counterparty(scopes=["read", "cancel"])  # which boss may too
    async with open_fix(ring_directory, {"fund": reading}) as fix:
        client = await fix.logged_on()
        fix.door.check_keys()
        assert await client.silence() == []
        write_keys(ring_directory / "keys.toml", KEYS | {"desk": ("boss", KEYS["desk"][1])})
        fix.keys.reload()
        fix.door.check_keys()
        assert (await client.until("5"))[58] == "The key was revoked"


async def test_a_status_needs_the_scope_to_read(ring_directory):
    async with open_fix(ring_directory, {"fund": counterparty(scopes=["trade"])}) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        await client.until("8", _39="A")
        client.send("H", [(11, "a1"), (54, 1), (55, "BTC-USDT.sim")])
        told = await client.until("8", _150="I")
        assert told[58].startswith("NOT_PERMITTED") and told[37] == "NONE"


async def test_more_orders_than_one_answer_holds_are_not_told_as_all(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        for name in ("a1", "a2"):
            client.send("D", new_order(name))
            await client.until("8", _11=name)
        asked = FixMessage([(35, b"AF"), (584, b"m1"), (585, b"7")])
        inquiries = Inquiries(fix.desk, fix.door.tell_events, orders_max=1)
        assert await inquiries.mass_status(fix.door.contexts["fund"], asked) is None
        told = await client.until("8")
        assert (told[584], told[58]) == ("m1", "2 open orders, at most 1: name 55")


async def test_numbers_are_not_reset_under_somebody_who_came_meanwhile(ring_directory):
    async with open_fix(ring_directory) as fix:
        context = fix.door.contexts["fund"]

        async def come():
            await fix.logged_on()

        context.settle = come
        people = FixAdministration(
            fix.door, SessionFile(ring_directory / "sessions.jsonl"), lambda wanted: None
        )
        boss = Identity("boss", "boss", frozenset({"admin"}))
        with pytest.raises(RefusedError, match="NOT_READY"):
            await people.reset(boss, "fund", actor="anna", reason="tidy")
        await until(lambda: context.session.is_logged_on)
        assert context.store.next_outgoing == 2
