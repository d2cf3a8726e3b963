"""What is counted about a venue: outcomes, rejects by code, what its adapter tells of itself."""

import pytest
from live_world import World

from gateway.api import OutcomeUnknown, VenueRejected
from gateway.venues.health import VenueHealth
from gateway.venues.isolated import wire
from gateway.venues.isolated.child import Child

pytestmark = pytest.mark.asyncio


async def test_sends_are_counted_by_outcome_and_rejects_by_code():
    world = World()
    await world.connect()
    errors = [VenueRejected("51008", "no margin"), VenueRejected("51008"), OutcomeUnknown("cut")]
    for number, error in enumerate(errors):
        world.adapter.on_submit = error
        await world.submit(f"c{number}")
    world.adapter.on_submit = None
    world.link.session.accepted(await world.submit("c9"), "v1")
    counts = world.link.health.counts()
    assert counts["reject.51008"] == counts["outcome.rejected"] == 2
    assert (counts["outcome.unknown_new"], counts["outcome.accepted"]) == (1, 1)
    assert counts["counter.sent_new"] == 4
    assert counts["reconciled"] == 0
    world.link.health.set("reconciled", "", 1)
    assert world.link.health.counts()["reconciled"] == 1
    world.close()


async def test_codes_and_names_are_bounded():
    health = VenueHealth("sim", "sim")
    for number in range(1_000):
        health.rejected(f"{number} text of the venue")
    health.rejected("")
    health.adapter_counts = lambda: {"n" * 200: 1, **{f"c{each}": each for each in range(1_000)}}
    counts = health.counts()
    rejects = {name: count for name, count in counts.items() if name.startswith("reject.")}
    assert len(rejects) == 65
    assert rejects["reject.other"] == 1_001 - 64
    adapters = [name for name in counts if name.startswith("adapter.")]
    assert len(adapters) == 256
    assert max(map(len, adapters)) <= len("adapter.") + 64


async def test_an_adapter_whose_counting_fails_hides_nothing_else():
    health = VenueHealth("sim", "sim")
    health.counters["gaps"] = 2

    def broken():
        raise RuntimeError("a bug of the adapter")

    health.adapter_counts = broken
    assert health.counts() == {"reconciled": 0, "counter.gaps": 2}


@pytest.mark.parametrize("counts", [{"a": 2**70}, {"\ud800": 1}, {"a" * 2**26: 1}, {"a": "b"}])
async def test_counts_that_no_frame_can_carry_do_not_stop_the_beat(counts):
    told = dict(counts)

    class Adapter:
        def counts(self):
            return told

    child = Child(None, None)
    child._adapter = Adapter()
    assert child._packed_beat() == wire.pack(wire.Beat())
    told.clear()
    told["sent"] = 3
    assert child._packed_beat() == wire.pack(wire.Beat({"sent": 3}))
