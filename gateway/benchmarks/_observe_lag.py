"""How far the observer is behind a desk that trades at a given pace: from the moment a batch is in
the journal to the moment the books or the view hold it. The whole observer runs, in this one."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from gateway.benchmarks import _place
from gateway.journal import JournalPlace, Step
from gateway.observer import Observer, ObserverOptions, settle_interpreter

__all__ = ["measure"]

PACE = 100_000  # records a second
SECONDS = 10.0
WARM_UP_SECONDS = 1.0
CATCH_UP_SECONDS_MAX = 60.0
Progress = Callable[[str], None]
Stamps = np.ndarray[Any, Any]


def measure(progress: Progress, *, is_quick: bool = False) -> dict[str, Any]:
    """Lag in ms, of the turns behind the warm-up."""
    seconds = 1.3 if is_quick else SECONDS
    progress("observer_lag")
    usual = sys.getswitchinterval()
    settle_interpreter()
    with _place.directories() as (directory, ring), tempfile.TemporaryDirectory() as folder:
        stamps = Path(folder) / "stamps"
        arguments = [directory, ring, str(PACE), str(seconds), str(stamps)]
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
                sys.setswitchinterval(usual)
                gc.unfreeze()
                desk.terminate()
    return _lag(*found)


async def _watch(
    desk: subprocess.Popen[bytes], place: JournalPlace, stamps: Path
) -> tuple[Stamps, Stamps, Stamps, float]:
    """(sequence, when) of the desk, of books and of view behind each step; the processor time of
    this process."""
    seen: list[tuple[int, int]] = []
    observer = Observer(ObserverOptions(place, "127.0.0.1", 0, place.directory / "no.keys"))
    booked: list[tuple[int, int]] = []
    apply, run = observer.view.apply, observer.books.run

    def noting(step: Step) -> None:
        apply(step)
        seen.append((observer.view.sequence, time.monotonic_ns()))

    def booking(
        seconds: float, generation: Callable[[], int], is_stopping: Callable[[], bool]
    ) -> None:
        run(seconds, generation, is_stopping)
        booked.extend(observer.books.take_steps())

    observer.view.apply = noting  # type: ignore[method-assign]
    observer.books.run = booking  # type: ignore[method-assign]
    running = asyncio.create_task(observer.run(lambda _: None))
    while not observer.view.is_ready:  # noqa: ASYNC110 - a thread is what it waits for
        await asyncio.sleep(0.01)
    assert desk.stdin is not None
    began = time.process_time()
    desk.stdin.write(b"go\n")
    desk.stdin.flush()
    await asyncio.to_thread(desk.wait)
    used = time.process_time() - began
    noted = np.frombuffer(await asyncio.to_thread(stamps.read_bytes), np.int64).reshape(-1, 2)
    async with asyncio.timeout(CATCH_UP_SECONDS_MAX):
        while min(observer.view.sequence, observer.books.sequence) < noted[-1, 0]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    observer.stop()
    await running
    return noted, np.array(booked, np.int64), np.array(seen, np.int64), used


def _lags_ms(noted: Stamps, seen: Stamps) -> Stamps:
    counted = noted[noted[:, 1] > noted[0, 1] + WARM_UP_SECONDS * 1e9]
    at = np.searchsorted(seen[:, 0], counted[:, 0])
    lags: Stamps = (seen[at, 1] - counted[:, 1]) / 1e6
    return lags


def _lag(noted: Stamps, booked: Stamps, seen: Stamps, used_seconds: float) -> dict[str, Any]:
    lag_ms, view_ms = _lags_ms(noted, booked), _lags_ms(noted, seen)
    seconds = (noted[-1, 1] - noted[0, 1]) / 1e9
    return {
        "p50": round(float(np.percentile(lag_ms, 50)), 3),
        "p99": round(float(np.percentile(lag_ms, 99)), 3),
        "max": round(float(lag_ms.max()), 3),
        "view_p50": round(float(np.percentile(view_ms, 50)), 3),
        "view_p99": round(float(np.percentile(view_ms, 99)), 3),
        "records_per_second": round(float(noted[-1, 0] - noted[0, 0]) / seconds),
        "core_percent": round(float(100 * used_seconds / seconds), 1),
    }
