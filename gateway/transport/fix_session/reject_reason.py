"""SessionRejectReason (373) by name, each with the text that stands in 58. FIX 4.4, volume 2."""

from __future__ import annotations

from enum import IntEnum
from typing import Self

__all__ = ["RejectReason"]


class RejectReason(IntEnum):
    """Why a message is rejected."""

    text: str

    def __new__(cls, number: int, text: str) -> Self:
        reason = int.__new__(cls, number)
        reason._value_ = number
        reason.text = text
        return reason

    INVALID_TAG = 0, "Invalid tag number"
    TAG_MISSING = 1, "Required tag missing"
    FOREIGN_TAG = 2, "Tag not defined for this message type"
    EMPTY_VALUE = 4, "Tag specified without a value"
    BAD_VALUE = 5, "Value is incorrect (out of range) for this tag"
    BAD_FORMAT = 6, "Incorrect data format for value"
    COMP_ID = 9, "CompID problem"
    SENDING_TIME = 10, "SendingTime accuracy problem"
    INVALID_TYPE = 11, "Invalid MsgType"
    REPEATED_TAG = 13, "Tag appears more than once"
    TAG_ORDER = 14, "Tag specified out of required order"
    GROUP_ORDER = 15, "Out of order repeating group members"
    GROUP_COUNT = 16, "Incorrect NumInGroup count for repeating group"
