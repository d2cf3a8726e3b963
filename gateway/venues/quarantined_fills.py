"""Executions that the engine did not book because their numbers cannot be: told as breaks, until
the venue tells them otherwise or a named person says that they are real. Books nothing by itself.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from gateway.api import RefusedError
from gateway.core.engine import Engine
from gateway.venues.breaks import BreakKind, BreakLedger, Finding

__all__ = ["QuarantinedFills"]

Row = dict[str, Any]
_KIND: Final[BreakKind] = "fill_quarantined"
_WHY = {
    "price": "its instrument does not trade at such a price",
    "fee": "its fee is far beyond what was executed",
    "range": "its numbers leave the exact range",
}


class QuarantinedFills:
    """Those of one venue. Event-loop thread only."""

    def __init__(self, engine: Engine, ledger: BreakLedger) -> None:
        self._engine, self._ledger = engine, ledger
        self._seen = 0

    def is_news(self) -> bool:
        """Whether the engine has refused to book another one since the last question."""
        seen = int(self._engine.native.counters()["unbookable"])
        before, self._seen = self._seen, seen
        return seen != before

    def tell(self, account: str) -> None:
        """Open the breaks of an account, and close those of what is booked by now."""
        found = [_finding(row) for row in self._engine.quarantined_fills(account)]
        self._ledger.compared((_KIND,), account, found, self._engine.now_ns())

    def oldest_ns(self, account: str, otherwise: int) -> int:
        """Since when fills have to be asked for, so that one that an earlier start did not book is
        told again."""
        return min(
            (
                int(each.finding.evidence[-1]) or each.first_seen_ns
                for each in self._ledger.open()
                if each.finding.kind == _KIND and each.finding.account == account
            ),
            default=otherwise,
        )

    def admit(self, found: Finding, quantity: str, price: str) -> None:
        """Book it as it was told. RefusedError: a person means other numbers, the venue has not
        told it since the start, or it cannot be booked exactly."""
        rows = self._engine.quarantined_fills(found.account)
        row = next((row for row in rows if _finding(row).evidence == found.evidence), None)
        if row is None:
            rule = "its venue has not told it since the start; reconcile first"
            raise RefusedError("NOT_FOUND", field="break_id", value=found.subject, rule=rule)
        told = {"quantity": found.difference, "price": str(row["price"])}
        for field, value in {"quantity": quantity, "price": price}.items():
            if Decimal(value) != Decimal(told[field]):
                rule = f"the fill was told with {told[field]}"
                raise RefusedError("RANGE", field=field, value=value, rule=rule)
        self._engine.admit_fill(
            account=found.account,
            instrument=found.instrument,
            venue_order_id=str(row["venue_order_id"]),
            trade_id=str(row["trade_id"]),
        )


def _finding(row: Row) -> Finding:
    sign = "-" if row["side"] == "sell" else ""
    fee = f"fee {row['fee']} {row['fee_currency']}"
    return Finding(
        kind=_KIND,
        account=str(row["account"]),
        instrument=str(row["instrument"]),
        subject=f"{row['venue_order_id']} {row['trade_id']}",
        ours="not booked",
        theirs=f"{row['side']} {row['quantity']} at {row['price']} {fee}",
        difference=f"{sign}{row['quantity']}",
        evidence=(row["trade_id"], row["venue_order_id"], str(max(0, row["venue_time_ns"]))),
        text=f"fill {row['trade_id']} of {row['instrument']} is not booked: {_WHY[row['why']]}",
    )
