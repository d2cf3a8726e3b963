"""The adapter of one FIX session: one account, driven through gateway.api.VenueAdapter. Says only
what the venue says; a report it cannot read is counted, named and followed by a reconciliation."""

from __future__ import annotations

import logging
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from gateway.api import (
    AdapterPort,
    BalanceReport,
    CancelRequest,
    FillReport,
    FundingReport,
    Instrument,
    OrderReport,
    OrderRequest,
    PositionReport,
    ReplaceRequest,
    VenueError,
    VenueProtocolError,
    VenueRejected,
    VenueUnavailable,
)
from gateway.transport import Budget, PortGuard
from gateway.transport.fix_session import FixMessage
from gateway_fix import listings, requests
from gateway_fix.capabilities import capabilities
from gateway_fix.facts import Facts
from gateway_fix.known_orders import KnownOrder, KnownOrders
from gateway_fix.link import FixLink, LinkTerms, Listener
from gateway_fix.logon import LOGONS
from gateway_fix.marks import Marks, subscription
from gateway_fix.order_entry import OrderEntry
from gateway_fix.order_names import OrderNames, PlainNames, UuidNames
from gateway_fix.questions import Questions
from gateway_fix.records import OrderRecord, Records
from gateway_fix.report import Report, ReportTerms
from gateway_fix.settings import check_secrets, read_settings

__all__ = ["FixAdapter"]

log = logging.getLogger(__name__)
_DAY_NS = 86_400_000_000_000
_CLOSED = ("filled", "canceled", "expired", "rejected")


class FixAdapter:
    """`settings`: see gateway_fix.settings. `secrets`: what the dialect's Logon needs."""

    def __init__(
        self,
        venue: str,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        random: Random | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.venue = venue
        self._settings, self._dialect = terms, dialect = read_settings(settings)
        check_secrets(dialect, secrets)
        names: OrderNames
        if dialect.client_order_id == "uuid4":
            names = UuidNames(now_ns)
        else:
            names = PlainNames(now_ns, dialect.client_order_id_length_max)
        self._names = names
        self.capabilities = capabilities(venue, dialect, names, timeout_ms=terms.timeout_ms)
        settles = {each.symbol: each.settle or each.quote for each in terms.instruments}
        contracts = {
            each.symbol: (each.kind == "inverse", each.multiplier) for each in terms.instruments
        }
        self._terms = ReportTerms(dialect, names, terms.account, settles, contracts)
        self.counters: Counter[str] = Counter()
        self._now_ns, self._random = now_ns, random or SystemRandom()
        self._port = PortGuard()
        self._known = KnownOrders()
        self._records = Records(
            Path(terms.state_directory) / f"{venue}.records",
            is_synced=terms.is_synced,
            oldest_ns=lambda: now_ns() - terms.history_days * _DAY_NS,
        )
        self._link = self._orders_link(secrets, tls)
        self._market_link = self._prices_link(secrets, tls)
        fields = requests.Terms(terms.venue_account or terms.account, now_ns)
        self._fields = fields
        budget = Budget(dialect.rate_limits, monotonic_ns)
        self._questions = Questions(
            self._link,
            dialect,
            fields,
            budget=budget,
            account=terms.venue_account or terms.account,
            timeout_ms=terms.timeout_ms,
            now_ns=now_ns,
        )
        self._facts = Facts(
            dialect, self._known, self._records, tell=self._port.tell, counters=self.counters
        )
        self._entry = OrderEntry(
            dialect,
            names,
            self._known,
            self._records,
            self._link,
            budget=budget,
            terms=fields,
            tell=self._port.tell,
            timeout_ms=terms.timeout_ms,
            counters=self.counters,
        )
        self._marks = Marks(self._port.tell)
        self._other_symbols: set[str] = set()
        self._has_gap = False
        self._is_behind = True  # reports may have been missed: fills are asked for by their orders

    # Life.

    async def connect(self, port: AdapterPort) -> None:
        """Records, then the line; prices last."""
        try:
            self._records.open()
        except (ValueError, OSError) as error:
            raise VenueProtocolError(f"state_directory: {error}") from None
        timeout_s = self._settings.timeout_ms / 1_000
        self._has_gap, self._is_behind = False, True
        self._port.open(port)
        try:
            await self._link.start(timeout_s)
            if self._market_link is not None:
                await self._market_link.start(timeout_s)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Nothing is left running."""
        self._port.close()
        self._entry.close()
        if self._market_link is not None:
            await self._market_link.stop()
        await self._link.stop()
        self._records.close()

    # Orders.

    async def submit(self, orders: Sequence[OrderRequest]) -> None:
        for order in orders:
            await self._entry.submit(order)

    async def cancel(self, cancels: Sequence[CancelRequest]) -> None:
        for cancel in cancels:
            await self._entry.cancel(cancel)

    async def replace(self, replaces: Sequence[ReplaceRequest]) -> None:
        for replace in replaces:
            await self._entry.replace(replace)

    async def cancel_all(self, account: str) -> None:
        """q. Raises VenueError when the venue did not take it."""
        self._check(account)
        symbols = [each.symbol for each in self._settings.instruments]
        refusals: list[VenueError] = []
        for symbol in symbols if self._dialect.is_mass_cancel_by_symbol else [""]:
            try:
                await self._mass_cancel(symbol)
            except VenueError as error:  # the others are canceled all the same
                refusals.append(error)
        if refusals:
            raise refusals[0]

    async def _mass_cancel(self, symbol: str) -> None:
        wire_id = self._names.next("mass")
        body = requests.mass_cancel(wire_id, symbol, self._dialect, self._fields)
        answer = await self._questions.mass_cancel(wire_id, body)
        if answer.get(531) == b"0":
            text = (answer.get(58) or b"").decode("ascii", "replace")
            raise VenueRejected((answer.get(532) or b"").decode("ascii", "replace"), text)

    # Questions.

    async def instruments(self) -> Sequence[Instrument]:
        self._check(self._settings.account)
        entries = None
        if self._dialect.has_security_list and self._dialect.market_data != "own":
            entries = listings.listed(await self._questions.security_list())
        return listings.instruments(self.venue, self._settings.instruments, entries, self._dialect)

    async def query_order(self, account: str, client_order_id: str) -> OrderReport | None:
        """The order's symbol is needed to ask; of an order nobody remembers every one is tried."""
        self._check(account)
        known = self._known.get(client_order_id) or self._remembered(client_order_id)
        found = None
        for each in [known] if known is not None else self._guesses(client_order_id):
            found = await self._status_of(each)
            if found is not None:
                break
        return found

    async def open_orders(self, account: str) -> Sequence[OrderReport]:
        self._check(account)
        if self._dialect.mass_status:
            messages = await self._questions.mass_status()
            reports = [Report(each, self._terms) for each in messages]
            told = [self._taken(each) for each in reports if self._is_traded(each)]
            return [each for each in told if each.state not in _CLOSED]
        found = []
        for record in self._records.open_orders():
            known = self._of_record(record)
            if known is None or known.pending:
                continue
            report = await self._status_of(known)
            if report is None:  # it never arrived, and nothing repeats it
                self._records.order_ended(record.client_id, record.venue_id)
            elif report.state not in _CLOSED:
                found.append(report)
        return found

    async def fills(self, account: str, since_ns: int) -> Sequence[FillReport]:
        """What was told and written down; after a gap every open order is asked about before, for
        what a report would have told."""
        self._check(account)
        if self._is_behind:
            ups = self._link.ups
            await self._catch_up(account)
            self._is_behind = self._link.ups != ups
        return self._records.fills(since_ns)

    async def funding(self, account: str, since_ns: int) -> Sequence[FundingReport]:
        return []

    async def positions(self, account: str) -> Sequence[PositionReport]:
        self._check(account)
        if not self._dialect.has_positions:
            return []
        return listings.positions(await self._questions.positions(), account)

    async def balances(self, account: str) -> Sequence[BalanceReport]:
        """FIX tells none: nothing is claimed."""
        self._check(account)
        return []

    async def is_hedge_mode(self, account: str) -> bool:
        self._check(account)
        return False

    def counts(self) -> dict[str, int]:
        """For metrics."""
        found = {name: int(value) for name, value in self.counters.items()}
        found["reconnects.orders"] = max(0, self._link.ups - 1)
        found["fills_dropped"] = self._records.dropped
        row = self._link.row()
        for name in ("received", "sent", "resent", "garbled", "rejected", "duplicates"):
            if name in row:
                found[f"session_{name}"] = int(row[name])
        return found

    # What the lines tell.

    def _up(self) -> None:
        if self._dialect.market_data == "same":
            self._subscribe(self._link)
        if self._has_gap:
            self._has_gap = False
            self._port.tell("gap_closed")

    def _down(self, reason: str) -> None:
        self._is_behind = True
        self._entry.line_down(reason)
        self._questions.line_down(reason)
        if not self._has_gap:
            self._has_gap = True
            self._port.tell("gap_opened", reason[:120] or "the line ended")

    def _message(self, message: FixMessage) -> None:
        """Never raises: a message that cannot be read must not be asked for again and again."""
        try:
            self._take(message)
        except (VenueProtocolError, OSError) as error:
            self.counters["messages_unreadable"] += 1
            log.error("%s: %s: %r", self.venue, error, message)
            self._is_behind = True
            self._port.tell("gap_opened", f"message not taken: {error}"[:120])
            self._port.tell("gap_closed")

    def _take(self, message: FixMessage) -> None:
        kind = message.message_type
        if self._questions.take(message):
            return
        if kind == b"8":
            report = Report(message, self._terms)
            if self._is_traded(report):
                self._facts.take(report)
        elif kind == b"9":
            self._facts.cancel_rejected(Report(message, self._terms))
        elif kind == b"j":
            number = (message.get(45) or b"0").decode("ascii", "replace")
            text = (message.get(58) or b"").decode("ascii", "replace")
            self._refused(int(number) if number.isdigit() else 0, f"business reject {text}"[:120])
        elif kind in {b"W", b"X"}:
            self._prices(message)
        else:
            self.counters["messages_unasked"] += 1

    def _refused(self, number: int, reason: str) -> None:
        if not self._questions.refused(number, reason) and not self._facts.refused(number, reason):
            self.counters["rejects_unasked"] += 1
            log.warning("%s: %s", self.venue, reason)

    def _is_traded(self, report: Report) -> bool:
        """A venue may tell everything of the account; what is not configured is none of ours."""
        symbol = report.text(55)
        if not symbol or symbol in self._terms.settles or report.client_id in self._records.orders:
            return True
        self.counters["reports_of_other_instruments"] += 1
        if symbol not in self._other_symbols:
            self._other_symbols.add(symbol)
            log.warning("%s: reports about %s, which is not configured", self.venue, symbol)
        return False

    def _prices(self, message: FixMessage) -> None:
        """Prices are told again: one that cannot be read is counted, nothing is missed by it."""
        try:
            if message.message_type in {b"W", b"X"}:
                self._marks.take(message)
        except VenueProtocolError as error:
            self.counters["messages_unreadable"] += 1
            log.error("%s: %s", self.venue, error)

    # Inside.

    def _check(self, account: str) -> None:
        if account != self._settings.account:
            raise VenueRejected("account", f"{account} is not {self._settings.account}")
        if not self._link.is_up:
            raise VenueUnavailable(f"{self.venue}: not logged on")

    async def _status_of(self, known: KnownOrder) -> OrderReport | None:
        wire_id = known.current or self._names.first(known.client_id)
        message = await self._questions.order_status(known, wire_id)
        report = Report(message, self._terms)
        if report.is_unknown_order:
            return None
        if report.is_refused_question:
            raise VenueUnavailable(f"the question was refused: {report.reason or report.text(103)}")
        return self._taken(report)

    def _taken(self, report: Report) -> OrderReport:
        try:
            self._facts.status(report)
        except OSError as error:
            raise VenueUnavailable(f"records: {error}") from None
        return report.order()

    async def _catch_up(self, account: str) -> None:
        """After a gap: what executed meanwhile shows in the totals of orders that were open."""
        reports = await self.open_orders(account)
        ours = {each.client_order_id for each in reports}
        others = {each.venue_order_id for each in reports}
        if not self._dialect.mass_status:
            return
        for record in self._records.open_orders():
            is_open = record.client_id in ours if record.is_ours else record.venue_id in others
            known = self._of_record(record)
            if is_open or known is None or known.pending:
                continue
            if await self._status_of(known) is None:  # it never arrived, and nothing repeats it
                self._records.order_ended(record.client_id, record.venue_id)

    def _of_record(self, record: OrderRecord) -> KnownOrder | None:
        """Who is to be asked about. A name of others may have been used again since."""
        if record.is_ours:
            return self._known.get(record.client_id) or self._remembered(record.client_id)
        if not record.client_id:
            return None
        return KnownOrder(
            client_id=record.client_id,
            symbol=record.symbol,
            side=record.side,
            venue_id=record.venue_id,
        )

    def _remembered(self, client_id: str) -> KnownOrder | None:
        record = self._records.orders.get(client_id)
        if record is None:
            return None
        known = self._known.note(client_id, record.symbol)
        known.remember(record.side, record.venue_id, record.terms)
        return known

    def _guesses(self, client_id: str) -> list[KnownOrder]:
        return [
            KnownOrder(client_id=client_id, symbol=each.symbol, side="buy")
            for each in self._settings.instruments
        ]

    def _subscribe(self, link: FixLink) -> None:
        if self._settings.has_marks:
            symbols = [each.symbol for each in self._settings.instruments]
            link.send(b"V", subscription(symbols, f"m{self._now_ns() // 1_000_000}"))

    def _orders_link(self, secrets: Mapping[str, str], tls: ssl.SSLContext | None) -> FixLink:
        terms, dialect = self._settings, self._dialect
        sender = secrets["key"] if dialect.is_sender_the_key else terms.sender_comp_id
        where = LinkTerms(
            host=terms.host or dialect.host,
            port=terms.port or dialect.port,
            has_tls=dialect.has_tls if terms.has_tls is None else terms.has_tls,
            server_name=terms.server_name,
            sender_comp_id=sender,
            target_comp_id=terms.target_comp_id or dialect.target_comp_id,
            store=Path(terms.state_directory) / f"{self.venue}.session",
            heartbeat_s=terms.heartbeat_s or dialect.heartbeat_s,
            logon_fields=terms.logon_fields,
            is_synced=terms.is_synced,
            connect_timeout_s=max(1.0, terms.timeout_ms / 1_000),
            follows_lost_numbers=terms.follows_lost_numbers and dialect.reset == "never",
        )
        listener = Listener(self._up, self._down, self._message, self._refused)
        return self._linked(where, listener, secrets, tls)

    def _prices_link(
        self, secrets: Mapping[str, str], tls: ssl.SSLContext | None
    ) -> FixLink | None:
        terms, dialect = self._settings, self._dialect
        if dialect.market_data != "own" or not terms.has_marks or not terms.market_host:
            return None
        orders = self._link.terms
        own = {name: secrets.get(f"market_{name}") or word for name, word in secrets.items()}
        sender = own["key"] if dialect.is_sender_the_key else terms.market_sender_comp_id
        where = orders._replace(
            host=terms.market_host,
            port=terms.market_port,
            sender_comp_id=sender or orders.sender_comp_id,
            store=Path(terms.state_directory) / f"{self.venue}.prices",
        )
        listener = Listener(
            lambda: self._subscribe(self._market_link) if self._market_link else None,
            lambda reason: None,
            self._prices,
            lambda number, reason: log.warning("%s: prices: %s", self.venue, reason),
        )
        return self._linked(where, listener, own, tls)

    def _linked(
        self,
        where: LinkTerms,
        listener: Listener,
        secrets: Mapping[str, str],
        tls: ssl.SSLContext | None,
    ) -> FixLink:
        signer = LOGONS[self._dialect.logon][1](secrets, self._now_ns, self._random)
        return FixLink(
            self._dialect,
            where,
            signer,
            listener,
            now_ns=self._now_ns,
            random=self._random,
            tls=tls,
        )
