"""The three outcomes of a request: it did not happen, the venue said no, or nobody knows.

Must never turn doubt into a verdict. The policy in words: docs/concepts/venue_transport.md.
"""

from __future__ import annotations

from typing import Literal

from gateway.api import (
    OutcomeUnknown,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
)
from gateway.transport.rest import RestAnswer

__all__ = ["Outcome", "check_status", "outcome_of", "retry_after_ms"]

Outcome = Literal["not_sent", "rejected", "unknown"]
_RETRY_AFTER_S_MAX = 4 * 24 * 3600  # The longest ban documented anywhere is three days.


def outcome_of(error: BaseException) -> Outcome:
    """What a failed request did, by the proof that its exception stands for. A cancelled task, a
    fault of ours and an answer that nobody can read prove nothing."""
    if isinstance(error, (VenueUnavailable, VenueRateLimited)):
        return "not_sent"
    return "rejected" if isinstance(error, VenueRejected) else "unknown"


def check_status(answer: RestAnswer) -> None:
    """Raises by the status alone: OutcomeUnknown for 5xx, VenueRateLimited for 429 and 418.

    Some venues say more in the body (Binance's 503 with code -1008 was not carried out, OKX's
    50004 with status 200 is unknown): an adapter reads the body before it asks here.
    """
    if answer.status >= 500:
        raise OutcomeUnknown(f"the venue answered {answer.status}")
    if answer.status in (429, 418):
        wait_ms = retry_after_ms(answer)
        raise VenueRateLimited(f"status {answer.status}, wait {wait_ms} ms", wait_ms)


def retry_after_ms(answer: RestAnswer) -> int:
    """The venue's Retry-After in whole seconds; 0 when it did not say."""
    text = answer.headers.get("Retry-After", "").strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        return 0
    return min(int(text), _RETRY_AFTER_S_MAX) * 1_000
