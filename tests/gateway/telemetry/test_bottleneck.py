"""The planted culprit is named: a busy stage, a slow wait, a queue that fills."""

import pytest

from gateway._core.telemetry import Histogram
from gateway.telemetry import Queue, Reading, Stage, find_bottleneck
from gateway.telemetry.bottleneck import shares

SECOND = 1_000_000_000
# name -> (thread, kind, parent, sampled one in)
STAGES = {
    "submit": ("event_loop", "span", "", 1),
    "decide": ("engine", "work", "", 16),
    "gate": ("engine", "work", "decide", 16),
    "append": ("engine", "work", "decide", 16),
    "commit": ("journal_commit", "work", "", 1),
    "loop_lag": ("event_loop", "wait", "", 1),
    "venue_round_trip": ("event_loop", "wait", "", 1),
}


def reading(seconds=0.0, created_ns=1, depths=None, **durations):
    """A reading `seconds` after the first; durations: stage -> [(ns, times)]."""
    stages = {}
    for name, (writer, kind, parent, sampling) in STAGES.items():
        histogram = Histogram()
        for duration_ns, times in durations.get(name, ()):
            histogram.add(duration_ns, times)
        stages[name] = Stage(name, writer, kind, parent, sampling, histogram)
    drains = {"journal_ring": "journal_commit", "outbound.sim": "event_loop"}
    queues = {
        name: Queue(name, "entries", drains[name], 1000, 750, depth, depth, 0, 1, 1)
        for name, depth in (depths or {}).items()
    }
    at = int(seconds * SECOND)
    return Reading(1, 1, created_ns, at, at, stages, queues)


def test_the_stage_that_fills_its_thread_is_named_and_not_what_contains_it():
    # A sixteenth of 100,000 orders of 9 us each, 8 us of them in the gate: 72 % of one second.
    after = reading(
        1,
        submit=[(50_000_000, 1000)],
        decide=[(9_000, 6250)],
        gate=[(8_000, 6250)],
        append=[(300, 6250)],
    )
    found = find_bottleneck(reading(), after)
    assert (found.stage, found.thread, found.queue) == ("gate", "engine", "")
    assert found.share == pytest.approx(0.8, rel=0.02)
    assert found.sentence == "gate takes 80% of the time of engine; no queue grows"


def test_time_of_a_child_is_not_counted_twice():
    after = reading(1, decide=[(1_000, 6250)], gate=[(600, 6250)], append=[(300, 6250)])
    found = shares(reading(), after)
    assert found["decide"] == pytest.approx(0.01, rel=0.02)
    assert found["gate"] == pytest.approx(0.06, rel=0.02)
    assert found["append"] == pytest.approx(0.03, rel=0.02)


def test_a_slow_disk_is_named_with_the_ring_that_fills():
    before = reading(depths={"journal_ring": 100})
    after = reading(
        2,
        depths={"journal_ring": 500},
        commit=[(95_000_000, 20)],
        decide=[(900, 6250)],
        venue_round_trip=[(3_000_000, 600)],
    )
    found = find_bottleneck(before, after)
    assert (found.stage, found.queue) == ("commit", "journal_ring")
    assert found.growth_per_second == 200
    assert found.seconds_to_full == pytest.approx(2.5)
    assert "journal_ring grows by 200 entries/s and is full in 2 s" in found.sentence


def test_behind_a_growing_queue_stands_the_stage_of_the_thread_that_drains_it():
    before = reading(depths={"journal_ring": 0, "outbound.sim": 0})
    after = reading(
        1,
        depths={"journal_ring": 20, "outbound.sim": 300},
        commit=[(10_000_000, 40)],
        loop_lag=[(5_000_000, 50)],
        venue_round_trip=[(100_000, 100)],
    )
    found = find_bottleneck(before, after)
    assert (found.stage, found.queue) == ("loop_lag", "outbound.sim")


def test_a_slow_venue_is_named_while_every_thread_has_time():
    after = reading(1, decide=[(900, 625)], commit=[(100_000, 100)], venue_round_trip=[(
        40_000_000, 100)])  # fmt: skip
    found = find_bottleneck(reading(), after)
    assert found.stage == "venue_round_trip"
    assert found.share == pytest.approx(4.0, rel=0.02)
    assert "4.00 operations wait in venue_round_trip on average" in found.sentence


def test_an_idle_gateway_has_no_bottleneck():
    found = find_bottleneck(reading(), reading(1))
    assert (found.stage, found.queue, found.seconds_to_full) == ("", "", None)
    assert found.sentence == "no stage is busy; no queue grows"


def test_what_happened_before_the_first_reading_does_not_count():
    before = reading(commit=[(900_000_000, 100)])
    after = reading(1, commit=[(900_000_000, 100)], venue_round_trip=[(50_000_000, 10)])
    assert find_bottleneck(before, after).stage == "venue_round_trip"


def test_a_queue_that_only_trembles_does_not_grow():
    before = reading(depths={"journal_ring": 3, "outbound.sim": 900})
    after = reading(1, depths={"journal_ring": 8, "outbound.sim": 880})
    assert find_bottleneck(before, after).queue == ""


def test_readings_of_two_lives_are_not_compared():
    after = reading(1, created_ns=2, commit=[(900_000_000, 1)])
    assert shares(reading(), after) == {}
    assert find_bottleneck(reading(), after).stage == ""
