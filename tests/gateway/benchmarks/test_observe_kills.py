"""Observers are killed beside a desk that trades: nothing is lost, and native submit does not
notice."""

import os

import pytest

from gateway.benchmarks import _observe_kills

KILLS = int(os.environ.get("GATEWAY_OBSERVER_KILLS", "100"))
SECONDS_MAX = 3600.0
SUBMITS_MIN = 5_000  # below that a 99th percentile is a few samples


def assert_nothing_was_lost(found, kills):
    assert found["kills"] == kills
    # one beside each window of kills and the last one tell at least twice, the desk once
    for told in ("states_compared", "rows_compared", "books_compared"):
        assert found[told] >= 4
    assert (found["lost"], found["books_balanced"]) == (0, True)
    assert min(found["submits_measured"].values()) >= SUBMITS_MIN


@pytest.mark.slow
@pytest.mark.timeout(SECONDS_MAX)
def test_a_hundred_kills_lose_nothing_and_leave_native_submit_alone():
    found = _observe_kills.measure(print, kills=KILLS, seconds_max=SECONDS_MAX)
    print(found)  # what a night found, with pytest's -s or -rP
    assert_nothing_was_lost(found, KILLS)
    assert found["p99_ratio"] <= 1.2, found
