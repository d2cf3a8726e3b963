"""What a kill leaves untold is told as it was: under the ids, quantities and prices of then."""

import tracemalloc

import pytest
from fix_world import change, counterparty, fetched, new_order, one_life, venue_knows

from gateway.entry.fix_acceptor import earlier_orders, order_tracks
from gateway.testing import until

pytestmark = pytest.mark.asyncio

SESSIONS = {"fund": counterparty()}


async def working(fix, client, **changes):
    """An order that the venue has; its id."""
    client.send("D", new_order(**changes))
    order_id = int((await client.until("8"))[37])
    fix.accept(order_id)
    await client.until("8", _39="0")
    return order_id


def replaced(fix, order_id):
    fix.world.link.session.replaced(order_id, price="101", quantity="3", venue_order_id="v1")
    fix.world.drive.kick()


async def asked(fix, order_id, pending):
    await until(lambda: fix.world.row(order_id)["pending"] == pending)


def told(message):
    """Which change, and the numbers it left."""
    return tuple(message.get(tag, "") for tag in (150, 39, 11, 41, 38, 14, 151, 6))


async def told_by_the_next(directory, client, report, sessions=SESSIONS):
    """What the next life tells after all that `client` has seen."""
    heard = max(int(each[34]) for each in client.seen)
    async with one_life(directory, sessions, venue_knows(report)) as fix:
        again = await fix.client(number=client.number)
        await again.logon()
        fix.door.tell_events()
        return await fetched(again, heard + 1)


async def test_fills_around_an_untold_replace_are_told_by_the_terms_of_their_time(ring_directory):
    async with one_life(ring_directory, SESSIONS) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        fix.door.pump.turn = lambda: False  # from here on it is dying
        fix.fill(order_id, "t1", "0.5")
        client.send("G", new_order("g1", _41="a1", _38="3", _44="101"))
        await asked(fix, order_id, "replace")
        replaced(fix, order_id)
        fix.fill(order_id, "t2", "1", price="101")
        report = fix.world.report(order_id, "new", cumulative="1.5", quantity="3", price="101")
    assert [told(each) for each in await told_by_the_next(ring_directory, client, report)] == [
        ("F", "1", "a1", "", "2", "0.5", "1.5", "100"),
        ("E", "E", "g1", "a1", "2", "0.5", "1.5", "100"),
        ("5", "1", "g1", "a1", "3", "0.5", "2.5", "100"),
        ("F", "1", "g1", "", "3", "1.5", "1.5", "100.666666667"),
    ]


async def test_a_replace_told_as_pending_and_done_at_the_kill_names_both_ids(ring_directory):
    async with one_life(ring_directory, SESSIONS) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        client.send("G", new_order("g1", _41="a1", _38="3", _44="101"))
        await client.until("8", _39="E")
        fix.door.pump.turn = lambda: False
        replaced(fix, order_id)
        report = fix.world.report(order_id, "new", quantity="3", price="101")
    assert [told(each)[:5] for each in await told_by_the_next(ring_directory, client, report)] == [
        ("5", "0", "g1", "a1", "3")
    ]


async def test_a_busted_fill_leaves_no_trace_in_what_is_told_later(ring_directory):
    async with one_life(ring_directory, SESSIONS) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        fix.fill(order_id, "t1", "0.5", price="99")
        first = await client.until("8", _150="F")
        fix.door.pump.turn = lambda: False
        fix.fill(order_id, "t2", "0.5", price="95")
        for trade, price in (("t1", "99"), ("t2", "95")):
            fill = fix.world.fill(order_id, trade, "0.5", venue_order_id="v1", price=price)
            fix.world.link.session.fill_busted(fill, 1)
        fix.fill(order_id, "t3", "0.5", price="98")
        report = fix.world.report(order_id, "new", cumulative="0.5")
    found = await told_by_the_next(ring_directory, client, report)
    assert [(each[150], each[14], each[6]) for each in found] == [
        ("F", "1", "97"),
        ("H", "0.5", "95"),
        ("H", "0", "0"),
        ("F", "0.5", "98"),
    ]
    assert [each[19] for each in found[1:3]] == [first[17], found[0][17]]


async def pending_replace(directory, **changes):
    """Told as pending, then a kill: the client, and what the venue knows."""
    async with one_life(directory, SESSIONS) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        client.send("G", new_order("g1", _41="a1", _38="3", _44="101"))
        await client.until("8", _39="E")
        return client, fix.world.report(order_id, "new", venue_order_id="v1", **changes)


async def test_a_refused_replace_is_answered_by_its_own_id_after_a_restart(ring_directory):
    client, report = await pending_replace(ring_directory)
    last = (await told_by_the_next(ring_directory, client, report))[-1]
    assert (last[35], last[11], last[41], last[434]) == ("9", "g1", "a1", "2")


async def test_a_replace_that_is_done_after_a_restart_names_both_ids(ring_directory):
    client, report = await pending_replace(ring_directory, quantity="3", price="101")
    last = (await told_by_the_next(ring_directory, client, report))[-1]
    assert told(last)[:5] == ("5", "0", "g1", "a1", "3")


async def test_a_track_that_begins_with_a_pending_replace_has_its_id_from_the_engine(
    ring_directory,
):
    async with one_life(ring_directory, SESSIONS) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        client.send("G", new_order("g1", _41="a1", _38="3", _44="101"))
        await client.until("8", _39="E")
        fix.door.tracks._tracks.clear()  # as of a session that is added while it trades
        fix.door.tracks.get(order_id)
        replaced(fix, order_id)
        fix.door.tell_events()
        assert told(await client.until("8"))[:5] == ("5", "0", "g1", "a1", "3")


async def test_an_order_whose_beginning_the_journal_lost_is_told_by_what_it_is_now(
    ring_directory, monkeypatch
):
    monkeypatch.setattr(earlier_orders, "_LOOKED_BACK", ())
    async with one_life(ring_directory, SESSIONS) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        fix.fill(order_id, "t1", "0.5", price="99")
        await client.until("8", _150="F")
        fix.door.pump.turn = lambda: False
        fix.fill(order_id, "t2", "0.5", price="97")
        client.send("F", change("c1", "a1"))
        await asked(fix, order_id, "cancel")
        fix.fill(order_id, "t3", "1", price="98")
        report = fix.world.report(order_id, "filled", cumulative="2")
    found = await told_by_the_next(ring_directory, client, report)
    assert [(each[39], each[14], each[6]) for each in found] == [
        ("1", "1", "98"),
        ("6", "1", "98"),
        ("2", "2", "98"),
    ]


async def test_a_cancel_whose_pending_reports_are_not_wanted_is_answered_after_a_restart(
    ring_directory,
):
    quiet = {"fund": counterparty(pending_reports=False)}
    async with one_life(ring_directory, quiet) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        await until(fix.world.native.orders)
        order_id = int(fix.world.native.orders()[0]["order_id"])
        fix.accept(order_id)
        await client.until("8", _39="0")
        client.send("F", change("c1", "a1"))
        await asked(fix, order_id, "cancel")
        report = fix.world.report(order_id, "canceled", venue_order_id="v1")
    found = await told_by_the_next(ring_directory, client, report, quiet)
    assert (found[-1][150], found[-1][11], found[-1][41]) == ("4", "c1", "a1")


async def test_a_cancel_that_was_not_told_at_all_is_told_under_its_own_id(ring_directory):
    async with one_life(ring_directory, SESSIONS) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        fix.door.pump.turn = lambda: False
        fix.door.contexts["fund"].store.release = lambda *held: None  # nor is the F counted
        number = client.number
        client.send("F", change("c1", "a1"))
        await asked(fix, order_id, "cancel")
        heard = int(client.seen[-1][34])
        report = fix.world.report(order_id, "canceled", venue_order_id="v1")
    async with one_life(ring_directory, SESSIONS, venue_knows(report)) as fix:
        again = await fix.client(number=number + 1)
        await again.logon()
        await again.until("2")
        twice = [(43, "Y"), (122, "20231114-22:13:20")]
        again.send("F", change("c1", "a1"), number=number, header=twice)
        found = await fetched(again, heard + 1)
    assert [each[35] for each in found] == ["8"] * len(found), "no refusal of a cancel that worked"
    kinds = [(each[150], each[39], each[11], each[41]) for each in found if each[150] != "I"]
    assert kinds == [("6", "6", "c1", "a1"), ("4", "4", "c1", "a1")]


async def test_a_fill_while_a_told_cancel_is_pending_is_told_as_such_after_a_kill(ring_directory):
    async with one_life(ring_directory, SESSIONS) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        client.send("F", change("c1", "a1"))
        await client.until("8", _39="6")
        fix.door.pump.turn = lambda: False
        fix.fill(order_id, "t1", "0.5")
        report = fix.world.report(order_id, "new", cumulative="0.5", venue_order_id="v1")
    found = await told_by_the_next(ring_directory, client, report)
    assert (found[0][150], found[0][39], found[0][14]) == ("F", "6", "0.5")
    assert [each.get(41) for each in found[1:]] == ["a1"] * (len(found) - 1), found
    assert {each[11] for each in found[1:]} == {"c1"}


async def test_the_id_of_a_cancel_the_venue_refused_is_not_that_of_the_next(ring_directory):
    async with one_life(ring_directory, SESSIONS) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        client.send("F", change("c1", "a1"))
        await client.until("8", _39="6")
        fix.world.link.session.cancel_rejected(order_id, "no")
        fix.world.drive.kick()
        await client.until("9", _11="c1")
        await fix.desk.router.cancel("desk", order_id)  # asked for by another door
        fix.door.tell_events()
        report = fix.world.report(order_id, "canceled", venue_order_id="v1")
    last = (await told_by_the_next(ring_directory, client, report))[-1]
    assert (last[150], last[11], last.get(41)) == ("4", "a1", None)


async def test_a_second_cancel_takes_nothing_from_the_one_that_is_pending(ring_directory):
    async with one_life(ring_directory, SESSIONS) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        ask, asked_for = fix.desk.cancel, []

        def end():
            fix.world.link.session.canceled(order_id, "requested")
            fix.world.drive.kick()
            fix.door.tell_events()

        async def cancel(*arguments):
            if asked_for:
                end()  # just before the verdict of the second
            asked_for.append(arguments)
            return await ask(*arguments)

        fix.desk.cancel = cancel
        client.send("F", change("c1", "a1"))
        await client.until("8", _39="6")
        client.send("F", change("c2", "a1"))
        refused = await client.until("9")
        assert (refused[11], refused[102]) == ("c2", "3")
        end()
        ended = await client.until("8", _150="4")
        assert (ended[11], ended[41]) == ("c1", "a1")


async def test_orders_that_ended_long_ago_take_no_place_after_a_restart(
    ring_directory, monkeypatch
):
    monkeypatch.setattr(order_tracks, "_ENDED_MAX", 1)
    async with one_life(ring_directory, SESSIONS) as fix:
        client = await fix.logged_on()
        ids = []
        for name in ("a1", "a2", "a3"):
            client.send("D", new_order(name))
            ids.append(int((await client.until("8", _11=name))[37]))
            fix.world.link.session.rejected(ids[-1], "no")
            fix.world.drive.kick()
            await client.until("8", _11=name, _39="8")
    async with one_life(ring_directory, SESSIONS) as fix:
        assert len(fix.door.tracks) == 0, "nothing of them is untold"
        assert [fix.door.tracks.get(each).state for each in ids] == ["REJECTED"] * 3
        assert len(fix.door.tracks) == 1, "those asked about take turns"


class Pages:
    """A reader of the journal that has this many fills of order 7, a page at a time."""

    def __init__(self, count):
        self.count, self.sequence = count, 0

    def watch(self, order_id):
        assert order_id == 7

    def read(self, limit, scanned_max):
        first, self.sequence = self.sequence, min(self.count, self.sequence + limit)
        return [
            {"kind": "order_filled", "order_id": 7, "sequence": number + 1, "quantity": 1,
             "price": 5, "price_scale": 0}
            for number in range(first, self.sequence)
        ]  # fmt: skip


async def test_the_untold_records_are_folded_and_never_held():
    class Tracks:
        def adopt(self, row, untold):
            self.untold = untold

    tracks = Tracks()
    tracemalloc.start()
    try:
        orders = earlier_orders.EarlierOrders(lambda start: Pages(20_000), tracks, told=0)
        orders.bring_back([{"order_id": "7", "sequence": 19_999}])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tracks.untold.filled, tracks.untold.turnover) == (19_999, 5 * 19_999)
    assert most < 2_500_000, "two pages at the most"
