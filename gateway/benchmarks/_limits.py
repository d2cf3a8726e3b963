"""The limits of every desk of the benches. Data alone."""

from __future__ import annotations

__all__ = ["WIDE"]

# The gate runs all of its checks and refuses nothing.
WIDE: dict[str, str | int] = {
    "order_quantity_max": "1000000",
    "order_notional_max": "1000000000",
    "position_long_max": "100000000",
    "position_short_max": "100000000",
    "gross_exposure_max": "10000000000000",
    "net_exposure_max": "10000000000000",
    "credit_max": "10000000000000",
    "collar_bps": 500,
    "reference_age_ms_max": 600_000_000,
    "orders_per_second": 50_000_000,
    "order_burst": 1_000_000,
    "cancels_per_second": 50_000_000,
    "cancel_burst": 1_000_000,
    "open_orders_side_max": 250_000,
    "duplicate_window_ms": 0,
}
