"""The observe bench: what runs downstream of the journal. Follow and book here, the rest
in modules of their own.

What each figure means: docs/reference/bench.md. It measures on one core and never a live gateway.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any

from gateway.benchmarks import (
    _machine,
    _observe_history,
    _observe_kills,
    _observe_lag,
    _observe_stream,
    _observe_valuation,
    _place,
)

__all__ = ["measure"]

_RECORDS = 1_500_000
Progress = Callable[[str], None]


def measure(progress: Progress, *, is_quick: bool = False) -> dict[str, Any]:
    """`is_quick` shortens the journals; its figures are not for comparison."""
    from gateway._core import bench as native

    result: dict[str, Any] = {"machine": _machine.facts()}
    with _place.place("machine_costs", progress, is_quick=is_quick) as place:
        costs = native.machine_costs(place)
    rounded = {name: round(value, 2) for name, value in costs.items()}
    result["machine_costs_ns"] = rounded | _machine.bound_call_ns(is_quick)
    usual = _follow("follow_and_book", progress, is_quick, is_deep=False)
    result["records_per_second"] = usual["median"]
    result["follow_and_book"] = usual
    result["follow_and_book_deep"] = _follow("follow_deep", progress, is_quick, is_deep=True)
    result |= _observe_valuation.measure(progress)
    result["lag_ms"] = _observe_lag.measure(progress, is_quick=is_quick)
    result["kills"] = _observe_kills.measure(progress, is_quick=is_quick)
    result |= _observe_stream.measure(progress, is_quick=is_quick)
    result |= _observe_history.measure(progress, is_quick=is_quick)
    result["resident_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return result


def _follow(name: str, progress: Progress, is_quick: bool, *, is_deep: bool) -> dict[str, int]:
    """Records a second over several rounds of the same journal, the slowest round first."""
    from gateway._core import bench as native

    records = int(_RECORDS * _place.scale_of(is_quick))
    with _place.place(name, progress, is_quick=is_quick) as place:
        found = native.follow_and_book(place, records, is_deep)
    rates = {each: round(found[f"per_second_{each}"]) for each in ("min", "median", "max")}
    return {**rates, **{each: round(found[each]) for each in ("records", "posted", "rounds")}}
