"""What stands behind a session: takes its messages, checks its logons, decides what is resent.

Called by the session, one call at a time, never from another thread. A call that raises ends the
connection: the message counts as not taken and the peer sends it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gateway.transport.fix_session.message import Field, FixMessage

if TYPE_CHECKING:
    from gateway.transport.fix_session.session import FixSession

__all__ = ["UNSUPPORTED", "BusinessReject", "FixApplication", "QuietApplication"]


@dataclass(frozen=True, slots=True)
class BusinessReject:
    """The answer 35=j. `reason` is 380: 0 other, 1 unknown id, 2 unknown security, 3 unsupported
    message, 4 application not available, 5 conditionally required field missing."""

    reason: int
    text: str
    reference_id: bytes = b""
    tag: int = 0  # the missing field, told in the text


UNSUPPORTED = BusinessReject(3, "Unsupported Message Type")


class FixApplication(Protocol):
    """Every method of `QuietApplication`; take that class and override what you need."""

    def check_logon(self, session: FixSession, logon: FixMessage) -> str | None:
        """Acceptor: None to let the peer in, else a neutral text for its Logout; "" closes the line
        without a word, so that no number is used or shown. Asked before anything else is answered;
        553, 554, 96 are in the message."""

    def fill_logon(
        self, session: FixSession, header: Mapping[int, bytes], body: list[Field]
    ) -> list[Field]:
        """Before our Logon is encoded: its header is final (34, 49, 52, 56), the body may be
        changed and signed."""

    def on_logon(self, session: FixSession) -> None: ...

    def on_logout(self, session: FixSession, reason: str) -> None:
        """The session is down, by agreement or not."""

    def on_message(
        self, session: FixSession, message: FixMessage, now_ns: int
    ) -> BusinessReject | None:
        """Take one application message, in order, each number once. After the return it counts as
        taken; None = accepted."""

    def on_reject(self, session: FixSession, message: FixMessage) -> None:
        """The peer rejected one of ours (35=3). Never answered."""

    def may_resend(self, session: FixSession, message: FixMessage, now_ns: int) -> bool:
        """False: this one is too old to be sent again; its number is filled."""

    def on_reset(self, session: FixSession) -> None:
        """Both numbers are 1 again: ids of the period before no longer bind."""


class QuietApplication:
    """Lets everybody in, takes nothing: the smallest application."""

    def check_logon(self, session: FixSession, logon: FixMessage) -> str | None:
        return None

    def fill_logon(
        self, session: FixSession, header: Mapping[int, bytes], body: list[Field]
    ) -> list[Field]:
        return body

    def on_logon(self, session: FixSession) -> None:
        return None

    def on_logout(self, session: FixSession, reason: str) -> None:
        return None

    def on_message(
        self, session: FixSession, message: FixMessage, now_ns: int
    ) -> BusinessReject | None:
        return UNSUPPORTED

    def on_reject(self, session: FixSession, message: FixMessage) -> None:
        return None

    def may_resend(self, session: FixSession, message: FixMessage, now_ns: int) -> bool:
        return True

    def on_reset(self, session: FixSession) -> None:
        return None
