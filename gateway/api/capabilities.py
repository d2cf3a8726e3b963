"""The capability manifest: what a venue offers, as data. What is not declared is refused."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.api.messages import OrderTypeName, TimeInForceName

__all__ = ["BookRuleName", "Capabilities", "ClientOrderIdReuse", "RateLimit", "RateModel"]

RateModel = Literal["window", "credits", "rolling", "decaying", "volume_earned"]
RateScope = Literal["ip", "key", "account", "instrument"]
ClientOrderIdReuse = Literal["never", "after_end", "always"]
BookRuleName = Literal["none", "snapshots", "update_ranges", "previous_update", "checksum"]


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One budget of the venue. What it counts, and how what was spent comes back:

    window: `capacity` per `window_ms`, back at once when the venue's window turns.
    credits: a bucket of `capacity`, refilled by `refill` per second.
    rolling: `capacity` in any `window_ms`.
    decaying: a counter that may stand at `capacity` and falls by `refill` per second.
    volume_earned: `capacity` to begin with, and `refill` more per unit of quote currency traded.
    """

    name: str
    model: RateModel
    scope: RateScope
    capacity: int
    window_ms: int = 0
    refill: str = "0"


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
    has_borrow: bool = False
    has_iceberg: bool = False
    has_mass_cancel: bool = False
    has_market_data: bool = False  # books and trades (gateway.api.MarketDataSource); needs `book`
    amend: Literal["native", "cancel_new", "none"] = "none"
    batch_orders_max: int = 1
    batch_cancels_max: int = 1
    batch_replaces_max: int = 1
    client_order_id_length_max: int = 36
    client_order_id_pattern: str = r"[A-Za-z0-9_-]+"
    # never: refused for ever; after_end: free again once its order has ended; always: the venue
    # does not compare them, so a second send with the same id is a second order.
    client_order_id_reuse: ClientOrderIdReuse = "after_end"
    rate_limits: tuple[RateLimit, ...] = ()
    # What the venue cancels by itself when it no longer hears us; the interval it accepts.
    dead_man: Literal["none", "account", "instrument"] = "none"
    dead_man_ms_min: int = 0
    dead_man_ms_max: int = 0
    # Answers after which a request may or may not have taken effect, in the venue's own words.
    unknown_outcomes: frozenset[str] = frozenset()
    # A request is void this long after its signature; 0 = the venue has no such rule.
    acceptance_window_ms: int = 0
    ack_timeout_ms: int = 5_000
    not_found_proof_after_ms: int | None = None
    # How long a query still finds an order that ended without executing: 0 = for ever, None = not
    # known, so that "never heard of it" proves nothing where ids may come again.
    ended_orders_kept_ms: int | None = None
    # How two updates of a book follow each other.
    book: BookRuleName = "none"
