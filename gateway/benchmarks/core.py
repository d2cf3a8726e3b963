"""The core bench: the production engine, journal and rings, measured where they run.

What each figure means: docs/reference/bench.md. It must never bypass a check to look faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from gateway.benchmarks import _machine, _place, _positions, _python_submit

if TYPE_CHECKING:
    from gateway._core.bench import Place

__all__ = ["measure"]

Progress = Callable[[str], None]
_RECOVERY_RECORDS = 10_000_000
_SEGMENTS_BYTES = 3 << 30  # what the recycler keeps, what is being written, and the ring


def measure(progress: Progress, *, is_quick: bool = False) -> dict[str, Any]:
    """Run every section; `is_quick` shortens them for tests, its figures are not for comparison."""
    bench = _Bench(progress, is_quick)
    result: dict[str, Any] = {"machine": _machine.facts()}
    result["machine_costs_ns"] = bench.run("machine_costs") | _machine.bound_call_ns(is_quick)
    result["submit_ns"] = bench.run("submit_latency")
    result["submit_pinned_ns"] = bench.run("submit_pinned")
    result["submit_template_ns"] = bench.run("submit_template")
    result |= bench.sustained()
    result["submit_python_ns"] = bench.python_submit()
    result["risk_ns"] = bench.run("risk")
    result["kill_ms"] = bench.run("kill")
    result |= bench.fills()
    result["position_ns"] = bench.run("positions")
    result["mark_positions_per_second"] = bench.mark_positions()
    result |= bench.nautilus()
    result["append_ns"] = bench.run("append")
    result["append_paced_ns"] = bench.run("append_paced")
    result["recover"] = bench.recover()
    result["shm_round_trip_ns"] = bench.shared_memory()
    result |= bench.rings()
    result["match_ns"] = bench.run("matching")
    result["book_ns"] = bench.books()
    result["ratios"] = _ratios(result)
    return result


def _ratios(result: dict[str, Any]) -> dict[str, float]:
    """Ours to the machine's own or to a peer of the same run: the only figures that may gate."""
    marks = result["mark_positions_per_second"]
    held, python = result["fill_ns_by_held"], result["submit_python_ns"]
    wide = max(marks[level] for level in ("scalar", "avx2", "avx512") if level in marks)
    journal, disk = result["disk_mib_per_second"], result["disk_sequential_mib_per_second"]
    return _rounded(
        {
            "submit_python": python["single_p50"] / python["empty_call"],
            "ring_round_trip": result["ring_round_trip_ns"] / result["ring_ping_pong_2_ns"],
            "fill_by_held": held["100000"] / held["100"],
            "mark_to_market": wide / marks["scalar"],
            "sustained_disk_share": journal / disk,
        }
    )


class _Bench:
    """Runs one section at a time, each in fresh directories that are removed behind it."""

    def __init__(self, progress: Progress, is_quick: bool) -> None:
        self._progress = progress
        self._is_quick = is_quick
        self._scale = _place.scale_of(is_quick)

    def _place(self, name: str, *, is_in_memory: bool = False) -> AbstractContextManager[Place]:
        return _place.place(
            name, self._progress, is_quick=self._is_quick, is_in_memory=is_in_memory
        )

    def books(self) -> dict[str, dict[str, float]]:
        """`BOOK.WHAT` as a table of books."""
        books: dict[str, dict[str, float]] = {}
        for name, figure in self.run("books").items():
            book, _, what = name.partition(".")
            books.setdefault(book, {})[what] = figure
        return books

    def run(self, name: str) -> dict[str, float]:
        """One native section by its name."""
        from gateway._core import bench as native

        with self._place(name) as place:
            return _rounded(getattr(native, name)(place))

    def sustained(self) -> dict[str, Any]:
        """Orders a second, cycles a second, and what that means for disk and memory."""
        from gateway._core import bench as native

        with self._place("submit_per_second") as place:
            orders = _rounded(native.sustained(place, False))
        with self._place("cycles_per_second") as place:
            cycles = _rounded(native.sustained(place, True))
            disk = _rounded(native.disk_sequential(place))
        return self._sustained_in_memory() | {
            "disk_sequential_mib_per_second": disk["mib_per_second"],
            "submit_per_second": orders["per_second"],
            "cycles_per_second": cycles["per_second"],
            "record_bytes": cycles["record_bytes"],
            "disk_mib_per_second": cycles["disk_mib_per_second"],
            "resident_mib": {
                "start": cycles["resident_mib_start"],
                "end": cycles["resident_mib_end"],
            },
        }

    def _sustained_in_memory(self) -> dict[str, Any]:
        """The same two with segments in shared memory, where no disk is the bound; absent where
        there is too little of it."""
        from gateway._core import bench as native

        if _place.shared_memory_free_bytes() < _SEGMENTS_BYTES:
            self._progress("sustained in memory: left out, too little shared memory")
            return {}
        found = {}
        for name, has_cycles in (("submit_per_second", False), ("cycles_per_second", True)):
            with self._place(f"{name} in memory", is_in_memory=True) as place:
                found[f"{name}_in_memory"] = _rounded(native.sustained(place, has_cycles))
        return {name: figures["per_second"] for name, figures in found.items()}

    def python_submit(self) -> dict[str, float]:
        """Submission from Python beside an empty call of the same shape."""
        with self._place("submit_python") as place:
            return _rounded(
                _python_submit.measure(place.directory, place.ring_directory, self._scale)
            )

    def fills(self) -> dict[str, Any]:
        """One fill, few and many held, and a stream of them."""
        found = self.run("fills")
        return {
            "fill_ns": {"p50": found["p50"], "p99": found["p99"]},
            "fill_ns_by_held": {"100": found["held_100"], "100000": found["held_100000"]},
            "fills_per_second": found["per_second"],
        }

    def mark_positions(self) -> dict[str, Any]:
        """Positions valued a second by level; `large`: more of them than the caches hold."""
        found = self.run("mark_positions")
        small = {name: value for name, value in found.items() if not name.endswith("_large")}
        large = {
            name.removesuffix("_large"): value
            for name, value in found.items()
            if name.endswith("_large")
        }
        return {**small, "large": large}

    def nautilus(self) -> dict[str, Any]:
        """Absent where the peer is not installed."""
        started = time.monotonic()
        found = _positions.measure(self._is_quick)
        if found is None:
            return {}
        self._progress(f"nautilus_ratio: {time.monotonic() - started:.1f} s")
        ratios = {name: found[name] for name in ("200", "2000", "batch")}
        spent = {name: _rounded(found[name]) for name in ("ours_ns", "theirs_ns")}
        return {"nautilus_ratio": {**_rounded(ratios), **spent, "version": found["version"]}}

    def recover(self) -> dict[str, Any]:
        """Recovery without a snapshot, of records the engine itself wrote."""
        from gateway._core import bench as native

        with self._place("recover") as place:
            found = native.recover(place, int(_RECOVERY_RECORDS * self._scale))
        mix = {name: int(found[name]) for name in ("new", "accepted", "filled")}
        return {
            "records": int(found["records"]),
            "open_orders": int(found["open"]),
            "bytes": int(found["bytes"]),
            "mix": mix,
            "seconds": round(found["seconds"], 3),
        }

    def shared_memory(self) -> dict[str, float]:
        """Order to acknowledgement from another process; more of it in the bench `shm`."""
        found = self.run("shared_memory")
        return {"p50": found["p50"], "p99": found["p99"]}

    def rings(self) -> dict[str, float]:
        """A lane between two threads: there and back, and one way."""
        found = self.run("rings")
        return {
            "ring_round_trip_ns": found["round_trip"],
            "ring_ping_pong_2_ns": found["ping_pong_2"],
            "ring_items_per_second": found["items_per_second"],
        }


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    """Two decimals where they mean something."""
    return {name: round(value, 2 if value < 1000 else 0) for name, value in figures.items()}
