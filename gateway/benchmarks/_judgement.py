"""What earlier runs of a bench printed, beside what the contract wants to reach."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from gateway.benchmarks._contract import CONTRACT, find

__all__ = ["NotAResult", "judge"]

_BOUND = re.compile(r"(<=|>=|<) ([\d,.]+)(?: (M)(?=/s))?")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
}


class NotAResult(Exception):
    """A file that no `gateway bench --json` has printed."""


def judge(bench: str, files: Sequence[Path]) -> list[dict[str, Any]]:
    """{figure, field, reach, measured, is_reached} of every figure of a bench that at least one of
    the files has: `measured` is their median, `is_reached` None where nothing is to be reached.
    NotAResult, OSError: a file that cannot be judged."""
    results = [_result(file) for file in files]
    rows = []
    for figure in CONTRACT:
        found = [find(result, figure.path) for result in results] if figure.bench == bench else []
        values = [each for each in found if each is not None]
        if values:
            measured = median(values)
            rows.append(
                {
                    "figure": figure.what,
                    "field": figure.path,
                    "reach": figure.reach,
                    "measured": measured,
                    "is_reached": _is_reached(figure.reach, measured),
                }
            )
    return rows


def _result(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise NotAResult(f"{file}: {error}") from None
    if not isinstance(found, dict) or "machine" not in found:
        raise NotAResult(f"{file}: no `machine` in it")
    return found


def _is_reached(reach: str, measured: float) -> bool | None:
    """Of "beside it" and its like: None. A bound is in the unit of its field, millions as M."""
    spelled = _BOUND.match(reach)
    if spelled is None:
        return None
    sign, number, is_million = spelled.groups()
    bound = float(number.replace(",", "")) * (10**6 if is_million else 1)
    return _COMPARE[sign](measured, bound)
