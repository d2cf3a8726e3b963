"""What OKX offers through this adapter, as data. The gateway refuses everything that is not here.

Limits: docs-v5, rate limits and the sections of the single requests, read 2026-11-21.
"""

from __future__ import annotations

from gateway.api import Capabilities
from gateway_okx.errors import UNKNOWN_CODES
from gateway_okx.limits import BATCH_MAX, RATE_LIMITS

__all__ = ["capabilities"]

# The signature of a request is good for 30 s; expTime voids orders and amends earlier, but algo
# orders have no expTime, so only after these can "never heard of it" not change any more.
NOT_FOUND_PROOF_MS = 31_000
# A canceled order without a fill is forgotten after two hours (docs/reference/venues/okx.md).
ENDED_ORDERS_KEPT_MS = 2 * 3_600_000


def capabilities(venue: str, *, ack_timeout_ms: int, acceptance_window_ms: int) -> Capabilities:
    """The manifest under the configured venue name."""

    return Capabilities(
        venue=venue,
        is_simulated=False,
        order_types=frozenset({"market", "limit", "stop", "stop_limit"}),
        times_in_force=frozenset({"gtc", "ioc", "fok"}),
        has_post_only=True,
        has_reduce_only=True,
        has_hedge_mode=True,
        has_funding=True,
        has_borrow=True,
        has_market_data=True,
        amend="native",
        batch_orders_max=BATCH_MAX,
        batch_cancels_max=BATCH_MAX,
        batch_replaces_max=BATCH_MAX,
        client_order_id_length_max=32,
        client_order_id_pattern=r"[A-Za-z0-9]+",
        client_order_id_reuse="after_end",
        rate_limits=RATE_LIMITS,
        dead_man="account",
        dead_man_ms_min=10_000,
        dead_man_ms_max=120_000,
        unknown_outcomes=UNKNOWN_CODES | {"5xx", "timeout"},
        acceptance_window_ms=acceptance_window_ms,
        ack_timeout_ms=ack_timeout_ms,
        not_found_proof_after_ms=NOT_FOUND_PROOF_MS,
        ended_orders_kept_ms=ENDED_ORDERS_KEPT_MS,
        book="checksum",
    )
