"""What an adapter author brings: a simulated venue that speaks the adapter's own protocol, and what
only its author knows about it. The kit never imports an adapter."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from gateway.api import BalanceReport, FillReport, OrderReport, PositionReport, VenueAdapter
from gateway.api.messages import LegName, SideName

__all__ = ["OPERATIONS", "OperationName", "VenueUnderTest", "WireRule"]

OperationName = Literal["submit", "cancel", "replace", "query"]
OPERATIONS: tuple[OperationName, ...] = ("submit", "cancel", "replace", "query")


class WireRule(NamedTuple):
    """How one operation looks on the wire: HTTP method and path (query included), both regular
    expressions that must match from the beginning; `frame` instead for one sent over WebSocket, or
    for a FIX message, its fields divided by |."""

    method: str = ""
    path: str = ""
    frame: str = ""

    def matches_request(self, method: str, path: str) -> bool:
        """True when an HTTP request is this operation."""
        return (
            bool(self.path)
            and re.match(self.method, method) is not None
            and re.match(self.path, path) is not None
        )

    def matches_frame(self, text: str) -> bool:
        """True when a frame of the adapter is this operation."""
        return bool(self.frame) and re.search(self.frame, text) is not None


class VenueUnderTest(ABC):
    """One simulated venue and the adapter that talks to it; a fresh one for every case.

    The venue must be a real server: the kit puts its fault proxy between it and the adapter. What
    `orders`, `fills` and `positions` answer is the judge, so it comes from the venue's own books
    and not through the adapter.
    """

    wire: Literal["http", "fix"] = "http"  # what the proxy between the two must understand
    distribution: str  # the name under which pip knows the adapter, as gateway-okx
    plugin: str = ""  # its entry point; needed when the distribution has several
    account: str = "main"
    hedge_account: str = ""  # an account in hedge mode; needed when the manifest declares it
    instrument: str = ""  # our name of one that trades around `price`
    symbol: str = ""  # the venue's spelling of the same
    quantity: str = ""  # an order of this size is valid, and so is twice and half of it
    price: str = ""  # on the tick; the middle of an empty book when a case begins
    tick: str = ""
    settle: str = ""  # what profit and fees of the instrument are paid in
    fills_page: int = 0  # how many fills one answer of the venue holds; 0 = no pages
    requests: Mapping[OperationName, WireRule] = {}

    @abstractmethod
    async def start(self) -> str:
        """Begin to listen; the address, as http://127.0.0.1:port."""

    @abstractmethod
    async def stop(self) -> None:
        """End, with everything that was started."""

    @abstractmethod
    def adapter(self, url: str, *, account: str, timeout_ms: int) -> VenueAdapter:
        """A new adapter for the venue at `url` (the proxy's) that trades on `account` at least;
        requests give up after the time."""

    @abstractmethod
    def secrets(self) -> Sequence[str]:
        """The credentials the adapter was given, so that none is ever shown."""

    @abstractmethod
    def orders(self) -> Sequence[OrderReport]:
        """Every order the venue ever took, ended ones too, as often as it took them."""

    @abstractmethod
    def fills(self) -> Sequence[FillReport]:
        """Every fill of every account, oldest first."""

    @abstractmethod
    def positions(self) -> Sequence[PositionReport]:
        """Positions other than flat."""

    @abstractmethod
    def balances(self) -> Sequence[BalanceReport]:
        """Balances of every account."""

    @abstractmethod
    async def show(self, side: SideName, price: str, quantity: str) -> None:
        """Somebody else's resting order: the market displays this quantity at this price."""

    @abstractmethod
    async def trade(self, side: SideName, price: str, quantity: str) -> None:
        """Somebody else's trade: the aggressor on `side` goes through to `price`."""

    async def cancel_at_venue(self, client_order_id: str) -> None:
        """The venue ends one order by its own decision."""
        raise NotImplementedError

    async def pay_funding(self) -> None:
        """A funding payment falls due on every open position."""
        raise NotImplementedError

    async def accrue_interest(self) -> None:
        """A period of interest on a loan of the account falls due."""
        raise NotImplementedError

    async def place_elsewhere(self, side: SideName, price: str, quantity: str) -> str:
        """A person places an order on our account by other means; its client order id."""
        raise NotImplementedError

    def leg_of(self, side: SideName) -> LegName:
        """The leg that an opening order of this side has in hedge mode."""
        return "long" if side == "buy" else "short"
