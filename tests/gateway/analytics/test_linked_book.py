"""A group of linked orders as one: joint state, leg risk, profit and greeks of what executed."""

from __future__ import annotations

from typing import Any

from gateway.analytics.greek_book import GreekInput
from gateway.analytics.linked_book import linked_greeks
from gateway.valuation.margin import MarkPrice
from gateway.valuation.option_terms import OptionBook, OptionSettings

INSTRUMENTS = [
    {"name": "PERP", "venue": "v", "venue_symbol": "PERP", "kind": "linear", "base": "BTC",
     "quote": "USD", "settle": "USD", "multiplier": "1"},
    {"name": "INV", "venue": "v", "venue_symbol": "INV", "kind": "inverse", "base": "BTC",
     "quote": "USD", "settle": "BTC", "multiplier": "100"},
]  # fmt: skip
MARKS = {"PERP": MarkPrice("110", 0), "INV": MarkPrice("125", 0)}


def order(number: int, side: str, done: str, price: str | None, **more: str) -> dict[str, Any]:
    row = {"order_id": str(number), "linked_to": "head", "link": "bracket", "instrument": "PERP",
           "side": side, "state": "FILLED", "quantity": "10", "cumulative_quantity": done,
           "average_price": price}  # fmt: skip
    return row | more


def rows(*orders: dict[str, Any], marks: Any = MARKS) -> list[dict[str, Any]]:
    given = GreekInput([], INSTRUMENTS, OptionBook(OptionSettings(), INSTRUMENTS), marks,
                       {"USD": 1.0}, 1, 1000)  # fmt: skip
    return linked_greeks(orders, given)


def test_profit_and_greeks_are_those_of_what_executed_together() -> None:
    (row,) = rows(
        order(1, "buy", "10", "100"),
        order(2, "sell", "4", "105", state="PARTIALLY_FILLED"),
        order(3, "sell", "0", None, state="NEW"),
    )
    assert (row["state"], row["leg_risk"]) == ("partial", "0"), "the rest is still covered"
    assert row["profit"] == {"USD": "80"}  # 10 x 10 - 4 x 5
    assert row["delta_cash"] == "660" and row["excluded"] == []


def test_legs_on_several_instruments_keep_their_currencies_apart() -> None:
    (row,) = rows(order(1, "buy", "10", "100"), order(2, "sell", "10", "100", instrument="INV"))
    # Ten contracts of 100 dollars, sold at 100 and worth 8 coins at 125: two coins were lost.
    assert row["profit"] == {"BTC": "-2", "USD": "100"}
    assert row["delta_cash"] == "100"  # 1,100 long, 1,000 short


def test_what_has_no_fresh_mark_is_named_and_nothing_executed_is_nothing() -> None:
    stale = {**MARKS, "PERP": MarkPrice("110", 5000)}
    (row,) = rows(order(1, "buy", "10", "100"), marks=stale)
    assert row["profit"] == {} and row["excluded"] == [
        "PERP: no fresh mark, so no profit",
        "PERP: the mark of PERP is 5000 ms old",
    ]
    (void,) = rows(order(1, "buy", "0", None, state="CANCELED"))
    assert (void["state"], void["profit"]) == ("void", {}) and "delta_cash" not in void
