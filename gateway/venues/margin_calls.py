"""A venue's own margin calls: noted in the journal, counted and logged. Decides nothing."""

from __future__ import annotations

import logging

from gateway.api import MarginCallReport
from gateway.core.engine import Engine
from gateway.core.operations import Operation, OperationLog
from gateway.venues.health import VenueHealth

__all__ = ["MarginCalls"]

log = logging.getLogger(__name__)


class MarginCalls:
    """Of one venue, with a budget of notes of its own: 256 at once, 4 a second. Event-loop thread
    only."""

    def __init__(self, venue: str, engine: Engine, health: VenueHealth) -> None:
        self._venue, self._names, self._health = venue, engine.names, health
        self._operations = OperationLog(engine.native)

    def told(self, call: MarginCallReport) -> None:
        """Of an instrument nobody defined it is noted too, under the venue's spelling."""
        number = self._names.venue_instrument(self._venue, call.instrument)
        name = self._names.name("instrument", number) if number else call.instrument[:40]
        self._health.counters["margin_calls"] += 1
        self._operations.note(
            Operation.MARGIN_CALLED,
            actor=self._venue,
            subject=f"{call.account[:32]} {name} {call.leg}",
            detail=call.text,
            reason=call.margin_mode,
            is_report=True,
        )
        log.error(
            "%s: margin call: %s %s %s, %s: %.200s",
            *(self._venue, call.account, name, call.leg, call.margin_mode, call.text),
        )
