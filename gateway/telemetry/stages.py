"""The stages that Python records: all of them on the event loop, which alone may write them."""

from __future__ import annotations

from gateway._core.telemetry import STAGES, Measurement

__all__ = ["LOOP_LAG", "REST", "SUBMIT", "VENUE_ROUND_TRIP", "WEBSOCKET", "Measurement"]

SUBMIT: int = STAGES["submit"]
LOOP_LAG: int = STAGES["loop_lag"]
REST: int = STAGES["rest"]
WEBSOCKET: int = STAGES["websocket"]
VENUE_ROUND_TRIP: int = STAGES["venue_round_trip"]
