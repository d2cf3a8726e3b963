"""The state of a simulated Binance Spot: what matched_venue.py has, and balances that orders lock,
stops that keep their id, commissions in any asset, cancel-replace, amendments that keep their
priority, and the cross-margin loans of accounts that have some.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from binance_simulator import spot_documents
from binance_simulator.documents import fixed
from binance_simulator.matched_venue import MatchedVenue
from binance_simulator.rules import BinanceError
from binance_simulator.security import SimulatorClock
from binance_simulator.spot_documents import ORDER_TYPES, SpotOrder
from binance_simulator.spot_rules import filter_failure, refused
from gateway_paper.venue.exchange import Exchange
from gateway_paper.venue.orders import Refused, SubmitBody
from gateway_paper.venue.settings import AccountSettings, Listing, VenueSettings

__all__ = ["LISTINGS", "SpotVenue"]

Row = dict[str, Any]
ORDER_ID_FIRST = 58_389_765_001
_CLIENT_ORDER_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_SIDES = {"BUY": "buy", "SELL": "sell"}
_TIMES = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}
_ENGINE_TYPES = {
    "LIMIT": "limit",
    "LIMIT_MAKER": "limit",
    "MARKET": "market",
    "STOP_LOSS": "stop",
    "STOP_LOSS_LIMIT": "stop_limit",
}
# Why an order ended that nobody canceled, as the field eR says it (enums.md, read 2026-11).
_EXPIRED = {
    "ioc_remainder": "UNFILLED_IOC_QUANTITY_EXPIRED",
    "no_liquidity": "INSUFFICIENT_LIQUIDITY",
    "protection_price": "INSUFFICIENT_LIQUIDITY",
    "fok_unfillable": "UNFILLED_FOK_ORDER_EXPIRED",
}
_BNB_PRICE = Fraction(600)
_BNB_DISCOUNT = Fraction(3, 4)

LISTINGS = (
    Listing(symbol="BTCUSDT", name="BTC-USDT", kind="spot", base="BTC", quote="USDT",
            settle="USDT", tick="0.01", lot="0.00001", quantity_min="0.00001",
            quantity_max="9000", notional_min="5", maker_rate="0.001", taker_rate="0.001",
            fee_currency="base_on_buy", self_trade="cancel_oldest"),
    Listing(symbol="ETHUSDT", name="ETH-USDT", kind="spot", base="ETH", quote="USDT",
            settle="USDT", tick="0.01", lot="0.0001", quantity_min="0.0001",
            quantity_max="9000", notional_min="5", maker_rate="0.001", taker_rate="0.001",
            fee_currency="base_on_buy", self_trade="cancel_oldest"),
)  # fmt: skip


class _SpotExchange(Exchange):
    """Commissions have eight decimals, and may be paid in BNB at a discount."""

    bnb_payers: frozenset[str] = frozenset()

    def _fee(
        self, listing: Listing, body: SubmitBody, quantity: int, value: Fraction, is_maker: bool
    ) -> tuple[Fraction, str]:
        fee, currency = super()._fee(listing, body, quantity, value, is_maker)
        if body.account in self.bnb_payers:
            rate = Fraction(listing.maker_rate if is_maker else listing.taker_rate)
            fee, currency = value * rate * _BNB_DISCOUNT / _BNB_PRICE, "BNB"
        return Fraction(fixed(fee)), currency


class SpotVenue(MatchedVenue[SpotOrder]):
    """One venue with its accounts."""

    order_id_first = ORDER_ID_FIRST
    book_places = 8

    def __init__(
        self,
        clock: SimulatorClock,
        accounts: Iterable[AccountSettings],
        listings: Iterable[Listing] = LISTINGS,
    ) -> None:
        settings = VenueSettings(record="", accounts=tuple(accounts))
        exchange = _SpotExchange(
            settings, tuple(listings), now_ns=clock.now_ns, sink=self.take_rows
        )
        super().__init__(clock, exchange)
        self.on_first_fill = lambda account: None
        # What an account owes, by asset: borrowed, and interest.
        self.loans: dict[str, dict[str, list[Fraction]]] = {each: {} for each in exchange.accounts}
        self.interest: dict[str, list[Row]] = {account: [] for account in exchange.accounts}

    def pay_in_bnb(self, account: str) -> None:
        self.exchange.bnb_payers |= {account}  # type: ignore[attr-defined]

    # Orders.

    def place(self, account: str, given: dict[str, str]) -> SpotOrder:
        """POST order. Raises BinanceError; then nothing was recorded."""
        order = self._checked(account, given)
        known = self._by_client_id.get((account, order.symbol, order.client_order_id))
        if known is None or not known.is_open:
            self._check_book(order)
            self._check_balance(order)
        return self.admit(order, refused("duplicate"))

    def cancel(self, order: SpotOrder, cancel_id: str = "") -> SpotOrder:
        """Raises -2011 when it is not open."""
        if not order.is_open:
            raise BinanceError(-2011)
        self._numbers += 1
        order.cancel_id = cancel_id or f"cancel{self._numbers:016d}"
        self.exchange.cancel(order.account, order.key)
        self.publish(order.symbol)
        return order

    def cancel_replace(self, account: str, given: dict[str, str]) -> tuple[Any, Any]:
        """(the canceled order or the error, the new order, the error or None)."""
        wanted = {"symbol": given.get("symbol", "")}
        wanted["orderId"] = given.get("cancelOrderId", "")
        wanted["origClientOrderId"] = given.get("cancelOrigClientOrderId", "")
        try:
            order = self.find(account, wanted, -2011)
            states = {"ONLY_NEW": ("NEW",), "ONLY_PARTIALLY_FILLED": ("PARTIALLY_FILLED",)}
            allowed = states.get(given.get("cancelRestrictions", ""))
            if allowed is not None and order.is_open and order.status not in allowed:
                text = "Order was not canceled due to cancel restrictions."
                raise BinanceError(-2011, text=text)
            canceled: Any = self.cancel(order, given.get("cancelNewClientOrderId", ""))
        except BinanceError as error:
            if given.get("cancelReplaceMode") != "ALLOW_FAILURE":
                return error, None
            canceled = error
        try:
            return canceled, self.place(account, given)
        except BinanceError as error:
            if not isinstance(canceled, BinanceError):
                self._tell_refused(account, given, error)
            return canceled, error

    def amend(self, order: SpotOrder, given: dict[str, str]) -> SpotOrder:
        """PUT order/amend/keepPriority: less of the same. Raises -2038."""
        quantity = given.get("newQty", "")
        if not quantity:
            raise BinanceError(-1102, "newQty")
        if not order.is_open:
            raise BinanceError(-2013)
        self._check_steps(self.listings[order.symbol], quantity, order.price)
        if not Fraction(order.cumulative) < Fraction(quantity) < Fraction(order.quantity):
            raise BinanceError(-2038, text="The requested action would change no order.")
        self._numbers += 1
        name = given.get("newClientOrderId") or f"amend{self._numbers:016d}"
        self._by_client_id[order.account, order.symbol, name] = order
        order.client_order_id = name
        try:
            self.exchange.replace(order.account, order.key, quantity, None)
        except Refused as error:
            raise BinanceError(-2038, text=error.code) from error
        self.publish(order.symbol)
        return order

    # Money.

    def borrow(self, account: str, asset: str, amount: str) -> None:
        """The loan lies in the wallet and is owed."""
        owed = self.loans[account].setdefault(asset, [Fraction(0), Fraction(0)])
        owed[0] += Fraction(amount)
        holder = self.exchange.accounts[account].balances
        holder[asset] = holder.get(asset, Fraction(0)) + Fraction(amount)

    def accrue_interest(self, account: str, asset: str, hourly_rate: str) -> Row:
        """An hour of interest on what is owed; a row of the interest history."""
        owed = self.loans[account][asset]
        principal = sum(owed)
        amount = fixed(principal * Fraction(hourly_rate))
        owed[1] += Fraction(amount)
        row = {
            "txId": 1_352_286_576_452_864_727 + len(self.interest[account]),
            "interestAccuredTime": self.clock.now_ms(),
            "asset": asset,
            "rawAsset": asset,
            "principal": fixed(principal),
            "interest": amount,
            "interestRate": hourly_rate,
            "type": "PERIODIC",
        }
        self.interest[account].append(row)
        return row

    def locked(self, account: str) -> dict[str, Fraction]:
        """What open orders hold back, by asset."""
        held: dict[str, Fraction] = {}
        for order in self.open_orders(account):
            asset, amount = self._cost(order)
            held[asset] = held.get(asset, Fraction(0)) + amount
        return held

    def wallet(self, account: str, assets: Iterable[str] = ()) -> list[Row]:
        """Free and locked of these assets, or of all."""
        held, balances = self.locked(account), self.balances(account)
        return [
            {
                "asset": asset,
                "free": fixed(balances.get(asset, Fraction(0)) - held.get(asset, Fraction(0))),
                "locked": fixed(held.get(asset, Fraction(0))),
            }
            for asset in sorted(set(assets) or balances)
        ]

    def net(self, account: str) -> dict[str, Fraction]:
        """Balances less what is owed."""
        loans = self.loans[account]
        return {asset: total - sum(loans.get(asset, ())) for asset, total in
                self.balances(account).items()}  # fmt: skip

    # Inside.

    def _checked(self, account: str, given: dict[str, str]) -> SpotOrder:
        """The order as asked for, after everything that is looked at before the engine."""
        for name in ("symbol", "side", "type"):
            if not given.get(name):
                raise BinanceError(-1102, name)
        listing, kind = self.listings.get(given["symbol"]), given["type"]
        if listing is None:
            raise BinanceError(-1121)
        if listing.symbol in self.closed_symbols:
            raise BinanceError(-1013, text="Market is closed.")
        if given["side"] not in _SIDES:
            raise BinanceError(-1117)
        if kind not in ORDER_TYPES:
            raise BinanceError(-1116)
        is_timed, is_stop = kind in ("LIMIT", "STOP_LOSS_LIMIT"), kind.startswith("STOP")
        needed = ["timeInForce"] if is_timed else []
        needed += [
            "quantity",
            *(["price"] if kind.removeprefix("STOP_LOSS_")[:5] == "LIMIT" else []),
        ]
        for name in [*needed, *(["stopPrice"] if is_stop else [])]:
            if not given.get(name):
                raise BinanceError(-1102, name)
        for name in {"timeInForce", "price", "stopPrice"} - set(needed):
            if given.get(name) and not (name == "stopPrice" and is_stop):
                raise BinanceError(-1106, name)
        if is_timed and given["timeInForce"] not in _TIMES:
            raise BinanceError(-1115)
        self._check_steps(listing, given["quantity"], given.get("price", "0"))
        self._check_steps(listing, given["quantity"], given.get("stopPrice", "0"))
        return self._made(account, given, is_stop=is_stop)

    def _made(self, account: str, given: dict[str, str], *, is_stop: bool) -> SpotOrder:
        self._numbers += 1
        now = self.clock.now_ms()
        name = given.get("newClientOrderId") or f"web_{self._numbers:020d}"
        if not _CLIENT_ORDER_ID.fullmatch(name):
            raise BinanceError(-1100, "newClientOrderId")
        return SpotOrder(
            key=f"S{self._numbers}",
            account=account,
            symbol=given["symbol"],
            client_order_id=name,
            side=given["side"],
            type=given["type"],
            time_in_force=given.get("timeInForce", "GTC"),
            quantity=given["quantity"],
            price=given.get("price", "0"),
            trigger_price=given.get("stopPrice", "0"),
            is_working=not is_stop,
            working_ms=0 if is_stop else now,
            created_ms=now,
            updated_ms=now,
            fills=[],
        )

    def _check_steps(self, listing: Listing, quantity: str, price: str) -> None:
        for name, text in (("quantity", quantity), ("price", price)):
            try:
                number = Fraction(text)
            except ValueError as error:
                raise BinanceError(-1100, name) from error
            if len(text.partition(".")[2]) > 8:
                raise BinanceError(-1111, name, text=f"Parameter '{name}' has too much precision.")
            step = Fraction(listing.lot if name == "quantity" else listing.tick)
            if number % step:
                raise filter_failure("LOT_SIZE" if name == "quantity" else "PRICE_FILTER")
        size = Fraction(quantity)
        if not Fraction(listing.quantity_min) <= size <= Fraction(listing.quantity_max):
            raise filter_failure("LOT_SIZE")
        if Fraction(price) and Fraction(price) * size < Fraction(listing.notional_min):
            raise filter_failure("NOTIONAL")

    def _check_book(self, order: SpotOrder) -> None:
        mark = self.exchange.mark_row(order.symbol)
        is_buy = order.side == "BUY"
        best = mark["ask"] if is_buy else mark["bid"]
        if order.type == "LIMIT_MAKER" and best:
            gap = Fraction(order.price) - Fraction(best)
            if gap >= 0 if is_buy else gap <= 0:
                raise refused("would_take")
        if not order.is_working and mark["last"]:
            gap = Fraction(order.trigger_price) - Fraction(mark["last"])
            if gap <= 0 if is_buy else gap >= 0:
                raise refused("would_trigger")

    def _check_balance(self, order: SpotOrder) -> None:
        asset, amount = self._cost(order)
        free = self.balances(order.account).get(asset, Fraction(0))
        if amount > free - self.locked(order.account).get(asset, Fraction(0)):
            raise refused("balance")

    def _cost(self, order: SpotOrder) -> tuple[str, Fraction]:
        """What the rest of an order holds back."""
        listing = self.listings[order.symbol]
        left = Fraction(order.quantity) - Fraction(order.cumulative)
        if order.side == "SELL":
            return listing.base, left
        mark = self.exchange.mark_row(order.symbol)["mark"] or "0"
        price = Fraction(order.price) or Fraction(order.trigger_price) or Fraction(mark)
        return listing.quote, left * price

    def body_of(self, order: SpotOrder) -> SubmitBody:
        is_immediate = order.type in ("MARKET", "STOP_LOSS")
        return SubmitBody(
            account=order.account,
            client_order_id=order.key,
            instrument=order.symbol,
            side=_SIDES[order.side],  # type: ignore[arg-type]
            type=_ENGINE_TYPES[order.type],  # type: ignore[arg-type]
            time_in_force="ioc" if is_immediate else _TIMES[order.time_in_force],  # type: ignore[arg-type]
            quantity=order.quantity,
            price=order.price if Fraction(order.price) else None,
            trigger_price=None if order.is_working else order.trigger_price,
            is_post_only=order.type == "LIMIT_MAKER",
        )

    def refusal_of(self, order: SpotOrder, row: Row) -> BinanceError | None:
        if row["state"] != "rejected":
            return None
        reason = row["reason"]
        return refused("would_take") if reason == "would_cross" else BinanceError(-1000)

    def take_order(self, order: SpotOrder, row: Row) -> None:
        event, reason = row["event"], row["reason"]
        if event in ("accepted", "untriggered"):
            self._tell(order, "NEW")
            self._tell_wallet(order)
        elif event == "triggered":
            order.is_working, order.working_ms = True, self.clock.now_ms()
            self._tell(order, "NEW")
        elif event == "replaced":
            order.quantity = row["quantity"]
            self._tell(order, "REPLACED")
            self._tell_wallet(order)
        elif event in ("canceled", "expired"):
            self._end(order, reason)

    def _end(self, order: SpotOrder, reason: str) -> None:
        if reason == "self_trade":
            order.status = "EXPIRED_IN_MATCH"
            self._tell(order, "TRADE_PREVENTION")
        elif reason in _EXPIRED:
            order.status, order.expiry_reason = "EXPIRED", _EXPIRED[reason]
            self._tell(order, "EXPIRED")
        else:
            order.status = "CANCELED"
            self._tell(order, "CANCELED")
        self._tell_wallet(order)

    def take_fill(self, order: SpotOrder, row: Row) -> None:
        if not Fraction(order.cumulative):
            self.on_first_fill(order.account)
        order.cumulative = row["cumulative_quantity"]
        order.cumulative_quote += Fraction(row["value"])
        order.status = row["state"].upper()
        self.trades[order.account].append(spot_documents.trade_row(order, row))
        order.fills.append(
            {
                "price": fixed(row["price"]),
                "qty": fixed(row["quantity"]),
                "commission": fixed(row["fee"]),
                "commissionAsset": row["fee_currency"],
                "tradeId": int(row["trade_id"][1:]),
            }
        )
        now = self.clock.now_ms()
        self.tell(order.account, spot_documents.execution_report(order, "TRADE", now, row))
        self._tell_wallet(order, row["fee_currency"])

    def _tell(self, order: SpotOrder, execution: str) -> None:
        document = spot_documents.execution_report(order, execution, self.clock.now_ms())
        self.tell(order.account, document)

    def _tell_wallet(self, order: SpotOrder, fee_currency: str = "") -> None:
        listing = self.listings[order.symbol]
        assets = {listing.base, listing.quote, fee_currency} - {""}
        rows = self.wallet(order.account, assets)
        self.tell(order.account, spot_documents.account_position(rows, self.clock.now_ms()))

    def _tell_refused(self, account: str, given: dict[str, str], error: BinanceError) -> None:
        """The new order of a cancel-replace whose cancel was done."""
        try:
            order = self._made(account, given, is_stop=given.get("type", "").startswith("STOP"))
        except (BinanceError, KeyError):
            return
        order.status = "REJECTED"
        order.order_id = -1
        now = self.clock.now_ms()
        report = spot_documents.execution_report(order, "REJECTED", now, reason=str(error.code))
        self.tell(account, report)
