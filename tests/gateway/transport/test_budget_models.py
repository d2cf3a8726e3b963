"""The five models against slow models that keep every request for ever."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api import RateLimit
from gateway.transport.budget_models import (
    NEVER_NS,
    SECOND_NS,
    Bucket,
    Counter,
    Earned,
    Recent,
    Rolling,
    Window,
    counter_of,
)

START_NS = 1_700_000_000 * SECOND_NS
Events = list[tuple[int, int]]  # (time, cost)


class NaiveWindow:
    def __init__(self, capacity: int, window_ns: int) -> None:
        self.capacity, self.window_ns, self.events = capacity, window_ns, Events()

    def fits(self, cost: int, at: int) -> bool:
        same = (c for t, c in self.events if t // self.window_ns == at // self.window_ns)
        return sum(same) + cost <= self.capacity


class NaiveRolling(NaiveWindow):
    def fits(self, cost: int, at: int) -> bool:
        return sum(c for t, c in self.events if t > at - self.window_ns) + cost <= self.capacity


class NaiveBucket:
    def __init__(self, capacity: int, refill: Fraction) -> None:
        self.capacity, self.refill, self.events = capacity, refill, Events()

    def fits(self, cost: int, at: int) -> bool:
        level, last = Fraction(0), 0
        for t, c in self.events:
            level = max(Fraction(0), level - self.refill * (t - last) / SECOND_NS) + c
            last = t
        return max(Fraction(0), level - self.refill * (at - last) / SECOND_NS) + cost <= (
            self.capacity
        )


Naive = NaiveWindow | NaiveBucket
PAIRS: dict[str, Callable[[int], tuple[Callable[[int], Counter], Callable[[], Naive]]]] = {
    "window": lambda capacity: (
        lambda guard: Window(capacity, SECOND_NS, guard),
        lambda: NaiveWindow(capacity, SECOND_NS),
    ),
    "rolling": lambda capacity: (
        lambda guard: Rolling(capacity, SECOND_NS, guard),
        lambda: NaiveRolling(capacity, SECOND_NS),
    ),
    "bucket": lambda capacity: (
        lambda guard: Bucket(capacity, Fraction(5, 2), guard),
        lambda: NaiveBucket(capacity, Fraction(5, 2)),
    ),
}
STEPS = st.lists(st.tuples(st.integers(0, 700_000_000), st.integers(1, 6)), min_size=1, max_size=40)


@pytest.mark.parametrize("model", PAIRS)
@given(capacity=st.integers(6, 40), steps=STEPS, back=st.lists(st.booleans(), min_size=40))
@settings(deadline=None)
def test_what_is_given_back_never_makes_room_that_the_venue_has_not(
    model: str, capacity: int, steps: Events, back: list[bool]
) -> None:
    """Some of what was taken never left, and is given back later: the venue counts the rest."""
    make, make_naive = PAIRS[model](capacity)
    counter, naive, now = make(0), make_naive(), START_NS
    kept: list[tuple[int, int]] = []
    for place, (pause, cost) in enumerate(steps):
        now += pause
        if back[place] and kept:
            spent_ns, was = kept.pop(0)
            counter.give_back(was, spent_ns, now)
        if counter.wait_ns(cost, capacity, now):
            continue
        counter.spend(cost, now)
        if place % 3 == 0:
            kept.append((now, cost))  # stays here
        else:
            assert naive.fits(cost, now), (model, place)
            naive.events.append((now, cost))


@pytest.mark.parametrize("model", PAIRS)
def test_what_is_given_back_at_once_is_as_if_it_had_never_been_taken(model: str) -> None:
    counter = PAIRS[model](10)[0](0)
    counter.spend(4, START_NS)
    before = counter.dump()
    counter.spend(6, START_NS + 1)
    assert counter.wait_ns(6, 10, START_NS + 2)
    counter.give_back(6, START_NS + 1, START_NS + 1)
    assert not counter.wait_ns(6, 10, START_NS + 2)
    assert [each for each in counter.dump() if each] >= [each for each in before if each]


def test_an_earned_budget_gets_back_what_did_not_leave() -> None:
    earned = Earned(10, Fraction(1))
    earned.spend(7, START_NS)
    earned.give_back(7, START_NS, START_NS + SECOND_NS)
    assert earned.used(START_NS) == 0


@pytest.mark.parametrize("model", PAIRS)
@given(capacity=st.integers(6, 40), steps=STEPS)
def test_a_counter_admits_exactly_what_the_model_admits(
    model: str, capacity: int, steps: Events
) -> None:
    make, make_naive = PAIRS[model](capacity)
    counter, naive, now = make(0), make_naive(), START_NS
    for pause, cost in steps:
        now += pause
        wait_ns = counter.wait_ns(cost, capacity, now)
        assert (wait_ns == 0) == naive.fits(cost, now)
        if wait_ns:  # and it is exact: not a nanosecond earlier, not one later
            assert not naive.fits(cost, now + wait_ns - 1)
            assert naive.fits(cost, now + wait_ns)
        else:
            counter.spend(cost, now)
            naive.events.append((now, cost))
        copy = make(0)
        copy.load(counter.dump())
        assert copy.dump() == counter.dump() and copy.used(now) == counter.used(now)


@pytest.mark.parametrize("model", PAIRS)
@given(
    capacity=st.integers(6, 80),
    costs=st.lists(st.integers(1, 6), min_size=30, max_size=60),
    shifts=st.lists(st.sampled_from([-25_000_000, 0, 25_000_000]), min_size=60, max_size=60),
    pauses=st.lists(st.sampled_from([0, 0, 0, 20_000_000, 930_000_000]), min_size=60, max_size=60),
)
def test_within_the_guard_no_order_of_arrival_exceeds_the_limit(
    model: str, capacity: int, costs: list[int], shifts: list[int], pauses: list[int]
) -> None:
    """A client that sends as early as it may, often near a turn of the window; each request arrives
    a little sooner or later."""
    make, make_naive = PAIRS[model](capacity)
    counter, now, arrivals = make(50_000_000), START_NS, Events()
    for cost, shift, pause in zip(costs, shifts, pauses, strict=False):
        now += pause
        now += counter.wait_ns(cost, capacity, now)
        assert counter.wait_ns(cost, capacity, now) == 0
        counter.spend(cost, now)
        arrivals.append((now + shift, cost))
    venue = make_naive()
    for at, cost in sorted(arrivals):
        assert venue.fits(cost, at)
        venue.events.append((at, cost))


@given(
    capacity=st.sampled_from([5, 60, 64, 65, 300]),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["spend", "settle", "load", "fill"]),
            st.sampled_from([-3_000, -90, -1, 0, 1, 17, 90, 900, 3_000]),
            st.integers(1, 5),
        ),
        max_size=120,
    ),
)
@settings(max_examples=50)
def test_a_rolling_limit_knows_the_sum_of_what_it_keeps(capacity: int, steps: list) -> None:
    """Also with a clock that goes back, and after whatever else changes what is kept."""
    window_ns = 1_000
    counter, now = Rolling(capacity, window_ns, 0), START_NS
    for doing, forward_ns, cost in steps:
        now += forward_ns
        match doing:
            case "spend":
                counter.spend(cost, now)
            case "settle":
                counter.settle(cost, now)
            case "load":
                counter.load(counter.dump())
            case "fill":
                counter.fill(now)
        state = counter.dump()
        kept = list(zip(state[0::2], state[1::2], strict=True))
        for at in (now, now - 500, now + 500):
            in_window = [each for stamp, each in kept if stamp + window_ns > at]
            assert counter.used(at) == sum(in_window)


@given(steps=st.lists(st.tuples(st.integers(0, 40_000_000), st.integers(1, 9)), max_size=200))
def test_a_rolling_limit_beyond_its_slots_is_safe_and_a_slice_late_at_most(steps: Events) -> None:
    counter, naive, now = Rolling(300, SECOND_NS, 0), NaiveRolling(300, SECOND_NS), START_NS
    slack = NaiveRolling(300, SECOND_NS + SECOND_NS // 60)
    for pause, cost in steps:
        now += pause
        admitted = not counter.wait_ns(cost, 300, now)
        if admitted:
            assert naive.fits(cost, now)
            counter.spend(cost, now)
            naive.events.append((now, cost))
            slack.events.append((now, cost))
        else:
            assert not slack.fits(cost, now)
        assert len(counter.dump()) <= 128


@given(
    refill=st.fractions(Fraction(1, 100), 10_000, max_denominator=1_000),
    steps=st.lists(st.tuples(st.integers(0, 3 * SECOND_NS), st.integers(1, 6)), max_size=40),
)
def test_a_bucket_of_any_refill_never_admits_more_than_the_model(
    refill: Fraction, steps: Events
) -> None:
    counter, naive, now = Bucket(12, refill, 0), NaiveBucket(12, refill), START_NS
    for pause, cost in steps:
        now += pause
        if not counter.wait_ns(cost, 12, now):
            # Rounded by less than a nanosecond a request; the guard is 50 milliseconds.
            assert naive.fits(cost, now + 1)
            counter.spend(cost, now)
            naive.events.append((now, cost))


@given(
    capacity=st.integers(1, 100),
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=40),
)
def test_an_earned_budget_grows_by_what_was_traded(capacity: int, steps: list[tuple]) -> None:
    counter, earned, used = Earned(capacity, Fraction(1)), 0, 0
    for is_trade, amount in steps:
        if is_trade:
            counter.earn(Fraction(amount))
            earned += amount
        elif amount <= counter.capacity():
            wait_ns = counter.wait_ns(amount, counter.capacity(), 0)
            assert wait_ns == (0 if used + amount <= capacity + earned else NEVER_NS)
            if not wait_ns:
                counter.spend(amount, 0)
                used += amount
    assert counter.capacity() == capacity + earned and counter.used(0) == used
    assert counter.idle_from_ns() == NEVER_NS


COUNTERS: dict[str, Callable[[], Counter]] = {
    "window": lambda: Window(10, SECOND_NS, 10_000_000),
    "rolling": lambda: Rolling(10, SECOND_NS, 10_000_000),
    "bucket": lambda: Bucket(10, Fraction(5), 10_000_000),
    "earned": lambda: Earned(10, Fraction(1)),
}


@pytest.mark.parametrize("model", COUNTERS)
def test_what_the_venue_says_replaces_what_was_counted(model: str) -> None:
    counter, now = COUNTERS[model](), START_NS + SECOND_NS // 2
    for used in (7, 3, 0, 10, 25, 4):
        counter.spend(2, now)
        counter.settle(used, now)
        assert counter.used(now) == used
        assert (counter.wait_ns(1, 10, now) == 0) == (used < 10)


@pytest.mark.parametrize("model", COUNTERS)
def test_a_lost_state_is_a_spent_budget(model: str) -> None:
    counter = COUNTERS[model]()
    counter.fill(START_NS)
    assert counter.used(START_NS) == 10 and counter.wait_ns(1, 10, START_NS) > 0


@pytest.mark.parametrize("model", ["window", "rolling", "bucket"])
def test_what_was_spent_comes_back_even_when_the_clock_was_set_back_by_years(model: str) -> None:
    counter = COUNTERS[model]()
    counter.spend(10, START_NS)
    then = START_NS - 10**9 * SECOND_NS
    counter.spend(1, then)
    assert 0 <= counter.wait_ns(10, 10, then + 20 * SECOND_NS) <= 20 * SECOND_NS
    assert counter.wait_ns(10, 10, then + 60 * SECOND_NS) == 0


@pytest.mark.parametrize("model", ["window", "rolling", "bucket"])
@given(steps=STEPS)
@settings(max_examples=30)
def test_an_idle_counter_is_as_good_as_a_new_one(model: str, steps: Events) -> None:
    counter, now = COUNTERS[model](), START_NS
    for pause, cost in steps:
        now += pause
        counter.spend(cost, now)
    idle = max(now, counter.idle_from_ns())
    assert counter.used(idle) == 0 and counter.wait_ns(10, 10, idle) == 0


def test_the_limit_is_foreseen_at_the_pace_of_the_last_seconds() -> None:
    now = START_NS + SECOND_NS
    window = Window(100, 60 * SECOND_NS, 0)
    window.spend(20, now)
    assert window.room_ns(Fraction(10), 100, now) == 8 * SECOND_NS
    assert window.room_ns(Fraction(1), 100, now) is None  # the window turns before
    bucket = Bucket(100, Fraction(5), 0)
    bucket.spend(20, now)
    assert bucket.room_ns(Fraction(15), 100, now) == 8 * SECOND_NS
    assert bucket.room_ns(Fraction(5), 100, now) is None
    rolling = Rolling(10, SECOND_NS, 0)
    assert rolling.room_ns(Fraction(10), 10, now) is None
    assert rolling.room_ns(Fraction(20), 10, now) == SECOND_NS // 2
    assert Earned(10, Fraction(1)).room_ns(Fraction(2), 10, now) == 5 * SECOND_NS
    assert Earned(10, Fraction(1)).room_ns(Fraction(0), 10, now) is None


@given(
    steps=st.lists(st.tuples(st.integers(0, 2 * SECOND_NS), st.integers(1, 9)), max_size=40),
    back=st.integers(0, 3 * SECOND_NS),
)
def test_what_was_spent_lately_is_known_to_a_slice(steps: Events, back: int) -> None:
    recent, now, events = Recent(), START_NS, Events()
    for pause, cost in steps:
        now += pause
        recent.spend(cost, now)
        events.append((now, cost))
    at = now - back
    exact = sum(cost for t, cost in events if t > at)
    assert recent.since(at, now, is_partly=False) <= exact <= recent.since(at, now, is_partly=True)
    assert recent.since(now, now + 5 * SECOND_NS, is_partly=True) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "window", "capacity": 0, "window_ms": 1},
        {"model": "window", "capacity": 1},
        {"model": "rolling", "capacity": 1, "window_ms": -1},
        {"model": "credits", "capacity": 1},
        {"model": "decaying", "capacity": 1, "refill": "-1"},
        {"model": "volume_earned", "capacity": 1, "refill": "x"},
    ],
)
def test_a_limit_without_meaning_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError):
        counter_of(RateLimit(name="a", scope="ip", **wrong), 0)
