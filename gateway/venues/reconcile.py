"""The gate before new orders: asks the venue what is true and settles every order we are unsure of.

Settles by evidence alone and resends nothing. Running it twice creates nothing. "Never heard of it"
counts only when asked later than the send plus the venue's acceptance window.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from gateway.api import (
    BalanceReport,
    Instrument,
    OrderReport,
    VenueAdapter,
    VenueProtocolError,
    VenueUnavailable,
)
from gateway.core.engine import Engine, is_unknown
from gateway.core.positions import balance_totals, difference, position_totals
from gateway.core.vocabulary import EVIDENCE, TERMINAL_STATES, VenueSessionState
from gateway.venues.client_order_ids import epoch_of
from gateway.venues.inbound import Fact, facts_of_report, is_enlarged, lacks_fills
from gateway.venues.outbound import Outbound
from gateway.venues.session import VenueSession

__all__ = ["AccountTerms", "Reconciler", "Result"]

log = logging.getLogger(__name__)

Row = dict[str, Any]
# Fills are asked from this long before the newest known one: venues' clocks and pages overlap.
_FILL_OVERLAP_NS = 60 * 1_000_000_000
_FUNDING_OVERLAP_NS = 60 * 1_000_000_000
# Balances are asked for again when a payment fell between them and the list of payments.
_BALANCE_TRIES = 3
# Both sides round divisions at 10^-18, each in its own way: a unit for each division, and a million
# of them are still no money. Anything above is a break.
_ROUNDING = Decimal("1e-12")


class AccountTerms(msgspec.Struct, frozen=True, kw_only=True):
    """One configured account of the venue."""

    name: str
    durability: str
    margin_mode: str


class Result(msgspec.Struct, kw_only=True):
    """What one run found. `unsettled` orders are asked again; `lacking` orders miss fills, and the
    venue is not reconciled while there is one."""

    settled: list[int] = []
    adopted: list[str] = []
    unsettled: list[int] = []
    lacking: list[int] = []
    breaks: list[str] = []


class Reconciler:
    """Compares one venue with the journal. One run at a time (the link sees to it)."""

    def __init__(
        self,
        session: VenueSession,
        outbound: Outbound,
        adapter: VenueAdapter,
        accounts: Sequence[AccountTerms],
        *,
        on_instruments: Callable[[], None] = lambda: None,
    ) -> None:
        self._session = session
        self._outbound = outbound
        self._adapter = adapter
        self._accounts = accounts
        self._engine: Engine = session.engine
        self._on_instruments = on_instruments
        self._unbooked: list[str] = []
        # Whatever an earlier process sent had left before this one began.
        self._started_ns = session.engine.now_ns()

    async def run(self) -> Result:
        """Define, compare, settle. Raises VenueError when the venue does not answer."""
        result = Result()
        self._unbooked.clear()
        await self._define_instruments()
        for account in self._accounts:
            await self._account(account, result)
        result.breaks += dict.fromkeys(self._unbooked)
        self._session.health.breaks = result.breaks
        self._session.health.unsettled = [str(each) for each in result.unsettled + result.lacking]
        if result.lacking:
            return result
        self._session.state(VenueSessionState.RECONCILED, "reconciled")
        await self._session.drain()
        return result

    async def resolve(self) -> list[int]:
        """Ask again about every order with an unknown outcome; returns those that stay unknown."""
        names = {account.name for account in self._accounts}
        result = Result()
        for account in sorted(names):
            rows = await self._open_rows(account, unknown_only=True)
            if rows:
                await self._apply_fills(account, rows)
                await self._settle(account, rows, {}, result)
        return result.unsettled + result.lacking

    async def _define_instruments(self) -> None:
        instruments = await self._adapter.instruments()
        for instrument in instruments:
            if not isinstance(instrument, Instrument):
                raise VenueProtocolError(
                    f"{self._session.venue}: instruments() gave {instrument!r}"
                )
            self._engine.define_instrument(self._session.venue, instrument)
        self._session.is_defined = True
        self._on_instruments()

    async def _account(self, account: AccountTerms, result: Result) -> None:
        is_hedge_mode = await self._adapter.is_hedge_mode(account.name)
        if is_hedge_mode and not self._session.manifest.has_hedge_mode:
            raise VenueProtocolError(f"{account.name}: hedge mode, which the manifest excludes")
        self._engine.define_account(
            self._session.venue,
            account.name,
            durability=account.durability,
            is_hedge_mode=is_hedge_mode,
            margin_mode=account.margin_mode,
        )
        known_currencies = self._currencies(account.name)
        asked_ns = self._engine.now_ns()
        reports = list(await self._adapter.open_orders(account.name))
        self._stay_above(report.client_order_id for report in reports)
        gaps, before = self._session.gaps, await self._open_rows(account.name)
        await self._apply_fills(account.name, before)
        self._session.caught_up(account.name, gaps)
        await self._session.drain()
        await self._adopt(reports, result)
        by_id = self._by_order_id(reports)
        unsure = [
            row
            for row in await self._open_rows(account.name)
            if int(row["created_ns"]) <= asked_ns
            and not _is_held_here(row)
            and (int(row["order_id"]) not in by_id or self._is_unsure(row, by_id))
        ]
        unsure += self._completed(before)
        await self._settle(account.name, unsure, by_id, result)
        await self._balances(account.name, known_currencies, result)
        await self._positions(account.name, result)

    def _completed(self, before: Sequence[Row]) -> list[Row]:
        """Orders that the fills completed while a replace was pending: perhaps larger by now."""
        return [
            row
            for row in before
            if row["pending"]
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

    async def _open_rows(self, account: str, *, unknown_only: bool = False) -> list[Row]:
        pages = self._engine.order_pages(account=account, unknown_only=unknown_only)
        return [row async for page in pages for row in page]

    def _by_order_id(self, reports: Sequence[OrderReport]) -> dict[int, OrderReport]:
        found = {}
        for report in reports:
            ids = (report.account, report.client_order_id, report.venue_order_id)
            if order_id := self._session.order_id_of(*ids):
                found[order_id] = report
        return found

    async def _apply_fills(self, account: str, rows: Sequence[Row]) -> None:
        """Every fill since the last known one, and since the oldest order we are unsure of."""
        number = self._engine.names.id("account", account)
        newest = self._engine.native.last_fill_time_ns(number)
        oldest = min((int(row["created_ns"]) for row in rows), default=newest)
        since = max(0, min(newest, oldest) - _FILL_OVERLAP_NS) if newest else 0
        fills = await self._adapter.fills(account, since)
        self._stay_above(fill.client_order_id for fill in fills)
        for fill in fills:
            if not self._session.fill_reported(fill):
                self._unbooked.append(f"fill {fill.trade_id} of {fill.instrument} not booked")
        await self._session.drain()

    async def _apply_funding(self, account: str) -> set[tuple[str, str]]:
        """Book every payment since the newest one known, however it was missed; returns the names
        of those the venue told. A payment that came over the stream as well is booked once."""
        if not self._session.manifest.has_funding:
            return set()
        known_ns = self._engine.native.funding_known_ns(self._engine.names.id("account", account))
        since = max(0, known_ns - _FUNDING_OVERLAP_NS)
        told = await self._adapter.funding(account, since)
        for each in told:
            if not self._session.funding_reported(each):
                self._unbooked.append(f"funding {each.reference} of {each.instrument} not booked")
        await self._session.drain()
        return {(each.instrument, each.reference) for each in told}

    async def _stated_balances(self, account: str) -> Sequence[BalanceReport]:
        """What the venue states, with all payments that are in it booked before."""
        before = await self._apply_funding(account)
        for _ in range(_BALANCE_TRIES):
            reports = await self._adapter.balances(account)
            after = await self._apply_funding(account)
            if after <= before:
                return reports
            before = after
        raise VenueUnavailable(f"{account}: funding is paid faster than balances are told")

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
            ids = (report.account, report.client_order_id, report.venue_order_id)
            if self._session.order_id_of(*ids) == 0:
                log.warning("%s: adopting order %s", self._session.venue, report.venue_order_id)
                self._session.adopt(report)
                result.adopted.append(report.venue_order_id)
        await self._session.drain()

    async def _settle(
        self,
        account: str,
        rows: Sequence[Row],
        open_reports: dict[int, OrderReport],
        result: Result,
    ) -> None:
        """Ask about each order by id, after the fills: what it says is newer than all we have."""
        for row in rows:
            order_id = int(row["order_id"])
            if self._outbound.is_sending(order_id):
                result.unsettled.append(order_id)
                continue
            asked_ns = self._engine.now_ns()
            report = await self._query(account, row)
            if report is None and order_id in open_reports:
                report = open_reports[order_id]
            await self._settle_one(order_id, report, asked_ns, result)

    async def _query(self, account: str, row: Row) -> OrderReport | None:
        order_id = int(row["order_id"])
        is_external = order_id >> 51 != self._engine.instance or row["strategy"] == "EXTERNAL"
        client_order_id = row["client_order_id"] if is_external else None
        return await self._adapter.query_order(
            account, str(client_order_id or self._session.ids.encode(order_id))
        )

    async def _settle_one(
        self, order_id: int, report: OrderReport | None, asked_ns: int, result: Result
    ) -> None:
        row = self._engine.order(order_id)
        is_grown = row is not None and report is not None and is_enlarged(row, report)
        if row is None or (row["state"] in TERMINAL_STATES and not is_grown):
            result.settled.append(order_id)
            return
        is_proof = self._is_proof(order_id, row, asked_ns)
        if report is not None and lacks_fills(row, report):
            # The venue executed more than the fills we were given: ask again for the fills.
            report = await self._fetch_lacking(order_id, row, report)
            row = self._engine.order(order_id) or row
            if report is None:
                result.lacking.append(order_id)
                return
        facts = (
            facts_of_report(order_id, row, report, is_proof=is_proof)
            if report is not None
            else self._not_found(order_id, row, is_proof=is_proof)
        )
        for fact in facts:
            self._session.tell(fact, EVIDENCE["query"])
        await self._session.drain()
        after = self._engine.order(order_id)
        is_open = after is not None and (is_unknown(after) or after["state"] == "PENDING_NEW")
        (result.unsettled if is_open else result.settled).append(order_id)

    async def _fetch_lacking(
        self, order_id: int, row: Row, report: OrderReport
    ) -> OrderReport | None:
        await self._apply_fills(str(row["account"]), [row])
        after = self._engine.order(order_id)
        return None if after is None or lacks_fills(after, report) else report

    def _not_found(self, order_id: int, row: Row, *, is_proof: bool) -> list[Fact]:
        """The venue has never heard of it. Without proof that is no answer at all."""
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

    def _currencies(self, account: str) -> set[str]:
        return {c for a, c in balance_totals(self._engine.native.balances()) if a == account}

    async def _balances(self, account: str, known: set[str], result: Result) -> None:
        """A currency the journal has never seen starts at what the venue states; later
        differences are reported, never booked."""
        for report in await self._stated_balances(account):
            ours = balance_totals(self._engine.native.balances()).get((account, report.currency))
            gap = difference(report.total, ours) if ours is not None else report.total
            if not Decimal(gap):
                continue
            if report.currency not in known:
                self._session.opening_balance(account, report.currency, gap)
            elif abs(Decimal(gap)) > _ROUNDING:
                result.breaks.append(f"{account} {report.currency}: venue - ours = {gap}")
        await self._session.drain()

    async def _positions(self, account: str, result: Result) -> None:
        """Both ways: what the venue states against ours, and ours that it does not state. Spot
        holdings are balances, which a venue need not state as positions."""
        names = self._engine.names
        totals = position_totals(await self._engine.positions())
        instruments = self._engine.native.registry("instrument")
        spot = {row["name"] for row in instruments if row.get("kind") == "spot"}
        stated = {key: "0" for key in totals if key[0] == account and key[1] not in spot}
        for report in await self._adapter.positions(account):
            number = names.venue_instrument(self._session.venue, report.instrument)
            symbol = names.name("instrument", number) if number else report.instrument
            sign = (
                "-" if report.leg == "short" and Decimal(report.quantity) else ""
            )  # unsigned there
            stated[account, symbol, report.leg] = sign + report.quantity
        for key, quantity in stated.items():
            gap = difference(quantity, totals.get(key, Decimal(0)))
            if Decimal(gap):
                where = " ".join(key)
                result.breaks.append(f"{where}: venue {quantity}, venue - ours = {gap}")


def _is_held_here(row: Row) -> bool:
    """An order that waits in the gateway, for its trigger or for another order: no venue knows it,
    and none can tell its end."""
    if row["state"] != "UNTRIGGERED" or row["venue_order_id"]:
        return False
    return bool(row["is_emulated"] or row["link"] is not None)
