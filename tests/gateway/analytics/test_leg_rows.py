"""Groups of legs as one position, against an oracle that looks at every fill and every future; and
what is left out of them by name."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import leg_oracle as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.analytics.aggregation import InstrumentMap
from gateway.analytics.exposure import Rate
from gateway.analytics.greek_book import GreekInput
from gateway.analytics.leg_groups import LegBook
from gateway.analytics.leg_rows import leg_rows, order_faults, rates_of
from gateway.journal.leg_notes import note_of
from gateway.valuation.margin import MarkPrice
from gateway.valuation.option_terms import OptionBook, OptionSettings


def instrument(name: str, kind: str, **more: str) -> dict[str, Any]:
    row = {"name": name, "venue": "v", "venue_symbol": name, "kind": kind, "base": "BTC",
           "quote": "USD", "settle": "USD", "multiplier": "1", "lot": "1"}  # fmt: skip
    return row | more


INSTRUMENTS = [
    instrument("PERP", "linear"),
    instrument("MICRO", "linear", multiplier="0.1"),
    instrument("SPOT", "spot"),
    instrument("INV", "inverse", settle="BTC", multiplier="100"),
    instrument("ETH", "linear", base="ETH"),
    instrument("EUR", "linear", quote="EUR", settle="EUR"),
]
RULES = {row["name"]: row for row in INSTRUMENTS}
MARKS = {name: MarkPrice(price, 0) for name, price in
         {"PERP": "110", "MICRO": "96", "SPOT": "104", "INV": "125", "ETH": "10", "EUR": "90"
          }.items()}  # fmt: skip
RATES = {"USD": Rate(Decimal(1), 0), "BTC": Rate(Decimal("100.5"), 0), "ETH": Rate(Decimal(9), 0)}


def order(side: str, done: str, price: str | None, **more: str) -> dict[str, Any]:
    row = {"instrument": "PERP", "account": "main", "strategy": "alpha", "venue": "v",
           "principal": "desk", "leg": "net", "side": side, "state": "FILLED", "quantity": "10",
           "cumulative_quantity": done, "average_price": price, "updated_ns": 5,
           "sequence": 9}  # fmt: skip
    return row | more


def row_of(
    orders: dict[int, Any], *subjects: str, marks: Any = MARKS, rates: Any = RATES, fees: Any = None
) -> Any:
    book = LegBook()
    book.take_all(note_of(f"legs S {subject}", at) for at, subject in enumerate(subjects, 20))
    given_ = GreekInput([], INSTRUMENTS, OptionBook(OptionSettings(), INSTRUMENTS), marks,
                        {"USD": 1.0, "BTC": 100.5}, 1, 1000)  # fmt: skip
    known = {number: {} for number in orders} if fees is None else fees
    instruments = InstrumentMap(INSTRUMENTS, {})
    (row,) = leg_rows(book.groups.values(), orders, given_, instruments, rates, fees=known)
    return row


# Against the oracle.

PRICES = st.integers(1, 400).map(lambda quarter: Decimal(quarter) / 4)
ORDERS = st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans(), st.booleans(), PRICES)
LEGS = st.tuples(st.sampled_from(sorted(RULES)), st.integers(1, 3), st.booleans(),
                 st.lists(ORDERS, min_size=1, max_size=3))  # fmt: skip


def built(legs: list[Any]) -> tuple[dict[int, Any], list[str], list[Any]]:
    """Rows of orders, notes, and the same for the oracle."""
    rows: dict[int, Any] = {}
    subjects, naive = [], []
    for number, (name, parts, is_bought, orders) in enumerate(legs, 1):
        ratio = parts if is_bought else -parts
        fills, may = [], {False: 0, True: 0}
        for done, left, is_exit, is_open, price in orders:
            at = len(rows) + 1
            side = "buy" if is_bought != is_exit else "sell"
            state = "PARTIALLY_FILLED" if is_open and left else "CANCELED" if left else "FILLED"
            rows[at] = order(side, str(done), str(price) if done else None, instrument=name,
                             quantity=str(done + left), state=state)  # fmt: skip
            subjects.append(f"{number}/{len(legs)} {at} {ratio}{' exit' * is_exit}")
            fills += [oracle.Fill(Fraction(price), is_exit)] * done
            may[is_exit] += left if is_open else 0
        rule = RULES[name]
        naive.append(oracle.NaiveLeg(ratio, rule["kind"], Fraction(rule["multiplier"]), fills,
                                     may[False], may[True]))  # fmt: skip
    return rows, subjects, naive


def told(amount: Fraction) -> Fraction:
    return Fraction(round(amount * 10**18), 10**18)


@settings(max_examples=200, deadline=None)
@given(st.lists(LEGS, min_size=2, max_size=3))
def test_a_group_is_what_the_oracle_says_of_every_fill(legs) -> None:
    rows, subjects, naive = built(legs)
    # A thousandth of what executed, by turns in dollars and coins.
    fees = {number: {("BTC", "USD")[number % 2]: Decimal(each["cumulative_quantity"])
                     * Decimal(each["average_price"] or 0) / 1000}
            for number, each in rows.items()}  # fmt: skip
    row = row_of(rows, *subjects, fees=fees)
    assert row["state"] == oracle.state(naive)
    sums: dict[str, list[Fraction]] = {}
    deltas: dict[str, Fraction] = {}
    alone = oracle.alone(naive)
    for paid in fees.values():
        for currency, fee in paid.items():
            made = sums.setdefault(currency, [Fraction(0), Fraction(0), Fraction(0)])
            made[2] += Fraction(fee)
    for (name, *_), leg, rest in zip(legs, naive, alone, strict=True):
        rule, mark = RULES[name], Fraction(MARKS[name].price)
        if leg.fills:
            made = sums.setdefault(rule["settle"], [Fraction(0), Fraction(0), Fraction(0)])
            for at, amount in enumerate(oracle.profit(leg, mark)):
                made[at] += amount
        if rest:
            delta = told(rest) * leg.multiplier
            delta = told(delta / mark) if leg.kind == "inverse" else delta
            deltas[rule["base"]] = deltas.get(rule["base"], Fraction(0)) + delta
    assert {currency: [Fraction(each) for each in made.values()]
            for currency, made in row["profit"].items()} == {
        currency: [told(each) for each in (*made, made[0] + made[1] - made[2])]
        for currency, made in sums.items()
    }  # fmt: skip
    assert {each["asset"]: Fraction(each["delta"]) for each in row["risk"]} == deltas
    values = {asset: delta * Fraction(RATES[asset].rate) for asset, delta in deltas.items()}
    assert {each["asset"]: Fraction(each["value"]) for each in row["risk"]} == values
    assert Fraction(row["leg_risk"]) == sum(map(abs, values.values()))
    if "EUR" in sums:
        assert "rate:EUR" in row["excluded"] and row["realised"] is row["net"] is None
    else:
        totals = [
            sum(
                (made[at] * Fraction(RATES[currency].rate) for currency, made in sums.items()),
                Fraction(0),
            )
            for at in (0, 1, 2)
        ]
        totals.append(totals[0] + totals[1] - totals[2])
        names = ("realised", "unrealised", "fees", "net")
        assert [Fraction(row[name]) for name in names] == list(map(told, totals))
    price = oracle.spread_price(naive)
    if len({RULES[name]["quote"] for name, *_ in legs}) == 1:
        assert row["spread_price"] == (None if price is None else row["spread_price"])
        assert price is None or Fraction(row["spread_price"]) == told(price)
    else:
        assert row["spread_price"] is None, "euros have no rate"


# Examples.


def test_a_spread_goes_from_nothing_to_filled() -> None:
    far = {"instrument": "ETH", "quantity": "20"}
    states = []
    for near_done, far_done, near_state, far_state in [
        ("0", "0", "NEW", "NEW"), ("4", "0", "PARTIALLY_FILLED", "NEW"),
        ("4", "8", "PARTIALLY_FILLED", "PARTIALLY_FILLED"), ("10", "20", "FILLED", "FILLED"),
    ]:  # fmt: skip
        row = row_of({1: order("buy", near_done, "100", state=near_state),
                      2: order("sell", far_done, "8", state=far_state, **far)},
                     "1/2 1 1", "2/2 2 -2")  # fmt: skip
        shares = [leg["share"] for leg in row["legs"]]
        states.append((row["state"], row["units"], row["leg_risk"], row["late"], shares))
    assert states == [
        ("none", "0", "0", [], ["0", "0"]),
        ("partial", "0", "402", [2], ["1", "0"]),  # four coins at 100.5
        ("partial", "4", "0", [], ["1", "1"]),
        ("filled", "10", "0", [], ["1", "1"]),
    ]
    assert (row["spread_price"], row["spread_currency"]) == ("84", "USD")
    assert row["profit"]["USD"]["unrealised"] == "60"  # 100 won, 40 lost
    assert row["delta_cash"] == "900", "1,100 long, 200 short"


def test_fees_stand_beside_the_profit_and_what_is_not_known_leaves_no_net() -> None:
    orders = {1: order("buy", "10", "100"), 2: order("sell", "10", "8", instrument="ETH")}
    legs = ("1/2 1 1", "2/2 2 -1")
    fees: dict[int, Any] = {1: {"USD": Decimal("0.123456789")}, 2: {"BTC": Decimal("-0.001")}}
    row = row_of(orders, *legs, fees=fees)
    assert row["profit"] == {
        "BTC": {"realised": "0", "unrealised": "0", "fees": "-0.001", "net": "0.001"},
        "USD": {"realised": "0", "unrealised": "80", "fees": "0.123456789", "net": "79.876543211"},
    }
    assert (row["fees"], row["net"]) == ("0.022956789", "79.977043211")
    row = row_of(orders, *legs, fees=fees | {2: None})
    assert row["profit"]["USD"] == {"realised": "0", "unrealised": "80", "fees": None, "net": None}
    assert (row["unrealised"], row["fees"], row["net"]) == ("80", None, None)
    assert row["excluded"] == ["fees: not all fills of 2 are known"]
    row = row_of(orders, *legs, fees=fees | {2: {"BNB": Decimal(1)}})
    assert "rate:BNB" in row["excluded"] and row["net"] is None
    row = row_of(orders, *legs, fees=fees, marks={"PERP": MARKS["PERP"]})
    assert (row["fees"], row["net"]) == ("0.022956789", None), "a leg without a mark has no profit"


def test_what_no_order_works_for_any_more_is_broken_and_stands_alone() -> None:
    orders = {1: order("buy", "10", "100"), 2: order("sell", "4", "8", state="CANCELED")}
    orders[2]["instrument"] = "MICRO"
    row = row_of(orders, "1/2 1 1", "2/2 2 -1")
    assert (row["state"], row["units"], row["canceled"], row["late"]) == ("broken", "4", [2], [])
    assert row["risk"] == [{"asset": "BTC", "delta": "6", "value": "603"}]
    again = orders | {3: order("sell", "0", None, instrument="MICRO", quantity="6", state="NEW")}
    row = row_of(again, "1/2 1 1", "2/2 2 -1", "2/2 3 -1")
    assert (row["state"], row["canceled"], row["late"]) == ("partial", [], [2]), "sent again"


def test_exits_realise_what_both_legs_made_together() -> None:
    orders = {1: order("buy", "10", "100"), 2: order("sell", "10", "105", instrument="SPOT"),
              3: order("sell", "10", "112"), 4: order("buy", "5", "110", instrument="SPOT",
                                                       state="PARTIALLY_FILLED")}  # fmt: skip
    notes = ("1/2 1 1", "2/2 2 -1", "1/2 3 1 exit", "2/2 4 -1 exit")
    row = row_of(orders, *notes)
    assert (row["state"], row["realised"], row["unrealised"]) == ("closing", "95", "5")
    assert row["risk"] == [{"asset": "BTC", "delta": "-5", "value": "-502.5"}]
    orders[4] |= {"cumulative_quantity": "10", "state": "FILLED"}
    row = row_of(orders, *notes)
    assert (row["state"], row["realised"], row["unrealised"]) == ("closed", "70", "0")
    assert "delta_cash" not in row, "nothing is held"


def test_less_than_a_lot_beside_the_ratio_is_in_it() -> None:
    """17.35 contracts to a coin cannot be traded in whole ones."""
    orders = {1: order("buy", "10", "100"),
              2: order("sell", "173", "8", instrument="ETH", quantity="173")}  # fmt: skip
    row = row_of(orders, "1/2 1 1", "2/2 2 -17.35")
    assert (row["state"], row["leg_risk"]) == ("filled", "0")
    orders[2] |= {"cumulative_quantity": "155"}
    assert row_of(orders, "1/2 1 1", "2/2 2 -17.35")["state"] == "broken"


@pytest.mark.parametrize(
    ("note", "code", "field", "value"),
    [
        ("2/2 2 1", "LEG_SIDE", "side", "sell"),
        ("2/2 1 -1 exit", "LEG_ORDER_TAKEN", "order_id", "1"),
        ("1/2 2 1", "LEG_INSTRUMENT", "instrument", "SPOT"),
        ("2/2 77 -1", "LEG_ORDER_UNKNOWN", "order_id", "77"),
    ],
)
def test_an_order_that_does_not_fit_is_in_no_sum_and_named(note, code, field, value) -> None:
    orders = {1: order("buy", "10", "100"), 2: order("sell", "10", "105", instrument="SPOT")}
    row = row_of(orders, "1/2 1 1", note)
    (fault,) = row["faults"]
    assert [fault[name] for name in ("code", "field", "value")] == [code, field, value]
    assert fault["rule"] and fault["sequence"] == 21
    assert [leg["instrument"] for leg in row["legs"]] == ["PERP"]
    is_unknown = code == "LEG_ORDER_UNKNOWN"
    assert row["state"] == ("unknown" if is_unknown else "incomplete")
    assert (row["units"], row["leg_risk"]) == ((None, None) if is_unknown else ("0", "1005"))
    assert row["missing"] == ([] if is_unknown else [2])


def test_orders_are_checked_before_they_are_noted() -> None:
    book = LegBook()
    book.take_all(note_of(f"legs S {each}") for each in ("1/2 1 -1", "2/2 5 1"))
    faults = order_faults(book.groups["S"], {1: order("buy", "0", None)}, INSTRUMENTS)
    assert [(each.code, each.order_id) for each in faults] == [
        ("LEG_SIDE", 1), ("LEG_ORDER_UNKNOWN", 5),
    ]  # fmt: skip


def test_what_has_no_fresh_mark_or_rate_is_named() -> None:
    orders = {1: order("buy", "100", "100", instrument="INV", quantity="100"),
              2: order("sell", "4", "80", instrument="EUR", state="CANCELED")}  # fmt: skip
    stale = MARKS | {"INV": MarkPrice("125", 5000)}
    rates = rates_of([{"name": "USD", "rate": "1"}, {"name": "EUR", "rate": "0"}])
    row = row_of(orders, "1/2 1 1", "2/2 2 -1", marks=stale, rates=rates)
    assert (row["realised"], row["spread_price"], row["risk"]) == (None, None, [])
    assert set(row["excluded"]) >= {"INV: no fresh mark or rate, so no leg risk", "rate:EUR",
                                    "INV: no fresh mark, so no profit"}  # fmt: skip
    row = row_of(orders, "1/2 1 1", "2/2 2 -1", rates=rates)
    assert row["risk"][0]["value"] is None and "rate:BTC" in row["excluded"]
    both = rates | {"EUR": Rate(Decimal("1.1"), 0), "BTC": Rate(Decimal(100), 0)}
    row = row_of(orders, "1/2 1 1", "2/2 2 -1", rates=both)
    assert (row["spread_price"], row["spread_currency"]) == ("12", "reporting")  # 100 - 80 x 1.1


def test_whose_a_group_is_is_told_where_all_agree() -> None:
    orders = {1: order("buy", "1", "100"), 2: order("sell", "1", "9", strategy="beta")}
    orders[2]["instrument"] = "ETH"
    row = row_of(orders, "1/2 1 1", "2/2 2 -1")
    assert [row[name] for name in ("account", "strategy", "instrument")] == ["main", "", ""]
    assert [each["strategy"] for each in row["members"]] == ["alpha", "beta"]
