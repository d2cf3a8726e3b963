"""The words that stand for the codes of records and states. The numbers are on disk and never
change; what they are called here is what every row of the gateway calls them: the trail, the past,
and why. Needs no package of its own."""

from __future__ import annotations

__all__ = ["EVENTS", "LEVELS", "RECORD_KINDS", "TRADING_STATES", "WORDS"]

# Kinds of records that make rows (docs/reference/journal_format.md).
EVENTS: dict[int, str] = {
    30: "order_new",
    32: "cancel_requested",
    33: "replace_requested",
    34: "order_triggered",
    40: "order_accepted",
    41: "order_rejected",
    42: "order_canceled",
    43: "order_expired",
    44: "order_replaced",
    45: "cancel_rejected",
    46: "replace_rejected",
    47: "order_unknown",
    48: "order_not_sent",
    49: "order_filled",
    50: "fill_busted",
    51: "fill_corrected",
    52: "order_adopted",
    61: "balance_changed",
    62: "funding",
    63: "position_adopted",
}

LEVELS: tuple[str, ...] = ("instrument", "strategy", "account", "venue", "firm")
TRADING_STATES: tuple[str, ...] = ("active", "reducing", "halted")

# Every kind of record as it is told (docs/reference/journal_format.md).
RECORD_KINDS = (
    "boot", "stopped", "clock_tick", "operation_noted", "currency_defined", "venue_defined",
    "instrument_defined", "account_defined", "strategy_defined", "principal_defined",
    "currency_rate_set", "limits_set", "guards_set", "risk_measured", "override_used",
    "trading_state_set", "fix_session_defined", "fix_numbers_set", "fix_message_sent",
    "order_refused", "anomaly", "position_collateral", "venue_state", *EVENTS.values(),
)  # fmt: skip

# Column -> word by code. None: no word, the value is null.
WORDS: dict[str, tuple[str | None, ...]] = {
    "event": tuple(EVENTS.get(kind) for kind in range(64)),
    "side": (None, "buy", "sell"),
    "type": (None, "market", "limit", "stop", "stop_limit"),
    "time_in_force": ("day", "gtc", None, "ioc", "fok", None, "gtd"),
    "leg": ("net", "long", "short"),
    "margin_mode": ("cash", "cross", "isolated"),
    "venue_margin_mode": (None, "cross", "isolated", "unknown"),
    "liquidity": (None, "maker", "taker"),
    "level": LEVELS,
    "cancel_reason": ("client", "mass_cancel", "kill", "disconnect", "shutdown", "expiry",
                      "operator", "link"),
    # A cancel hides a replace: bits 0-1 are the cancel's, 2-3 the replace's.
    "pending": tuple(
        ("", "cancel", "cancel_unknown", "")[bits % 4]
        or ("", "replace", "replace_unknown", "")[bits // 4]
        for bits in range(16)
    ),
    "reason": (
        "", "requested", "time_in_force", "post_only", "reduce_only", "self_trade", "expired",
        "venue", "timeout", "disconnected", "send_error", "restart", "untriggered", "queue_stale",
        "insufficient_funds", "cancel_outcome_unknown", "replace_outcome_unknown",
        "cross_ended",
    ),
    "order_state": (
        "NONE", "PENDING_NEW", "NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED",
        "REJECTED", "REFUSED", "UNTRIGGERED", "UNKNOWN",
    ),
    "position_state": ("FLAT", "OPENING", "OPEN", "PARTIALLY_CLOSED", "CLOSED", "FLIPPED"),
}  # fmt: skip
