"""The port an adapter talks to: names become ids, words become numbers, facts enter the engine.

Facts are never dropped for lack of space: what the lane does not take waits here in order. A fact
that makes no sense is counted and logged, and never reaches the engine.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

from gateway.api import (
    BorrowReport,
    Capabilities,
    FillReport,
    FundingReport,
    MarkReport,
    OrderReport,
    RefusedError,
)
from gateway.core.drive import Drive
from gateway.core.engine import Engine
from gateway.core.vocabulary import (
    EVIDENCE,
    FACT_REASONS,
    LEGS,
    LIQUIDITIES,
    SIDES,
    VenueSessionState,
    fact_reason,
)
from gateway.venues.client_order_ids import ClientOrderIds
from gateway.venues.collateral import Collaterals
from gateway.venues.fact_entry import FactEntry
from gateway.venues.forced_closes import ForcedCloses
from gateway.venues.health import VenueHealth, VenueStateName
from gateway.venues.in_flight import InFlight, RequestKind
from gateway.venues.inbound import Fact, facts_of_report
from gateway.venues.margin_calls import MarginCalls

if TYPE_CHECKING:
    from gateway.core.native import VenuePort

__all__ = ["VenueSession"]

log = logging.getLogger(__name__)

Delivery = Callable[[], bool]
_TEXT_MAX = 32
# Facts waiting beyond this are an alarm by name; they still wait, for a fact cannot be refused.
_BACKLOG_ALARM = 65_536
# A reconciliation lasts seconds; more fills than this in that time would be a venue gone mad.
_HELD_MAX = 65_536
# Names kept to complain once about each; beyond, every mark of an unknown one is complained about.
_UNKNOWN_MARKS_MAX = 1_024
_UNKNOWN_REASON = {
    "cancel": FACT_REASONS["unknown_outcome_cancel"],
    "replace": FACT_REASONS["unknown_outcome_replace"],
}

# Why a balance changed, as the journal says it; 0 = the opening balance.
_INTEREST = 1
_REFERENCE_MAX = 40


def interest_reference(currency: str, reference: str) -> str:
    """The journal knows a balance change by account and reference, a venue by the currency too."""
    text = f"interest:{currency}:{reference}"
    if len(text.encode()) <= _REFERENCE_MAX:
        return text
    return "interest#" + hashlib.sha256(text.encode()).hexdigest()[:31]


class HeldFill(NamedTuple):
    """A fill, a correction or a bust of the stream that waits for older fills."""

    fill: FillReport
    revision: int | None = None
    is_bust: bool = False


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
        self._native = native
        self._drive = drive
        self._backlog: deque[Delivery] = deque()
        self.gaps = 0
        self.is_gap_open = False
        # Fills of accounts whose older fills have not been asked for since the last gap wait in
        # _held: average cost depends on their order. The query brings the older ones first.
        self._caught_up: set[str] = set()
        self._held: deque[HeldFill] = deque()
        self.forced_closes = ForcedCloses(venue, engine, health)
        self._entry = FactEntry(
            *(venue, engine, native, self.ids),
            port=self,
            backlog=self._backlog,
            in_flight=self.in_flight,
            health=health,
            drive=drive,
        )
        self.told = self._entry.told  # facts of event readers
        self.collaterals = Collaterals(venue, engine, native, deliver=self._deliver, bad=self._bad)
        self.position_seen = self.collaterals.seen
        self.margin_called = MarginCalls(venue, engine, health).told
        self.is_defined = False  # the venue has named its instruments
        self._early_marks: dict[str, MarkReport] = {}  # the newest of each, told before that
        self._unknown_marks: set[str] = set()

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
        self._deliver(lambda: self._native.unknown(order_id, number, reason[:_TEXT_MAX]))

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

    def filled(self, fill: FillReport) -> None:
        """A fill, ours or external. One that names something unknown is not lost:
        reconciliation refreshes instruments and asks for fills again."""
        if self._holds(HeldFill(fill)):
            return
        if not fill.trade_id:  # the engine keeps it as an anomaly, and books nothing
            self._bad("fill", f"no trade id: {fill.instrument} {fill.venue_order_id}")
        if not self._fill(fill, None):
            self._ask_again("a fill names something unknown or cannot be read")

    def fill_busted(self, fill: FillReport, revision: int) -> None:
        """An earlier fill (same key) never happened."""
        if not self._holds(HeldFill(fill, revision, is_bust=True)):
            self._fill(fill, revision, is_bust=True)

    def fill_corrected(self, fill: FillReport, revision: int) -> None:
        """An earlier fill (same key) happened with these numbers instead."""
        if not self._holds(HeldFill(fill, revision)):
            self._fill(fill, revision)

    def order_seen(self, report: OrderReport) -> None:
        """The venue's view of one order, from its stream."""
        order_id = self.order_id_of(report)
        row = self.engine.order(order_id) if order_id else None
        if row is None:
            self.health.counters["foreign_order_reports"] += 1
            return
        for fact in facts_of_report(order_id, row, report):
            self.tell(fact)

    def marked(self, mark: MarkReport) -> None:
        """Reference prices. Volatile, so the newest replaces what could not be taken."""
        instrument = self.engine.names.venue_instrument(self.venue, mark.instrument)
        if not instrument:
            self._unknown_mark(mark)
            return
        prices = (mark.mark or "", mark.bid or "", mark.ask or "", mark.last or "")
        try:
            taken = self._native.marked(instrument, *prices)
        except ValueError as error:
            self._bad("mark", str(error))
            return
        self.health.counters["marks" if taken else "marks_conflated"] += 1
        self._drive.soon()

    def funded(self, funding: FundingReport) -> None:
        """A funding payment. One that names something unknown is asked for again later."""
        if not funding.reference:
            self._bad("funding", f"no reference: {funding.account} {funding.instrument}")
        elif not self._fund(funding):
            self._ask_again("a funding payment names something unknown or cannot be read")

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
        self._caught_up.clear()
        self._entry.close()
        word: VenueStateName = "maintenance" if self.health.maintenance else "connecting"
        self.health.set(word, reason, self.engine.now_ns())
        self.state(VenueSessionState.GAP_OPEN, reason)

    def _ask_again(self, reason: str) -> None:
        """Reconciliation is to ask for it; a gap that stands ends with one anyway."""
        if not self.is_gap_open:
            self.gap_opened(reason)
            self.gap_closed()

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
        self._deliver(lambda: fact.put(self._native, evidence))

    def state(self, state: VenueSessionState, text: str) -> None:
        """Tell the engine whether new orders may flow."""
        self._deliver(lambda: self._native.session(int(state), text[:40]))

    def fill_reported(self, fill: FillReport) -> bool:
        """A fill from a query; False when it names something unknown or has no trade id."""
        if not fill.trade_id:
            self._bad("fill", f"no trade id: {fill.instrument} {fill.venue_order_id}")
            return False
        return self._fill(fill, None)

    def funding_reported(self, funding: FundingReport) -> bool:
        """A payment from a query; False when it names something unknown and was not booked."""
        if not funding.reference:
            self._bad("funding", f"no reference: {funding.account} {funding.instrument}")
            return False
        return self._fund(funding)

    def interest_reported(self, interest: BorrowReport) -> bool:
        """Borrow interest from a query, once by its reference; False when it was not booked."""
        number = self.engine.names.find("account", interest.account)
        if not interest.reference or not number:
            self._bad("interest", f"{interest.account!r:.40} {interest.reference!r:.60}")
            return False
        try:
            amount = -Decimal(interest.amount)
            code = self.engine.define_currency(interest.currency)
        except (InvalidOperation, RefusedError) as error:
            self._bad("interest", f"{interest.reference}: {interest.amount!r:.40}: {error!r}")
            return False
        if not amount.is_finite():
            self._bad("interest", f"{interest.reference}: {interest.amount!r:.40}")
            return False
        reference = interest_reference(interest.currency, interest.reference)
        text = format(amount, "f")
        if not amount:
            return True
        return self._deliver(lambda: self._native.balance(number, code, text, _INTEREST, reference))

    def caught_up(self, account: str, gaps: int) -> None:
        """The account's fills have been asked for, after gap number `gaps`: what came over the
        stream meanwhile follows now. After a newer gap it goes on waiting."""
        if gaps != self.gaps:
            return
        self._caught_up.add(account)
        self._entry.open(account)
        waiting, self._held = self._held, deque()
        for held in waiting:
            if held.revision is None:
                self.filled(held.fill)
            elif held.is_bust:
                self.fill_busted(held.fill, held.revision)
            else:
                self.fill_corrected(held.fill, held.revision)

    def adopt(self, report: OrderReport) -> None:
        """Take in an order found at the venue that the journal does not hold."""
        names = self.engine.names
        try:
            fact = Fact.adoption(
                report,
                account=names.id("account", report.account),
                instrument=self._instrument(report.instrument),
                is_ours=bool(self.ids.decode(report.client_order_id)),
            )
        except (RefusedError, KeyError) as error:
            self._bad("adopted order", str(error))
            return
        self.health.counters["adopted_orders"] += 1
        self._deliver(lambda: fact.put(self._native, EVIDENCE["query"]))

    def opening_balance(self, account: str, currency: str, amount: str) -> None:
        """Book the venue's opening balance once per (account, currency)."""
        number = self.engine.names.id("account", account)
        code = self.engine.define_currency(currency)
        reference = f"opening:{currency}"
        self._deliver(lambda: self._native.balance(number, code, amount, 0, reference))

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

    def flush(self) -> None:
        """Hand over what waited. Runs after each engine turn."""
        while self._backlog:
            try:
                if not self._backlog[0]():
                    self._drive.soon()
                    return
            except (ValueError, OverflowError, TypeError) as error:
                self._bad("fact", str(error))
            self._backlog.popleft()
            self._drive.soon()

    async def drain(self) -> None:
        """Return when every fact told so far has been applied."""
        await self._drive.settle()
        while self._backlog:
            self.flush()
            await self._drive.settle()

    def _fund(self, funding: FundingReport) -> bool:
        """Hand over; the engine books a reference once, whoever told it and however often."""
        try:
            account = self.engine.names.id("account", funding.account)
            instrument = self._instrument(funding.instrument)
            currency = self.engine.define_currency(funding.currency)
            leg = LEGS[funding.leg]
        except (RefusedError, KeyError) as error:
            self._bad("funding", str(error))
            return False
        head = (account, instrument, leg, currency, funding.amount, funding.rate)
        tail = (funding.reference, funding.venue_time_ns)
        return self._deliver(lambda: self._native.funding(*head, *tail))

    def _fill(self, fill: FillReport, revision: int | None, *, is_bust: bool = False) -> bool:
        try:
            account = self.engine.names.id("account", fill.account)
            instrument = self._instrument(fill.instrument)
            side, leg = SIDES[fill.side], LEGS[fill.leg]
            liquidity = LIQUIDITIES[fill.liquidity]
            fee_currency = self.engine.define_currency(fill.fee_currency)
        except (RefusedError, KeyError) as error:
            self._bad("fill", str(error))
            return False
        order_id = self.order_id_of(fill)
        if order_id:
            self.in_flight.answered(order_id, "new")
        if fill.cause != "trade":
            self.forced_closes.told(fill)
        quantity = "0" if is_bust else fill.quantity
        head = (order_id, account, instrument, side, leg, fill.price, quantity, fill.value or "")
        tail = (fill.fee, fee_currency, liquidity, fill.trade_id, fill.venue_order_id)
        when, sequence = fill.venue_time_ns, fill.venue_sequence
        if revision is None:
            return self._deliver(lambda: self._native.filled(*head, *tail, when, sequence))
        number = revision
        return self._deliver(lambda: self._native.fill_revised(*head, *tail, when, number))

    def _holds(self, held: HeldFill) -> bool:
        """Whether the fill has to wait. When too many wait, order is given up and nothing else."""
        account = held.fill.account
        is_known = self.engine.names.find("account", account) != 0
        if account in self._caught_up or not is_known or len(self._held) >= _HELD_MAX:
            return False
        self._held.append(held)
        return True

    def defined(self) -> None:
        """The venue's instruments are known: what was told of them before is taken now, for a
        quiet market does not repeat it."""
        self.is_defined = True
        early, self._early_marks = self._early_marks, {}
        for mark in early.values():
            if self.engine.names.venue_instrument(self.venue, mark.instrument):
                self.marked(mark)

    def _unknown_mark(self, mark: MarkReport) -> None:
        """A stream speaks before instruments are defined; later it is a fault, said once each."""
        symbol = mark.instrument
        self.health.counters["marks_unknown"] += 1
        if not self.is_defined:
            if symbol in self._early_marks or len(self._early_marks) < _UNKNOWN_MARKS_MAX:
                self._early_marks[symbol] = mark
        elif symbol not in self._unknown_marks:
            if len(self._unknown_marks) < _UNKNOWN_MARKS_MAX:
                self._unknown_marks.add(symbol)
            self._bad("mark", f"unknown instrument {symbol!r:.64}")

    def _instrument(self, venue_symbol: str) -> int:
        number = self.engine.names.venue_instrument(self.venue, venue_symbol)
        if not number:
            raise RefusedError("UNKNOWN_INSTRUMENT", field="instrument", value=venue_symbol)
        return number

    def _deliver(self, delivery: Delivery) -> bool:
        """Hand over, in order. False: the engine could not read it, and nothing was booked."""
        if not self._backlog:
            try:
                if delivery():
                    self._drive.soon()
                    return True
            except (ValueError, OverflowError, TypeError) as error:
                self._bad("fact", str(error))
                self._drive.soon()
                return False
        bad_before = self.health.counters["bad_facts"]
        self._backlog.append(delivery)
        self.flush()
        if len(self._backlog) == _BACKLOG_ALARM:
            log.error("%s: %d facts wait for the engine", self.venue, _BACKLOG_ALARM)
            self.health.counters["backlog_alarms"] += 1
        return self.health.counters["bad_facts"] == bad_before

    def _bad(self, what: str, why: str) -> None:
        self.health.counters["bad_facts"] += 1
        log.error("%s: %s refused: %.200s", self.venue, what, why)
