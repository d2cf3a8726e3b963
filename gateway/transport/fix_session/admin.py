"""What a session says of its own accord, whole: composed for its version, numbered, stored, queued.

Never decides when; that is the session's. The fields are those of answers.py.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.transport.fix_session import answers
from gateway.transport.fix_session.application import BusinessReject
from gateway.transport.fix_session.gap import ResendWish
from gateway.transport.fix_session.message import Field, FixMessage
from gateway.transport.fix_session.outbound import Outbound
from gateway.transport.fix_session.settings import SessionSettings
from gateway.transport.fix_session.tags import MessageType, Tag
from gateway.transport.fix_session.validation import Fault

__all__ = ["AdminMessages"]


class AdminMessages:
    """Of one session; `out` is its way out."""

    def __init__(self, settings: SessionSettings, out: Outbound) -> None:
        self._settings, self._out = settings, out
        self._version = settings.identity.version

    def logon(
        self,
        expected: int,
        now_ns: int,
        *,
        is_reset: bool,
        heartbeat_s: int,
        complete: Callable[[dict[int, bytes], list[Field]], list[Field]],
    ) -> int:
        """Its number. `complete` adds what the application logs on with."""
        body = answers.logon_body(
            self._settings, expected, is_reset=is_reset, heartbeat_s=heartbeat_s
        )
        return self._out.send(MessageType.LOGON, body, now_ns, complete=complete)

    def logout(self, text: str, now_ns: int, session_status: int | None = None) -> None:
        body = answers.logout_body(text, session_status, self._version)
        self._out.send(MessageType.LOGOUT, body, now_ns)

    def heartbeat(self, now_ns: int) -> None:
        self._out.send(MessageType.HEARTBEAT, [], now_ns)

    def heartbeat_for(self, test_request: FixMessage, now_ns: int) -> None:
        """The answer to a TestRequest."""
        body = [(Tag.TEST_REQ_ID, test_request.echo(Tag.TEST_REQ_ID))]
        self._out.send(MessageType.HEARTBEAT, body, now_ns)

    def test_request(self, now_ns: int) -> None:
        self._out.send(MessageType.TEST_REQUEST, [(Tag.TEST_REQ_ID, b"TEST")], now_ns)

    def resend_request(self, wish: ResendWish, now_ns: int) -> None:
        body = answers.resend_body(wish, self._version)
        self._out.send(MessageType.RESEND_REQUEST, body, now_ns)

    def reject(self, message: FixMessage, fault: Fault, number: int, now_ns: int) -> None:
        """35=3 of the message that came with this number."""
        body = answers.session_reject(message, fault, number, self._settings)
        self._out.send(MessageType.REJECT, body, now_ns)

    def business_reject(
        self, message: FixMessage, answer: BusinessReject, number: int, now_ns: int
    ) -> None:
        """35=j, before FIX 4.2 35=3."""
        kind, body = answers.business_reject(message, answer, number, self._settings)
        self._out.send(kind, body, now_ns)
