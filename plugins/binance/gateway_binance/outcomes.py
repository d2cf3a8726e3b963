"""What a failed request proves about its order, as the one fact that the gateway is told. A doubt
is `unknown`, never a verdict (docs/concepts/unknown_outcome.md)."""

from __future__ import annotations

from collections.abc import Callable

from gateway.api import (
    OutcomeUnknown,
    VenueError,
    VenueProtocolError,
    VenueRateLimited,
    VenueUnavailable,
)
from gateway_binance.memory import KnownOrder
from gateway_binance.rest import Rejection
from gateway_binance.words import end_reason

__all__ = ["Tell", "change_failed", "check_named", "new_order_failed", "order_ended", "words_of"]

Tell = Callable[..., None]
# The symbol is not what it was: the error's code, or its words.
_CLOSED = frozenset({"-1121", "-4108", "-4140", "-4141", "Market is closed."})


def check_named(told: object, asked: object) -> None:
    """Raises OutcomeUnknown for an answer about another order than was asked for."""
    if str(told) != str(asked):
        raise OutcomeUnknown(f"the answer is about {str(told)[:40]!r}, not {str(asked)[:40]!r}")


def words_of(error: Rejection) -> str:
    return f"{error.code} {error.text}"


def new_order_failed(tell: Tell, known: KnownOrder, error: VenueError) -> None:
    """The outcome of a new order that the exception proves."""
    if isinstance(error, Rejection) and error.meaning == "duplicate":
        # An open order has this id, perhaps this very one: a proxy may have repeated it.
        tell("unknown", known.order_id, words_of(error))
    elif isinstance(error, Rejection):
        known.is_done = True
        tell("rejected", known.order_id, words_of(error))
        if error.code in _CLOSED or error.text in _CLOSED:
            tell("instruments_changed")
    elif isinstance(error, VenueUnavailable | VenueRateLimited):
        known.is_done = True
        tell("not_sent", known.order_id, str(error))
    else:
        tell("unknown", known.order_id, str(error))


def change_failed(tell: Tell, rejected: str, order_id: int, error: VenueError) -> None:
    """The same for a cancel or a replace, for anything but a rejection."""
    if isinstance(error, VenueUnavailable | VenueRateLimited):
        tell(rejected, order_id, str(error))
    elif isinstance(error, OutcomeUnknown | VenueProtocolError):
        tell("unknown", order_id, str(error))
    else:
        raise error


def order_ended(
    tell: Tell, order_id: int, status: str, *, cumulative: str, number: str, stamp_ns: int
) -> None:
    """Canceled or expired. A self-trade that the venue prevented is a cancellation, not a matter of
    time."""
    reason = end_reason(status)
    tell(
        "expired" if reason == "time_in_force" else "canceled",
        order_id,
        reason,
        cumulative_quantity=cumulative,
        venue_time_ns=stamp_ns,
        venue_order_id=number,
    )
