"""Orders over FIX as a counterparty sees them: every message of it is made by simplefix."""

import sysconfig
from pathlib import Path

import msgspec
import pytest
from fix_world import change, counterparty, new_order, open_fix
from native_world import LIMITS

from gateway.api import RefusedError
from gateway.entry.in_process import InProcessClient
from gateway.entry.keys import Identity
from gateway.transport.fix_session import FixMessage, Rules, load_dictionary, validate

pytestmark = pytest.mark.asyncio


async def test_an_order_is_acknowledged_accepted_and_filled_in_order(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        pending = await client.until("8")
        assert (pending[150], pending[39], pending[151], pending[14]) == ("A", "A", "2", "0")
        order_id = int(pending[37])
        fix.accept(order_id)
        fix.fill(order_id, "t1", "0.5", price="99.5")
        fix.fill(order_id, "t2", "1.5", price="100")
        told = [await client.until("8") for _ in range(3)]
        assert [(each[150], each[39], each[151], each[14]) for each in told] == [
            ("0", "0", "2", "0"), ("F", "1", "1.5", "0.5"), ("F", "2", "0", "2"),
        ]  # fmt: skip
        assert [(each[31], each[32]) for each in told[1:]] == [("99.5", "0.5"), ("100", "1.5")]
        assert told[1][6] == "99.5" and told[2][6] == "99.875"
        ids = [each[17] for each in (pending, *told)]
        assert len(set(ids)) == 4 and {each[37] for each in told} == {pending[37]}


async def test_python_code_and_fix_with_one_intent_make_one_order(ring_directory):
    intent = {"client_order_id": "a1", "account": "main", "instrument": "BTC-USDT.sim"}
    intent |= {"strategy": "alpha", "side": "buy", "type": "limit", "time_in_force": "gtc"}
    async with open_fix(ring_directory) as fix:
        python = InProcessClient(
            fix.desk, Identity("k", "desk", frozenset({"read", "trade", "cancel"}))
        )
        client = await fix.logged_on()
        inside = await python.submit(**intent, quantity="2", price="100")
        client.send("D", [(97, "Y"), *new_order()])
        told = await client.until("8", _11="a1", _150="I")
        assert told[37] == inside.order["order_id"]
        client.send("D", new_order("a2"))
        by_fix = await client.until("8", _11="a2")
        again = await python.submit(**intent | {"client_order_id": "a2"}, quantity="2", price="100")
        assert not again.is_new and again.order["order_id"] == by_fix[37]
        assert len(fix.world.native.orders()) == 2


async def working(fix, client, name="a1", **changes):
    """An order that works at the venue; its id."""
    client.send("D", new_order(name, **changes))
    order_id = int((await client.until("8", _39="A"))[37])
    fix.accept(order_id, f"v{order_id & 0xFFFF}")
    await client.until("8", _39="0")
    return order_id


async def test_a_cancel_has_its_own_id_and_names_the_one_before(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        client.send("F", change("c1", "a1"))
        pending = await client.until("8")
        assert (pending[150], pending[39], pending[11], pending[41]) == ("6", "6", "c1", "a1")
        fix.fill(order_id, "t1", "0.5")
        fill = await client.until("8")
        assert (fill[150], fill[39], fill[11]) == ("F", "6", "a1"), "a fill while a cancel waits"
        fix.world.link.session.canceled(order_id, "requested", cumulative_quantity="0.5")
        fix.world.drive.kick()
        end = await client.until("8")
        assert (end[150], end[39], end[11], end[41]) == ("4", "4", "c1", "a1")
        assert (end[14], end[151], 378 in end) == ("0.5", "0", False)
        client.send("F", change("c2", "a1"))
        late = await client.until("9")
        assert (late[11], late[41], late[39], late[434], late[102]) == ("c2", "a1", "4", "1", "0")
        assert late[58].startswith("TOO_LATE_TO_CANCEL")


async def test_a_cancel_of_nobodys_order_is_refused_as_unknown(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("F", change("c1", "nothing"))
        refused = await client.until("9")
        assert [refused[tag] for tag in (37, 11, 41, 39, 434, 102)] == [
            "NONE", "c1", "nothing", "8", "1", "1"
        ]  # fmt: skip


async def test_an_id_of_a_cancel_that_names_an_order_is_refused_as_used(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        await working(fix, client, "a1")
        await working(fix, client, "a2", _44="99")
        client.send("F", change("a2", "a1"))
        refused = await client.until("9")
        assert (refused[102], refused[39]) == ("6", "0")
        client.send("F", change("c1", "a1"))
        await client.until("8", _39="6")
        client.send("F", change("c2", "a1"))
        again = await client.until("9")
        assert (again[102], again[39]) == ("3", "6"), "one cancel at a time"


async def test_an_id_of_a_cancel_that_is_pending_names_no_second_cancel(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        first = await working(fix, client, "a1")
        await working(fix, client, "a2", _44="99")
        client.send("F", change("c1", "a1"))
        await client.until("8", _11="c1", _39="6")
        client.send("F", change("c1", "a2"))
        refused = await client.until("9")
        assert [refused[tag] for tag in (11, 41, 39, 102)] == ["c1", "a2", "0", "6"]
        assert refused[58].startswith("ID_CONFLICT client_order_id")
        fix.world.link.session.cancel_rejected(first, "not now")
        fix.world.drive.kick()
        assert (await client.until("9"))[41] == "a1", "and the first one is answered by its id"
        client.send("F", change("c1", "a2"))
        assert (await client.until("8", _11="c1"))[41] == "a2", "which is free again"


async def test_a_replace_moves_the_chain_on_and_a_burnt_id_does_not(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        client.send("G", new_order("g1", _41="a1", _38="3", _44="101"))
        pending = await client.until("8")
        assert (pending[150], pending[39], pending[11], pending[41]) == ("E", "E", "g1", "a1")
        fix.world.link.session.replaced(order_id, price="101", quantity="3", venue_order_id="v2")
        fix.world.drive.kick()
        done = await client.until("8")
        assert [done[tag] for tag in (150, 39, 11, 41, 38, 44, 151)] == [
            "5", "0", "g1", "a1", "3", "101", "3"
        ]  # fmt: skip
        client.send("G", new_order("g2", _41="a1", _38="4"))
        stale = await client.until("9")
        assert (stale[434], stale[102], stale[11], stale[41]) == ("2", "1", "g2", "a1")
        client.send("G", new_order("g3", _41="g1", _38="4", _44="101"))
        await client.until("8", _150="E")
        fix.world.link.session.replace_rejected(order_id, "not now")
        fix.world.drive.kick()
        refused = await client.until("9")
        assert [refused[tag] for tag in (11, 41, 39, 434)] == ["g3", "g1", "0", "2"]
        assert "not now" in refused[58]
        client.send("F", change("c1", "g1"))
        assert (await client.until("8"))[41] == "g1", "the id of the refused replace is burnt"


async def test_the_same_id_again_is_refused_but_a_possible_resend_is_told_where_it_stands(
    ring_directory,
):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        client.send("D", new_order())
        refused = await client.until("8")
        assert [refused[tag] for tag in (150, 39, 103, 151, 14)] == ["8", "8", "6", "0", "0"]
        client.send("D", new_order(_38="7"))
        other = await client.until("8")
        assert (other[150], other[103]) == ("8", "6")
        client.send("D", new_order(), header=[(97, "Y")])
        told = await client.until("8")
        assert [told[tag] for tag in (150, 39, 11, 37)] == ["I", "0", "a1", str(order_id)]
        assert told[97] == "Y"
        sent = [row for kind, rows in fix.world.adapter.sent if kind == "new" for row in rows]
        assert len(sent) == 1, "one order went to the venue"


async def test_a_refusal_has_the_code_of_every_door_and_uses_no_id(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("D", new_order(_38="5000"))
        refused = await client.until("8")
        assert [refused[tag] for tag in (37, 150, 39, 103, 151)] == ["NONE", "8", "8", "13", "0"]
        assert refused[58].startswith("MAX_ORDER_QUANTITY quantity: ")
        assert "limit 1000" in refused[58]
        client.send("D", new_order())
        assert (await client.until("8"))[39] == "A", "the id is free after a refusal"


@pytest.mark.parametrize(
    ("changes", "reason", "code"),
    [
        ({"_55": "NO-SUCH"}, "1", "UNKNOWN_INSTRUMENT"),
        ({"_1": "other"}, "99", "NOT_PERMITTED"),
        ({"_1": None}, "A", ""),  # the only account of the session
        ({"_44": "100.01"}, "99", "PRECISION"),
        ({"_38": "-1"}, "99", "RANGE"),
        ({"_54": "5"}, "11", "UNSUPPORTED_TYPE"),
        ({"_40": "P"}, "11", "UNSUPPORTED_TYPE"),
    ],
)
async def test_what_is_wrong_with_an_order_is_said_by_name(ring_directory, changes, reason, code):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("D", new_order(**changes))
        told = await client.until("8")
        if not code:
            assert told[39] == "A"
        else:
            assert (told[39], told[103]) == ("8", reason)
            assert told[58].startswith(code), told


async def test_a_missing_price_is_a_business_reject_and_costs_no_session(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("D", new_order(_44=None))
        refused = await client.until("j")
        assert (refused[45], refused[372], refused[380]) == ("2", "D", "5")
        client.send("D", new_order())
        assert (await client.until("8"))[39] == "A"


async def test_old_reports_say_everything_in_the_words_of_their_version(ring_directory):
    old = counterparty(begin_string="FIX.4.2")
    async with open_fix(ring_directory, {"old": old}) as fix:
        client = await fix.logged_on(begin_string="FIX.4.2")
        order_id = await working(fix, client)
        assert client.seen[-1][20] == "0"
        fix.fill(order_id, "t1", "0.5")
        part = await client.until("8")
        assert [part[tag] for tag in (150, 39, 20, 31, 32)] == ["1", "1", "0", "100", "0.5"]
        client.send("H", [(11, "a1"), (54, "1"), (55, "BTC-USDT.sim")])
        status = await client.until("8")
        assert [status[tag] for tag in (150, 39, 20)] == ["1", "1", "3"]
        client.send("G", new_order("g1", _41="a1", _38="1", _44="100"))
        await client.until("8", _150="E")
        fix.world.link.session.replaced(order_id, price="100", quantity="1", venue_order_id="v2")
        fix.world.drive.kick()
        replaced = await client.until("8")
        assert [replaced[tag] for tag in (150, 39, 151)] == ["5", "5", "0.5"]
        fix.fill(order_id, "t2", "0.5")
        full = await client.until("8")
        assert [full[tag] for tag in (150, 39, 20, 151)] == ["2", "2", "0", "0"]
        client.send("F", change("c1", "g1", _38="1"))
        late = await client.until("9")
        assert (late[434], late[102]) == ("1", "0")


async def test_the_newest_version_trades_too(ring_directory):
    new = counterparty(begin_string="FIXT.1.1")
    async with open_fix(ring_directory, {"new": new}) as fix:
        client = await fix.logged_on(begin_string="FIXT.1.1")
        order_id = await working(fix, client)
        fix.fill(order_id, "t1", "2")
        assert (await client.until("8"))[150] == "F"
        assert 20 not in client.seen[-1]


async def test_an_end_nobody_asked_for_says_why(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        fix.world.link.session.canceled(order_id, "delisted")
        fix.world.drive.kick()
        end = await client.until("8")
        assert (end[150], end[39], end[11], 41 in end) == ("4", "4", "a1", False)
        assert (end[378], end[58]) == ("8", "delisted")


async def test_a_venues_rejection_ends_the_order_with_its_words(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        fix.world.link.session.rejected(order_id, "no margin there")
        fix.world.drive.kick()
        end = await client.until("8")
        assert [end[tag] for tag in (150, 39, 103, 151)] == ["8", "8", "99", "0"]
        assert end[58] == "no margin there"


async def test_an_outcome_nobody_knows_is_told_as_pending(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        fix.world.link.session.unknown_request(order_id, "new", "timeout")
        fix.world.drive.kick()
        told = await client.until("8")
        assert (told[150], told[39], told[58]) == ("I", "A", "UNKNOWN_OUTCOME")
        fix.fill(order_id, "t1", "2")
        assert (await client.until("8"))[39] == "2"


async def test_mass_status_counts_what_it_tells_and_marks_the_last(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("AF", [(584, "m0"), (585, "7")])
        none = await client.until("8")
        assert (none[584], none[39], none[58]) == ("m0", "8", "no open orders")
        for number in range(3):
            await working(fix, client, f"a{number}", _44=str(99 - number))
        client.send("AF", [(584, "m1"), (585, "7")])
        told = [await client.until("8") for _ in range(3)]
        assert {each[11] for each in told} == {"a0", "a1", "a2"}
        assert [each[911] for each in told] == ["3"] * 3
        assert [each.get(912, "N") for each in told] == ["N", "N", "Y"]


async def test_a_status_of_an_unknown_order_is_no_order(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("H", [(11, "x"), (54, "1"), (55, "BTC-USDT.sim"), (790, "q1")])
        told = await client.until("8")
        assert [told[tag] for tag in (37, 39, 790)] == ["NONE", "8", "q1"]
        assert told[58].startswith("UNKNOWN_ORDER")


async def test_a_mass_cancel_takes_the_counterpartys_own_orders_alone(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        await fix.world.submit("foreign", principal="desk", price="95")  # the same principal's
        await client.until("8", _11="foreign")
        await working(fix, client)
        client.send("q", [(11, "m1"), (530, "7"), (60, "20231114-22:13:20")])
        told = await client.until("r")
        assert [told[tag] for tag in (11, 530, 531, 533)] == ["m1", "7", "7", "2"]
        client.send("q", [(11, "m2"), (530, "6"), (60, "20231114-22:13:20")])
        refused = await client.until("r")
        assert (refused[531], refused[58][:16]) == ("0", "UNSUPPORTED_TYPE")


async def test_a_mass_cancel_tells_how_many_orders_it_left_and_why(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        for number in range(3):
            await working(fix, client, f"a{number}", _44=str(99 - number))
        slow = LIMITS | {"cancels_per_second": 1, "cancel_burst": 2}
        fix.world.engine.set_limits("firm", "", slow, actor="test", reason="slow")
        client.send("q", [(11, "m1"), (530, "7"), (60, "20231114-22:13:20")])
        told = await client.until("r")
        assert [told[tag] for tag in (531, 533, 58)] == ["7", "2", "not canceled: 1 THROTTLED"]
        client.send("q", [(11, "m2"), (530, "7"), (60, "20231114-22:13:20")])
        told = await client.until("r")
        assert [told[tag] for tag in (531, 532)] == ["0", "99"]


def list_of_two(second="1"):
    """The fields of an E: one cancels the other."""
    return [
        (66, "L1"), (394, "3"), (68, "2"), (5385, "1"), (73, "2"),
        *[(tag, value) for place, price, quantity in ((1, "99", "1"), (2, "98", second))
          for tag, value in ((11, f"l{place}"), (67, place), (1, "main"), (21, "1"),
                             (55, "BTC-USDT.sim"), (54, "1"), (60, "20231114-22:13:20"),
                             (38, quantity), (40, "2"), (44, price), (59, "1"))],
    ]  # fmt: skip


async def test_a_list_of_two_is_one_cancels_the_other(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("E", list_of_two())
        assert await client.reports(2) == [("A", "A"), ("A", "A")]
        listed = await client.until("N")
        assert [listed[tag] for tag in (66, 431, 68, 73)] == ["L1", "3", "2", "2"]
        rows = {row["client_order_id"]: row for row in fix.world.native.orders()}
        assert {rows[name]["link"] for name in ("l1", "l2")} == {"oco"}
        fix.accept(int(rows["l1"]["order_id"]))
        fix.fill(int(rows["l1"]["order_id"]), "t1", "1")
        await client.until("8", _11="l1", _39="2")


async def test_a_list_with_a_wrong_order_is_refused_as_a_whole(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("E", list_of_two(second="5000"))
        assert await client.reports(2) == [("8", "8"), ("8", "8")]
        listed = await client.until("N")
        assert (listed[431], listed[73]) == ("7", "0")
        assert not fix.world.native.orders()


@pytest.mark.parametrize("count", [1, 9, 180])
async def test_a_list_of_too_few_or_too_many_orders_has_one_answer(ring_directory, count):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        head, legs = list_of_two()[:5], list_of_two()[5:16]
        more = [(tag, f"l{n}" if tag == 11 else value) for n in range(count) for tag, value in legs]
        client.send(
            "E", [*[(tag, count if tag in (68, 73) else value) for tag, value in head], *more]
        )
        refused = await client.until("j")
        assert (refused[372], refused[380]) == ("E", "0")
        assert refused[58] == "BAD_LINK orders: 2 to 8 orders in one list (73)"
        assert await client.silence() == [] and not fix.world.native.orders()
        client.send("D", new_order())
        assert (await client.until("8"))[39] == "A", "and the session goes on"


async def test_the_same_list_again_is_refused_but_a_possible_resend_is_told_where_it_stands(
    ring_directory,
):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("E", list_of_two())
        await client.until("N")
        client.send("E", list_of_two())
        refused = [await client.until("8") for _ in range(2)]
        assert [(each[11], each[39], each[103]) for each in refused] == [
            ("l1", "8", "6"),
            ("l2", "8", "6"),
        ]
        assert (await client.until("N"))[431] == "7"
        client.send("E", list_of_two(), header=[(97, "Y")])
        told = [await client.until("8") for _ in range(2)]
        assert [(each[11], each[150], each[39]) for each in told] == [
            ("l1", "I", "A"),
            ("l2", "I", "A"),
        ]
        assert (await client.until("N"))[431] == "3"
        assert len(fix.world.native.orders()) == 2


async def test_the_same_replace_again_is_answered(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        await working(fix, client)
        again = new_order("g1", _41="a1", _38="3", _44="101")
        client.send("G", again)
        await client.until("8", _150="E")
        client.send("G", again)
        refused = await client.until("9")
        assert (refused[11], refused[434]) == ("g1", "2")
        assert "ID_CONFLICT" in refused[58]
        client.send("G", again, header=[(97, "Y")])
        assert (await client.until("8"))[150] == "I"


async def test_the_id_of_a_cancel_names_no_order_afterwards(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        order_id = await working(fix, client)
        client.send("F", change("c1", "a1"))
        await client.until("8", _39="6")
        client.send("D", new_order("c1"))
        refused = await client.until("8", _39="8")
        assert (refused[11], refused[103]) == ("c1", "6")
        fix.world.link.session.cancel_rejected(order_id, "no")
        fix.world.drive.kick()
        await client.until("9", _11="c1")
        client.send("G", new_order("c1", _41="a1", _38="3"))
        assert "ID_CONFLICT" in (await client.until("9"))[58]
        client.send("F", change("c1", "a1"))  # never refused for its name: it takes risk away
        assert (await client.until("8", _39="6"))[11] == "c1"


async def test_an_order_whose_verdict_came_late_is_not_refused_for_being_known(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        submit, asked_for = fix.desk.submit, []

        async def late(*arguments, **more):
            answer = await submit(*arguments, **more)
            asked_for.append(answer)
            if len(asked_for) == 1:
                raise RefusedError("UNKNOWN_OUTCOME", rule="the engine has not answered in time")
            return answer

        fix.desk.submit = late
        client.send("D", new_order())
        while (told := await client.until("8"))[150] not in ("I", "8"):
            pass
        assert [each.is_new for each in asked_for] == [True, False]
        assert (told[150], told[39]) == ("I", "A"), "it lives"


async def test_what_a_session_may_not_enter_it_may_not_replace_either(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        await working(fix, client)
        context = fix.door.contexts["fund"]
        kept = context.settings
        for kind, field in (
            ("accounts", "account"), ("strategies", "strategy"), ("instruments", "instrument"),
        ):  # fmt: skip
            context.settings = msgspec.structs.replace(kept, **{kind: ["other"]})
            client.send("G", new_order("g1", _41="a1", _38="50"))
            refused = await client.until("9")
            assert f"NOT_PERMITTED {field}" in refused[58]
        client.send("F", change("c1", "a1"))
        assert (await client.until("8"))[39] == "6", "but it may take risk away"


SPEC = Path(sysconfig.get_path("data")) / "share/quickfix"


def standard(version):
    """The dictionary of the standard, as the QuickFIX family ships it."""
    if version == "FIXT.1.1":
        return load_dictionary(SPEC / "FIXT11.xml", SPEC / "FIX50SP2.xml")
    return load_dictionary(SPEC / f"{version.replace('.', '')}.xml")


@pytest.mark.skipif(not SPEC.exists(), reason="no wheel of quickfix-py here")
@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
async def test_everything_we_say_is_valid_by_the_standards_own_dictionary(ring_directory, version):
    async with open_fix(ring_directory, {"fund": counterparty(begin_string=version)}) as fix:
        client = await fix.logged_on(begin_string=version)
        order_id = await working(fix, client)
        fix.fill(order_id, "t1", "0.5")
        await client.until("8", _14="0.5")
        client.send("G", new_order("g1", _41="a1", _38="1", _44="99"))
        await client.until("8", _39="E")
        fix.world.link.session.replaced(order_id, price="99", quantity="1", venue_order_id="v2")
        fix.world.drive.kick()
        await client.until("8", _150="5")
        client.send("F", change("c1", "g1", _38="1"))
        await client.until("8", _39="6")
        fix.world.link.session.canceled(order_id, "requested")
        fix.world.drive.kick()
        await client.until("8", _39="4")
        client.send("F", change("c2", "g1", _38="1"))
        await client.until("9")
        client.send("D", new_order("big", _38="5000"))
        await client.until("8", _39="8")
        client.send("H", [(11, "none"), (54, "1"), (55, "BTC-USDT.sim")])
        await client.until("8", _37="NONE")
        client.send("D", new_order("less", _44=None))
        await client.until("j")
        if version != "FIX.4.2":
            client.send("q", [(11, "m1"), (530, "7"), (60, "20231114-22:13:20")])
            await client.until("r")
        dictionary = standard(version)
        faults = [
            (fields, fault.text, fault.tag)
            for fields in client.raw
            if (fault := validate(FixMessage(fields), dictionary, Rules())) is not None
        ]
        assert not faults, faults
        assert len(client.raw) > 9
