"""The gate before new orders: asks the venue what is true and settles every order we are unsure of.

Settles by evidence alone and resends nothing. Running it twice creates nothing. "Never heard of it"
counts only when asked later than the send plus the venue's acceptance window.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from gateway.api import FillReport, OrderReport, VenueAdapter, VenueProtocolError, VenueUnavailable
from gateway.core.engine import Engine, is_unknown
from gateway.core.vocabulary import EVIDENCE, TERMINAL_STATES, VenueSessionState
from gateway.venues.breaks import BreakKind, BreakLedger, Finding
from gateway.venues.client_order_ids import epoch_of
from gateway.venues.doubts import Doubts, is_held_here, never_worked
from gateway.venues.forgotten import Forgotten
from gateway.venues.holdings import Holdings, money_of
from gateway.venues.inbound import Fact, facts_of_report, is_enlarged, lacks_fills
from gateway.venues.instruments import define_instruments, held_though_missing
from gateway.venues.outbound import Outbound
from gateway.venues.payments import Payments
from gateway.venues.quarantine import Quarantine
from gateway.venues.quarantined_fills import QuarantinedFills
from gateway.venues.session import VenueSession

__all__ = ["AccountTerms", "Reconciler", "Result"]

log = logging.getLogger(__name__)

Row = dict[str, Any]
# Fills are asked from this long before the newest known one: venues' clocks and pages overlap.
_FILL_OVERLAP_NS = 60 * 1_000_000_000
_FILL_PAUSES_SECONDS = (0.05, 0.1, 0.2)
# Orders in doubt asked about at once: a question each, and what is settled makes room for the next.
_DOUBTS_MAX = 50


class AccountTerms(msgspec.Struct, frozen=True, kw_only=True):
    """One configured account of the venue."""

    name: str
    durability: str
    margin_mode: str


class Result(msgspec.Struct, kw_only=True):
    """What one run found. `unsettled` orders are asked again; `lacking` orders miss fills, and the
    venue is not reconciled while there is one. `is_cut`: a gap opened meanwhile, so the run proves
    nothing and the venue stays closed."""

    settled: list[int] = []
    adopted: list[str] = []
    unsettled: list[int] = []
    lacking: list[int] = []
    breaks: list[str] = []
    is_cut: bool = False


class Reconciler:
    """Compares one venue with the journal. One run at a time (the link sees to it)."""

    def __init__(
        self,
        session: VenueSession,
        outbound: Outbound,
        adapter: VenueAdapter,
        accounts: Sequence[AccountTerms],
        *,
        ledger: BreakLedger | None = None,
        on_instruments: Callable[[], None] = lambda: None,
    ) -> None:
        self._session = session
        self._outbound = outbound
        self._adapter = adapter
        self._accounts = accounts
        self._engine: Engine = session.engine
        self._on_instruments = on_instruments
        self.ledger = ledger or BreakLedger(session.venue)
        names = [account.name for account in accounts]
        self._quarantine = Quarantine(session.venue, self._engine, names)
        self.ledger.on_new = self._quarantine.stop
        self._forgotten = Forgotten(session.venue, session.engine)
        self._payments = Payments(session, adapter, self._forgotten)
        self.doubts = Doubts(session)
        self.quarantined_fills = QuarantinedFills(session.engine, self.ledger)
        self._holdings = Holdings(session, adapter, self._payments, self._catch_up)
        self._unbooked: list[Finding] = []
        self._missing: list[Finding] = []  # instruments that the venue no longer lists
        self._gaps = 0
        self._run_ns = 0
        self._rules: dict[str, Row] | None = None
        # Whatever an earlier process sent had left before this one began.
        self._started_ns = session.engine.now_ns()

    async def run(self) -> Result:
        """Define, compare, settle. Raises VenueError when the venue does not answer."""
        result = Result()
        self._gaps, self._rules = self._session.gaps, None
        self._run_ns = self._engine.wall_ns()  # venues are asked by it
        await self.define_instruments()
        for account in self._accounts:
            await self._account(account, result)
        await self.tell_missing()
        self._tell_doubts_of_others()
        result.breaks = self.tell_breaks()
        self._session.health.unsettled = [str(each) for each in result.unsettled + result.lacking]
        result.is_cut = self._is_cut()
        if result.lacking or result.is_cut:
            return result
        self._session.state(VenueSessionState.RECONCILED, "reconciled")
        await self._session.drain()
        return result

    def _is_cut(self) -> bool:
        return self._session.is_gap_open or self._session.gaps != self._gaps

    def tell_breaks(self) -> list[str]:
        """Lift what no open break holds, and say in the health what is open."""
        if self._quarantine.lift(self.ledger.open()):
            self.ledger.keep()
        self._session.health.breaks = self.ledger.lines()
        return self.ledger.lines()

    def tell_quarantined_fills(self) -> None:
        """Breaks of what the engine would not book since the last comparison."""
        if self.quarantined_fills.is_news():
            for account in self._accounts:
                self.quarantined_fills.tell(account.name)
            self.tell_breaks()

    async def resolve(self) -> list[int]:
        """Ask again about every order with an unknown outcome; returns those that stay unknown."""
        names = {account.name for account in self._accounts}
        result = Result()
        for account in sorted(names):
            rows = await self._open_rows(account, unknown_only=True)
            rows += self._doubted_to_ask(account)
            if rows:
                # Of somebody else's order without a name the list of open orders alone can tell.
                asked_ns = self._engine.now_ns()
                is_list_needed = not all(self._name_at_venue(row) for row in rows)
                reports = await self._adapter.open_orders(account) if is_list_needed else ()
                await self._apply_fills(account, rows)
                await self._settle(account, rows, self._by_order_id(reports), asked_ns, result)
                self._tell_doubts(account)
                self.tell_breaks()
        return result.unsettled + result.lacking

    async def define_instruments(self) -> None:
        """Ask for the venue's instruments and take over what may change. Touches no order."""
        told = await self._adapter.instruments()
        findings, self._missing = define_instruments(self._engine, self._session.venue, told)
        self.ledger.compared(("instrument_changed",), "", findings, self._engine.now_ns())
        await self.tell_missing()
        self._session.defined()
        self._on_instruments()

    async def tell_missing(self) -> None:
        """What is no longer listed, as far as something is held or open in it now."""
        held = await held_though_missing(self._engine, self._missing)
        self.ledger.compared(("instrument_missing",), "", held, self._engine.now_ns())

    async def _account(self, account: AccountTerms, result: Result) -> None:
        self._unbooked.clear()
        self._payments.unbooked.clear()
        is_hedge_mode = await self._adapter.is_hedge_mode(account.name)
        await self._check_mode(account.name, is_hedge_mode)
        self._engine.define_account(
            self._session.venue,
            account.name,
            durability=account.durability,
            is_hedge_mode=is_hedge_mode,
            margin_mode=account.margin_mode,
        )
        known_currencies = self._holdings.currencies(account.name)
        asked_ns = self._engine.now_ns()
        reports = list(await self._adapter.open_orders(account.name))
        self._stay_above(report.client_order_id for report in reports)
        gaps, before = self._session.gaps, await self._open_rows(account.name)
        by_id = self._by_order_id(reports)
        await self._apply_fills(account.name, self._doubtful(account.name, before, by_id))
        self._session.caught_up(account.name, gaps)
        await self._session.drain()
        await self._adopt(reports, result)
        by_id = self._by_order_id(reports)
        unsure = [
            row
            for row in await self._open_rows(account.name)
            if int(row["created_ns"]) <= asked_ns
            and (int(row["order_id"]) in by_id or not is_held_here(row))
            and (int(row["order_id"]) not in by_id or self._is_unsure(row, by_id))
        ]
        unsure += self._completed(before, by_id)
        await self._settle(account.name, unsure, by_id, asked_ns, result)
        await self._compare(account.name, known_currencies, result.lacking)

    async def _compare(self, account: str, currencies: set[str], lacking: Sequence[int]) -> None:
        """What is not an open order: fills, balances, positions, payments."""
        now_ns, compared = self._engine.now_ns, self.ledger.compared
        self._tell_doubts(account)
        self.quarantined_fills.tell(account)
        short = [self._lacks(account, order_id) for order_id in lacking]
        compared(("fill_missing",), account, [each for each in short if each], now_ns())
        balances = await self._holdings.balances(account, currencies)
        positions = await self._holdings.positions(account)
        if self._is_cut():
            return  # fills of the new gap are not booked yet: what differs proves nothing
        compared(("balance_differs",), account, balances, now_ns())
        compared(("position_differs",), account, positions, now_ns())
        unbooked = self._unbooked + self._payments.unbooked
        unbooked += self._forgotten.findings(account, positions + balances)
        kinds: tuple[BreakKind, ...] = (
            "fill_not_booked",
            "funding_not_booked",
            "interest_not_booked",
        )
        compared(kinds, account, unbooked, now_ns())

    async def _check_mode(self, account: str, is_hedge_mode: bool) -> None:
        """Net or hedge is what the venue says. What the manifest excludes is not guessed at, and
        neither is a change under open positions: their leg would be another one."""
        fault = ""
        if is_hedge_mode and not self._session.manifest.has_hedge_mode:
            fault = f"{account}: hedge mode, which the manifest excludes"
        for row in await self._engine.positions():
            is_other_leg = (row["leg"] == "net") == is_hedge_mode
            if row["account"] == account and is_other_leg and Decimal(str(row["quantity"])):
                word = "hedge" if is_hedge_mode else "net"
                fault = f"{account}: {word} mode, but {row['instrument']} is held {row['leg']}"
        words = ("net", "hedge") if is_hedge_mode else ("hedge", "net")
        found = Finding(
            kind="mode_mismatch", account=account, ours=words[0], theirs=words[1], text=fault
        )
        findings = [found] if fault else []
        self.ledger.compared(("mode_mismatch",), account, findings, self._engine.now_ns())
        if fault:
            self.tell_breaks()
            raise VenueProtocolError(fault)

    def _lacks(self, account: str, order_id: int) -> Finding | None:
        """An order the venue executed more of than we have fills for."""
        row = self._engine.order(order_id)
        if row is None or row["account"] != account:
            return None
        known = str(row["cumulative_quantity"])
        text = f"order {order_id}: the venue executed more than {known}, its fills are missing"
        return self._of_order("fill_missing", row, ours=known, text=text)

    def _of_order(
        self, kind: BreakKind, row: Row, *, ours: str, text: str, theirs: str = ""
    ) -> Finding:
        instrument = str(row["instrument"])
        if self._rules is None:  # thousands of rows: once a run
            rows = self._engine.native.registry("instrument")
            self._rules = {str(each["name"]): each for each in rows}
        impact, currency = money_of(str(row["leaves_quantity"]), self._rules.get(instrument))
        venue_order_id = str(row["venue_order_id"] or "")
        return Finding(
            kind=kind,
            account=str(row["account"]),
            instrument=instrument,
            subject=str(row["order_id"]),
            ours=ours,
            theirs=theirs,
            impact=impact,
            currency=currency,
            evidence=tuple(each for each in (str(row["order_id"]), venue_order_id) if each),
            text=text,
        )

    async def _catch_up(self, account: str) -> None:
        """Fills of the last moments, so that only what then still differs is a difference. All
        older ones were asked for in this run."""
        number = self._engine.names.id("account", account)
        newest = self._engine.native.last_fill_time_ns(number) or self._run_ns
        await self._book_fills(account, max(0, newest - _FILL_OVERLAP_NS))

    def _completed(self, before: Sequence[Row], by_id: Mapping[int, OrderReport]) -> list[Row]:
        """Orders that the fills completed, perhaps larger by now: a replace was pending, or its
        record is lost and the venue lists them still."""
        return [
            row
            for row in before
            if (row["pending"] or int(row["order_id"]) in by_id)
            and (after := self._engine.order(int(row["order_id"]))) is not None
            and after["state"] == "FILLED"
        ]

    def _is_unsure(self, row: Row, by_id: dict[int, OrderReport]) -> bool:
        """Anything the venue's open order tells that our row does not say."""
        report = by_id[int(row["order_id"])]
        return (
            is_unknown(row)
            or bool(row["pending"])
            or lacks_fills(row, report)
            or bool(facts_of_report(int(row["order_id"]), row, report))
        )

    def _doubtful(
        self, account: str, rows: Sequence[Row], by_id: dict[int, OrderReport]
    ) -> list[Row]:
        """Orders that may have executed unheard. Of one that the venue lists as our row has it, and
        of one held here that is not listed there and not in doubt, every fill is known."""
        asked = {int(row["order_id"]) for row in self.doubts.unasked(account)}
        doubtful = []
        for row in rows:
            order_id = int(row["order_id"])
            if order_id in by_id:
                is_doubtful = self._is_unsure(row, by_id)
            else:
                is_doubtful = order_id in asked or not is_held_here(row)
            if is_doubtful:
                doubtful.append(row)
        return doubtful

    async def _open_rows(self, account: str, *, unknown_only: bool = False) -> list[Row]:
        pages = self._engine.order_pages(account=account, unknown_only=unknown_only)
        return [row async for page in pages for row in page]

    def _by_order_id(self, reports: Sequence[OrderReport]) -> dict[int, OrderReport]:
        found = {}
        for report in reports:
            if order_id := self._session.order_id_of(report):
                found[order_id] = report
        return found

    async def _apply_fills(self, account: str, rows: Sequence[Row]) -> None:
        """Every fill since the last known one, and since the oldest order we are unsure of."""
        number = self._engine.names.id("account", account)
        newest = self._engine.native.last_fill_time_ns(number)
        oldest = min((int(row["created_ns"]) for row in rows), default=newest)
        oldest = min(oldest, self.quarantined_fills.oldest_ns(account, newest))
        since = max(0, min(newest, oldest) - _FILL_OVERLAP_NS) if newest else 0
        await self._book_fills(account, since)

    async def _book_fills(self, account: str, since: int) -> None:
        fills = await self._adapter.fills(account, since)
        self._stay_above(fill.client_order_id for fill in fills)
        told = []
        # Oldest first: what is let go for the newest ones is then always older than what follows.
        for fill in sorted(fills, key=lambda each: each.venue_time_ns):
            if self._session.fill_reported(fill):
                told.append(fill)
            else:
                self._unbooked.append(_unbooked(fill))
        await self._session.drain()
        self._forgotten.fills_told(account, told)

    def _stay_above(self, client_order_ids: Iterable[str]) -> None:
        """An id of ours from a later epoch means that the journal lost it: no id is made twice."""
        seen = max(
            (epoch_of(self._session.ids.decode(each)) for each in client_order_ids), default=0
        )
        native = self._engine.native
        if seen <= native.epoch:
            return
        if not native.raise_epoch(seen + 1):
            raise VenueUnavailable(f"epoch {seen} seen at the venue; ours cannot be raised yet")
        log.warning("epoch %d seen at the venue: raised to %d", seen, native.epoch)

    async def _adopt(self, reports: Sequence[OrderReport], result: Result) -> None:
        for report in reports:
            if self._session.order_id_of(report) == 0:
                log.warning("%s: adopting order %s", self._session.venue, report.venue_order_id)
                self._session.adopt(report)
                result.adopted.append(report.venue_order_id)
                self.ledger.settled(_adopted(report), "adopted to EXTERNAL", self._engine.now_ns())
        await self._session.drain()

    async def _settle(
        self,
        account: str,
        rows: Sequence[Row],
        open_reports: dict[int, OrderReport],
        listed_ns: int,
        result: Result,
    ) -> None:
        """Ask about each order by id, after the fills: what it says is newer than all we have.
        listed_ns: when the open orders were asked for, which answer for what has no name."""
        for row in rows:
            order_id = int(row["order_id"])
            if self._outbound.is_sending(order_id):
                result.unsettled.append(order_id)
                continue
            asked_ns = self._engine.now_ns()
            report = await self._query(account, row)
            if report is None and order_id in open_reports:
                report, asked_ns = open_reports[order_id], listed_ns
            await self._settle_one(order_id, report, asked_ns, result)

    async def _query(self, account: str, row: Row) -> OrderReport | None:
        name = self._name_at_venue(row)
        if not name:  # the caller has asked for the open orders
            return None
        return await self._adapter.query_order(account, name)

    def _name_at_venue(self, row: Row) -> str:
        """The client order id; "" of an order that somebody else placed without one."""
        order_id = int(row["order_id"])
        is_external = order_id >> 51 != self._engine.instance or row["strategy"] == "EXTERNAL"
        if is_external:
            return str(row["client_order_id"] or "")
        return self._session.ids.encode(order_id)

    async def _settle_one(
        self, order_id: int, report: OrderReport | None, asked_ns: int, result: Result
    ) -> None:
        row = self._engine.order(order_id)
        is_grown = row is not None and report is not None and is_enlarged(row, report)
        if row is None or (row["state"] in TERMINAL_STATES and not is_grown):
            result.settled.append(order_id)
            return
        if _is_certain(row) and int(row["updated_ns"]) > asked_ns:
            result.settled.append(order_id)  # the stream told something newer than this answer
            return
        is_proof = self._is_proof(order_id, row, asked_ns)
        if report is not None and lacks_fills(row, report):
            # The venue executed more than the fills we were given: ask again for the fills.
            report = await self._fetch_lacking(order_id, row, report)
            row = self._engine.order(order_id) or row
            if report is None:
                result.lacking.append(order_id)
                return
        facts = self._facts(order_id, row, report, is_proof=is_proof)
        if int(row["updated_ns"]) > asked_ns:  # the stream may have told newer terms than these
            facts = [fact for fact in facts if fact.kind != "replaced"]
        for fact in facts:
            self._session.tell(fact, EVIDENCE["query"])
        await self._session.drain()
        after = self._engine.order(order_id)
        if facts and _is_certain(row):
            self._settle_break(row, report, facts)
        is_open = after is not None and (is_unknown(after) or after["state"] == "PENDING_NEW")
        # What lives there and is held here would leave a second time.
        is_unheard = after is not None and report is not None and is_held_here(after)
        (result.unsettled if is_open or is_unheard else result.settled).append(order_id)

    def _doubted_to_ask(self, account: str) -> list[Row]:
        """Orders in doubt that asking about can settle now: what was on its way has arrived."""
        rows, now_ns = self.doubts.unasked(account), self._engine.now_ns()
        if self.doubts.can_prove():
            rows = [row for row in rows if self._is_proof(int(row["order_id"]), row, now_ns)]
        return rows[:_DOUBTS_MAX]

    def _tell_doubts(self, account: str) -> None:
        found = self.doubts.findings(account)
        self.ledger.compared(("order_in_doubt",), account, found, self._engine.now_ns())

    def _tell_doubts_of_others(self) -> None:
        """Orders in doubt of accounts that left the configuration: no comparison is about them."""
        kind: BreakKind = "order_in_doubt"
        names = {account.name for account in self._accounts}
        found = self.doubts.of_others(names)
        told = {each.finding.account for each in self.ledger.open() if each.finding.kind == kind}
        for account in (told - names) | set(found):
            rows = found.get(account, [])
            self.ledger.compared((kind,), account, rows, self._engine.now_ns())

    def _facts(
        self, order_id: int, row: Row, report: OrderReport | None, *, is_proof: bool
    ) -> list[Fact]:
        """What the venue's answer says of an order that is open here."""
        if report is None:
            return self._not_found(order_id, row, is_proof=is_proof)
        if is_held_here(row) and never_worked(report):
            return [Fact("not_sent", order_id, reason=report.reason or report.state)]
        return facts_of_report(order_id, row, report, is_proof=is_proof)

    def _settle_break(self, row: Row, report: OrderReport | None, facts: Sequence[Fact]) -> None:
        """An order we were sure of was something else at the venue: evidence settled it."""
        kind: BreakKind = "order_missing_there" if report is None else "order_differs"
        theirs = "never heard of it" if report is None else report.state
        words = ", ".join(fact.kind for fact in facts)
        text = f"order {row['order_id']}: ours {row['state']}, venue {theirs}"
        finding = self._of_order(kind, row, ours=str(row["state"]), theirs=theirs, text=text)
        self.ledger.settled(finding, f"by evidence: {words}", self._engine.now_ns())

    async def _fetch_lacking(
        self, order_id: int, row: Row, report: OrderReport
    ) -> OrderReport | None:
        """An order's state is often told before its fills: ask a few times before it is a fault."""
        for pause in (*_FILL_PAUSES_SECONDS, 0.0):
            await self._apply_fills(str(row["account"]), [row])
            after = self._engine.order(order_id)
            if after is not None and not lacks_fills(after, report):
                return report
            if pause:
                await asyncio.sleep(pause)
        return None

    def _not_found(self, order_id: int, row: Row, *, is_proof: bool) -> list[Fact]:
        """The venue has never heard of it. Without proof that is no answer at all."""
        if is_held_here(row):
            self.doubts.not_found(order_id, is_proof=is_proof)
            return []
        if not is_proof:
            return []
        if row["state"] in ("PENDING_NEW", "UNKNOWN") and not row["venue_order_id"]:
            return [Fact("not_sent", order_id, reason="not found at the venue")]
        log.error(
            "%s: order %d was acknowledged and is not known any more", self._session.venue, order_id
        )
        return [Fact("canceled", order_id, reason="not found at the venue")]

    def _is_proof(self, order_id: int, row: Row, asked_ns: int) -> bool:
        window_ms = self._session.manifest.not_found_proof_after_ms
        if window_ms is None:
            return False
        sent_ns = self._outbound.sent_before_ns(order_id)
        last = max(int(row["created_ns"]), int(row["updated_ns"]))
        if sent_ns is None:
            sent_ns = max(self._started_ns, last) if self._is_of_earlier_boot(order_id) else last
        return asked_ns > max(sent_ns, last) + window_ms * 1_000_000

    def _is_of_earlier_boot(self, order_id: int) -> bool:
        return epoch_of(order_id) != self._engine.native.epoch


def _is_certain(row: Row) -> bool:
    """Acknowledged, with nothing on its way: a difference is no matter of time."""
    return not (row["pending"] or is_unknown(row) or row["state"] == "PENDING_NEW")


def _unbooked(fill: FillReport) -> Finding:
    return Finding(
        kind="fill_not_booked",
        account=fill.account,
        subject=f"{fill.instrument} {fill.venue_order_id} {fill.trade_id}",
        theirs=f"{fill.side} {fill.quantity} at {fill.price}",
        difference=fill.quantity,
        evidence=(fill.trade_id, fill.venue_order_id),
        text=f"fill {fill.trade_id} of {fill.instrument} not booked",
    )


def _adopted(report: OrderReport) -> Finding:
    return Finding(
        kind="order_missing_here",
        account=report.account,
        instrument=report.instrument,
        subject=report.venue_order_id,
        theirs=f"{report.side} {report.quantity} at {report.price or 'market'}",
        difference=report.quantity,
        evidence=(report.venue_order_id, report.client_order_id),
        text=f"order {report.venue_order_id} of {report.instrument} was not in the journal",
    )
