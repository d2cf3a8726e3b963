"""What a quarantine writes into the journal of a reduction that it halts over and gives back: whose
it was. Written by the live row, read by whoever must not lift what is another's."""

from __future__ import annotations

import hashlib
import re

__all__ = ["QUARANTINE_ACTOR", "digest_of", "given_back", "is_given_back_to"]

QUARANTINE_ACTOR = "reconciliation"
_MARK = re.compile(r"(?:was reducing|its breaks are resolved) \(([0-9a-f]{8})\)")


def digest_of(actor: str) -> str:
    """A reason of the journal has no room for a name."""
    return hashlib.sha256(actor.encode()).hexdigest()[:8]


def given_back(reason: str) -> str:
    """The digest of who had reduced what a quarantine halted or gave back; "" = nobody had."""
    mark = _MARK.match(reason)
    return mark[1] if mark else ""


def is_given_back_to(reason: str, actor: str) -> bool:
    """Whether a state that a quarantine halted or gave back for this reason had been reduced by
    this actor."""
    return given_back(reason) == digest_of(actor)
