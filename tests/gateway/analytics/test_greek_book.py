"""Greeks of a desk's rows: volatility out of marks, sums of every level, shocks, expiries;
what is missing or stale is named and in no sum."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.analytics.expiry_calendar import expiry_rows
from gateway.analytics.greek_book import (
    GREEK_LEVELS,
    GreekInput,
    Shock,
    book_of,
    greek_rows,
    plain,
    position_rows,
    shock_row,
    unit_rows,
)
from gateway.valuation.greeks import black_76_greeks
from gateway.valuation.margin import MarkPrice
from gateway.valuation.option_terms import OptionBook, OptionSettings

DAY_NS = 86_400 * 10**9
NOW = int(datetime(2026, 5, 27, 8, tzinfo=UTC).timestamp()) * 10**9  # 30 days before expiry
YEARS = 30 / 365


def instrument(symbol: str, kind: str, settle: str, **more: str) -> dict[str, Any]:
    row = {"name": f"{symbol}.okx", "venue": "okx", "venue_symbol": symbol, "kind": kind,
           "base": "BTC", "quote": "USD", "settle": settle, "multiplier": "1"}  # fmt: skip
    return row | more


CALL, PUT = "BTC-USD-260626-60000-C.okx", "BTC-USD-260626-50000-P.okx"
INSTRUMENTS = [
    instrument("BTC-USD-260626-60000-C", "linear", "BTC", multiplier="0.1", quote="BTC"),
    instrument("BTC-USD-260626-50000-P", "linear", "BTC", multiplier="0.1", quote="BTC"),
    instrument("BTC-USD-SWAP", "inverse", "BTC", multiplier="100"),
    instrument("BTC-USDT-SWAP", "linear", "USDT", multiplier="0.01", quote="USDT"),
    instrument("BTC-USD-260626", "inverse", "BTC", multiplier="100"),
]
SPOT = 55_000.0
CALL_GREEKS = black_76_greeks("call", future=SPOT, strike=60_000, years=YEARS, volatility=0.6)
PUT_GREEKS = black_76_greeks("put", future=SPOT, strike=50_000, years=YEARS, volatility=0.7)
MARKS = {
    CALL: MarkPrice(f"{CALL_GREEKS.price / SPOT:.15f}", 0),
    PUT: MarkPrice(f"{PUT_GREEKS.price / SPOT:.15f}", 0),
    "BTC-USD-SWAP.okx": MarkPrice("55000", 0),
    "BTC-USDT-SWAP.okx": MarkPrice("55000", 0),
}
RATES = {"USD": 1.0, "USDT": 0.99, "BTC": 55_000.0}


def held(name: str, quantity: str, account: str = "main", strategy: str = "s") -> dict[str, Any]:
    return {"account": account, "strategy": strategy, "instrument": name, "quantity": quantity,
            "leg": "net", "average_price": "54000"}  # fmt: skip


BOOK = [
    held(CALL, "20"),
    held(PUT, "-10", strategy="t"),
    held("BTC-USD-SWAP.okx", "-550", account="other"),
    held("BTC-USDT-SWAP.okx", "100"),
    held(CALL, "0"),
]


def given(positions: list[dict[str, Any]] = BOOK, **more: Any) -> GreekInput:
    settings = more.pop("settings", OptionSettings())
    found = GreekInput(positions, INSTRUMENTS, OptionBook(settings, INSTRUMENTS), MARKS, RATES,
                       NOW, 10_000)  # fmt: skip
    return found._replace(**more)


VENUES = {row["name"]: row["venue"] for row in INSTRUMENTS}


def test_volatility_comes_out_of_the_marks_and_greeks_are_those_of_the_model() -> None:
    rows = {row["instrument"]: row for row in position_rows(book_of(given()), VENUES)}
    call, put = rows[CALL], rows[PUT]
    assert float(call["volatility"]) == pytest.approx(0.6, rel=1e-6)
    assert float(put["volatility"]) == pytest.approx(0.7, rel=1e-6)
    assert float(call["delta"]) == pytest.approx(CALL_GREEKS.delta * 2, rel=1e-6)
    assert float(put["vega"]) == pytest.approx(-PUT_GREEKS.vega, rel=1e-6)
    assert float(call["value"]) == pytest.approx(CALL_GREEKS.price * 2, rel=1e-6)
    # 550 contracts of 100 dollars are one coin at 55,000; 100 of 0.01 coins are another.
    assert float(rows["BTC-USD-SWAP.okx"]["delta"]) == pytest.approx(-1.0)
    assert float(rows["BTC-USD-SWAP.okx"]["delta_cash"]) == pytest.approx(-55_000.0)
    assert float(rows["BTC-USDT-SWAP.okx"]["delta_cash"]) == pytest.approx(54_450.0)
    assert call["underlying"] == "BTC-USD-SWAP.okx"


def test_the_parts_of_every_level_add_up_to_the_firm() -> None:
    rows = greek_rows(book_of(given()), VENUES)
    firm = next(row for row in rows if row["level"] == "firm")
    for level in GREEK_LEVELS:
        for name in ("delta_cash", "gamma_cash", "vega", "theta", "rho"):
            total = sum(Decimal(row[name]) for row in rows if row["level"] == level)
            assert float(total) == pytest.approx(float(firm[name]), rel=1e-8, abs=1e-6)
    assert {row["name"] for row in rows if row["level"] == "account"} == {"main", "other"}
    assert float(firm["theta_trading_day"]) == pytest.approx(float(firm["theta"]) * 365 / 252)
    assert firm["beta_delta"] is None


def test_a_beta_weighs_assets_in_units_of_the_benchmark() -> None:
    settings = OptionSettings(betas={"BTC": "2"}, benchmark="BTC-USDT-SWAP.okx")
    (firm,) = greek_rows(book_of(given(settings=settings)), VENUES, ("firm",))
    wanted = float(firm["delta_cash"]) * 2 / (55_000 * 0.99)
    assert float(firm["beta_delta"]) == pytest.approx(wanted)


def test_what_is_stale_or_missing_is_named_and_in_no_sum() -> None:
    old = {**MARKS, CALL: MarkPrice("0.05", 90_000)}
    del old[PUT], old["BTC-USDT-SWAP.okx"]
    book = book_of(given(marks=old))
    (firm,) = greek_rows(book, VENUES, ("firm",))
    assert firm["excluded"] == [
        f"{PUT}: no mark, so no volatility",
        f"{CALL}: its mark is 90000 ms old",
        "BTC-USDT-SWAP.okx: no mark of BTC-USDT-SWAP.okx",
    ]
    assert (firm["vega"], firm["delta_cash"]) == ("0", "-55000")
    by_strategy = {row["name"]: row for row in greek_rows(book, VENUES, ("strategy",))}
    assert by_strategy["t"]["excluded"] == [f"{PUT}: no mark, so no volatility"]
    assert book_of(given(marks=old, volatilities={PUT: 0.7})).greeks.excluded != []
    told = book_of(given(volatilities={CALL: 0.5}))
    rows = {row["instrument"]: row for row in position_rows(told, VENUES)}
    assert rows[CALL]["volatility"] == "0.5"
    (poor,) = greek_rows(book_of(given(rates={"USD": 1.0, "USDT": 0.0})), VENUES, ("firm",))
    assert poor["excluded"] == ["BTC-USDT-SWAP.okx: no rate of USDT"]


def test_a_mark_below_what_exercise_pays_has_no_volatility() -> None:
    marks = {**MARKS, PUT: MarkPrice("0.0000000001", 0), CALL: MarkPrice("2", 0)}
    (firm,) = greek_rows(book_of(given(marks=marks)), VENUES, ("firm",))
    assert f"{CALL}: no volatility: above bound" in firm["excluded"]


def test_a_shock_values_every_option_afresh() -> None:
    book = book_of(given())
    told = shock_row(book, Shock(spot=-0.1, vol=0.05))
    call = black_76_greeks("call", future=49_500, strike=60_000, years=YEARS, volatility=0.65)
    put = black_76_greeks("put", future=49_500, strike=50_000, years=YEARS, volatility=0.75)
    wanted = 2 * (call.price - CALL_GREEKS.price) - (put.price - PUT_GREEKS.price)
    wanted += 5_500 - 5_500 * 0.99
    assert float(told["profit"]) == pytest.approx(wanted, rel=1e-6)
    assert shock_row(book, Shock())["profit"] == "0"
    small = float(shock_row(book, Shock(spot=1e-6))["profit"])
    (firm,) = greek_rows(book, VENUES, ("firm",))
    assert small == pytest.approx(float(firm["delta_cash"]) * 1e-6, rel=1e-3)
    with pytest.raises(ValueError, match="above -1"):
        shock_row(book, Shock(spot=-1.0))


def test_one_unit_of_what_may_be_traded_is_told_for_the_gate() -> None:
    rows = dict(unit_rows(given([]), [CALL, "BTC-USDT-SWAP.okx", "BTC-USD-260626.okx"]))
    assert rows["BTC-USD-260626.okx"] == "no mark of BTC-USD-260626.okx"
    call, swap = rows[CALL], rows["BTC-USDT-SWAP.okx"]
    assert not isinstance(call, str) and not isinstance(swap, str)
    assert call.delta_cash == pytest.approx(CALL_GREEKS.delta * 0.1 * SPOT, rel=1e-6)
    assert swap.delta_cash == pytest.approx(550 * 0.99)


def test_numbers_are_told_without_an_exponent() -> None:
    assert plain(1.25e-7) == "0.000000125" and plain(-3e15) == "-3000000000000000"
    assert plain(0.1 + 0.2) == "0.3" and plain(0.0) == "0"


def test_expiries_say_what_a_position_becomes_at_the_marks_of_now() -> None:
    marks = {**MARKS, "BTC-USD-260626.okx": MarkPrice("60000", 0)}
    held_now = [held(PUT, "-10"), held(CALL, "20"), held("BTC-USD-260626.okx", "54"),
                held("BTC-USD-SWAP.okx", "1")]  # fmt: skip
    options = OptionBook(OptionSettings(), INSTRUMENTS)

    def rows(marks: Any, zone: str = "UTC") -> list[dict[str, Any]]:
        return expiry_rows(held_now, INSTRUMENTS, options, marks, NOW, zone=zone,
                           age_ms_max=10_000)  # fmt: skip

    found = {row["instrument"]: row for row in rows(marks)}
    assert found.keys() == {PUT, CALL, "BTC-USD-260626.okx"}
    assert found[PUT]["expiry"] == "2026-06-26T08:00:00+00:00"
    assert found[PUT]["outcome"] == found[CALL]["outcome"] == "worthless"
    future = found["BTC-USD-260626.okx"]
    # 54 x 100 x (1/54,000 - 1/60,000) coins.
    assert (future["outcome"], future["cash"], future["closed_quantity"]) == (
        "settled", "0.01", "-54",
    )  # fmt: skip
    low = {**marks, "BTC-USD-SWAP.okx": MarkPrice("40000", 0)}
    put = next(row for row in rows(low) if row["instrument"] == PUT)
    # Assigned: ten of a tenth of a coin, 10,000 dollars in coins of 40,000.
    assert (put["outcome"], put["cash"], put["closed_quantity"]) == ("assigned", "-0.25", "10")
    assert rows(marks, "America/New_York")[0]["expiry"] == "2026-06-26T04:00:00-04:00"
    stale = {**marks, "BTC-USD-SWAP.okx": MarkPrice("40000", 99_000)}
    put = next(row for row in rows(stale) if row["instrument"] == PUT)
    assert (put["outcome"], put["reason"]) == (None, "no fresh mark of BTC-USD-SWAP.okx")
