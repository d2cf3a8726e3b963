"""What the observer says no with, beyond the refusals of the gateway: code, HTTP status, sentence
and advice. `gateway explain` and docs/reference/refusals.md read this table; nothing else has
these words. What it shares with commands that read the past has its status here alone.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PAST_STATUS", "STREAM_CODES", "StreamCode"]


class StreamCode(NamedTuple):
    """One row. On the stream there is no status: the connection stays open."""

    http_status: int
    sentence: str
    advice: str


STREAM_CODES = {
    "BAD_REQUEST": StreamCode(
        400,
        "The request has not the form that this address of the observer takes.",
        "Compare it with docs/reference/stream.md; `rule` names the form.",
    ),
    "UNKNOWN_FILTER": StreamCode(
        400,
        "The channel cannot be filtered by this name.",
        "Use one of the names in `rule`; balances are filtered by account alone.",
    ),
    "BAD_FILTER": StreamCode(
        400,
        "The pattern of a filter is too long or has too many `*`.",
        "Write a pattern of at most 64 characters with at most four `*`.",
    ),
    "FOREIGN_ORIGIN": StreamCode(
        403,
        "A page of another origin asked the observer.",
        "Open the observer's own page, or ask from a program, which sends no `Origin`.",
    ),
    "NO_JOURNAL": StreamCode(
        503,
        "The observer cannot read the journal.",
        "Start the gateway, or correct `gateway.directory`; `gateway verify DIRECTORY` names "
        "a fault.",
    ),
    "TOO_MANY_CLIENTS": StreamCode(
        503,
        "The observer has as many stream clients as it serves.",
        "Close an idle client; an observer serves 256.",
    ),
    "BUSY": StreamCode(
        503,
        "As many questions about the past wait as the observer takes.",
        "Ask again when one of your own was answered; questions are taken one at a time.",
    ),
}

# Words of gateway/commands/codes.py and of the refusals, as the observer answers them.
PAST_STATUS = {
    "BAD_VALUE": 400,
    "NOT_PERMITTED": 403,
    "OUT_OF_RANGE": 404,
    "UNKNOWN_ORDER": 404,
    "AMBIGUOUS_ORDER": 409,
    "BAD_JOURNAL": 500,
    "BAD_ARCHIVE": 500,
    "MISSING_EXTRA": 501,
    "ARCHIVE_BUSY": 503,
    "TOO_LONG": 503,
    "TOO_LARGE": 503,
    "TAIL_TOO_LONG": 503,
}
