"""Which positions end when, and what each would become at the marks of now: exercised, assigned,
worthless or settled. Facts for people; whoever settles is the venue, by its ordinary facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from gateway.analytics.expiry import settlement_of
from gateway.valuation.margin import MarkPrice
from gateway.valuation.option_terms import OptionBook, expiry_of

__all__ = ["expiry_rows"]

Row = Mapping[str, Any]
_NAMES = ("account", "strategy", "instrument", "leg", "quantity")


def expiry_rows(
    positions: Iterable[Row],
    instruments: Iterable[Row],
    options: OptionBook,
    marks: Mapping[str, MarkPrice],
    now_ns: int,
    *,
    zone: str = "UTC",
    age_ms_max: int,
) -> list[dict[str, Any]]:
    """{account, strategy, instrument, leg, quantity, kind, expiry_ns, expiry, is_over, seconds,
    outcome, cash, currency, closed_quantity, price, reason} of every position with an end, soonest
    first. `expiry` is the clock of `zone`. `cash` of a future is what it gained since its entry.
    Without a price there is no outcome; `reason` says why."""
    rules = {row["name"]: row for row in instruments}
    fresh = {name: mark for name, mark in marks.items() if 0 <= mark.age_ms <= age_ms_max}
    found = [
        {
            **_row(position, rules[position["instrument"]], options, fresh),
            "expiry_ns": expiry_ns,
            "is_over": expiry_ns <= now_ns,
            "seconds": str(max(expiry_ns - now_ns, 0) // 10**9),
        }
        for position in positions
        if position["quantity"].strip("-0.")
        and position["instrument"] in rules
        and (expiry_ns := _expiry(rules[position["instrument"]], options)) is not None
    ]
    for row in found:
        local = datetime.fromtimestamp(row["expiry_ns"] // 10**9, ZoneInfo(zone))
        row["expiry"] = local.isoformat()
    return sorted(found, key=lambda row: (row["expiry_ns"], row["instrument"], row["account"]))


def _expiry(row: Row, options: OptionBook) -> int | None:
    terms = options.terms.get(row["name"])
    return terms.expiry_ns if terms else expiry_of(row)


def _row(
    position: Row, rules: Row, options: OptionBook, marks: Mapping[str, MarkPrice]
) -> dict[str, Any]:
    terms = options.terms.get(rules["name"])
    priced_by = terms.underlying if terms else rules["name"]
    mark = marks.get(priced_by)
    row: dict[str, Any] = {name: position[name] for name in _NAMES}
    row |= {
        "kind": terms.kind if terms else "future",
        "currency": rules["settle"],
        "price": None if mark is None else mark.price,
    }
    nothing = dict.fromkeys(("outcome", "cash", "closed_quantity"))
    if mark is None:
        return row | nothing | {"reason": f"no fresh mark of {priced_by or 'its underlying'}"}
    kind: Literal["call", "put", "future"] = "future"
    if terms:
        kind = "call" if terms.kind == "call" else "put"
    settled = settlement_of(
        kind,
        quantity=position["quantity"],
        price=mark.price,
        strike=terms.strike if terms else "0",
        multiplier=rules["multiplier"],
        entry=position["average_price"] or "0",
        is_in_coin=terms.is_in_coin if terms else rules["kind"] == "inverse",
    )
    return row | settled._asdict() | {"reason": ""}
