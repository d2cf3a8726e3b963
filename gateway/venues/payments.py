"""Funding and borrow interest, asked for since the newest one known and booked once by reference.
Never books what a venue did not state."""

from __future__ import annotations

from typing import Any

from gateway.api import BorrowReport, FundingReport
from gateway.venues.breaks import BreakKind, Finding
from gateway.venues.session import VenueSession

__all__ = ["Payments"]

# Payments are asked from this long before the newest known one: venues' pages overlap.
_OVERLAP_NS = 60 * 1_000_000_000
# A venue tells the interest of a period after it, and books are kept by the day.
_INTEREST_OVERLAP_NS = 24 * 3_600 * 1_000_000_000


class Payments:
    """What an account was paid and charged beside its fills. Event-loop thread only."""

    def __init__(self, session: VenueSession, adapter: Any) -> None:
        self._session = session
        self._adapter = adapter
        self._interest_known_ns: dict[str, int] = {}
        self.unbooked: list[Finding] = []

    async def apply(self, account: str) -> set[tuple[str, str]]:
        """Book every payment since the newest one known, however it was missed; returns the names
        of those the venue told. What came over the stream as well is booked once."""
        told = await self._funding(account) | await self._interest(account)
        await self._session.drain()
        return told

    async def _funding(self, account: str) -> set[tuple[str, str]]:
        session = self._session
        if not session.manifest.has_funding:
            return set()
        number = session.engine.names.id("account", account)
        known_ns = session.engine.native.funding_known_ns(number)
        told = await self._adapter.funding(account, max(0, known_ns - _OVERLAP_NS))
        for each in told:
            if not session.funding_reported(each):
                text = f"funding {each.reference} of {each.instrument} not booked"
                self._miss("funding_not_booked", account, each.instrument, each, text)
        return {(each.instrument, each.reference) for each in told}

    async def _interest(self, account: str) -> set[tuple[str, str]]:
        session = self._session
        if not session.manifest.has_borrow:
            return set()
        # Of an earlier process only the newest payment and the opening balance are known, 0 = none:
        # the first question reaches back before both, and what it repeats is known by reference.
        number = session.engine.names.id("account", account)
        before_ns = session.engine.native.funding_known_ns(number)
        known_ns = self._interest_known_ns.get(account, before_ns)
        told = await self._adapter.borrow_interest(account, max(0, known_ns - _INTEREST_OVERLAP_NS))
        newest = known_ns
        for each in told:
            newest = max(newest, min(each.until_ns, session.engine.now_ns()))
            if not session.interest_reported(each):
                text = f"interest {each.reference} in {each.currency} not booked"
                self._miss("interest_not_booked", account, each.currency, each, text)
        self._interest_known_ns[account] = newest
        return {(each.currency, each.reference) for each in told}

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
