"""What Binance Spot offers, as data. The gateway refuses everything that is not in here.

Sources: rest-api.md, web-socket-api.md, enums.md, errors.md, faqs/order_count_decrement.md of
binance-spot-api-docs, read 2026-11.
"""

from __future__ import annotations

from gateway.api import Capabilities, RateLimit
from gateway_binance.spot.names import LENGTH_MAX, PATTERN
from gateway_binance.spot.wallets import WalletName

__all__ = ["RATE_LIMITS", "capabilities"]

# The last two count orders without a fill; the venue's own count comes with every answer and wins.
RATE_LIMITS = (
    RateLimit(name="weight", model="window", scope="ip", capacity=6_000, window_ms=60_000),
    RateLimit(name="orders_10s", model="window", scope="account", capacity=100, window_ms=10_000),
    RateLimit(
        name="orders_1d", model="window", scope="account", capacity=200_000, window_ms=86_400_000
    ),
)
# A timestamp may stand a second before the venue's clock, and our own clock is known to within
# another: only then is a request surely void.
_CLOCK_MARGIN_MS = 2_000


def capabilities(
    venue: str,
    *,
    wallet: WalletName,
    acceptance_window_ms: int,
    timeout_ms: int,
    limits: tuple[RateLimit, ...],
) -> Capabilities:
    """The manifest under the configured venue name. Replaced are orders of the plain wallet."""
    return Capabilities(
        venue=venue,
        is_simulated=False,
        order_types=frozenset({"market", "limit", "stop", "stop_limit"}),
        times_in_force=frozenset({"gtc", "ioc", "fok"}),
        has_post_only=True,
        has_borrow=wallet == "margin",
        has_mass_cancel=True,
        has_market_data=True,
        amend="cancel_new" if wallet == "spot" else "none",
        client_order_id_length_max=LENGTH_MAX,
        client_order_id_pattern=PATTERN,
        # "accepted only when the previous one is filled, otherwise rejected" (New order, 2026-11).
        client_order_id_reuse="after_end",
        rate_limits=limits,
        unknown_outcomes=frozenset({"5xx", "408", "-1000", "-1001", "-1006", "-1007", "-1008"}),
        acceptance_window_ms=acceptance_window_ms,
        ack_timeout_ms=timeout_ms + 1_000,
        not_found_proof_after_ms=acceptance_window_ms + _CLOCK_MARGIN_MS,
        # Canceled or expired without a fill: archived after 90 days (Query order, 2026-11).
        ended_orders_kept_ms=90 * 24 * 3_600_000,
        book="update_ranges",
    )
