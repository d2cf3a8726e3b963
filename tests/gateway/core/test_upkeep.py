"""Clock, period and epoch are kept up without touching an order."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core import upkeep
from gateway.core.upkeep import Upkeep


class NativeInMemory:
    """The calls that upkeep makes, remembered."""

    def __init__(self) -> None:
        self.now = 10 * upkeep.DAY_NS - 1
        self.ahead = 0
        self.left = 1 << 30
        self.epoch = 3
        self.is_there = True
        self.calls: list[tuple[Any, ...]] = []

    def now_ns(self) -> int:
        return self.now

    def discipline_clock(self) -> int:
        return self.ahead

    def set_clock_healthy(self, is_healthy: bool) -> None:
        self.calls.append(("healthy", is_healthy))

    def roll_period(self) -> int:
        self.calls.append(("roll",))
        return 7

    def order_ids_left(self) -> int:
        return self.left

    def raise_epoch(self, epoch_min: int = 0) -> bool:
        self.calls.append(("raise",))
        return True

    def is_where_started(self) -> bool:
        return self.is_there


@pytest.fixture
def native() -> NativeInMemory:
    return NativeInMemory()


def test_the_period_rolls_once_at_midnight(native: NativeInMemory) -> None:
    kept = Upkeep(native)  # type: ignore[arg-type]
    kept.once()
    assert native.calls == []
    native.now += 1
    kept.once()
    kept.once()
    assert native.calls == [("roll",)]


def test_a_clock_jump_stops_new_orders_until_it_is_caught_up(native: NativeInMemory) -> None:
    kept = Upkeep(native)  # type: ignore[arg-type]
    for ahead in (900_000_000, 3_600_000_000_000, 3_600_000_000_000, -2_000_000_000, 5_000):
        native.ahead = ahead
        kept.once()
    assert native.calls == [("healthy", False), ("healthy", True)]


def test_the_epoch_is_raised_ahead_of_exhaustion(native: NativeInMemory) -> None:
    kept = Upkeep(native)  # type: ignore[arg-type]
    kept.once()
    native.left = upkeep.ORDER_IDS_LEFT_MIN - 1
    kept.once()
    assert native.calls == [("raise",)]


def test_a_moved_engine_thread_is_told_once_by_code(
    native: NativeInMemory, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Upkeep(native)  # type: ignore[arg-type]
    for is_there in (True, False, False, True, True):
        native.is_there = is_there
        with caplog.at_level("INFO"):
            kept.once()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert told[0].startswith("CPU_MOVED") and "again" in told[1]
