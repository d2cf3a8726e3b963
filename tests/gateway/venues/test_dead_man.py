"""The dead-man's switch: armed at the connect, refreshed in time, disarmed last and never again."""

import asyncio

import msgspec
import pytest
from live_world import MANIFEST, ScriptedAdapter, World

from gateway.api import RefusedError, VenueUnavailable
from gateway.testing import until
from gateway.venues.dead_man import DeadMan, check_dead_man
from gateway.venues.health import VenueHealth
from gateway.venues.link import VenueLink
from gateway.venues.reconcile import AccountTerms

ARMED = msgspec.structs.replace(
    MANIFEST, dead_man="account", dead_man_ms_min=30, dead_man_ms_max=60_000
)


class Switch(ScriptedAdapter):
    def __init__(self):
        super().__init__(ARMED)
        self.said = []
        self.failures = 0
        self.held = None

    async def arm_dead_man(self, account, timeout_ms):
        if self.held is not None and timeout_ms:
            await self.held.wait()
        self.said.append((account, timeout_ms))
        if self.failures:
            self.failures -= 1
            raise VenueUnavailable("busy")

    async def close(self):
        self.said.append("closed")


@pytest.mark.parametrize("timeout_ms", [29, 60_001])
def test_a_time_the_venue_does_not_accept_is_refused(timeout_ms):
    with pytest.raises(RefusedError, match=r"venues\.sim\.dead_man_ms"):
        check_dead_man("sim", timeout_ms, ARMED)
    with pytest.raises(RefusedError, match="no dead-man's switch"):
        check_dead_man("sim", timeout_ms, MANIFEST)
    check_dead_man("sim", 0, MANIFEST)
    check_dead_man("sim", 30, ARMED)


@pytest.mark.asyncio
async def test_a_link_arms_refreshes_and_disarms_last():
    world = World(ARMED)
    adapter = Switch()
    terms = [
        AccountTerms(name=each, durability="process", margin_mode="cross")
        for each in ("main", "other")
    ]
    world.engine.define_account("sim", "other")
    world.link = VenueLink(
        "sim", world.engine, world.drive, adapter, terms, dead_man_ms=30, jitter=float
    )
    world.link.start()
    await until(lambda: adapter.said.count(("main", 30)) >= 3)
    assert ("other", 30) in adapter.said
    assert world.link.health.row()["dead_man"]["armed"] == ["main", "other"]
    await world.link.close(5.0)
    assert adapter.said[-3:] == [("main", 0), ("other", 0), "closed"]
    before = len(adapter.said)
    await asyncio.sleep(0.05)
    assert len(adapter.said) == before, "nothing arms it again"
    world.close()


@pytest.mark.asyncio
async def test_a_failed_refresh_is_named_until_one_succeeds():
    health, adapter = VenueHealth("sim", "sim"), Switch()
    adapter.failures = 1_000_000
    keeper = DeadMan(health, adapter, ["main"], 300)
    keeper.start()
    await until(lambda: health.counters["dead_man_failures"])
    assert "VenueUnavailable: busy" in health.row()["dead_man"]["failing"]["main"]
    adapter.failures = 0
    await until(lambda: health.counters["dead_man_refreshes"])
    assert health.row()["dead_man"]["failing"] == {}
    await keeper.disarm(5.0)
    assert adapter.said[-1] == ("main", 0)


@pytest.mark.asyncio
async def test_a_refresh_on_its_way_is_waited_for_before_the_disarm():
    health, adapter = VenueHealth("sim", "sim"), Switch()
    adapter.held = asyncio.Event()
    keeper = DeadMan(health, adapter, ["main"], 60_000)
    keeper.start()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ending = asyncio.create_task(keeper.disarm(5.0))
    await asyncio.sleep(0.02)
    assert adapter.said == []
    adapter.held.set()
    await ending
    assert adapter.said == [("main", 60_000), ("main", 0)]
    keeper.start()
    await asyncio.sleep(0.01)
    assert len(adapter.said) == 2


@pytest.mark.asyncio
async def test_without_the_setting_nothing_is_armed():
    health, adapter = VenueHealth("sim", "sim"), Switch()
    keeper = DeadMan(health, adapter, ["main"], 0)
    keeper.start()
    await keeper.disarm(1.0)
    assert adapter.said == []
    assert health.row()["dead_man"] is None
