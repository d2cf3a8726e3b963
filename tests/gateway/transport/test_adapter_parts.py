"""What every adapter has: a port that may be closed, work beside the requests, a clock in doubt."""

import asyncio
import gc
from typing import Any

import pytest
from virtual_time import run_virtual

from gateway.api import (
    OutcomeUnknown,
    VenueError,
    VenueProtocolError,
    VenueRateLimited,
    VenueUnavailable,
)
from gateway.testing.recording_port import RecordingPort
from gateway.transport import ClockKeeper, PortGuard, TaskKeeper, TimeSample, side_by_side

MS = 1_000_000


def test_facts_reach_the_port_from_open_to_close_only() -> None:
    guard, port = PortGuard(), RecordingPort()
    guard.tell("not_sent", 1, "too early")
    guard.open(port)
    assert guard.is_open
    guard.tell("not_sent", 2, "no line")
    guard.tell("rejected", 3, "no money", venue_time_ns=5)
    guard.close()
    guard.tell("not_sent", 4, "too late")
    assert not guard.is_open
    assert port.facts == [
        ("not_sent", (2, "no line"), {}),
        ("rejected", (3, "no money"), {"venue_time_ns": 5}),
    ]


def test_a_fact_that_no_port_knows_is_a_mistake_even_while_closed() -> None:
    guard = PortGuard()
    for unknown in ("acepted", "_facts", "__class__"):
        with pytest.raises(AssertionError, match=unknown):
            guard.tell(unknown)


def test_what_the_venue_makes_fail_is_told_and_the_rest_goes_to_the_loop() -> None:
    told: list[VenueError] = []
    mistakes: list[Any] = []

    async def fail(error: Exception) -> None:
        raise error

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: mistakes.append(context["exception"])
        )
        tasks = TaskKeeper(told.append)
        tasks.start(fail(unavailable))
        tasks.start(fail(mistake))
        assert len(tasks) == 2
        await asyncio.sleep(1)
        assert len(tasks) == 0

    unavailable, mistake = VenueUnavailable("away"), KeyError("ours")
    run_virtual(scenario())
    assert told == [unavailable] and mistakes == [mistake]


def test_no_work_is_left_not_even_what_is_started_by_work_that_ends() -> None:
    ended: list[str] = []

    async def scenario() -> None:
        tasks = TaskKeeper(pytest.fail)

        async def wait(name: str) -> None:
            try:
                await asyncio.sleep(1_000)
            finally:
                ended.append(name)
                if name == "first":
                    tasks.start(wait("started at the end"))

        async def close() -> None:
            await tasks.cancel_all()
            ended.append("closer")

        tasks.start(wait("first"))
        tasks.start(close())  # one of its own may close it, and is spared
        await asyncio.sleep(1)
        tasks.start(wait("never begun"))  # its coroutine is closed: no warning when it is freed
        await tasks.cancel_all()
        assert len(tasks) == 0

    run_virtual(scenario())
    gc.collect()
    assert ended == ["first", "started at the end", "closer"]


class Venue:
    """A venue whose clock is `ahead_ns` before ours and whose answers take `trip_ns`."""

    def __init__(self) -> None:
        self.local_ns = 10**18
        self.ahead_ns = 0
        self.trip_ns = 20 * MS
        self.asked = 0
        self.failure: VenueError | None = None

    def now_ns(self) -> int:
        return self.local_ns

    async def ask(self) -> TimeSample:
        self.asked += 1
        await asyncio.sleep(self.trip_ns / 1e9)
        if self.failure is not None:
            raise self.failure
        sent_ns, self.local_ns = self.local_ns, self.local_ns + self.trip_ns
        return sent_ns, sent_ns + self.ahead_ns + self.trip_ns // 2, self.local_ns


def test_a_clock_in_doubt_is_measured_from_fresh_samples_alone() -> None:
    async def scenario() -> None:
        venue = Venue()
        clock = ClockKeeper(venue.now_ns, venue.ask)
        assert clock.now_ns() == venue.local_ns
        await clock.measure()
        await clock.settle()
        assert venue.asked == 3 and abs(clock.offset_ns) < MS
        venue.ahead_ns, venue.trip_ns = 20_000 * MS, 60 * MS
        await clock.measure()  # nobody doubted: the samples of before count and are better
        assert abs(clock.offset_ns) < MS
        clock.doubt()
        await clock.settle()
        assert not clock.is_doubted and abs(clock.offset_ns - venue.ahead_ns) < MS
        assert abs(clock.now_ns() - venue.local_ns - venue.ahead_ns) < MS

    run_virtual(scenario())


def test_requests_that_find_the_clock_in_doubt_together_measure_it_once() -> None:
    async def scenario() -> None:
        venue = Venue()
        clock = ClockKeeper(venue.now_ns, venue.ask, samples=2)
        clock.doubt()
        await asyncio.gather(*(clock.settle() for _ in range(10)))
        assert venue.asked == 2

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("failure", "seen"),
    [
        (OutcomeUnknown("lost"), VenueUnavailable),
        (VenueProtocolError("noon"), VenueUnavailable),
        (VenueRateLimited("later", 5), VenueRateLimited),
    ],
)
def test_a_measurement_that_fails_leaves_the_clock_as_it_was_and_in_doubt(
    failure: VenueError, seen: type[VenueError]
) -> None:
    """What it was measured for was not sent, so nothing is unknown."""

    async def scenario() -> None:
        venue = Venue()
        venue.ahead_ns = 5_000 * MS
        clock = ClockKeeper(venue.now_ns, venue.ask)
        await clock.measure()
        clock.doubt()
        venue.failure = failure
        with pytest.raises(seen):
            await clock.settle()
        assert clock.is_doubted and abs(clock.offset_ns - venue.ahead_ns) < MS
        venue.failure = None
        await clock.settle()
        assert not clock.is_doubted

    run_virtual(scenario())


def test_requests_side_by_side_run_to_their_ends_before_the_first_failure_is_raised() -> None:
    ended = list[str]()

    async def leg(name: str, seconds: float, failure: Exception | None = None) -> None:
        await asyncio.sleep(seconds)
        ended.append(name)
        if failure is not None:
            raise failure

    async def main() -> None:
        legs = [leg("a", 2.0), leg("b", 1.0, KeyError("b")), leg("c", 3.0, ValueError("c"))]
        with pytest.raises(KeyError):
            await side_by_side(legs)
        assert ended == ["b", "a", "c"]

    run_virtual(main())


class PortWithEpoch(RecordingPort):
    now = 7

    def epoch(self) -> int:
        return self.now


def test_a_term_ends_with_the_port_and_with_the_epoch() -> None:
    guard, port = PortGuard(), PortWithEpoch()
    terms = [guard.term()]
    guard.open(port)
    terms.append(guard.term())
    assert guard.term() == terms[-1]
    port.now += 1
    terms.append(guard.term())
    guard.close()
    terms.append(guard.term())
    guard.open(RecordingPort())  # a port that knows no epoch
    terms.append(guard.term())
    assert len(set(terms)) == 5
