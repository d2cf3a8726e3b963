"""The capability manifest: what a venue offers, as data. What is not declared is refused."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.api.messages import OrderTypeName, TimeInForceName

__all__ = ["Capabilities"]


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Manifest of one venue. Times in ms; `not_found_proof_after_ms` None = never proof."""

    venue: str
    is_simulated: bool
    order_types: frozenset[OrderTypeName]
    times_in_force: frozenset[TimeInForceName]
    has_post_only: bool = False
    has_reduce_only: bool = False
    has_hedge_mode: bool = False
    has_funding: bool = False
    has_iceberg: bool = False
    amend: Literal["native", "cancel_new", "none"] = "none"
    batch_orders_max: int = 1
    client_order_id_length_max: int = 36
    client_order_id_pattern: str = r"[A-Za-z0-9_-]+"
    is_client_order_id_unique_forever: bool = False
    ack_timeout_ms: int = 5_000
    not_found_proof_after_ms: int | None = None
