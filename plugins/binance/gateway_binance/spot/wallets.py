"""The two wallets that trade on the Spot books, and where each is asked: the plain one under /api,
the cross-margin one under /sapi. What a request weighs stands beside its path.

rest-api.md of binance-spot-api-docs, read 2026-11; Margin Trading (Trade, Account, Borrow And
Repay) of developers.binance.com, read 2026-11.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["MARGIN", "SPOT", "WALLETS", "Wallet", "WalletName"]

WalletName = Literal["spot", "margin"]


class Wallet(NamedTuple):
    """Paths, and (new, cancel, query, open orders of one symbol, trades, account) weights."""

    order: str
    open_orders: str
    trades: str
    account: str
    new_weight: int
    cancel_weight: int
    query_weight: int
    open_weight: int
    trades_weight: int
    account_weight: int


SPOT = Wallet(
    order="/api/v3/order",
    open_orders="/api/v3/openOrders",
    trades="/api/v3/myTrades",
    account="/api/v3/account",
    new_weight=1,
    cancel_weight=1,
    query_weight=4,
    open_weight=6,
    trades_weight=20,
    account_weight=20,
)
MARGIN = Wallet(
    order="/sapi/v1/margin/order",
    open_orders="/sapi/v1/margin/openOrders",
    trades="/sapi/v1/margin/myTrades",
    account="/sapi/v1/margin/account",
    new_weight=6,
    cancel_weight=10,
    query_weight=10,
    open_weight=10,
    trades_weight=10,
    account_weight=10,
)
WALLETS: dict[WalletName, Wallet] = {"spot": SPOT, "margin": MARGIN}
