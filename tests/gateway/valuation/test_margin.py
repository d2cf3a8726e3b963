"""gateway.valuation.margin: the worked examples of venue documents, an oracle in fractions, and
everything that is missing named and left out."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from gateway.config.faults import ConfigError
from gateway.valuation.brackets import Brackets, Leverages, Schedule, Step, load_brackets
from gateway.valuation.margin import (
    MarginRows,
    MarkPrice,
    margin_rows,
)

HERE = Path(__file__).parent
SHIPPED = Path(__file__).parents[3] / "conf/margin.toml"
GOLDEN = json.loads((HERE / "golden/margin.json").read_text())


def instrument(name: str, **rules: Any) -> dict[str, Any]:
    usual = {
        "kind": "linear",
        "settle": "USDT",
        "price_scale": 2,
        "quantity_scale": 3,
        "tick": "0.01",
    }
    return {"name": name, **usual, "multiplier": "1", "multiplier_scale": 0, **rules}


COIN = {"kind": "inverse", "settle": "BTC", "price_scale": 1, "quantity_scale": 0, "tick": "0.1"}
INSTRUMENTS = [
    instrument("BTCUSDT.binance"),
    instrument("ETHUSDT.binance"),
    instrument("BTCUSD.binance", **COIN, multiplier="100"),
    instrument("BTC-USD-SWAP.okx", **COIN, multiplier="100"),
    instrument("BTC-USDT-SWAP.okx", quantity_scale=0, multiplier="0.01", multiplier_scale=2),
    instrument("CHZ-USDT-SWAP.okx", price_scale=5, quantity_scale=0, multiplier="10", tick="0.001"),
    instrument("BTC-PERPETUAL.deribit", **COIN, multiplier="10"),
    instrument("ETH-USDT.okx", kind="spot"),
]
FLAT = Step(leverage_max=125, maintenance_rate="0.005")
SHIPPED_BRACKETS = load_brackets(SHIPPED)
BRACKETS = Brackets(
    schedules={
        **SHIPPED_BRACKETS.schedules,
        "flat": Schedule(source="the example names its leverage", date="", steps=[FLAT]),
    },
    instruments={
        **SHIPPED_BRACKETS.instruments,
        "BTCUSD.binance": "binance_btcusd_coin",
        "BTC-USD-SWAP.okx": "flat",
        "BTC-USDT-SWAP.okx": "flat",
        "BTC-PERPETUAL.deribit": "deribit_btc",
    },
    leverage={
        "desk": Leverages(
            instruments={
                "BTC-USD-SWAP.okx": "10",
                "BTC-USDT-SWAP.okx": "10",
                "BTCUSDT.binance": "20",
            },
        )
    },
)


def position(name: str, quantity: str, entry: str, **more: Any) -> dict[str, Any]:
    rules = next(row for row in INSTRUMENTS if row["name"] == name)
    size = Decimal(quantity) * Decimal(rules["multiplier"])
    inverse = rules["kind"] == "inverse"
    cost = -size / Decimal(entry) if inverse else size * Decimal(entry)
    usual = {
        "account": "desk",
        "venue": name.rpartition(".")[2],
        "leg": "net",
        "margin_mode": "cross",
    }
    cost_text = format(cost.quantize(Decimal("1e-18")), "f")
    return {"instrument": name, "strategy": "s", **usual, "quantity": quantity, "cost": cost_text,
            **more}  # fmt: skip


def rows_of(case: dict[str, Any], orders: list[dict[str, Any]] | None = None) -> MarginRows:
    positions = [
        position(each["instrument"], each["quantity"], each["entry"], leg=each.get("leg", "net"))
        for each in case["positions"]
    ]
    balances = [
        {"account": "desk", "currency": name, "total": total}
        for name, total in case["balance"].items()
    ]
    marks = {each["instrument"]: MarkPrice(each["mark"], 0) for each in case["positions"]}
    return margin_rows(positions, balances, INSTRUMENTS, BRACKETS, marks, orders=orders or ())


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: str(case["name"]))
def test_the_examples_of_venue_documents_come_out(case: dict[str, Any]) -> None:
    found = rows_of(case)
    for each, row in zip(case["positions"], found.positions, strict=True):
        for name, wanted in each["expect"].items():
            digits = len(wanted.partition(".")[2])
            step = Decimal(1).scaleb(-digits)
            if name == "liquidation_price":  # the document rounds, the tick is the last that stands
                assert abs(Decimal(row[name]) - Decimal(wanted)) <= Decimal("0.01"), case["source"]
            else:
                assert Decimal(row[name]).quantize(step) == Decimal(wanted), case["source"]
    assert found.accounts[0]["excluded"] == []


def test_open_orders_ask_for_margin_and_for_what_they_would_lose_at_once() -> None:
    case = next(each for each in GOLDEN if "orders" in each)
    without = Decimal(rows_of(case).accounts[0]["initial"])
    for order in case["orders"]:
        row = dict(order, account="desk", order_id="7", is_reduce_only=False)
        initial = Decimal(rows_of(case, [row]).accounts[0]["initial"])
        assert initial - without == Decimal(order["expect"])
        assert rows_of(case, [{**row, "is_reduce_only": True}]).accounts[0]["initial"] == format(
            without, "f"
        )


def oracle(notional: Fraction, schedule: Schedule) -> Fraction:
    """Maintenance as the sum of each step's slice: the tax-bracket sentence itself."""
    due, floor = Fraction(0), Fraction(0)
    for step in schedule.steps:
        cap = Fraction(step.cap) or notional
        due += max(min(notional, cap) - floor, Fraction(0)) * Fraction(step.maintenance_rate)
        floor = cap
    return due


def test_maintenance_equals_the_slices_of_its_steps() -> None:
    rng = random.Random(4)
    schedule = BRACKETS.schedules["binance_btcusdt"]
    for _ in range(300):
        quantity = Decimal(rng.randrange(1, 10 ** rng.randrange(2, 7))) / 1000
        mark = Decimal(rng.randrange(100, 50_000 * 100)) / 100
        case = {"balance": {"USDT": "1"}, "positions": [
            {"instrument": "BTCUSDT.binance", "quantity": str(quantity), "entry": "20000",
             "mark": str(mark)}]}  # fmt: skip
        row = rows_of(case).positions[0]
        due = oracle(Fraction(quantity) * Fraction(mark), schedule)
        assert 0 <= Fraction(row["maintenance"]) - due <= Fraction(4, 10**18)


def test_strategies_of_one_account_net_to_what_the_venue_sees() -> None:
    both = [
        position("BTCUSDT.binance", "2", "10000", strategy="a"),
        position("BTCUSDT.binance", "-1.5", "10000", strategy="EXTERNAL"),
    ]
    marks = {"BTCUSDT.binance": MarkPrice("10000", 0)}
    balances = [{"account": "desk", "currency": "USDT", "total": "1000"}]
    found = margin_rows(both, balances, INSTRUMENTS, BRACKETS, marks)
    assert [row["quantity"] for row in found.positions] == ["0.5"]
    assert found.positions[0]["notional"] == "5000"


def test_what_is_missing_is_named_and_left_out_of_the_sums() -> None:
    rows = [
        position("BTCUSDT.binance", "1", "10000"),
        position("ETHUSDT.binance", "1", "1000"),
        position("BTC-USDT-SWAP.okx", "1", "10000", margin_mode="isolated"),
        position("CHZ-USDT-SWAP.okx", "60000", "0.1"),
    ]
    marks = {"BTCUSDT.binance": MarkPrice("10000", 0), "ETHUSDT.binance": MarkPrice("1000", 99_999),
             "CHZ-USDT-SWAP.okx": MarkPrice("0.1", 0)}  # fmt: skip
    found = margin_rows(rows, [], INSTRUMENTS, BRACKETS, marks)
    account = found.accounts[0]
    assert account["excluded"] == [
        "BTC-USDT-SWAP.okx: no collateral is known",
        "CHZ-USDT-SWAP.okx: above the last bracket",
        "ETHUSDT.binance: the mark is 99999 ms old",
        "USDT: no balance is known",
    ]
    assert account["initial"] == found.positions[0]["initial"] == "500"
    assert [row["reason"] for row in found.positions[1:]] == [
        "the mark is 99999 ms old", "no collateral is known", "above the last bracket"
    ]  # fmt: skip
    assert (account["ratio"], account["state"]) == (None, "unknown")
    bare = margin_rows(rows[:1], [], INSTRUMENTS, Brackets(), marks)
    assert bare.positions[0]["reason"] == "no brackets"
    for wrong in ("nan", "-5", "0", "1e5", "9" * 30):
        marks = {"BTCUSDT.binance": MarkPrice(wrong, 0)}
        found = margin_rows(rows[:1], [], INSTRUMENTS, BRACKETS, marks)
        assert found.positions[0]["reason"] == "a mark that is no price"


def test_an_isolated_position_lives_on_its_own_collateral() -> None:
    rows = [position("BTCUSDT.binance", "1", "10000", margin_mode="isolated")]
    marks = {"BTCUSDT.binance": MarkPrice("9800", 0)}
    balances = [{"account": "desk", "currency": "USDT", "total": "5000"}]
    found = margin_rows(
        rows, balances, INSTRUMENTS, BRACKETS, marks,
        collateral={("desk", "BTCUSDT.binance", "net"): "500"},
    )  # fmt: skip
    row = found.positions[0]
    assert found.accounts[0]["equity"] == "4500"
    assert found.accounts[0]["maintenance"] == "0"
    # 500 + p - 10000 = 0.004 p: Binance's closed form, p = (10000 - 500) / (1 - 0.004)
    assert row["liquidation_price"] == "9538.15"
    assert row["state"] == "ok"
    assert Decimal(row["ratio"]) == Decimal("0.130666666667")


def test_collateral_of_the_journal_s_rows_counts_and_a_person_s_word_instead_of_it() -> None:
    one = position("BTCUSDT.binance", "1.5", "10000", margin_mode="isolated", collateral="500")
    other = {**one, "strategy": "EXTERNAL", "quantity": "-0.5", "cost": "-5000"}
    cross = position("ETHUSDT.binance", "1", "3000", collateral="77")
    marks = {"BTCUSDT.binance": MarkPrice("9800", 0), "ETHUSDT.binance": MarkPrice("3000", 0)}
    balances = [{"account": "desk", "currency": "USDT", "total": "5000"}]
    given = ([one, other, cross], balances, INSTRUMENTS, BRACKETS, marks)
    found = margin_rows(*given)
    assert found.accounts[0]["equity"] == "4500", "once, though two strategies say it"
    assert [row["collateral"] for row in found.positions] == ["500", None]
    assert found.positions[0]["liquidation_price"] == "9538.15"
    named = margin_rows(*given, collateral={("desk", "BTCUSDT.binance", "net"): "600"})
    assert named.accounts[0]["equity"] == "4400"
    assert named.positions[0]["collateral"] == "600"


# An account of two symbols: 1 BTC bought at 10,000 of which 500 lie in the position when it is
# isolated, and 100 contracts of 0.01 BTC bought at 10,000. Worked by hand, with 5,000 in the
# balance, BTC at 9,800 on Binance (0.4 %, leverage 20) and at 9,900 on OKX (0.5 %, leverage 10).
MIXED_MARKS = {
    "BTCUSDT.binance": MarkPrice("9800", 0),
    "BTC-USDT-SWAP.okx": MarkPrice("9900", 0),
}


def mixed(first: dict[str, Any], second: dict[str, Any]) -> MarginRows:
    rows = [
        position("BTCUSDT.binance", "1", "10000", **first),
        position("BTC-USDT-SWAP.okx", "100", "10000", **second),
    ]
    balances = [{"account": "desk", "currency": "USDT", "total": "5000"}]
    return margin_rows(rows, balances, INSTRUMENTS, BRACKETS, MIXED_MARKS)


def numbers(found: MarginRows) -> tuple[Any, ...]:
    (account,) = found.accounts
    names = ("equity", "initial", "maintenance", "headroom", "ratio")
    return *(account[name] for name in names), *(r["liquidation_price"] for r in found.positions)


ISOLATED_AND_CROSS = [
    # The account is cross; its venue holds one symbol isolated.
    ({"venue_margin_mode": "isolated", "collateral": "500"}, {"venue_margin_mode": "cross"}),
    ({"venue_margin_mode": "isolated", "collateral": "500"}, {}),
    # The account is isolated; its venue holds one symbol cross.
    (
        {"margin_mode": "isolated", "collateral": "500"},
        {"margin_mode": "isolated", "venue_margin_mode": "cross"},
    ),
]


@pytest.mark.parametrize(("first", "second"), ISOLATED_AND_CROSS)
def test_a_mixed_account_is_counted_mode_by_mode(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    found = mixed(first, second)
    # Equity 5000 - 500 - 100, initial 9900 / 10, maintenance 9900 x 0.005. The isolated one:
    # 500 + p - 10000 = 0.004 p; the cross one on what is left: 4500 + p - 10000 = 0.005 p.
    assert numbers(found) == (
        "4400", "990", "49.5", "3410", "0.01125", "9538.15", "5527.63"
    )  # fmt: skip
    assert [row["margin_mode"] for row in found.positions] == ["isolated", "cross"]
    told = [bool(each.get("venue_margin_mode")) for each in (first, second)]
    sources = [row["margin_mode_source"] for row in found.positions]
    assert sources == ["venue" if is_told else "account" for is_told in told]
    assert (found.accounts[0]["excluded"], found.accounts[0]["state"]) == ([], "ok")


def test_a_switch_of_the_mode_moves_the_position_from_one_sum_to_the_other() -> None:
    before = mixed({"venue_margin_mode": "cross"}, {"venue_margin_mode": "cross"})
    # Equity 5000 - 200 - 100, initial 490 + 990, maintenance 39.2 + 49.5. BTC of Binance alone
    # moves: 5000 - 100 - 49.5 + p - 10000 = 0.004 p; that of OKX: 5000 - 200 - 39.2 + p - 10000 =
    # 0.005 p.
    assert numbers(before)[:4] == ("4700", "1480", "88.7", "3220")
    assert numbers(before)[5:] == ("5170.18", "5265.52")
    after = mixed(*ISOLATED_AND_CROSS[0])
    assert numbers(after)[0] == "4400", "500 more lie apart, and 200 are lost there"
    both = mixed(*([{"venue_margin_mode": "isolated", "collateral": "500"}] * 2))
    # Nothing is cross: 5000 - 500 - 500 is left.
    assert numbers(both)[:5] == ("4000", "0", "0", "4000", "0")


def test_a_mode_that_is_not_known_is_named_and_guessed_by_nobody() -> None:
    for told in ({"venue_margin_mode": "unknown"}, {"venue_margin_mode": "isolated"}):
        found = mixed(told, {"venue_margin_mode": "cross"})
        (account,) = found.accounts
        why = "the margin mode is not known" if told["venue_margin_mode"] == "unknown" else (
            "no collateral is known"
        )  # fmt: skip
        assert account["excluded"] == [f"BTCUSDT.binance: {why}"]
        assert [account[name] for name in ("equity", "headroom", "ratio", "state")] == [
            None, None, None, "unknown"
        ]  # fmt: skip
        assert found.positions[0]["reason"] == why
        assert found.positions[1]["reason"] == "other positions are left out"
        # What the cross position alone would be, with all of the balance as its equity.
        assert account["partial_ratio"] == "0.010102040817"


def eth_rows(orders: list[dict[str, Any]], held: str = "1", **more: Any) -> dict[str, Any]:
    rows = [position("ETHUSDT.binance", held, "3000", account="free")]
    balances = [{"account": "free", "currency": "USDT", "total": "100000"}]
    marks = {"ETHUSDT.binance": MarkPrice(more.pop("mark", "3000"), 0)}
    found = margin_rows(rows, balances, INSTRUMENTS, BRACKETS, marks, orders=orders, **more)
    return found.accounts[0]


def eth_order(quantity: str, **more: Any) -> dict[str, Any]:
    return {"order_id": "7", "account": "free", "venue": "binance", "leg": "net", "side": "buy",
            "instrument": "ETHUSDT.binance", "leaves_quantity": quantity, "price": "3000",
            "is_reduce_only": False, **more}  # fmt: skip


def test_strategies_that_net_to_nothing_keep_what_they_made() -> None:
    marks = {"ETHUSDT.binance": MarkPrice("3000", 0)}
    balances = [{"account": "desk", "currency": "USDT", "total": "100000"}]
    for mode in ("cross", "isolated"):
        rows = [
            position("BTCUSDT.binance", "10", "60000", strategy="a", margin_mode=mode),
            position("BTCUSDT.binance", "-10", "50000", strategy="EXTERNAL", margin_mode=mode),
            position("ETHUSDT.binance", "1", "3000"),
        ]
        found = margin_rows(rows, balances, INSTRUMENTS, BRACKETS, marks)
        account = found.accounts[0]
        assert (account["equity"], account["state"], account["excluded"]) == (
            "0",
            "liquidation",
            [],
        )
        alone = margin_rows(rows[:2], balances, INSTRUMENTS, BRACKETS, {})
        assert [row["equity"] for row in alone.accounts] == ["0"]


def test_an_order_that_cannot_be_valued_is_named() -> None:
    told = eth_rows([eth_order("5000")])
    if not told["excluded"]:
        told = eth_rows([eth_order("500000")])
    assert told["excluded"] == ["orders that could not be valued: 1"]
    assert told["state"] == "unknown"
    assert eth_rows([eth_order("5", price="3000.001")])["excluded"] == [
        "order 7: a price that is none"
    ]


def test_a_market_order_counts_at_a_mark_of_any_scale() -> None:
    limit = Decimal(eth_rows([eth_order("1", price="3000.13")])["initial"])
    market = eth_rows([eth_order("1", price=None)], mark="3000.12345678901")
    assert market["excluded"] == []
    assert limit - 1 < Decimal(market["initial"]) <= limit


def test_an_order_asks_for_the_step_it_would_lift_the_position_to() -> None:
    one, more = eth_order("3"), eth_order("2", order_id="8")
    before = Decimal(eth_rows([], held="33")["initial"])
    both = Decimal(eth_rows([one], held="33")["initial"])
    assert both == Decimal(eth_rows([], held="36")["initial"]) > before * 36 / 33
    # Orders join each other too, and one on the other side joins nothing.
    assert Decimal(eth_rows([one, more], held="31")["initial"]) == both
    away = Decimal(eth_rows([eth_order("3", side="sell")], held="33")["initial"])
    assert before < away < both


def test_no_liquidation_price_while_something_else_of_its_equity_is_left_out() -> None:
    rows = [position("BTCUSDT.binance", "20", "60000"), position("ETHUSDT.binance", "100", "3000")]
    balances = [{"account": "desk", "currency": "USDT", "total": "60000"}]
    marks = {"BTCUSDT.binance": MarkPrice("60000", 0), "ETHUSDT.binance": MarkPrice("3000", 0)}
    both = margin_rows(rows, balances, INSTRUMENTS, BRACKETS, marks)
    assert all(row["liquidation_price"] for row in both.positions)
    marks["BTCUSDT.binance"] = MarkPrice("60000", -1)
    found = margin_rows(rows, balances, INSTRUMENTS, BRACKETS, marks)
    assert [row["reason"] for row in found.positions] == [
        "the mark is from the future", "other positions are left out"
    ]  # fmt: skip
    assert found.positions[1]["liquidation_price"] is None
    poor = margin_rows(rows[1:], [], INSTRUMENTS, BRACKETS, marks)
    assert poor.positions[0]["reason"] == "no balance is known"


def test_collateral_nobody_knows_makes_the_equity_unknown() -> None:
    rows = [
        position("BTCUSDT.binance", "1", "10000", margin_mode="isolated"),
        position("ETHUSDT.binance", "1", "3000"),
    ]
    marks = {"BTCUSDT.binance": MarkPrice("10000", 0), "ETHUSDT.binance": MarkPrice("3000", 0)}
    balances = [{"account": "desk", "currency": "USDT", "total": "100000"}]
    account = margin_rows(rows, balances, INSTRUMENTS, BRACKETS, marks).accounts[0]
    assert [account[name] for name in ("equity", "headroom", "ratio", "state")] == [
        None, None, None, "unknown"
    ]  # fmt: skip


def test_an_account_that_holds_nothing_has_its_row_when_asked_for() -> None:
    balances = [{"account": name, "currency": "USDT", "total": "5"} for name in ("desk", "cash")]
    found = margin_rows([], balances, INSTRUMENTS, BRACKETS, {}, margin_accounts={"desk"})
    (row,) = found.accounts
    assert (row["account"], row["headroom"], row["state"]) == ("desk", "5", "ok")
    marks = {"ETHUSDT.binance": MarkPrice("3000", 0)}
    order = eth_order("1", account="desk")
    (row,) = margin_rows([], balances, INSTRUMENTS, BRACKETS, marks, orders=[order]).accounts
    assert (row["venue"], Decimal(row["headroom"]) < 5) == ("binance", True)


def spot_order(side: str, quantity: str, **more: Any) -> dict[str, Any]:
    return eth_order(quantity, instrument="ETH-USDT.okx", side=side, order_id="9", **more)


def test_a_spot_order_asks_for_what_it_pays_and_for_no_schedule() -> None:
    before = eth_rows([])
    bought = eth_rows([spot_order("buy", "0.015", price="3000.01")])
    assert (bought["state"], bought["excluded"], bought["initial_orders"]) == ("ok", [], "45.00015")
    gone = Decimal(before["headroom"]) - Decimal(bought["headroom"])
    assert gone == Decimal("45.00015")
    assert (bought["maintenance"], bought["ratio"]) == (before["maintenance"], before["ratio"])
    assert eth_rows([spot_order("sell", "5")]) == before
    assert eth_rows([spot_order("sell", "5", price=None)]) == before, "no mark is needed"


def test_a_spot_order_at_the_market_is_worth_the_mark() -> None:
    order = spot_order("buy", "2", price=None)
    (told,) = eth_accounts([order], {"ETH-USDT.okx": MarkPrice("3000.001", 0)})
    assert (told["initial_orders"], told["excluded"]) == ("6000.02", []), "rounded up to the tick"
    (told,) = eth_accounts([order], {})
    assert (told["state"], told["excluded"]) == ("unknown", ["order 9: no mark"])
    (told,) = eth_accounts([order], {"ETH-USDT.okx": MarkPrice("3000", 60_001)})
    assert told["excluded"] == ["order 9: the mark is 60001 ms old"]


@pytest.mark.parametrize("more", [{"price": "3000.001"}, {"quantity": "9" * 15, "price": "9" * 15}])
def test_a_spot_order_that_cannot_be_valued_is_named(more: dict[str, str]) -> None:
    (told,) = eth_accounts([spot_order("buy", more.pop("quantity", "1"), **more)], {})
    assert told["excluded"] == ["order 9: a price that is none"]
    assert (told["state"], told["initial_orders"]) == ("unknown", "0")


def test_spot_orders_count_where_the_account_is_on_margin_and_nowhere_else() -> None:
    order = spot_order("buy", "1")
    balances = [{"account": "free", "currency": "USDT", "total": "5000"}]
    given = ([], balances, INSTRUMENTS, BRACKETS, {})
    assert margin_rows(*given, orders=[order]).accounts == [], "cash"
    (row,) = margin_rows(*given, orders=[order], margin_accounts={"free"}).accounts
    assert (row["initial"], row["headroom"]) == ("3000", "2000")
    marks = {"ETHUSDT.binance": MarkPrice("3000", 0)}
    for orders in ([order, eth_order("1")], [eth_order("1"), order]):
        (row,) = margin_rows(*given[:4], marks, orders=orders).accounts
        assert Decimal(row["initial_orders"]) > 3000, "whichever comes first"


def eth_accounts(orders: list[dict[str, Any]], marks: dict[str, MarkPrice]) -> list[dict[str, Any]]:
    balances = [{"account": "free", "currency": "USDT", "total": "100000"}]
    given = ([], balances, INSTRUMENTS, BRACKETS, marks)
    return margin_rows(*given, orders=orders, margin_accounts={"free"}).accounts


def broken(text: str, tmp_path: Path) -> str:
    path = tmp_path / "margin.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_brackets(path)
    return str(caught.value)


def test_a_file_that_cannot_be_schedules_is_refused_by_name(tmp_path: Path) -> None:
    head = '[schedules.x]\nsource = "s"\ndate = "d"\n'
    gap = 'steps = [{ cap = "5", leverage_max = 3, maintenance_rate = "0.1" }]'
    assert "UNKNOWN_KEY" in broken(head + gap + "\nspeed = 1", tmp_path)
    falls = gap[:-1] + ', { leverage_max = 2, maintenance_rate = "0.05" }]'
    assert "a rate that falls" in broken(head + falls, tmp_path)
    assert "no initial margin" in broken(head + 'steps = [{ maintenance_rate = "0.1" }]', tmp_path)
    assert "OUT_OF_RANGE" in broken(head + "steps = []", tmp_path)
    assert "UNKNOWN_NAME" in broken('[instruments]\n"A.b" = "nothing"', tmp_path)
    rate = broken(head + 'steps = [{ leverage_max = 1, maintenance_rate = "x" }]', tmp_path)
    assert "steps" in rate
