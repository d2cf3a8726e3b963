"""A running engine measures itself: commits, backlog, lanes; the loop watch sees a late loop."""

import asyncio
import time
from pathlib import Path

import pytest

from gateway.core.loop_watch import LoopWatch
from gateway.telemetry import MeasurementReader, find_bottleneck


def test_commit_and_the_rings_backlog_are_measured(world, ring_directory):
    reader = MeasurementReader(Path(ring_directory))
    deadline = time.monotonic() + 300
    while True:
        reading = reader.read()
        is_sampled = reading.queues["journal_ring"].depth_max >= 64
        if is_sampled and reading.stages["commit"].histogram.count:
            break
        assert time.monotonic() < deadline, "the boot records are committed"
        time.sleep(0.01)
    assert reading.stages["commit"].histogram.max_ns > 1_000, "a sync is no nanosecond"
    ring = reading.queues["journal_ring"]
    assert ring.unit == "bytes" and ring.depth_max >= 64
    assert ring.threshold == ring.capacity // 4 * 3


def test_every_lane_of_a_port_has_its_gauge(world, ring_directory):
    world.engine.open_client_port("measured", 64)
    world.engine.sample_queues()
    queues = MeasurementReader(Path(ring_directory)).read().queues
    lanes = {name for name in queues if name.endswith(".measured")}
    assert lanes == {"urgent.measured", "orders.measured", "notices.measured"}
    assert queues["notices.measured"].capacity == 256
    assert queues["orders.measured"].samples == 1


def test_orders_that_wait_are_seen_and_gone_after_the_turn(world, ring_directory):
    port = world.engine.open_client_port("measured", 64)
    reader = MeasurementReader(Path(ring_directory))
    for order_id in range(1, 6):
        port.cancel(1, order_id)
    world.engine.sample_queues()
    assert reader.read().queues["urgent.measured"].depth == 5
    world.engine.turn()
    world.engine.sample_queues()
    found = reader.read().queues["urgent.measured"]
    assert (found.depth, found.depth_max) == (0, 5)
    assert len(port.notices()) == 5
    assert reader.read().queues["notices.measured"].depth_max == 5, "taken where it is longest"


def test_a_late_loop_is_recorded_with_its_lateness(world, ring_directory):
    now = [100.0]
    watch = LoopWatch(world.engine, clock=lambda: now[0])
    watch.once(due=99.75)
    watch.once(due=100.5)  # early: a timer with a coarse clock
    lag = MeasurementReader(Path(ring_directory)).read().stages["loop_lag"].histogram
    assert lag.count == 2
    assert 249e6 < lag.max_ns < 251e6


@pytest.mark.asyncio
async def test_the_watch_runs_until_it_is_cancelled(world, ring_directory):
    task = asyncio.get_running_loop().create_task(LoopWatch(world.engine, 0.001).keep())
    reader = MeasurementReader(Path(ring_directory))
    async with asyncio.timeout(300):
        while reader.read().stages["loop_lag"].histogram.count < 3:  # noqa: ASYNC110 another task records
            await asyncio.sleep(0.002)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


@pytest.mark.asyncio
async def test_a_call_that_blocks_the_loop_is_named_as_the_bottleneck(world, ring_directory):
    task = asyncio.get_running_loop().create_task(LoopWatch(world.engine, 0.005).keep())
    reader = MeasurementReader(Path(ring_directory))
    async with asyncio.timeout(300):
        while not reader.read().stages["loop_lag"].histogram.count:  # noqa: ASYNC110 another task
            await asyncio.sleep(0.002)
        before = reader.read()
        time.sleep(1.0)  # noqa: ASYNC251 the planted culprit
        while (after := reader.read()).stages["loop_lag"].histogram.max_ns < 0.9e9:  # noqa: ASYNC110
            await asyncio.sleep(0)
    found = find_bottleneck(before, after)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (found.stage, found.thread) == ("loop_lag", "event_loop")
    assert found.share > 0.5
