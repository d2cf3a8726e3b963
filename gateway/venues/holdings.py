"""Balances and positions as the venue states them against ours, compared both ways. Differences are
findings; nothing but an opening balance and collateral is ever taken over from them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Context, Decimal
from typing import Any

import msgspec

from gateway.api import BalanceReport, VenueAdapter, VenueUnavailable
from gateway.core.positions import balance_totals, difference, position_totals
from gateway.venues.breaks import IN_DOUBT, REALISED_BY_BOOK, Finding
from gateway.venues.payments import Payments
from gateway.venues.session import VenueSession

__all__ = ["Holdings", "money_of"]

Row = dict[str, Any]
# Asked for again when something was paid or executed between our books and the venue's answer: only
# what still differs with all of it booked is a difference.
_TRIES = 3
_PAUSE_SECONDS = 0.05  # what the venue did a moment ago reaches its own books and streams
# Both sides round divisions at 10^-18, each in its own way: a unit for each division, and a million
# of them are still no money. Anything above is a break.
_ROUNDING = Decimal("1e-12")
_EXACT = Context(prec=80)


class Holdings:
    """Compares one account at a time. Event-loop thread only."""

    def __init__(
        self,
        session: VenueSession,
        adapter: VenueAdapter,
        payments: Payments,
        catch_up: Callable[[str], Awaitable[None]],
    ) -> None:
        self._session = session
        self._adapter = adapter
        self._payments = payments
        self._catch_up = catch_up  # books every fill the venue knows
        self._engine = session.engine
        self._uncertain: dict[tuple[str, str], Decimal] = {}  # the largest that was told

    def currencies(self, account: str) -> set[str]:
        """Currencies the journal has seen in an account."""
        return {c for a, c in balance_totals(self._engine.native.balances()) if a == account}

    async def balances(self, account: str, known: set[str]) -> list[Finding]:
        """A currency the journal has never seen starts at what the venue states; later
        differences are reported, never booked."""
        for attempt in range(_TRIES):
            findings = await self._balances(account, known)
            if not findings or attempt == _TRIES - 1:
                return findings
            await asyncio.sleep(_PAUSE_SECONDS * (attempt + 1))
            await self._catch_up(account)
        return []

    async def _balances(self, account: str, known: set[str]) -> list[Finding]:
        findings: list[Finding] = []
        by_book: dict[str, Decimal | None] = {}
        for report in await self._stated(account):
            ours = balance_totals(self._engine.native.balances()).get((account, report.currency))
            gap = difference(report.total, ours) if ours is not None else report.total
            uncertain = self._uncertainty(account, report)
            if abs(Decimal(gap)) <= uncertain:
                continue
            if report.doubt:
                found = _balance_finding(account, report.currency, ours, report.total, gap)
                findings.append(_in_doubt(found, report.doubt))
            elif report.currency not in known:
                self._session.opening_balance(account, report.currency, gap)
            elif abs(Decimal(gap)) > _ROUNDING:
                by_book = by_book or await self._realised_by_book(account)
                part = by_book.get(report.currency, Decimal(0))
                ours = _EXACT.add(ours or Decimal(0), part or Decimal(0))
                gap = difference(report.total, ours)
                if part is None or abs(Decimal(gap)) > max(_ROUNDING, uncertain):
                    found = _balance_finding(account, report.currency, ours, report.total, gap)
                    findings.append(_of_books(found) if part is None else found)
        await self._session.drain()
        return findings

    def _uncertainty(self, account: str, report: BalanceReport) -> Decimal:
        """The largest that was told: an opening balance may carry the error of its moment."""
        key, now = (account, report.currency), Decimal(report.uncertainty)
        self._uncertain[key] = max(now, self._uncertain.get(key, Decimal(0)))
        return self._uncertain[key]

    async def _realised_by_book(self, account: str) -> dict[str, Decimal | None]:
        """By settlement currency: what the venue has realised and our books have not, because it
        counts one position where we have several books. Realised minus cost is the same sum on
        both sides, and a flat position costs nothing; None: what an open one costs there is not
        told, so nobody knows how much of a difference it is."""
        rules = {row["name"]: row for row in self._engine.native.registry("instrument")}
        books: dict[tuple[str, str], list[Row]] = {}
        for row in await self._engine.positions():
            kind = rules.get(row["instrument"], {}).get("kind", "spot")
            if row["account"] == account and kind != "spot":
                books.setdefault((row["instrument"], row["leg"]), []).append(row)
        parts: dict[str, Decimal | None] = {}
        for (instrument, _), rows in books.items():
            if len(rows) < 2:
                continue
            currency = str(rules[instrument]["settle"])
            is_flat = not sum((Decimal(str(row["quantity"])) for row in rows), Decimal(0))
            costs = [Decimal(str(row["cost"])) for row in rows]
            part, cost = parts.get(currency, Decimal(0)), Decimal(0)
            for each in costs:
                cost = _EXACT.add(cost, each)
            parts[currency] = _EXACT.subtract(part, cost) if is_flat and part is not None else None
        return parts

    async def _stated(self, account: str) -> Any:
        """What the venue states, with all payments that are in it booked before."""
        before = await self._payments.apply(account)
        for _ in range(_TRIES):
            reports = await self._adapter.balances(account)
            after = await self._payments.apply(account)
            if after <= before:
                return reports
            before = after
        raise VenueUnavailable(f"{account}: payments come faster than balances are told")

    async def positions(self, account: str) -> list[Finding]:
        """Both ways: what the venue states against ours, and ours that it does not state."""
        for attempt in range(_TRIES):
            findings = await self._positions(account)
            if not findings or attempt == _TRIES - 1:
                return findings
            await asyncio.sleep(_PAUSE_SECONDS * (attempt + 1))
            await self._catch_up(account)
        return []

    async def _positions(self, account: str) -> list[Finding]:
        """Spot holdings are balances, which a venue need not state as positions."""
        names, venue = self._engine.names, self._session.venue
        rows = {row["name"]: row for row in self._engine.native.registry("instrument")}
        spot = {name for name, row in rows.items() if row.get("kind") == "spot"}
        asked_ns = self._engine.now_ns()
        reports = await self._adapter.positions(account)
        await self._session.drain()
        held = await self._engine.positions()
        self._session.collaterals.stated(account, reports, held, asked_ns)
        totals = position_totals(held)
        stated = {key: "0" for key in totals if key[0] == account and key[1] not in spot}
        for report in reports:
            number = names.venue_instrument(venue, report.instrument)
            symbol = names.name("instrument", number) if number else report.instrument
            # Unsigned on the short leg.
            sign = "-" if report.leg == "short" and Decimal(report.quantity) else ""
            stated[account, symbol, report.leg] = sign + report.quantity
        findings = []
        for key, quantity in stated.items():
            ours = totals.get(key, Decimal(0))
            gap = difference(quantity, ours)
            if Decimal(gap):
                findings.append(_position_finding(key, ours, quantity, gap, rows.get(key[1])))
        return findings


def money_of(quantity: str, row: Row | None, price: str | None = None) -> tuple[str | None, str]:
    """What a quantity is worth at the mark (or the given price), and in which currency."""
    if row is None:
        return None, ""
    currency, price = str(row.get("settle", "")), price or row.get("mark") or row.get("last")
    if not price or not Decimal(price):
        return None, currency
    units = _EXACT.multiply(abs(Decimal(quantity)), Decimal(str(row.get("multiplier", "1"))))
    if row.get("kind") == "inverse":
        worth = _EXACT.divide(units, Decimal(price)).quantize(Decimal("1e-18"), context=_EXACT)
    else:
        worth = _EXACT.multiply(units, Decimal(price))
    return format(worth.normalize(_EXACT), "f"), currency


def _balance_finding(
    account: str, currency: str, ours: Decimal | None, theirs: str, gap: str
) -> Finding:
    return Finding(
        kind="balance_differs",
        account=account,
        subject=currency,
        ours=format(ours or Decimal(0), "f"),
        theirs=theirs,
        difference=gap,
        impact=gap.lstrip("-"),
        currency=currency,
        text=f"{account} {currency}: venue - ours = {gap}",
    )


def _of_books(found: Finding) -> Finding:
    """A difference that several books of one open position may explain in part or in whole."""
    text = f"{found.text}, of which books realise an unknown part apart from the net position"
    return msgspec.structs.replace(found, evidence=(REALISED_BY_BOOK,), text=text)


def _in_doubt(found: Finding, why: str) -> Finding:
    """A difference of a total that the venue does not tell apart: told, and it stops nothing."""
    text = f"{found.text}, in doubt: {why}"
    return msgspec.structs.replace(found, evidence=(IN_DOUBT, why), text=text)


def _position_finding(
    key: tuple[str, str, str], ours: Decimal, theirs: str, gap: str, row: Row | None
) -> Finding:
    impact, currency = money_of(gap, row)
    return Finding(
        kind="position_differs",
        account=key[0],
        instrument=key[1],
        subject=key[2],
        ours=format(ours, "f"),
        theirs=theirs,
        difference=gap,
        impact=impact,
        currency=currency,
        text=f"{' '.join(key)}: venue {theirs}, venue - ours = {gap}",
    )
