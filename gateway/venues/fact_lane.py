"""The way of facts into the engine. They are never dropped for lack of space: what the port's lane
does not take waits here in order. A fact that makes no sense is counted and logged, and goes no
further.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.api import RefusedError
from gateway.core.drive import Drive
from gateway.core.engine import Engine
from gateway.venues.health import VenueHealth

if TYPE_CHECKING:
    from gateway.core.native import VenuePort

__all__ = ["Delivery", "FactLane"]

log = logging.getLogger(__name__)

Delivery = Callable[[], bool]  # Writes one fact to the port; False = its lane is full, call again.
# Facts waiting beyond this are an alarm by name; they still wait, for a fact cannot be refused.
_BACKLOG_ALARM = 65_536


class FactLane:
    """Of one venue. `native` is its port, `waiting` what the port did not take yet. Event-loop
    thread only."""

    def __init__(
        self, venue: str, engine: Engine, native: VenuePort, *, drive: Drive, health: VenueHealth
    ) -> None:
        self.venue = venue
        self.engine = engine
        self.native = native
        self.health = health
        self.waiting: deque[Delivery] = deque()
        self._drive = drive

    def deliver(self, delivery: Delivery) -> bool:
        """Hand over, in order. False: the engine could not read it, and nothing was booked."""
        if not self.waiting:
            try:
                if delivery():
                    self._drive.soon()
                    return True
            except (ValueError, OverflowError, TypeError) as error:
                self.bad("fact", str(error))
                self._drive.soon()
                return False
        bad_before = self.health.counters["bad_facts"]
        self.waiting.append(delivery)
        self.flush()
        if len(self.waiting) == _BACKLOG_ALARM:
            log.error("%s: %d facts wait for the engine", self.venue, _BACKLOG_ALARM)
            self.health.counters["backlog_alarms"] += 1
        return self.health.counters["bad_facts"] == bad_before

    def flush(self) -> None:
        """Hand over what waited. Runs after each engine turn."""
        while self.waiting:
            try:
                if not self.waiting[0]():
                    self._drive.soon()
                    return
            except (ValueError, OverflowError, TypeError) as error:
                self.bad("fact", str(error))
            self.waiting.popleft()
            self._drive.soon()

    async def drain(self) -> None:
        """Return when every fact told so far has been applied."""
        await self._drive.settle()
        while self.waiting:
            self.flush()
            await self._drive.settle()

    def wake(self) -> None:
        """A fact was written to the port beside `deliver`: have it processed."""
        self._drive.soon()

    def instrument(self, venue_symbol: str) -> int:
        """Its id by the venue's spelling. RefusedError: nobody defined it."""
        number = self.engine.names.venue_instrument(self.venue, venue_symbol)
        if not number:
            raise RefusedError("UNKNOWN_INSTRUMENT", field="instrument", value=venue_symbol)
        return number

    def bad(self, what: str, why: str) -> None:
        """Count and log what could not be a fact."""
        self.health.counters["bad_facts"] += 1
        log.error("%s: %s refused: %.200s", self.venue, what, why)
