"""The margin mode of a position and what lies in it, by its venue's word: journaled when it is
another one, in rows, snapshots, the trail and the margin command; the same live, in a follower and
after a restart."""

import json

import pytest
from click.testing import CliRunner
from engine_world import BUY, LONG, NET, SELL
from flat_margin import flat_margin

from gateway.__main__ import root
from gateway._core.journal import Reader, Replica, decode
from gateway.journal.snapshot_view import SnapshotView, newest_snapshot

ISOLATED = 2
STREAM, ANSWER = 1, 2
MODES = {None: 0, "cross": 1, "isolated": 2, "unknown": 3}


@pytest.fixture
def world(open_world):
    return isolated(open_world())


def isolated(world):
    world.engine.define_account(world.venue, "main", 1, False, ISOLATED)
    return world


def tell(world, amount, *, leg=NET, time_ns=0, instrument=None, account=None, mode=None):
    where = (account or world.account, instrument or world.perpetual, leg)
    world.fact("collateral", *where, amount, time_ns, STREAM, MODES[mode])


def shown(world, leg="net"):
    row = world.position("BTC-PERP", "EXTERNAL", leg)
    return row["collateral"]


def records(world):
    found = [decode(record) for _, record in Reader(world.journal, world.ring).read(10_000)]
    return [row for row in found if row["kind"] == "position_collateral"]


def hold(world, quantity="10", price="100", side=BUY, time_ns=7):
    world.fill(0, quantity, price, side=side, instrument=world.perpetual, venue_order="a",
               time_ns=time_ns, number=0)  # fmt: skip


def test_the_row_says_what_was_told_last_and_the_journal_each_change(world):
    hold(world)
    assert shown(world) is None
    for amount in ("250.5", "250.50", "251"):
        tell(world, amount, time_ns=9)
    assert shown(world) == "251"
    rows = records(world)
    assert [(row["amount"], row["venue_time_ns"], row["evidence"]) for row in rows] == [
        ("250.5", 9, STREAM), ("251", 9, STREAM)
    ]  # fmt: skip
    tell(world, "0")
    assert shown(world) is None


def mode(world):
    row = world.position("BTC-PERP", "EXTERNAL", "net")
    return row["margin_mode"], row["venue_margin_mode"]


def test_an_amount_without_a_mode_is_that_of_an_isolated_position_in_any_account(open_world):
    world = open_world()
    hold(world)
    assert mode(world) == ("cross", None)
    tell(world, "250")
    assert (shown(world), mode(world)) == ("250", ("cross", "isolated"))
    (row,) = records(world)
    assert row["venue_margin_mode"] == 0, "as journals of before modes have it"
    tell(world, "0")
    assert (shown(world), mode(world)) == (None, ("cross", None))


def test_the_mode_is_the_venue_s_own_word_and_a_record_when_it_changed(world):
    hold(world)
    for told, amount in (("cross", "0"), ("cross", "0"), ("isolated", "250"), ("unknown", "0")):
        tell(world, amount, mode=told)
        assert mode(world) == ("isolated", told)
    assert [row["venue_margin_mode"] for row in records(world)] == [1, 2, 3]
    tell(world, "0")
    assert mode(world) == ("isolated", "unknown"), "who does not say it leaves it"
    with pytest.raises(ValueError, match="isolated"):
        tell(world, "5", mode="cross")


def test_a_mode_is_the_same_in_a_follower_a_snapshot_and_after_a_restart(
    open_world, world, tmp_path
):
    hold(world)
    tell(world, "250", mode="isolated")
    tell(world, "0", leg=LONG, mode="cross")
    world.engine.stop()
    replica = Replica(world.journal, world.ring)
    while replica.follow():
        pass
    (row,) = [each for each in replica.positions() if each["strategy"] == "EXTERNAL"]
    assert (row["venue_margin_mode"], row["collateral"]) == ("isolated", "250")
    replica.write_snapshot()
    view = SnapshotView(newest_snapshot(tmp_path / "journal"))
    modes = [int(each["venue_margin_mode"]) for each in view["collaterals"]]
    assert modes == [2, 1]
    assert mode(open_world()) == ("isolated", "isolated")


@pytest.mark.parametrize(
    "amount", ["", "nan", "inf", "-1", "1e3", "1.0000000000000000001", "9" * 40]
)
def test_what_is_no_amount_is_refused_and_books_nothing(world, amount):
    with pytest.raises(ValueError):
        world.adapter.collateral(world.account, world.perpetual, NET, amount, 0, STREAM)
    assert records(world) == []


def test_a_time_that_cannot_be_does_not_close_the_door_to_those_that_follow(world):
    hold(world)
    tell(world, "250", time_ns=2**62)
    assert (shown(world), world.counter("anomalies")) == ("250", 1)
    tell(world, "250", time_ns=2**62)  # a repeat
    tell(world, "200", time_ns=(now_ns := world.engine.now_ns()))
    assert (shown(world), world.counter("anomalies")) == ("200", 1)
    told = [(row["amount"], row["venue_time_ns"]) for row in records(world)]
    assert told == [("250", 0), ("200", now_ns)]


def test_what_names_something_unknown_is_evidence_and_nothing_else(world):
    before = world.state_hash()
    for change in ({"instrument": 99}, {"account": 99}, {"leg": 7}):
        tell(world, "5", **change)
    assert world.counter("anomalies") == 3
    assert world.state_hash() == before


def test_a_follower_and_a_restart_from_records_or_a_snapshot_are_the_same_state(
    open_world, world, tmp_path
):
    hold(world)
    tell(world, "250", time_ns=9)
    tell(world, "17", leg=LONG)
    hash_now = world.state_hash()
    world.engine.stop()
    replica = Replica(world.journal, world.ring)
    while replica.follow():
        pass
    (row,) = [each for each in replica.positions() if each["strategy"] == "EXTERNAL"]
    assert row["collateral"] == "250"
    replica.write_snapshot()
    view = SnapshotView(newest_snapshot(tmp_path / "journal"))
    told = [
        (int(each["leg"]), int(each["amount_e18"]["low"]), int(each["venue_time_ns"]))
        for each in view["collaterals"]
    ]
    assert told == [(0, 250 * 10**18 % 2**64, 9), (1, 17 * 10**18 % 2**64, 0)]
    from_snapshot = Replica(world.journal, world.ring)
    from_records = Replica(world.journal, world.ring, use_snapshot=False)
    for each in (from_snapshot, from_records):
        while each.follow():
            pass
    assert from_snapshot.state_hash() == from_records.state_hash()
    again = open_world()
    assert shown(again) == "250"
    assert hash_now != ""


def test_a_stream_of_rows_tells_a_position_again_when_only_its_collateral_moved(world):
    hold(world)
    replica = Replica(world.journal, world.ring)

    def moved():
        while replica.follow():
            pass
        return [row["collateral"] for row in replica.take_positions(False)]

    assert moved() == [None]
    assert moved() == []
    tell(world, "250")
    assert moved() == ["250"]
    tell(world, "0", mode="cross")
    assert moved() == [None]
    tell(world, "0", mode="isolated")
    assert moved() == [None], "only its mode moved"
    assert moved() == []


def test_the_fill_that_closes_it_ends_it(world):
    hold(world, time_ns=7)
    tell(world, "250", time_ns=8)
    hold(world, side=SELL, time_ns=9)
    hold(world, "1", time_ns=10)
    assert shown(world) is None and len(records(world)) == 1


def margin(world, tmp_path, *words):
    path = flat_margin(tmp_path / "margin.toml", "BTC-PERP")
    place = [world.journal, "--ring-directory", world.ring, "--brackets", str(path), "--json"]
    result = CliRunner().invoke(root, ["margin", *place, "--mark", "BTC-PERP=100", *words])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    (row,) = [each for each in found["positions"] if each["instrument"] == "BTC-PERP"]
    return row, found["accounts"][0]


def test_the_margin_command_takes_it_from_the_journal_and_a_person_overrides_it(world, tmp_path):
    world.fact("balance", world.account, world.usd, "1000", 0, "opening")
    hold(world)
    row, account = margin(world, tmp_path)
    assert (row["collateral"], row["reason"], account["equity"]) == (
        None, "no collateral is known", None
    )  # fmt: skip
    tell(world, "200")
    row, account = margin(world, tmp_path)
    # 200 + 10 p - 1000 = 0.05 * 10 p
    assert (row["collateral"], row["liquidation_price"]) == ("200", "84.21")
    assert (account["equity"], account["state"], account["excluded"]) == ("800", "ok", [])
    row, account = margin(world, tmp_path, "--collateral", "main|BTC-PERP|net=400")
    assert (row["collateral"], row["liquidation_price"]) == ("400", "63.15")
    assert account["equity"] == "600"


def test_margin_follows_the_venue_s_word_and_a_switch_in_the_middle_of_the_day(world, tmp_path):
    world.fact("balance", world.account, world.usd, "1000", 0, "opening")
    hold(world)
    tell(world, "0", mode="cross")
    row, account = margin(world, tmp_path)
    # 1000 + 10 p - 1000 = 0.05 * 10 p has no price above 0: all of it is paid for.
    assert (row["margin_mode"], row["margin_mode_source"]) == ("cross", "venue")
    assert (row["liquidation_price"], row["reason"]) == (None, "unreachable")
    assert (account["equity"], account["maintenance"], account["headroom"]) == ("1000", "50", "900")
    hold(world, side=SELL, time_ns=9)
    hold(world, time_ns=10)
    tell(world, "200", mode="isolated")
    row, account = margin(world, tmp_path)
    assert (row["margin_mode"], row["liquidation_price"]) == ("isolated", "84.21")
    assert (account["equity"], account["maintenance"], account["headroom"]) == ("800", "0", "800")
    tell(world, "0", mode="unknown")
    row, account = margin(world, tmp_path)
    assert (row["margin_mode"], row["reason"]) == ("unknown", "the margin mode is not known")
    assert (account["equity"], account["state"]) == (None, "unknown")
    world.engine.stop()
    result = CliRunner().invoke(root, ["whatif", world.journal])
    assert "byte for byte the journal as it was" in result.output, result.output


def test_the_trail_says_where_it_lies_and_who_told(world):
    hold(world)
    tell(world, "250")
    tell(world, "0", mode="cross")
    place = [world.journal, "--ring-directory", world.ring, "--kind", "position_collateral"]
    result = CliRunner().invoke(root, ["audit", "show", *place, "--json"])
    assert result.exit_code == 0, result.output
    assert '"250 in BTC-PERP net of main"' in result.output
    assert '"0 in BTC-PERP net of main, cross"' in result.output
    assert "told by its stream" in result.output


def test_another_world_without_an_assumption_is_the_journal_and_it_verifies(world):
    hold(world, time_ns=7)
    tell(world, "250", time_ns=8)
    tell(world, "260", time_ns=8)
    hold(world, side=SELL, time_ns=9)
    world.engine.stop()
    result = CliRunner().invoke(root, ["whatif", world.journal])
    assert "byte for byte the journal as it was" in result.output, result.output
    result = CliRunner().invoke(root, ["verify", world.journal, "--ring-directory", world.ring])
    assert (result.exit_code, "No fault." in result.output) == (0, True), result.output
