"""What the paper venue offers, as data. The gateway refuses everything that is not in here."""

from __future__ import annotations

from gateway.api import Capabilities

__all__ = ["capabilities"]


def capabilities(venue: str, *, ack_timeout_ms: int) -> Capabilities:
    """The manifest under the configured venue name."""
    return Capabilities(
        venue=venue,
        is_simulated=True,
        order_types=frozenset({"market", "limit", "stop", "stop_limit"}),
        times_in_force=frozenset({"day", "gtc", "ioc", "fok", "gtd"}),
        has_post_only=True,
        has_reduce_only=True,
        has_hedge_mode=True,
        has_funding=True,
        has_iceberg=True,
        has_market_data=True,
        amend="native",
        batch_orders_max=1,
        client_order_id_length_max=64,
        client_order_id_pattern=r"[A-Za-z0-9_-]+",
        client_order_id_reuse="never",
        ack_timeout_ms=ack_timeout_ms,
        # The venue accepts a signed request for five seconds; afterwards "not found" is proof.
        not_found_proof_after_ms=6_000,
        book="snapshots",
    )
