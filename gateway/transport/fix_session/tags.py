"""Numbers of the fields that the session layer itself reads or writes, and their fixed sets.

Application fields have no place here: their meaning belongs to whoever owns the application.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ADMIN_TYPES",
    "BODY_LENGTH_SIZED",
    "HEADER_TAGS",
    "REVERSED_ROUTE",
    "TRAILER_TAGS",
    "VOLATILE_TYPES",
    "MessageType",
    "Tag",
    "secret_tags",
]


class Tag:
    """Field numbers by the names of the standard."""

    BEGIN_SEQ_NO: Final = 7
    BEGIN_STRING: Final = 8
    END_SEQ_NO: Final = 16
    MSG_SEQ_NUM: Final = 34
    MSG_TYPE: Final = 35
    NEW_SEQ_NO: Final = 36
    POSS_DUP_FLAG: Final = 43
    REF_SEQ_NUM: Final = 45
    SENDER_COMP_ID: Final = 49
    SENDING_TIME: Final = 52
    TARGET_COMP_ID: Final = 56
    TEXT: Final = 58
    RAW_DATA: Final = 96
    ENCRYPT_METHOD: Final = 98
    HEART_BT_INT: Final = 108
    TEST_REQ_ID: Final = 112
    ORIG_SENDING_TIME: Final = 122
    GAP_FILL_FLAG: Final = 123
    RESET_SEQ_NUM_FLAG: Final = 141
    LAST_MSG_SEQ_NUM_PROCESSED: Final = 369
    REF_TAG_ID: Final = 371
    REF_MSG_TYPE: Final = 372
    SESSION_REJECT_REASON: Final = 373
    BUSINESS_REJECT_REF_ID: Final = 379
    BUSINESS_REJECT_REASON: Final = 380
    USERNAME: Final = 553
    PASSWORD: Final = 554
    NEXT_EXPECTED_MSG_SEQ_NUM: Final = 789
    NEW_PASSWORD: Final = 925
    DEFAULT_APPL_VER_ID: Final = 1137
    ENCRYPTED_PASSWORD: Final = 1402
    ENCRYPTED_NEW_PASSWORD: Final = 1404
    SESSION_STATUS: Final = 1409


class MessageType:
    """35 of what the session layer itself reads or writes."""

    HEARTBEAT: Final = b"0"
    TEST_REQUEST: Final = b"1"
    RESEND_REQUEST: Final = b"2"
    REJECT: Final = b"3"
    SEQUENCE_RESET: Final = b"4"
    LOGOUT: Final = b"5"
    LOGON: Final = b"A"
    BUSINESS_REJECT: Final = b"j"


ADMIN_TYPES: Final = frozenset((
    MessageType.HEARTBEAT, MessageType.TEST_REQUEST, MessageType.RESEND_REQUEST,
    MessageType.REJECT, MessageType.SEQUENCE_RESET, MessageType.LOGOUT, MessageType.LOGON,
))  # fmt: skip

# Fields of the standard header, those of its one group (HopCompID) among them.
HEADER_TAGS: Final = frozenset((
    8, 9, 34, 35, 43, 49, 50, 52, 56, 57, 90, 91, 97, 115, 116, 122, 128, 129, 142, 143, 144, 145,
    212, 213, 347, 369, 370, 627, 628, 629, 630, 1128, 1129, 1156,
))  # fmt: skip
TRAILER_TAGS: Final = frozenset((10, 89, 93))

# What a Reject puts where: the sender of the offender becomes the receiver of the answer.
REVERSED_ROUTE: Final = ((115, 128), (116, 129), (144, 145), (128, 115), (129, 116), (145, 144))

_PASSWORD_TAGS: Final = frozenset((
    Tag.PASSWORD, Tag.NEW_PASSWORD, Tag.ENCRYPTED_PASSWORD, Tag.ENCRYPTED_NEW_PASSWORD,
))  # fmt: skip
# Of a Logon also who it is for, often the key of an interface, and what signs it.
_LOGON_SECRET_TAGS: Final = _PASSWORD_TAGS | {Tag.RAW_DATA, Tag.USERNAME}

# Length field -> the data field whose bytes it counts.
BODY_LENGTH_SIZED: Final = {
    90: 91, 93: 89, 95: 96, 212: 213, 348: 349, 350: 351, 352: 353, 354: 355, 356: 357, 358: 359,
    360: 361, 362: 363, 364: 365, 445: 446, 618: 619, 621: 622, 1401: 1402, 1403: 1404,
}  # fmt: skip


# Prices: of no use to a peer that comes later, and too many to be kept.
VOLATILE_TYPES: Final = frozenset((b"W", b"X"))


def secret_tags(message_type: bytes) -> frozenset[int]:
    """Fields of a message that no store may hold: the one list of journal, files and logs. Logs
    hide those of a Logon in every message."""
    return _LOGON_SECRET_TAGS if message_type == MessageType.LOGON else _PASSWORD_TAGS
