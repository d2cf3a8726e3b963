"""What Binance USD-M checks about an order before its matching engine sees it. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from binance_simulator.documents import WireOrder
from binance_simulator.rules import BinanceError
from gateway_paper.venue.accounts import Account
from gateway_paper.venue.settings import Listing

__all__ = [
    "LEGS",
    "SIDES",
    "TIMES_IN_FORCE",
    "check",
    "check_numbers",
    "check_trigger",
    "client_id",
    "new_order",
]

LEGS = {"BOTH": "net", "LONG": "long", "SHORT": "short"}
SIDES = {"BUY": "buy", "SELL": "sell"}
TIMES_IN_FORCE = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "GTX": "gtc", "GTD": "gtd"}
_CLIENT_ORDER_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
_LEVERAGE = 20
_GTD_MS_MIN = 600_000


def new_order(
    account: str,
    given: dict[str, str],
    types: tuple[str, ...],
    listings: Mapping[str, Listing],
    *,
    number: int,
    now_ms: int,
) -> WireOrder:
    """The order of these parameters. Raises BinanceError for what is missing or unheard of."""
    for name in ("symbol", "side", "type"):
        if not given.get(name):
            raise BinanceError(-1102, name)
    kind = given["type"]
    if given["side"] not in SIDES:
        raise BinanceError(-1117)
    if given["symbol"] not in listings:
        raise BinanceError(-1121)
    if kind not in types:
        raise BinanceError(-4120 if kind in _CONDITIONAL else -1116)
    is_priced = kind in ("LIMIT", "STOP")
    time_in_force = given.get("timeInForce", "" if kind == "LIMIT" else "GTC")
    if time_in_force not in TIMES_IN_FORCE:
        raise BinanceError(-1115 if time_in_force else -1102, "timeInForce")
    for name in ("quantity", *(("price",) if is_priced else ())):
        if not given.get(name):
            raise BinanceError(-1102, name)
    return WireOrder(
        key=f"B{number}",
        account=account,
        symbol=given["symbol"],
        client_order_id="",
        side=given["side"],
        type=kind,
        time_in_force=time_in_force,
        position_side=given.get("positionSide", "BOTH"),
        reduce_only=given.get("reduceOnly", "false").lower() == "true",
        quantity=given["quantity"],
        price=given["price"] if is_priced else "0",
        trigger_price=given.get("triggerPrice", "0"),
        good_till_ms=int(given.get("goodTillDate", "0")),
        created_ms=now_ms,
        updated_ms=now_ms,
    )


def check(
    order: WireOrder, given: dict[str, str], listing: Listing, holder: Account, mark: str | None
) -> None:
    """Position mode, dates, steps, notional and margin."""
    is_hedged = holder.is_hedge_mode
    if order.position_side not in LEGS or (order.position_side == "BOTH") == is_hedged:
        raise BinanceError(-4061)
    if is_hedged and "reduceOnly" in given:
        raise BinanceError(-1106, "reduceonly")
    if order.time_in_force == "GTD" and order.good_till_ms <= order.created_ms + _GTD_MS_MIN:
        raise BinanceError(-5040)
    check_numbers(listing, order.quantity, order.price)
    closing = (("LONG", "SELL"), ("SHORT", "BUY"))
    if order.reduce_only or (order.position_side, order.side) in closing:
        return
    notional = (Fraction(order.price) or Fraction(mark or 0)) * Fraction(order.quantity)
    if notional and notional < Fraction(listing.notional_min):
        raise BinanceError(-4164, listing.notional_min)
    if notional > holder.balances.get(listing.settle, Fraction(0)) * _LEVERAGE:
        raise BinanceError(-2019)


def check_numbers(listing: Listing, quantity: str, price: str) -> None:
    try:
        number = listing.quantity(quantity)
        limit = listing.price(price)
    except ValueError as error:
        raise BinanceError(-1111) from error
    if number <= 0:
        raise BinanceError(-4003)
    if number % listing.quantity(listing.lot):
        raise BinanceError(-4023)
    if limit % listing.price(listing.tick):
        raise BinanceError(-4014)


def check_trigger(order: WireOrder, last: str | None) -> None:
    trigger, traded = Fraction(order.trigger_price), Fraction(last or 0)
    if not trigger:
        raise BinanceError(-1102, "triggerprice")
    if traded and (trigger <= traded if order.side == "BUY" else trigger >= traded):
        raise BinanceError(-2021)


def client_id(number: int, given: dict[str, str], name: str) -> str:
    """The id of the client, or one made here."""
    text = given.get(name, "")
    if not text:
        return f"web_{number:020d}"
    if not _CLIENT_ORDER_ID.fullmatch(text):
        raise BinanceError(-4015)
    return text
