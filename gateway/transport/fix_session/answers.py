"""The fields of a Logon, a Logout, a Reject and a BusinessMessageReject, per version. Pure."""

from __future__ import annotations

from gateway.transport.fix_session.application import BusinessReject
from gateway.transport.fix_session.gap import ResendWish
from gateway.transport.fix_session.message import ECHO_BYTES_MAX, Field, FixMessage
from gateway.transport.fix_session.reject_reason import RejectReason
from gateway.transport.fix_session.settings import SessionSettings
from gateway.transport.fix_session.tags import REVERSED_ROUTE, MessageType, Tag
from gateway.transport.fix_session.validation import Fault

__all__ = ["business_reject", "logon_body", "logout_body", "resend_body", "session_reject"]


def logon_body(
    settings: SessionSettings, expected: int, *, is_reset: bool, heartbeat_s: int
) -> list[Field]:
    """35=A, asked or answered."""
    body: list[Field] = [(Tag.ENCRYPT_METHOD, b"0"), (Tag.HEART_BT_INT, b"%d" % heartbeat_s)]
    if is_reset:
        body.append((Tag.RESET_SEQ_NUM_FLAG, b"Y"))
    if settings.has_next_expected:
        body.append((Tag.NEXT_EXPECTED_MSG_SEQ_NUM, b"%d" % expected))
    if settings.identity.version == 50:
        body.append((Tag.DEFAULT_APPL_VER_ID, settings.default_appl_ver_id.encode()))
    return body


def resend_body(wish: ResendWish, version: int) -> list[Field]:
    """Of a ResendRequest. Without an end it is 0, and 999999 before FIX 4.2."""
    endless = b"999999" if version < 42 else b"0"
    last = endless if wish.last is None else b"%d" % wish.last
    return [(Tag.BEGIN_SEQ_NO, b"%d" % wish.first), (Tag.END_SEQ_NO, last)]


def logout_body(text: str, session_status: int | None, version: int) -> list[Field]:
    """35=5. 1409 came with FIX 5.0 SP2."""
    body: list[Field] = [(Tag.TEXT, text.encode())] if text else []
    if session_status is not None and version == 50:
        body.append((Tag.SESSION_STATUS, b"%d" % session_status))
    return body


def session_reject(
    message: FixMessage, fault: Fault, number: int, settings: SessionSettings
) -> list[Field]:
    """35=3. 371, 372 and 373 exist from 4.2 on, there with reasons up to 11."""
    version = settings.identity.version
    text = fault.text
    if version < 42 and fault.tag is not None:
        text = f"{text} ({fault.tag})"
    body: list[Field] = [(Tag.REF_SEQ_NUM, b"%d" % number), (Tag.TEXT, text.encode())]
    if version >= 42:
        if fault.tag is not None:
            body.append((Tag.REF_TAG_ID, b"%d" % fault.tag))
        if message.message_type:
            body.append((Tag.REF_MSG_TYPE, message.message_type[:ECHO_BYTES_MAX]))
        if version > 42 or fault.reason <= RejectReason.INVALID_TYPE:
            body.append((Tag.SESSION_REJECT_REASON, b"%d" % fault.reason))
    return [*_reversed_route(message), *body]


def business_reject(
    message: FixMessage, answer: BusinessReject, number: int, settings: SessionSettings
) -> tuple[bytes, list[Field]]:
    """(35, fields): j, or before 4.2, which has none, 3."""
    version = settings.identity.version
    text = f"{answer.text} ({answer.tag})" if answer.tag else answer.text
    if version < 42:
        text = text.capitalize() if answer.reason == 3 else text
        body: list[Field] = [(Tag.REF_SEQ_NUM, b"%d" % number), (Tag.TEXT, text.encode())]
        return MessageType.REJECT, [*_reversed_route(message), *body]
    body = [
        (Tag.REF_SEQ_NUM, b"%d" % number),
        (Tag.TEXT, text.encode()),
        (Tag.REF_MSG_TYPE, message.message_type),
        (Tag.BUSINESS_REJECT_REASON, b"%d" % answer.reason),
    ]
    if answer.reference_id:
        body.append((Tag.BUSINESS_REJECT_REF_ID, answer.reference_id[:ECHO_BYTES_MAX]))
    if version == 50 and settings.names_version_on_business_reject:
        body.append((Tag.DEFAULT_APPL_VER_ID, settings.default_appl_ver_id.encode()))
    return MessageType.BUSINESS_REJECT, [*_reversed_route(message), *body]


def _reversed_route(message: FixMessage) -> list[Field]:
    """The way back of a message that went through others; empty stations are left out."""
    pairs = ((back, message.echo(there)) for there, back in REVERSED_ROUTE)
    return [(tag, value) for tag, value in pairs if value]
