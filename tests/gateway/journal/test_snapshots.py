"""Snapshots are written by a process of their own, one at a time, in a bounded part of the time."""

import os
import subprocess
import sys

from observed_desk import wait_for

from gateway._core.journal import Replica
from gateway.journal import JournalPlace
from gateway.journal.snapshots import SHARE, SnapshotWriter


def test_a_snapshot_is_written_beside_the_follower_and_holds_the_state(desk):
    for number in range(1, 11):
        desk.world.working(1, "1", str(90 + number), instrument=desk.world.perpetual)
    desk.look()
    seconds = [0.0]
    writer = SnapshotWriter(desk.place, lambda: seconds[0])
    assert writer.begin()
    assert writer.written == 0
    assert not writer.begin(), "one is being written"
    seconds[0] = 2.0

    def is_written():
        writer.look()
        return writer.written

    wait_for(is_written)
    (path,) = desk.place.directory.glob("snapshot-*.state")
    opened = Replica(str(desk.place.directory), str(desk.place.ring_directory))
    assert (opened.sequence, opened.state_hash()) == desk.follower.state_hash()
    assert not writer.begin()
    seconds[0] = 2.0 / SHARE - 0.1
    assert not writer.begin(), "it took long: the next one has time"
    path.unlink()
    seconds[0] = 2.0 / SHARE
    half = desk.place.directory / "snapshot-00000000000000000007.state.tmp"
    half.write_bytes(b"of an observer that was killed")
    assert writer.begin()
    assert not half.exists()
    half.write_bytes(b"of one that is stopped")
    writer.close()
    assert not half.exists()


def test_a_snapshot_that_fails_is_not_counted_and_the_next_one_is_tried(tmp_path, caplog):
    fails = [sys.executable, "-c", "raise SystemExit(1)"]
    writer = SnapshotWriter(JournalPlace(tmp_path, tmp_path), lambda: 0.0, fails)
    assert writer.begin()
    wait_for(lambda: writer.look() or "ended with 1" in caplog.text)
    assert writer.written == 0
    assert writer.begin()
    writer.close()


def test_the_program_refuses_a_parent_that_is_gone_and_a_journal_that_is_not_there(tmp_path):
    run = [sys.executable, "-m", "gateway.journal.snapshots", str(tmp_path), str(tmp_path)]
    for parent in (1 << 22, os.getpid()):
        assert subprocess.run([*run, str(parent)], capture_output=True, check=False).returncode == 1
    assert list(tmp_path.iterdir()) == []
