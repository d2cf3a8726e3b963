"""One instrument's displayed book and its update ids: snapshots and differences follow the rules of
"How to manage a local order book correctly" (USDS-M futures documentation, 2026-10)."""

from __future__ import annotations

from typing import Any

from binance_simulator.documents import fixed, price_places
from gateway_paper.venue.exchange import Exchange

__all__ = ["MarketBook"]

_LEVELS = 1_000


class MarketBook:
    """`update` is called after every change and gives the depthUpdate since the last call."""

    def __init__(self, exchange: Exchange, symbol: str, places: int | None = None) -> None:
        self._exchange = exchange
        listing = exchange.listings[symbol]
        self._price_places = price_places(listing) if places is None else places
        self._size_places = listing.quantity_scale if places is None else places
        self.symbol = symbol
        self.update_id = 1_000_000
        self._shown: dict[tuple[str, str], str] = {}

    def bids(self, levels: int) -> list[list[str]]:
        return self._levels("bids", levels)

    def asks(self, levels: int) -> list[list[str]]:
        return self._levels("asks", levels)

    def update(self, now_ms: int) -> dict[str, Any] | None:
        sides = {"b": self.bids(_LEVELS), "a": self.asks(_LEVELS)}
        shown = {(side, price): size for side, rows in sides.items() for price, size in rows}
        changed = {key: size for key, size in shown.items() if self._shown.get(key) != size}
        changed |= {key: "0" for key in self._shown if key not in shown}
        self._shown = shown
        if not changed:
            return None
        before = self.update_id
        self.update_id += len(changed)
        rows = {side: [[p, q] for (at, p), q in changed.items() if at == side] for side in "ba"}
        return {
            "e": "depthUpdate",
            "E": now_ms,
            "T": now_ms,
            "s": self.symbol,
            "U": before + 1,
            "u": self.update_id,
            "pu": before,
            **rows,
        }

    def _levels(self, side: str, levels: int) -> list[list[str]]:
        rows = self._exchange.depth_rows(self.symbol, levels)[side]
        return [[fixed(p, self._price_places), fixed(q, self._size_places)] for p, q in rows]
