"""The newest rows of a journal that grows: whether something came, and whether it still is the same
history after a restart of the gateway."""

import shutil
from pathlib import Path

import pytest

from gateway.journal import JournalPlace
from gateway.journal.newest import JournalRows


def rows_of(world):
    return JournalRows(JournalPlace(Path(world.journal), Path(world.ring)))


def test_it_has_grown_once_for_what_came_since_the_last_look(world):
    rows = rows_of(world)
    assert not rows.has_grown(), "nothing is open yet"
    replica = rows.newest()
    assert not rows.has_grown()
    world.fact("balance", world.account, world.usd, "5", 1, "start")
    assert rows.has_grown()
    assert not rows.has_grown()
    assert replica.balances()[0]["total"] == "5"
    world.fact("balance", world.account, world.usd, "6", 2, "start")
    rows.newest()
    assert not rows.has_grown(), "the look saw it"


def test_reading_the_end_for_a_memory_hides_nothing_that_came(world):
    rows = rows_of(world)
    rows.newest()
    world.fact("balance", world.account, world.usd, "5", 1, "start")
    sequence, record = rows.end()
    assert (sequence, record) == (world.engine.sequence, rows.record(sequence))
    assert rows.has_grown()


def test_a_record_that_is_not_there_is_none(world):
    rows = rows_of(world)
    rows.newest()
    assert rows.record(1) is not None
    assert rows.record(world.engine.sequence + 1) is None
    assert rows.record(1) != rows.record(2)


def test_a_restart_of_the_gateway_goes_on_in_the_same_history(open_world):
    world = open_world()
    rows = rows_of(world)
    first = rows.newest()
    before = rows.sequence
    world.engine.stop()
    again = open_world()
    again.fact("balance", again.account, again.usd, "5", 1, "start")
    for _ in range(3):
        try:
            assert rows.newest() is first, "it read on and not afresh"
            break
        except RuntimeError:
            continue
    assert rows.sequence > before and rows.generation == 0


def test_another_journal_in_its_place_is_another_history(open_world):
    worlds = [open_world("ours"), open_world("theirs")]
    rows = rows_of(worlds[0])
    rows.newest()
    for world in worlds:
        world.engine.stop()
    ours, theirs = ((world.journal, world.ring) for world in worlds)
    for place, other in zip(ours, theirs, strict=True):
        shutil.rmtree(place)
        shutil.copytree(other, place)
    rows.newest()
    assert rows.generation == 1


def test_an_end_that_was_lost_is_another_history(open_world):
    """A crash of the machine takes what was in the ring alone; the gateway goes on before it."""
    world = open_world()
    rows = rows_of(world)
    world.fact("balance", world.account, world.usd, "5", 1, "start")
    rows.newest()
    rows.sequence += 1_000  # as if it had seen so much more
    world.engine.stop()
    shutil.rmtree(world.ring)
    open_world().engine.stop()
    for _ in range(3):
        try:
            rows.newest()
        except RuntimeError:
            continue
    assert rows.generation == 1


def test_a_journal_that_is_not_there_yet_is_named(tmp_path):
    rows = JournalRows(JournalPlace(tmp_path / "none", tmp_path))
    with pytest.raises(RuntimeError, match="does not exist yet"):
        rows.newest()
    (tmp_path / "none").mkdir()
    with pytest.raises(RuntimeError, match="holds no journal yet"):
        rows.newest()
    assert rows.end() is None
