"""Orders held here that may have left in records that a power cut took: their venue is asked before
one of them leaves. What nobody can prove stays held, as a break, until a person answers for it.

Proof is "never heard of it", late enough for what was on its way, and early enough for a venue that
forgets orders which ended without executing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from gateway.api import OrderReport
from gateway.venues.breaks import Finding

if TYPE_CHECKING:
    from gateway.venues.session import VenueSession

__all__ = ["Doubts", "is_held_here", "never_worked"]

Row = dict[str, Any]


class Doubts:
    """The doubted orders of one venue. Event-loop thread only."""

    def __init__(self, session: VenueSession) -> None:
        self._session = session
        self._engine = session.engine
        self._asked: set[int] = set()  # their venue did not know them, which proves nothing there
        self.is_any = False  # when it was last looked

    def rows(self, account: str) -> list[Row]:
        """What of one account is in doubt now; mostly nothing is."""
        return [row for row in self._rows() if row["account"] == account]

    def _rows(self) -> list[Row]:
        found = [self._engine.order(each) for each in self._engine.native.doubted_orders()]
        ours = [row for row in found if row is not None and row["venue"] == self._session.venue]
        self.is_any = bool(ours)
        return ours

    def unasked(self, account: str) -> list[Row]:
        """Those whose venue was not asked yet, or has to be asked again."""
        return [row for row in self.rows(account) if int(row["order_id"]) not in self._asked]

    def not_found(self, order_id: int, *, is_proof: bool) -> None:
        """The venue has never heard of it. `is_proof`: asked late enough for what was under way."""
        if not self.can_prove():
            self._asked.add(order_id)
        elif is_proof:
            self.never_left(order_id, is_proof=True)

    def can_prove(self) -> bool:
        """Whether this venue's "never heard of it" can prove that an order never left."""
        manifest, native = self._session.manifest, self._engine.native
        if manifest.not_found_proof_after_ms is None:
            return False
        # One that it has forgotten is refused there when it comes again under its id.
        is_refused_again = manifest.client_order_id_reuse == "never"
        kept_ms = manifest.ended_orders_kept_ms
        if is_refused_again or kept_ms is None:
            return is_refused_again
        return kept_ms == 0 or self._engine.now_ns() - native.lost_after_ns < kept_ms * 1_000_000

    def never_left(self, order_id: int, *, is_proof: bool) -> bool:
        """Proved, or a person's word: it is held as any other from now on, also after a restart.
        False: the journal has no room for it now."""
        return bool(self._engine.native.settle_doubt(order_id, is_proof))

    def findings(self, account: str) -> Iterable[Finding]:
        """Those whose absence there would prove nothing."""
        rows, venue = self.rows(account), self._session.venue
        why = f"{venue} cannot prove that it did not"
        return [] if self.can_prove() else [self._finding(row, why) for row in rows]

    def of_others(self, accounts: Collection[str]) -> dict[str, list[Finding]]:
        """By account, those of no account in `accounts`, the configured ones: nobody asks."""
        found: dict[str, list[Finding]] = {}
        for row in self._rows():
            name = str(row["account"])
            if name not in accounts:
                why = f"{name} is not configured, so {self._session.venue} is not asked"
                found.setdefault(name, []).append(self._finding(row, why))
        return found

    def _finding(self, row: Row, why: str) -> Finding:
        order_id = str(row["order_id"])
        return Finding(
            kind="order_in_doubt",
            account=str(row["account"]),
            instrument=str(row["instrument"]),
            subject=order_id,
            ours=str(row["state"]),
            theirs="cannot tell",
            evidence=(order_id, self._session.ids.encode(int(order_id))),
            text=f"order {order_id}: it may have left in records that are lost, and {why}; "
            "it stays held",
        )


def is_held_here(row: Row) -> bool:
    """An order that waits in the gateway, for its trigger, for another order or to be crossed: no
    venue knows it, and none can tell its end. One that its venue lists all the same has left, and
    the record of that is lost with the journal's last moments."""
    if row["state"] != "UNTRIGGERED" or row["venue_order_id"]:
        return False
    return bool(row["is_emulated"] or row["link"] is not None or row.get("cross_ms"))


def never_worked(report: OrderReport) -> bool:
    """Whether it left and its venue never had it to work: nothing was accepted that could end."""
    is_ended = report.state in ("canceled", "expired")
    return report.state == "rejected" or (is_ended and not report.venue_order_id)
