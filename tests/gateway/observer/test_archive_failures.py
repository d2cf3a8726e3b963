"""What the archive could not write is counted on /metrics, run by run and sample by sample, and the
observer goes on: faults of the disk, not of a double."""

import asyncio
import json
import re
import time
from pathlib import Path

import aiohttp
import pytest

from gateway.config.places import MARKS_FILE
from gateway.history.archive_runs import ArchiveTerms
from gateway.history.mark_samples import MARKS_DIRECTORY, day_of

pytestmark = pytest.mark.asyncio
DAY_NS = 86_400 * 10**9
COUNTED = re.compile(r"^gateway_observer_archive_failures_total ([0-9.e+]+)$", re.MULTILINE)


def full(archive):
    """Every write of a sample finds no room: its file is the device that never has any."""
    (archive / MARKS_DIRECTORY).mkdir(parents=True)
    for day in (day_of(time.time_ns()), day_of(time.time_ns() + DAY_NS)):
        (archive / MARKS_DIRECTORY / f"day={day}.csv").symlink_to("/dev/full")
    return archive


def read_only(_):
    """Nobody may make anything there, not even root."""
    return Path("/sys/kernel/gateway-history")


async def failures(http, run):
    async with http.get(f"{run.url}/metrics") as answer:
        return float(COUNTED.search(await answer.text())[1])


async def until(probe):
    async with asyncio.timeout(300):
        while not await probe():  # noqa: ASYNC110 - the counts rise in tasks of the observer
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("place", [full, read_only])
async def test_samples_that_find_no_room_are_counted_and_the_observer_goes_on(
    world, tmp_path, place
):
    archive = place(tmp_path / "archive")
    terms = ArchiveTerms(True, str(archive), check_seconds=3600, marks_every_seconds=0.02)
    run = world.RunningObserver(tmp_path, archive=terms)
    told = {"BTC-PERP": {"mark": "100", "time_ns": time.time_ns()}}
    (run.ring / MARKS_FILE).write_text(json.dumps(told))
    async with run, aiohttp.ClientSession(headers=run.headers) as http:

        async def has_counted():
            return await failures(http, run) >= 5  # one run is made; the others are samples

        await until(has_counted)
        run.journal.new_order(1)
        await run.caught_up()
        if place is full:
            for path in (archive / MARKS_DIRECTORY).iterdir():
                path.unlink()  # there is room again
            await until(lambda: asyncio.to_thread(lambda: any(archive.rglob("day=*.csv"))))


async def test_a_run_that_fails_is_counted_and_tried_again(world, tmp_path):
    terms = ArchiveTerms(True, str(read_only(tmp_path)), check_seconds=0.1,
                         marks_every_seconds=3600)  # fmt: skip
    run = world.RunningObserver(tmp_path, archive=terms)
    async with run, aiohttp.ClientSession(headers=run.headers) as http:

        async def has_counted():
            return await failures(http, run) >= 2  # without prices no sample is made

        await until(has_counted)
        run.journal.new_order(1)
        await run.caught_up()
