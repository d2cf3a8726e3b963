"""The port an adapter talks to: names become ids, words become numbers, facts enter the engine.

Here: what is told of orders, and when facts may be missing. Fills, money, prices and collateral
have a file each; the lane they all share loses nothing and keeps their order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.api import Capabilities, FillReport, OrderReport, RefusedError
from gateway.core.drive import Drive
from gateway.core.engine import Engine
from gateway.core.vocabulary import EVIDENCE, FACT_REASONS, VenueSessionState, fact_reason
from gateway.venues.cash_flows import CashFlows
from gateway.venues.client_order_ids import ClientOrderIds
from gateway.venues.collateral import Collaterals
from gateway.venues.fact_entry import FactEntry
from gateway.venues.fact_lane import FactLane
from gateway.venues.fills import Fills
from gateway.venues.forced_closes import ForcedCloses
from gateway.venues.health import VenueHealth, VenueStateName
from gateway.venues.in_flight import InFlight, RequestKind
from gateway.venues.inbound import Fact, facts_of_report
from gateway.venues.margin_calls import MarginCalls
from gateway.venues.marks import Marks

if TYPE_CHECKING:
    from gateway.core.native import VenuePort

__all__ = ["VenueSession"]

log = logging.getLogger(__name__)

_TEXT_MAX = 32
_UNKNOWN_REASON = {
    "cancel": FACT_REASONS["unknown_outcome_cancel"],
    "replace": FACT_REASONS["unknown_outcome_replace"],
}


class VenueSession:
    """Implements gateway.api.AdapterPort for one venue. Event-loop thread only."""

    def __init__(
        self,
        venue: str,
        engine: Engine,
        native: VenuePort,
        *,
        drive: Drive,
        manifest: Capabilities,
        health: VenueHealth,
    ) -> None:
        self.venue = venue
        self.engine = engine
        self.manifest = manifest
        self.health = health
        self.in_flight = InFlight()
        self.ids = ClientOrderIds(
            engine.instance,
            length_max=manifest.client_order_id_length_max,
            pattern=manifest.client_order_id_pattern,
        )
        self.on_gap_closed: Callable[[], None] = lambda: None
        self.on_instruments_changed: Callable[[], None] = lambda: None
        self.gaps = 0
        self.is_gap_open = False
        self._native = native
        self._lane = lane = FactLane(venue, engine, native, drive=drive, health=health)
        self.flush, self.drain = lane.flush, lane.drain
        self.forced_closes = ForcedCloses(venue, engine, health)
        # Methods of AdapterPort that stand in files of their own: fills.py, cash_flows.py,
        # marks.py, collateral.py, margin_calls.py.
        self._fills = fills = Fills(
            lane,
            self.in_flight,
            self.forced_closes,
            order_id_of=self.order_id_of,
            ask_again=self._ask_again,
        )
        self.filled, self.fill_reported = fills.told, fills.reported
        self.fill_busted, self.fill_corrected = fills.busted, fills.corrected
        cash = CashFlows(lane, ask_again=self._ask_again)
        self.funded, self.funding_reported = cash.funded, cash.funding_reported
        self.interest_reported, self.opening_balance = cash.interest_reported, cash.opening_balance
        marks = Marks(lane)
        self.marked, self.defined = marks.told, marks.defined
        self.collaterals = Collaterals(lane)
        self.position_seen = self.collaterals.seen
        self.margin_called = MarginCalls(venue, engine, health).told
        self._entry = FactEntry(lane, self.ids, port=self, in_flight=self.in_flight)
        self.told = self._entry.told  # facts of event readers

    def epoch(self) -> int:
        """Of the gateway now: an adapter sends nothing that an earlier one decided."""
        return self.engine.native.epoch

    # What adapters call.

    def accepted(
        self,
        order_id: int,
        venue_order_id: str,
        *,
        is_untriggered: bool = False,
        venue_time_ns: int = 0,
        venue_sequence: int = 0,
    ) -> None:
        """The order works at the venue."""
        self.tell(
            Fact(
                "accepted",
                order_id,
                venue_order_id=venue_order_id,
                is_untriggered=is_untriggered,
                venue_time_ns=venue_time_ns,
                venue_sequence=venue_sequence,
            )
        )

    def rejected(self, order_id: int, reason: str, *, venue_time_ns: int = 0) -> None:
        """The venue refused the order: final."""
        self.tell(Fact("rejected", order_id, reason=reason, venue_time_ns=venue_time_ns))

    def not_sent(self, order_id: int, reason: str) -> None:
        """Proof that the order never left."""
        self.tell(Fact("not_sent", order_id, reason=reason), EVIDENCE["gateway"])

    def unknown(self, order_id: int, reason: str, *, request: RequestKind | None = None) -> None:
        """What is in flight for this order has no known outcome. A doubt about a request that has
        its answer already is none."""
        if request is not None and not self.in_flight.holds(order_id, request):
            return
        kind = request or self.in_flight.of_order(order_id)
        self.unknown_request(order_id, kind, reason)

    def unknown_request(self, order_id: int, kind: RequestKind | None, reason: str) -> None:
        """The request of this kind has no known outcome; kind None asks the order itself."""
        if kind is None:
            row = self.engine.order(order_id)
            pending = str(row["pending"]) if row else ""
            kind = "cancel" if "cancel" in pending else "replace" if pending else "new"
        number = _UNKNOWN_REASON.get(kind, fact_reason(reason))
        self.in_flight.answered(order_id, kind)
        self.health.counters["unknown_outcomes"] += 1
        self.health.outcomes[f"unknown_{kind}"] += 1
        log.warning("%s: outcome of %s of order %d unknown: %s", self.venue, kind, order_id, reason)
        self._lane.deliver(lambda: self._native.unknown(order_id, number, reason[:_TEXT_MAX]))

    def triggered(self, order_id: int, *, venue_time_ns: int = 0) -> None:
        """A stop became a working order."""
        self.tell(Fact("triggered", order_id, venue_time_ns=venue_time_ns))

    def canceled(
        self,
        order_id: int,
        reason: str,
        *,
        cumulative_quantity: str | None = None,
        venue_time_ns: int = 0,
        venue_sequence: int = 0,
        venue_order_id: str = "",
    ) -> None:
        """The rest of the order is gone."""
        self.tell(
            Fact(
                "canceled",
                order_id,
                reason=reason,
                cumulative_quantity=cumulative_quantity or "",
                venue_time_ns=venue_time_ns,
                venue_sequence=venue_sequence,
                venue_order_id=venue_order_id,
            )
        )

    def expired(
        self,
        order_id: int,
        reason: str,
        *,
        cumulative_quantity: str | None = None,
        venue_time_ns: int = 0,
        venue_sequence: int = 0,
        venue_order_id: str = "",
    ) -> None:
        """The order ended by its time in force."""
        self.tell(
            Fact(
                "expired",
                order_id,
                reason=reason,
                cumulative_quantity=cumulative_quantity or "",
                venue_time_ns=venue_time_ns,
                venue_sequence=venue_sequence,
                venue_order_id=venue_order_id,
            )
        )

    def replaced(
        self,
        order_id: int,
        *,
        price: str | None,
        quantity: str,
        venue_order_id: str,
        venue_time_ns: int = 0,
        venue_sequence: int = 0,
    ) -> None:
        """Price and total quantity now in force."""
        self.tell(
            Fact(
                "replaced",
                order_id,
                price=price or "",
                quantity=quantity,
                venue_order_id=venue_order_id,
                venue_time_ns=venue_time_ns,
                venue_sequence=venue_sequence,
            )
        )

    def cancel_rejected(self, order_id: int, reason: str) -> None:
        """The cancel failed; the order is what it was."""
        self.tell(Fact("cancel_rejected", order_id, reason=reason))

    def replace_rejected(self, order_id: int, reason: str) -> None:
        """The replace failed; the order is what it was."""
        self.tell(Fact("replace_rejected", order_id, reason=reason))

    def order_seen(self, report: OrderReport) -> None:
        """The venue's view of one order, from its stream."""
        order_id = self.order_id_of(report)
        row = self.engine.order(order_id) if order_id else None
        if row is None:
            self.health.counters["foreign_order_reports"] += 1
            return
        for fact in facts_of_report(order_id, row, report):
            self.tell(fact)

    def instruments_changed(self) -> None:
        """The venue listed, changed or halted something: instruments are asked for again, and
        nothing that is in flight is touched."""
        self.health.counters["instrument_changes"] += 1
        self.on_instruments_changed()

    def maintenance(self, until_ns: int | None, reason: str) -> None:
        """No new orders until `gap_closed`; cancels are still handed over."""
        self.health.counters["maintenances"] += self.health.maintenance is None
        self.health.maintenance = {"until_ns": until_ns, "reason": reason[:200]}
        self.gap_opened(f"maintenance: {reason}")

    def gap_opened(self, reason: str) -> None:
        """Facts may be missing from now on; new orders stop."""
        log.warning("%s: gap opened: %s", self.venue, reason)
        self.health.counters["gaps"] += 1
        self.gaps += 1
        self.is_gap_open = True
        self._fills.gap_opened()
        self._entry.close()
        word: VenueStateName = "maintenance" if self.health.maintenance else "connecting"
        self.health.set(word, reason, self.engine.now_ns())
        self.state(VenueSessionState.GAP_OPEN, reason)

    def gap_closed(self) -> None:
        """Connected again: reconcile, then orders may flow. It ends a maintenance too."""
        self.is_gap_open = False
        self.health.maintenance = None
        self.on_gap_closed()

    # What the runtime calls.

    def connecting(self) -> None:
        """A connect begins: a gap that a failed one opened is not owed an end any more."""
        self.is_gap_open = False
        self.health.maintenance = None

    def tell(self, fact: Fact, evidence: int = EVIDENCE["stream"]) -> None:
        """Put one fact about an order on the port; whatever it answers is no longer in flight."""
        self.in_flight.answered(fact.order_id, *fact.answers())
        self.health.outcomes[fact.kind] += 1
        if fact.kind == "rejected":
            self.health.rejected(fact.reason)
        self.engine.words.keep(fact.order_id, fact.reason)
        self._lane.deliver(lambda: fact.put(self._native, evidence))

    def state(self, state: VenueSessionState, text: str) -> None:
        """Tell the engine whether new orders may flow."""
        self._lane.deliver(lambda: self._native.session(int(state), text[:40]))

    def caught_up(self, account: str, gaps: int) -> None:
        """The account's fills have been asked for, after gap number `gaps`: what came over the
        stream meanwhile follows now. After a newer gap it goes on waiting."""
        if gaps != self.gaps:
            return
        self._entry.open(account)
        self._fills.caught_up(account)

    def adopt(self, report: OrderReport) -> None:
        """Take in an order found at the venue that the journal does not hold."""
        names = self.engine.names
        try:
            fact = Fact.adoption(
                report,
                account=names.id("account", report.account),
                instrument=self._lane.instrument(report.instrument),
                is_ours=bool(self.ids.decode(report.client_order_id)),
            )
        except (RefusedError, KeyError) as error:
            self._lane.bad("adopted order", str(error))
            return
        self.health.counters["adopted_orders"] += 1
        self._lane.deliver(lambda: fact.put(self._native, EVIDENCE["query"]))

    def order_id_of(self, report: OrderReport | FillReport) -> int:
        """Our order behind the venue's two ids, 0 when it is not ours and not adopted. Some venues
        count their orders per instrument, so their id alone names none."""
        order_id = self.ids.decode(report.client_order_id)
        account = self.engine.names.find("account", report.account)
        instrument = self.engine.names.venue_instrument(self.venue, report.instrument)
        found = 0
        if account and instrument and report.venue_order_id:
            found = self.engine.native.order_by_venue_id(account, instrument, report.venue_order_id)
        # Both ids name it: it is there, and no row has to be made to see that.
        if order_id and (order_id == found or self.engine.order(order_id) is not None):
            return order_id
        return found

    def _ask_again(self, reason: str) -> None:
        """Reconciliation is to ask for it; a gap that stands ends with one anyway."""
        if not self.is_gap_open:
            self.gap_opened(reason)
            self.gap_closed()
