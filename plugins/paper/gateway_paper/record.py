"""Reads the venue's own record as a judge would: what was seen, what was done, what it adds up to.
Recomputes everything from the fills with fractions; shares no code with the venue's bookkeeping."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

__all__ = ["VenueRecord", "read_record"]

Row = dict[str, Any]
_CLOSED = ("filled", "canceled", "expired", "rejected")


@dataclass
class _Leg:
    """Average-price bookkeeping: another road to the same numbers than the venue's."""

    size: Fraction = Fraction(0)
    average: Fraction = Fraction(0)  # value per unit


@dataclass
class VenueRecord:
    """One parsed record."""

    requests: list[Row] = field(default_factory=list)
    orders: dict[tuple[str, str], Row] = field(default_factory=dict)  # last row of each order
    order_events: list[Row] = field(default_factory=list)
    fills: list[Row] = field(default_factory=list)
    funding: list[Row] = field(default_factory=list)
    instruments: dict[str, Row] = field(default_factory=dict)
    opening: dict[str, dict[str, Fraction]] = field(default_factory=dict)

    def orders_seen(self) -> list[tuple[str, str]]:
        """(account, client order id) of every submit the venue saw, executed or not, repeats
        included: a name that occurs twice was sent twice."""
        seen = []
        for request in self.requests:
            if request["method"] == "POST" and request["path"] == "/v1/orders":
                try:
                    body = json.loads(request["body"])
                    seen.append((body["account"], body["client_order_id"]))
                except (ValueError, KeyError, TypeError):
                    continue  # not an order, and the venue refused it for that
        return seen

    def cumulative(self) -> dict[tuple[str, str], Fraction]:
        """Filled quantity of every order, added up from its fills; 0 for the others."""
        total = dict.fromkeys(self.orders, Fraction(0))
        for fill in self.fills:
            total[fill["account"], fill["client_order_id"]] += Fraction(fill["quantity"])
        return total

    def open_orders(self) -> dict[tuple[str, str], Row]:
        return {key: row for key, row in self.orders.items() if row["state"] not in _CLOSED}

    def trade_ids(self) -> list[tuple[str, str]]:
        return [(fill["account"], fill["trade_id"]) for fill in self.fills]

    def positions(self) -> dict[tuple[str, str, str], Fraction]:
        """Signed quantity by (account, instrument, leg); only what is not zero. Spot too."""
        held: dict[tuple[str, str, str], Fraction] = defaultdict(Fraction)
        for fill in self.fills:
            key = (fill["account"], fill["instrument"], fill["leg"])
            held[key] += _signed(fill)
        return {key: quantity for key, quantity in held.items() if quantity}

    def balances(self) -> dict[tuple[str, str], Fraction]:
        """Exact totals by (account, currency): opening, realised, fees and funding."""
        total: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        for account, amounts in self.opening.items():
            for currency, amount in amounts.items():
                total[account, currency] += amount
        legs: dict[tuple[str, str, str], _Leg] = defaultdict(_Leg)
        for fill in self.fills:
            account, rules = fill["account"], self.instruments[fill["instrument"]]
            total[account, fill["fee_currency"]] -= Fraction(fill["fee"])
            if rules["kind"] == "spot":
                total[account, rules["base"]] += _signed(fill)
                paid = (
                    Fraction(fill["value"]) if fill["side"] == "buy" else -Fraction(fill["value"])
                )
                total[account, rules["quote"]] -= paid
                continue
            leg = legs[account, fill["instrument"], fill["leg"]]
            total[account, rules["settle"]] += _realised(leg, fill, rules["kind"] == "inverse")
        for row in self.funding:
            total[row["account"], row["currency"]] += Fraction(row["amount"])
        return dict(total)


def read_record(path: Path | str) -> VenueRecord:
    """Parse a record; a torn last line (the venue was killed writing it) does not count."""
    record = VenueRecord()
    with Path(path).open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                _take(record, json.loads(line))
    return record


def _take(record: VenueRecord, row: Row) -> None:
    kind = row["kind"]
    if kind == "request":
        record.requests.append(row)
    elif kind == "order":
        record.order_events.append(row)
        record.orders[row["account"], row["client_order_id"]] = row
    elif kind == "fill":
        record.fills.append(row)
        order = record.orders[row["account"], row["client_order_id"]]
        told = {key: row[key] for key in ("state", "cumulative_quantity", "venue_sequence")}
        record.orders[row["account"], row["client_order_id"]] = {**order, **told}
    elif kind == "funding":
        record.funding.append(row)
    elif kind == "start":
        record.instruments |= {rules["symbol"]: rules for rules in row["instruments"]}
        for account in row["accounts"]:
            amounts = {code: Fraction(text) for code, text in account["balances"].items()}
            record.opening[account["name"]] = amounts


def _signed(fill: Row) -> Fraction:
    quantity = Fraction(fill["quantity"])
    return quantity if fill["side"] == "buy" else -quantity


def _realised(leg: _Leg, fill: Row, is_inverse: bool) -> Fraction:
    """Profit of one fill; opening parts only move the average."""
    change, unit = _signed(fill), Fraction(fill["value"]) / Fraction(fill["quantity"])
    if leg.size * change >= 0:
        held = abs(leg.size) + abs(change)
        leg.average = (abs(leg.size) * leg.average + abs(change) * unit) / held
        leg.size += change
        return Fraction(0)
    closed = min(abs(change), abs(leg.size))
    gain = (unit - leg.average) * closed * (1 if leg.size > 0 else -1)
    turned = abs(change) > abs(leg.size)
    leg.size += change
    if turned:
        leg.average = unit
    return -gain if is_inverse else gain
