"""The contract between the gateway and a venue, level 1. An adapter talks only to its port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.api.capabilities import Capabilities
from gateway.api.instruments import Instrument
from gateway.api.messages import (
    BalanceReport,
    BorrowReport,
    CancelRequest,
    FillReport,
    FundingReport,
    MarginCallReport,
    MarkReport,
    OrderReport,
    OrderRequest,
    PositionReport,
    ReplaceRequest,
    RequestName,
)

__all__ = ["AdapterPort", "BorrowSource", "Counted", "DeadManSwitch", "MassCancel", "VenueAdapter"]


class AdapterPort(Protocol):
    """Where an adapter puts what the venue says. Calls never block and never raise for bad facts:
    a fact that contradicts our state is journaled as an anomaly and counted."""

    def accepted(
        self,
        order_id: int,
        venue_order_id: str,
        *,
        is_untriggered: bool = False,
        venue_time_ns: int = 0,
        venue_sequence: int = 0,
    ) -> None:
        """The order works at the venue (or waits for its trigger)."""

    def rejected(self, order_id: int, reason: str, *, venue_time_ns: int = 0) -> None:
        """The venue refused the order: final, nothing is left working."""

    def not_sent(self, order_id: int, reason: str) -> None:
        """Proof that the order never left: its reservation returns."""

    def unknown(self, order_id: int, reason: str, *, request: RequestName | None = None) -> None:
        """The new, cancel or replace in flight has no known outcome (timeout, 5xx, cut line).
        `request` says which of them; without it the oldest that is in flight is meant."""

    def triggered(self, order_id: int, *, venue_time_ns: int = 0) -> None:
        """A stop became a working order."""

    def canceled(
        self,
        order_id: int,
        reason: str,
        *,
        cumulative_quantity: str | None = None,
        venue_time_ns: int = 0,
        venue_sequence: int = 0,
        venue_order_id: str = "",
    ) -> None:
        """The rest of the order is gone. `reason`: a FactReason word, else the venue's.
        `venue_order_id`: when the venue tells it; an order may end before it was accepted."""

    def expired(
        self,
        order_id: int,
        reason: str,
        *,
        cumulative_quantity: str | None = None,
        venue_time_ns: int = 0,
        venue_sequence: int = 0,
        venue_order_id: str = "",
    ) -> None:
        """The order ended by its time in force."""

    def replaced(
        self,
        order_id: int,
        *,
        price: str | None,
        quantity: str,
        venue_order_id: str,
        venue_time_ns: int = 0,
        venue_sequence: int = 0,
    ) -> None:
        """Price and total quantity now in force."""

    def cancel_rejected(self, order_id: int, reason: str) -> None:
        """The cancel failed; the order is what it was."""

    def replace_rejected(self, order_id: int, reason: str) -> None:
        """The replace failed; the order is what it was."""

    def filled(self, fill: FillReport) -> None:
        """A fill, ours (client_order_id decodes) or external. Duplicates are welcome."""

    def fill_busted(self, fill: FillReport, revision: int) -> None:
        """An earlier fill (same key) never happened."""

    def fill_corrected(self, fill: FillReport, revision: int) -> None:
        """An earlier fill (same key) happened with these numbers instead."""

    def order_seen(self, report: OrderReport) -> None:
        """The venue's view of one order, from its stream; settles UNKNOWN states."""

    def position_seen(self, report: PositionReport) -> None:
        """The venue's view of one position, from its stream: its margin mode and its collateral are
        journaled when one is another one. Fills alone make a position, so its quantity changes
        nothing. Repeats are welcome."""

    def marked(self, mark: MarkReport) -> None:
        """Reference prices."""

    def funded(self, funding: FundingReport) -> None:
        """A funding payment. Duplicates are welcome."""

    def margin_called(self, call: MarginCallReport) -> None:
        """The venue itself calls for margin. Noted in the journal, counted and logged; what is done
        about it is somebody else's decision."""

    def instruments_changed(self) -> None:
        """The venue listed, changed or halted something: the runtime asks for instruments again."""

    def maintenance(self, until_ns: int | None, reason: str) -> None:
        """The venue announces or begins maintenance: no new orders until `gap_closed`. Cancels are
        still handed over. `until_ns` None = the venue did not say."""

    def gap_opened(self, reason: str) -> None:
        """Facts may be missing from now on; new orders stop."""

    def gap_closed(self) -> None:
        """The adapter is connected again: the runtime reconciles, then orders may flow."""


class VenueAdapter(Protocol):
    """One venue. All calls run on the event loop; nothing may block it."""

    capabilities: Capabilities

    async def connect(self, port: AdapterPort) -> None:
        """Connect and log on. Streams start feeding `port`. Raises VenueError on failure; after
        a later disconnect the adapter reconnects by itself with gap_opened / gap_closed."""

    async def close(self) -> None:
        """Disconnect; afterwards the port is never used again."""

    async def instruments(self) -> Sequence[Instrument]:
        """All instruments the configured accounts may trade."""

    async def submit(self, orders: Sequence[OrderRequest]) -> None:
        """Send new orders. Each one ends in accepted, rejected, not_sent, filled or unknown on
        the port. Never resends."""

    async def cancel(self, cancels: Sequence[CancelRequest]) -> None:
        """Send cancels; each ends in canceled, cancel_rejected or unknown on the port."""

    async def replace(self, replaces: Sequence[ReplaceRequest]) -> None:
        """Send replaces; each ends in replaced, replace_rejected or unknown on the port."""

    async def query_order(self, account: str, client_order_id: str) -> OrderReport | None:
        """One order by our id; None = the venue says it has never heard of it."""

    async def open_orders(self, account: str) -> Sequence[OrderReport]:
        """Every open order of the account."""

    async def fills(self, account: str, since_ns: int) -> Sequence[FillReport]:
        """Every fill of the account at or after `since_ns` (venue time), oldest first."""

    async def funding(self, account: str, since_ns: int) -> Sequence[FundingReport]:
        """Every funding payment of the account at or after `since_ns` (venue time), oldest first,
        with the references of the stream. Asked only when the manifest has `has_funding`."""

    async def positions(self, account: str) -> Sequence[PositionReport]:
        """Positions as the venue states them."""

    async def balances(self, account: str) -> Sequence[BalanceReport]:
        """Balances as the venue states them."""

    async def is_hedge_mode(self, account: str) -> bool:
        """Net or hedge position mode, read from the venue."""


# What an adapter has beside, when its manifest says so. The loader refuses a manifest that declares
# what the adapter lacks.


class BorrowSource(Protocol):
    """`has_borrow`."""

    async def borrow_interest(self, account: str, since_ns: int) -> Sequence[BorrowReport]:
        """Every interest row of the account at or after `since_ns` (venue time), oldest first."""


class MassCancel(Protocol):
    """`has_mass_cancel`."""

    async def cancel_all(self, account: str) -> None:
        """Cancel every order of the account at the venue, those of others too. Returns once the
        venue took the request; the orders end by facts on the port."""


class DeadManSwitch(Protocol):
    """`dead_man` other than "none"."""

    async def arm_dead_man(self, account: str, timeout_ms: int) -> None:
        """The venue is to cancel the account's orders unless this is called again within
        `timeout_ms`; 0 disarms."""


class Counted(Protocol):
    """Beside the manifest: an adapter that lets itself be watched."""

    def counts(self) -> Mapping[str, int]:
        """Whole numbers by name, asked for about once a second; must not wait for anything. Names
        that every venue shares: `reconnects.LINE`, `requests.OUTCOME`, `limit_used.LIMIT`,
        `limit_capacity.LIMIT`, `banned_ms`, `clock_offset_us`. Any other name is a counter of the
        adapter's own. Beyond 256 names the rest is left out."""
