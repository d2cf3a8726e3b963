"""Where a session is in its life, and what it says to an owner who asks too much of it."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["NotLoggedOn", "SessionState"]


class SessionState(StrEnum):
    """Where a session is in its life."""

    DISCONNECTED = "disconnected"
    CONNECTED = "connected"  # the acceptor waits for a Logon
    LOGON_SENT = "logon_sent"  # the initiator waits for the answer
    ACTIVE = "active"
    LOGGING_OUT = "logging_out"


class NotLoggedOn(Exception):
    """The message was not taken: no number was used, nothing was stored."""
