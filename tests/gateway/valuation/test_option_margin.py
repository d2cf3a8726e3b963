"""Options in rows of margin: the examples and formulas of venue documents, orders, what is left
out, and that contracts beside options keep a liquidation price that counts them."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.valuation.brackets import Brackets, Schedule, Step
from gateway.valuation.margin import MarginRows, MarkPrice, margin_rows
from gateway.valuation.option_margin import sold_requirement
from gateway.valuation.option_terms import OptionBook, OptionSettings, OptionTerms, load_options

ROOT = Path(__file__).parents[3]
SETTINGS = load_options(ROOT / "conf" / "options.toml")
GOLDEN = json.loads((Path(__file__).parent / "golden" / "option_margin.json").read_text())
FLAT = Schedule(source="this test", date="", steps=[Step(leverage_max=10, maintenance_rate="0.05")])
BRACKETS = Brackets(schedules={"flat": FLAT}, instruments={"BTC-USD-SWAP": "flat"})
NOW = 1_780_000_000 * 10**9


def instruments(case: dict[str, Any]) -> list[dict[str, Any]]:
    kind = "C" if case["kind"] == "call" else "P"
    each = {"venue": "v", "base": "BTC", "tick": "0.5", "price_scale": 18, "quantity_scale": 0,
            "multiplier_scale": 2}  # fmt: skip
    option = f"BTC-USD-260626-{case['strike']}-{kind}"
    return [
        each | {"name": "OPTION", "venue_symbol": option, "kind": "linear", "quote": case["settle"],
                "settle": case["settle"], "multiplier": case["multiplier"], "price_scale": 4},
        each | {"name": "BTC-USD-SWAP", "venue_symbol": "BTC-USD-SWAP", "kind": "inverse",
                "quote": "USD", "settle": "BTC", "multiplier": "100", "price_scale": 1},
    ]  # fmt: skip


def held(name: str, quantity: str, cost: str = "0", mode: str = "cross") -> dict[str, Any]:
    return {"account": "desk", "venue": "v", "instrument": name, "leg": "net", "margin_mode": mode,
            "strategy": "s", "quantity": quantity, "cost": cost}  # fmt: skip


def rows(
    case: dict[str, Any], *positions: dict[str, Any], rule: str = "", balance: str = "1000000",
    orders: Any = (), now_ns: int = NOW, marks: Any = None,
) -> MarginRows:  # fmt: skip
    rule = rule or case["rule"]
    terms = msgspec.structs.replace(SETTINGS.margin[rule], factor=case.get("factor", "1"))
    settings = OptionSettings(margin={rule: terms}, venues={"v": rule})
    known = instruments(case)
    told = {"OPTION": MarkPrice(case["mark"], 0), "BTC-USD-SWAP": MarkPrice(case["underlying"], 0)}
    balances = [{"account": "desk", "currency": case["settle"], "total": balance}]
    return margin_rows(positions, balances, known, BRACKETS, marks or told, orders=orders,
                       options=OptionBook(settings, known), now_ns=now_ns)  # fmt: skip


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: str(case["name"]))
def test_the_numbers_of_venue_documents_come_out(case: dict[str, Any]) -> None:
    found = rows(case, held("OPTION", case["quantity"], "-0.3"))
    (account,), (position,) = found.accounts, found.positions
    step = Decimal(1).scaleb(-case["digits"])
    for name in ("initial", "maintenance"):
        if name in case:
            assert Decimal(position[name]).quantize(step) == Decimal(case[name]), case["source"]
            assert account[name] == position[name]
    size = Decimal(case["quantity"]) * Decimal(case["multiplier"])
    worth = size * Decimal(case["mark"])
    assert Decimal(account["equity"]) == 1_000_000 + worth, "the balance has the premium"
    assert Decimal(position["unrealised"]) == worth + Decimal("0.3")
    assert account["initial_orders"] == "0"
    assert Decimal(position["notional"]) == abs(worth)
    assert (account["excluded"], account["estimates"]) == ([], [])


CALL = next(case for case in GOLDEN if case["name"] == "okx_coin_call_maintenance")


def test_a_premium_counts_once() -> None:
    """Ten coins, ten calls sold at 0.05: the balance is 10.5, and the calls owe 0.5."""
    case = CALL | {"mark": "0.05", "multiplier": "1"}
    (sold,) = rows(case, held("OPTION", "-10", "-0.5"), balance="10.5").accounts
    assert sold["equity"] == "10"
    # Two strategies against each other: both premiums lie in the balance.
    parts = [held("OPTION", "-10", "-0.5"), held("OPTION", "10", "0.3") | {"strategy": "t"}]
    (none,) = rows(case, *parts, balance="10.2").accounts
    assert none["equity"] == "10.2"


def test_an_option_far_out_of_the_money_asks_for_the_floor() -> None:
    terms = OptionTerms(instrument="X", venue="v", asset="BTC", kind="call", strike="90000",
                        expiry_ns=NOW, underlying="U", multiplier="1", priced_in="USD",
                        is_in_coin=True, currency="BTC", is_american=False)  # fmt: skip
    found = sold_requirement(SETTINGS.margin["deribit"], terms, Fraction(10_000), Fraction("0.01"))
    assert found == (Fraction("0.11"), Fraction("0.085"))


def test_orders_to_sell_ask_for_margin_less_premium_and_orders_to_buy_for_the_premium() -> None:
    def initial(side: str, price: str | None, name: str = "initial") -> Decimal:
        order = {"account": "desk", "venue": "v", "instrument": "OPTION", "order_id": "1",
                 "side": side, "leaves_quantity": "10", "price": price, "leg": "net",
                 "is_reduce_only": False}  # fmt: skip
        return Decimal(rows(CALL, orders=[order]).accounts[0][name])

    assert initial("buy", "0.04") == Decimal("0.4")
    assert initial("buy", "0.04", "initial_orders") == Decimal("0.4")
    assert initial("buy", None) == Decimal("0.575")
    # At least 0.1 of a coin each, as the document says.
    assert initial("sell", "0.1") == 1
    share = Decimal("0.15") - Decimal(100) / 5900
    wanted = (share * Decimal("1.02") + Decimal("0.0575") - Decimal("0.01")) * 10
    assert abs(initial("sell", "0.01") - wanted) < Decimal("1e-15")


def test_what_is_left_out_is_named() -> None:
    expired = rows(CALL, held("OPTION", "-1"), now_ns=NOW * 2)
    assert expired.accounts[0]["excluded"] == ["OPTION: expired"]
    assert expired.positions[0]["reason"] == "expired"
    isolated = rows(CALL, held("OPTION", "-1", mode="isolated"))
    (named,), (row,) = isolated.accounts, isolated.positions
    assert named["excluded"] == [
        "OPTION: isolated, and no document says what of its premium lies in its margin"
    ]
    assert (named["equity"], named["headroom"], named["maintenance"]) == (None, None, "0")
    cross = rows(CALL, held("OPTION", "-1")).positions[0]
    for name in ("notional", "unrealised", "initial", "maintenance"):
        assert row[name] == cross[name] is not None, "its venue's rule knows no mode"
    unknown = rows(CALL, held("OPTION", "-1") | {"venue_margin_mode": "unknown"})
    assert unknown.accounts[0]["excluded"] == ["OPTION: the margin mode is not known"]
    blind = rows(CALL, held("OPTION", "-1"), marks={"OPTION": MarkPrice("0.05", 0)})
    assert blind.accounts[0]["excluded"] == ["OPTION: BTC-USD-SWAP: no mark"]
    assert blind.accounts[0]["state"] == "unknown"


def test_a_rule_that_is_not_documented_in_full_is_named_as_an_estimate() -> None:
    found = rows(CALL, held("OPTION", "-1"), rule="binance")
    (text,) = found.accounts[0]["estimates"]
    assert text.startswith("OPTION: Binance Options API")


def test_a_contract_beside_options_is_closed_by_force_where_both_leave_nothing() -> None:
    swap = held("BTC-USD-SWAP", "590", "-10")  # ten coins at 5,900
    (alone,) = rows(CALL, swap, balance="2").positions
    both = rows(CALL, swap, held("OPTION", "-10", "-0.575"), balance="2")
    with_option = both.positions[0]
    assert Decimal(alone["liquidation_price"]) < Decimal(with_option["liquidation_price"]) < 5900
    account = both.accounts[0]
    assert Decimal(account["ratio"]) == (
        Decimal(account["maintenance"]) / Decimal(account["equity"])
    ).quantize(Decimal("1e-12"), "ROUND_UP")
    assert Decimal(account["headroom"]) == Decimal(account["equity"]) - Decimal(account["initial"])
