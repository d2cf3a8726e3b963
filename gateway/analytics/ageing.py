"""How long positions have been held, from the open lots of the ledger: since the position was
opened, and weighted by size over the lots that are left. Exact; pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Any

from gateway.api.decimal_text import plain_text

__all__ = ["BUCKETS", "BUCKET_NAMES", "aged", "edges_ns", "held_rows"]

Row = Mapping[str, Any]
_BOOK = ("account", "strategy", "instrument", "leg", "margin_mode")
_MOMENTS = ("opened_ns", "average_opened_ns", "oldest_opened_ns")
_DAY_NS = 86_400 * 10**9
_NS = Decimal(10**9)
_EXACT, _SECONDS = Context(prec=100), Decimal("0.001")
BUCKETS = (("under_1_day", 1), ("under_7_days", 7), ("under_30_days", 30), ("under_90_days", 90))
BUCKET_NAMES = (*(name for name, _ in BUCKETS), "90_days_and_more")


def edges_ns(now_ns: int) -> list[int]:
    """Behind which moment a lot was opened that is in a bucket and in none before it: what the
    ledger's holdings() take."""
    return [now_ns - days * _DAY_NS for _, days in BUCKETS]


def held_rows(holdings: Iterable[Row]) -> list[dict[str, Any]]:
    """{account, strategy, instrument, leg, margin_mode, quantity, opened_ns, average_opened_ns,
    oldest_opened_ns, buckets{}} of each open book, of the ledger's holdings at `edges_ns`; the
    buckets add up to the quantity. A row is the same until its lots move or one grows into the
    next bucket: an age is a moment less one of its own."""
    return [
        {
            **{name: row[name] for name in (*_BOOK, "quantity", *_MOMENTS)},
            "buckets": dict(zip(BUCKET_NAMES, row["parts"], strict=True)),
        }
        for row in holdings
    ]


def aged(row: Row, now_ns: int) -> dict[str, Any]:
    """A row of held_rows with its ages in seconds; what is of the future is new."""
    since, average, oldest = (_seconds(now_ns - row[name]) for name in _MOMENTS)
    return {
        **row,
        "since_open_seconds": since,
        "average_age_seconds": average,
        "oldest_seconds": oldest,
    }


def _seconds(nanoseconds: int) -> str:
    exact = _EXACT.divide(Decimal(max(nanoseconds, 0)), _NS)
    return plain_text(exact.quantize(_SECONDS, context=_EXACT))
