"""What an adapter on the toolkit tells of itself, under the names every venue shares."""

import time
from random import Random

from gateway.api import RateLimit
from gateway.transport import Budget, RestPool, shared_counts


def test_limits_bans_clock_lines_and_requests_are_told():
    limits = [
        RateLimit(name="weight", model="window", scope="ip", capacity=10, window_ms=60_000),
        RateLimit(name="orders", model="window", scope="account", capacity=4, window_ms=60_000),
    ]
    now_ns = 1_000 * 60_000_000_000 + 5_000_000_000
    budget = Budget(limits, lambda: now_ns)
    assert budget.take("query", {"weight": 3, "orders@main": 1}) == 0
    budget.ban(now_ns + 2_000_000_000, "418")
    pool = RestPool("http://127.0.0.1:1", now_ns=time.time_ns, random=Random(1))
    line = {"name": "user stream", "ups": 3, "frames": 9}
    counts = shared_counts(pool.row(), budget, 5_000_000, 3_000_000, [line])
    assert (counts["limit_used.weight"], counts["limit_capacity.weight"]) == (3, 10)
    assert counts["limit_used.orders@main"] == 1
    assert (counts["banned_ms"], counts["clock_offset_us"]) == (2_000, 2_000)
    assert (counts["reconnects.user_stream"], counts["frames_user_stream"]) == (2, 9)
    assert counts["requests.answered"] == counts["requests.unknown"] == 0
    assert all(type(count) is int for count in counts.values())


def test_of_many_limits_those_nearest_to_their_end_are_told():
    limit = RateLimit(
        name="orders", model="window", scope="instrument", capacity=50, window_ms=60_000
    )
    budget = Budget([limit], lambda: 90_000_000_000, headroom_percent={"orders": {"new": 0}})
    for number in range(45):
        assert budget.take("new", {f"orders@C{number}": number + 1}) == 0
    pool = RestPool("http://127.0.0.1:1", now_ns=time.time_ns, random=Random(1))
    counts = shared_counts(pool.row(), budget, 0, 0)
    told = {name for name in counts if name.startswith("limit_used.")}
    assert told == {f"limit_used.orders@C{number}" for number in range(13, 45)}
