"""Groups of legs beside those of linked orders, over journals that a real engine wrote: found and
valued while the journal goes on, over starts, and shown to whom every leg may be shown."""

import asyncio
import time

import pytest
from engine_world import BUY, SELL, World
from observed_desk import FRESH_MS

from gateway.journal.order_fees import OrderFees
from gateway.stream import leg_stream
from gateway.stream.authority import EVERYTHING, Authority
from gateway.stream.leg_stream import GROUPS_MAX, LegDesk, LegWatch
from gateway.stream.subscriptions import Filter
from gateway.stream.valuation_watch import ValuationSources
from gateway.valuation.option_terms import OptionSettings

COMMAND = 11  # of operations


class Watched:
    """The observer's watch over a desk, driven by hand."""

    def __init__(self, desk, clock=lambda: 0.0, **options):
        self.desk, self.faults, self.woken = desk, [], 0
        self.legs = LegDesk(desk.place, OptionSettings(), lambda: desk.marks, time.time_ns,
                            FRESH_MS, monotonic=clock, **options)  # fmt: skip
        follower = desk.follower
        sources = ValuationSources(
            self._answer(follower.instruments), self._answer(lambda: follower.registry("currency")),
            self._wake, lambda what, fault: self.faults.append(f"{what}: {fault}"), lambda: 0.0,
        )  # fmt: skip
        self.watch = LegWatch(desk.view, self.legs, sources, self._orders)

    @staticmethod
    def _answer(read):
        async def answer():
            return read()

        return answer

    async def _orders(self, numbers):
        return self.desk.follower.orders_of(numbers)

    def _wake(self):
        self.woken += 1

    def look(self):
        self.desk.look()
        asyncio.run(self.watch.keep())
        return self.desk.view.channels["linked"].rows


def note(world, subject):
    assert world.engine.note_operation(COMMAND, "anna", subject, "", "r")
    world.turn()


def spread(world, name="CAL", near_side=BUY):
    far_side = SELL if near_side == BUY else BUY
    near = world.working(near_side, "1", "100", instrument=world.perpetual)
    far = world.working(far_side, "1", "100", strategy=world.other_strategy)
    sign = 1 if near_side == BUY else -1
    note(world, f"legs {name} 1/2 {near} {sign}")
    note(world, f"legs {name} 2/2 {far} {-sign}")
    return near, far


@pytest.fixture
def watched(desk):
    return Watched(desk)


def test_a_group_is_told_with_its_legs_and_moves_with_fills_and_marks(watched):
    world = watched.desk.world
    assert watched.look() == {} and watched.woken == 0
    near, far = spread(world)
    row = watched.look()["CAL"]
    assert (row["kind"], row["state"], row["strategy"]) == ("legs", "none", "")
    assert [each["order_id"] for each in row["members"]] == [str(near), str(far)]
    assert watched.woken == 1
    watched.look()
    assert watched.woken == 1, "nothing moved"
    world.fill(near, "1", "100", instrument=world.perpetual)
    watched.desk.mark(BTC_PERP="105", BTC_USD="104")
    row = watched.look()["CAL"]
    assert (row["state"], row["late"], row["leg_risk"]) == ("partial", [2], "100")
    assert (row["unrealised"], row["delta_cash"]) == ("5", "105")
    watched.desk.mark(BTC_PERP="110", BTC_USD="104")
    assert watched.look()["CAL"]["unrealised"] == "10"
    note(world, f"legs CAL free {near}")
    note(world, f"legs CAL free {far}")
    assert watched.look() == {} and watched.faults == []


def test_fees_of_a_group_are_those_of_its_fills_and_never_of_a_part_of_them(watched, monkeypatch):
    world = watched.desk.world
    cost = {"instrument": world.perpetual, "fee_currency": world.usd}
    early = world.working(BUY, "1", "100", instrument=world.perpetual)
    world.fill(early, "0.5", "100", fee="0.05", **cost)  # before anybody named it
    far = world.working(SELL, "1", "100", strategy=world.other_strategy)
    note(world, f"legs CAL 1/2 {early} 1")
    note(world, f"legs CAL 2/2 {far} -1")
    world.fill(early, "0.25", "100", fee="0.025", **cost)
    watched.desk.mark(BTC_PERP="104", BTC_USD="104")
    row = watched.look()["CAL"]
    assert (row["unrealised"], row["fees"], row["net"]) == ("3", "0.075", "2.925")
    world.fill(early, "0.25", "100", fee="-0.005", **cost)
    assert watched.look()["CAL"]["fees"] == "0.07"
    monkeypatch.setattr("gateway.journal.leg_notes.OrderFees", lambda: OrderFees(fills_max=1))
    row = Watched(watched.desk).look()["CAL"]
    assert row["fees"] == "0.07", "the newest unnamed fill was still kept"
    monkeypatch.setattr("gateway.journal.leg_notes.OrderFees", lambda: OrderFees(fills_max=0))
    row = Watched(watched.desk).look()["CAL"]
    assert (row["fees"], row["net"]) == (None, None)
    assert f"fees: not all fills of {early} are known" in row["excluded"]


def test_it_goes_on_over_starts_of_the_gateway_and_of_the_observer(watched):
    world = watched.desk.world
    near, _ = spread(world)
    before = watched.look()["CAL"]
    world.engine.stop()
    watched.desk.world = again = World(world.journal, world.ring)
    again.fill(near, "1", "100", instrument=again.perpetual)
    spread(again, "NEXT", SELL)
    rows = watched.look()
    assert rows["CAL"]["state"] == "partial" and rows["NEXT"]["state"] == "none"
    assert rows["CAL"]["members"][0]["actor"] == before["members"][0]["actor"] == "anna"
    later = Watched(watched.desk)  # an observer that starts, its follower at a new replica
    watched.desk.follower.close()
    assert later.look() == rows and watched.faults == later.faults == []
    again.engine.stop()


def test_groups_of_linked_orders_are_left_alone(watched):
    watched.look()
    linked = {"linked_to": "77", "kind": "bracket"}
    watched.desk.view.channels["linked"].publish({"77": linked}, 1)
    near, far = spread(watched.desk.world)
    assert list(watched.look()) == ["77", "CAL"]
    for number in (near, far):
        note(watched.desk.world, f"legs CAL free {number}")
    assert watched.look() == {"77": linked}


def test_a_long_journal_is_read_in_bounded_turns(desk, monkeypatch):
    ticks = iter(range(10**6))
    monkeypatch.setattr("gateway.journal.leg_notes._BATCH", 8)
    watched = Watched(desk, clock=lambda: float(next(ticks)))
    spread(desk.world)
    turns = 1
    while not watched.look():
        turns += 1
        assert turns < 100
    assert turns > 3, "a turn of no time reads one batch"
    assert watched.look()["CAL"]["state"] == "none"


def test_a_note_ahead_of_the_rows_waits_for_them(watched):
    watched.look()
    followed = watched.desk.view.followed
    spread(watched.desk.world)
    assert watched.legs.read(watched.desk.view.reopened, followed)
    assert watched.legs.groups() == [], "its orders are not shown yet"
    assert watched.look()["CAL"]["members_forgotten"] == 0


def test_the_newest_groups_are_shown(watched, monkeypatch):
    monkeypatch.setattr(leg_stream, "GROUPS_MAX", 2)
    world = watched.desk.world
    spread(world, "A")
    (spare, _), (_, _) = spread(world, "B"), spread(world, "C")
    assert list(watched.look()) == ["B", "C"] and GROUPS_MAX == 200
    more = world.working(BUY, "1", "99", instrument=world.perpetual)
    note(world, f"legs A 1/2 {more} 1")
    assert sorted(watched.look()) == ["A", "C"], spare


def test_what_cannot_be_read_is_told_and_read_anew(desk):
    fails = [True]

    def open_notes(place):
        if fails.pop() if fails else False:
            raise RuntimeError("damaged")
        return leg_stream.LegNoteReader(place.directory, str(place.ring_directory))

    watched = Watched(desk, open_notes=open_notes)
    spread(desk.world)
    assert watched.look() == {} and watched.faults == ["legs: damaged"]
    assert list(watched.look()) == ["CAL"]


def test_a_group_is_seen_by_whoever_may_see_every_leg(watched):
    spread(watched.desk.world)
    row = watched.look()["CAL"]
    both = Authority(strategies=frozenset({"alpha", "beta"}))
    one = Authority(strategies=frozenset({"alpha"}))
    sees = [Filter("linked", {}, who).takes(row) for who in (EVERYTHING, both, one)]
    assert sees == [True, True, False]
    assert not Filter("linked", {}, both).takes(row | {"members_forgotten": 1})
