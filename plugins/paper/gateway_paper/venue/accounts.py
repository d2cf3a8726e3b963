"""Balances and positions of the venue's accounts, in exact fractions. State changes only by
`apply_fill` and `apply_funding`, live and when the record is read back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from gateway_paper.venue.exact import money, money_text
from gateway_paper.venue.settings import AccountSettings, Listing

__all__ = ["Account", "Position"]

Leg = Literal["net", "long", "short"]
_NS_PER_DAY = 86_400_000_000_000
_VOLUME_DAYS = 30


class Position:
    """Signed quantity (mantissa) and signed cost of one leg of one instrument."""

    __slots__ = ("cost", "quantity")

    def __init__(self) -> None:
        self.quantity = 0
        self.cost = Fraction(0)

    def trade(self, quantity: int, value: Fraction) -> Fraction:
        """Take in a signed quantity with its signed value; returns what closing released: the
        cost given back plus the value taken, whose negative is the profit of a linear contract."""
        released = Fraction(0)
        if self.quantity * quantity < 0:
            closed = min(abs(quantity), abs(self.quantity))
            cost_part = self.cost * closed / abs(self.quantity)
            value_part = value * closed / abs(quantity)
            released = cost_part + value_part
            self.quantity += closed if quantity > 0 else -closed
            self.cost -= cost_part
            quantity -= closed if quantity > 0 else -closed
            value -= value_part
        self.quantity += quantity
        self.cost += value
        return released


class Account:
    """One account: mode, balances by currency, positions by (instrument, leg)."""

    def __init__(self, settings: AccountSettings) -> None:
        self.name = settings.name
        self.is_hedge_mode = settings.is_hedge_mode
        self.balances = {code: Fraction(text) for code, text in settings.balances.items()}
        self.positions: dict[tuple[str, str], Position] = {}
        self._traded: dict[tuple[str, int], Fraction] = {}  # value by instrument and UTC day

    def volume(self, instrument: str, now_ns: int) -> Fraction:
        """The value traded in the instrument today and on the 29 days before."""
        today = now_ns // _NS_PER_DAY
        days = range(today - _VOLUME_DAYS + 1, today + 1)
        return sum((self._traded.get((instrument, day), Fraction(0)) for day in days), Fraction(0))

    def signed_quantity(self, instrument: str, leg: str) -> int:
        position = self.positions.get((instrument, leg))
        return position.quantity if position else 0

    def reducible(self, instrument: str, leg: str, side: str) -> int:
        """How much an order of `side` could take off the position without turning it."""
        held = self.signed_quantity(instrument, leg)
        return max(0, held if side == "sell" else -held)

    def apply_fill(self, listing: Listing, fill: dict[str, Any]) -> None:
        """Book one fill row of the record."""
        sign = 1 if fill["side"] == "buy" else -1
        quantity = sign * listing.quantity(fill["quantity"])
        value = sign * Fraction(fill["value"])
        day = (fill["instrument"], fill["venue_time_ns"] // _NS_PER_DAY)
        self._traded[day] = self._traded.get(day, Fraction(0)) + abs(value)
        if listing.kind == "spot":
            self._add(listing.base, Fraction(sign) * Fraction(fill["quantity"]))
            self._add(listing.quote, -value)
        else:
            position = self.positions.setdefault((fill["instrument"], fill["leg"]), Position())
            released = position.trade(quantity, value)
            self._add(listing.settle, released if listing.kind == "inverse" else -released)
        self._add(fill["fee_currency"], -Fraction(fill["fee"]))

    def apply_funding(self, funding: dict[str, Any]) -> None:
        self._add(funding["currency"], Fraction(funding["amount"]))

    def balance_rows(self) -> list[dict[str, str]]:
        return [
            {"account": self.name, "currency": code, "total": money_text(total)}
            for code, total in sorted(self.balances.items())
        ]

    def position_rows(self, listings: dict[str, Listing]) -> list[dict[str, Any]]:
        """Open positions; the quantity is signed on the net leg only."""
        rows = []
        for (instrument, leg), position in sorted(self.positions.items()):
            listing = listings.get(instrument)
            if listing is None or position.quantity == 0:
                continue
            quantity = position.quantity if leg == "net" else abs(position.quantity)
            rows.append(
                {
                    "account": self.name,
                    "instrument": instrument,
                    "leg": leg,
                    "quantity": listing.quantity_text(quantity),
                    "cost": money_text(money(position.cost)),
                }
            )
        return rows

    def _add(self, currency: str, amount: Fraction) -> None:
        self.balances[currency] = self.balances.get(currency, Fraction(0)) + amount
