"""Soft monitors of how a strategy trades: orders per trade, cancels, refusals and rejects in a
sliding window, from the journal's outcomes. Warns once per crossing; never stops an order.

MiFID II RTS 6 (Delegated Regulation 2017/589), Article 16: monitoring during trading hours. The
order-to-trade ratio counts as in RTS 9 (2017/566): orders entered over trades, minus one."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["RATIOS", "Conduct", "ConductLimits", "OutcomeCounts"]

# (strategy, venue, order type, what happened) -> count, only ever rising
OutcomeCounts = Mapping[tuple[str, str, str, str], int]
RATIOS = ("order_to_trade", "cancel", "refusal", "reject")
SAMPLES_MAX = 60  # per window

logger = logging.getLogger("gateway.observer")


@dataclass(frozen=True, slots=True)
class ConductLimits:
    """Where a warning begins. Ratios; 0 = this one is not watched."""

    window_seconds: float = 600.0
    orders_min: int = 100  # below so many in the window no ratio says anything
    order_to_trade_max: float = 0.0
    cancel_max: float = 0.0
    refusal_max: float = 0.0
    reject_max: float = 0.0


class Conduct:
    """The ratios of the newest window, by strategy. Event-loop thread only."""

    def __init__(self, limits: ConductLimits, monotonic: Callable[[], float]) -> None:
        self.limits = limits
        self.warnings = 0
        self._monotonic = monotonic
        self._samples: deque[tuple[float, dict[str, dict[str, int]]]] = deque()
        self._above: set[tuple[str, str]] = set()
        self._ratios: dict[tuple[str, str], float] = {}

    def take(self, counts: OutcomeCounts) -> None:
        """Looks at the counts as they stand now; calls that come too soon are not kept."""
        now = self._monotonic()
        newest = _by_strategy(counts)
        self._ratios = self._measure(newest)
        for name, value in self._ratios.items():
            self._judge(name, value)
        step = self.limits.window_seconds / SAMPLES_MAX
        if not self._samples or now - self._samples[-1][0] >= step:
            self._samples.append((now, newest))
        # The newest sample at least a window old is where the window begins.
        while len(self._samples) > 1 and now - self._samples[1][0] >= self.limits.window_seconds:
            self._samples.popleft()

    @property
    def ratios(self) -> Mapping[tuple[str, str], float]:
        """(strategy, ratio) -> value; absent where the window holds too few orders."""
        return self._ratios

    def _measure(self, newest: dict[str, dict[str, int]]) -> dict[tuple[str, str], float]:
        begin = self._samples[0][1] if self._samples else {}
        found: dict[tuple[str, str], float] = {}
        for strategy, counts in newest.items():
            before = begin.get(strategy, {})
            moved = {name: count - before.get(name, 0) for name, count in counts.items()}
            asked = moved.get("entered", 0) + moved.get("refused", 0)
            if asked < self.limits.orders_min:
                continue
            for name, value in _ratios_of(moved, asked).items():
                found[strategy, name] = value
        return found

    def _judge(self, name: tuple[str, str], value: float) -> None:
        strategy, ratio = name
        limit = float(getattr(self.limits, f"{ratio}_max"))
        if limit == 0.0 or value <= limit:
            self._above.discard(name)
            return
        if name in self._above:
            return
        self._above.add(name)
        self.warnings += 1
        logger.warning("strategy %s: %s ratio %.3f is above %.3f", strategy, ratio, value, limit)


def _by_strategy(counts: OutcomeCounts) -> dict[str, dict[str, int]]:
    sums: dict[str, dict[str, int]] = {}
    for (strategy, _venue, _type, outcome), count in counts.items():
        row = sums.setdefault(strategy, {})
        row[outcome] = row.get(outcome, 0) + count
    return sums


def _ratios_of(moved: Mapping[str, int], asked: int) -> dict[str, float]:
    entered, fills = moved.get("entered", 0), moved.get("fills", 0)
    shares = {
        "cancel": moved.get("canceled", 0) / entered if entered else None,
        "reject": moved.get("rejected", 0) / entered if entered else None,
        # Without any trade every order is one too many.
        "order_to_trade": entered / fills - 1.0 if fills else float(entered),
        "refusal": moved.get("refused", 0) / asked,
    }
    return {name: value for name, value in shares.items() if value is not None}
