"""What the figures were measured on. Reads the operating system; changes nothing."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import gateway

__all__ = ["bound_call_ns", "cpu_pair", "facts", "resident_mib"]

_SETS = ("avx512f", "avx2", "sse4_2", "neon")


def facts() -> dict[str, Any]:
    """CPU, cores, instruction sets, compiler, commit and the load when the bench began."""
    from gateway._core import bench as native

    lines = _cpu_lines()
    flags = set(lines.get("flags", "").split())
    return {
        "cpu": lines.get("model name", platform.processor() or platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "isa": [name for name in _SETS if name in flags],
        "compiler": native.COMPILER,
        "commit": _commit(),
        "load": round(os.getloadavg()[0], 2),
    }


def cpu_pair() -> tuple[int, int]:
    """CPU of the engine and CPU of everything else; -1 where there are not two."""
    cpus = sorted(os.sched_getaffinity(0))
    return (cpus[-1], cpus[-2]) if len(cpus) > 1 else (-1, -1)


def bound_call_ns(is_quick: bool) -> dict[str, float]:
    """A bound method with three integers, less an empty loop."""
    from gateway._core import bench as native

    calls = range(20_000)
    add = native.EmptyPort().add
    best = empty = float("inf")
    for _ in range(3 if is_quick else 30):
        begin = time.perf_counter_ns()
        for _ in calls:
            add(1, 2, 3)
        middle = time.perf_counter_ns()
        for _ in calls:
            pass
        end = time.perf_counter_ns()
        best = min(best, middle - begin)
        empty = min(empty, end - middle)
    return {"bound_call": round((best - empty) / len(calls), 2)}


def resident_mib() -> dict[str, float]:
    """This process: all that is resident, and of it what no file stands behind (journal segments
    and rings are files)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    rows = dict(line.split(":", 1) for line in lines if ":" in line)
    names = {"all": "VmRSS", "anonymous": "RssAnon"}
    return {name: int(rows[row].split()[0]) / 1_024 for name, row in names.items()}


def _cpu_lines() -> dict[str, str]:
    """The first processor of /proc/cpuinfo; empty where there is none."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _commit() -> str:
    """The commit of a source tree, else the version that is installed."""
    head = Path(gateway.__file__).parents[1] / ".git"
    if head.is_file():
        head = Path(head.read_text(encoding="utf-8").partition(":")[2].strip())
    reference = _text(head / "HEAD").removeprefix("ref: ")
    if "/" not in reference:
        return reference or f"version {gateway.__version__}"
    common = (head / _text(head / "commondir")).resolve() if _text(head / "commondir") else head
    return _text(head / reference) or _text(common / reference) or reference


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
