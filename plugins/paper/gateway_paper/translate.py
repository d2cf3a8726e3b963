"""Venue rows <-> gateway messages. Pure functions, nothing is guessed: a missing key is an error
of the protocol."""

from __future__ import annotations

from typing import Any

from gateway.api import (
    BalanceReport,
    FillReport,
    FundingReport,
    Instrument,
    MarkReport,
    OrderReport,
    OrderRequest,
    PositionReport,
)

__all__ = [
    "balance_report",
    "fill_report",
    "funding_report",
    "instrument",
    "mark_report",
    "order_body",
    "order_report",
    "position_report",
]

Row = dict[str, Any]


def instrument(venue: str, row: Row) -> Instrument:
    """`name` + venue is unique across venues: BTC-USDT.paper."""
    multiplier: str = row["multiplier"]
    return Instrument(
        symbol=f"{row['name']}.{venue}",
        venue_symbol=row["symbol"],
        kind=row["kind"],
        base=row["base"],
        quote=row["quote"],
        settle=row["settle"],
        tick=row["tick"],
        lot=row["lot"],
        price_scale=row["price_scale"],
        quantity_scale=row["quantity_scale"],
        multiplier=multiplier,
        multiplier_scale=len(multiplier.partition(".")[2]),
        quantity_min=row["quantity_min"],
        quantity_max=row["quantity_max"],
        notional_min=row["notional_min"],
    )


def order_body(order: OrderRequest) -> Row:
    """The venue's own body of a new order."""
    return {
        "account": order.account,
        "client_order_id": order.client_order_id,
        "instrument": order.instrument,
        "side": order.side,
        "type": order.type,
        "time_in_force": order.time_in_force,
        "quantity": order.quantity,
        "price": order.price,
        "trigger_price": order.trigger_price,
        "expires_ns": order.expires_ns,
        "leg": order.leg,
        "is_post_only": order.is_post_only,
        "is_reduce_only": order.is_reduce_only,
        "display_quantity": order.display_quantity,
    }


def order_report(row: Row) -> OrderReport:
    return OrderReport(
        client_order_id=row["client_order_id"],
        venue_order_id=row["venue_order_id"],
        account=row["account"],
        instrument=row["instrument"],
        side=row["side"],
        type=row["type"],
        time_in_force=row["time_in_force"],
        state=row["state"],
        quantity=row["quantity"],
        cumulative_quantity=row["cumulative_quantity"],
        price=row["price"],
        trigger_price=row["trigger_price"],
        leg=row["leg"],
        reason=row["reason"],
        venue_time_ns=row["venue_time_ns"],
        venue_sequence=row["venue_sequence"],
    )


def fill_report(row: Row) -> FillReport:
    return FillReport(
        client_order_id=row["client_order_id"],
        venue_order_id=row["venue_order_id"],
        trade_id=row["trade_id"],
        account=row["account"],
        instrument=row["instrument"],
        side=row["side"],
        price=row["price"],
        quantity=row["quantity"],
        fee=row["fee"],
        fee_currency=row["fee_currency"],
        liquidity=row["liquidity"],
        leg=row["leg"],
        value=row["value"],
        venue_time_ns=row["venue_time_ns"],
        venue_sequence=row["venue_sequence"],
    )


def funding_report(row: Row) -> FundingReport:
    return FundingReport(
        account=row["account"],
        instrument=row["instrument"],
        currency=row["currency"],
        amount=row["amount"],
        rate=row["rate"],
        reference=row["reference"],
        leg=row["leg"],
        venue_time_ns=row["venue_time_ns"],
    )


def mark_report(row: Row) -> MarkReport:
    return MarkReport(
        instrument=row["instrument"],
        mark=row["mark"],
        bid=row["bid"],
        ask=row["ask"],
        last=row["last"],
        venue_time_ns=row["venue_time_ns"],
    )


def position_report(row: Row) -> PositionReport:
    return PositionReport(
        account=row["account"],
        instrument=row["instrument"],
        leg=row["leg"],
        quantity=row["quantity"],
    )


def balance_report(row: Row) -> BalanceReport:
    return BalanceReport(account=row["account"], currency=row["currency"], total=row["total"])
