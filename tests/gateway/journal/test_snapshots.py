"""Snapshots are written by a process of their own, one at a time, in a bounded part of the time."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

from observed_desk import wait_for

from gateway._core.journal import Replica
from gateway.config.places import COUNTERS_FILE
from gateway.journal import JournalPlace
from gateway.journal.place import SEGMENTS_LEFT
from gateway.journal.snapshots import (
    RETRY_SECONDS,
    RUN_SECONDS_MAX,
    SHARE,
    SnapshotWriter,
    main,
)


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
    seconds = [0.0]
    writer = SnapshotWriter(JournalPlace(tmp_path, tmp_path), lambda: seconds[0], fails)
    assert writer.begin()
    half = tmp_path / "snapshot-00000000000000000007.state.tmp"
    half.write_bytes(b"all the room there was")
    wait_for(lambda: writer.look() or "ended with 1" in caplog.text)
    assert writer.written == 0
    assert not half.exists(), "the journal needs the room"
    seconds[0] = RETRY_SECONDS - 1
    assert not writer.begin()
    seconds[0] = RETRY_SECONDS
    assert writer.begin()
    writer.close()


def test_a_snapshot_that_hangs_is_ended_and_another_one_may_begin(tmp_path, caplog):
    hangs = [sys.executable, "-c", "import time; time.sleep(600)"]
    seconds = [0.0]
    writer = SnapshotWriter(JournalPlace(tmp_path, tmp_path), lambda: seconds[0], hangs)
    assert writer.begin()
    seconds[0] = RUN_SECONDS_MAX + 1
    wait_for(lambda: writer.look() or "ended with -9" in caplog.text)
    seconds[0] += RUN_SECONDS_MAX / SHARE
    assert writer.begin()
    writer.close()


def test_no_snapshot_begins_that_would_leave_the_journal_without_room(tmp_path, monkeypatch):
    place = JournalPlace(tmp_path, tmp_path)
    (tmp_path / "snapshot-00000000000000000007.state").write_bytes(bytes(10_000))
    (tmp_path / "segment-0000000001.journal").write_bytes(bytes(4_096))
    needed = 10_000 + SEGMENTS_LEFT * 4_096
    for free, has_room in ((needed - 1, False), (needed, True)):
        found = SimpleNamespace(f_bavail=free, f_frsize=1)
        monkeypatch.setattr(os, "statvfs", lambda _, found=found: found)
        assert place.has_room_for_snapshot() is has_room
        writer = SnapshotWriter(place, lambda: 0.0, [sys.executable, "-c", ""])
        assert writer.begin() is has_room
        writer.close()


def test_a_snapshot_ends_at_what_was_there_when_it_began(desk, monkeypatch):
    """A desk that writes faster than it follows would else keep it from ever being written."""
    for number in range(1, 11):
        desk.world.working(1, "1", str(90 + number), instrument=desk.world.perpetual)
    desk.look()
    sequence, _ = desk.world.engine.state_hash()
    ring = desk.place.ring_directory
    (ring / COUNTERS_FILE).write_text(json.dumps({"sequence": sequence - 5}))
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: SimpleNamespace(prctl=lambda *_: 0))
    assert main([str(desk.place.directory), str(ring), str(os.getppid())]) == 0
    (path,) = desk.place.directory.glob("snapshot-*.state")
    assert int(path.stem.removeprefix("snapshot-")) == sequence - 5


def test_the_program_refuses_a_parent_that_is_gone_and_a_journal_that_is_not_there(tmp_path):
    run = [sys.executable, "-m", "gateway.journal.snapshots", str(tmp_path), str(tmp_path)]
    for parent in (1 << 22, os.getpid()):
        assert subprocess.run([*run, str(parent)], capture_output=True, check=False).returncode == 1
    assert list(tmp_path.iterdir()) == []
