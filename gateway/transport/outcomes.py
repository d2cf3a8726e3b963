"""The three outcomes of a request: it did not happen, the venue said no, or nobody knows.

Must never turn doubt into a verdict. The policy in words: docs/concepts/venue_transport.md.
"""

from __future__ import annotations

from gateway.api import OutcomeUnknown, VenueRateLimited
from gateway.api.errors import Outcome, outcome_of
from gateway.transport.rest import RestAnswer

__all__ = ["Outcome", "check_status", "outcome_of", "retry_after_ms"]

_RETRY_AFTER_S_MAX = 4 * 24 * 3600  # The longest ban documented anywhere is three days.


def check_status(answer: RestAnswer) -> None:
    """Raises by the status alone: OutcomeUnknown for 5xx, VenueRateLimited for 429 and 418.

    Some venues say more in the body (Binance's 503 with code -1008 was not carried out, OKX's
    50004 is unknown, whatever its status): an adapter reads the body before it asks here.
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
