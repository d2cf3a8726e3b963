"""Door to the native FIX framer and codec: whole verified messages out of bytes, hot messages as
typed values, reports as bytes. Everything else of FIX goes by simplefix and the session layer."""

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
