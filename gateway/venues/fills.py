"""Fills of one venue on their way into the engine, in the order in which they happened there: what
a stream tells waits until the older ones have been asked for, for average cost depends on it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from gateway.api import FillReport, RefusedError
from gateway.core.vocabulary import LEGS, LIQUIDITIES, SIDES
from gateway.venues.fact_lane import FactLane
from gateway.venues.forced_closes import ForcedCloses
from gateway.venues.in_flight import InFlight

__all__ = ["Fills"]

log = logging.getLogger(__name__)

# A reconciliation lasts seconds; more fills than this in that time would be a venue gone mad.
_HELD_MAX = 65_536


class HeldFill(NamedTuple):
    """A fill, a correction or a bust of the stream that waits for older fills."""

    fill: FillReport
    revision: int | None = None
    is_bust: bool = False


class Fills:
    """Event-loop thread only."""

    def __init__(
        self,
        lane: FactLane,
        in_flight: InFlight,
        forced_closes: ForcedCloses,
        *,
        order_id_of: Callable[[FillReport], int],
        ask_again: Callable[[str], None],
    ) -> None:
        """`order_id_of`: our order behind a report, 0 when it is not ours; `ask_again` has
        reconciliation ask for what the stream told and nobody could book."""
        self._lane, self._in_flight, self._forced_closes = lane, in_flight, forced_closes
        self._order_id_of, self._ask_again = order_id_of, ask_again
        # Accounts whose older fills have been asked for since the last gap; those of others wait.
        self._caught_up: set[str] = set()
        self._held: deque[HeldFill] = deque()

    # What a stream tells.

    def told(self, fill: FillReport) -> None:
        """A fill, ours or external. One that names something unknown is not lost:
        reconciliation refreshes instruments and asks for fills again."""
        if self._holds(HeldFill(fill)):
            return
        if not fill.trade_id:  # the engine keeps it as an anomaly, and books nothing
            self._lacks_trade_id(fill)
        if not self._deliver(fill, None):
            self._ask_again("a fill names something unknown or cannot be read")

    def busted(self, fill: FillReport, revision: int) -> None:
        """An earlier fill (same key) never happened."""
        if not self._holds(HeldFill(fill, revision, is_bust=True)):
            self._deliver(fill, revision, is_bust=True)

    def corrected(self, fill: FillReport, revision: int) -> None:
        """An earlier fill (same key) happened with these numbers instead."""
        if not self._holds(HeldFill(fill, revision)):
            self._deliver(fill, revision)

    # What reconciliation knows.

    def reported(self, fill: FillReport) -> bool:
        """A fill from a query; False when it names something unknown or has no trade id."""
        if not fill.trade_id:
            self._lacks_trade_id(fill)
            return False
        return self._deliver(fill, None)

    def gap_opened(self) -> None:
        """Older fills of every account may be missing."""
        self._caught_up.clear()

    def caught_up(self, account: str) -> None:
        """No older fill of the account is missing: what came over the stream meanwhile follows."""
        self._caught_up.add(account)
        waiting, self._held = self._held, deque()
        for held in waiting:
            if held.revision is None:
                self.told(held.fill)
            elif held.is_bust:
                self.busted(held.fill, held.revision)
            else:
                self.corrected(held.fill, held.revision)

    def _holds(self, held: HeldFill) -> bool:
        """Whether the fill has to wait. When too many wait, order is given up and nothing else."""
        account = held.fill.account
        is_known = self._lane.engine.names.find("account", account) != 0
        if account in self._caught_up or not is_known or len(self._held) >= _HELD_MAX:
            return False
        self._held.append(held)
        return True

    def _deliver(self, fill: FillReport, revision: int | None, *, is_bust: bool = False) -> bool:
        lane = self._lane
        try:
            account = lane.engine.names.id("account", fill.account)
            instrument = lane.instrument(fill.instrument)
            side, leg = SIDES[fill.side], LEGS[fill.leg]
            liquidity = LIQUIDITIES[fill.liquidity]
            fee_currency = lane.engine.define_currency(fill.fee_currency)
        except (RefusedError, KeyError) as error:
            lane.bad("fill", str(error))
            return False
        order_id = self._order_id_of(fill)
        if order_id:
            self._in_flight.answered(order_id, "new")
        if fill.cause != "trade":
            self._forced_closes.told(fill)
        quantity = "0" if is_bust else fill.quantity
        head = (order_id, account, instrument, side, leg, fill.price, quantity, fill.value or "")
        tail = (fill.fee, fee_currency, liquidity, fill.trade_id, fill.venue_order_id)
        when, sequence = fill.venue_time_ns, fill.venue_sequence
        if revision is None:
            return lane.deliver(lambda: lane.native.filled(*head, *tail, when, sequence))
        number = revision
        return lane.deliver(lambda: lane.native.fill_revised(*head, *tail, when, number))

    def _lacks_trade_id(self, fill: FillReport) -> None:
        self._lane.bad("fill", f"no trade id: {fill.instrument} {fill.venue_order_id}")
