"""A lost superblock is named at the start, made anew by the command, and the gateway goes on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from native_desk import Desk

from gateway.__main__ import root
from gateway._core.engine import Engine

COPIES, COPY_BYTES, EPOCH_AT = 4, 4096, 32
NAME = "superblock"


def run(*words: str) -> Result:
    return CliRunner().invoke(root, ["journal", "rebuild-superblock", *words])


@pytest.fixture
def stopped(tmp_path: Path, ring_directory: Path) -> Iterator[tuple[Path, Path, tuple[int, str]]]:
    """A journal with 20 orders whose gateway has stopped; (directory, ring, sequence and hash)."""
    desk = Desk(tmp_path, ring_directory)
    desk.rest(20)
    told = desk.engine.state_hash()
    desk.engine.stop()
    yield tmp_path, ring_directory, told


def superblock(directory: Path) -> Path:
    (found,) = directory.glob(f"*{NAME}*")
    return found


def lose(directory: Path) -> None:
    superblock(directory).unlink()


def flip_three_copies(directory: Path) -> None:
    file = superblock(directory)
    data = bytearray(file.read_bytes())
    for copy in (0, 1, 3):
        data[copy * COPY_BYTES + EPOCH_AT] ^= 1
    file.write_bytes(data)


def cut_short(directory: Path) -> None:
    file = superblock(directory)
    file.write_bytes(file.read_bytes()[:100])


def open_orders(engine: Engine) -> int:
    return len(engine.orders())


@pytest.mark.parametrize("damage", [lose, flip_three_copies, cut_short])
def test_a_damaged_superblock_is_made_anew_and_no_order_is_lost(stopped, damage) -> None:
    directory, ring, (sequence, _) = stopped
    damage(directory)
    with pytest.raises(RuntimeError, match=f"gateway journal rebuild-superblock {directory}"):
        Engine(str(directory), str(ring), orders_max=4096)
    done = run(str(directory), "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["instance"] == 1 and found["segments"] == 1 and found["segments_bad"] == 0
    assert found["epoch"] == found["epoch_found"] + 1000
    assert found["records"] == found["sequence"] >= sequence
    assert NAME in found["was"] and "rebuild" not in found["was"]
    engine = Engine(str(directory), str(ring), orders_max=4096)
    assert engine.epoch > found["epoch"]
    assert open_orders(engine) == 20
    engine.stop()


def test_the_command_says_what_it_found_in_words(stopped) -> None:
    directory, _, _ = stopped
    lose(directory)
    done = run(str(directory))
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["before", "found", "written"]
    assert "instance 1" in lines[1] and "1 segments" in lines[1]


def test_a_whole_superblock_is_left_alone(stopped) -> None:
    directory, _, _ = stopped
    before = superblock(directory).read_bytes()
    done = run(str(directory), "--json")
    assert done.exit_code == 1
    error = json.loads(done.output)["error"]
    assert error["code"] == "NOT_REBUILT" and "nothing to rebuild" in error["rule"]
    assert superblock(directory).read_bytes() == before


def test_two_agreeing_copies_are_a_whole_superblock(stopped) -> None:
    directory, ring, _ = stopped
    file = superblock(directory)
    data = bytearray(file.read_bytes())
    for copy in (0, 2):
        data[copy * COPY_BYTES + EPOCH_AT] ^= 1
    file.write_bytes(data)
    assert run(str(directory)).exit_code == 1
    Engine(str(directory), str(ring), orders_max=4096).stop()


def test_a_running_gateway_keeps_its_directory(tmp_path: Path, ring_directory: Path) -> None:
    desk = Desk(tmp_path, ring_directory)
    desk.rest(1)
    lose(tmp_path)
    done = run(str(tmp_path))
    assert done.exit_code == 1 and "held by process" in done.output
    assert not list(tmp_path.glob(f"*{NAME}*"))
    desk.engine.stop()


def test_an_empty_directory_tells_nothing(tmp_path: Path) -> None:
    done = run(str(tmp_path))
    assert done.exit_code == 1 and "no segment" in done.output
