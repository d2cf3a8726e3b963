"""Whether a new build is slower than an old one, from repeated runs of both in turn. Pure: rows in,
verdicts out; no assumption about the noise but that a pair is as likely to err one way as the other.

Each run's figures are set in ratio to what the machine itself cost in that run, so a slow phase of
the machine is not a slow build. One figure then gives one ratio per pair of runs. The estimate is
the median of the pairwise means of their logarithms (Hodges and Lehmann), and its lower bound comes
from the exact distribution of Wilcoxon's signed ranks: with few runs a bootstrap promises more than
it holds. All figures share one chance of a false alarm (Bonferroni).
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
) -> Comparison:
    """Run i of `base` and run i of `new` are a pair: they were made one right after the other.

    A figure is slower when its ratio is surely above 1 + tolerance."""
    pairs = list(zip(base, new, strict=False))
    rows = [(_calibrated(before), _calibrated(after)) for before, after in pairs]
    names = [name for name in _shared(rows) if not only or any(name.startswith(o) for o in only)]
    each = false_alarm / max(1, len(names))
    verdicts = tuple(_judge(name, rows, tolerance, each) for name in names)
    needed = pairs_needed(each)
    return Comparison(verdicts, len(pairs), needed, tolerance, false_alarm)


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


def _calibrated(run: Mapping[str, Any]) -> dict[str, float]:
    """Figures in units of the machine's own speed in that run."""
    costs = run.get("machine_costs_ns", {})
    known = [math.log(costs[name]) for name in CALIBRATORS if costs.get(name, 0) > 0]
    speed = math.exp(statistics.mean(known)) if known else 1.0
    return {name: slowness / speed for name, slowness in figures(run).items()}


def _shared(rows: Sequence[tuple[dict[str, float], dict[str, float]]]) -> list[str]:
    """Figures that every run has, in their order."""
    if not rows:
        return []
    return [n for n in rows[0][0] if all(n in before and n in after for before, after in rows)]


def _judge(
    name: str,
    rows: Sequence[tuple[dict[str, float], dict[str, float]]],
    tolerance: float,
    false_alarm: float,
) -> Verdict:
    differences = [math.log(after[name] / before[name]) for before, after in rows]
    middle, low = lower_bound(differences, false_alarm)
    return Verdict(
        name,
        len(rows),
        statistics.median(before[name] for before, _ in rows),
        statistics.median(after[name] for _, after in rows),
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
