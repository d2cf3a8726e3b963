"""What a venue offers through this adapter, as its dialect says it. The gateway refuses everything
that is not here."""

from __future__ import annotations

from gateway.api import Capabilities
from gateway_fix.dialect import Dialect
from gateway_fix.order_names import OrderNames

__all__ = ["capabilities"]


def capabilities(
    venue: str, dialect: Dialect, names: OrderNames, *, timeout_ms: int
) -> Capabilities:
    """The manifest under the configured venue name."""
    return Capabilities(
        venue=venue,
        is_simulated=False,
        order_types=frozenset(dialect.order_types),
        times_in_force=frozenset(dialect.times_in_force),
        has_post_only=bool(dialect.post_only),
        has_reduce_only=bool(dialect.reduce_only),
        has_iceberg=bool(dialect.display_tag),
        has_mass_cancel=bool(dialect.mass_cancel),
        amend="native" if dialect.amend == "replace" else "none",
        client_order_id_length_max=names.length_max,
        client_order_id_pattern=names.pattern,
        client_order_id_reuse=dialect.client_order_id_reuse,
        rate_limits=dialect.rate_limits,
        unknown_outcomes=dialect.unknown_outcomes | {"timeout", "disconnect"},
        acceptance_window_ms=dialect.acceptance_window_ms,
        ack_timeout_ms=timeout_ms + 1_000,
        not_found_proof_after_ms=dialect.not_found_proof_after_ms,
        ended_orders_kept_ms=dialect.ended_orders_kept_ms,
    )
