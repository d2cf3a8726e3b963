"""What every simulated product of Binance has: the paper exchange (matching, accounts, fees) behind
Binance's order ids and client ids. Knows no document and no socket: every event goes to
`on_event`, every change of a book to `on_market`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from binance_simulator.documents import WireOrder
from binance_simulator.market_book import MarketBook
from binance_simulator.rules import BinanceError
from binance_simulator.security import SimulatorClock
from gateway_paper.venue.exchange import Exchange
from gateway_paper.venue.market import LevelSet, Traded
from gateway_paper.venue.orders import Refused, SubmitBody

__all__ = ["MatchedVenue"]

Row = dict[str, Any]
Held = TypeVar("Held", bound=WireOrder)


class MatchedVenue(Generic[Held]):
    """`exchange` must give its rows to `take_rows`. Single-threaded; everything happens inside the
    calls."""

    order_id_first = 1
    book_places: int | None = None  # decimals of the displayed book; None = those of the listing

    def __init__(self, clock: SimulatorClock, exchange: Exchange) -> None:
        self.clock = clock
        self.exchange = exchange
        self.listings = exchange.listings
        self.closed_symbols: set[str] = set()
        self.on_event: Callable[[str, Row], None] = lambda account, document: None
        self.on_market: Callable[[str], None] = lambda symbol: None
        self.orders: list[Held] = []  # every order ever taken, oldest first: the judge's list
        self.trades: dict[str, list[Row]] = {account: [] for account in exchange.accounts}
        self._by_key: dict[str, Held] = {}
        self._by_client_id: dict[tuple[str, str, str], Held] = {}
        self._by_order_id: dict[int, Held] = {}
        self._numbers = 0
        self._buffer: list[tuple[str, Row]] | None = None
        self._books = {
            symbol: MarketBook(exchange, symbol, self.book_places) for symbol in self.listings
        }

    # What a product says for itself.

    def body_of(self, order: Held) -> SubmitBody:
        """The order as the matching engine wants it."""
        raise NotImplementedError

    def refusal_of(self, order: Held, row: Row) -> BinanceError | None:
        """Why an order that the engine has looked at leaves no trace; None = it stands."""
        raise NotImplementedError

    def take_order(self, order: Held, row: Row) -> None:
        """A row of the exchange about an order."""
        raise NotImplementedError

    def take_fill(self, order: Held, row: Row) -> None:
        """A row of the exchange about a fill."""
        raise NotImplementedError

    def take_other(self, row: Row) -> None:
        """Any other row of the exchange."""

    def forget(self, order: Held) -> None:
        """An order that was refused."""
        del self._by_key[order.key]
        self.orders.remove(order)

    # Orders.

    def admit(self, order: Held, duplicate: BinanceError) -> Held:
        """Give the order its id and hand it in. Raises `duplicate` when an open one has its name;
        what is refused was never recorded."""
        order.order_id = self.order_id_first + self._numbers
        name = (order.account, order.symbol, order.client_order_id)
        known = self._by_client_id.get(name)
        if known is not None and known.is_open:
            raise duplicate
        self._by_client_id[name] = self._by_order_id[order.order_id] = order
        try:
            self.enter(order)
        except BinanceError:
            del self._by_order_id[order.order_id]
            if known is not None:
                self._by_client_id[name] = known
            else:
                del self._by_client_id[name]
            raise
        return order

    def enter(self, order: Held) -> None:
        """Hand the order to the matching engine. What it says is told only when the order stands:
        an order that is refused leaves no trace."""
        self._by_key[order.key] = order
        self.orders.append(order)
        buffer: list[tuple[str, Row]] = []
        self._buffer = buffer
        try:
            row = self.exchange.submit(self.body_of(order))
        except Refused as error:
            self.forget(order)
            raise BinanceError(-1102, error.code) from error
        finally:
            self._buffer = None
        refusal = self.refusal_of(order, row)
        if refusal is not None:
            self.forget(order)
            raise refusal
        for account, document in buffer:
            self.on_event(account, document)
        self.publish(order.symbol)

    def cancel_all(self, account: str, symbol: str) -> list[Held]:
        """Those that were open."""
        return [self.cancel(order) for order in self.open_orders(account, symbol)]

    def cancel(self, order: Held) -> Held:
        """Raises -2011 when it is not open."""
        raise NotImplementedError

    def find(self, account: str, given: dict[str, str], missing: int = -2013) -> Held:
        """By orderId or origClientOrderId; the newest of that name."""
        found = None
        if given.get("orderId"):
            found = self._by_order_id.get(int(given["orderId"]))
        elif given.get("origClientOrderId"):
            key = (account, given.get("symbol", ""), given["origClientOrderId"])
            found = self._by_client_id.get(key)
        else:
            raise BinanceError(-1102, "origClientOrderId")
        if found is None or found.account != account or found.symbol != given.get("symbol"):
            raise BinanceError(missing)
        return found

    def open_orders(self, account: str, symbol: str = "") -> list[Held]:
        """Orders that have an id of the matching engine."""
        return [
            order
            for order in self.orders
            if order.account == account
            and order.order_id
            and order.is_open
            and symbol in ("", order.symbol)
        ]

    # Market and time.

    def level(self, symbol: str, side: str, price: str, quantity: str) -> None:
        listing = self.listings[symbol]
        change = LevelSet(symbol, side, listing.price(price), listing.quantity(quantity))  # type: ignore[arg-type]
        self.exchange.apply_market([change])
        self.publish(symbol)

    def trade(self, symbol: str, price: str, quantity: str, aggressor: str) -> None:
        """Somebody else's trade: fills ours at and through that price, triggers stops."""
        listing = self.listings[symbol]
        change = Traded(symbol, listing.price(price), listing.quantity(quantity), aggressor)  # type: ignore[arg-type]
        self.exchange.apply_market([change])
        self.publish(symbol)

    def tick(self) -> None:
        """What time alone does."""
        self.exchange.advance()

    # What clients may read.

    def book(self, symbol: str) -> MarketBook:
        return self._books[symbol]

    def balances(self, account: str) -> dict[str, Any]:
        return dict(self.exchange.accounts[account].balances)

    # Inside.

    def take_rows(self, rows: list[Row]) -> None:
        """Rows of the exchange become state and events of Binance."""
        for row in rows:
            if row["kind"] not in ("order", "fill"):
                self.take_other(row)
                continue
            order = self._by_key[row["client_order_id"]]
            order.updated_ms = self.clock.now_ms()
            if row["kind"] == "fill":
                self.take_fill(order, row)
            else:
                self.take_order(order, row)

    def tell(self, account: str, document: Row) -> None:
        if self._buffer is None:
            self.on_event(account, document)
        else:
            self._buffer.append((account, document))

    def publish(self, symbol: str) -> None:
        self.exchange.dirty_marks.clear()
        self.on_market(symbol)
