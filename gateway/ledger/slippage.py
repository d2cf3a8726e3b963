"""Slippage by fill, order, linked group, book and strategy: what was paid beyond the arrival price,
at which the gate took the order: the price of the decision. Exact whole numbers of 10^-18, so parts
add up to the whole. Reads records and moves nothing; the ledger's own sums stand beside these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple

from gateway.api.decimal_text import plain_text
from gateway.journal.names import NamesLearned

__all__ = ["VIEWS", "SlippageBooks", "worth_e18"]

Row = Mapping[str, Any]
Book = tuple[str, str, str, str]  # account, strategy, instrument, leg
VIEWS = ("fill", "order", "linked", "book", "strategy")
_EXACT = Context(prec=120)
_BPS_UNIT = Decimal("0.0001")
_BUY, _INVERSE = 1, 3
_WITH_LIMIT = (2, 4)  # limit, stop-limit
_STORABLE = 1 << 126  # from here on the ledger counts a fill as without an arrival price
_LEGS = ("net", "long", "short")
_BOOK = ("account", "strategy", "instrument", "leg")
_OF_A_BOOK = ("account", "strategy", "instrument", "currency")


def worth_e18(rules: Row, price: int, quantity: int) -> int:
    """What a quantity is worth at a price, mantissas in the instrument's scales, in 10^-18 of the
    money it is counted in. Inverse: one division, half-even; the others exactly."""
    units: int = quantity * rules["multiplier"]
    scale: int = rules["quantity_scale"] + rules["multiplier_scale"]
    price_scale: int = rules["price_scale"]
    if rules["instrument_kind"] != _INVERSE:
        return units * price * int(10 ** (18 - scale - price_scale))  # their sum is 18 at most
    worth, rest = divmod(units * int(10 ** (18 + price_scale - scale)), price)
    return worth + (2 * rest > price or (2 * rest == price and worth % 2 == 1))


class Arrival(NamedTuple):
    """What is known of an order: whose it is, its group, and the price it arrived at."""

    strategy: int
    leg: int
    linked_to: int = 0  # the group's first order, 0 = it stands alone
    price: int = 0  # 0 = none
    source: str | None = None  # reference, limit


@dataclass
class Fill:
    """One fill as last revised; amounts in 10^-18. `arrival_e18` None = nothing to measure by."""

    record: Row
    rules: Row
    arrival: Arrival | None
    quantity: int = 0
    worth_e18: int = 0
    arrival_e18: int | None = None

    def take(self, told: Row) -> None:
        """Quantity and worth of the fill itself, of its bust or of its correction."""
        self.quantity = told["quantity"]
        self.worth_e18 = int(_EXACT.scaleb(Decimal(told["value"]), 18))
        price = 0 if self.arrival is None else self.arrival.price
        is_inverse = self.rules["instrument_kind"] == _INVERSE
        self.arrival_e18 = None
        if price > 0 or (price < 0 and not is_inverse):
            worth = worth_e18(self.rules, price, self.quantity)
            self.arrival_e18 = worth if abs(worth) < _STORABLE else None

    @property
    def slippage_e18(self) -> int:
        """Above zero = it cost more than at arrival; coins of an inverse contract are received when
        bought, so there fewer of them are the cost."""
        if self.arrival_e18 is None:
            return 0
        is_paid = (self.record["side"] == _BUY) != (self.rules["instrument_kind"] == _INVERSE)
        beyond = self.worth_e18 - self.arrival_e18
        return beyond if is_paid else -beyond


@dataclass
class Sum:
    """What several fills add up to. A busted fill counts in nothing."""

    fills: int = 0
    without_arrival: int = 0
    arrival_e18: int = 0
    slippage_e18: int = 0

    def add(self, fill: Fill) -> None:
        self.fills += fill.quantity != 0
        self.without_arrival += fill.quantity != 0 and fill.arrival_e18 is None
        self.arrival_e18 += abs(fill.arrival_e18 or 0)
        self.slippage_e18 += fill.slippage_e18

    def row(self) -> dict[str, Any]:
        return {
            "fills": self.fills,
            "fills_without_arrival": self.without_arrival,
            "arrival_value": _text(self.arrival_e18, 18),
            "slippage": _text(self.slippage_e18, 18),
            "bps": _bps(self.slippage_e18, self.arrival_e18),
        }


def _text(mantissa: int, scale: int) -> str:
    return plain_text(_EXACT.scaleb(Decimal(mantissa), -scale))


def _bps(slippage_e18: int, arrival_e18: int) -> str | None:
    """Ten-thousandths of the worth at the arrival price, four decimals, half-even."""
    if not arrival_e18:
        return None
    ratio = _EXACT.divide(Decimal(slippage_e18 * 10_000), Decimal(arrival_e18))
    return plain_text(ratio.quantize(_BPS_UNIT, ROUND_HALF_EVEN, _EXACT))


class SlippageBooks:
    """Every fill of a journal beside the arrival of its order. Shown all records, in order."""

    def __init__(self) -> None:
        self._names = NamesLearned()
        self._arrivals: dict[int, Arrival] = {}
        self._fills: dict[int, Fill] = {}  # by the engine's own count of executions
        self._executions = 0

    def read(self, records: Iterable[Row]) -> SlippageBooks:
        for record in records:
            self._names.learn(record)
            kind = record["kind"]
            if kind == "order_new":
                self._arrivals[record["order_id"]] = _arrival_of(record)
            elif kind == "order_adopted":
                known = Arrival(record["strategy"], record["leg"])
                self._arrivals[record["order_id"]] = known
            elif kind in ("order_filled", "position_adopted"):
                self._executions += 1
                if kind == "order_filled":
                    self._fill(record)
            elif kind in ("fill_busted", "fill_corrected"):
                self._revise(record)
        return self

    def _fill(self, record: Row) -> None:
        try:
            rules = self._names.row("instrument", record["instrument"])
        except KeyError:
            return  # the ledger names it: UNKNOWN_INSTRUMENT
        fill = Fill(record, rules, self._arrivals.get(record["order_id"]))
        fill.take(record)
        self._fills[self._executions] = fill

    def _revise(self, record: Row) -> None:
        fill = self._fills.get(record["fill_ordinal"])
        if fill is not None:
            fill.take(record)

    def rows(self, view: str) -> list[dict[str, Any]]:
        """By one of VIEWS. Each view has every fill once: what has no order or stands in no group
        is one row of its book, so the rows of any view add up to the same."""
        if view == "fill":
            return [self._fill_row(fill) for fill in self._fills.values()]
        sums: dict[tuple[tuple[str, Any], ...], Sum] = {}
        for fill in self._fills.values():
            sums.setdefault(tuple(self._key(view, fill).items()), Sum()).add(fill)
        return [{**dict(key), **found.row()} for key, found in sums.items()]

    def totals(self, positions: Sequence[Row]) -> list[dict[str, Any]]:
        """What the fills of each strategy's instrument add up to, beside the ledger's own slippage
        of it (`positions` of the books)."""
        ours: dict[tuple[str, ...], Decimal] = {}
        theirs: dict[tuple[str, ...], Decimal] = {}
        for sums, rows in ((ours, self.rows("book")), (theirs, positions)):
            for row in rows:
                key = tuple(row[name] for name in _OF_A_BOOK)
                sums[key] = _EXACT.add(sums.get(key, Decimal(0)), Decimal(row["slippage"]))
        found = []
        for key in sorted({*ours, *theirs}):
            mine, ledger = ours.get(key, Decimal(0)), theirs.get(key, Decimal(0))
            told = {"slippage": plain_text(mine), "ledger": plain_text(ledger)}
            row = dict(zip(_OF_A_BOOK, key, strict=True))
            found.append({**row, **told, "is_tied": mine == ledger})
        return found

    def _key(self, view: str, fill: Fill) -> dict[str, Any]:
        book, currency = self._book(fill), {"currency": self._currency(fill)}
        if view == "strategy":
            return {"strategy": book["strategy"], **currency}
        order_id, known = fill.record["order_id"], fill.arrival
        if view == "order":
            source = known and known.source
            side = "" if known is None else _side(fill)
            return {**book, "order_id": _id(order_id if known else 0), **_linked(known),
                    "side": side, "arrival_price": self._price(fill),
                    "arrival_by": source, **currency}  # fmt: skip
        return {**book, **(_linked(known) if view == "linked" else {}), **currency}

    def _book(self, fill: Fill) -> dict[str, str]:
        record, known = fill.record, fill.arrival
        strategy, leg = (0, record["leg"]) if known is None else (known.strategy, known.leg)
        return {
            "account": self._names.name("account", record["account"]),
            "strategy": self._names.name("strategy", strategy),
            "instrument": fill.rules["symbol"],
            "leg": _LEGS[leg],
        }

    def _currency(self, fill: Fill) -> str:
        is_spot = fill.rules["instrument_kind"] == 1
        return self._names.name("currency", fill.rules["quote" if is_spot else "settle"])

    def _price(self, fill: Fill) -> str | None:
        if fill.arrival is None or fill.arrival.price == 0:
            return None
        return _text(fill.arrival.price, fill.rules["price_scale"])

    def _fill_row(self, fill: Fill) -> dict[str, Any]:
        alone = Sum()
        alone.add(fill)
        return {
            "sequence": fill.record["sequence"],
            "time_ns": fill.record["time_ns"],
            **self._key("order", fill),
            "side": _side(fill),
            "quantity": _text(fill.quantity, fill.rules["quantity_scale"]),
            "value": _text(fill.worth_e18, 18),
            **alone.row(),
        }


def _arrival_of(record: Row) -> Arrival:
    """Of an order_new: the reference price of the gate, else its limit, else none."""
    linked_to = record["order_id"] - record["link_place"] if record.get("link_count") else 0
    price, source = record["reference_price"], "reference"
    if price == 0 and record["type"] in _WITH_LIMIT:
        price, source = record["price"], "limit"
    found = source if price else None
    return Arrival(record["strategy"], record["leg"], linked_to, price, found)


def _side(fill: Fill) -> str:
    return "buy" if fill.record["side"] == _BUY else "sell"


def _id(order_id: int) -> str | None:
    return str(order_id) if order_id else None


def _linked(known: Arrival | None) -> dict[str, str | None]:
    return {"linked_to": _id(known.linked_to if known else 0)}
