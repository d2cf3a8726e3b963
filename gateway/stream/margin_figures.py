"""Margin as figures of the desk: how many accounts are in which state, the highest ratio, the
nearest forced close, and what changed. Names an account in the observer's log alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gateway.analytics.margin_watch import STATES, MarginChange
from gateway.journal import Row
from gateway.valuation.margin_text import PAST

__all__ = ["SHOWN_STATES", "MarginFigures", "MarginNews", "margin_figures"]

SHOWN_STATES = (*STATES, "unknown")
# What the log of the observer shows at least; every other state is an error.
_LEVELS = {"ok": logging.WARNING, "warning": logging.WARNING}
_log = logging.getLogger("gateway.observer")


class MarginFigures(NamedTuple):
    """Of one moment. None = nobody knows."""

    states: dict[str, int]  # accounts and currencies, by each of SHOWN_STATES
    ratio_max: float | None  # infinite: maintenance is due and no equity is left
    distance_percent_min: float | None  # of the mark, either way; 0 = it was reached


def margin_figures(accounts: Iterable[Row], positions: Iterable[Row]) -> MarginFigures:
    """`accounts`: rows of the channel; `positions`: those of `margin_rows`. What has something
    left out has a state and no ratio: it would be another one with it."""
    states = dict.fromkeys(SHOWN_STATES, 0)
    ratios: list[float] = []
    for row in accounts:
        states[row["state"]] += 1
        if not row["excluded"]:
            ratios += _ratio(row)
    distances: list[float] = []
    for row in positions:
        if row["state"] is not None:  # isolated; a cross one has the ratio of its account
            ratios += _ratio(row)
        distances += _distance(row)
    return MarginFigures(states, max(ratios, default=None), min(distances, default=None))


def _ratio(row: Row) -> Iterator[float]:
    if row["ratio"] is not None:
        yield float(row["ratio"])
    elif row["state"] == "liquidation":
        yield float("inf")


def _distance(row: Row) -> Iterator[float]:
    if row["liquidation_distance_percent"] is not None:
        yield abs(float(row["liquidation_distance_percent"]))
    elif row["reason"] == PAST:
        yield 0.0


class MarginNews:
    """The newest figures, and the changes of states since the start, each logged once. Event-loop
    thread only."""

    def __init__(self) -> None:
        self.figures: MarginFigures | None = None  # None = margin is not known
        self.changes = dict.fromkeys(STATES, 0)  # by the state that began

    def take(self, figures: MarginFigures | None, changes: Sequence[MarginChange]) -> None:
        self.figures = figures
        for change in changes:
            self.changes[change.after] += 1
            _log.log(
                _LEVELS.get(change.after, logging.ERROR),
                "margin of account %s in %s: %s -> %s, ratio %s",
                *(change.account, change.currency, change.before, change.after),
                change.ratio or "none",
            )
