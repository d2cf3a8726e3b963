"""The kill word: no door, no event loop, only the ring's head and the engine's own thread."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from native_desk import Desk

from gateway._core.engine import Engine
from gateway.journal import reader


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
    deadline = time.monotonic() + 300
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


def test_a_kill_word_raised_while_the_engine_is_down_is_carried_out_at_its_start(
    tmp_path: Path, ring_directory: Path
) -> None:
    first = Desk(tmp_path / "journal", ring_directory)
    first.rest(3)
    first.engine.stop()
    assert reader.raise_kill_word(ring_directory) == 1
    engine = Engine(str(tmp_path / "journal"), str(ring_directory), orders_max=4096)
    port = engine.open_venue_port(1)
    engine.turn()
    assert [entry[0] for entry in port.take(10)] == [32, 32, 32]
    (firm,) = [row for row in engine.trading_states() if row["level"] == "firm"]
    assert (firm["state"], firm["is_latch"]) == ("halted", True)
    engine.stop()


def test_a_kill_word_without_a_ring_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"journal\.ring"):
        reader.raise_kill_word(tmp_path)
    (tmp_path / "journal.ring").write_bytes(b"\0" * 8192)
    with pytest.raises(RuntimeError, match="not a journal ring"):
        reader.raise_kill_word(tmp_path)
