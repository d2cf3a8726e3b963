"""Soft monitors judge a window, per strategy, and warn once per crossing."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pytest

from gateway.stream.conduct import Conduct, ConductLimits


@dataclass
class Desk:
    now: float = 0.0
    counts: dict[tuple[str, str, str, str], int] = field(default_factory=dict)

    def add(self, outcome: str, count: int, *, strategy: str = "maker", venue: str = "a") -> None:
        key = (strategy, venue, "limit", outcome)
        self.counts[key] = self.counts.get(key, 0) + count


def conduct_of(desk: Desk, **limits: float) -> Conduct:
    return Conduct(ConductLimits(orders_min=10, **limits), lambda: desk.now)


def test_ratios_are_summed_over_venues_and_types() -> None:
    desk = Desk()
    conduct = conduct_of(desk)
    conduct.take(desk.counts)
    for venue in ("a", "b"):
        desk.add("entered", 20, venue=venue)
        desk.add("fills", 5, venue=venue)
        desk.add("canceled", 10, venue=venue)
    desk.add("rejected", 4)
    desk.add("refused", 10)
    conduct.take(desk.counts)
    assert conduct.ratios == {
        ("maker", "order_to_trade"): 3.0,
        ("maker", "cancel"): 0.5,
        ("maker", "reject"): 0.1,
        ("maker", "refusal"): 0.2,
    }


def test_what_is_older_than_the_window_no_longer_counts() -> None:
    desk = Desk()
    conduct = conduct_of(desk, window_seconds=60.0)
    conduct.take(desk.counts)
    desk.add("entered", 100)
    desk.add("canceled", 100)
    for second in range(1, 62):
        desk.now = float(second)
        conduct.take(desk.counts)
    desk.add("entered", 50)
    desk.add("canceled", 5)
    desk.now = 62.0
    conduct.take(desk.counts)
    assert conduct.ratios["maker", "cancel"] == 0.1


def test_few_orders_say_nothing_and_orders_without_a_trade_all_count() -> None:
    desk = Desk()
    conduct = conduct_of(desk)
    desk.add("entered", 9)
    conduct.take(desk.counts)
    assert conduct.ratios == {}
    desk.add("entered", 3)
    conduct = conduct_of(desk)
    conduct.take(desk.counts)
    assert conduct.ratios["maker", "order_to_trade"] == 12.0


def test_a_crossing_warns_once_and_again_only_after_it_was_below(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    conduct = conduct_of(desk, window_seconds=60.0, cancel_max=0.5)
    desk.add("entered", 10)
    desk.add("canceled", 5)
    conduct.take(desk.counts)
    assert conduct.warnings == 0, "at the limit is not above it"
    desk.add("canceled", 1)
    with caplog.at_level(logging.WARNING, "gateway.observer"):
        desk.now = 1
        conduct.take(desk.counts | {("quiet", "a", "limit", "entered"): 50})
        desk.add("entered", 10)
        desk.add("canceled", 9)
        desk.now = 2
        conduct.take(desk.counts)
        desk.add("canceled", 1)
        conduct.take(desk.counts)
    assert conduct.warnings >= 1
    assert all("maker" in record.getMessage() for record in caplog.records)
    before = conduct.warnings
    desk.add("entered", 100)
    conduct.take(desk.counts)
    assert conduct.ratios["maker", "cancel"] <= 0.5
    desk.add("canceled", 200)
    conduct.take(desk.counts)
    assert conduct.warnings == before + 1
