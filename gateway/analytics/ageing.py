"""How long positions have been held, from the open lots of the ledger: since the position was
opened, and weighted by size over the lots that are left. Exact decimals; pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Any

from gateway.api.decimal_text import plain_text

__all__ = ["BUCKETS", "ageing_rows"]

Row = Mapping[str, Any]
_BOOK = ("account", "strategy", "instrument", "leg", "margin_mode")
_DAY_NS = 86_400 * 10**9
_NS = Decimal(10**9)
_EXACT, _SECONDS = Context(prec=100), Decimal("0.001")
BUCKETS = (("under_1_day", 1), ("under_7_days", 7), ("under_30_days", 30), ("under_90_days", 90))
_OLDEST = "90_days_and_more"


def ageing_rows(positions: Iterable[Row], lots: Iterable[Row], now_ns: int) -> list[dict[str, Any]]:
    """{account, strategy, instrument, leg, margin_mode, quantity, since_open_seconds,
    average_age_seconds, oldest_seconds, buckets{}} of each open book; the buckets add up to the
    quantity. positions, lots: rows of the ledger, lots by any method that tells them apart. A lot
    of the future counts as new."""
    parts: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for lot in lots:
        parts[_key(lot)].append(lot)
    return [
        _aged(row, parts[_key(row)], now_ns)
        for row in positions
        if Decimal(row["quantity"]) and parts[_key(row)]
    ]


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in _BOOK)


def _aged(position: Row, lots: list[Row], now_ns: int) -> dict[str, Any]:
    buckets = dict.fromkeys([*(name for name, _ in BUCKETS), _OLDEST], Decimal(0))
    weighted = size = Decimal(0)
    oldest_ns = 0
    for lot in lots:
        quantity, age_ns = Decimal(lot["quantity"]), max(now_ns - lot["opened_ns"], 0)
        name = next((name for name, days in BUCKETS if age_ns < days * _DAY_NS), _OLDEST)
        buckets[name] = _EXACT.add(buckets[name], quantity)
        weighted = _EXACT.add(weighted, _EXACT.multiply(abs(quantity), Decimal(age_ns)))
        size = _EXACT.add(size, abs(quantity))
        oldest_ns = max(oldest_ns, age_ns)
    average = _EXACT.divide(weighted, size) if size else Decimal(0)
    return {
        **{name: position[name] for name in _BOOK},
        "quantity": position["quantity"],
        "since_open_seconds": _seconds(Decimal(max(now_ns - position["opened_ns"], 0))),
        "average_age_seconds": _seconds(average),
        "oldest_seconds": _seconds(Decimal(oldest_ns)),
        "buckets": {name: plain_text(each) for name, each in buckets.items()},
    }


def _seconds(nanoseconds: Decimal) -> str:
    return plain_text(_EXACT.divide(nanoseconds, _NS).quantize(_SECONDS, context=_EXACT))
