"""Margin mode and collateral of positions from reports of an adapter to the journal: by the stream
and by answers, the newer word, its end, and reports that make no sense."""

from contextlib import asynccontextmanager

import pytest
from live_world import ScriptedAdapter
from native_world import open_world

from gateway.api import PositionReport
from gateway.venues.link import VenueLink
from gateway.venues.reconcile import AccountTerms

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def held(directory):
    """A world that holds 2 of an isolated position; nothing was told of what lies in it."""
    world = open_world(directory)
    world.adapter = ScriptedAdapter()
    terms = [AccountTerms(name="main", durability="process", margin_mode="isolated")]
    world.link = VenueLink("sim", world.engine, world.drive, world.adapter, terms, jitter=float)
    await world.connect()
    world.adapter.history = [world.fill(0, "t1", "2")]
    world.adapter.position = [report("2", None)]
    await world.reconcile()
    yield world
    world.close()
    world.native.stop()


def report(quantity, collateral, **changes):
    where = {"account": "main", "instrument": "BTCUSDT", "leg": "net"}
    return PositionReport(**(where | {"quantity": quantity, "collateral": collateral} | changes))


def shown(world):
    (row,) = world.native.positions()
    return row["collateral"]


async def seen(world, *values, **changes):
    world.link.session.position_seen(report(*values, **changes))
    await world.drive.settle()
    return shown(world)


async def stated(world, *reports):
    world.advance(1)  # the question is behind what was told before it
    world.adapter.position = list(reports)
    await world.reconcile()
    return shown(world)


async def test_the_stream_and_an_answer_tell_it_and_silence_leaves_it(ring_directory):
    async with held(ring_directory) as world:
        assert shown(world) is None
        assert await seen(world, "2", "40", venue_time_ns=5) == "40"
        assert await seen(world, "2", None) == "40"
        assert await stated(world, report("2", None)) == "40", "the venue does not say"
        assert await stated(world, report("2", "41.5")) == "41.5"
        assert world.link.health.breaks == []


async def test_it_ends_when_the_venue_says_nothing_lies_there_or_states_no_position(ring_directory):
    async with held(ring_directory) as world:
        await seen(world, "2", "40")
        assert await stated(world, report("2", "0")) is None
        await seen(world, "2", "40")
        assert await seen(world, "0.000", "40") is None, "a flat position holds nothing"
        await seen(world, "2", "40")
        assert await stated(world) is None


async def test_what_the_stream_told_since_the_question_is_newer_than_the_answer(ring_directory):
    async with held(ring_directory) as world:
        await seen(world, "2", "40")
        answer = world.adapter.positions

        async def late(account):
            reports = await answer(account)
            world.link.session.position_seen(report("2", "50"))
            return reports

        world.adapter.positions = late
        assert await stated(world, report("2", "40")) == "50"
        assert await stated(world) == "50"
        world.adapter.positions = answer
        assert await stated(world, report("2", "45")) == "45"


async def test_a_position_that_closes_during_the_question_holds_nothing_after_it(ring_directory):
    async with held(ring_directory) as world:
        await seen(world, "2", "40")
        answer = world.adapter.positions

        async def closing(account):
            reports = await answer(account)
            world.link.session.filled(world.fill(0, "t2", "2", side="sell"))
            return reports

        world.adapter.positions = closing
        assert await stated(world, report("2", "40")) is None
        again = await stated(world, report("2", "40"))  # an answer of an old moment still
        assert again is None


@pytest.mark.parametrize(
    "changes",
    [
        {"collateral": "-1"},
        {"collateral": "lots"},
        {"collateral": "NaN"},
        {"collateral": "1e3"},
        {"collateral": ""},
        {"instrument": "NOBODY"},
        {"account": "nobody"},
        {"leg": "both"},
        {"quantity": "many"},
        {"margin_mode": "cross"},
        {"margin_mode": "portfolio"},
    ],
)
async def test_what_makes_no_sense_is_counted_and_books_nothing(ring_directory, changes):
    async with held(ring_directory) as world:
        await seen(world, "2", "40")
        bad = world.link.health.counters["bad_facts"]
        fields = {"quantity": "2", "collateral": "41"} | changes
        quantity, collateral = fields.pop("quantity"), fields.pop("collateral")
        assert await seen(world, quantity, collateral, **fields) == "40"
        assert world.link.health.counters["bad_facts"] == bad + 1
        assert world.native.counters()["anomalies"] == 0


def told(world):
    (row,) = world.native.positions()
    return row["venue_margin_mode"], row["collateral"]


async def test_the_mode_is_the_venue_s_word_by_stream_and_by_answer(ring_directory):
    async with held(ring_directory) as world:
        assert told(world) == (None, None)
        await seen(world, "2", "0", margin_mode="cross")
        assert told(world) == ("cross", None)
        await stated(world, report("2", "40", margin_mode="isolated"))
        assert told(world) == ("isolated", "40")
        await stated(world, report("2", None, margin_mode="unknown"))
        assert told(world) == ("unknown", None), "nothing is known to lie there"
        await seen(world, "2", None, margin_mode="isolated")
        assert told(world) == ("isolated", None), "isolated, and nobody says what lies in it"
        await seen(world, "2", None)
        assert told(world) == ("isolated", None), "a venue that says nothing changes nothing"


async def test_a_position_that_is_flat_keeps_the_mode_its_venue_told(ring_directory):
    async with held(ring_directory) as world:
        await seen(world, "2", "40", margin_mode="isolated")
        await stated(world)  # the venue states no such position
        assert told(world) == ("isolated", None)
        await seen(world, "0", "0", margin_mode="cross")  # a margin type that changed while flat
        assert told(world) == ("cross", None)


async def test_a_cross_position_is_told_to_the_engine_once(ring_directory):
    async with held(ring_directory) as world:
        for _ in range(3):
            await seen(world, "2", "0", margin_mode="cross")
        repeated = world.native.counters()["facts_repeated"]
        await seen(world, "2", "0", margin_mode="cross")
        assert world.native.counters()["facts_repeated"] == repeated
        await stated(world, report("2", "0", margin_mode="cross"))
        assert world.native.counters()["facts_repeated"] == repeated + 1, "an answer is always told"
        await seen(world, "2", "40", margin_mode="isolated")
        await seen(world, "2", "0", margin_mode="cross")
        assert told(world) == ("cross", None)


async def test_it_is_there_after_a_restart(ring_directory):
    async with held(ring_directory) as world:
        await seen(world, "2", "40")
        world.native.stop()
        again = open_world(ring_directory)
        assert shown(again) == "40"
        again.close()
        again.native.stop()
