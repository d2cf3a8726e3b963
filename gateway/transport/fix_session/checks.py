"""Questions about a single incoming message that need the settings and the clock, no state."""

from __future__ import annotations

from gateway.transport.fix_session.message import FixMessage, number_of
from gateway.transport.fix_session.reject_reason import RejectReason
from gateway.transport.fix_session.settings import SessionSettings
from gateway.transport.fix_session.tags import MessageType, Tag
from gateway.transport.fix_session.timestamps import parse_time
from gateway.transport.fix_session.validation import Fault

__all__ = [
    "ANY_TIME",
    "check_header",
    "check_logon_numbers",
    "check_logon_terms",
    "check_original_time",
    "is_new_period",
    "is_out_of_order",
    "is_reset_logon",
    "resend_range",
    "too_high",
]

_SECOND_NS = 1_000_000_000
# Kinds that a fault before them does not hold back.
ANY_TIME = frozenset((MessageType.RESEND_REQUEST, MessageType.LOGOUT))
_IDENTIFYING = (Tag.SENDER_COMP_ID, Tag.TARGET_COMP_ID, Tag.SENDING_TIME)


def check_header(message: FixMessage, settings: SessionSettings, now_ns: int) -> Fault | None:
    """Whether the message is from our peer, for us, and of now."""
    for tag in _IDENTIFYING:
        if message.get(tag) is None:
            return Fault(RejectReason.TAG_MISSING, tag)
    for tag in _IDENTIFYING:
        if not message.get(tag):
            return Fault(RejectReason.EMPTY_VALUE, tag)
    identity = settings.identity
    if (
        message.get(Tag.SENDER_COMP_ID) != identity.target_comp_id.encode()
        or message.get(Tag.TARGET_COMP_ID) != identity.sender_comp_id.encode()
    ):
        return Fault(RejectReason.COMP_ID)
    sent_ns = parse_time(message.get(Tag.SENDING_TIME) or b"")
    if sent_ns is None:
        return Fault(RejectReason.BAD_FORMAT, Tag.SENDING_TIME)
    limit_ns = int(settings.sending_time_max_s * _SECOND_NS)
    if limit_ns and abs(now_ns - sent_ns) > limit_ns:
        return Fault(RejectReason.SENDING_TIME)
    return None


def check_original_time(message: FixMessage) -> Fault | None:
    """A possible duplicate says when it was sent first, and that is not later than 52."""
    original = message.get(Tag.ORIG_SENDING_TIME)
    if original is None:
        return Fault(RejectReason.TAG_MISSING, Tag.ORIG_SENDING_TIME)
    original_ns = parse_time(original)
    if original_ns is None:
        reason = RejectReason.BAD_FORMAT if original else RejectReason.EMPTY_VALUE
        return Fault(reason, Tag.ORIG_SENDING_TIME)
    sent_ns = parse_time(message.get(Tag.SENDING_TIME) or b"")
    is_later = sent_ns is not None and original_ns > sent_ns
    return Fault(RejectReason.SENDING_TIME) if is_later else None


def check_logon_terms(
    logon: FixMessage, settings: SessionSettings, *, is_reset_ours: bool = False
) -> str | None:
    """What we cannot agree to, as the text of a Logout. The dictionary was checked before."""
    heartbeat = logon.get(Tag.HEART_BT_INT) or b""
    if heartbeat.startswith(b"-"):
        return "HeartBtInt must not be negative"
    seconds = number_of(heartbeat)
    if seconds is None or seconds > settings.heartbeat_s_max:
        return f"HeartBtInt must be at most {settings.heartbeat_s_max}"
    if heartbeat and seconds < settings.heartbeat_s_min:
        return f"HeartBtInt must be at least {settings.heartbeat_s_min}"
    # Whether it must be there is the dictionary's business: some venues leave it out.
    if logon.get(Tag.ENCRYPT_METHOD) not in {b"0", None}:
        return "EncryptMethod must be 0"
    version = logon.get(Tag.DEFAULT_APPL_VER_ID)
    if settings.identity.version == 50 and version != settings.default_appl_ver_id.encode():
        return f"DefaultApplVerID must be {settings.default_appl_ver_id}"
    if logon.is_set(Tag.RESET_SEQ_NUM_FLAG):
        if not settings.is_reset_accepted and not is_reset_ours:
            return "ResetSeqNumFlag is not accepted"
        if logon.number != 1:
            return "ResetSeqNumFlag needs MsgSeqNum 1"
    return None


def check_logon_numbers(number: int, wanted: int | None, expected: int, ours: int) -> str | None:
    """34 and 789 of a Logon against our two numbers, as the text of a Logout."""
    if number < expected:
        return f"MsgSeqNum too low, expecting {expected} but received {number}"
    if wanted is not None and wanted > ours:
        return (
            "Tag 789 (NextExpectedMsgSeqNum) is higher than expected. "
            f"Expected {ours}, Received {wanted}"
        )
    return None


def is_new_period(settings: SessionSettings, created_ns: int, now_ns: int) -> bool:
    """Whether numbers that began at `created_ns` are of an earlier period, and end with it."""
    is_same = settings.schedule.is_same_period(created_ns, now_ns)
    return settings.is_reset_at_start and not is_same


def too_high(number: int, expected: int) -> str:
    """The text of a Logout over a gap that the peer cannot fill."""
    return f"MsgSeqNum too high, expecting {expected} but received {number}"


def is_reset_logon(message: FixMessage) -> bool:
    """A Logon that begins the numbers anew, or answers one that did."""
    return message.message_type == MessageType.LOGON and message.is_set(Tag.RESET_SEQ_NUM_FLAG)


def is_out_of_order(message: FixMessage) -> bool:
    """Kinds that are answered whatever their number is."""
    kind = message.message_type
    is_plain_reset = kind == MessageType.SEQUENCE_RESET and not message.is_set(Tag.GAP_FILL_FLAG)
    return kind in ANY_TIME or is_plain_reset or is_reset_logon(message)


def resend_range(message: FixMessage, version: int, newest: int) -> tuple[int, int] | None:
    """First and last number a ResendRequest asks for, of those there are; None = not a range."""
    first = number_of(message.get(Tag.BEGIN_SEQ_NO)) or 0
    last = number_of(message.get(Tag.END_SEQ_NO)) or 0
    if first == 0 or (last and last < first):
        return None
    is_endless = last == 0 or last > newest or (version < 42 and last == 999999)
    return first, newest if is_endless else last
