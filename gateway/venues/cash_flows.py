"""Money of an account that moves without a fill, on its way into the engine: funding, interest, the
opening balance. The engine books a reference once, whoever tells it and however often."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from gateway.api import BorrowReport, FundingReport, RefusedError
from gateway.core.vocabulary import LEGS
from gateway.venues.fact_lane import FactLane

__all__ = ["CashFlows", "interest_reference"]

# Why a balance changed, as the journal says it.
_OPENING, _INTEREST = 0, 1
_REFERENCE_MAX = 40


def interest_reference(currency: str, reference: str) -> str:
    """The journal knows a balance change by account and reference, a venue by the currency too."""
    text = f"interest:{currency}:{reference}"
    if len(text.encode()) <= _REFERENCE_MAX:
        return text
    return "interest#" + hashlib.sha256(text.encode()).hexdigest()[:31]


class CashFlows:
    """Of one venue. Event-loop thread only."""

    def __init__(self, lane: FactLane, *, ask_again: Callable[[str], None]) -> None:
        """`ask_again` has reconciliation ask for what a stream told and nobody could book."""
        self._lane, self._ask_again = lane, ask_again

    def funded(self, funding: FundingReport) -> None:
        """A payment of the stream. One that names something unknown is asked for again later."""
        if not self._has_reference(funding):
            return
        if not self._fund(funding):
            self._ask_again("a funding payment names something unknown or cannot be read")

    def funding_reported(self, funding: FundingReport) -> bool:
        """A payment from a query; False when it names something unknown and was not booked."""
        return self._has_reference(funding) and self._fund(funding)

    def interest_reported(self, interest: BorrowReport) -> bool:
        """Borrow interest from a query, once by its reference; False when it was not booked."""
        lane = self._lane
        number = lane.engine.names.find("account", interest.account)
        if not interest.reference or not number:
            lane.bad("interest", f"{interest.account!r:.40} {interest.reference!r:.60}")
            return False
        try:
            amount = -Decimal(interest.amount)
            code = lane.engine.define_currency(interest.currency)
        except (InvalidOperation, RefusedError) as error:
            lane.bad("interest", f"{interest.reference}: {interest.amount!r:.40}: {error!r}")
            return False
        if not amount.is_finite():
            lane.bad("interest", f"{interest.reference}: {interest.amount!r:.40}")
            return False
        if not amount:
            return True
        reference = interest_reference(interest.currency, interest.reference)
        head = (number, code, format(amount, "f"))
        tail = (_INTEREST, reference, interest.until_ns)
        return lane.deliver(lambda: lane.native.balance(*head, *tail))

    def opening_balance(self, account: str, currency: str, amount: str) -> None:
        """Book the venue's opening balance once per (account, currency)."""
        lane = self._lane
        number = lane.engine.names.id("account", account)
        code = lane.engine.define_currency(currency)
        reference = f"opening:{currency}"
        lane.deliver(lambda: lane.native.balance(number, code, amount, _OPENING, reference))

    def _has_reference(self, funding: FundingReport) -> bool:
        if not funding.reference:
            self._lane.bad("funding", f"no reference: {funding.account} {funding.instrument}")
        return bool(funding.reference)

    def _fund(self, funding: FundingReport) -> bool:
        lane = self._lane
        try:
            account = lane.engine.names.id("account", funding.account)
            instrument = lane.instrument(funding.instrument)
            currency = lane.engine.define_currency(funding.currency)
            leg = LEGS[funding.leg]
        except (RefusedError, KeyError) as error:
            lane.bad("funding", str(error))
            return False
        head = (account, instrument, leg, currency, funding.amount, funding.rate)
        tail = (funding.reference, funding.venue_time_ns)
        return lane.deliver(lambda: lane.native.funding(*head, *tail))
