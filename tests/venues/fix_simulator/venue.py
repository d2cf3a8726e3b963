"""The venue behind the wire: orders with their chains of names around the exchange of the paper
venue, which matches, books fees and holds positions. Every event goes to `on_event` before the call
returns. Knows no socket and no session."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal

from gateway_paper.venue.exact import number_text
from gateway_paper.venue.exchange import Exchange
from gateway_paper.venue.market import LevelSet, MarketChange, Traded
from gateway_paper.venue.orders import Refused, SubmitBody
from gateway_paper.venue.settings import AccountSettings, Listing, VenueSettings

__all__ = ["LISTINGS", "Event", "FixVenue", "VenueOrder", "VenueRefusal"]

Row = dict[str, Any]
LISTINGS = (
    Listing(
        symbol="BTC-PERP",
        name="BTC-PERP",
        kind="linear",
        base="BTC",
        quote="USD",
        settle="USD",
        tick="0.1",
        lot="0.1",
        multiplier="0.01",
    ),
    Listing(
        symbol="BTC-USD",
        name="BTC-USD",
        kind="spot",
        base="BTC",
        quote="USD",
        settle="USD",
        tick="0.01",
        lot="0.0001",
    ),
)


class VenueRefusal(Exception):
    """The venue says no: 103 or 102, and the words of 58."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason, self.text = reason, text


class VenueOrder:
    """One order. `names` is the chain of ClOrdIDs, the last one in force."""

    def __init__(self, venue_id: str, account: str, name: str, body: SubmitBody) -> None:
        self.venue_id, self.account, self.names, self.body = venue_id, account, [name], body
        self.quantity, self.price = Fraction(body.quantity), body.price
        self.filled = Fraction(0)
        self.value = Fraction(0)
        self.state = "new"
        self.is_triggered = False
        self.time_ns = 0

    @property
    def is_done(self) -> bool:
        return self.state in ("filled", "canceled", "expired", "rejected")

    @property
    def average(self) -> Fraction:
        return self.value / self.filled if self.filled else Fraction(0)


class Event:
    """What happened to an order: 150, the name it is about and the one before, a fill's row."""

    def __init__(self, order: VenueOrder, kind: str, name: str = "", **more: Any) -> None:
        self.order, self.kind = order, kind
        self.name = name or order.names[-1]
        self.original: str = more.get("original", "")
        self.fill: Row | None = more.get("fill")
        self.reason: str = more.get("reason", "")


class FixVenue:
    """All state of the venue. Single-threaded."""

    def __init__(
        self,
        accounts: Sequence[AccountSettings],
        listings: Sequence[Listing] = LISTINGS,
        *,
        now_ns: Callable[[], int],
    ) -> None:
        self.listings = {each.symbol: each for each in listings}
        self.orders: dict[str, VenueOrder] = {}  # by venue id, every one ever taken
        self.fills: list[tuple[VenueOrder, Row]] = []
        self.on_event: Callable[[Event], None] = lambda event: None
        self.on_market: Callable[[str], None] = lambda symbol: None
        self._names: dict[tuple[str, str], VenueOrder] = {}
        self._request: tuple[str, str] | None = None  # the name of a cancel or replace under way
        settings = VenueSettings(record="", accounts=tuple(accounts))
        self.exchange = Exchange(settings, listings, now_ns=now_ns, sink=self._absorb)
        self.now_ns = now_ns
        self._serials = itertools.count(1_000_001)

    def next_id(self) -> str:
        """Of an order."""
        return f"V{next(self._serials)}"

    # Requests.

    def place(self, account: str, name: str, body: SubmitBody) -> VenueOrder:
        """Raises VenueRefusal; then nothing is left of the order."""
        if (account, name) in self._names:
            raise VenueRefusal("6", "Duplicate order sent.")
        if body.instrument not in self.listings:
            raise VenueRefusal("1", "Unknown symbol")
        order = VenueOrder(body.client_order_id, account, name, body)
        self.orders[order.venue_id] = self._names[account, name] = order
        try:
            row = self.exchange.submit(body)
        except Refused as error:
            self._forget(order)
            raise VenueRefusal("99", error.code) from None
        if row["state"] == "rejected":
            self._forget(order)
            raise VenueRefusal("99", row["reason"])
        self.on_market(body.instrument)
        return order

    def cancel(self, order: VenueOrder, name: str) -> None:
        if order.is_done:
            raise VenueRefusal("0", "Too late to cancel")
        self._under(order, name, lambda: self.exchange.cancel(order.account, order.venue_id))

    def replace(self, order: VenueOrder, name: str, quantity: str, price: str | None) -> None:
        if order.is_done:
            raise VenueRefusal("0", "Too late to replace")
        if (order.account, name) in self._names:
            raise VenueRefusal("6", "Duplicate order sent.")
        self._under(
            order,
            name,
            lambda: self.exchange.replace(order.account, order.venue_id, quantity, price),
        )

    def cancel_all(self, account: str, symbol: str = "") -> int:
        doomed = [
            each
            for each in self.orders.values()
            if each.account == account and not each.is_done and symbol in ("", each.body.instrument)
        ]
        for order in doomed:
            self.exchange.cancel(account, order.venue_id)
        return len(doomed)

    def find(self, account: str, *names: str) -> VenueOrder | None:
        """By the venue's id or any name of the chain."""
        for name in names:
            order = self.orders.get(name) or self._names.get((account, name))
            if order is not None and order.account == account:
                return order
        return None

    # The market.

    def level(self, symbol: str, side: Literal["buy", "sell"], price: str, quantity: str) -> None:
        listing = self.listings[symbol]
        self._move(symbol, LevelSet(symbol, side, listing.price(price), listing.quantity(quantity)))

    def trade(self, symbol: str, price: str, quantity: str, side: Literal["buy", "sell"]) -> None:
        listing = self.listings[symbol]
        self._move(symbol, Traded(symbol, listing.price(price), listing.quantity(quantity), side))

    def quote(self, symbol: str, bid: str, ask: str, size: str = "10") -> None:
        self.level(symbol, "buy", bid, size)
        self.level(symbol, "sell", ask, size)

    def held(self, account: str, symbol: str) -> str:
        listing = self.listings[symbol]
        holder = self.exchange.accounts[account]
        return listing.quantity_text(holder.signed_quantity(symbol, "net"))

    # Inside.

    def _move(self, symbol: str, change: MarketChange) -> None:
        self.exchange.apply_market([change])
        self.on_market(symbol)

    def _forget(self, order: VenueOrder) -> None:
        del self.orders[order.venue_id], self._names[order.account, order.names[0]]

    def _under(self, order: VenueOrder, name: str, act: Callable[[], object]) -> None:
        self._request = (order.venue_id, name)
        try:
            act()
        except Refused as error:
            raise VenueRefusal("99", error.code) from None
        finally:
            self._request = None
        self.on_market(order.body.instrument)

    def _absorb(self, rows: list[Row]) -> None:
        for row in rows:
            order = self.orders.get(row.get("client_order_id", ""))
            if order is None:
                continue
            order.time_ns = row["venue_time_ns"]
            if row["kind"] == "fill":
                self._fill(order, row)
            else:
                self._order_event(order, row)

    def _fill(self, order: VenueOrder, row: Row) -> None:
        quantity = Fraction(row["quantity"])
        order.filled += quantity
        order.value += quantity * Fraction(row["price"])
        order.state = row["state"]
        self.fills.append((order, row))
        self.on_event(Event(order, "F", fill=row))

    def _order_event(self, order: VenueOrder, row: Row) -> None:
        event, name = row["event"], ""
        if self._request is not None and self._request[0] == order.venue_id:
            name = self._request[1]
        original = order.names[-1] if name else ""
        if event == "rejected":
            order.state = "rejected"
            return
        if event in ("canceled", "expired"):
            order.state = event
            kind = "4" if event == "canceled" else "C"
            self.on_event(Event(order, kind, name, original=original, reason=row["reason"]))
        elif event == "replaced":
            order.quantity, order.price = Fraction(row["quantity"]), row["price"]
            order.state = row["state"]
            self._names[order.account, name] = order
            order.names.append(name)
            self.on_event(Event(order, "5", name, original=original))
        elif event == "triggered":
            order.is_triggered, order.state = True, "new"
            self.on_event(Event(order, "L"))
        else:
            order.state = "untriggered" if event == "untriggered" else "new"
            self.on_event(Event(order, "0"))


def text_of(value: Fraction) -> str:
    """Exact decimal text of a number that has one, cut at 18 places."""
    return number_text(round(value * 10**18), 18)
