"""Positions and balances as exact sums over books, for comparison with what a venue states.

Decimal text in and out; nothing here is a float and nothing here changes a position.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Any

__all__ = ["balance_totals", "difference", "position_totals"]

_EXACT = Context(prec=80)


def position_totals(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], Decimal]:
    """Sum of all strategy books and EXTERNAL by (account, instrument, leg): the venue's view."""
    totals: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        key = (str(row["account"]), str(row["instrument"]), str(row["leg"]))
        totals[key] = _EXACT.add(totals[key], Decimal(str(row["quantity"])))
    return dict(totals)


def balance_totals(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Decimal]:
    """Balances by (account, currency)."""
    return {(str(row["account"]), str(row["currency"])): Decimal(str(row["total"])) for row in rows}


def difference(venue_total: str, ours: Decimal) -> str:
    """`venue - ours` as plain decimal text."""
    return format(_EXACT.subtract(Decimal(venue_total), ours), "f")
