"""What a desk holds across venues: parts are the whole, gaps are named, linked orders are one."""

import random
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from gateway.analytics.aggregation import (
    BY,
    InstrumentMap,
    MapEntry,
    asset_rows,
    consolidated_rows,
    contracts_by_map,
    linked_rows,
    load_map,
)
from gateway.analytics.exposure import Rate, contracts_of

ROOT = Path(__file__).parents[3]


def instrument(name, venue, kind, *, base="BTC", quote="USD", multiplier="1"):
    return {"name": name, "venue": venue, "kind": kind, "base": base, "quote": quote,
            "settle": base if kind == "inverse" else quote, "multiplier": multiplier}  # fmt: skip


INSTRUMENTS = [
    instrument("BTC-USD.a", "a", "spot"),
    instrument("BTC-PERP.a", "a", "linear", multiplier="0.01"),
    instrument("BTC-PERP.b", "b", "linear"),
    instrument("BTC-INV.b", "b", "inverse", multiplier="100"),
    instrument("WBTC-USD.b", "b", "linear", base="WBTC"),
    instrument("1000PEPE-PERP.a", "a", "linear", base="1000PEPE"),
]
ENTRIES = {
    "WBTC": MapEntry(asset="BTC"),
    "1000PEPE": MapEntry(asset="PEPE", units="1000"),
}
VENUES = {row["name"]: row["venue"] for row in INSTRUMENTS}


def held(name, quantity, mark="50000", strategy="alpha", account="main"):
    return {"instrument": name, "venue": VENUES[name], "quantity": quantity, "mark": mark,
            "strategy": strategy, "account": account}  # fmt: skip


def mapped():
    return InstrumentMap(INSTRUMENTS, ENTRIES)


def test_the_same_contract_of_two_venues_is_one_line_with_their_multipliers():
    rows = consolidated_rows(
        [
            held("BTC-PERP.a", "300"), held("BTC-PERP.b", "-1"), held("BTC-INV.b", "50"),
            held("WBTC-USD.b", "0.5"), held("1000PEPE-PERP.a", "2"), held("BTC-USD.a", "7"),
        ],
        mapped(),
    )  # fmt: skip
    found = {row["instrument"]: row for row in rows}
    assert set(found) == {"BTC/USD derivative", "BTC/USD spot", "PEPE/USD derivative"}
    both = found["BTC/USD derivative"]
    # 300 x 0.01; -1 + 50 x 100 / 50,000 + 0.5
    assert (both["parts"], both["total"]) == ({"a": "3", "b": "-0.4"}, "2.6")
    assert (both["long"], both["short"]) == ("3", "-0.4")
    assert found["PEPE/USD derivative"]["total"] == "2000"


def test_an_inverse_contract_without_a_mark_is_named_and_left_out():
    rows = consolidated_rows([held("BTC-INV.b", "50", None), held("BTC-PERP.b", "1")], mapped())
    assert (rows[0]["total"], rows[0]["excluded"]) == ("1", ["BTC-INV.b"])


def test_a_quanto_contract_moves_as_its_payout_in_units_of_the_asset():
    row = instrument("ETH-Q.a", "a", "quanto", base="ETH", multiplier="0.000001") | {
        "settle": "BTC"
    }
    quanto = InstrumentMap([row], {})
    position = {"instrument": "ETH-Q.a", "venue": "a", "quantity": "1000", "mark": "3000"}
    rates = {"USD": Rate(Decimal(1), 7), "BTC": Rate(Decimal(60_000), 9)}
    # 1000 x 0.000001 BTC for each dollar are 60 dollars for each dollar.
    (found,) = consolidated_rows([position], quanto, "venue", rates)
    assert (found["total"], found["excluded"]) == ("60", [])
    (asset,) = asset_rows([position], [], {}, quanto, rates, collateral_accounts=frozenset())
    assert (asset["asset"], asset["derivatives"]) == ("ETH", "60")
    for missing in ({}, {"USD": rates["USD"]}, {"BTC": rates["BTC"]}):
        (found,) = consolidated_rows([position], quanto, "venue", missing)
        assert (found["total"], found["excluded"]) == ("0", ["ETH-Q.a"])


@pytest.mark.parametrize("by", BY)
def test_parts_of_random_desks_are_their_total_whatever_they_are_split_by(by):
    chance = random.Random(by)
    for _ in range(40):
        positions = [
            held(chance.choice(INSTRUMENTS)["name"],
                 str(Decimal(chance.randrange(-(10**12), 10**12)).scaleb(-6)),
                 str(Decimal(chance.randrange(1, 10**9)).scaleb(-3)),
                 chance.choice(("alpha", "beta", "EXTERNAL")), chance.choice(("main", "other")))
            for _ in range(chance.randrange(30))
        ]  # fmt: skip
        whole = {row["instrument"]: row["total"]
                 for row in consolidated_rows(positions, mapped(), "firm")}  # fmt: skip
        for row in consolidated_rows(positions, mapped(), by):
            assert sum(map(Fraction, row["parts"].values())) == Fraction(row["total"])
            assert Fraction(row["long"]) + Fraction(row["short"]) == Fraction(row["total"])
            assert row["total"] == whole[row["instrument"]]


def test_an_asset_is_spot_collateral_derivatives_and_what_is_on_its_way():
    rows = asset_rows(
        [held("BTC-PERP.a", "-300"), held("BTC-USD.a", "2"), held("BTC-INV.b", "50")],
        [
            {"account": "main", "currency": "BTC", "total": "2"},
            {"account": "margin", "currency": "BTC", "total": "1"},
            {"account": "margin", "currency": "WBTC", "total": "0.25"},
            {"account": "main", "currency": "USD", "total": "-100"},
        ],
        {"BTC": Decimal("0.5")},
        mapped(),
        {"USD": Rate(Decimal(1), 7), "BTC": Rate(Decimal(50_000), 9)},
        collateral_accounts=frozenset({"margin"}),
    )
    bitcoin, dollar = rows
    assert bitcoin["asset"] == "BTC"
    parts = [bitcoin[name] for name in ("spot", "collateral", "derivatives", "in_transit")]
    assert parts == ["2", "1.25", "-2.9", "0.5"], "spot positions are the coins they brought"
    assert sum(map(Decimal, parts)) == Decimal(bitcoin["net"]) == Decimal("0.85")
    assert (bitcoin["long"], bitcoin["short"], bitcoin["gross"]) == ("3.85", "-3", "6.85")
    assert bitcoin["reporting"]["net"] == "42500"
    assert bitcoin["reporting"]["rate_time_ns"] == 9
    assert (dollar["spot"], dollar["reporting"]["short"]) == ("-100", "-100")


def test_an_asset_without_a_rate_is_told_in_its_own_units_alone():
    (row,) = asset_rows(
        [held("1000PEPE-PERP.a", "3")], [], {}, mapped(), {}, collateral_accounts=frozenset()
    )
    assert (row["net"], row["reporting"], row["excluded"]) == ("3000", None, ["rate:PEPE"])


def order(number, side, state, quantity, done):
    return {"order_id": str(number), "linked_to": "10", "link": "bracket", "side": side,
            "instrument": "BTC-PERP.a", "state": state, "quantity": quantity,
            "cumulative_quantity": done}  # fmt: skip


@pytest.mark.parametrize(
    ("members", "state", "risk"),
    [
        ([("buy", "NEW", "2", "0"), ("sell", "UNTRIGGERED", "2", "0")], "working", "0"),
        ([("buy", "FILLED", "2", "2"), ("sell", "NEW", "2", "0")], "partial", "0"),
        ([("buy", "FILLED", "2", "2"), ("sell", "NEW", "1", "0")], "partial", "1"),
        ([("buy", "FILLED", "2", "2"), ("sell", "CANCELED", "2", "0.5")], "ended", "1.5"),
        ([("sell", "FILLED", "2", "2"), ("buy", "REJECTED", "2", "0")], "ended", "-2"),
        ([("buy", "FILLED", "2", "2"), ("sell", "FILLED", "2", "2")], "ended", "0"),
        ([("buy", "FILLED", "2", "2"), ("sell", "UNKNOWN", "2", "0"),
          ("sell", "NEW", "2", "0")], "partial", "0"),
        ([("buy", "CANCELED", "2", "0"), ("sell", "CANCELED", "2", "0")], "void", "0"),
        ([("buy", "FILLED", "2", "2"), ("buy", "CANCELED", "2", "0")], "ended", "0"),
    ],
)  # fmt: skip
def test_a_group_has_one_state_and_names_what_stands_alone(members, state, risk):
    orders = [order(10 + number, *each) for number, each in enumerate(members)]
    (row,) = linked_rows([*orders, {"order_id": "99", "linked_to": None}])
    assert (row["state"], row["leg_risk"], len(row["members"])) == (state, risk, len(members))


def test_the_shipped_map_loads_and_a_wrong_one_is_named(tmp_path):
    assert load_map(ROOT / "conf" / "instrument_map.toml") == ENTRIES
    for text in ('[same.X]\nasset = "Y"\nunits = "0"\n', "[other]\na = 1\n",
                 '[same.X]\nasset = "Y"\nunit = "1"\n', "[same.X\n",
                 '[same.X]\nasset = "Y"\nunits = "NaN"\n'):  # fmt: skip
        (tmp_path / "map.toml").write_text(text)
        with pytest.raises(ValueError, match=r"map\.toml"):
            load_map(tmp_path / "map.toml")


def test_contracts_are_of_the_assets_that_the_map_makes():
    by_name, found = contracts_of(INSTRUMENTS), contracts_by_map(INSTRUMENTS, ENTRIES)
    assert contracts_by_map(INSTRUMENTS, {}) == by_name
    moved = {"WBTC-USD.b": "BTC", "1000PEPE-PERP.a": "PEPE"}
    assert found == {
        name: each._replace(asset=moved.get(name, each.asset)) for name, each in by_name.items()
    }
