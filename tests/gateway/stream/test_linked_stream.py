"""Groups of linked orders as the observer tells them, over journals that a real engine wrote: each
member with what it executed, also when it left the stream of orders, and only the newest ended."""

import pytest
from engine_world import BUY, LIMIT
from linked_world import OCO, WITH_STOPS, bracket, link
from observed_desk import wait_for

from gateway.stream.authority import Authority
from gateway.stream.linked_stream import LinkedReader


@pytest.fixture
def desk(open_desk):
    """One at whose venue stops are known."""
    return open_desk(venue_types=WITH_STOPS)


def linked(desk):
    desk.look()
    return desk.view.channels["linked"].rows


def test_a_group_is_told_with_its_legs_and_moves_with_them(desk):
    world = desk.world
    assert linked(desk) == {}
    entry, *exits = bracket(world)
    alone = world.working(BUY, "1", "99", instrument=world.perpetual)
    row = linked(desk)[str(entry)]
    assert (row["state"], row["kind"], row["leg_risk"]) == ("working", "bracket", "0")
    assert [leg["order_id"] for leg in row["members"]] == [str(each) for each in (entry, *exits)]
    assert [leg["fill_ratio"] for leg in row["members"]] == ["0", "0", "0"]
    assert (row["account"], row["strategy"], row["venue"]) == ("main", "alpha", "sim")
    assert row["members_forgotten"] == 0 and len(linked(desk)) == 1, alone
    world.fill(entry, "0.5", "100", instrument=world.perpetual)
    row = linked(desk)[str(entry)]
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
    row = linked(desk)[str(entry)]
    assert (row["state"], row["leg_risk"]) == ("ended", "2")
    desk.follower.close()  # as a start of the observer finds it
    assert linked(desk)[str(entry)] == row


def test_a_member_that_left_the_orders_is_in_its_group_still(desk):
    world = desk.world
    desk.follower._readers[0]._terminal_max = 1
    entry, *_ = bracket(world)
    world.fill(entry, "2", "100", instrument=world.perpetual)
    for _ in range(3):
        order = world.working(BUY, "1", "100", instrument=world.perpetual)
        world.fill(order, "1", "100", instrument=world.perpetual)
    desk.follower.close()
    row = linked(desk)[str(entry)]
    assert str(entry) not in desk.view.channels["orders"].rows
    assert (row["members"][0]["fill_ratio"], row["leg_risk"], row["state"]) == ("1", "0", "partial")


def test_only_the_newest_ended_groups_are_kept_and_every_open_one(desk):
    world = desk.world
    desk.follower._readers[-1]._ended_max = 2
    assert isinstance(desk.follower._readers[-1], LinkedReader)
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
    assert set(linked(desk)) == wanted
    assert {row["state"] for key, row in linked(desk).items() if key != str(still)} == {"void"}
    desk.follower.close()
    assert set(linked(desk)) == wanted


def test_a_group_is_seen_by_who_may_see_its_orders(desk):
    entry = bracket(desk.world)[0]
    row = linked(desk)[str(entry)]
    assert Authority(strategies=frozenset(["alpha"])).sees("linked", row)
    assert not Authority(strategies=frozenset(["beta"])).sees("linked", row)
    assert not Authority(instruments=frozenset(["BTC-USD"])).sees("linked", row)
