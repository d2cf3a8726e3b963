"""Door to the native FIX framer and codec: whole verified messages out of bytes, hot messages as
typed values, reports as bytes. All other messages are the session layer's, natively encoded too."""

from typing import TYPE_CHECKING

from gateway._core.fix import (
    FixCodec,
    FixFrame,
    FixFramer,
    FixRequest,
    decode_request,
    order_status,
)

if TYPE_CHECKING:
    from gateway._core.fix import EventName as EventName  # noqa: PLC0414

__all__ = [
    "FixCodec",
    "FixFrame",
    "FixFramer",
    "FixRequest",
    "decode_request",
    "order_status",
]
