"""What always-on measurement costs: nanoseconds added by one stage, measured always or sampled."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

from gateway.benchmarks import _machine

__all__ = ["measure"]


def measure(progress: Callable[[str], None], *, is_quick: bool = False) -> dict[str, Any]:
    """Minimum of many short loops; seconds in all."""
    from gateway._core import bench as native

    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as directory:
        cpu, other = _machine.cpu_pair()
        scale = 0.1 if is_quick else 1.0
        place = native.Place(directory, directory, cpu, other, seconds=1.0, scale=scale)
        found = {name: round(value, 2) for name, value in native.measurement(place).items()}
    progress("measurement: done")
    return {"machine": _machine.facts(), "measurement_ns": found}
