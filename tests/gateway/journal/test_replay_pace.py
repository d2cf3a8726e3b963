"""Replays of a real journal: to a sequence, to an instant, in its own time; one state."""

from __future__ import annotations

from pathlib import Path

import pytest
from native_desk import Desk

from gateway.journal import reader


@pytest.fixture
def journal(tmp_path: Path, ring_directory: Path) -> Path:
    directory = tmp_path / "journal"
    desk = Desk(directory, ring_directory)
    for number in range(1, 21):
        desk.fill(number)
    desk.engine.stop()
    return directory


def no_clock() -> int:
    return 0


def test_every_pace_reaches_the_same_state(journal: Path) -> None:
    slept: list[float] = []
    fast = reader.replay(journal, no_clock)
    paced = reader.replay(journal, no_clock, pace=reader.Pace(speed=2.0, sleep=slept.append))
    assert (paced.sequence, paced.state_hash) == (fast.sequence, fast.state_hash)
    records = list(reader.decoded(journal))
    took_ns = records[-1]["time_ns"] - records[0]["time_ns"]
    assert sum(slept) == pytest.approx(took_ns / 1e9 / 2.0, rel=1e-6)


def test_an_instant_names_the_last_record_at_or_before_it(journal: Path) -> None:
    records = list(reader.decoded(journal))
    wanted = records[len(records) // 2]
    last = max(row["sequence"] for row in records if row["time_ns"] <= wanted["time_ns"])
    pace = reader.Pace(until_time_ns=wanted["time_ns"])
    by_time = reader.replay(journal, no_clock, pace=pace)
    by_sequence = reader.replay(journal, no_clock, until_sequence=last)
    assert by_time.sequence == last
    assert by_time.state_hash == by_sequence.state_hash


def test_an_instant_before_everything_is_the_empty_state(journal: Path) -> None:
    with pytest.raises(RuntimeError, match="no record"):
        reader.replay(journal, no_clock, pace=reader.Pace(until_time_ns=1))
