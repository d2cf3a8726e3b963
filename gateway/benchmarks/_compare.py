"""Whether a new build is slower than an old one, from repeated runs of both in turn. Pure: rows in,
verdicts out. Of the noise it assumes only that a pair errs one way as likely as the other.

One figure gives one ratio per pair of runs. From it goes what the machine itself cost more in the
second run, the median of its calibrators, so a slow phase of the machine is not a slow build. The
estimate is the median of the pairwise means of the ratios' logarithms (Hodges and Lehmann), and its
lower bound comes from the exact distribution of Wilcoxon's signed ranks: with few runs a bootstrap
promises more than it holds. All figures share one chance of a false alarm (Bonferroni).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Comparison", "Verdict", "compare", "figures", "pairs_needed"]

# Costs that follow the processor's speed and nothing else of the machine.
CALIBRATORS = ("cas", "memcpy_128", "timer")
SKIPPED = frozenset({"machine", "machine_costs_ns"})
_LOWER_IS_BETTER = ("_ns", "_us", "_ms", "seconds")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure. Ratios are slowness: 1.2 = one fifth slower, whatever the figure's direction."""

    name: str
    pairs: int
    base: float
    new: float
    ratio: float
    ratio_low: float  # the true ratio is above this, but for the chance of a false alarm
    is_slower: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """`is_decidable` False: too few pairs to call anything slower at this chance of false alarm."""

    verdicts: tuple[Verdict, ...]
    pairs: int
    pairs_needed: int
    tolerance: float
    false_alarm: float

    @property
    def is_decidable(self) -> bool:
        return bool(self.verdicts) and self.pairs >= self.pairs_needed

    @property
    def slower(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.is_slower)


def compare(
    base: Sequence[Mapping[str, Any]],
    new: Sequence[Mapping[str, Any]],
    *,
    tolerance: float = 0.05,
    false_alarm: float = 0.01,
    only: Sequence[str] = (),
    best_of: int = 1,
) -> Comparison:
    """Run i of `base` and run i of `new` are a pair: they were made one right after the other. Of
    `best_of` runs in a row only the best of each figure counts, as one run.

    A figure is slower when its ratio is surely above 1 + tolerance."""
    pairs = zip(_best(base, best_of), _best(new, best_of), strict=False)
    rows = [_Pair(figures(old), figures(fresh), _drift(old, fresh)) for old, fresh in pairs]
    names = [name for name in _shared(rows) if not only or any(name.startswith(o) for o in only)]
    each = false_alarm / max(1, len(names))
    verdicts = tuple(_judge(name, rows, tolerance, each) for name in names)
    needed = pairs_needed(each)
    return Comparison(verdicts, len(rows), needed, tolerance, false_alarm)


def pairs_needed(false_alarm: float) -> int:
    """Pairs below which even unanimous ones may be chance: 2^-n must not exceed the chance."""
    return max(1, math.ceil(-math.log2(false_alarm)))


def figures(run: Mapping[str, Any]) -> dict[str, float]:
    """Every figure of one run whose direction its name tells: path -> slowness."""
    return dict(_walk(run, "", None))


def _walk(node: Mapping[str, Any], path: str, sign: int | None) -> Iterator[tuple[str, float]]:
    for name, value in node.items():
        if not path and name in SKIPPED:
            continue
        here = f"{path}.{name}" if path else name
        way = _sign(name) or sign
        if isinstance(value, Mapping):
            yield from _walk(value, here, way)
        elif way and isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            yield here, float(value) ** way


def _sign(name: str) -> int | None:
    """1: more is slower; -1: more is faster; None: the name does not tell."""
    if name.endswith("per_second"):
        return -1
    return 1 if name.endswith(_LOWER_IS_BETTER) else None


def _best(runs: Sequence[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    """Each `count` runs in a row as one, with the best of every figure; a rest is left out."""
    groups = [runs[at : at + count] for at in range(0, len(runs) - count + 1, count)]
    return [group[0] if count == 1 else _best_run(group) for group in groups]


def _best_run(group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in group[0]:
        if any(name not in run for run in group):
            continue
        values = [run[name] for run in group]
        if all(isinstance(value, Mapping) for value in values):
            out[name] = _best_run(values)
        elif all(isinstance(value, int | float) for value in values):
            out[name] = max(values) if _sign(name) == -1 else min(values)
    return out


def _drift(base: Mapping[str, Any], new: Mapping[str, Any]) -> float:
    """Logarithm of how much slower the machine itself was in the new run; 0 = not known. A median,
    since one interrupted calibrator must not speak for the machine."""
    old, fresh = base.get("machine_costs_ns", {}), new.get("machine_costs_ns", {})
    known = [name for name in CALIBRATORS if old.get(name, 0) > 0 and fresh.get(name, 0) > 0]
    return statistics.median([math.log(fresh[name] / old[name]) for name in known] or [0.0])


@dataclass(frozen=True, slots=True)
class _Pair:
    base: Mapping[str, float]
    new: Mapping[str, float]
    drift: float


def _shared(rows: Sequence[_Pair]) -> list[str]:
    """Figures that every run has, in their order."""
    if not rows:
        return []
    return [n for n in rows[0].base if all(n in row.base and n in row.new for row in rows)]


def _judge(name: str, rows: Sequence[_Pair], tolerance: float, false_alarm: float) -> Verdict:
    ratios = [math.log(row.new[name] / row.base[name]) - row.drift for row in rows]
    middle, low = lower_bound(ratios, false_alarm)
    return Verdict(
        name,
        len(rows),
        statistics.median(row.base[name] for row in rows),
        statistics.median(row.new[name] for row in rows),
        math.exp(middle),
        math.exp(low),
        low > math.log1p(tolerance),
    )


def lower_bound(values: Sequence[float], false_alarm: float) -> tuple[float, float]:
    """(estimate, lower bound) of the middle of a symmetric distribution; -inf with too few values.

    The k-th smallest mean of two values, where signed ranks below k are rarer than the chance."""
    means = sorted(
        (values[i] + values[j]) / 2 for i in range(len(values)) for j in range(i, len(values))
    )
    middle = statistics.median(means)
    rank = _rank_below(len(values), false_alarm)
    return middle, means[rank - 1] if rank else -math.inf


def _rank_below(count: int, false_alarm: float) -> int:
    """Largest k with P(signed rank sum < k) <= false_alarm, for `count` values; 0 = none."""
    ways = [1]  # ways[s]: subsets of the ranks 1..n whose sum is s
    for rank in range(1, count + 1):
        longer = ways + [0] * rank
        for total, number in enumerate(ways):
            longer[total + rank] += number
        ways = longer
    below, most = 0, false_alarm * 2**count
    for total, number in enumerate(ways):
        below += number
        if below > most:
            return total
    return len(ways)
