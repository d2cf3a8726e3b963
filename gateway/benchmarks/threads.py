"""The threads bench: shared lines, lanes, ways to wait, transports, first orders of a process.

What each figure means: docs/reference/bench.md. First orders are measured in processes of their
own, because a process remembers.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from gateway.benchmarks import _machine, _place

__all__ = ["measure"]

Progress = Callable[[str], None]
_WARM_UP_ORDERS = 2000
_FIRST = """
import json, sys
from gateway._core import bench
from gateway.benchmarks import _place
with _place.directories() as (directory, ring):
    place = bench.Place(directory, ring, int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps(bench.first_order(place, int(sys.argv[1]))))
"""


def measure(progress: Progress, *, is_quick: bool = False) -> dict[str, Any]:
    """Run every section; `is_quick` shortens them for tests, its figures are not for comparison."""
    result: dict[str, Any] = {"machine": _machine.facts()}
    lines = _run("threads", progress, is_quick)
    result["line_ns"] = {name: lines[name] for name in ("shared_line", "next_line", "next_pair")}
    result["pass_ns"] = {"lane": lines["lane_pass"], "mpmc": lines["mpmc_pass"]}
    result["sweep_ns"] = {count: lines[f"sweep_{count}"] for count in ("1", "8", "64")}
    result["wait"] = _nested(
        _run("waits", progress, is_quick), ("wake_p50", "wake_p99", "idle_cpu")
    )
    result["echo_us"] = _nested(_run("transport_echo", progress, is_quick), ("spin", "wait"))
    result["first_order_ns"] = _first_orders(progress, 3 if is_quick else 9)
    return result


def _run(name: str, progress: Progress, is_quick: bool) -> dict[str, float]:
    """One native section in fresh directories."""
    from gateway._core import bench as native

    with _place.place(name, progress, is_quick=is_quick) as place:
        found: dict[str, float] = getattr(native, name)(place)
    return {key: round(value, 2) for key, value in found.items()}


def _nested(flat: dict[str, float], second: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """NAME_FIGURE, where the figure begins with one of the words, as {NAME: {FIGURE: value}}."""
    out: dict[str, dict[str, float]] = {}
    for key, value in flat.items():
        at = next(key.index(f"_{word}") for word in second if f"_{word}" in key)
        out.setdefault(key[:at], {})[key[at + 1 :]] = value
    return out


def _first_orders(progress: Progress, repeats: int) -> dict[str, dict[str, float]]:
    """Medians of the first order of fresh processes, cold and warmed up."""
    started = time.monotonic()
    cpus = [str(cpu) for cpu in _machine.cpu_pair()]
    out = {}
    for name, orders in (("cold", 0), ("warmed_up", _WARM_UP_ORDERS)):
        runs = []
        for _ in range(repeats):
            done = subprocess.run(
                [sys.executable, "-c", _FIRST, str(orders), *cpus],
                capture_output=True, text=True, check=True, timeout=60, env=dict(os.environ),
            )  # fmt: skip
            runs.append(json.loads(done.stdout))
        out[name] = {key: round(statistics.median(run[key] for run in runs), 2) for key in runs[0]}
        out[name]["first_to_steady"] = round(out[name]["first"] / out[name]["steady_p50"], 2)
    progress(f"first_order: {time.monotonic() - started:.1f} s")
    return out
