"""The native engine's types for the rooms above core, which may not name gateway._core."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway._core.engine import ClientPort, Notice, VenuePort
    from gateway._core.engine import Engine as NativeEngine
    from gateway._core.engine import Outbound as OutboundEntry

__all__ = ["ClientPort", "NativeEngine", "Notice", "OutboundEntry", "VenuePort"]
