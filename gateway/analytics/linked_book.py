"""Groups of linked orders as one position: what they executed together, what that has made at the
marks of now and what it moves like. Estimates beside the books, before fees; pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from gateway.analytics.aggregation import linked_rows
from gateway.analytics.greek_book import GreekInput, book_of, greek_rows
from gateway.api.decimal_text import plain_text
from gateway.valuation.margin import MarkPrice

__all__ = ["linked_greeks"]

Row = Mapping[str, Any]
_EXACT, _UNIT = Context(prec=100), Decimal(1).scaleb(-18)


def linked_greeks(orders: Iterable[Row], given: GreekInput) -> list[dict[str, Any]]:
    """The rows of linked_rows, each with `profit` {currency: text}, the sums of greeks in the
    reporting currency and `excluded`. Members count with what they executed at their average
    price; a group of which nothing executed has no greeks and no profit."""
    every = list(orders)
    rules = {row["name"]: row for row in given.instruments}
    executed: dict[str, list[Row]] = defaultdict(list)
    for row in every:
        if row.get("linked_to") and Decimal(row["cumulative_quantity"]):
            executed[row["linked_to"]].append(row)
    legs = [leg for head, members in executed.items() for leg in _legs(head, members)]
    book = book_of(given._replace(positions=legs))
    venues = {name: row["venue"] for name, row in rules.items()}
    sums = {row["name"]: row for row in greek_rows(book, venues, ("account",))}
    told = []
    for row in linked_rows(every):
        profit, unpriced = _profit(executed[row["linked_to"]], rules, given)
        found = {name: each for name, each in sums.get(row["linked_to"], {}).items()
                 if name not in ("level", "name", "excluded")}  # fmt: skip
        excluded = {*unpriced, *sums.get(row["linked_to"], {"excluded": ()})["excluded"]}
        told.append({**row, "profit": profit, **found, "excluded": sorted(excluded)})
    return told


def _legs(head: str, members: Iterable[Row]) -> list[Row]:
    """Net executed quantity of each instrument, as a position of the group."""
    nets: dict[str, Decimal] = defaultdict(Decimal)
    for row in members:
        nets[row["instrument"]] = _EXACT.add(nets[row["instrument"]], _signed(row))
    return [
        {"account": head, "strategy": "", "instrument": name, "quantity": plain_text(net)}
        for name, net in nets.items()
    ]


def _signed(row: Row) -> Decimal:
    done = Decimal(row["cumulative_quantity"])
    return done if row["side"] == "buy" else -done


def _profit(
    members: Iterable[Row], rules: Mapping[str, Row], given: GreekInput
) -> tuple[dict[str, str], set[str]]:
    """By the currency it is made in, and what has no price."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    unpriced = set()
    for row in members:
        mark = given.marks.get(row["instrument"])
        if not _is_fresh(mark, given.age_ms_max) or row["average_price"] is None:
            unpriced.add(f"{row['instrument']}: no fresh mark, so no profit")
            continue
        assert mark is not None, "fresh"
        rule = rules[row["instrument"]]
        size = _EXACT.multiply(_signed(row), Decimal(rule["multiplier"]))
        entry, now = Decimal(row["average_price"]), Decimal(mark.price)
        if rule["kind"] == "inverse":
            made = _EXACT.subtract(_EXACT.divide(size, entry), _EXACT.divide(size, now))
        else:
            made = _EXACT.multiply(size, now - entry)
        sums[rule["settle"]] = _EXACT.add(sums[rule["settle"]], made)
    rounded = {
        name: plain_text(each.quantize(_UNIT, ROUND_HALF_EVEN, _EXACT))
        for name, each in sorted(sums.items())
    }
    return rounded, unpriced


def _is_fresh(mark: MarkPrice | None, age_ms_max: int) -> bool:
    return mark is not None and 0 <= mark.age_ms <= age_ms_max
