"""The venue behind the wire: OKX's rules for orders around the exchange of the paper venue, which
matches, books fees and holds positions. Every change goes to `push` before the call returns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal, Protocol, cast

import msgspec
from gateway_paper.venue.accounts import Account
from gateway_paper.venue.exact import money, money_text, number_text
from gateway_paper.venue.exchange import Exchange
from gateway_paper.venue.market import LevelSet, MarketChange, Traded
from gateway_paper.venue.orders import Refused, SubmitBody
from gateway_paper.venue.settings import AccountSettings, VenueSettings
from okx_simulator.envelope import Refusal
from okx_simulator.listings import Product, is_on_band
from okx_simulator.orders import OkxOrder

__all__ = ["EXPIRY_RATE", "OkxVenue", "Push"]

Row = dict[str, Any]
EXPIRY_RATE = Fraction("0.0002")  # of the value at expiry, whatever it is at the real venue
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_TIMES = {"limit": "gtc", "post_only": "gtc", "market": "ioc", "ioc": "ioc", "fok": "fok"}
_KEPT_UNFILLED_MS = 2 * 3_600_000  # a canceled order without a fill is forgotten after two hours
_CANCEL_SOURCES = {
    "requested": "1",
    "ioc_remainder": "14",
    "fok_unfillable": "13",
    "self_trade": "32",
    "would_cross": "31",
}
_REFUSALS = {
    "position_mode_mismatch": ("51000", "posSide"),
    "quantity_below_minimum": ("51020", ""),
    "reduce_only_rejected": ("51169", ""),
    "bad_lot": ("51121", ""),
    "bad_tick": ("51000", "px"),
    "bad_number": ("51000", "sz"),
}


class Push(Protocol):
    """Something a private channel tells one account."""

    def __call__(
        self, account: str, channel: str, product: Product | None, rows: list[Row]
    ) -> None:
        """Never blocks."""


class OkxVenue:
    """All state of the venue. Single-threaded."""

    def __init__(
        self,
        products: Sequence[Product],
        accounts: Sequence[AccountSettings],
        *,
        now_ns: Callable[[], int],
        push: Push,
    ) -> None:
        self.products = {product.inst_id: product for product in products}
        self.now_ns = now_ns
        self.orders: dict[str, OkxOrder] = {}
        self.fills: dict[str, list[Row]] = {account.name: [] for account in accounts}
        self.bills: dict[str, list[Row]] = {account.name: [] for account in accounts}
        self.interest: dict[str, list[Row]] = {account.name: [] for account in accounts}
        self.leverage = Fraction(10)
        self.key_permissions = "read_only,trade"  # of every key
        self.on_change: Callable[[], None] = lambda: None  # the market or a book has moved
        self.on_expiry: Callable[[str], None] = lambda inst_id: None
        self.cancel_source = ""  # of cancels that no client asked for
        self._push = push
        self._last_id = 1_700_000_000_000_000_000
        self._added_margin: dict[tuple[str, str, str], Fraction] = {}  # of isolated positions
        settings = VenueSettings(record="", accounts=tuple(accounts))
        listings = [product.listing() for product in products]
        self.exchange = Exchange(settings, listings, now_ns=now_ns, sink=self._absorb)

    # What clients ask for, one item at a time. Each raises Refusal.

    def place(self, account: str, body: Row, *, expires_ms: int = 0) -> Row:
        """A new plain order; the answer tells its id, the orders channel all else."""
        product = self.product_of(body)
        if product.state == "expired":
            raise Refusal("51001")
        self._check_expiry(expires_ms)
        client_id = self._check_client_id(account, body)
        _check_band(product, body.get("px"))
        order = self._order(account, product, client_id, body)
        self._check_funds(order)
        self._enter(order)
        return {"clOrdId": client_id, "ordId": order.order_id, "tag": order.tag}

    def cancel(self, account: str, body: Row) -> Row:
        order = self.find(account, body, missing="51400")
        if order.is_done:
            raise Refusal("51401" if order.state == "canceled" else "51402")
        self.exchange.cancel(account, order.order_id)
        return {"clOrdId": order.client_id, "ordId": order.order_id}

    def amend(self, account: str, body: Row, *, expires_ms: int = 0) -> Row:
        """The answer says taken; the orders channel tells the result (docs-v5, amend order)."""
        self._check_expiry(expires_ms)
        order = self.find(account, body, missing="51503")
        if order.is_done:
            raise Refusal("51509" if order.state == "canceled" else "51510")
        size, price = str(body.get("newSz") or ""), str(body.get("newPx") or "")
        if not size and not price:
            raise Refusal("50014", "newSz")
        _check_band(order.product, price)
        request_id = str(body.get("reqId", ""))
        try:
            row = self.exchange.replace(account, order.order_id, size or None, price or None)
        except Refused as error:
            self._tell(order, amendResult="-1", reqId=request_id, code="51503", msg=error.code)
        else:
            order.size, order.price = row["quantity"], row["price"] or ""
            order.updated_ms = self.now_ms()
            self._tell(order, amendResult="0", reqId=request_id)
        return {"clOrdId": order.client_id, "ordId": order.order_id, "reqId": request_id}

    def find(self, account: str, body: Row, *, missing: str) -> OkxOrder:
        """By order id, else by client id: the open one, else the newest."""
        product = self.product_of(body)
        order_id, client_id = str(body.get("ordId") or ""), str(body.get("clOrdId") or "")
        if not order_id and not client_id:
            raise Refusal("51003")
        found = [
            order
            for order in self.orders.values()
            if order.account == account
            and order.product.inst_id == product.inst_id
            and (order.order_id == order_id if order_id else order.client_id == client_id)
            and not self._is_forgotten(order)
        ]
        if not found:
            raise Refusal(missing)
        return next((order for order in found if not order.is_done), found[-1])

    def open_orders(self, account: str) -> list[OkxOrder]:
        return [o for o in self.orders.values() if o.account == account and not o.is_done]

    def cancel_everything(self, account: str, source: str) -> int:
        """What cancel-all-after does when its time is over."""
        self.cancel_source = source
        try:
            return self.exchange.cancel_all(account)
        finally:
            self.cancel_source = ""

    # What the venue does by itself.

    def set_level(self, inst_id: str, side: Literal["buy", "sell"], price: str, size: str) -> None:
        """The market displays `size` at `price` from now on; 0 removes the level."""
        listing = self.exchange.listings[inst_id]
        self._move([LevelSet(inst_id, side, listing.price(price), listing.quantity(size))])

    def trade(self, inst_id: str, price: str, size: str, side: Literal["buy", "sell"]) -> None:
        """Somebody else's order of `side` trades at `price`, against ours first."""
        listing = self.exchange.listings[inst_id]
        self._move([Traded(inst_id, listing.price(price), listing.quantity(size), side)])

    def close_by_force(self, account: str, inst_id: str, leg: str, category: str) -> str:
        """Liquidation, deleveraging or delivery: an order nobody placed. Returns its id."""
        product = self.products[inst_id]
        listing = self.exchange.listings[inst_id]
        held = self.holder(account).signed_quantity(inst_id, leg)
        body = {
            "side": "sell" if held > 0 else "buy",
            "posSide": leg,
            "ordType": "market",
            "sz": listing.quantity_text(abs(held)),
            "tdMode": "cross",
        }
        order = self._order(account, product, "", body)
        order.category = category
        self._enter(order)
        return order.order_id

    def expire(self, inst_id: str, price: str) -> None:
        """A future is delivered, an option exercised at `price`; an option at 0 is worthless. Open
        orders are canceled, every position closes, nobody trades it any more (docs-v5, instruments
        channel and fills: subType 112, 113, 170 to 172). `price` has any decimals: it is an average
        of an index, and for an option (index - strike) / index in the coin."""
        product = self.products[inst_id]
        for order in list(self.orders.values()):
            if order.product.inst_id == inst_id and not order.is_done:
                self.cancel_source = "7"
                self.exchange.cancel(order.account, order.order_id)
                self.cancel_source = ""
        self.products[inst_id] = msgspec.structs.replace(product, state="expired")
        for account, holder in self.exchange.accounts.items():
            for (name, leg), held in list(holder.positions.items()):
                if name == inst_id and held.quantity:
                    self._close_at(account, product, leg, held.quantity, price)
        self.on_expiry(inst_id)

    def _close_at(self, account: str, product: Product, leg: str, held: int, price: str) -> None:
        """One position becomes money, by a filled order nobody placed."""
        listing = self.exchange.listings[product.inst_id]
        size = listing.quantity_text(abs(held))
        worth = Fraction(size) * Fraction(listing.multiplier)
        rate = Fraction(price)
        value = money(worth / rate if product.contract == "inverse" else worth * rate)
        body = {
            "side": "sell" if held > 0 else "buy",
            "posSide": leg if product.kind == "FUTURES" else "",
            "ordType": "market" if product.kind == "FUTURES" else "limit",
            "sz": size,
            "tdMode": "cross",
        }
        order = self._order(account, product, "", body)
        order.category, order.price = "delivery", ""
        self.orders[order.order_id] = order
        row = {
            "instrument": product.inst_id,
            "side": order.side,
            "leg": leg,
            "price": price,
            "quantity": size,
            "value": money_text(value),
            "fee": money_text(money(value * EXPIRY_RATE)),
            "fee_currency": product.settle,
            "trade_id": f"T{self.next_id()}",
            "liquidity": "taker",
            "state": "filled",
            "venue_time_ns": self.now_ns(),
        }
        self.holder(account).apply_fill(listing, row)
        self._fill(order, row)

    def pay_funding(self) -> None:
        self.exchange.pay_funding(self.now_ns())

    def accrue_interest(self, account: str, currency: str, liability: str, rate: str) -> None:
        """One hour of interest on what the account borrowed."""
        amount = Fraction(liability) * Fraction(rate)
        row = {
            "type": "2",
            "ccy": currency,
            "instId": "",
            "mgnMode": "cross",
            "interest": number_text(round(amount * 10**12), 12),
            "interestRate": rate,
            "liab": liability,
            "totalLiab": liability,
            "interestFreeLiab": "0",
            "ts": str(self.now_ms()),
        }
        self.interest[account].append(row)

    def spawn(self, account: str, product: Product, body: Row, **origin: str) -> OkxOrder:
        """The plain order an algo order has become."""
        order = self._order(account, product, "", body)
        order.algo_id, order.algo_client_id = origin["algo_id"], origin["algo_client_id"]
        self._enter(order)
        return order

    def last_price(self, inst_id: str) -> Fraction | None:
        row = self.exchange.mark_row(inst_id)
        return Fraction(row["last"]) if row["last"] else None

    def margin(self, account: str, inst_id: str, leg: str) -> Fraction | None:
        """What lies in an isolated position: a tenth of its cost, and what was added by hand. None
        = it is a cross one."""
        added = self._added_margin.get((account, inst_id, leg))
        position = self.holder(account).positions.get((inst_id, leg))
        if added is None or position is None:
            return None
        return abs(position.cost) / 10 + added if position.quantity else Fraction(0)

    def add_margin(self, account: str, inst_id: str, leg: str, amount: Fraction) -> None:
        """POST account/position/margin-balance."""
        self._added_margin[account, inst_id, leg] += amount
        self._push(account, "positions", self.products[inst_id], [])

    def isolated_in(self, account: str, currency: str) -> Fraction:
        """What lies in all isolated positions that settle in a currency."""
        found = Fraction(0)
        for owner, inst_id, leg in self._added_margin:
            if owner == account and self.products[inst_id].settle == currency:
                found += self.margin(account, inst_id, leg) or Fraction(0)
        return found

    def holder(self, account: str) -> Account:
        return self.exchange.accounts[account]

    def now_ms(self) -> int:
        return self.now_ns() // 1_000_000

    def next_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)

    # How orders live.

    def _move(self, changes: list[MarketChange]) -> None:
        self.exchange.apply_market(changes)
        self.on_change()

    def product_of(self, body: Row) -> Product:
        name, code = body.get("instId"), body.get("instIdCode")
        for product in self.products.values():
            if product.inst_id == name or (not name and str(product.code) == str(code)):
                return product
        if not name and code is None:
            raise Refusal("50014", "instId")
        raise Refusal("51001")

    def _check_expiry(self, expires_ms: int) -> None:
        if expires_ms and self.now_ms() > expires_ms:
            raise Refusal("50036")

    def _check_client_id(self, account: str, body: Row) -> str:
        """Unique among pending orders only (docs-v5, place order)."""
        client_id = str(body.get("clOrdId") or "")
        if client_id and not _CLIENT_ID.fullmatch(client_id):
            raise Refusal("51000", "clOrdId")
        if client_id and any(o.client_id == client_id for o in self.open_orders(account)):
            raise Refusal("51016")
        return client_id

    def _order(self, account: str, product: Product, client_id: str, body: Row) -> OkxOrder:
        for name in ("tdMode", "side", "ordType", "sz"):
            if not body.get(name):
                raise Refusal("50014", name)
        order_type, is_spot = str(body["ordType"]), product.kind == "SPOT"
        if order_type not in _TIMES or body["side"] not in ("buy", "sell"):
            raise Refusal("51000", "ordType")
        if body["tdMode"] not in (("cash",) if is_spot else ("cross", "isolated")):
            raise Refusal("51000", "tdMode")
        has_legs = product.kind in ("SWAP", "FUTURES")
        is_hedged = self.holder(account).is_hedge_mode and has_legs
        if product.kind == "OPTION" and order_type == "market":
            raise Refusal("51000", "ordType")
        if body.get("posSide") and not has_legs:
            raise Refusal("51000", "posSide")
        leg = str(body.get("posSide") or "net")
        if (leg == "net") == is_hedged:
            raise Refusal("51000", "posSide")
        target = str(body.get("tgtCcy") or "")
        if is_spot and order_type == "market" and not target:
            target = "quote_ccy" if body["side"] == "buy" else "base_ccy"
        now = self.now_ms()
        return OkxOrder(
            order_id=self.next_id(),
            account=account,
            product=product,
            client_id=client_id,
            tag=str(body.get("tag") or ""),
            side=body["side"],
            leg=leg,
            order_type=order_type,
            trade_mode=body["tdMode"],
            target=target,
            size=str(body["sz"]),
            price="" if order_type == "market" else str(body.get("px") or ""),
            # In long_short_mode the flag is ignored: the legs say what reduces.
            is_reduce_only=not is_hedged and str(body.get("reduceOnly")).lower() == "true",
            created_ms=now,
            updated_ms=now,
        )

    def _check_funds(self, order: OkxOrder) -> None:
        """Initial margin at the leverage for swaps, the coin itself for spot; own resting orders
        are not reserved for."""
        if order.is_reduce_only or order.leg == ("long" if order.side == "sell" else "short"):
            return
        product, listing = order.product, self.exchange.listings[order.product.inst_id]
        try:
            size = Fraction(order.size)
            price = Fraction(order.price) if order.price else self.last_price(product.inst_id)
        except ValueError:
            raise Refusal("51000", "sz") from None
        if size <= 0:
            raise Refusal("51020")
        worth = size * Fraction(listing.multiplier)
        price = price or Fraction(0)
        if product.kind == "SPOT":
            currency = product.quote if order.side == "buy" else product.base
            needed = worth * price if order.side == "buy" else worth
            needed = size if order.target == "quote_ccy" and order.side == "buy" else needed
        else:
            currency = product.settle
            is_inverse = product.contract == "inverse"
            value = (worth / price if price else Fraction(0)) if is_inverse else worth * price
            needed = value / self.leverage
        if needed > self.holder(order.account).balances.get(currency, Fraction(0)):
            raise Refusal("51008", currency)

    def _enter(self, order: OkxOrder) -> None:
        """Hand the order to the exchange; refusals of form come back, the rest is pushed."""
        self.orders[order.order_id] = order
        try:
            row = self.exchange.submit(self._submit_body(order))
        except Refused as error:
            del self.orders[order.order_id]
            raise Refusal(*_REFUSALS.get(error.code, ("51000", error.text))) from None
        if row["state"] != "rejected":
            self.on_change()
            return
        if row["reason"] == "would_cross":  # taken, shown, and canceled at once
            self._tell(order)
            self._end(order, "would_cross")
            return
        del self.orders[order.order_id]
        raise Refusal(*_REFUSALS.get(row["reason"], ("51000", row["reason"])))

    def _submit_body(self, order: OkxOrder) -> SubmitBody:
        return SubmitBody(
            account=order.account,
            client_order_id=order.order_id,
            instrument=order.product.inst_id,
            side=cast("Any", order.side),
            type="market" if order.order_type == "market" else "limit",
            time_in_force=cast("Any", _TIMES[order.order_type]),
            quantity=self._base_size(order),
            price=order.price or None,
            leg=cast("Any", order.leg),
            is_post_only=order.order_type == "post_only",
            is_reduce_only=order.is_reduce_only,
        )

    def _base_size(self, order: OkxOrder) -> str:
        """A spot market order may be sized in the quote currency (tgtCcy)."""
        if order.target != "quote_ccy":
            return order.size
        listing = self.exchange.listings[order.product.inst_id]
        depth = self.exchange.depth_rows(order.product.inst_id, 1)
        levels = depth["asks" if order.side == "buy" else "bids"]
        if not levels:
            raise Refusal("51000", "sz")
        lots = Fraction(order.size) / Fraction(levels[0][0]) / Fraction(order.product.lot)
        return listing.quantity_text(int(lots) * listing.quantity(listing.lot))

    def _is_forgotten(self, order: OkxOrder) -> bool:
        is_unfilled = order.state == "canceled" and not order.filled
        return is_unfilled and self.now_ms() - order.updated_ms > _KEPT_UNFILLED_MS

    # What the exchange tells back.

    def _absorb(self, rows: list[Row]) -> None:
        for row in rows:
            if row["kind"] == "funding":
                self._bill_funding(row)
                continue
            order = self.orders.get(row.get("client_order_id", ""))
            if order is None:
                continue
            if row["kind"] == "fill":
                self._fill(order, row)
            elif row["event"] == "accepted":
                self._tell(order)
            elif row["event"] in ("canceled", "expired"):
                self._end(order, row["reason"])

    def _fill(self, order: OkxOrder, row: Row) -> None:
        quantity, fee = Fraction(row["quantity"]), -Fraction(row["fee"])
        order.filled += quantity
        order.turnover += quantity * Fraction(row["price"])
        order.fee += fee
        order.fee_currency = row["fee_currency"]
        order.state = row["state"]
        order.updated_ms = row["venue_time_ns"] // 1_000_000
        order.last_fill = self._fill_row(order, row, fee)
        self.fills[order.account].append(order.last_fill)
        self._tell(order, is_fill=True)
        if order.trade_mode == "isolated":
            where = (order.account, order.product.inst_id, order.leg)
            self._added_margin.setdefault(where, Fraction(0))
            if not self.holder(order.account).positions[where[1:]].quantity:
                self._added_margin[where] = Fraction(0)
        self._push(order.account, "positions", order.product, [])
        self._push(order.account, "account", None, [])
        self._push(order.account, "balance_and_position", order.product, [{"eventType": "filled"}])

    def _fill_row(self, order: OkxOrder, row: Row, fee: Fraction) -> Row:
        stamp = str(row["venue_time_ns"] // 1_000_000)
        sub_types = {"full_liquidation": "104", "adl": "125"}
        if order.category == "delivery":
            sub_types["delivery"] = _expiry_sub_type(order, row["price"])
        return {
            "instType": order.product.kind,
            "instId": order.product.inst_id,
            "tradeId": row["trade_id"][1:],
            "ordId": order.order_id,
            "clOrdId": order.client_id,
            "billId": self.next_id(),
            "subType": sub_types.get(order.category, "1" if order.side == "buy" else "2"),
            "tag": order.tag,
            "fillPx": row["price"],
            "fillSz": row["quantity"],
            "fillIdxPx": "",
            "fillPnl": "0",
            "fillPxVol": "",
            "fillPxUsd": "",
            "fillMarkVol": "",
            "fillFwdPx": "",
            "fillMarkPx": "",
            "side": order.side,
            "posSide": order.leg,
            "execType": "M" if row["liquidity"] == "maker" else "T",
            "feeCcy": row["fee_currency"],
            "fee": number_text(round(fee * 10**18), 18),
            "feeRate": "",
            "ts": stamp,
            "fillTime": stamp,
        }

    def _end(self, order: OkxOrder, reason: str) -> None:
        order.state = "canceled"
        order.cancel_source = self.cancel_source or _CANCEL_SOURCES.get(reason, "0")
        order.updated_ms = self.now_ms()
        self._tell(order)

    def _tell(self, order: OkxOrder, *, is_fill: bool = False, **changes: str) -> None:
        row = order.push(is_fill=is_fill, **changes)
        self._push(order.account, "orders", order.product, [row])

    def _bill_funding(self, row: Row) -> None:
        product = self.products[row["instrument"]]
        amount = row["amount"]
        bill = {
            "instType": product.kind,
            "billId": self.next_id(),
            "type": "8",
            "subType": "173" if amount.startswith("-") else "174",
            "ts": str(row["venue_time_ns"] // 1_000_000),
            "balChg": amount,
            "posBalChg": "0",
            "bal": "",
            "posBal": "",
            "sz": "",
            "px": "",
            "ccy": row["currency"],
            "pnl": amount,
            "fee": "0",
            "mgnMode": "cross",
            "instId": row["instrument"],
            "ordId": "",
            "execType": "",
            "from": "",
            "to": "",
            "notes": "",
            "interest": "0",
            "tag": "",
            "fillTime": "",
            "tradeId": "",
            "clOrdId": "",
        }
        self.bills[row["account"]].append(bill)
        self._push(row["account"], "account", None, [])
        told = [{"eventType": "funding_fee"}]
        self._push(row["account"], "balance_and_position", product, told)


def _expiry_sub_type(order: OkxOrder, price: str) -> str:
    is_long = order.side == "sell"  # what is held is closed by the other side
    if order.product.kind == "FUTURES":
        return "112" if is_long else "113"
    if not Fraction(price):
        return "172"
    return "170" if is_long else "171"


def _check_band(product: Product, price: object) -> None:
    if not is_on_band(product, str(price or "")):
        raise Refusal("51000", "px")
