"""How far the observer is behind a desk that trades at a given pace: from the moment a batch is in
the journal to the moment the books or the view hold it; and what it keeps in memory. The whole
observer runs, in a process that does nothing else."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import uvloop

from gateway.benchmarks import _place
from gateway.benchmarks._machine import resident_mib
from gateway.journal import JournalPlace, Step
from gateway.observer import Observer, ObserverOptions, settle_interpreter

__all__ = ["measure"]

PACE = 100_000  # records a second
SECONDS = 10.0
WARM_UP_SECONDS = 1.0
CATCH_UP_SECONDS_MAX = 60.0
PROCESS_SECONDS_MAX = 240.0
Progress = Callable[[str], None]
Stamps = np.ndarray[Any, Any]


def measure(progress: Progress, *, is_quick: bool = False) -> dict[str, Any]:
    """Lag in ms, of the turns behind the warm-up, and the observer's memory."""
    progress("observer_lag")
    seconds = 1.3 if is_quick else SECONDS
    told = subprocess.run(
        [sys.executable, "-m", "gateway.benchmarks._observe_lag", str(seconds)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=PROCESS_SECONDS_MAX,
    )
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def main(seconds: str) -> None:
    """Prints what `measure` returns."""
    settle_interpreter()
    with _place.directories() as (directory, ring), tempfile.TemporaryDirectory() as folder:
        stamps = Path(folder) / "stamps"
        arguments = [directory, ring, str(PACE), seconds, str(stamps)]
        with subprocess.Popen(
            [sys.executable, "-m", "gateway.benchmarks._observe_desk", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as desk:
            try:
                assert desk.stdout is not None
                desk.stdout.readline()
                place = JournalPlace(Path(directory), Path(ring))
                found = uvloop.run(_watch(desk, place, stamps))
            finally:
                desk.terminate()
    print(json.dumps(_lag(found) | {"resident_mib": _memory(found.memory)}))


class _Found(NamedTuple):
    """(sequence, when) of the desk, of books and of view behind each step; of this process the
    processor time while the desk traded, and the memory before, each second and at the end."""

    noted: Stamps
    booked: Stamps
    seen: Stamps
    used_seconds: float
    memory: list[dict[str, float]]


async def _watch(desk: subprocess.Popen[bytes], place: JournalPlace, stamps: Path) -> _Found:
    seen, booked = array("q"), array("q")  # flat: what is noted here is small in memory
    observer = Observer(ObserverOptions(place, "127.0.0.1", 0, place.directory / "no.keys"))
    apply, run = observer.view.apply, observer.books.run

    def noting(step: Step) -> None:
        apply(step)
        seen.extend((observer.view.sequence, time.monotonic_ns()))

    def booking(
        seconds: float, generation: Callable[[], int], is_stopping: Callable[[], bool]
    ) -> None:
        run(seconds, generation, is_stopping)
        booked.extend(chain.from_iterable(observer.books.take_steps()))

    observer.view.apply = noting  # type: ignore[method-assign]
    observer.books.run = booking  # type: ignore[method-assign]
    running = asyncio.create_task(observer.run(lambda _: None))
    while not observer.view.is_ready:  # noqa: ASYNC110 - a thread is what it waits for
        await asyncio.sleep(0.01)
    assert desk.stdin is not None
    memory = [resident_mib()]
    began = time.process_time()
    desk.stdin.write(b"go\n")
    desk.stdin.flush()
    trading = asyncio.create_task(asyncio.to_thread(desk.wait))
    while not (await asyncio.wait({trading}, timeout=1.0))[0]:
        memory.append(resident_mib())
    used = time.process_time() - began
    noted = np.frombuffer(await asyncio.to_thread(stamps.read_bytes), np.int64).reshape(-1, 2)
    async with asyncio.timeout(CATCH_UP_SECONDS_MAX):
        while min(observer.view.sequence, observer.books.sequence) < noted[-1, 0]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    memory.append(resident_mib())
    observer.stop()
    await running
    return _Found(noted, _pairs(booked), _pairs(seen), used, memory)


def _pairs(noted: array[int]) -> Stamps:
    return np.frombuffer(noted, np.int64).reshape(-1, 2)


def _lags_ms(noted: Stamps, seen: Stamps) -> Stamps:
    counted = noted[noted[:, 1] > noted[0, 1] + WARM_UP_SECONDS * 1e9]
    at = np.searchsorted(seen[:, 0], counted[:, 0])
    lags: Stamps = (seen[at, 1] - counted[:, 1]) / 1e6
    return lags


def _lag(found: _Found) -> dict[str, Any]:
    noted = found.noted
    lag_ms, view_ms = _lags_ms(noted, found.booked), _lags_ms(noted, found.seen)
    seconds = (noted[-1, 1] - noted[0, 1]) / 1e9
    return {
        "p50": round(float(np.percentile(lag_ms, 50)), 3),
        "p99": round(float(np.percentile(lag_ms, 99)), 3),
        "max": round(float(lag_ms.max()), 3),
        "view_p50": round(float(np.percentile(view_ms, 50)), 3),
        "view_p99": round(float(np.percentile(view_ms, 99)), 3),
        "records_per_second": round(float(noted[-1, 0] - noted[0, 0]) / seconds),
        "core_percent": round(float(100 * found.used_seconds / seconds), 1),
    }


def _memory(samples: list[dict[str, float]]) -> dict[str, float]:
    """What no file stands behind: segments of the journal are mapped, and the kernel's to give."""
    anonymous = [round(each["anonymous"], 1) for each in samples]
    return {
        "start": anonymous[0],
        "end": anonymous[-1],
        "max": max(anonymous),
        "end_with_files": round(samples[-1]["all"], 1),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
