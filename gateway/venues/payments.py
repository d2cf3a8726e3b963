"""Funding and borrow interest, asked for since all of it was known and booked once by reference.
Never books what a venue did not state."""

from __future__ import annotations

from typing import Any

from gateway.api import BorrowReport, FundingReport
from gateway.venues.breaks import BreakKind, Finding
from gateway.venues.forgotten import Forgotten
from gateway.venues.session import VenueSession

__all__ = ["Payments"]

# Payments are asked from this long before the newest known one: venues' pages overlap.
_OVERLAP_NS = 60 * 1_000_000_000
# A venue tells the interest of a period after it, and books are kept by the day.
_INTEREST_OVERLAP_NS = 24 * 3_600 * 1_000_000_000


class Payments:
    """What an account was paid and charged beside its fills. Event-loop thread only."""

    def __init__(self, session: VenueSession, adapter: Any, forgotten: Forgotten) -> None:
        self._session = session
        self._adapter = adapter
        self._forgotten = forgotten
        self.unbooked: list[Finding] = []

    async def apply(self, account: str) -> set[tuple[str, str]]:
        """Book every payment that may be missing, however it was missed; returns the names of those
        the venue told. What came over the stream as well is booked once."""
        funding, interest = await self._funding(account), await self._interest(account)
        await self._session.drain()
        self._forgotten.funding_told(account, funding)
        self._forgotten.interest_told(account, interest)
        told = {(each.instrument, each.reference) for each in funding}
        return told | {(each.currency, each.reference) for each in interest}

    async def _funding(self, account: str) -> list[FundingReport]:
        """Since the venue was last reconciled: what a stream told after a gap proves nothing of
        what it did not tell. Oldest first, so that the newest one known has no hole before it."""
        session = self._session
        if not session.manifest.has_funding:
            return []
        number = session.engine.names.id("account", account)
        known_ns = session.engine.native.funding_settled_ns(number)
        told = await self._adapter.funding(account, max(0, known_ns - _OVERLAP_NS))
        booked = []
        for each in sorted(told, key=lambda payment: payment.venue_time_ns):
            if session.funding_reported(each):
                booked.append(each)
                continue
            text = f"funding {each.reference} of {each.instrument} not booked"
            self._miss("funding_not_booked", account, each.instrument, each, text)
        return booked

    async def _interest(self, account: str) -> list[BorrowReport]:
        """Since the end of the newest period booked, before the first one since the opening."""
        session = self._session
        if not session.manifest.has_borrow:
            return []
        number = session.engine.names.id("account", account)
        known_ns = session.engine.native.interest_known_ns(number)
        told = await self._adapter.borrow_interest(account, max(0, known_ns - _INTEREST_OVERLAP_NS))
        booked = []
        for each in sorted(told, key=lambda charge: charge.until_ns):
            if session.interest_reported(each):
                booked.append(each)
                continue
            text = f"interest {each.reference} in {each.currency} not booked"
            self._miss("interest_not_booked", account, each.currency, each, text)
        return booked

    def _miss(
        self,
        kind: BreakKind,
        account: str,
        subject: str,
        told: FundingReport | BorrowReport,
        text: str,
    ) -> None:
        self.unbooked.append(
            Finding(
                kind=kind,
                account=account,
                subject=f"{subject} {told.reference}",
                theirs=told.amount,
                difference=told.amount,
                currency=told.currency,
                evidence=(told.reference,),
                text=text,
            )
        )
