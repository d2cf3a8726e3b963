"""Funding of perpetual contracts: what the next payment will be, what past ones should have been,
and whose they are by holding time and size. Exact decimals; the parts of a payment are the payment.
It reads records and moves nothing: the books themselves are the native ledger's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple

from gateway.api.decimal_text import plain_text
from gateway.journal.names import EXTERNAL, NamesLearned

__all__ = [
    "Contract",
    "Estimate",
    "FundingAudit",
    "NextPayment",
    "Quoted",
    "estimate",
    "fair_shares",
    "forecast_rows",
    "payment",
    "shares",
]

Row = Mapping[str, Any]
Leg = tuple[int, int, int]  # account, instrument, leg
_EXACT = Context(prec=120)
_UNIT = Decimal(1).scaleb(-18)
_ZERO = Decimal(0)
_BUY, _SPOT, _INVERSE = 1, 1, 3
_AGAINST_MAX = 10  # all that was held, over what of it is not against each other
_TOLERANCE_BPS = 100  # between what a payment implies and the newest price that is known


class Contract(NamedTuple):
    """How a quantity becomes money: price times multiplier, or for inverse ones divided by it."""

    multiplier: Decimal
    is_inverse: bool = False


class NextPayment(NamedTuple):
    """From the venue: when the last payment was, when the next one is, and its rate. Any interval:
    the times say it."""

    last_ns: int
    next_ns: int
    rate: Decimal


class Estimate(NamedTuple):
    """What will be paid (negative) or received at `next_ns`, and how much of it the time so far
    makes; `in_ns` counts down and is never below zero."""

    next_ns: int
    in_ns: int
    due: Decimal
    accrued: Decimal


def payment(quantity: Decimal, mark: Decimal, rate: Decimal, contract: Contract) -> Decimal:
    """Received by a signed quantity: a long pays when the rate is above zero. Half-even."""
    units = _EXACT.multiply(quantity, contract.multiplier)
    worth = _EXACT.divide(units, mark) if contract.is_inverse else _EXACT.multiply(units, mark)
    return _EXACT.multiply(worth.copy_negate(), rate).quantize(_UNIT, ROUND_HALF_EVEN, _EXACT)


def estimate(
    quantity: Decimal, mark: Decimal, due: NextPayment, contract: Contract, now_ns: int
) -> Estimate:
    """Of a position that stays as it is, at today's mark. ValueError: times out of order."""
    if due.next_ns <= due.last_ns:
        raise ValueError("the next payment is not after the last one")
    whole = payment(quantity, mark, due.rate, contract)
    passed = min(max(now_ns - due.last_ns, 0), due.next_ns - due.last_ns)
    part = _EXACT.divide(Decimal(passed), Decimal(due.next_ns - due.last_ns))
    accrued = _EXACT.multiply(whole, part).quantize(_UNIT, ROUND_HALF_EVEN, _EXACT)
    return Estimate(due.next_ns, max(due.next_ns - now_ns, 0), whole, accrued)


def shares(amount: Decimal, weights: Mapping[str, int]) -> dict[str, Decimal]:
    """An amount split by signed weights; what rounding leaves, and all of it when the weights add
    up to nothing, is EXTERNAL's. The parts add up to the amount."""
    total, parts = sum(weights.values()), {}
    if total:
        for name, weight in sorted(weights.items()):
            share = _EXACT.divide(_EXACT.multiply(amount, Decimal(weight)), Decimal(total))
            parts[name] = share.quantize(_UNIT, ROUND_HALF_EVEN, _EXACT)
    given = _ZERO
    for share in parts.values():
        given = _EXACT.add(given, share)
    rest = _EXACT.subtract(amount, given)
    if rest or not parts:
        parts[EXTERNAL] = _EXACT.add(parts.get(EXTERNAL, _ZERO), rest)
    return parts


def fair_shares(
    amount: Decimal, areas: Mapping[str, int], sizes: Mapping[str, int]
) -> tuple[dict[str, Decimal], str]:
    """The parts by holding time, and how they were found. Where strategies held against each other
    so that little of their time is left over, dividing by it would make parts many times the
    payment: then by size at the payment, and all is EXTERNAL's when that is nothing in sum."""
    net = abs(sum(areas.values()))
    if net and sum(map(abs, areas.values())) <= _AGAINST_MAX * net:
        return shares(amount, areas), "time"
    return shares(amount, sizes), "size" if sum(sizes.values()) else "none"


class _Held:
    """What one strategy holds of a leg, and for how long it has since the last payment."""

    __slots__ = ("area", "quantity", "since_ns")

    def __init__(self, now_ns: int) -> None:
        self.quantity = self.area = 0
        self.since_ns = now_ns

    def move(self, quantity: int, now_ns: int) -> None:
        self.area += self.quantity * (now_ns - self.since_ns)
        self.quantity, self.since_ns = quantity, now_ns


class FundingAudit:
    """Every payment of a journal beside what it should have been. Shown all records, in order."""

    def __init__(self, tolerance_bps: int = _TOLERANCE_BPS) -> None:
        self._names = NamesLearned()
        self._tolerance_bps = tolerance_bps
        self._orders: dict[int, int] = {}  # strategy
        self._held: dict[Leg, dict[int, _Held]] = defaultdict(dict)
        self._prices: dict[int, Decimal] = {}
        self._paid: dict[tuple[Leg, int], Decimal] = {}  # at a venue's time

    def run(self, records: Iterable[Row]) -> Iterable[dict[str, Any]]:
        """One row for each payment."""
        for record in records:
            self._names.learn(record)
            kind = record["kind"]
            if kind in ("order_new", "order_adopted"):
                self._orders[record["order_id"]] = record["strategy"]
                self._price(record, record.get("reference_price", 0))
            elif kind in ("order_filled", "fill_busted", "fill_corrected", "position_adopted"):
                self._move(record)
            elif kind == "funding":
                yield self._payment(record)

    def _price(self, record: Row, price: int, scale: int | None = None) -> None:
        if price > 0:
            rules = self._names.row("instrument", record["instrument"])
            scale = rules["price_scale"] if scale is None else scale
            self._prices[record["instrument"]] = Decimal(price).scaleb(-scale, _EXACT)

    def _move(self, record: Row) -> None:
        leg = record["account"], record["instrument"], record["leg"]
        known = self._orders.get(record.get("order_id", 0))
        strategy: int = record.get("strategy", 0) if known is None else known
        held = self._held[leg].setdefault(strategy, _Held(record["time_ns"]))
        held.move(record["position_quantity"], record["time_ns"])
        self._price(record, record["price"], record["price_scale"])

    def _payment(self, record: Row) -> dict[str, Any]:
        leg = record["account"], record["instrument"], record["leg"]
        rules = self._names.row("instrument", record["instrument"])
        amount, rate = Decimal(record["amount"]), Decimal(record["rate_e18"]).scaleb(-18, _EXACT)
        books, now_ns, quantity = self._held[leg], record["time_ns"], 0
        for held in books.values():
            held.move(held.quantity, now_ns)
            quantity += held.quantity
        names = {number: self._names.name("strategy", number) for number in books}
        areas = {names[number]: each.area for number, each in books.items()}
        at_record = {names[number]: each.quantity for number, each in books.items()}
        parts, basis = fair_shares(amount, areas, at_record)
        for held in books.values():
            held.area = 0
        size = Decimal(quantity).scaleb(-rules["quantity_scale"], _EXACT)
        contract = Contract(
            Decimal(rules["multiplier"]).scaleb(-rules["multiplier_scale"], _EXACT),
            rules["instrument_kind"] == _INVERSE,
        )
        implied = implied_mark(amount, size, rate, contract)
        known = self._prices.get(record["instrument"])
        return {
            "sequence": record["sequence"],
            "time_ns": now_ns,
            "venue_time_ns": record["venue_time_ns"],
            "account": self._names.name("account", record["account"]),
            "instrument": rules["symbol"],
            "currency": self._names.name("currency", record["currency"]),
            "amount": plain_text(amount),
            "rate": plain_text(rate),
            "quantity": plain_text(size),
            "implied_mark": None if implied is None else plain_text(implied),
            "known_price": None if known is None else plain_text(known),
            "parts": {name: plain_text(part) for name, part in parts.items()},
            "parts_by": basis,
            "by_size": {name: plain_text(part) for name, part in shares(amount, at_record).items()},
            "faults": self._faults(record, leg, size, (amount, rate, implied, known)),
        }

    def _faults(self, record: Row, leg: Leg, size: Decimal, told: tuple[Any, ...]) -> list[str]:
        """How the payment differs from what the schedule and the position make."""
        amount, rate, implied, known = told
        found = []
        at = leg, record["venue_time_ns"]
        if record["venue_time_ns"] and at in self._paid:  # 0 = the venue told no time
            found.append("PAID_TWICE")
        self._paid[at] = amount
        if not size:
            found.append("NO_POSITION")
        elif rate and amount and (amount > 0) == (rate * size > 0):
            found.append("WRONG_SIGN")
        elif implied is not None and known is not None:
            away = _EXACT.subtract(implied, known).copy_abs()
            away = _EXACT.divide(_EXACT.multiply(away, Decimal(10_000)), known)
            if away > self._tolerance_bps:
                found.append(f"PRICE_AWAY {away.quantize(Decimal(1), context=_EXACT)} bps")
        elif rate and not amount:
            found.append("NOTHING_PAID")
        return found


def implied_mark(
    amount: Decimal, quantity: Decimal, rate: Decimal, contract: Contract
) -> Decimal | None:
    """The price at which the payment would be what the rate says; None when nothing says it."""
    if not amount or not quantity or not rate:
        return None
    worth = _EXACT.divide(amount.copy_negate(), rate)
    units = _EXACT.multiply(quantity, contract.multiplier)
    mark = _EXACT.divide(units, worth) if contract.is_inverse else _EXACT.divide(worth, units)
    return mark.quantize(Decimal(1).scaleb(-8), ROUND_HALF_EVEN, _EXACT)


class Quoted(NamedTuple):
    """What a venue says of an instrument now; None = it did not."""

    mark: Decimal | None
    rate: Decimal | None
    next_ns: int


def forecast_rows(
    positions: Iterable[Row],
    instruments: Mapping[str, Row],
    quoted: Mapping[str, Quoted],
    last_paid_ns: Mapping[str, int],
    now_ns: int,
) -> list[dict[str, Any]]:
    """The next payment of every open derivative position: amount, countdown, and what has accrued
    since the last payment where one is known. What a venue does not quote is named in `missing`."""
    rows = []
    for row in positions:
        rules = instruments[row["instrument"]]
        quantity = Decimal(row["quantity"])
        if rules["kind"] == "spot" or not quantity:
            continue
        told = quoted.get(row["instrument"], Quoted(None, None, 0))
        missing = [
            name
            for name, value in (
                ("mark", told.mark), ("rate", told.rate), ("next_ns", told.next_ns or None)
            )
            if value is None
        ]  # fmt: skip
        found: dict[str, Any] = {
            **{
                name: row[name]
                for name in (
                    "account",
                    "strategy",
                    "instrument",
                    "leg",
                    "margin_mode",
                    "currency",
                )
            },
            "quantity": row["quantity"],
            "rate": None if told.rate is None else plain_text(told.rate),
            "next_ns": told.next_ns or None,
            "in_seconds": None,
            "amount": None,
            "accrued": None,
            "missing": missing,
        }
        if told.mark is not None and told.rate is not None and told.next_ns:
            contract = Contract(Decimal(rules["multiplier"]), rules["kind"] == "inverse")
            found["amount"] = plain_text(payment(quantity, told.mark, told.rate, contract))
            found["in_seconds"] = max(told.next_ns - now_ns, 0) // 1_000_000_000
            last_ns = last_paid_ns.get(row["instrument"], 0)
            if 0 < last_ns < told.next_ns:
                due = NextPayment(last_ns, told.next_ns, told.rate)
                accrued = estimate(quantity, told.mark, due, contract, now_ns).accrued
                found["accrued"] = plain_text(accrued)
        rows.append(found)
    return rows
