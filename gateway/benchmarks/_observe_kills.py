"""An observer that is killed again and again beside a desk that trades: what native submit takes
meanwhile, against the same desk beside an observer that is left alone, and what is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.benchmarks import _machine, _place
from gateway.benchmarks._observe_child import accounts_word, rows_word
from gateway.journal import JournalPlace
from gateway.journal.replica import open_whole_native_replica
from gateway.ledger import books_to_follow
from gateway.stream.order_stream import OPEN_ORDERS_MAX
from gateway.telemetry import MeasurementReader, Stage

__all__ = ["measure"]

PACE = 20_000  # records a second
KILLS = 20
KILLS_QUICK = 1
KILLS_PER_WINDOW = 5
DELAY_SECONDS_MAX = 4.0  # of an observer's life
SECONDS_MAX = 60.0  # of a bench that has other sections too
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
        self.lines: list[list[str]] = []  # what it told, in words; only whole lines
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n") and line.strip():
                self.lines.append(line.split())

    def wait_for(self, what: str) -> list[str]:
        """The words behind the first `what`, once it says so."""
        while True:
            is_over = not self._reader.is_alive()
            for word, *words in tuple(self.lines):
                if word == what:
                    return words
            if is_over:
                raise RuntimeError(f"bench: the observer ended before it told of its {what}")
            time.sleep(0.002)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Run:
    """One desk, and the windows of its stage `decide`: the native submit."""

    def __init__(self, directory: str, ring_directory: str, chance: random.Random) -> None:
        self._places = (directory, ring_directory)
        self._reader = MeasurementReader(Path(ring_directory))
        self._chance = chance
        self.submits: dict[str, Stage] = {}
        self.states: list[tuple[int, str]] = []
        self.rows: list[tuple[int, str]] = []
        self.accounts: list[tuple[int, str]] = []
        self.restart_ms: list[float] = []
        self.books_balanced = True
        self.kills_in_snapshot = 0

    def kill_often(self, kills: int) -> float:
        """Start and kill at any moment; how many seconds all of it took."""
        began = time.monotonic()
        with self._window("killed"):
            for number in range(kills):
                observer = Observed(*self._places)
                try:
                    if number % 2 == 0:
                        observer.wait_for("view")
                    self._wait_for_a_moment(is_for_snapshot=number % 2 == 0)
                finally:
                    observer.kill()
                self._note(observer)
        return time.monotonic() - began

    def _wait_for_a_moment(self, *, is_for_snapshot: bool) -> None:
        """At random from before it follows until its books are long read; or, when one comes by
        then, while a snapshot is being written."""
        end = time.monotonic() + self._chance.uniform(0.0, DELAY_SECONDS_MAX)
        directory = Path(self._places[0])
        while time.monotonic() < end:
            if is_for_snapshot and any(directory.glob("snapshot-*.tmp")):
                self.kills_in_snapshot += 1
                return
            time.sleep(0.002)

    def leave_alone(self, seconds: float) -> None:
        observer = self.start()
        try:
            observer.wait_for("books")
            with self._window("undisturbed"):
                time.sleep(seconds)
        finally:
            observer.kill()
        self._note(observer)

    def start(self) -> Observed:
        """One that follows."""
        began = time.monotonic()
        observer = Observed(*self._places)
        try:
            observer.wait_for("view")
        except BaseException:
            observer.kill()
            raise
        self.restart_ms.append((time.monotonic() - began) * 1e3)
        return observer

    def finish(self) -> None:
        """One behind everything: the whole journal."""
        observer = self.start()
        try:
            observer.wait_for("books")
            observer.wait_for("rows")
        finally:
            observer.kill()
        self._note(observer)

    def _note(self, observer: Observed) -> None:
        """Its first words of each kind, and the last before its end."""
        told: dict[str, list[list[str]]] = {"view": [], "rows": [], "books": []}
        for word, *words in observer.lines:
            told[word].append(words)
        for found, kept in zip(told.values(), (self.states, self.rows, self.accounts), strict=True):
            kept.extend((int(each[0]), each[1]) for each in (*found[:1], *found[-1:]))
        self.books_balanced &= all(words[2] == "True" for words in told["books"])

    @contextmanager
    def _window(self, name: str) -> Iterator[None]:
        before = self._reader.read()
        yield
        found = self._reader.read().since(before).stages["decide"]
        known = self.submits.setdefault(name, found)
        if known is not found:
            known.histogram.merge(found.histogram)

    def lost(self) -> int:
        """How many of the words that were told a replay of the whole journal does not know."""
        return self._wrong_states() + self._wrong_accounts()

    def _wrong_states(self) -> int:
        replay = open_whole_native_replica(JournalPlace(*map(Path, self._places)))
        wrong, states, rows = 0, set(self.states), set(self.rows)
        for sequence in sorted({at for at, _ in states | rows}):
            while replay.sequence < sequence and replay.follow(until=sequence):
                pass
            hashed = replay.state_hash()
            shown = rows_word(
                replay.orders(True, OPEN_ORDERS_MAX),
                replay.take_positions(True),
                replay.take_balances(True),
            )
            wrong += sum(word != hashed for at, word in states if at == sequence)
            wrong += sum(word != shown for at, word in rows if at == sequence)
            wrong += replay.sequence != sequence
        return wrong

    def _wrong_accounts(self) -> int:
        books = books_to_follow(Path(self._places[0]), self._places[1])
        wrong = 0
        for sequence, word in sorted(set(self.accounts)):
            while books.sequence < sequence and books.follow(until_sequence=sequence):
                pass
            wrong += (books.sequence, accounts_word(books.accounts())) != (sequence, word)
        return wrong


def measure(
    progress: Progress, *, is_quick: bool = False, kills: int = 0, seconds_max: float = SECONDS_MAX
) -> dict[str, Any]:
    """`kills` 0 = the usual number."""
    progress("observer_kills")
    wanted = kills or (KILLS_QUICK if is_quick else KILLS)
    desk_cpu, other_cpu = (-1, -1) if is_quick else _machine.cpu_pair()
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
            return _measure(
                desk,
                Run(*places, random.Random(wanted)),
                wanted,
                seconds_max,
                cpus_apart=other_cpu >= 0,
            )
        finally:
            os.sched_setaffinity(0, before)
            desk.kill()
            desk.communicate()


def _measure(
    desk: subprocess.Popen[str], run: Run, kills: int, seconds_max: float, *, cpus_apart: bool
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
    run.finish()
    is_whole = run.states[-1][0] >= int(sequence)
    run.states.append((int(sequence), state_hash))
    return _told(run, done, is_whole) | {"cpus_apart": cpus_apart}


def _told(run: Run, kills: int, is_whole: bool) -> dict[str, Any]:
    submits = {name: stage.histogram for name, stage in run.submits.items()}
    p99 = {name: found.percentile_ns(0.99) for name, found in submits.items()}
    return {
        "kills": kills,
        "submit_p99_ns": {name: round(value, 1) for name, value in p99.items()},
        "submits_measured": {name: found.count for name, found in submits.items()},
        "p99_ratio": round(p99["killed"] / p99["undisturbed"], 3),
        "restart_ms": {
            "median": round(sorted(run.restart_ms)[len(run.restart_ms) // 2]),
            "max": round(max(run.restart_ms)),
        },
        "kills_in_snapshot": run.kills_in_snapshot,
        "states_compared": len(run.states),
        "rows_compared": len(run.rows),
        "books_compared": len(run.accounts),
        "lost": run.lost() + (not is_whole),
        "books_balanced": run.books_balanced,
    }
