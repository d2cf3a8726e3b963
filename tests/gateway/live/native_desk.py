"""A small desk on the native engine: one instrument, limits everywhere, a reconciled venue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway._core import engine as native_engine

__all__ = ["LIMITS", "Desk"]

LIMITS: dict[str, str | int] = {
    "order_quantity_max": "1000",
    "order_notional_max": "1000000",
    "position_long_max": "10000",
    "position_short_max": "10000",
    "gross_exposure_max": "10000000",
    "net_exposure_max": "10000000",
    "credit_max": "10000000",
    "collar_bps": 500,
    "reference_age_ms_max": 60000,
    "orders_per_second": 100000,
    "order_burst": 10000,
    "cancels_per_second": 100000,
    "cancel_burst": 10000,
    "open_orders_side_max": 10000,
    "duplicate_window_ms": 0,
}


class Desk:
    """`rest` leaves orders working, `fill` executes one more."""

    def __init__(self, directory: Path, ring: Path) -> None:
        self.ring = ring
        self.engine = engine = native_engine.Engine(str(directory), str(ring), orders_max=4096)
        usd = engine.define_currency("USD")
        engine.set_currency_rate(usd, "1")
        venue = engine.define_venue("sim", True, 0xFF, 0xFF, 7, 1, 5000)
        instrument = engine.define_instrument(
            venue, "X-USD", "XUSD", 2, usd, usd, usd, 2, 0, 0, "0.01", "1", "1", "1", "0", "0", True
        )
        account = engine.define_account(venue, "main", 1, False, 1)
        strategy = engine.define_strategy("s")
        self.principal = engine.define_principal("desk", 15, None, None, None)
        for level, entity in ((0, instrument), (1, strategy), (2, account), (3, venue), (4, 0)):
            engine.set_limits(level, entity, LIMITS, "test", "seed")
        self.client = engine.open_client_port("test")
        self.venue = engine.open_venue_port(venue)
        self.venue.session(2, "")
        self.venue.marked(instrument, "100.00", "", "", "")
        engine.turn()
        self.names: tuple[Any, ...] = (instrument, account, strategy)

    def rest(self, count: int) -> None:
        for number in range(count):
            self.client.submit(self.principal, f"K{number}", *self.names, 1, 2, 1, "1", "99.00")
            self.engine.turn()
        for entry in self.venue.take(count):
            self.venue.accepted(entry[1], f"V{entry[1]}", False, 1, 1)
        self.engine.turn()

    def fill(self, number: int) -> None:
        self.client.submit(self.principal, f"F{number}", *self.names, 1, 2, 1, "1", "100.00")
        self.engine.turn()
        (entry,) = self.venue.take(1)
        order_id, account, instrument = entry[1], self.names[1], self.names[0]
        self.venue.filled(
            order_id, account, instrument, 1, 0, "100.00", "1", "", "0.05", 1, 2, f"T{number}",
            f"V{order_id}", number, number,
        )  # fmt: skip
        self.engine.turn()
