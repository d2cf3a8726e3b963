"""Where a profit came from: price, carry, fees, currencies, slippage, other. Sums over the ledger's
accounts and the marks of open positions; exact decimals, so the causes add up to the total, in the
row's own currency and in the reporting one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Any

from gateway.analytics.dated_profit import BOOKED, DatedProfit, Key
from gateway.analytics.exposure import Rate, is_open
from gateway.api.decimal_text import plain_text

__all__ = ["CAUSES", "booked_causes", "waterfall_rows"]

CAUSES = ("price", "carry", "fees", "fx", "slippage", "other")
# Purposes of the ledger's accounts that are profit or loss, and where they are told. The ledger's
# credits are negative, so what was earned turns its sign.
_EARNED = {
    "realised": "realised",
    "funding": "funding",
    "interest": "interest",
    "fees": "fees",
    "settlement": "other",
    "adjustment": "other",
    "rounding": "other",
}
_PARTS = ("realised", "unrealised", "funding", "interest", "fees", "slippage", "other")
_EXACT = Context(prec=100)
_KEY = ("account", "strategy", "currency")

_NO_RATES: Mapping[str, Rate] = {}

Row = Mapping[str, Any]


class _Sums:
    """What one (account, strategy, currency) earned so far, by part."""

    def __init__(self) -> None:
        self.parts = dict.fromkeys(_PARTS, Decimal(0))
        self.excluded: set[str] = set()

    def add(self, part: str, amount: Decimal) -> None:
        self.parts[part] = _EXACT.add(self.parts[part], amount)


def waterfall_rows(
    accounts: Iterable[Row],
    positions: Iterable[Row],
    mark_age_ms_max: int,
    dated: DatedProfit | None = None,
    rates: Mapping[str, Rate] = _NO_RATES,
) -> list[dict[str, Any]]:
    """One row per (account, strategy, currency). `accounts` are the ledger's, `positions` its books
    with their marks, both as of one sequence. A position without a fresh mark, or whose book is
    stopped, is named in `excluded` and no part of unrealised. `fx` is zero in a row's own currency;
    `reporting` is the same in the reporting currency, null without a rate, which `excluded` names
    too, as `rate:CURRENCY`."""
    held = list(positions)
    sums = _booked(accounts, held)
    for row in held:
        found = _at(sums, row)
        if row["is_stopped"]:
            found.excluded.add(row["instrument"])
        elif is_open(row):
            _value(found, row, mark_age_ms_max)
    profit = DatedProfit() if dated is None else dated
    return [_row(key, found, profit, rates.get(key[2])) for key, found in sorted(sums.items())]


def booked_causes(
    accounts: Iterable[Row], positions: Iterable[Row]
) -> dict[Key, dict[str, Decimal]]:
    """What is booked by cause, without what open positions are worth."""
    return {key: _causes(found) for key, found in _booked(accounts, positions).items()}


def _booked(accounts: Iterable[Row], positions: Iterable[Row]) -> dict[Key, _Sums]:
    sums: dict[Key, _Sums] = {}
    for row in accounts:
        part = _EARNED.get(row["purpose"])
        if part is not None:
            _at(sums, row).add(part, Decimal(row["balance"]).copy_negate())
    for row in positions:
        _at(sums, row).add("slippage", Decimal(row["slippage"]).copy_negate())
    return sums


def _causes(sums: _Sums) -> dict[str, Decimal]:
    parts = sums.parts
    return {
        # Slippage is a part of the profit told beside it: what it cost was not the market's move.
        "price": _EXACT.subtract(parts["realised"], parts["slippage"]),
        "carry": _EXACT.add(parts["funding"], parts["interest"]),
        "fees": parts["fees"],
        "slippage": parts["slippage"],
        "other": parts["other"],
    }


def _at(sums: dict[Key, _Sums], row: Row) -> _Sums:
    key = (row["account"], row["strategy"], row["currency"])
    return sums.setdefault(key, _Sums())


def _value(sums: _Sums, row: Row, mark_age_ms_max: int) -> None:
    is_fresh = row["unrealised"] is not None and 0 <= row["mark_age_ms"] <= mark_age_ms_max
    if is_fresh:
        sums.add("unrealised", Decimal(row["unrealised"]))
    else:
        sums.excluded.add(row["instrument"])


def _row(key: Key, sums: _Sums, dated: DatedProfit, rate: Rate | None) -> dict[str, Any]:
    parts, booked = sums.parts, _causes(sums)
    unrealised = parts["unrealised"]
    causes = {**booked, "price": _EXACT.add(booked["price"], unrealised), "fx": Decimal(0)}
    total = unrealised
    for name in BOOKED:
        total = _EXACT.add(total, booked[name])
    shown = ("realised", "unrealised", "funding", "interest")
    return {
        **dict(zip(_KEY, key, strict=True)),
        **{name: plain_text(causes[name]) for name in CAUSES},
        "total": plain_text(total),
        **{name: plain_text(parts[name]) for name in shown},
        "reporting": _reported(dated.report(key, booked, unrealised, rate)),
        "excluded": [*sorted(sums.excluded), *([f"rate:{key[2]}"] if rate is None else [])],
    }


def _reported(told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {
        name: plain_text(value) if isinstance(value, Decimal) else value
        for name, value in told.items()
    }
