"""The shared-memory door, order to acknowledgement from another process, beside a bare echo over
the same lanes. What each figure means: docs/reference/bench.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.benchmarks import _machine, _place

__all__ = ["measure"]


def measure(progress: Callable[[str], None], *, is_quick: bool = False) -> dict[str, Any]:
    """Both sections in one run; `is_quick` shortens them, its figures are not for comparison."""
    from gateway._core import bench as native

    result: dict[str, Any] = {"machine": _machine.facts()}
    with _place.place("machine_costs", progress, is_quick=is_quick) as place:
        costs = native.machine_costs(place)
    rounded = {name: round(value, 2) for name, value in costs.items()}
    result["machine_costs_ns"] = rounded | _machine.bound_call_ns(is_quick)
    with _place.place("orders", progress, is_quick=is_quick) as place:
        result |= _told(native.shared_memory(place))
    with _place.place("echo", progress, is_quick=is_quick) as place:
        result["echo"] = _told(native.shared_memory_echo(place))
    return result


def _told(figures: dict[str, float]) -> dict[str, Any]:
    return {
        "round_trip_us": {name: round(figures[name] / 1000, 3) for name in ("p50", "p99")},
        "messages_per_second": round(figures["messages_per_second"]),
    }
