"""An observer that is killed again and again beside a desk that trades: what native submit takes
meanwhile, against the same desk beside an observer that is left alone, and what is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway._core.journal import Replica
from gateway._core.telemetry import Histogram
from gateway.benchmarks import _machine, _place
from gateway.telemetry import MeasurementReader

__all__ = ["measure"]

PACE = 20_000  # records a second
KILLS = 20
KILLS_QUICK = 2
KILLS_PER_WINDOW = 5
SECONDS_MAX = 90.0  # of a bench that has other sections too
_DESK = "gateway.benchmarks._observe_desk"
Progress = Callable[[str], None]


class Observed:
    """An observer in a process of its own, which is no child of the desk."""

    def __init__(self, directory: str, ring_directory: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateway.benchmarks._observe_child", directory, ring_directory],
            stdout=subprocess.PIPE,
            text=True,
        )

    def told(self, what: str) -> list[str]:
        """The words behind `what`, once it says so."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, *words = line.split()
            if word == what:
                return words
        raise RuntimeError(f"bench: the observer ended before it told of its {what}")

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


class Run:
    """One desk, and the windows of its stage `decide`: the native submit."""

    def __init__(self, directory: str, ring_directory: str) -> None:
        self._places = (directory, ring_directory)
        self._reader = MeasurementReader(Path(ring_directory))
        self.submits = {"undisturbed": Histogram(), "killed": Histogram()}
        self.states: list[tuple[int, str]] = []
        self.restart_ms: list[float] = []
        self.books_balanced = True

    def kill_often(self, kills: int) -> float:
        """Start, wait until it follows, kill; how many seconds all of it took."""
        began = time.monotonic()
        with self._window("killed"):
            for _ in range(kills):
                self._start().kill()
        return time.monotonic() - began

    def leave_alone(self, seconds: float) -> None:
        observer = self._start()
        try:
            self._take_books(observer)
            with self._window("undisturbed"):
                time.sleep(seconds)
        finally:
            observer.kill()

    def _start(self) -> Observed:
        began = time.monotonic()
        observer = Observed(*self._places)
        try:
            sequence, state_hash = observer.told("view")
        except BaseException:
            observer.kill()
            raise
        self.restart_ms.append((time.monotonic() - began) * 1e3)
        self.states.append((int(sequence), state_hash))
        return observer

    def _take_books(self, observer: Observed) -> None:
        _, is_balanced = observer.told("books")
        self.books_balanced = self.books_balanced and is_balanced == "True"

    @contextmanager
    def _window(self, name: str) -> Iterator[None]:
        before = self._reader.read()
        yield
        found = self._reader.read().since(before).stages["decide"].histogram
        if not self.submits[name].merge(found):
            self.submits[name] = found

    def unequal_states(self) -> int:
        """How many of the states that were told a replay of the whole journal does not know."""
        replay = Replica(*self._places, False)
        wrong = 0
        for sequence, state_hash in sorted(self.states):
            while replay.sequence < sequence and replay.follow(until=sequence):
                pass
            wrong += (replay.sequence, replay.state_hash()) != (sequence, state_hash)
        return wrong


def measure(
    progress: Progress, *, is_quick: bool = False, kills: int = 0, seconds_max: float = SECONDS_MAX
) -> dict[str, Any]:
    """`kills` 0 = the usual number."""
    progress("observer_kills")
    wanted = kills or (KILLS_QUICK if is_quick else KILLS)
    desk_cpu, other_cpu = _machine.cpu_pair()
    before = os.sched_getaffinity(0)
    with _place.directories() as places:
        desk = subprocess.Popen(
            [sys.executable, "-m", _DESK, *places, str(PACE), str(desk_cpu)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            if other_cpu >= 0:  # and of every observer that is started from here
                os.sched_setaffinity(0, {other_cpu})
            return _measure(desk, Run(*places), wanted, seconds_max)
        finally:
            os.sched_setaffinity(0, before)
            desk.kill()
            desk.communicate()


def _measure(
    desk: subprocess.Popen[str], run: Run, kills: int, seconds_max: float
) -> dict[str, Any]:
    assert desk.stdin is not None and desk.stdout is not None
    desk.stdout.readline()
    end = time.monotonic() + seconds_max
    done = 0
    while done < kills and (done == 0 or time.monotonic() < end):
        each = min(KILLS_PER_WINDOW, kills - done)
        run.leave_alone(run.kill_often(each))
        done += each
    desk.stdin.write("end\n")
    desk.stdin.flush()
    sequence, state_hash = desk.stdout.readline().split()
    desk.wait()
    last = run._start()  # behind everything: the whole journal, and the desk's own last word
    run._take_books(last)
    last.kill()
    is_whole = run.states[-1][0] >= int(sequence)
    run.states.append((int(sequence), state_hash))
    return _told(run, done, is_whole)


def _told(run: Run, kills: int, is_whole: bool) -> dict[str, Any]:
    p99 = {name: found.percentile_ns(0.99) for name, found in run.submits.items()}
    return {
        "kills": kills,
        "submit_p99_ns": {name: round(value, 1) for name, value in p99.items()},
        "submits_measured": {name: found.count for name, found in run.submits.items()},
        "p99_ratio": round(p99["killed"] / p99["undisturbed"], 3),
        "restart_ms": {
            "median": round(sorted(run.restart_ms)[len(run.restart_ms) // 2]),
            "max": round(max(run.restart_ms)),
        },
        "states_compared": len(run.states),
        "lost": run.unequal_states() + (not is_whole),
        "books_balanced": run.books_balanced,
    }
