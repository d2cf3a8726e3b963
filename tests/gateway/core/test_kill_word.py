"""The kill word: no door, no event loop, only the ring's head and the engine's own thread."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway._core import engine as native_engine
from gateway.journal import reader

LIMITS: dict[str, str | int] = {
    "order_quantity_max": "1000",
    "order_notional_max": "1000000",
    "position_long_max": "10000",
    "position_short_max": "10000",
    "gross_exposure_max": "10000000",
    "net_exposure_max": "10000000",
    "credit_max": "10000000",
    "collar_bps": 500,
    "reference_age_ms_max": 60000,
    "orders_per_second": 100000,
    "order_burst": 10000,
    "cancels_per_second": 100000,
    "cancel_burst": 10000,
    "open_orders_side_max": 10000,
    "duplicate_window_ms": 0,
}


class Desk:
    """One instrument with limits everywhere and some resting orders."""

    def __init__(self, directory: Path, ring: Path) -> None:
        self.ring = ring
        self.engine = engine = native_engine.Engine(str(directory), str(ring), orders_max=4096)
        usd = engine.define_currency("USD")
        engine.set_currency_rate(usd, "1")
        venue = engine.define_venue("sim", True, 0xFF, 0xFF, 7, 1, 5000)
        instrument = engine.define_instrument(
            venue, "X-USD", "XUSD", 2, usd, usd, usd, 2, 0, 0, "0.01", "1", "1", "1", "0", "0", True
        )
        account = engine.define_account(venue, "main", 1, False, 1)
        strategy = engine.define_strategy("s")
        self.principal = engine.define_principal("desk", 15, None, None, None)
        for level, entity in ((0, instrument), (1, strategy), (2, account), (3, venue), (4, 0)):
            engine.set_limits(level, entity, LIMITS, "test", "seed")
        self.client = engine.open_client_port("test")
        self.venue = engine.open_venue_port(venue)
        self.venue.session(2, "")
        self.venue.marked(instrument, "100.00", "", "", "")
        engine.turn()
        self.names: tuple[Any, ...] = (instrument, account, strategy)

    def rest(self, count: int) -> None:
        for number in range(count):
            self.client.submit(self.principal, f"K{number}", *self.names, 1, 2, 1, "1", "99.00")
            self.engine.turn()
        for entry in self.venue.take(count):
            self.venue.accepted(entry[1], f"V{entry[1]}", False, 1, 1)
        self.engine.turn()


@pytest.fixture
def desk(tmp_path: Path, ring_directory: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "journal", ring_directory)
    yield desk
    desk.engine.stop()


def test_the_kill_word_cancels_everything_while_no_event_loop_runs(desk: Desk) -> None:
    desk.rest(200)
    desk.engine.start_pinned(-1)
    assert reader.raise_kill_word(desk.ring) == 1
    cancels: set[int] = set()
    deadline = time.monotonic() + 10
    while len(cancels) < 200 and time.monotonic() < deadline:
        cancels |= {entry[1] for entry in desk.venue.take(1000) if entry[0] == 32}
    assert len(cancels) == 200
    (firm,) = [row for row in desk.engine.trading_states() if row["level"] == "firm"]
    assert (firm["state"], firm["is_latch"], firm["actor"]) == ("halted", True, "kill word")
    desk.client.submit(desk.principal, "late", *desk.names, 1, 2, 1, "1", "99.00")
    refusals: list[int] = []
    while not refusals and time.monotonic() < deadline:
        refusals = [notice[4] for notice in desk.client.notices() if notice[3] == 31]
    assert refusals == [100]  # LATCHED


def test_a_kill_word_without_a_ring_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"journal\.ring"):
        reader.raise_kill_word(tmp_path)
    (tmp_path / "journal.ring").write_bytes(b"\0" * 8192)
    with pytest.raises(RuntimeError, match="not a journal ring"):
        reader.raise_kill_word(tmp_path)
