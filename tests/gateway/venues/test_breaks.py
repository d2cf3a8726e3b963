"""Differences have one id for ever, a policy, a price and an end with a reason."""

import asyncio

import msgspec
import pytest
from live_world import INSTRUMENT, MANIFEST, BalanceReport, ScriptedAdapter, World
from native_world import connected, open_world

from gateway.api import PositionReport, RefusedError
from gateway.testing import until
from gateway.venues import link as link_module
from gateway.venues.breaks import BreakLedger, Finding
from gateway.venues.link import VenueLink
from gateway.venues.quarantine import Quarantine
from gateway.venues.reconcile import AccountTerms

NAME = INSTRUMENT.symbol


def finding(**changes):
    fields = {"kind": "position_differs", "account": "main", "instrument": NAME, "subject": "net"}
    return Finding(**(fields | {"difference": "2", "theirs": "5", "text": "t"} | changes))


def compare(ledger, *findings, now_ns=1):
    ledger.compared(("position_differs",), "main", findings, now_ns)


def test_the_same_difference_has_the_same_id_and_a_second_run_adds_nothing():
    ledger, other, told = BreakLedger("sim"), BreakLedger("sim"), []
    ledger.on_new = told.append
    compare(ledger, finding(), now_ns=1)
    compare(ledger, finding(), now_ns=9)
    compare(other, finding(ours="3", difference="7"), now_ns=5)
    (broken,) = ledger.open()
    assert (broken.first_seen_ns, broken.last_seen_ns, len(told)) == (1, 9, 1)
    assert broken.id == other.open()[0].id
    assert broken.id != BreakLedger("sim2")._id(finding())


@pytest.mark.parametrize("key", ["kind", "account", "instrument", "subject"])
def test_each_key_of_a_difference_is_in_its_id(key):
    ledger = BreakLedger("sim")
    changed = finding(**{key: "balance_differs" if key == "kind" else "other"})
    assert ledger._id(finding()) != ledger._id(changed)


def test_a_difference_that_is_gone_is_resolved_by_that_comparison_alone():
    ledger = BreakLedger("sim")
    compare(ledger, finding(), finding(subject="long"))
    ledger.compared(("balance_differs",), "main", [], 2)
    ledger.compared(("position_differs",), "other", [], 2)
    assert len(ledger.open()) == 2
    compare(ledger, finding(subject="long"), now_ns=3)
    (gone,) = ledger.resolved()
    assert (gone.finding.subject, gone.resolved_ns, gone.actor) == ("net", 3, "")
    assert "no difference" in gone.resolution
    compare(ledger, finding(), finding(subject="long"), now_ns=4)
    assert len(ledger.open()) == 2, "it is open again under the same id"
    assert gone.id in {each.id for each in ledger.open()}


def test_what_a_person_answered_for_opens_again_only_when_it_changes():
    ledger, told = BreakLedger("sim"), []
    ledger.on_new = told.append
    compare(ledger, finding())
    number = ledger.open()[0].id
    assert ledger.resolve("nonsense", "anna", "dust", 2) is None
    assert ledger.resolve(number, "anna", "dust", 2).actor == "anna"
    compare(ledger, finding(theirs="6", ours="4"), now_ns=3)
    assert ledger.open() == []
    compare(ledger, finding(difference="3"), now_ns=4)
    assert [each.id for each in ledger.open()] == [number]
    assert len(told) == 2


def test_breaks_and_answers_outlive_a_restart_and_a_torn_file_does_not_stop_one(tmp_path):
    path = tmp_path / "breaks.json"
    ledger = BreakLedger("sim", path=path)
    compare(ledger, finding(), finding(subject="long"), now_ns=7)
    ledger.resolve(ledger.open()[0].id, "anna", "dust", 8)
    again = BreakLedger("sim", {"position_differs": "adopt"}, path=path)
    assert [(e.first_seen_ns, e.policy) for e in again.open()] == [(7, "adopt")]
    assert [e.actor for e in again.resolved()] == ["anna"]
    compare(again, finding(), finding(subject="long"), now_ns=9)
    assert len(again.open()) == 1, "the answer still stands"
    path.write_bytes(path.read_bytes()[:40])
    assert BreakLedger("sim", path=path).open() == []


def test_the_ledger_is_bounded_and_says_what_it_dropped():
    ledger = BreakLedger("sim")
    small = [finding(kind="balance_differs", subject=str(number)) for number in range(1_005)]
    ledger.compared(("balance_differs",), "main", small, 1)
    assert (len(ledger.open()), ledger.dropped) == (1_000, 5)
    ledger.compared(("balance_differs",), "main", (), 2)
    assert (len(ledger.open()), len(ledger.resolved())) == (0, 200)


def test_a_long_list_of_small_differences_hides_none_that_stops_something():
    ledger, told = BreakLedger("sim"), []
    small = [finding(kind="balance_differs", subject=str(number)) for number in range(1_005)]
    ledger.compared(("balance_differs",), "main", small, 1)
    ledger.on_new = told.append
    compare(ledger, finding())
    assert [each.finding.kind for each in told] == ["position_differs"]
    assert told[0].id in {each.id for each in ledger.open()}


def held(world, quantity, leg="net"):
    world.adapter.position = [
        PositionReport(
            account="main", instrument=INSTRUMENT.venue_symbol, leg=leg, quantity=quantity
        )
    ]


def with_policies(world, **policies):
    """The link once more, with policies as the configuration would give them."""
    terms = [AccountTerms(name="main", durability="process", margin_mode="cross")]
    world.link = VenueLink(
        "sim",
        world.engine,
        world.drive,
        world.adapter,
        terms,
        ledger=BreakLedger("sim", policies),
        jitter=float,
    )
    return world


def halts(world):
    rows = world.native.trading_states()
    return {(row["level"], row["name"]) for row in rows if row["state"] == "halted"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("policy", "halted"),
    [("adopt", set()), ("quarantine", {("instrument", NAME)}), ("halt", {("venue", "sim")})],
)
async def test_a_policy_halts_what_it_names_and_lifts_it_by_evidence(policy, halted):
    world = with_policies(World(), position_differs=policy)
    held(world, "2")
    await world.connect()
    assert halts(world) == halted
    (row,) = world.link.break_rows()
    assert (row["kind"], row["ours"], row["theirs"], row["difference"]) == (
        "position_differs",
        "0",
        "2",
        "2",
    )
    await world.reconcile()
    assert [each["id"] for each in world.link.break_rows()] == [row["id"]]
    held(world, "0")
    await world.reconcile()
    assert (world.link.break_rows(), halts(world)) == ([], set())
    assert world.link.health.breaks == []
    world.close()


@pytest.mark.asyncio
async def test_a_halt_that_the_engine_did_not_take_is_tried_again(monkeypatch):
    world = World()
    real, calls = world.engine.set_trading_state, []

    def refuses_once(*values, **named):
        calls.append(values)
        if len(calls) == 1:
            raise RefusedError("JOURNAL_BEHIND", field="journal", rule="no room")
        return real(*values, **named)

    monkeypatch.setattr(world.engine, "set_trading_state", refuses_once)
    held(world, "2")
    await world.connect()
    await world.reconcile()
    states = {row["name"]: row["state"] for row in world.native.trading_states()}
    assert states[NAME] == "halted" and len(calls) == 2
    world.close()


def test_a_halt_that_was_refused_is_due_over_a_restart_and_no_longer(tmp_path, monkeypatch):
    world = World()
    path = tmp_path / "breaks.json"

    def started():
        ledger = BreakLedger("sim", path=path)
        quarantine = Quarantine("sim", world.engine, ["main"])
        ledger.on_new = quarantine.stop
        compare(ledger, finding())
        if quarantine.lift(ledger.open()):
            ledger.keep()

    def refuses(*values, **named):
        raise RefusedError("JOURNAL_BEHIND", field="journal", rule="no room")

    with monkeypatch.context() as patched:
        patched.setattr(world.engine, "set_trading_state", refuses)
        started()
        assert halts(world) == set()
    started()
    assert halts(world) == {("instrument", NAME)}
    world.engine.set_trading_state(
        "instrument", NAME, "active", is_latch=False, actor="anna", reason="known"
    )
    started()
    assert halts(world) == set(), "what a person enabled stays enabled"
    world.close()


@pytest.mark.asyncio
async def test_a_quarantine_never_touches_the_halt_of_a_person():
    world = World()
    world.engine.set_trading_state(
        "instrument", NAME, "halted", is_latch=True, actor="anna", reason="incident"
    )
    held(world, "2")
    await world.connect()
    held(world, "0")
    await world.reconcile()
    (row,) = world.native.trading_states()
    assert (row["state"], row["actor"], row["is_latch"]) == ("halted", "anna", True)
    world.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("is_latch", [False, True])
async def test_what_was_reduced_before_a_quarantine_is_reduced_again_after_it(is_latch):
    world = World()
    world.engine.set_trading_state(
        "instrument", NAME, "reducing", is_latch=is_latch, actor="anna", reason="winding down"
    )
    held(world, "2")
    await world.connect()
    assert halts(world) == {("instrument", NAME)}
    held(world, "0")
    await world.reconcile()
    (row,) = world.native.trading_states()
    assert (row["state"], row["is_latch"]) == ("reducing", is_latch)
    world.close()


@pytest.mark.asyncio
async def test_what_a_person_enabled_again_stays_enabled_until_the_difference_changes():
    world = World()
    held(world, "2")
    await world.connect()
    world.engine.set_trading_state(
        "instrument", NAME, "active", is_latch=False, actor="anna", reason="known"
    )
    await world.reconcile()
    assert halts(world) == set()
    held(world, "3")
    await world.reconcile()
    assert halts(world) == {("instrument", NAME)}
    world.close()


@pytest.mark.asyncio
async def test_a_break_of_a_balance_halts_the_account_when_it_is_told_to():
    world = with_policies(World(), balance_differs="quarantine")
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total="10")]
    await world.connect()
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total="9.5")]
    await world.reconcile()
    (row,) = world.link.break_rows()
    assert (row["difference"], row["impact"], row["currency"]) == ("-0.5", "0.5", "USDT")
    assert halts(world) == {("account", "main")}
    assert world.link.resolve_break(row["id"], "anna", "a withdrawal")["actor"] == "anna"
    assert halts(world) == set()
    await world.reconcile()
    assert world.link.break_rows() == []
    world.close()


@pytest.mark.asyncio
async def test_a_balance_in_doubt_halts_nothing_whatever_the_policy():
    world = with_policies(World(), balance_differs="halt")
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total="10")]
    await world.connect()
    doubtful = BalanceReport(account="main", currency="USDT", total="9.5", doubt="margin by hand")
    world.adapter.balance = [doubtful]
    await world.reconcile()
    (row,) = world.link.break_rows()
    assert row["evidence"] == ("in doubt", "margin by hand")
    assert halts(world) == set()
    world.close()


@pytest.mark.asyncio
async def test_a_difference_that_a_late_fill_explains_is_no_break():
    world = World()
    held(world, "2")
    asked = []

    async def fills(account, since_ns):
        asked.append(since_ns)
        return [world.fill(0, "x1", "2")] if len(asked) > 1 else []

    world.adapter.fills = fills
    await world.connect()
    assert world.link.break_rows(open_only=False) == []
    assert halts(world) == set()
    world.close()


@pytest.mark.asyncio
async def test_adopted_orders_and_settled_differences_are_history_with_their_evidence():
    world = World()
    order = world.report(1 << 51 | 99, "new", client_order_id="somebody", venue_order_id="v77")
    world.adapter.open = [order]
    world.adapter.by_client = {"somebody": order}
    await world.connect()
    order_id = await world.submit()
    world.link.session.accepted(order_id, "v1")
    await world.sends()
    world.adapter.open, world.adapter.by_client = [], {"somebody": order}
    world.advance(MANIFEST.not_found_proof_after_ms * 2)
    await world.reconcile()
    kinds = {row["kind"]: row for row in world.link.break_rows(open_only=False)}
    assert kinds["order_missing_here"]["evidence"] == ("v77", "somebody")
    there = kinds["order_missing_there"]
    assert there["subject"] == str(order_id)
    assert there["resolution"] == "by evidence: canceled"
    assert world.link.break_rows() == []
    world.close()


@pytest.mark.asyncio
async def test_missing_fills_are_a_break_until_they_come():
    world = World()
    await world.connect()
    order_id = await world.submit()
    world.link.session.accepted(order_id, "v1")
    await world.sends()
    report = world.report(order_id, "filled", "2")
    world.adapter.by_client[report.client_order_id] = report
    await world.reconcile()
    assert [row["kind"] for row in world.link.break_rows()] == ["fill_missing"]
    world.adapter.history.append(world.fill(order_id, "t1", "2"))
    held(world, "2")
    await world.reconcile()
    assert world.link.break_rows() == []
    world.close()


@pytest.mark.asyncio
async def test_a_break_is_priced_at_the_mark_and_its_halt_outlives_a_restart(ring_directory):
    world = await connected(ring_directory)
    held(world, "2")
    await world.reconcile()
    (row,) = world.link.break_rows()
    assert (row["impact"], row["currency"]) == ("200", "USDT")
    assert halts(world) == {("instrument", NAME)}
    with pytest.raises(RefusedError, match="TRADING_HALTED"):
        await world.submit()
    before = world.native.state_hash()
    await world.reconcile()
    assert world.native.state_hash()[1] == before[1], "the second run changes nothing"
    world.close()
    world.native.stop()
    again = open_world(ring_directory)
    assert halts(again) == {("instrument", NAME)}
    await again.connect()
    assert halts(again) == set(), "nothing differs any more"
    again.close()
    again.native.stop()


@pytest.mark.asyncio
async def test_a_hedge_mode_under_a_net_position_is_a_mismatch_that_closes_the_venue():
    world = World(msgspec.structs.replace(MANIFEST, has_hedge_mode=True))
    world.adapter.history.append(world.fill(0, "x1", "3"))
    held(world, "3")
    await world.connect()
    world.adapter.is_hedge = True
    with pytest.raises(Exception, match="hedge mode"):
        await world.reconcile()
    assert [row["kind"] for row in world.link.break_rows()] == ["mode_mismatch"]
    assert halts(world) == {("venue", "sim")}
    world.adapter.is_hedge = False
    await world.reconcile()
    assert (world.link.break_rows(), halts(world)) == ([], set())
    world.close()


def adopt(world, number, reason, quantity, *where):
    price, strategy = where
    words = {"reason": reason, "quantity": quantity, "price": price, "strategy": strategy}
    return world.link.adopt_break(number, actor="anna", **words)


@pytest.mark.asyncio
async def test_a_position_older_than_its_fills_is_taken_over_by_a_person_once(ring_directory):
    world = await connected(ring_directory)
    old = PositionReport(account="main", instrument="BTCUSDT", leg="net", quantity="3")
    world.adapter.position = [old]
    await world.reconcile()
    (row,) = world.link.break_rows()
    assert (row["difference"], halts(world)) == ("3", {("instrument", NAME)})
    with pytest.raises(RefusedError) as caught:
        adopt(world, row["id"], "opened before", "3", "0", "EXTERNAL")
    assert (caught.value.code, len(world.link.break_rows())) == ("RANGE", 1)
    adopted = adopt(world, row["id"], "opened before", "3", "91.25", "alpha")
    assert adopted["resolution"] == "opened before: 3 adopted at 91.25 by anna"
    assert adopt(world, row["id"], "again", "3", "91.25", "alpha") is None
    assert halts(world) == set()
    (held_here,) = world.native.positions()
    assert (held_here["strategy"], held_here["quantity"]) == ("alpha", "3")
    assert (held_here["average_price"], held_here["realised"]) == ("91.25", "0")
    assert all(balance["total"] == "0" for balance in world.native.balances())
    before = world.native.state_hash()
    assert (await world.reconcile()).breaks == []
    assert world.native.state_hash()[1] == before[1]
    # The same difference once more is another one.
    world.advance(1)
    world.adapter.position = [msgspec.structs.replace(old, quantity="6")]
    await world.reconcile()
    (again,) = world.link.break_rows()
    assert (again["id"], again["difference"]) == (row["id"], "3")
    assert adopt(world, again["id"], "more of it", "3.0", "92", "")
    assert (await world.reconcile()).breaks == []
    world.close()
    world.native.stop()
    reopened = open_world(ring_directory)
    books = {each["strategy"]: each["quantity"] for each in reopened.native.positions()}
    assert books == {"alpha": "3", "EXTERNAL": "3"}
    reopened.close()
    reopened.native.stop()


@pytest.mark.asyncio
async def test_what_changed_since_it_was_read_is_not_taken_over(ring_directory):
    """Neither another difference than the person saw, nor one whose late fill has come since."""
    world = await connected(ring_directory)
    held(world, "5")
    await world.reconcile()
    (row,) = world.link.break_rows()
    with pytest.raises(RefusedError, match="the difference is 5 now"):
        adopt(world, row["id"], "opened before", "7", "90", "")
    world.link.session.filled(world.fill(0, "late", "5", venue_order_id="old"))
    await world.sends()
    with pytest.raises(RefusedError, match="held"):
        adopt(world, row["id"], "opened before", "5", "90", "")
    assert [each["quantity"] for each in world.native.positions()] == ["5"]
    assert (await world.reconcile()).breaks == []
    world.close()
    world.native.stop()


@pytest.mark.asyncio
async def test_only_a_position_is_taken_over():
    world = World()
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total="10")]
    await world.connect()
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total="9.5")]
    await world.reconcile()
    (row,) = world.link.break_rows()
    with pytest.raises(RefusedError, match="only a position"):
        adopt(world, row["id"], "no", "1", "1", "")
    assert adopt(world, "0000000000000000", "no", "1", "1", "") is None
    world.close()


@pytest.mark.asyncio
async def test_breaks_are_read_resolved_and_refused_through_the_door(tmp_path):
    from live_door import open_door

    async with open_door(tmp_path) as door:
        world = door.world
        held(world, "2")
        await world.reconcile()
        status, answer = await door.call("GET", "/v1/breaks")
        assert (status, len(answer["breaks"])) == (200, 1)
        number = answer["breaks"][0]["id"]
        body = {"actor": "anna", "reason": "written off"}
        path = f"/v1/breaks/{number}/resolve"
        assert (await door.call("POST", path, key="desk", body=body))[0] == 403
        assert (await door.call("POST", path, key="boss", body={"actor": "anna"}))[0] == 400
        status, answer = await door.call("POST", path, key="boss", body=body)
        assert (status, answer["break"]["resolution"]) == (200, "written off")
        assert (await door.call("POST", path, key="boss", body=body))[0] == 404
        assert (await door.call("GET", "/v1/breaks"))[1]["breaks"] == []
        path = f"/v1/breaks/{number}/adopt"
        wish = {"actor": "anna", "reason": "r", "quantity": "2", "price": "1.5"}
        assert (await door.call("POST", path, key="desk", body=wish))[0] == 403
        assert (await door.call("POST", path, key="boss", body=wish))[0] == 404, "open no more"
        assert (await door.call("POST", path, key="boss", body=body))[0] == 400, "no price"
        everything = (await door.call("GET", "/v1/breaks?open=false"))[1]["breaks"]
        assert [row["actor"] for row in everything] == ["anna"]
        assert (await door.call("GET", "/v1/breaks?open=maybe"))[0] == 400
        wanted = "/v1/venues/nope/reconcile"
        assert (await door.call("POST", wanted, key="boss"))[0] == 422


@pytest.mark.asyncio
async def test_a_comparison_on_demand_runs_while_orders_flow_and_every_so_often():
    world = World()
    terms = [AccountTerms(name="main", durability="process", margin_mode="cross")]
    world.adapter = ScriptedAdapter(msgspec.structs.replace(MANIFEST, ack_timeout_ms=600_000))
    world.link = VenueLink(
        "sim",
        world.engine,
        world.drive,
        world.adapter,
        terms,
        reconcile_interval_seconds=0.02,
        jitter=float,
    )
    with pytest.raises(Exception, match="is down"):
        await world.link.reconcile_now()
    world.link.start()
    async with asyncio.timeout(300):
        while world.link.health.counters["reconciliations"] < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    held_back = asyncio.Event()
    world.adapter.on_submit = lambda port, orders: held_back.wait()
    order_id = await world.submit()
    held(world, "5")
    lines = await world.link.reconcile_now()
    assert lines == [f"main {NAME} net: venue 5, venue - ours = 5"]
    assert world.state(order_id) == "PENDING_NEW", "what is in flight is left alone"
    assert world.link.health.is_reconciled
    held_back.set()
    await world.link.close(1.0)
    world.close()


@pytest.mark.asyncio
async def test_fills_that_are_missing_in_a_comparison_on_demand_close_the_venue_until_they_come():
    world = World()
    world.link.start()
    async with asyncio.timeout(300):
        while not world.link.health.is_reconciled:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    order_id = await world.submit()
    world.link.session.accepted(order_id, "v1")
    await world.sends()
    report = world.report(order_id, "filled", "2")
    world.adapter.by_client[report.client_order_id] = report
    with pytest.raises(Exception, match="fills are missing"):
        await world.link.reconcile_now()
    await world.sends()
    with pytest.raises(RefusedError):
        await world.submit("c2")
    held(world, "2")
    world.adapter.history.append(world.fill(order_id, "t1", "2"))
    async with asyncio.timeout(300):
        while not world.link.health.is_reconciled:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert world.state(order_id) == "FILLED"
    assert world.link.break_rows() == []
    await world.link.close(1.0)
    world.close()


@pytest.mark.asyncio
async def test_a_new_difference_is_looked_at_once_more_soon(monkeypatch):
    monkeypatch.setattr(link_module, "_RECHECK_SECONDS", 0.02)
    world = World()
    held(world, "2")
    named, tell = [], world.adapter.positions

    async def positions(account):
        if world.link.break_rows():
            named.append(account)
            held(world, "0")  # gone by the look behind the one that named it
        return await tell(account)

    world.adapter.positions = positions
    world.link.start()
    await until(lambda: named and world.link.health.counters["reconciliations"])
    await until(lambda: not world.link.break_rows())
    assert halts(world) == set()
    await world.link.close(1.0)
    world.close()
