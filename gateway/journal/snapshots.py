"""Snapshots of a journal that is followed, each written by a process of its own: the state of a
long day takes seconds to write, and nobody who follows waits for that. Never two at a time."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.journal.live_files import LiveFiles
from gateway.journal.place import JournalPlace

__all__ = ["SnapshotWriter", "main"]

SHARE = 0.1  # of the time at most is spent writing, however large the state is
STOP_SECONDS_MAX = 5.0
RUN_SECONDS_MAX = 3600.0  # of one: a process that takes longer hangs
RETRY_SECONDS = 60.0  # after one that failed, or that there was no room for
RECORDS_PER_STEP = 65536
_NICENESS = 19  # behind everything else on its core
_PR_SET_PDEATHSIG = 1
_log = logging.getLogger("gateway.journal.snapshots")


class SnapshotWriter:
    """One thread at a time may call it."""

    def __init__(
        self,
        place: JournalPlace,
        monotonic: Callable[[], float],
        command: Sequence[str] = (sys.executable, "-m", "gateway.journal.snapshots"),
    ) -> None:
        self._place, self._monotonic, self._command = place, monotonic, tuple(command)
        self._running: subprocess.Popen[bytes] | None = None
        self._began_at = self._next_at = monotonic()
        self.written = 0

    def begin(self) -> bool:
        """Have one written. False: one is being written, the last one took long not long ago, or
        the journal would be left without room."""
        self.look()
        if self._running is not None or self._monotonic() < self._next_at:
            return False
        self._remove_halves()
        if not self._place.has_room_for_snapshot():
            self._next_at = self._monotonic() + RETRY_SECONDS
            _log.warning("no snapshot is written: the disk has no room for one")
            return False
        directories = (str(self._place.directory), str(self._place.ring_directory))
        self._running = subprocess.Popen(
            [*self._command, *directories, str(os.getpid())], stdin=subprocess.DEVNULL
        )
        self._began_at = self._monotonic()
        return True

    def look(self) -> None:
        """Takes note of one that ended, and ends one that hangs."""
        if self._running is None:
            return
        now = self._monotonic()
        code = self._running.poll()
        if code is None:
            if now - self._began_at > RUN_SECONDS_MAX:
                self._running.kill()  # seen as ended at one of the next looks
            return
        self._running = None
        self._next_at = now + (now - self._began_at) * (1 / SHARE - 1)
        self.written += code == 0
        if code != 0:
            self._remove_halves()
            self._next_at = max(self._next_at, now + RETRY_SECONDS)
            _log.warning("a snapshot was not written: its process ended with %d", code)

    def close(self) -> None:
        """End one that is being written: half a snapshot leaves nothing behind."""
        if self._running is None:
            return
        self._running.terminate()
        try:
            self._running.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None
        self._remove_halves()

    def _remove_halves(self) -> None:
        """What a process that was killed while it wrote has left: this one alone writes here."""
        for path in self._place.directory.glob("snapshot-*.tmp"):
            path.unlink(missing_ok=True)


def main(arguments: Sequence[str]) -> int:
    """`python -m gateway.journal.snapshots DIRECTORY RING_DIRECTORY PARENT`: 0 written, 1 not."""
    from gateway._core.journal import Replica

    directory, ring_directory, parent = arguments
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        return 1  # it died before the line above
    # A signal to the whole group is for the observer, which ends this process when it stops.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # the unit file forbids it: then the observer's own is kept
        os.nice(_NICENESS)
    try:
        replica = Replica(directory, ring_directory)
        # What is written meanwhile is for the next one: a busy desk may be faster than this.
        last = LiveFiles(Path(ring_directory)).counters().get("sequence", 0)
        until = last if last > replica.sequence else 0
        while replica.follow(RECORDS_PER_STEP, until) == RECORDS_PER_STEP:
            pass
        replica.write_snapshot()
    except RuntimeError as error:
        print(f"snapshot of {directory}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
