"""What the fills of orders cost, from the records of a journal. Every fill of a named order is
kept, of the others the newest; of an order of which one was missed nothing is known, or guessed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, NamedTuple

from gateway.journal import reader
from gateway.journal.beginning import first_kept

__all__ = ["FILLS_MAX", "KINDS", "OrderFees", "fees_of"]

FILLS_MAX = 20_000  # of orders that nobody named yet, about 300 bytes each
_FILLED, _REVISED = 49, (50, 51)  # kinds of records (core_ext/.../record/kinds.hpp)
KINDS = frozenset((_FILLED, *_REVISED))  # of the records that are taken
_HEAD = 64  # bytes of a record before its payload, whose first field is the order's id
_BATCH = 1024
_EXACT = Context(prec=100)


class _Fill(NamedTuple):
    quantity: int
    fee: Decimal
    currency: int  # its id in the registry


class OrderFees:
    """Takes records in their order; one thread at a time."""

    def __init__(self, named: Iterable[int] = (), fills_max: int = FILLS_MAX) -> None:
        self._named: dict[int, list[bytes]] = {number: [] for number in named}
        self._others: deque[tuple[int, bytes]] = deque(maxlen=fills_max)

    def take(self, record: bytes) -> None:
        """One record of a kind in KINDS."""
        number = int.from_bytes(record[_HEAD : _HEAD + 8], "little")
        kept = self._named.get(number)
        if kept is not None:
            kept.append(record)
        else:
            self._others.append((number, record))

    def name(self, number: int) -> None:
        """From now on all fills of this order are kept, and those that still are."""
        if number not in self._named:
            self._named[number] = [record for each, record in self._others if each == number]

    def of(self, number: int, until: int) -> dict[int, Decimal] | None:
        """Fees by id of their currency, above zero paid, of the fills up to the record `until`; {}
        where there was no fill. None: a fill before these is not known."""
        fills: dict[str, _Fill] = {}
        for record in self._named.get(number, ()):
            row = reader.decode(record)
            if row["sequence"] > until:
                break
            if (
                record[4] == _FILLED
                and row["order_cumulative"] != _executed(fills) + row["quantity"]
            ):
                return None
            if record[4] in _REVISED and row["trade_id"] not in fills:
                return None
            fee = Decimal(row["fee"])
            fills[row["trade_id"]] = _Fill(row["quantity"], fee, row["fee_currency"])
        return _sums(fills.values())

    def named(
        self, orders: Mapping[int, Mapping[str, Any]], currencies: Iterable[Mapping[str, Any]]
    ) -> dict[int, dict[str, Decimal] | None]:
        """The same of each order by the currency's name, as of its row."""
        names = {row["id"]: row["name"] for row in currencies}
        found = {number: self.of(number, row["sequence"]) for number, row in orders.items()}
        return {
            number: None if fees is None else {names[each]: fees[each] for each in fees}
            for number, fees in found.items()
        }


def _executed(fills: Mapping[str, _Fill]) -> int:
    return sum(fill.quantity for fill in fills.values())


def _sums(fills: Iterable[_Fill]) -> dict[int, Decimal]:
    sums: dict[int, Decimal] = {}
    for fill in fills:
        if fill.fee:
            sums[fill.currency] = _EXACT.add(sums.get(fill.currency, Decimal(0)), fill.fee)
    return sums


def fees_of(directory: Path, ring_directory: str, numbers: Iterable[int], last: int) -> OrderFees:
    """Of orders whose ids are known, in one walk through the journal up to the record `last`.
    RuntimeError: damage on the way."""
    fees = OrderFees(numbers, fills_max=0)
    records: Any = reader.open_reader(directory, ring_directory, first_kept(directory))
    while batch := records.read(_BATCH):
        for sequence, record in batch:
            if sequence > last:
                return fees
            if record[4] in KINDS and not record[5]:
                fees.take(record)
    return fees
