"""What may stand in the body of a request, besides a new order (orders.SubmitBody)."""

from __future__ import annotations

import msgspec

__all__ = ["ActionBody", "CancelAllBody", "CancelBody", "MarketBody", "ModeBody", "ReplaceBody"]


class CancelBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account: str
    client_order_id: str


class CancelAllBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account: str
    instrument: str = ""


class ReplaceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account: str
    client_order_id: str
    quantity: str | None = None
    price: str | None = None


class ModeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account: str
    is_hedge_mode: bool


class MarketBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Manual market: levels [side, price, quantity], then trades [price, quantity, aggressor]."""

    instrument: str
    is_cleared: bool = False
    levels: list[tuple[str, str, str]] = []
    trades: list[tuple[str, str, str]] = []


class ActionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`end_day`, `pay_funding`, `cut_streams` or `clear_faults`."""

    action: str
