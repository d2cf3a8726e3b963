"""Back-off, the venue's clock and nonces, each against what they promise."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transport import Backoff, Nonces, VenueClock

SECOND_NS = 1_000_000_000


class Clock:
    def __init__(self, ns: int = 10**18) -> None:
        self.ns = ns

    def __call__(self) -> int:
        return self.ns


@given(seed=st.integers(0, 1_000), failures=st.integers(0, 80))
def test_a_delay_is_anywhere_below_its_doubled_ceiling(seed: int, failures: int) -> None:
    backoff = Backoff(0.1, 5.0, Random(seed), attempts_per_minute=10_000, now_ns=Clock())
    for _ in range(failures):
        backoff.next_s()
    assert 0 <= backoff.next_s() <= min(5.0, 0.1 * 2 ** min(failures, 60)) + 1e-9
    backoff.reset()
    assert backoff.failures == 0 and backoff.next_s() <= 0.1


def test_jitter_is_full() -> None:
    found = [Backoff(8.0, 8.0, Random(seed), now_ns=Clock()).next_s() for seed in range(400)]
    assert min(found) < 0.2 and max(found) > 7.8 and 3.5 < sum(found) / len(found) < 4.5


@given(
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=200),
    resets=st.sets(st.integers(0, 200)),
)
def test_no_minute_sees_more_attempts_than_the_cap(pauses: list[float], resets: set[int]) -> None:
    clock, attempts = Clock(), list[int]()
    backoff = Backoff(0.01, 1.0, Random(1), attempts_per_minute=6, now_ns=clock)
    for number, pause in enumerate(pauses):
        clock.ns += round(backoff.next_s() * 1e9)
        attempts.append(clock.ns)
        clock.ns += int(pause * 1e9)  # how long the line held
        if number in resets:
            backoff.reset()
    for first, seventh in zip(attempts, attempts[6:], strict=False):
        assert seventh - first >= 60 * SECOND_NS - 10


def test_after_a_quiet_minute_the_first_delay_is_short_again() -> None:
    clock = Clock()
    backoff = Backoff(0.01, 1.0, Random(1), attempts_per_minute=3, now_ns=clock)
    for _ in range(3):
        clock.ns += round(backoff.next_s() * 1e9)
    assert backoff.next_s() > 50
    clock.ns += 3_600 * SECOND_NS
    backoff.reset()
    assert backoff.next_s() <= 0.01


@pytest.mark.parametrize("wrong", [(0, 1), (2, 1), (-1, 1)])
def test_a_back_off_without_meaning_is_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError):
        Backoff(*wrong, Random(1))
    with pytest.raises(ValueError):
        Backoff(1, 2, Random(1), attempts_per_minute=0)


@given(
    offset=st.integers(-(10**12), 10**12),
    trips=st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9)),
        min_size=1,
        max_size=60,
    ),
)
def test_the_venues_time_is_within_what_is_said_about_it(
    offset: int, trips: list[tuple[int, int, int]]
) -> None:
    local = Clock()
    clock = VenueClock(local)
    assert clock.now_ns() == local.ns and clock.uncertainty_ns is None
    for pause, there, back in trips:
        local.ns += pause
        sent = local.ns
        stamp = (sent + there + offset) // 1_000_000 * 1_000_000  # the venue cuts to milliseconds
        local.ns += there + back
        clock.observe(sent, stamp, local.ns)
        assert clock.uncertainty_ns is not None
        assert abs(clock.now_ns() - (local.ns + offset)) <= clock.uncertainty_ns
    last = clock.uncertainty_ns
    local.ns += 3_600 * SECOND_NS
    assert clock.uncertainty_ns == pytest.approx((last or 0) + 360_000_000, abs=2)


def test_the_shortest_round_trip_counts_until_it_is_too_old() -> None:
    local = Clock()
    clock = VenueClock(local, samples=4, resolution_ns=1)

    def sample(trip: int, error: int) -> None:
        sent = local.ns
        local.ns += trip
        clock.observe(sent, sent + trip // 2 + 5_000 + error, local.ns)

    sample(1_000_000, 400_000)
    sample(10_000, 0)
    sample(1_000_000, -400_000)
    assert clock.offset_ns == 5_000
    for _ in range(4):
        sample(1_000_000, 300_000)
    assert clock.offset_ns == 305_000


def test_a_sample_that_ends_before_it_began_is_refused() -> None:
    clock = VenueClock(Clock())
    clock.observe(10, 5, 9)
    assert clock.refused == 1 and clock.uncertainty_ns is None and clock.offset_ns == 0


@given(
    steps=st.lists(st.integers(-(10**10), 10**10), max_size=100),
    unit=st.sampled_from([1, 1_000, 1_000_000]),
    last=st.integers(0, 2 * 10**18),
)
def test_nonces_only_grow_whatever_the_clock_does(steps: list[int], unit: int, last: int) -> None:
    clock = Clock()
    nonces, before = Nonces(clock, unit, last), last
    for step in steps:
        clock.ns += step
        found = nonces.next()
        assert found > before and found >= clock.ns // unit and nonces.last == found
        before = found


def test_a_nonce_is_the_time_when_it_can_be() -> None:
    clock = Clock(1_700_000_000_123_456_789)
    nonces = Nonces(clock)
    assert [nonces.next() for _ in range(3)] == [
        1_700_000_000_123, 1_700_000_000_124, 1_700_000_000_125,
    ]  # fmt: skip
    with pytest.raises(ValueError):
        Nonces(clock, 0)
