"""Fills and payments that a venue tells and the engine left out, because they are as old as what it
no longer remembers: they may be booked already (docs/decisions/0057). Books nothing, stops nothing;
what they would move, compared with the venue's own totals, says whether one is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.api import BorrowReport, FillReport, FundingReport
from gateway.core.engine import Engine
from gateway.venues.breaks import IN_DOUBT, BreakKind, Finding
from gateway.venues.cash_flows import interest_reference

__all__ = ["Forgotten"]

# A venue's clock may be that far ahead of ours; later is no time (kVenueAheadNsMax of kinds.hpp).
_AHEAD_NS_MAX = 86_400 * 1_000_000_000
_AMBIGUOUS_NS = 1_000_000_000  # kAmbiguousNs of unbookable_memory.hpp
_KEPT_MAX = 10_000  # of one account: those of a subject are one break, however many they are
_NAMED_MAX = 10


class _Told(NamedTuple):
    """What may be booked already. `subject`: the instrument or currency that it would move."""

    kind: BreakKind
    subject: str
    name: str
    amount: Decimal  # signed
    time_ns: int


class Forgotten:
    """Of one venue. Event-loop thread only."""

    def __init__(self, venue: str, engine: Engine) -> None:
        self._venue, self._engine = venue, engine
        self._kept: dict[str, dict[tuple[str, str, str], _Told]] = {}

    def fills_told(self, account: str, fills: Iterable[FillReport]) -> None:
        """Of these fills, which the engine has taken: keep those that it does not hold."""
        engine = self._engine
        number = engine.names.id("account", account)
        until_ns = engine.native.forgotten_fill_ns(number)
        for fill in fills:
            instrument = engine.names.venue_instrument(self._venue, fill.instrument)
            ids = (number, instrument, fill.venue_order_id, fill.trade_id)
            if self._is_newer(fill.venue_time_ns, until_ns) or engine.native.holds_fill(*ids):
                continue
            subject = engine.names.name("instrument", instrument)
            amount = Decimal(fill.quantity) * (1 if fill.side == "buy" else -1)
            told = _Told("fill_not_booked", subject, fill.trade_id, amount, fill.venue_time_ns)
            self._keep(account, told)

    def funding_told(self, account: str, payments: Iterable[FundingReport]) -> None:
        """Of these payments, which the engine has taken: keep those that it does not hold."""
        engine = self._engine
        number = engine.names.id("account", account)
        until_ns = engine.native.forgotten_payment_ns(number)
        for each in payments:
            instrument = engine.names.venue_instrument(self._venue, each.instrument)
            is_newer = self._is_newer(each.venue_time_ns, until_ns)
            if is_newer or engine.native.holds_payment(number, instrument, each.reference):
                continue
            head = (each.currency, each.reference, Decimal(each.amount), each.venue_time_ns)
            self._keep(account, _Told("funding_not_booked", *head))

    def interest_told(self, account: str, charges: Iterable[BorrowReport]) -> None:
        """The same of borrow interest, of which nothing at all is never booked."""
        engine = self._engine
        number = engine.names.id("account", account)
        until_ns = engine.native.forgotten_payment_ns(number)
        for each in charges:
            reference = interest_reference(each.currency, each.reference)
            is_newer = self._is_newer(each.until_ns, until_ns) or not Decimal(each.amount)
            if is_newer or engine.native.holds_payment(number, 0, reference):
                continue
            head = (each.currency, each.reference, -Decimal(each.amount), each.until_ns)
            self._keep(account, _Told("interest_not_booked", *head))

    def findings(self, account: str, differing: Iterable[Finding]) -> list[Finding]:
        """One for each subject whose totals differ. Where they agree with the venue's, everything
        is booked, and what was kept of it is let go."""
        kept = self._kept.get(account)
        if not kept:
            return []
        moved = self._moved(differing)
        self._kept[account] = kept = {
            key: told for key, told in kept.items() if told.subject in moved
        }
        groups: dict[tuple[BreakKind, str], list[_Told]] = {}
        for told in kept.values():
            groups.setdefault((told.kind, told.subject), []).append(told)
        return [_finding(account, group) for group in groups.values()]

    def _is_newer(self, time_ns: int, forgotten_ns: int) -> bool:
        is_time = time_ns <= self._engine.now_ns() + _AHEAD_NS_MAX
        return not forgotten_ns or (time_ns > forgotten_ns + _AMBIGUOUS_NS and is_time)

    def _keep(self, account: str, told: _Told) -> None:
        kept = self._kept.setdefault(account, {})
        if len(kept) < _KEPT_MAX:
            kept[told.kind, told.subject, told.name] = told

    def _moved(self, differing: Iterable[Finding]) -> set[str]:
        """Instruments and currencies of these differences; a fill of spot moves its base."""
        moved = {each.instrument or each.subject for each in differing}
        rows: Iterable[Mapping[str, Any]] = self._engine.native.registry("instrument")
        spot = {str(row["name"]) for row in rows if row["kind"] == "spot" and row["base"] in moved}
        return moved | spot


def _finding(account: str, group: list[_Told]) -> Finding:
    """Its evidence says that it may be no difference: what differs by it stops what has to stop."""
    group = sorted(group, key=lambda told: told.time_ns)
    kind, subject = group[0].kind, group[0].subject
    is_fill = kind == "fill_not_booked"
    what = kind.split("_", 1)[0]
    total = sum((told.amount for told in group), Decimal(0))
    return Finding(
        kind=kind,
        account=account,
        instrument=subject if is_fill else "",
        subject=f"{subject} as old as what is forgotten",
        theirs=f"{len(group)} told",
        difference=format(total, "f"),
        currency="" if is_fill else subject,
        evidence=(IN_DOUBT, *(told.name for told in group[-_NAMED_MAX:])),
        text=f"{account} {subject}: {len(group)} {what} told, up to {group[-1].name}, as old as "
        "what is no longer remembered: may be booked already",
    )
