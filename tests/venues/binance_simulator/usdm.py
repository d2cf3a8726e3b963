"""The state of a simulated Binance USD-M: what matched_venue.py has, and algo orders, amendments,
positions in one-way and hedge mode, funding and the dead man's switch.

Knows no socket: every event goes to `on_event`, every change of a book to `on_market`.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from binance_simulator import documents, entry_rules
from binance_simulator.documents import WireOrder
from binance_simulator.entry_rules import LEGS, SIDES, TIMES_IN_FORCE
from binance_simulator.matched_venue import MatchedVenue
from binance_simulator.rules import BinanceError
from binance_simulator.security import SimulatorClock
from gateway_paper.venue.accounts import Position
from gateway_paper.venue.exchange import Exchange
from gateway_paper.venue.orders import Refused, SubmitBody
from gateway_paper.venue.settings import AccountSettings, Listing, VenueSettings

__all__ = ["LISTINGS", "UsdmVenue"]

Row = dict[str, Any]
# Beyond 2^53, as the ids of busy symbols are: a client that reads them as doubles is found out.
ORDER_ID_FIRST = 8_389_765_000_000_000_001
ALGO_ID_FIRST = 2_148_719
_ENGINE_TYPES = {"LIMIT": "limit", "MARKET": "market", "STOP": "stop_limit", "STOP_MARKET": "stop"}
# Reasons of the matching engine that Binance calls an expiry.
_EXPIRED = {"ioc_remainder", "no_liquidity", "protection_price", "fok_unfillable", "reduce_only"}
_REJECTED = {
    "position_mode_mismatch": -4061,
    "quantity_below_minimum": -4003,
    "quantity_above_maximum": -4005,
    "reduce_only_rejected": -2022,
    "would_cross": -5022,
}

LISTINGS = (
    Listing(symbol="BTCUSDT", name="BTC-USDT", kind="linear", base="BTC", quote="USDT",
            settle="USDT", tick="0.10", lot="0.001", quantity_min="0.001", quantity_max="1000",
            notional_min="50", self_trade="cancel_oldest", funding_rate="0.0001"),
    Listing(symbol="ETHUSDT", name="ETH-USDT", kind="linear", base="ETH", quote="USDT",
            settle="USDT", tick="0.01", lot="0.001", quantity_min="0.001", quantity_max="10000",
            notional_min="20", self_trade="cancel_oldest", funding_rate="-0.0002"),
)  # fmt: skip


class UsdmVenue(MatchedVenue[WireOrder]):
    """One venue with its accounts."""

    order_id_first = ORDER_ID_FIRST

    def __init__(
        self,
        clock: SimulatorClock,
        accounts: Iterable[AccountSettings],
        listings: Iterable[Listing] = LISTINGS,
    ) -> None:
        settings = VenueSettings(record="", accounts=tuple(accounts))
        super().__init__(
            clock,
            Exchange(settings, tuple(listings), now_ns=clock.now_ns, sink=self.take_rows),
        )
        # Whether the order that an algo order becomes carries the algo order's client id.
        self.child_keeps_client_id = False
        self.has_trade_lite = True
        self.income: dict[str, list[Row]] = {account: [] for account in self.exchange.accounts}
        self.funding_rates: list[Row] = []
        self.countdowns: dict[tuple[str, str], int] = {}
        self.leverage: dict[tuple[str, str], int] = {}
        self._by_algo_client_id: dict[tuple[str, str], WireOrder] = {}
        self._by_algo_id: dict[int, WireOrder] = {}
        self._shadow: dict[tuple[str, str, str], Position] = {}
        self._income_numbers = 9_117_000_000_000_000_001
        self._isolated: set[tuple[str, str]] = set()  # account, symbol
        self._added_margin: dict[tuple[str, str, str], Fraction] = {}

    # Orders.

    def place(self, account: str, given: dict[str, str], *, kind: str = "") -> WireOrder:
        """POST order: LIMIT and MARKET. Raises BinanceError; then nothing was recorded."""
        order = self._checked(account, given, ("LIMIT", "MARKET"))
        order.client_order_id = entry_rules.client_id(self._numbers, given, "newClientOrderId")
        order.kind = kind
        return self.admit(order, BinanceError(-4116))

    def place_algo(self, account: str, given: dict[str, str]) -> WireOrder:
        """POST algoOrder: a conditional order, in an id space of its own until it triggers."""
        if given.get("algoType") != "CONDITIONAL":
            raise BinanceError(-1102, "algoType")
        order = self._checked(account, given, ("STOP", "STOP_MARKET"))
        order.client_algo_id = entry_rules.client_id(self._numbers, given, "clientAlgoId")
        order.algo_id, order.algo_status = ALGO_ID_FIRST + self._numbers, "NEW"
        known = self._by_algo_client_id.get((account, order.client_algo_id))
        if known is not None and known.algo_status == "NEW":
            raise BinanceError(-4116)
        entry_rules.check_trigger(order, self.exchange.mark_row(order.symbol)["last"])
        self._by_algo_client_id[account, order.client_algo_id] = order
        self._by_algo_id[order.algo_id] = order
        self.enter(order)
        return order

    def cancel(self, order: WireOrder) -> WireOrder:
        """Raises -2011 when it is not open."""
        is_open = order.is_open if order.order_id else order.algo_status == "NEW"
        if not is_open:
            raise BinanceError(-2011)
        self.exchange.cancel(order.account, order.key)
        self.publish(order.symbol)
        return order

    def amend(self, order: WireOrder, given: dict[str, str]) -> WireOrder:
        """PUT order. The whole of price, quantity and side must be sent; a total at or below what
        is filled, and a GTX order that would now take, cancel the order."""
        for name in ("side", "quantity", "price"):
            if not given.get(name):
                raise BinanceError(-1102, name)
        if not order.is_open or order.engine_type != "LIMIT":
            raise BinanceError(-2013)
        listing = self.listings[order.symbol]
        quantity, price = given["quantity"], given["price"]
        entry_rules.check_numbers(listing, quantity, price)
        same = Fraction(quantity) == Fraction(order.quantity)
        if same and Fraction(price) == Fraction(order.price):
            raise BinanceError(-5027)
        if Fraction(quantity) <= Fraction(order.cumulative):
            return self.cancel(order)
        try:
            self.exchange.replace(order.account, order.key, quantity, price)
        except Refused:
            return self.cancel(order)
        self.publish(order.symbol)
        return order

    def find_algo(self, account: str, given: dict[str, str], missing: int = -2013) -> WireOrder:
        found = None
        if given.get("algoId"):
            found = self._by_algo_id.get(int(given["algoId"]))
        elif given.get("clientAlgoId"):
            found = self._by_algo_client_id.get((account, given["clientAlgoId"]))
        else:
            raise BinanceError(-1102, "clientAlgoId")
        if found is None or found.account != account:
            raise BinanceError(missing)
        return found

    def open_algo_orders(self, account: str, symbol: str = "") -> list[WireOrder]:
        return [
            order
            for order in self.orders
            if order.account == account
            and order.algo_status == "NEW"
            and symbol in ("", order.symbol)
        ]

    # Time and the venue's own doings.

    def tick(self) -> None:
        """What time alone does: expiries and the dead man's switch."""
        super().tick()
        now = self.clock.now_ms()
        for (account, symbol), deadline in list(self.countdowns.items()):
            if now >= deadline:
                del self.countdowns[account, symbol]
                self.cancel_all(account, symbol)

    def countdown(self, account: str, symbol: str, milliseconds: int) -> None:
        if milliseconds:
            self.countdowns[account, symbol] = self.clock.now_ms() + milliseconds
        else:
            self.countdowns.pop((account, symbol), None)

    def pay_funding(self, boundary_ms: int) -> None:
        for symbol, listing in self.listings.items():
            mark = self.exchange.mark_row(symbol)["mark"] or "0"
            self.funding_rates.append(
                {
                    "symbol": symbol,
                    "fundingTime": boundary_ms,
                    "fundingRate": documents.fixed(listing.funding_rate),
                    "markPrice": documents.fixed(mark),
                }
            )
        self.exchange.pay_funding(boundary_ms * 1_000_000)

    def close_out(self, account: str, symbol: str, kind: str) -> WireOrder:
        """The venue closes a position: liquidation, adl, settlement or delivery. It needs a market
        on the other side, and carries the client id by which Binance's clients know the cause."""
        names = {
            "liquidation": "autoclose-",
            "adl": "adl_autoclose",
            "settlement": "settlement_autoclose-",
            "delivery": "delivery_autoclose-",
        }
        rows = self.positions(account, symbol)
        held = next(row for row in rows if Fraction(row["quantity"]))
        number = "" if kind == "adl" else str(self.clock.now_ms())
        given = {
            "symbol": symbol,
            "side": "SELL" if Fraction(held["quantity"]) > 0 else "BUY",
            "type": "MARKET",
            "quantity": held["quantity"].lstrip("-"),
            "positionSide": held["positionSide"],
            "newClientOrderId": names[kind] + number,
        }
        return self.place(account, given, kind=kind)

    def set_hedge_mode(self, account: str, is_hedge_mode: bool) -> None:
        holder = self.exchange.accounts[account]
        if holder.is_hedge_mode == is_hedge_mode:
            raise BinanceError(-4059)
        if self.open_orders(account) or self.open_algo_orders(account):
            raise BinanceError(-4067)
        try:
            self.exchange.set_hedge_mode(account, is_hedge_mode)
        except Refused as error:
            raise BinanceError(-4068) from error

    def isolate(self, account: str, symbol: str) -> None:
        """POST marginType: positions of the symbol are isolated from now on."""
        self._isolated.add((account, symbol))
        self._tell_margin_type(account, symbol)

    def share(self, account: str, symbol: str) -> None:
        """POST marginType: positions of the symbol are cross from now on."""
        self._isolated.discard((account, symbol))
        self._tell_margin_type(account, symbol)

    def is_isolated(self, account: str, symbol: str) -> bool:
        return (account, symbol) in self._isolated

    def add_margin(self, account: str, symbol: str, side: str, amount: Fraction) -> None:
        """POST positionMargin."""
        key = (account, symbol, side)
        self._added_margin[key] = self._added_margin.get(key, Fraction(0)) + amount
        self._tell_account(account, "MARGIN_TRANSFER", self.listings[symbol].settle, key)

    def call_for_margin(self, account: str, symbol: str) -> None:
        """The ratio of its positions is too high."""
        now, rows = self.clock.now_ms(), self.positions(account, symbol)
        called = [
            {
                "s": row["symbol"],
                "ps": row["positionSide"],
                "pa": row["quantity"],
                "mt": "ISOLATED" if self.is_isolated(account, symbol) else "CROSSED",
                "iw": row["wallet"],
                "mp": row["mark"],
                "up": row["unrealised"],
                "mm": documents.fixed(abs(Fraction(row["notional"])) / 50),
            }
            for row in rows
        ]
        self.tell(account, {"e": "MARGIN_CALL", "E": now, "p": called})

    def isolated_wallet(self, key: tuple[str, str, str]) -> Fraction | None:
        """What lies in an isolated position: a twentieth of its cost, and what was added. None = it
        is a cross one."""
        if key[:2] not in self._isolated:
            return None
        position = self._shadow[key]
        if not position.quantity:
            self._added_margin.pop(key, None)
            return Fraction(0)
        return abs(position.cost) / 20 + self._added_margin.get(key, Fraction(0))

    # What clients may read.

    def positions(self, account: str, symbol: str = "") -> list[Row]:
        """Every leg that is held; `quantity` signed."""
        rows = []
        for (owner, name, leg), position in self._shadow.items():
            if owner != account or symbol not in ("", name) or not position.quantity:
                continue
            listing = self.listings[name]
            quantity = listing.quantity_text(position.quantity)
            size = Fraction(quantity)
            mark = Fraction(self.exchange.mark_row(name)["mark"] or "0")
            rows.append(
                {
                    "symbol": name,
                    "positionSide": leg,
                    "quantity": documents.fixed(quantity, listing.quantity_scale),
                    "entryPrice": documents.fixed(position.cost / size),
                    "mark": documents.fixed(mark),
                    "unrealised": documents.fixed(mark * size - position.cost),
                    "notional": documents.fixed(mark * size),
                    "wallet": documents.fixed(self.isolated_wallet((owner, name, leg)) or 0),
                }
            )
        return rows

    # Inside.

    def _checked(self, account: str, given: dict[str, str], types: tuple[str, ...]) -> WireOrder:
        """The order as asked for, after everything Binance looks at before its engine does."""
        symbol = given.get("symbol", "")
        if symbol in self.closed_symbols:
            raise BinanceError(-4141)
        self._numbers += 1
        now = self.clock.now_ms()
        order = entry_rules.new_order(
            account, given, types, self.listings, number=self._numbers, now_ms=now
        )
        holder = self.exchange.accounts[account]
        mark = self.exchange.mark_row(symbol)["mark"]
        entry_rules.check(order, given, self.listings[symbol], holder, mark)
        return order

    def body_of(self, order: WireOrder) -> SubmitBody:
        return SubmitBody(
            account=order.account,
            client_order_id=order.key,
            instrument=order.symbol,
            side=SIDES[order.side],  # type: ignore[arg-type]
            type=_ENGINE_TYPES[order.type],  # type: ignore[arg-type]
            time_in_force="ioc" if order.type == "MARKET" else TIMES_IN_FORCE[order.time_in_force],  # type: ignore[arg-type]
            quantity=order.quantity,
            price=order.price if Fraction(order.price) else None,
            trigger_price=order.trigger_price if order.algo_id else None,
            expires_ns=order.good_till_ms * 1_000_000 or None,
            leg=LEGS[order.position_side],  # type: ignore[arg-type]
            is_post_only=order.time_in_force == "GTX",
            is_reduce_only=order.reduce_only,
        )

    def refusal_of(self, order: WireOrder, row: Row) -> BinanceError | None:
        if row["state"] == "rejected":
            return self._rejection(order, row["reason"])
        if row["reason"] == "fok_unfillable" and not order.algo_id:
            return BinanceError(-5021)
        return None

    def forget(self, order: WireOrder) -> None:
        super().forget(order)
        self._by_algo_id.pop(order.algo_id, None)
        self._by_algo_client_id.pop((order.account, order.client_algo_id), None)

    def _rejection(self, order: WireOrder, reason: str) -> BinanceError:
        if reason == "notional_below_minimum":
            return BinanceError(-4164, self.listings[order.symbol].notional_min)
        return BinanceError(_REJECTED.get(reason, -1000))

    def take_order(self, order: WireOrder, row: Row) -> None:
        event, reason = row["event"], row["reason"]
        if event == "accepted":
            self._tell_order(order, "NEW")
        elif event == "untriggered":
            self._tell_algo(order)
        elif event == "triggered":
            self._trigger(order)
        elif event == "replaced":
            order.quantity, order.price = row["quantity"], row["price"] or "0"
            self._tell_order(order, "AMENDMENT")
        elif event in ("canceled", "expired"):
            self._end(order, event, reason)

    def _trigger(self, order: WireOrder) -> None:
        """A conditional order becomes an order of the matching engine, with an id of its own."""
        order.trigger_ms = self.clock.now_ms()
        order.algo_status = "TRIGGERING"
        self._tell_algo(order)
        self._numbers += 1
        order.order_id = ORDER_ID_FIRST + self._numbers
        order.client_order_id = (
            order.client_algo_id if self.child_keeps_client_id else f"x-algo-{self._numbers:012d}"
        )
        self._by_order_id[order.order_id] = order
        self._by_client_id[order.account, order.symbol, order.client_order_id] = order
        order.algo_status = "TRIGGERED"
        self._tell_algo(order)
        self._tell_order(order, "NEW")

    def _end(self, order: WireOrder, event: str, reason: str) -> None:
        if not order.order_id:
            order.algo_status = order.status = "CANCELED" if event == "canceled" else "EXPIRED"
            self._tell_algo(order)
            return
        if reason == "self_trade":
            order.status, execution, order.expiry_reason = "EXPIRED_IN_MATCH", "EXPIRED", "5"
        elif event == "expired" or reason in _EXPIRED:
            order.status, execution, order.expiry_reason = "EXPIRED", "EXPIRED", "4"
        else:
            order.status = execution = "CANCELED"
        self._tell_order(order, execution)
        self._finish_algo(order)

    def take_fill(self, order: WireOrder, row: Row) -> None:
        listing = self.listings[order.symbol]
        order.cumulative = row["cumulative_quantity"]
        order.cumulative_quote += Fraction(row["value"])
        order.status = row["state"].upper()
        sign = 1 if order.side == "BUY" else -1
        key = (order.account, order.symbol, order.position_side)
        position = self._shadow.setdefault(key, Position())
        released = position.trade(
            sign * listing.quantity(row["quantity"]), sign * Fraction(row["value"])
        )
        fill = row | {"realised": documents.fixed(-released)}
        self.trades[order.account].append(documents.trade_row(order, listing, fill))
        self._book_income("COMMISSION", order.account, order.symbol, "-" + fill["fee"], row)
        if released:
            self._book_income("REALIZED_PNL", order.account, order.symbol, fill["realised"], row)
        self._tell_account(order.account, "ORDER", listing.settle, key)
        now = self.clock.now_ms()
        if self.has_trade_lite and not order.kind:
            self.tell(order.account, documents.trade_lite(order, listing, fill, now))
        execution = "CALCULATED" if order.kind == "liquidation" else "TRADE"
        document = documents.order_update(order, listing, execution, now, fill)
        self.tell(order.account, document)
        if order.status == "FILLED":
            self._finish_algo(order)

    def _book_income(self, kind: str, account: str, symbol: str, amount: str, fill: Row) -> None:
        self._income_numbers += 1
        stated = documents.income_row(
            kind,
            symbol,
            amount.removeprefix("--"),
            fill["fee_currency"],
            number=self._income_numbers,
            time_ms=self.clock.now_ms(),
        )
        self.income[account].append(stated | {"tradeId": fill["trade_id"][1:]})

    def _finish_algo(self, order: WireOrder) -> None:
        if order.algo_id:
            order.algo_status = "FINISHED"
            self._tell_algo(order)

    def take_other(self, row: Row) -> None:
        """Funding: the wallet changes; a cross position is not named, so what was paid where stands
        in the income list alone."""
        if row["kind"] != "funding":
            return
        account, now = row["account"], self.clock.now_ms()
        amount, currency = row["amount"], row["currency"]
        self._book_income(
            "FUNDING_FEE",
            account,
            row["instrument"],
            amount,
            {"fee_currency": currency, "trade_id": "T"},
        )
        balance = documents.fixed(self.balances(account)[currency])
        stated = {"a": currency, "wb": balance, "cw": balance, "bc": documents.fixed(amount)}
        self.tell(account, documents.account_update("FUNDING_FEE", [stated], [], now))

    def _tell_account(
        self, account: str, reason: str, currency: str, key: tuple[str, str, str]
    ) -> None:
        balance = documents.fixed(self.balances(account)[currency])
        position, listing = self._shadow[key], self.listings[key[1]]
        size = Fraction(listing.quantity_text(position.quantity))
        entry = documents.fixed(position.cost / size if size else Fraction(0))
        stated = {
            "s": key[1],
            "pa": documents.fixed(size, listing.quantity_scale),
            "ep": entry,
            "bep": entry,
            "cr": "0",
            "up": "0",
            "mt": "cross" if (lies := self.isolated_wallet(key)) is None else "isolated",
            "iw": documents.fixed(lies) if lies else "0",
            "ps": key[2],
        }
        wallet = {"a": currency, "wb": balance, "cw": balance, "bc": "0"}
        now = self.clock.now_ms()
        self.tell(account, documents.account_update(reason, [wallet], [stated], now))

    def _tell_margin_type(self, account: str, symbol: str) -> None:
        """Of legs that were held once; those of others are told with their first fill."""
        for key in [key for key in self._shadow if key[:2] == (account, symbol)]:
            self._tell_account(account, "MARGIN_TYPE_CHANGE", self.listings[symbol].settle, key)

    def _tell_order(self, order: WireOrder, execution: str) -> None:
        listing, now = self.listings[order.symbol], self.clock.now_ms()
        self.tell(order.account, documents.order_update(order, listing, execution, now))

    def _tell_algo(self, order: WireOrder) -> None:
        listing, now = self.listings[order.symbol], self.clock.now_ms()
        self.tell(order.account, documents.algo_update(order, listing, now))
