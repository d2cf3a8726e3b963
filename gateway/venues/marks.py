"""Reference prices of one venue on their way into the engine. Volatile: the newest replaces what
could not be taken, so nothing of them ever waits for space."""

from __future__ import annotations

from gateway.api import MarkReport
from gateway.venues.fact_lane import FactLane

__all__ = ["Marks"]

# Names kept to complain once about each; beyond, every mark of an unknown one is complained about.
_UNKNOWN_MAX = 1_024


class Marks:
    """Event-loop thread only."""

    def __init__(self, lane: FactLane) -> None:
        self._lane = lane
        self._is_defined = False  # the venue has named its instruments
        self._early: dict[str, MarkReport] = {}  # the newest of each, told before that
        self._unknown: set[str] = set()

    def told(self, mark: MarkReport) -> None:
        """Straight to the port, past what waits: it contradicts no fact."""
        lane = self._lane
        instrument = lane.engine.names.venue_instrument(lane.venue, mark.instrument)
        if not instrument:
            self._unknown_mark(mark)
            return
        prices = (mark.mark or "", mark.bid or "", mark.ask or "", mark.last or "")
        try:
            taken = lane.native.marked(instrument, *prices)
        except ValueError as error:
            lane.bad("mark", str(error))
            return
        lane.health.counters["marks" if taken else "marks_conflated"] += 1
        lane.wake()

    def defined(self) -> None:
        """The venue's instruments are known: what was told of them before is taken now, for a
        quiet market does not repeat it."""
        self._is_defined = True
        early, self._early = self._early, {}
        for mark in early.values():
            if self._lane.engine.names.venue_instrument(self._lane.venue, mark.instrument):
                self.told(mark)

    def _unknown_mark(self, mark: MarkReport) -> None:
        """A stream speaks before instruments are defined; later it is a fault, said once each."""
        symbol = mark.instrument
        self._lane.health.counters["marks_unknown"] += 1
        if not self._is_defined:
            if symbol in self._early or len(self._early) < _UNKNOWN_MAX:
                self._early[symbol] = mark
        elif symbol not in self._unknown:
            if len(self._unknown) < _UNKNOWN_MAX:
                self._unknown.add(symbol)
            self._lane.bad("mark", f"unknown instrument {symbol!r:.64}")
