"""What a counterparty may ask for besides orders: lists, positions, fills, prices, states."""

import sysconfig
import time
from functools import cache
from pathlib import Path

import pytest
from fix_world import counterparty, new_order, open_fix

from gateway.api import RefusedError
from gateway.entry.fix_acceptor import drop_copy
from gateway.entry.fix_acceptor.administration import FixAdministration
from gateway.entry.fix_acceptor.session_file import SessionFile
from gateway.entry.fix_answers import (
    MESSAGE_FORMS,
    MarketData,
    MarketDataLimits,
    news,
    position_reports,
    security_list,
    trade_reports,
    trading_session_status,
)
from gateway.entry.fix_answers.securities import SECURITIES_MAX
from gateway.entry.keys import Identity
from gateway.transport.fix_codec import FixFramer
from gateway.transport.fix_session import (
    BusinessReject,
    FixMessage,
    Rules,
    load_dictionary,
    own_dictionary,
    validate,
)
from gateway.transport.fix_session.groups import ordered
from gateway.transport.fix_session.message import encode

ROOT = Path(__file__).parents[3]
VERSIONS = {42: b"FIX.4.2", 44: b"FIX.4.4", 50: b"FIXT.1.1"}
NOW_NS = 1_700_000_000_000_000_000


def asked(kind, *fields):
    return FixMessage([(8, b"FIX.4.4"), (35, kind.encode()),
                       *((tag, str(value).encode()) for tag, value in fields)])  # fmt: skip


def instrument(name="BTC-USDT", **changes):
    return {
        "name": name, "kind": "linear", "venue": "sim", "settle": "USDT", "multiplier": "1",
        "lot": "0.001", "quantity_min": "0.001", "tick": "0.1", "bid": "99.9", "ask": "100.1",
        "last": None, "mark": "100", "mark_time_ns": NOW_NS,
    } | changes  # fmt: skip


@cache
def dictionaries(version):
    """Ours, and the one QuickFIX brings, which nobody here wrote."""
    spec = Path(sysconfig.get_path("data")) / "share/quickfix"
    files = {42: ["FIX42.xml"], 44: ["FIX44.xml"], 50: ["FIXT11.xml", "FIX50SP2.xml"]}[version]
    own = own_dictionary(VERSIONS[version])
    if not (spec / files[0]).exists():
        return [own]
    return [own, load_dictionary(*(spec / file for file in files))]


def check(answers, version):
    """Every message is well formed by the dictionaries of that version; as {tag: [texts]}."""
    dictionary = own_dictionary(VERSIONS[version])
    found = []
    for kind, fields in answers:
        body = ordered(fields, dictionary.messages[kind])
        framer = FixFramer()
        framer.feed(encode([
            (8, VERSIONS[version]), (35, kind), (34, b"1"), (49, b"US"),
            (52, b"20231114-22:13:20.000"), (56, b"THEM"), *body,
        ]))  # fmt: skip
        message = FixMessage.of_frame(framer.next())
        for each in dictionaries(version):
            assert validate(message, each, Rules()) is None, message
        texts = {}
        for tag, value in message.fields:
            texts.setdefault(tag, []).append(value.decode())
        found.append(texts)
    return found


@pytest.mark.parametrize("version", [44, 50])
def test_a_security_list_comes_in_pages_and_the_last_one_says_so(version):
    rows = [instrument(f"I{number}") for number in range(SECURITIES_MAX + 5)]
    pages = check(security_list(asked("x", (320, "r1"), (559, 4)), version, rows), version)
    assert [page[146] for page in pages] == [[str(SECURITIES_MAX)], ["5"]]
    assert [page[893] for page in pages] == [["N"], ["Y"]]
    assert {page[393][0] for page in pages} == {str(len(rows))}
    assert pages[1][55] == [f"I{number}" for number in range(SECURITIES_MAX, len(rows))]
    assert (969 in pages[0]) == (version == 50)


@pytest.mark.parametrize(("fields", "result"), [([(559, 4)], "0"), ([(559, 0), (55, "X")], "2"),
                                                ([(559, 2)], "1")])  # fmt: skip
def test_a_security_list_always_has_an_answer(fields, result):
    [page] = check(security_list(asked("x", (320, "r"), *fields), 44, [instrument()]), 44)
    assert page[560] == [result] and page[893] == ["Y"]


def position(account, quantity, leg="net", strategy="alpha", **changes):
    return {"account": account, "instrument": "BTC-USDT", "leg": leg, "strategy": strategy,
            "quantity": quantity, "mark": "100"} | changes  # fmt: skip


@pytest.mark.parametrize("version", [44, 50])
def test_positions_are_what_the_venue_would_state_over_all_books(version):
    rows = [position("main", "2"), position("main", "-0.5", strategy="EXTERNAL"),
            position("hedge", "3", "long"), position("hedge", "1", "short"),
            position("flat", "1"), position("flat", "-1", strategy="b"),
            position("secret", "7")]  # fmt: skip
    request = asked("AN", (710, "p"), (724, 0), (1, "*"), (581, 1), (715, "20231114"), (60, "x"))
    accounts = frozenset(("main", "hedge", "flat"))
    answers = position_reports(request, version, rows, accounts=accounts, date="20231114")
    ack, *reports = check(answers, version)
    assert (ack[727], ack[728], ack[729]) == (["2"], ["0"], ["0"])
    assert [(each[1][0], each.get(704), each.get(705)) for each in reports] == [
        ("hedge", ["3"], ["1"]), ("main", ["1.5"], None),
    ]  # fmt: skip


def test_positions_of_an_account_one_may_not_see_are_none():
    request = asked("AN", (710, "p"), (724, 0), (1, "secret"))
    rows = [position("secret", "7")]
    [ack] = position_reports(request, 44, rows, accounts=frozenset(("main",)), date="20231114")
    assert (728, b"2") in ack.fields


def fill(sequence, **changes):
    return {
        "execution_id": f"E{sequence}", "trade_id": f"t{sequence}", "order_id": "7",
        "client_order_id": "a1", "account": "main", "instrument": "BTC-USDT", "side": "buy",
        "quantity": "0.5", "price": "99.5", "time_ns": NOW_NS,
    } | changes  # fmt: skip


@pytest.mark.parametrize("version", [44, 50])
def test_fills_are_reported_once_and_the_last_one_says_so(version):
    fills = [fill(1), fill(2, side="sell"), fill(3, account="other")]
    request = asked("AD", (568, "t"), (569, 1), (1, "main"))
    ack, *reports = check(trade_reports(request, version, fills, since_ns=NOW_NS), version)
    assert (ack[748], ack[749], ack[58]) == (["2"], ["0"], ["fills since 20231114-22:13:20.000"])
    assert [(each[17], each[54], each[912]) for each in reports] == [
        (["E1"], ["1"], ["N"]), (["E2"], ["2"], ["Y"]),
    ]  # fmt: skip


def market_data(**limits):
    return MarketData(44, MarketDataLimits(**limits))


def wanted(request_id="m", *, names=("BTC-USDT",), kinds=(0, 1, 2), **changes):
    fields = {262: request_id, 263: 1, 264: 1, 265: 1} | {
        int(tag.strip("_")): value for tag, value in changes.items()
    }
    return asked("V", *fields.items(), (267, len(kinds)), *((269, kind) for kind in kinds),
                 (146, len(names)), *((55, name) for name in names))  # fmt: skip


def test_a_snapshot_then_what_changed_and_nothing_when_nothing_did():
    prices = market_data()
    [full] = check(prices.requested(wanted(), {"BTC-USDT": instrument()}), 44)
    assert (full[269], full[270], full[272]) == (["0", "1"], ["99.9", "100.1"], ["20231114"] * 2)
    assert prices.changed({"BTC-USDT": instrument()}) == []
    moved = instrument(bid=None, ask="100.2", last="100")
    [step] = check(prices.changed({"BTC-USDT": moved}), 44)
    assert (step[279], step[269]) == (["2", "1", "0"], ["0", "1", "2"])
    assert prices.changed({"BTC-USDT": moved}) == []


class Book:
    """Of one instrument, as a market file shows it."""

    def __init__(self, bids, asks):
        self.bids, self.asks, self.time_ns = bids, asks, NOW_NS


def test_a_book_is_told_by_positions_and_a_lost_one_is_gone():
    books = {"BTC-USDT": Book([["99.9", "1"], ["99.8", "2"], ["99.7", "3"]], [["100.1", "4"]])}
    prices = MarketData(44, MarketDataLimits(), books=books.get)
    rows = {"BTC-USDT": instrument(last="100")}
    [full] = check(prices.requested(wanted(_264=2), rows), 44)
    assert (full[269], full[270]) == (["0", "0", "1", "2"], ["99.9", "99.8", "100.1", "100"])
    assert (full[271], full[290]) == (["1", "2", "4"], ["1", "2", "1"])
    assert prices.changed(rows) == []
    books["BTC-USDT"] = Book([["99.9", "5"]], [["100.1", "4"], ["100.2", "6"]])
    [step] = check(prices.changed(rows), 44)
    assert (step[279], step[269]) == (["2", "1", "0"], ["0", "0", "1"])
    assert (step[290], step[271]) == (["2", "1", "2"], ["5", "6"])
    books["BTC-USDT"] = Book([], [])  # a gap
    [gone] = check(prices.changed(rows), 44)
    assert (gone[279], gone[290]) == (["2"] * 3, ["1", "2", "1"])
    assert prices.changed(rows) == []


def test_levels_that_go_leave_none_behind_for_a_reader_whose_lower_levels_move_up():
    levels = [[str(100 - at), "1"] for at in range(20)]
    books, rows = {"A": Book(levels, levels)}, {"A": instrument("A")}
    prices = MarketData(44, MarketDataLimits(), books=books.get)
    prices.requested(wanted(names=("A",), _264=0), rows)
    for left in (13, 0):
        books["A"] = Book(levels[:left], levels[:left])
        [step] = check(prices.changed(rows), 44)
        assert set(step[279]) == {"2"}
        seen = {side: list(range(1, (20 if left else 13) + 1)) for side in "01"}
        for side, position in zip(step[269], step[290], strict=True):
            del seen[side][int(position) - 1]
        assert seen == {side: list(range(1, left + 1)) for side in "01"}


def seconds_of_an_idle_look(instruments):
    rows = {name: instrument(name) for name in (f"I{at}" for at in range(instruments))}
    prices = market_data()
    prices.requested(wanted(names=tuple(rows), kinds=(0, 1, 6)), rows)
    times = []
    for _ in range(5):
        begin = time.process_time()
        assert prices.changed(rows) == []
        times.append(time.process_time() - begin)
    return min(times)


def test_an_idle_look_costs_in_proportion_to_the_instruments():
    assert seconds_of_an_idle_look(500) < 40 * seconds_of_an_idle_look(50), "squared it is 100"


def test_instruments_times_levels_of_one_session_are_bounded():
    rows = {name: instrument(name) for name in "ABCDE"}
    books = {name: Book([["99", "1"]], []) for name in rows}
    prices = MarketData(44, MarketDataLimits(levels_max=60), books=books.get)
    assert len(prices.requested(wanted("two", names=("A", "B"), _264=0), rows)) == 2
    [reject] = check(prices.requested(wanted("deep", names=("C",), _264=500, _263=0), rows)[:1], 44)
    assert reject.get(281) is None, "exactly the bound"
    [reject] = check(prices.requested(wanted("more", names=("C", "D"), _264=11), rows), 44)
    assert reject[281] == ["2"] and "60 levels" in reject[58][0]
    assert len(prices.requested(wanted("top", names=tuple("ABCDE")), rows)) == 5


def test_the_whole_book_is_what_the_file_holds_and_none_is_no_depth():
    levels = [[str(100 - at), "1"] for at in range(20)]
    rows = {"A": instrument("A"), "B": instrument("B")}
    prices = MarketData(44, MarketDataLimits(), books={"A": Book(levels, [])}.get)
    [full] = check(prices.requested(wanted("all", names=("A",), _264=0), rows), 44)
    assert full[290] == [str(at) for at in range(1, 21)]
    assert len(prices.requested(wanted("more", names=("A",), _264=500), rows)) == 1
    [reject] = check(prices.requested(wanted("no", names=("B",), _264=5), rows), 44)
    assert reject[281] == ["5"]


def test_full_refreshes_name_only_what_moved_and_an_end_ends():
    prices = market_data()
    rows = {name: instrument(name) for name in ("A", "B")}
    assert len(prices.requested(wanted(names=("A", "B"), _265=0), rows)) == 2
    rows["B"] = instrument("B", bid="98")
    [full] = check(prices.changed(rows), 44)
    assert full[55] == ["B"] and full[270][0] == "98"
    assert prices.requested(wanted(_263=2), rows) == [] and prices.is_idle


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"names": ("NONE",)}, "0"), ({"_262": "held"}, "1"), ({"names": ("A", "B", "C")}, "2"),
        ({"_263": 7}, "4"), ({"_264": 0}, "5"), ({"_265": 3}, "6"), ({"kinds": ("B",)}, "8"),
        ({"_264": "x"}, "5"), ({"kinds": ()}, "8"), ({"names": ()}, "0"),
        ({"_262": "gone", "_263": 2}, "1"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_served_is_rejected_by_its_reason(changes, reason):
    prices = market_data(instruments_max=3)
    rows = {name: instrument(name) for name in ("A", "B", "C", "BTC-USDT")}
    prices.requested(wanted("held"), rows)
    [reject] = check(prices.requested(wanted(**changes), rows), 44)
    assert reject[281] == [reason]


def test_requests_of_one_session_are_bounded():
    prices = market_data(requests_max=2)
    rows = {"BTC-USDT": instrument()}
    for name in ("a", "b"):
        assert prices.requested(wanted(name), rows)[0].message_type == b"W"
    assert (281, b"2") in prices.requested(wanted("c"), rows)[0].fields
    assert isinstance(prices.requested(wanted("x" * 65), rows), BusinessReject)


@pytest.mark.parametrize("version", [42, 44, 50])
def test_states_of_venues_and_news_are_well_formed_in_every_version(version):
    venues = [("sim", 2), ("other", 1)]
    told = trading_session_status(asked("g", (335, "q")), version, venues, now_ns=NOW_NS)
    assert [each[340] for each in check(told, version)] == [["2"], ["1"]]
    named = 1301 if version == 50 else 336
    unknown = trading_session_status(
        asked("g", (335, "q"), (named, "no")), version, venues, now_ns=NOW_NS
    )
    if version == 42:
        assert isinstance(unknown, BusinessReject) and unknown.reason == 1
    else:
        assert [each[340] for each in check(unknown, version)] == [["6"]]
    [words] = check([news("stop\x01now", ["a", ""], now_ns=NOW_NS, urgency="flash")], version)
    assert (words[148], words[33], words[61]) == (["stop now"], ["2"], ["1"])


def test_every_answer_is_in_the_rules_of_engagement():
    kinds = {form.message_type for form in MESSAGE_FORMS}
    assert kinds == {"x", "y", "AN", "AO", "AP", "AD", "AQ", "AE", "V", "W", "X", "Y", "g", "h",
                     "B"}  # fmt: skip


@pytest.mark.asyncio
async def test_a_counterparty_asks_over_the_door(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("x", [(320, "s1"), (559, 4)])
        assert (await client.until("y"))[55] == "BTC-USDT.sim"
        client.send("D", new_order())
        order_id = int((await client.until("8", _39="A"))[37])
        fix.accept(order_id)
        fix.fill(order_id, "t1", "0.5")
        execution = await client.until("8", _150="F")
        client.send("AN", [(710, "p1"), (724, 0), (1, "main"), (581, 1), (715, "20231114"),
                           (60, "20231114-22:13:20")])  # fmt: skip
        assert (await client.until("AO"))[727] == "1"
        report = await client.until("AP")
        assert (report[1], report[55], report[704]) == ("main", "BTC-USDT.sim", "0.5")
        client.send("AD", [(568, "t1"), (569, 0)])
        assert (await client.until("AQ"))[748] == "1"
        trade = await client.until("AE")
        assert (trade[37], trade[32], trade[912]) == (str(order_id), "0.5", "Y")
        assert trade[17] == execution[17]
        fix.world.link.health.set("reconciled", "", 0)
        client.send("g", [(335, "g1"), (263, 1)])
        assert (await client.until("h"))[340] == "2"
        client.send("V", [(262, "m1"), (263, 1), (264, 1), (265, 1), (267, 1), (269, 0),
                          (146, 1), (55, "BTC-USDT.sim")])  # fmt: skip
        assert (await client.until("W"))[270] == "99.9"
        fix.world.link.session._native.marked(1, "101", "100.9", "101.1", "101")
        await fix.world.sends()
        assert (await client.until("X"))[270] == "100.9"
        client.send("c", [(320, "d1"), (321, 0)])
        refused = await client.until("j")
        assert (refused[372], refused[380]) == ("c", "3")


@pytest.mark.asyncio
async def test_a_session_for_prices_sees_no_positions_and_a_reader_is_needed(ring_directory):
    prices = counterparty(kind="market_data", principal="boss", scopes=["read"])
    mute = counterparty(target_comp_id="MUTE", scopes=["cancel"])
    async with open_fix(ring_directory, {"prices": prices, "mute": mute}) as fix:
        client = await fix.client()
        await client.logon(key="boss")
        client.send("AN", [(710, "p1"), (724, 0), (1, "main"), (581, 1), (715, "20231114"),
                           (60, "20231114-22:13:20")])  # fmt: skip
        assert (await client.until("j"))[372] == "AN"
        client.send("x", [(320, "s1"), (559, 4)])
        assert (await client.until("y"))[560] == "0"
        other = await fix.client(sender="MUTE")
        await other.logon()
        other.send("x", [(320, "s1"), (559, 4)])
        assert (await other.until("j"))[58].startswith("NOT_PERMITTED")


def test_the_page_has_every_message_as_the_code_declares_it():
    page = (ROOT / "docs/reference/fix_market_data.md").read_text(encoding="utf-8")
    versions = {42: "4.2", 44: "4.4", 50: "5.0 SP2"}
    for form in (*MESSAGE_FORMS, *drop_copy.FORMS):
        row = (form.message_type, form.name, form.direction, versions[form.since], form.required,
               form.remarks)  # fmt: skip
        assert "| " + " | ".join(row) + " |" in page


@pytest.mark.asyncio
async def test_an_operator_tells_a_counterparty_news_by_name_and_it_is_kept(ring_directory):
    async with open_fix(ring_directory) as fix:
        boss = Identity("boss", "boss", frozenset({"admin"}))
        file = SessionFile(ring_directory / "sessions.jsonl")
        people = FixAdministration(fix.door, file, lambda wanted: None)
        client = await fix.logged_on()
        await people.news(boss, "fund", actor="anna", reason="maintenance at ten")
        told = await client.until("B")
        assert (told[148], told[58]) == ("Notice of the operator", "maintenance at ten")
        assert [(each.action, each.actor) for each in file.read()] == [("news", "anna")]
        with pytest.raises(RefusedError, match="NOT_PERMITTED"):
            await people.news(Identity("d", "desk", frozenset()), "fund", actor="x", reason="y")
