"""What a counterparty is told over restarts, cuts and resets: all of it, once, in order."""

import pytest
from fix_world import (
    change,
    counterparty,
    fetched,
    gated,
    new_order,
    one_life,
    open_fix,
    venue_knows,
)

from gateway.entry.fix_acceptor import QuietService

pytestmark = pytest.mark.asyncio


async def test_reports_wait_for_a_counterparty_that_is_away_and_come_once_in_order(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        heard = int(client.seen[-1][34])
        client.cut()
        fix.accept(order_id)
        fix.fill(order_id, "t1", "0.5")
        fix.fill(order_id, "t2", "1.5")
        fix.door.tell_events()
        again = await fix.client(number=client.number)
        answer = await again.logon()
        assert int(answer[34]) == heard + 4, "the numbers of what was missed are used"
        missed = await fetched(again, heard + 1)
        assert [(each[150], each[39]) for each in missed] == [("0", "0"), ("F", "1"), ("F", "2")]
        assert all(each[43] == "Y" and each[122] for each in missed)
        fix.door.tell_events()
        assert await again.silence() == [], "nothing is told twice"


async def test_what_a_dead_gateway_left_untold_the_next_one_tells_once(ring_directory):
    sessions = {"fund": counterparty()}
    async with one_life(ring_directory, sessions) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        client.send("D", new_order("a2", _44="99"))
        other = int((await client.until("8", _11="a2"))[37])
        first_ids = {each[17] for each in client.seen if each[35] == "8"}
        heard = int(client.seen[-1][34])
        fix.door.pump.turn = lambda: False  # from here on it is dying
        fix.accept(order_id)
        fix.fill(order_id, "t1", "0.5", price="99.5")
        fix.accept(other, "v2")
        fix.fill(order_id, "t2", "1.5")
        report = fix.world.report(other, "new", price="99", venue_order_id="v2")
    for life in range(2):
        async with one_life(ring_directory, sessions, venue_knows(report)) as fix:
            again = await fix.client(number=client.number + 3 * life)
            answer = await again.logon()
            told = await fetched(again, heard + 1)
            assert [(each[11], each[150], each[39], each[14], each[151]) for each in told] == [
                ("a1", "0", "0", "0", "2"),
                ("a1", "F", "1", "0.5", "1.5"),
                ("a2", "0", "0", "0", "2"),
                ("a1", "F", "2", "2", "0"),
            ], life  # fmt: skip
            assert [told[1][6], told[3][6]] == ["99.5", "99.875"], "AvgPx as it was then"
            ids = [each[17] for each in told]
            assert len(set(ids)) == 4 and not first_ids & set(ids)
            assert int(answer[34]) >= heard + 5


async def test_an_order_that_was_not_counted_comes_again_and_is_one_order(ring_directory):
    """The engine has it, the session's number does not: a crash between the two."""
    sessions = {"fund": counterparty()}
    async with one_life(ring_directory, sessions) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        store = fix.door.contexts["fund"].store
        number = client.number - 1
        assert store.next_expected == number + 1
        report = fix.world.report(order_id, "new", venue_order_id="v1")
        fix.accept(order_id)
        await client.until("8", _39="0")
    async with one_life(ring_directory, sessions, venue_knows(report)) as fix:
        fix.door.contexts["fund"].session.set_numbers(expected=number)  # as if it had never moved
        again = await fix.client(number=number + 1)
        await again.logon()
        asked = await again.until("2")
        assert asked[7] == str(number)
        again.send("D", new_order(), number=number, header=[(43, "Y"), (122, "20231114-22:13:20")])
        told = await again.until("8")
        assert (told[150], told[39], told[37]) == ("I", "0", str(order_id))
        assert len(fix.world.native.orders()) == 1


async def test_a_reset_forgets_numbers_and_no_client_order_id(ring_directory):
    resetting = counterparty(reset_accepted=True)
    async with open_fix(ring_directory, {"fund": resetting}) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        await client.until("8")
        client.cut()
        again = await fix.client()
        await again.logon(fields=[(141, "Y")])
        again.send("D", new_order())
        refused = await again.until("8")
        assert (refused[39], refused[103]) == ("8", "6")


async def test_a_pending_cancel_is_answered_by_its_own_id_after_a_restart(ring_directory):
    sessions = {"fund": counterparty()}
    async with one_life(ring_directory, sessions) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        fix.accept(order_id)
        client.send("F", change("c1", "a1"))
        await client.until("8", _39="6")
        heard = int(client.seen[-1][34])
        report = fix.world.report(order_id, "canceled", venue_order_id="v1")
    async with one_life(ring_directory, sessions, venue_knows(report)) as fix:
        fix.door.tell_events()
        again = await fix.client(number=client.number)
        await again.logon()
        told = await fetched(again, heard + 1)
        ends = [each for each in told if each[39] == "4"]
        assert [(each[150], each[11], each[41]) for each in ends] == [("4", "c1", "a1")], told


async def test_the_number_of_a_message_moves_only_behind_its_verdict(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        context = fix.door.contexts["fund"]
        row = fix.world.native.fix_session
        session = context.store._store.session
        fix.router._verdict, verdict = gated(fix.router._verdict)
        client.send("D", new_order())
        await verdict.asked.wait()
        context.store.flush()
        assert row(session)["next_incoming"] == 2, "only the Logon counts"
        assert context.store.next_expected == 3, "the session goes on"
        verdict.go.set()
        await client.until("8")
        context.store.flush()
        assert row(session)["next_incoming"] == 3


async def test_a_service_that_fails_silences_nobody_else(ring_directory):
    async with open_fix(ring_directory) as fix:

        class Failing(QuietService):
            def happened(self, event):
                raise ZeroDivisionError

        fix.door.services.insert(0, Failing())
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        fix.accept(order_id)
        assert (await client.until("8"))[39] == "0"
        assert fix.door.counters["untold"] == 2


async def test_another_services_messages_and_events_are_plugged_in(ring_directory):
    """The seam: a handler of its own type, and events of followed principals."""
    async with open_fix(ring_directory) as fix:
        heard = []

        class Lists(QuietService):
            def handlers(self):
                return {b"x": self.answer}

            async def answer(self, context, message):
                context.send(b"y", [(320, message.get(320)), (322, b"1"), (560, b"0")])

            def happened(self, event):
                heard.append((event.kind, event.order["client_order_id"]))

        service = Lists()
        fix.door.services.append(service)
        fix.door.application._handlers.update(service.handlers())
        client = await fix.logged_on()
        client.send("x", [(320, "q1"), (559, "4")])
        assert (await client.until("y"))[320] == "q1"
        client.send("D", new_order())
        await client.until("8")
        assert heard == [("order_new", "a1")]
