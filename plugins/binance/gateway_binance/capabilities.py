"""What Binance USD-M offers, as data. The gateway refuses everything that is not in here.

Sources (developers.binance.com, USDS-M futures, read 2026-10): New Order, Modify Order, Place
Multiple Orders, New Algo Order, Auto-Cancel All Open Orders, Exchange Information, General Info,
Error Codes, Change Log.
"""

from __future__ import annotations

from gateway.api import Capabilities, RateLimit

__all__ = ["FUNDING_RATE_LIMIT", "RATE_LIMITS", "capabilities"]

# fundingRate and fundingInfo share it and have no weight (Get Funding Rate History, 2026-10).
FUNDING_RATE_LIMIT = "funding_rates"
RATE_LIMITS = (
    RateLimit(name="weight", model="window", scope="ip", capacity=2_400, window_ms=60_000),
    RateLimit(name="orders_10s", model="window", scope="account", capacity=300, window_ms=10_000),
    RateLimit(name="orders_1m", model="window", scope="account", capacity=1_200, window_ms=60_000),
    RateLimit(name=FUNDING_RATE_LIMIT, model="window", scope="ip", capacity=500, window_ms=300_000),
)
# A timestamp may stand a second before the venue's clock, and our own clock is known to within
# another: only then is a request surely void.
_CLOCK_MARGIN_MS = 2_000


def capabilities(venue: str, *, acceptance_window_ms: int, timeout_ms: int) -> Capabilities:
    """The manifest under the configured venue name."""
    return Capabilities(
        venue=venue,
        is_simulated=False,
        order_types=frozenset({"market", "limit", "stop", "stop_limit"}),
        times_in_force=frozenset({"gtc", "ioc", "fok", "gtd"}),
        has_post_only=True,
        has_reduce_only=True,
        has_hedge_mode=True,
        has_funding=True,
        has_mass_cancel=True,
        has_market_data=True,
        amend="native",
        batch_orders_max=5,
        batch_cancels_max=5,
        batch_replaces_max=5,
        client_order_id_length_max=36,
        client_order_id_pattern=r"[.A-Z:/a-z0-9_-]{1,36}",
        # "unique among open orders" (New Order, 2026-10); a repeated one is -4116.
        client_order_id_reuse="after_end",
        rate_limits=RATE_LIMITS,
        dead_man="instrument",
        dead_man_ms_min=1_000,
        dead_man_ms_max=24 * 3_600_000,
        unknown_outcomes=frozenset({"5xx", "408", "-1000", "-1001", "-1006", "-1007"}),
        acceptance_window_ms=acceptance_window_ms,
        ack_timeout_ms=timeout_ms + 1_000,
        not_found_proof_after_ms=acceptance_window_ms + _CLOCK_MARGIN_MS,
        # Canceled or expired without a fill: not found three days after it was made (Query Order).
        ended_orders_kept_ms=3 * 24 * 3_600_000,
        book="previous_update",
    )
