"""Facts that an event reader made, straight into the venue port: what the session does for the same
fact in words, without the words. Whatever the native door does not take goes through the words.
"""

from __future__ import annotations

from gateway.api import AdapterPort
from gateway.core.fact_door import FactDoor, open_fact_door
from gateway.transport.venue_events import VenueFact, words_of
from gateway.venues.client_order_ids import ClientOrderIds
from gateway.venues.fact_lane import FactLane
from gateway.venues.in_flight import InFlight
from gateway.venues.inbound import ANSWERS

__all__ = ["FactEntry"]


class FactEntry:
    """`port` takes the words; nothing overtakes what waits in `lane`. Event-loop thread only."""

    def __init__(
        self, lane: FactLane, ids: ClientOrderIds, *, port: AdapterPort, in_flight: InFlight
    ) -> None:
        self._venue = lane.venue
        self._engine = lane.engine
        self._native = lane.native
        self._health = lane.health
        self._backlog = lane.waiting
        self._wake = lane.wake
        self._ids = ids
        self._port = port
        self._in_flight = in_flight
        self._waiting = in_flight.waiting
        self._open: set[str] = set()
        self._door: FactDoor | None = None  # made for the first fact

    def open(self, account: str) -> None:
        """Fills of the account may be told: none older is awaited."""
        self._open.add(account)
        if self._door is not None:
            self._door.open(account)

    def close(self) -> None:
        """Older fills of every account may be missing."""
        self._open.clear()
        if self._door is not None:
            self._door.close()

    def told(self, fact: VenueFact) -> None:
        """Equal to the call that words_of(fact) names."""
        order_id = 0 if self._backlog or self._door is None else self._door.take(fact)
        if order_id > 0:
            if self._waiting:
                self._in_flight.answered(order_id, "new")
        elif order_id < 0:
            kind = fact.kind
            self._in_flight.answered(-order_id, *ANSWERS[kind])  # type: ignore[index]
            self._health.outcomes[kind] += 1
            self._engine.words.keep(-order_id, fact.reason)
        else:
            self._in_words(fact)
            return
        self._wake()

    def _in_words(self, fact: VenueFact) -> None:
        self._health.counters["facts_in_words"] += 1
        name, values, named = words_of(fact)
        getattr(self._port, name)(*values, **named)
        self._learn(fact)

    def _learn(self, fact: VenueFact) -> None:
        """What the names in it are by now, for the next one."""
        names, door = self._engine.names, self._door or self._make_door()
        if account := names.find("account", fact.account):
            door.learn_account(fact.account, account)
        if instrument := names.venue_instrument(self._venue, fact.symbol):
            door.learn_instrument(fact.symbol, instrument)
        if currency := names.find("currency", fact.fee_currency):
            door.learn_currency(fact.fee_currency, currency)

    def _make_door(self) -> FactDoor:
        door = open_fact_door(self._native, self._engine.instance, self._ids.shape)
        self._engine.names.watch_symbols(door.forget_instruments)
        for account in self._open:
            door.open(account)
        self._door = door
        return door
