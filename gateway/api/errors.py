"""Failures of the outside world, as one small tree.

GatewayError
├── RefusedError            the gateway said no (code, field, value, rule, hint)
└── VenueError
    ├── VenueUnavailable    not connected, maintenance: nothing was sent
    ├── VenueRejected       the venue said no; final
    ├── VenueRateLimited    sent too much; nothing was accepted
    ├── VenueProtocolError  the venue spoke nonsense
    └── OutcomeUnknown      it may have happened; never retried, only reconciled
"""

from __future__ import annotations

from typing import Literal

__all__ = [
    "GatewayError",
    "Outcome",
    "OutcomeUnknown",
    "RefusedError",
    "VenueError",
    "VenueProtocolError",
    "VenueRateLimited",
    "VenueRejected",
    "VenueUnavailable",
    "outcome_of",
]

Outcome = Literal["not_sent", "rejected", "unknown"]


class GatewayError(Exception):
    """Root of everything the gateway raises on purpose."""


class RefusedError(GatewayError):
    """The gateway refused. `code` is a name of docs/reference/refusals.md."""

    def __init__(
        self, code: str, *, field: str = "", value: object = "", rule: str = "", hint: str = ""
    ) -> None:
        self.code = code
        self.field = field
        self.value = value
        self.rule = rule
        self.hint = hint
        super().__init__(f"{code} {field}={value!s:.64}: {rule}")


class VenueError(GatewayError):
    """A venue or the way to it failed."""


class VenueUnavailable(VenueError):
    """Not connected or in maintenance. Nothing was sent."""


class VenueRejected(VenueError):
    """The venue answered no. `code` is the venue's own."""

    def __init__(self, code: str, text: str = "") -> None:
        self.code = code
        self.text = text
        super().__init__(f"{code}: {text}")


class VenueRateLimited(VenueError):
    """The venue refused for rate. `retry_after_ms` is 0 when it did not say."""

    def __init__(self, text: str = "", retry_after_ms: int = 0) -> None:
        self.retry_after_ms = retry_after_ms
        super().__init__(text)


class VenueProtocolError(VenueError):
    """The venue sent something its documentation does not allow."""


class OutcomeUnknown(VenueError):
    """The request may or may not have taken effect. Never retried, only reconciled."""


def outcome_of(error: BaseException) -> Outcome:
    """What a failed request did, by the proof that its exception stands for. A cancelled task, a
    fault of ours and an answer that nobody can read prove nothing."""
    if isinstance(error, (VenueUnavailable, VenueRateLimited)):
        return "not_sent"
    return "rejected" if isinstance(error, VenueRejected) else "unknown"
