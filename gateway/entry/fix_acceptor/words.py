"""What FIX calls things: reasons per version, identifiers, texts. Pure tables and small functions.

Sources: FIX 4.2, 4.4 and 5.0 SP2 field lists (58, 102, 103, 378); fix codes of each refusal come
from the one table of refusals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api import RefusedError
from gateway.core.refusals import describe
from gateway.core.vocabulary import CancelReason
from gateway.transport.fix_session import FixMessage

__all__ = [
    "NO_ORDER",
    "UserTag",
    "cancel_reason",
    "execution_id",
    "order_reason",
    "restatement_reason",
    "text_of",
    "wire_bytes",
]

NO_ORDER = "NONE"  # 37 of what never became an order


class UserTag:
    """Fields of our own, for what the standard does not say."""

    STRATEGY = 5001  # book of the order; default: the first of the session
    LEG = 5002  # net, long or short
    EMULATE = 5003  # Y = do here what the venue does not offer
    CROSS_MS = 5004  # kept here so long, in ms, to be crossed with an order of another book
    CONTINGENCY = 5385  # as 1385, which begins with 5.0


_TEXT_MAX = 200
# What a version knows of 103; others become the nearest it does.
_ORDER_REASONS_42 = frozenset(range(9))
_ORDER_REASONS_44 = frozenset((*range(16), 99))
_ORDER_REASONS_50 = frozenset((*range(26), 99))
_CLOSEST_IN_42 = {13: 3, 15: 0, 16: 0, 11: 0, 99: 0}
_CANCEL_REASONS_42 = frozenset(range(4))
# Broker option, halt, system failure, market option.
_RESTATED = {
    CancelReason.KILL: 6,
    CancelReason.DISCONNECT: 7,
}


def order_reason(code: str, version: int) -> int:
    """103 of a refusal, as this version may say it."""
    reason = describe(code).fix_order_reject_reason
    if version <= 42:
        return reason if reason in _ORDER_REASONS_42 else _CLOSEST_IN_42.get(reason, 0)
    known = _ORDER_REASONS_44 if version < 50 else _ORDER_REASONS_50
    return reason if reason in known else 99


def cancel_reason(code: str, version: int) -> int:
    """102 of a refusal, as this version may say it; 2 is the broker's own decision."""
    reason = describe(code).fix_cancel_reject_reason
    return 2 if version <= 42 and reason not in _CANCEL_REASONS_42 else reason


def restatement_reason(reason: CancelReason | None, version: int) -> int:
    """378 of a cancel nobody asked for on this session; None: it was the venue's decision."""
    if version <= 42:
        return 4
    return 8 if reason is None else _RESTATED.get(reason, 4)


def execution_id(sequence: int) -> str:
    """17 of what the journal holds: unique, and the same however often it is made."""
    return f"E{sequence}"


def text_of(error: RefusedError) -> str:
    """58: the code every door uses, then the rule; never a secret, never long."""
    parts = [error.code + (f" {error.field}" if error.field else "")]
    rule = error.rule or describe(error.code).sentence
    explained: Mapping[str, Any] = getattr(error, "explained", {})
    numbers = ", ".join(
        f"{name} {explained[name]}"
        for name in ("limit", "current", "would_be", "working")
        if explained.get(name) is not None
    )
    parts.append(f"{rule} ({numbers})" if numbers else rule)
    return ": ".join(parts)[:_TEXT_MAX]


def wire_bytes(message: FixMessage) -> bytes:
    """The message as it came."""
    return message.data or b"".join(b"%d=%b\x01" % field for field in message.fields)
