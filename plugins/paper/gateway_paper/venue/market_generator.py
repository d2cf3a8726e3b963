"""A seeded market: a random walk of the best prices with resting levels and trades around it.
The same seed and listings give the same changes, however the time is sliced."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from gateway.api.messages import SideName
from gateway_paper.venue.market import LevelSet, MarketChange, Traded
from gateway_paper.venue.settings import Listing

__all__ = ["GeneratedMarket"]

LEVELS = 10
STEPS_PER_ADVANCE_MAX = 50  # after a long pause the market jumps on instead of catching up


class GeneratedMarket:
    """One walk per instrument; a step every `step_ms`."""

    def __init__(self, listings: Sequence[Listing], seed: int, step_ms: int) -> None:
        self._step_ns = step_ms * 1_000_000
        self._steps_done = -1
        self._walks = [_Walk(listing, seed) for listing in listings]

    def advance(self, elapsed_ns: int) -> list[MarketChange]:
        due = elapsed_ns // self._step_ns
        steps = min(due - self._steps_done, STEPS_PER_ADVANCE_MAX)
        self._steps_done = max(due, self._steps_done)
        changes: list[MarketChange] = []
        for _ in range(steps):
            for walk in self._walks:
                changes += walk.step()
        return changes


class _Walk:
    """Best bid and the levels shown around it, in ticks."""

    def __init__(self, listing: Listing, seed: int) -> None:
        self._symbol = listing.symbol
        # Seeded by text: stable across processes, and instruments do not disturb each other.
        self._random = Random(f"{seed}/{listing.symbol}")
        self._tick = listing.price(listing.tick)
        self._lot = listing.quantity(listing.lot)
        self._lots_typical = max(1, listing.quantity(listing.level_quantity) // self._lot)
        self._bid = listing.price(listing.start_price) // self._tick
        self._shown: dict[tuple[SideName, int], int] = {}

    def step(self) -> list[MarketChange]:
        """Move, trade through what the move crossed, then show the new levels."""
        move = self._random.choice((-2, -1, -1, 0, 0, 0, 1, 1, 2))
        self._bid = max(self._bid + move, LEVELS + 1)
        ask = self._bid + self._random.choice((1, 1, 2))
        changes: list[MarketChange] = []
        if move < 0:
            changes.append(self._trade(self._bid, "sell"))
        elif move > 0:
            changes.append(self._trade(ask, "buy"))
        elif self._random.random() < 0.5:
            side: SideName = self._random.choice(("buy", "sell"))
            changes.append(self._trade(ask if side == "buy" else self._bid, side))
        return changes + self._show(ask)

    def _trade(self, ticks: int, aggressor: SideName) -> Traded:
        return Traded(self._symbol, ticks * self._tick, self._size(), aggressor)

    def _size(self) -> int:
        return self._random.randint(1, 2 * self._lots_typical) * self._lot

    def _show(self, ask: int) -> list[MarketChange]:
        """Only what differs from the levels shown before; removals first."""
        wanted: dict[tuple[SideName, int], int] = {}
        for depth in range(LEVELS):
            for side, ticks in (("buy", self._bid - depth), ("sell", ask + depth)):
                place: tuple[SideName, int] = ("buy" if side == "buy" else "sell", ticks)
                kept = self._shown.get(place)
                is_kept = kept is not None and self._random.random() < 0.7
                wanted[place] = kept if is_kept and kept is not None else self._size()
        gone = [place for place in self._shown if place not in wanted]
        changed = [place for place in wanted if self._shown.get(place) != wanted[place]]
        self._shown = wanted
        return [
            LevelSet(self._symbol, side, ticks * self._tick, wanted.get((side, ticks), 0))
            for side, ticks in gone + changed
        ]
