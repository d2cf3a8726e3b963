"""Roll-ups against an obvious model with fractions: every level adds up to the firm, and what lacks
a mark or a rate is named."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.analytics.exposure import LEVELS, Contract, Rate, exposure_rows
from gateway.analytics.waterfall import CAUSES, waterfall_rows

AGE_MS_MAX = 1000
CONTRACTS = {
    "BTC-USD": Contract("spot", "BTC", "USD", Decimal(1)),
    "BTC-PERP": Contract("linear", "BTC", "USD", Decimal("0.001")),
    "BTC-INV": Contract("inverse", "BTC", "BTC", Decimal(100)),
    "ETH-QUANTO": Contract("quanto", "ETH", "BTC", Decimal("0.0001")),
}
RATES = {"USD": Rate(Decimal(1), 5), "BTC": Rate(Decimal("61234.56789012"), 7)}
number = st.decimals("-99999999", "99999999", places=8, allow_nan=False)
price = st.decimals("0.00000001", "99999999", places=8, allow_nan=False)


def position(instrument, quantity, mark="1", age_ms=0, **names):
    return {
        "instrument": instrument,
        "quantity": str(quantity),
        "mark": None if mark is None else str(mark),
        "mark_age_ms": None if mark is None else age_ms,
        **({"account": "main", "strategy": "alpha", "venue": "x"} | names),
    }


positions = st.lists(
    st.builds(
        position,
        st.sampled_from(sorted(CONTRACTS)),
        number,
        st.one_of(st.none(), price),
        st.sampled_from([0, AGE_MS_MAX, AGE_MS_MAX + 1, -1]),
        account=st.sampled_from(["main", "other"]),
        strategy=st.sampled_from(["alpha", "beta", "EXTERNAL"]),
        venue=st.sampled_from(["x", "y"]),
    ),
    max_size=12,
)


def by_key(rows):
    return {(row["level"], row["name"], row["currency"]): row for row in rows}


@given(positions)
def test_every_level_adds_up_to_the_firm_exactly(held):
    rows = exposure_rows(held, CONTRACTS, RATES, AGE_MS_MAX)
    for currency in {row["currency"] for row in rows}:
        of = [row for row in rows if row["currency"] == currency]
        (firm,) = (row for row in of if row["level"] == "firm")
        for name in ("net", "gross", "long", "short"):
            for level in LEVELS:
                parts = [Fraction(row[name]) for row in of if row["level"] == level]
                assert sum(parts) == Fraction(firm[name]), (level, name)
            told = Fraction(firm["reporting"][name])
            assert told == Fraction(firm[name]) * Fraction(str(RATES[currency].rate))
        long, short = Fraction(firm["long"]), Fraction(firm["short"])
        assert (Fraction(firm["net"]), Fraction(firm["gross"])) == (long + short, long - short)


@given(positions)
def test_the_firm_is_what_a_slow_model_says(held):
    model = {}
    for row in held:
        contract = CONTRACTS[row["instrument"]]
        is_fresh = row["mark"] is not None and 0 <= row["mark_age_ms"] <= AGE_MS_MAX
        if Fraction(row["quantity"]) == 0 or not is_fresh:
            continue
        units = Fraction(row["quantity"]) * Fraction(str(contract.multiplier))
        mark = Fraction(row["mark"])
        worth = round(units / mark, 18) if contract.kind == "inverse" else units * mark
        model[contract.currency] = model.get(contract.currency, 0) + worth
    rows = by_key(exposure_rows(held, CONTRACTS, RATES, AGE_MS_MAX))
    for currency, worth in model.items():
        assert Fraction(rows["firm", "firm", currency]["net"]) == worth


@pytest.mark.parametrize(("mark", "age_ms"), [(None, 0), ("5", AGE_MS_MAX + 1), ("5", -1)])
def test_what_has_no_fresh_mark_is_named_at_every_level_and_in_no_total(mark, age_ms):
    held = [position("BTC-PERP", "3", mark, age_ms), position("BTC-USD", "2", "10")]
    rows = by_key(exposure_rows(held, CONTRACTS, RATES, AGE_MS_MAX))
    assert rows["instrument", "BTC-PERP", "USD"]["gross"] == "0"
    for key in (("firm", "firm", "USD"), ("asset", "BTC", "USD"), ("account", "main", "USD")):
        assert (rows[key]["net"], rows[key]["excluded"]) == ("20", ["BTC-PERP"])


def test_a_currency_without_a_rate_is_named_and_not_reported():
    rows = by_key(exposure_rows([position("BTC-INV", "3")], CONTRACTS, {}, AGE_MS_MAX))
    firm = rows["firm", "firm", "BTC"]
    assert (firm["net"], firm["reporting"], firm["excluded"]) == ("300", None, ["rate:BTC"])


money = st.decimals("-9999999999", "9999999999", places=18, allow_nan=False)
purposes = st.sampled_from(["realised", "fees", "funding", "interest", "settlement", "adjustment",
                            "rounding", "cash", "capital", "transit"])  # fmt: skip


@given(
    st.lists(st.tuples(purposes, money), max_size=20),
    st.lists(money, max_size=4),
    st.lists(st.tuples(money, st.booleans()), max_size=4),
)
def test_the_causes_always_add_up_to_the_total(entries, slippages, values):
    key = {"account": "main", "strategy": "alpha", "currency": "USD"}
    accounts = [{**key, "purpose": purpose, "balance": str(amount)} for purpose, amount in entries]
    book = {**key, "leg": "net", "margin_mode": "cross", "is_stopped": False}
    held = [
        {**book, "instrument": f"F{number}", "quantity": "0", "slippage": str(amount)}
        for number, amount in enumerate(slippages)
    ] + [
        {**book, "instrument": f"I{number}", "quantity": "1", "unrealised": str(amount),
         "mark_age_ms": 0 if is_fresh else AGE_MS_MAX + 1, "slippage": "0"}
        for number, (amount, is_fresh) in enumerate(values)
    ]  # fmt: skip
    for row in waterfall_rows(accounts, held, AGE_MS_MAX, rates=RATES):
        assert sum(Fraction(row[cause]) for cause in CAUSES) == Fraction(row["total"])
        fresh = sum(Fraction(amount) for amount, is_fresh in values if is_fresh)
        earned = sum(
            Fraction(amount)
            for purpose, amount in entries
            if purpose not in ("cash", "capital", "transit")
        )
        assert Fraction(row["total"]) == fresh - earned
        assert len(row["excluded"]) == sum(not is_fresh for _, is_fresh in values)


def test_a_stopped_book_is_named_and_not_valued():
    key = {"account": "main", "strategy": "alpha", "currency": "USD", "instrument": "BTC-PERP"}
    book = {**key, "leg": "net", "margin_mode": "cross", "is_stopped": True, "slippage": "0"}
    held = {**book, "quantity": "1", "unrealised": "9", "mark_age_ms": 0}
    (row,) = waterfall_rows([], [held], AGE_MS_MAX, rates=RATES)
    assert (row["excluded"], row["unrealised"]) == (["BTC-PERP"], "0")


def test_no_digit_of_a_long_amount_is_lost():
    amount = "12345678901.123456789012345678"
    key = {"account": "main", "strategy": "alpha", "currency": "X"}
    (row,) = waterfall_rows([{**key, "purpose": "realised", "balance": f"-{amount}"}], [], 1)
    assert (row["price"], row["total"]) == (amount, amount)


def test_an_instrument_nobody_defined_is_named_on_every_level_and_in_no_total():
    known = position("BTC-USD", "3", "100")
    stray = position("GONE", "5", "70") | {"currency": "USD"}
    rows = exposure_rows([known, stray], CONTRACTS, RATES, AGE_MS_MAX)
    named = {(row["level"], row["name"]): row for row in rows if "unknown:GONE" in row["excluded"]}
    assert {level for level, _ in named} == set(LEVELS)
    assert named["asset", "unknown"]["gross"] == "0"
    assert named["firm", "firm"]["gross"] == "300"
    assert exposure_rows([stray | {"quantity": "0"}], {}, RATES, AGE_MS_MAX) == []
