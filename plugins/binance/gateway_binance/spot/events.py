"""The user data of Binance Spot: each event becomes facts on the port. An event that cannot be read
is a lost fact, so it is raised, and the stream opens a gap; kinds nobody needs are passed over."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from gateway.api import VenueProtocolError
from gateway.transport import JsonReader, VenueFact
from gateway_binance.events import StreamGap
from gateway_binance.expectation import Expectation
from gateway_binance.memory import KnownOrder, OrderMemory
from gateway_binance.messages import EventHead
from gateway_binance.outcomes import Tell, order_ended
from gateway_binance.spot import translate
from gateway_binance.spot.event_table import order_reader
from gateway_binance.spot.messages import ExecutionReport
from gateway_binance.spot.names import Name, read_name
from gateway_binance.spot.questions import SpotQuestions
from gateway_binance.spot.sender import succeed
from gateway_binance.words import nanoseconds

__all__ = ["SpotEvents"]

log = logging.getLogger(__name__)

_KIND = "executionReport"
_HEAD = JsonReader(EventHead, "a user event", has_unique_keys=False)
_REPORT = JsonReader(ExecutionReport, "executionReport")


class SpotEvents:
    """Reads the events of one account, in order."""

    def __init__(
        self,
        account: str,
        memory: OrderMemory,
        questions: SpotQuestions,
        *,
        tell: Tell,
        on_gap: Callable[[str], None],
        follow_seconds_max: float = 5.0,
        told: Callable[[VenueFact], None] | None = None,
    ) -> None:
        """`told` takes what the native reader reads; without it every event is read in words."""
        self._account = account
        self._memory = memory
        self._questions = questions
        self._tell = tell
        self.counters: Counter[str] = Counter()
        self._expectation = Expectation(follow_seconds_max, self.counters, on_gap)
        self.expect = self._expectation.expect
        self.clear = self._expectation.clear
        self._told = told
        self._reader = order_reader(account)
        self._is_end = [each.state in ("FILLED", "EXPIRED") for each in self._reader.results]

    def take(self, data: bytes) -> None:
        """One event. Raises VenueProtocolError or StreamGap."""
        if self._told is not None and self._read_natively(data, self._told):
            return
        kind = _HEAD.read(data).kind
        self.counters[kind] += 1
        if kind == "executionReport":
            self._order(_REPORT.read(data))
        elif kind in ("eventStreamTerminated", "serverShutdown"):
            raise StreamGap(f"the venue ends the stream: {kind}")

    def counts(self) -> dict[str, int]:
        """Events by kind, and how they were read."""
        found = {**self.counters, **self._reader.counts()}
        found[_KIND] = self.counters[_KIND] + found["events_native"]
        return found

    def _read_natively(self, data: bytes, told: Callable[[VenueFact], None]) -> bool:
        """Whether the event is told: one of the working order of ours, under the name it has now.
        False has changed nothing that the ordinary way would not change too."""
        reader = self._reader
        result = reader.read(data)
        if not result:
            return False
        fact = reader.fact
        known = self._current(fact)
        if known is None:
            reader.decline()
            return False
        self._expectation.hear(known)
        fact.address(known.client_order_id, known.order_id)
        told(fact)
        if self._is_end[result - 1]:
            known.is_done = True
        return True

    def _current(self, fact: VenueFact) -> KnownOrder | None:
        """The order of ours that bears this name and this number at the venue, and works."""
        key, text = fact.venue_order_key, fact.client_order_id
        symbol, number = key
        known = self._memory.by_key(key)
        if known is None:
            known = self._memory.by_client(text, symbol)
            if known is None or known.generation:
                return None
            self._memory.link(known, number)
        name = Name(known.client_order_id, known.generation).wire
        is_called_so = name == text and known.venue_order_id == number
        is_the_one = self._memory.named(known.client_order_id) is known
        is_plain = known.order_id and not known.is_waiting
        return known if is_called_so and is_the_one and is_plain else None

    def _order(self, body: ExecutionReport) -> None:
        shown = read_name(body.client_order_id)
        name = read_name(body.original) if body.original else shown
        known = self._known(body, name)
        self._memory.symbols.add(body.symbol)
        if known is not None:
            self._expectation.hear(known)
            if self._is_of_the_past(body, known, name, shown):
                return
        elif shown.successor and body.execution != "TRADE":
            return  # it made room, perhaps before we came: what replaced it, or a question, tells
        if body.execution == "TRADE" and body.last_quantity.strip("0."):
            self._fill(body, known, name)
        elif known is None and self._memory.is_namesake(name.own, body.symbol):
            log.warning("an order on %s has the name of ours on another symbol", body.symbol)
        elif known is None or not known.order_id:
            own = known.client_order_id if known else name.own
            self._tell("order_seen", translate.event_report(self._account, body, own))
        else:
            self._fact(body, known)

    def _known(self, body: ExecutionReport, name: Name) -> KnownOrder | None:
        """The order of ours that this is; a replacement that is heard of first takes its place."""
        known = self._memory.by_venue_id(body.symbol, body.order_id)
        if known is not None:
            return known
        known = self._memory.by_client(name.own, body.symbol)
        if known is None or name.generation < known.generation:
            return known
        if name.generation == known.generation:
            self._memory.link(known, body.order_id)
        elif body.execution != "REJECTED":
            self._succeeded(body, known, name)
        return known

    def _succeeded(self, body: ExecutionReport, known: KnownOrder, name: Name) -> None:
        succeed(self._memory, known, name.generation, body.order_id)
        known.price, known.quantity = body.price, body.quantity
        if known.order_id:
            self._tell(
                "replaced",
                known.order_id,
                price=body.price,
                quantity=body.quantity,
                venue_order_id=str(body.order_id),
                venue_time_ns=nanoseconds(body.time),
            )

    def _is_of_the_past(
        self, body: ExecutionReport, known: KnownOrder, name: Name, shown: Name
    ) -> bool:
        """Whether this tells how an order made room for its replacement, or of the replacement that
        was refused: the order itself has not ended by it, or has ended as it says."""
        if body.execution == "TRADE":
            return False
        if body.execution == "REJECTED" and name.generation > known.generation:
            known.is_done = True
            if known.order_id:
                self._tell("canceled", known.order_id, "venue_decision", cumulative_quantity="0")
            return True
        return shown.successor > 0 or body.order_id != known.venue_order_id

    def _fill(self, body: ExecutionReport, known: KnownOrder | None, name: Name) -> None:
        """A fill is told whoever ordered it."""
        own = known.client_order_id if known else name.own
        if self._memory.is_namesake(own, body.symbol):
            own = ""  # somebody else's, under the name of an order of ours elsewhere
        if known is not None:
            self._triggered(body, known)
        quote = self._questions.quote(body.symbol)
        self._tell("filled", translate.event_fill(self._account, body, own, quote))
        if known is not None and body.status == "FILLED":
            known.is_done = True

    def _triggered(self, body: ExecutionReport, known: KnownOrder) -> bool:
        """A stop keeps its id: that it works is told by the first event that says so."""
        if not known.is_waiting or not (body.is_working or body.execution == "TRADE"):
            return False
        known.is_waiting = False
        if known.order_id:
            self._tell("triggered", known.order_id, venue_time_ns=nanoseconds(body.time))
        return True

    def _fact(self, body: ExecutionReport, known: KnownOrder) -> None:
        state = translate.state_of(body.status, body.type, is_working=body.is_working)
        stamp, number = nanoseconds(body.time), str(body.order_id)
        if state in ("canceled", "expired"):
            known.is_done, known.is_waiting = True, False
            order_ended(
                self._tell,
                known.order_id,
                body.status,
                cumulative=body.cumulative,
                number=number,
                stamp_ns=stamp,
            )
        elif state == "rejected":
            known.is_done = True
            self._tell("rejected", known.order_id, body.reason.lower(), venue_time_ns=stamp)
        elif body.execution == "REPLACED":
            known.price, known.quantity = body.price, body.quantity
            self._tell(
                "replaced",
                known.order_id,
                price=body.price,
                quantity=body.quantity,
                venue_order_id=number,
                venue_time_ns=stamp,
            )
        elif body.execution == "NEW":
            # Once when the venue took it, and again when a stop begins to work.
            is_untriggered = state == "untriggered"
            self._tell(
                "accepted",
                known.order_id,
                number,
                is_untriggered=is_untriggered or known.is_waiting,
                venue_time_ns=stamp,
            )
            if not is_untriggered:
                self._triggered(body, known)
        elif body.execution != "TRADE_PREVENTION":  # one that leaves the order working
            raise VenueProtocolError(f"unknown execution type {body.execution[:40]!r}")
