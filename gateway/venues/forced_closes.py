"""What the venue did to positions by itself: each fill of it is named once, and a position that
expired becomes flat in every book. Moves nothing while the books together hold anything."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from gateway.api import FillReport, RefusedError
from gateway.core.engine import Engine
from gateway.venues.health import VenueHealth

__all__ = ["ForcedCloses"]

Row = dict[str, Any]
_NAMED_MAX = 4_096  # beyond this many the oldest are forgotten
_EXPIRED_MAX = 1_000  # positions that expire within moments; more have their books left open
_EXTERNAL = "EXTERNAL"
log = logging.getLogger(__name__)


class ForcedCloses:
    """Of one venue. Event-loop thread only. A delivery is a fill of nobody's order: it goes to
    EXTERNAL, where it opens what strategies hold the other way round, and no trade can close
    either book any more. So each is closed at the venue's price, by a `position_adopted` record."""

    def __init__(self, venue: str, engine: Engine, health: VenueHealth) -> None:
        self._venue, self._engine, self._health = venue, engine, health
        self._named: dict[tuple[str, str, str, str], None] = {}
        self._expired: dict[tuple[str, str, str], FillReport] = {}
        self.is_due = False  # positions expired since `close_books` has looked
        self.on_expired: Callable[[], None] = lambda: None

    def told(self, fill: FillReport) -> None:
        """A fill whose cause is no trade, perhaps not for the first time."""
        if fill.cause == "delivery" and len(self._expired) < _EXPIRED_MAX:
            self._expired[fill.account, fill.instrument, fill.leg] = fill
            self.is_due = True
            self.on_expired()
        key = (fill.account, fill.instrument, fill.venue_order_id, fill.trade_id)
        if key in self._named:
            return
        if len(self._named) >= _NAMED_MAX:
            del self._named[next(iter(self._named))]
        self._named[key] = None
        self._health.counters[f"fills_{fill.cause}"] += 1
        log.error(
            "%s: %s of %s by the venue: %s %s %s at %s",
            *(self._venue, fill.cause, fill.account, fill.side, fill.quantity),
            *(fill.instrument, fill.price),
        )

    def look_again(self) -> None:
        """After a reconciliation: what was missing then may be there now."""
        self.is_due = bool(self._expired)

    def close_books(self) -> None:
        """Every fill told is applied. A position of which the books together still hold something
        waits: a fill is missing, and a break says so."""
        self.is_due = False
        for key, fill in list(self._expired.items()):
            try:
                if self._close(fill):
                    del self._expired[key]
            except RefusedError as error:
                log.error("%s: books of expired %s stay open: %s", self._venue, key, error)

    def _close(self, fill: FillReport) -> bool:
        number = self._engine.names.venue_instrument(self._venue, fill.instrument)
        symbol = self._engine.names.instrument(number).symbol
        rows = [
            row
            for row in self._engine.positions_of(fill.account, symbol)
            if row["leg"] == fill.leg and Decimal(str(row["quantity"]))
        ]
        held = sum((Decimal(str(row["quantity"])) for row in rows), Decimal(0))
        if held:
            return False
        # EXTERNAL last: what is left if the process ends between two records is a break of it.
        for row in sorted(rows, key=lambda row: row["strategy"] == _EXTERNAL):
            quantity = Decimal(str(row["quantity"]))
            self._engine.adopt_position(
                account=fill.account,
                instrument=symbol,
                leg=fill.leg,
                strategy=row["strategy"],
                held=format(held, "f"),
                quantity=format(-quantity, "f"),
                price=fill.price,
                reference=_reference(fill, row["strategy"]),
                actor="gateway",
                is_expired=True,
            )
            held -= quantity
            log.warning(
                "%s: %s of %s in %s expired at %s and is closed",
                *(symbol, quantity, fill.account, row["strategy"], fill.price),
            )
        return True


def _reference(fill: FillReport, strategy: str) -> str:
    """Once per fill and book, in the 40 characters there are."""
    words = "\0".join((fill.venue_order_id, fill.trade_id, strategy))
    return f"expiry:{hashlib.sha256(words.encode()).hexdigest()[:32]}"
