"""A trading day ends where its desk lives."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from gateway.core.trading_day import TradingDay

SECOND_NS = 1_000_000_000


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND_NS


@pytest.mark.parametrize(
    ("ends_at", "zone", "at", "begins"),
    [
        ("00:00", "UTC", "2026-11-21T00:00:00+00:00", "2026-11-21T00:00:00+00:00"),
        ("00:00", "UTC", "2026-11-20T23:59:59+00:00", "2026-11-20T00:00:00+00:00"),
        ("17:00", "America/New_York", "2026-11-20T21:59:59+00:00", "2026-11-19T22:00:00+00:00"),
        ("17:00", "America/New_York", "2026-11-20T22:00:00+00:00", "2026-11-20T22:00:00+00:00"),
        # Clocks are put back on 1 November: this day has 25 hours.
        ("17:00", "America/New_York", "2026-11-01T21:30:00+00:00", "2026-10-31T21:00:00+00:00"),
        # 02:30 does not exist on 29 March, and is there twice on 25 October.
        ("02:30", "Europe/Berlin", "2026-03-29T01:30:00+00:00", "2026-03-29T01:30:00+00:00"),
        ("02:30", "Europe/Berlin", "2026-10-25T01:45:00+00:00", "2026-10-25T00:30:00+00:00"),
        ("00:00", "Asia/Tokyo", "2026-11-20T15:00:00+00:00", "2026-11-20T15:00:00+00:00"),
    ],
)
def test_a_day_begins_at_the_end_of_the_one_before(
    ends_at: str, zone: str, at: str, begins: str
) -> None:
    assert TradingDay.of(ends_at, zone).begins_ns(ns(at)) == ns(begins)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Africa/Cairo", "Pacific/Apia"])
@pytest.mark.parametrize("ends_at", ["00:00", "00:30", "02:30", "23:59"])
def test_a_year_has_one_beginning_for_each_of_its_days(zone: str, ends_at: str) -> None:
    day = TradingDay.of(ends_at, zone)
    start = datetime(2025, 7, 1, 12, tzinfo=UTC)
    begins = [
        day.begins_ns(int((start + timedelta(minutes=30 * step)).timestamp()) * SECOND_NS)
        for step in range(400 * 48)
    ]
    assert begins == sorted(begins)
    found = sorted(set(begins))
    hours = {(after - before) // (3600 * SECOND_NS) for before, after in pairwise(found)}
    assert len(found) in (400, 401) and hours <= {23, 24, 25}


@pytest.mark.parametrize(
    ("ends_at", "zone"), [("25:00", "UTC"), ("00:00", "Mars/Olympus"), ("x", "UTC")]
)
def test_what_is_no_time_and_no_zone_is_refused(ends_at: str, zone: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        TradingDay.of(ends_at, zone)


@pytest.mark.parametrize(
    ("ends_at", "zone", "day", "bounds"),
    [
        ("00:00", "UTC", "2026-11-20", ["2026-11-20T00:00+00:00", "2026-11-21T00:00+00:00"]),
        # Clocks go back on 25 October: 25 hours.
        ("00:00", "Europe/London", "2026-10-25",
         ["2026-10-24T23:00+00:00", "2026-10-26T00:00+00:00"]),
        ("17:00", "America/New_York", "2026-11-20",
         ["2026-11-19T22:00+00:00", "2026-11-20T22:00+00:00"]),
    ],
)  # fmt: skip
def test_a_day_is_named_by_the_date_on_which_it_ends(
    ends_at: str, zone: str, day: str, bounds: list[str]
) -> None:
    found = TradingDay.of(ends_at, zone).bounds_ns(date.fromisoformat(day))
    assert found == tuple(map(ns, bounds))
    with pytest.raises(ValueError):
        TradingDay.of(ends_at, zone).bounds_ns(date(9999, 12, 31))
