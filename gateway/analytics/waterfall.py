"""Where a profit came from: price, carry, fees, currencies, slippage, other. Sums over the ledger's
accounts and the marks of open positions; exact decimals, so the causes add up to the total."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Any

from gateway.analytics.exposure import is_open

__all__ = ["CAUSES", "waterfall_rows"]

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

Row = Mapping[str, Any]
Key = tuple[str, str, str]


class _Sums:
    """What one (account, strategy, currency) earned so far, by part."""

    def __init__(self) -> None:
        self.parts = dict.fromkeys(_PARTS, Decimal(0))
        self.stale: set[str] = set()

    def add(self, part: str, amount: Decimal) -> None:
        self.parts[part] = _EXACT.add(self.parts[part], amount)


def waterfall_rows(
    accounts: Iterable[Row], positions: Iterable[Row], mark_age_ms_max: int
) -> list[dict[str, Any]]:
    """One row per (account, strategy, currency). `accounts` are the ledger's, `positions` its books
    with their marks, both as of one sequence. A position without a fresh mark, or whose book is
    stopped, is named in `stale` and no part of unrealised. `fx` is zero: a row stays in its own
    currency."""
    sums: dict[Key, _Sums] = {}
    for row in accounts:
        part = _EARNED.get(row["purpose"])
        if part is not None:
            _at(sums, row).add(part, Decimal(row["balance"]).copy_negate())
    for row in positions:
        found = _at(sums, row)
        found.add("slippage", Decimal(row["slippage"]).copy_negate())
        if row["is_stopped"]:
            found.stale.add(row["instrument"])
        elif is_open(row):
            _value(found, row, mark_age_ms_max)
    return [_row(key, found) for key, found in sorted(sums.items())]


def _at(sums: dict[Key, _Sums], row: Row) -> _Sums:
    key = (row["account"], row["strategy"], row["currency"])
    return sums.setdefault(key, _Sums())


def _value(sums: _Sums, row: Row, mark_age_ms_max: int) -> None:
    is_fresh = row["unrealised"] is not None and 0 <= row["mark_age_ms"] <= mark_age_ms_max
    if is_fresh:
        sums.add("unrealised", Decimal(row["unrealised"]))
    else:
        sums.stale.add(row["instrument"])


def _row(key: Key, sums: _Sums) -> dict[str, Any]:
    parts = sums.parts
    traded = _EXACT.add(parts["realised"], parts["unrealised"])
    causes = {
        # Slippage is a part of the profit told beside it: what it cost was not the market's move.
        "price": _EXACT.subtract(traded, parts["slippage"]),
        "carry": _EXACT.add(parts["funding"], parts["interest"]),
        "fees": parts["fees"],
        "fx": Decimal(0),
        "slippage": parts["slippage"],
        "other": parts["other"],
    }
    total = Decimal(0)
    for part in ("realised", "unrealised", "funding", "interest", "fees", "other"):
        total = _EXACT.add(total, parts[part])
    shown = ("realised", "unrealised", "funding", "interest")
    return {
        **dict(zip(_KEY, key, strict=True)),
        **{name: _text(amount) for name, amount in causes.items()},
        "total": _text(total),
        **{name: _text(parts[name]) for name in shown},
        "stale": sorted(sums.stale),
    }


def _text(amount: Decimal) -> str:
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
