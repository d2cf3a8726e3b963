"""A hole in the open segment, the memory stage gone with the power: what is cut is kept, and where
valid records lie behind the hole the firm is halted until a named person enables it."""

import shutil
from pathlib import Path

import pytest
from engine_world import ACTIVE, FIRM, HALTED, describe_number

from gateway.journal import reader

PAGE_BYTES = 4096


def store(world):
    """Stops the threads; the files are then made to look like those of a power cut."""
    world.engine.stop()
    shutil.rmtree(world.ring)
    Path(world.ring).mkdir()


def newest_segment(world):
    return max(Path(world.journal).glob("segment-*.journal"))


def forget_the_stop(world):
    """The superblock of before the clean stop."""
    shutil.copy(Path(world.journal).parent / "superblock", Path(world.journal) / "superblock")


@pytest.fixture
def killed_world(open_world):
    """Working orders, then a kill of the firm, all stored; then the power fails."""
    world = open_world()
    superblock = Path(world.journal) / "superblock"
    shutil.copy(superblock, Path(world.journal).parent / "superblock")
    world.working()
    world.working()
    assert world.state(FIRM, HALTED, is_latch=True)
    store(world)
    forget_the_stop(world)
    return world


def offset_of(world, kind):
    """Where the last record of this kind lies in the newest segment."""
    records = list(reader.decoded(world.journal))
    raw = newest_segment(world).read_bytes()
    wanted = max(row["sequence"] for row in records if row["kind"] == kind)
    at = PAGE_BYTES
    for _ in range(wanted - 1):
        at += int.from_bytes(raw[at : at + 4], "little")
    return at


def firm(world):
    (row,) = (row for row in world.engine.trading_states() if row["level"] == "firm")
    return row


def damage(world, kind):
    segment = newest_segment(world)
    raw = bytearray(segment.read_bytes())
    at = offset_of(world, kind)
    raw[at + 70] ^= 1
    segment.write_bytes(raw)
    return at, bytes(raw)


def refusal(world):
    return describe_number(world.submit()[4]).name


def test_a_kill_behind_a_hole_is_not_lost(killed_world, open_world):
    at, raw = damage(killed_world, "order_new")
    segment = newest_segment(killed_world)
    world = open_world()
    recovery = world.engine.recovery
    assert recovery["later_valid_records"] > 0
    assert recovery["halted_for"].startswith(f"{recovery['later_valid_records']} valid records cut")
    row = firm(world)
    assert (row["state"], row["is_latch"], row["actor"]) == ("halted", True, "recovery")
    assert row["reason"] == recovery["halted_for"]
    assert refusal(world) == "LATCHED"
    kept = segment.with_suffix(".cut").read_bytes()
    assert kept.rstrip(b"\0") == raw[at:].rstrip(b"\0")
    assert "segment-0000000001.cut" in " ".join(recovery["notes"])


def test_who_enables_it_is_not_halted_again(killed_world, open_world):
    damage(killed_world, "order_new")
    world = open_world()
    assert world.state(FIRM, ACTIVE)
    assert refusal(world) == ""
    world.engine.stop()
    again = open_world()
    assert again.engine.recovery["halted_for"] == ""
    assert firm(again)["actor"] == "ops"
    assert refusal(again) == ""


def test_a_torn_end_halts_nobody(killed_world, open_world):
    at, _ = damage(killed_world, "trading_state_set")
    segment = newest_segment(killed_world)
    segment.write_bytes(segment.read_bytes()[: at + 71])
    world = open_world()
    assert world.engine.recovery["cut_bytes"] > 0
    assert world.engine.recovery["halted_for"] == ""
    assert refusal(world) == ""
    assert segment.with_suffix(".cut").exists()


def test_damage_before_a_clean_stop_is_refused_and_nothing_is_cut(open_world):
    world = open_world()
    world.working()
    store(world)
    segment = newest_segment(world)
    _, raw = damage(world, "order_new")
    with pytest.raises(RuntimeError, match=r"CORRUPT at offset .* the last clean stop was at"):
        open_world()
    assert segment.read_bytes() == raw
    found = reader.verify(Path(world.journal))
    assert [fault["code"] for fault in found["faults"]] == ["CORRUPT"]
    assert "valid records behind it" in found["faults"][0]["text"]
