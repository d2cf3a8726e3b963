"""Groups of linked orders as the observer tells them, over journals that a real engine wrote: each
member with what it executed, also when it left the stream of orders, and only the newest ended."""

import pytest
from engine_world import BUY, GTC, LIMIT, SELL, STOP
from observed_desk import wait_for

from gateway.core.refusals import describe_number
from gateway.stream.authority import Authority
from gateway.stream.group_stream import GroupReader

OCO, BRACKET = 1, 3


@pytest.fixture
def desk(open_desk):
    """One at whose venue stops are known."""
    return open_desk(venue_types=0x1E)


def link(world, kind, *orders):
    """A group; order ids of its members."""
    made = []
    for side, order_type, price, trigger in orders:
        world.names += 1
        made.append(
            (f"g{world.names}", world.perpetual, world.account, world.strategy, side, order_type,
             GTC, "2", price, trigger, "", 0, 0, 0)
        )  # fmt: skip
    first = world.port.submit_linked(world.principal, kind, made)
    world.turn()
    told = {notice[1]: notice for notice in world.port.notices()}
    ids = [told[first + number][2] for number in range(len(made))]
    codes = [describe_number(told[first + number][4]).name for number in range(len(made))]
    assert codes == [describe_number(0).name] * len(made)
    return ids


def bracket(world):
    """Bought at 100, an exit at 110 and a stop at 90."""
    entry, *exits = link(world, BRACKET, (BUY, LIMIT, "100", ""), (SELL, LIMIT, "105", ""),
                         (SELL, STOP, "", "95"))  # fmt: skip
    world.fact("accepted", entry, f"V{entry}", False, 1, 1)
    return entry, *exits


def groups(desk):
    desk.look()
    return desk.view.channels["groups"].rows


def test_a_group_is_told_with_its_legs_and_moves_with_them(desk):
    world = desk.world
    assert groups(desk) == {}
    entry, *exits = bracket(world)
    alone = world.working(BUY, "1", "99", instrument=world.perpetual)
    row = groups(desk)[str(entry)]
    assert (row["state"], row["kind"], row["leg_risk"]) == ("working", "bracket", "0")
    assert [leg["order_id"] for leg in row["members"]] == [str(each) for each in (entry, *exits)]
    assert [leg["fill_ratio"] for leg in row["members"]] == ["0", "0", "0"]
    assert (row["account"], row["strategy"], row["venue"]) == ("main", "alpha", "sim")
    assert row["members_forgotten"] == 0 and len(groups(desk)) == 1, alone
    world.fill(entry, "0.5", "100", instrument=world.perpetual)
    row = groups(desk)[str(entry)]
    assert (row["state"], row["executed_buy"]) == ("partial", "0.5")
    assert row["members"][0]["fill_ratio"] == "0.25"
    assert row["members"][2]["trigger_price"] == "95"


def test_what_no_exit_works_for_any_more_stands_alone(desk):
    world = desk.world
    entry, *exits = bracket(world)
    world.fill(entry, "2", "100", instrument=world.perpetual)
    for each in exits:
        world.fact("accepted", each, f"V{each}", False, 1, 1)
    for each in exits:
        world.fact("canceled", each, 1, "by the venue", "0", 1, 1)
    row = groups(desk)[str(entry)]
    assert (row["state"], row["leg_risk"]) == ("ended", "2")
    desk.follower.close()  # as a start of the observer finds it
    assert groups(desk)[str(entry)] == row


def test_a_member_that_left_the_orders_is_in_its_group_still(desk):
    world = desk.world
    desk.follower._readers[0]._terminal_max = 1
    entry, *_ = bracket(world)
    world.fill(entry, "2", "100", instrument=world.perpetual)
    for _ in range(3):
        order = world.working(BUY, "1", "100", instrument=world.perpetual)
        world.fill(order, "1", "100", instrument=world.perpetual)
    desk.follower.close()
    row = groups(desk)[str(entry)]
    assert str(entry) not in desk.view.channels["orders"].rows
    assert (row["members"][0]["fill_ratio"], row["leg_risk"], row["state"]) == ("1", "0", "partial")


def test_only_the_newest_ended_groups_are_kept_and_every_open_one(desk):
    world = desk.world
    desk.follower._readers[-1]._ended_max = 2
    assert isinstance(desk.follower._readers[-1], GroupReader)
    ended = []
    still = bracket(world)[0]
    for _ in range(4):
        first, second = link(world, OCO, (BUY, LIMIT, "100", ""), (BUY, LIMIT, "99", ""))
        for each in (first, second):
            world.fact("accepted", each, f"V{each}", False, 1, 1)
        ended.append(first)
        wait_for(lambda first=first: world.cancel(first))
        world.fact("canceled", first, 1, "asked", "0", 1, 1)
        world.fact("canceled", second, 1, "asked", "0", 1, 1)
        desk.look()
    wanted = {str(still), *map(str, ended[-2:])}
    assert set(groups(desk)) == wanted
    assert {row["state"] for key, row in groups(desk).items() if key != str(still)} == {"void"}
    desk.follower.close()
    assert set(groups(desk)) == wanted


def test_a_group_is_seen_by_who_may_see_its_orders(desk):
    entry = bracket(desk.world)[0]
    row = groups(desk)[str(entry)]
    assert Authority(strategies=frozenset(["alpha"])).sees("groups", row)
    assert not Authority(strategies=frozenset(["beta"])).sees("groups", row)
    assert not Authority(instruments=frozenset(["BTC-USD"])).sees("groups", row)
