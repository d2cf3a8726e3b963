"""gateway.valuation.greeks against QuantLib, literature and finite differences; limits are finite,
and what has no value says why."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
import pytest

from gateway.valuation import greeks as door
from gateway.valuation import mark

KINDS: tuple[door.OptionKind, ...] = ("call", "put")
GRID = list(
    itertools.product(
        KINDS, (60.0, 95.0, 100.0, 140.0), (0.02, 0.5, 2.0), (0.1, 0.6), (-0.01, 0.05), (0.0, 0.08)
    )
)


def quantlib() -> Any:
    return pytest.importorskip("QuantLib")


def closed_form(kind: str, spot: float, strike: float, *, years: float, vol: float, rate: float,
                carry: float) -> Any:  # fmt: skip
    ql = quantlib()
    side = ql.Option.Call if kind == "call" else ql.Option.Put
    forward = spot * math.exp((rate - carry) * years)
    return ql.BlackCalculator(
        ql.PlainVanillaPayoff(side, strike),
        forward,
        vol * math.sqrt(years),
        math.exp(-rate * years),
    )


@pytest.mark.parametrize(("kind", "strike", "years", "vol", "rate", "carry"), GRID)
def test_black_scholes_equals_quantlib(  # noqa: PLR0917
    kind: door.OptionKind, strike: float, years: float, vol: float, rate: float, carry: float
) -> None:
    theirs = closed_form(kind, 100.0, strike, years=years, vol=vol, rate=rate, carry=carry)
    ours = door.black_scholes_greeks(
        kind, spot=100.0, strike=strike, years=years, volatility=vol, rate=rate, carry=carry
    )
    wanted = (
        theirs.value(), theirs.delta(100.0), theirs.gamma(100.0), theirs.vega(years) / 100,
        theirs.theta(100.0, years) / 365, theirs.rho(years) / 100,
    )  # fmt: skip
    assert ours.reason == ""
    assert ours[:6] == pytest.approx(wanted, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_black_76_equals_quantlib_and_holds_the_future_for_rho(kind: door.OptionKind) -> None:
    terms: dict[str, float] = {"strike": 20.0, "years": 0.75, "volatility": 0.25, "rate": 0.05}
    ours = door.black_76_greeks(kind, future=19.0, **terms)
    theirs = closed_form(kind, 19.0, 20.0, years=0.75, vol=0.25, rate=0.05, carry=0.05)
    assert ours.price == pytest.approx(theirs.value(), rel=1e-12)
    assert ours.delta == pytest.approx(theirs.delta(19.0), rel=1e-12)
    up = door.black_76_greeks(kind, future=19.0, **{**terms, "rate": 0.0501}).price
    down = door.black_76_greeks(kind, future=19.0, **{**terms, "rate": 0.0499}).price
    assert ours.rho == pytest.approx((up - down) / 0.0002 / 100, rel=1e-6)


def test_values_of_the_literature() -> None:
    # Haug, The Complete Guide to Option Pricing Formulas, 2nd ed. 2007: the examples of the
    # generalised Black-Scholes formula, of Black-76 and of a stock option.
    stock = door.black_scholes_greeks(
        "call", spot=60, strike=65, years=0.25, volatility=0.30, rate=0.08
    )
    assert stock.price == pytest.approx(2.1334, abs=5e-5)
    index = door.black_scholes_greeks(
        "put", spot=100, strike=95, years=0.5, volatility=0.20, rate=0.10, carry=0.05
    )
    assert index.price == pytest.approx(2.4648, abs=5e-5)
    future = door.black_76_greeks(
        "call", future=19, strike=19, years=0.75, volatility=0.28, rate=0.10
    )
    assert future.price == pytest.approx(1.7011, abs=5e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_greeks_equal_finite_differences(kind: door.OptionKind) -> None:
    rng = random.Random(8)
    for _ in range(50):
        terms = {
            "spot": 100.0, "strike": rng.uniform(70, 140), "years": rng.uniform(0.05, 2),
            "volatility": rng.uniform(0.1, 1.2), "rate": rng.uniform(-0.02, 0.1),
            "carry": rng.uniform(-0.02, 0.1),
        }  # fmt: skip

        def moved(name: str, by: float, terms: dict[str, float] = terms) -> door.Greeks:
            return door.black_scholes_greeks(kind, **{**terms, name: terms[name] + by})

        def slope(name: str, by: float) -> float:
            return (moved(name, by).price - moved(name, -by).price) / (2 * by)

        here = moved("spot", 0.0)
        assert here.delta == pytest.approx(slope("spot", 1e-3), abs=1e-6)
        bend = (moved("spot", 1e-3).delta - moved("spot", -1e-3).delta) / 2e-3
        assert here.gamma == pytest.approx(bend, abs=1e-6)
        assert here.vega == pytest.approx(slope("volatility", 1e-4) / 100, abs=1e-6)
        assert here.rho == pytest.approx(slope("rate", 1e-4) / 100, abs=1e-6)
        assert here.theta == pytest.approx(-slope("years", 1e-4) / 365, abs=1e-5)


def test_theta_of_a_trading_day_is_the_same_year() -> None:
    terms = {"spot": 100.0, "strike": 110.0, "years": 0.3, "volatility": 0.5, "rate": 0.02}
    calendar = door.black_scholes_greeks("call", **terms)
    trading = door.black_scholes_greeks("call", **terms, days_per_year=door.TRADING_DAYS)
    assert trading.theta * 252 == pytest.approx(calendar.theta * 365, rel=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strike", [50.0, 99.0, 100.0, 101.0, 200.0])
def test_limits_without_time_or_volatility_are_finite(kind: door.OptionKind, strike: float) -> None:
    for years, vol in (
        (0.0, 0.5),
        (0.5, 0.0),
        (0.0, 0.0),
        (1e-18, 0.4),
        (1e-9, 1e-9),
        (0.5, 1e-40),
    ):
        found = door.black_scholes_greeks(
            kind, spot=100.0, strike=strike, years=years, volatility=vol, rate=0.03
        )
        assert all(map(math.isfinite, found[:6])), (years, vol, found)
        forward = math.exp(-0.03 * years) * strike
        intrinsic = max((100.0 - forward) * (1 if kind == "call" else -1), 0.0)
        assert found.price == pytest.approx(intrinsic, abs=1e-5)


def test_terms_without_a_value_say_why() -> None:
    good: dict[str, float] = {"spot": 100, "strike": 100, "years": 1, "volatility": 0.2}
    wrong: list[tuple[str, float, str]] = [
        ("spot", math.nan, "not a number"), ("strike", math.inf, "not a number"),
        ("spot", -1, "out of range"), ("strike", 0, "out of range"), ("years", -1, "out of range"),
        ("volatility", -0.1, "out of range"), ("volatility", 101, "out of range"),
        ("rate", 1e9, "out of range"), ("spot", 1e300, "out of range"),
    ]  # fmt: skip
    for name, value, reason in wrong:
        for price in (door.black_scholes_greeks, door.american_greeks):
            found = price("call", **{**good, name: value})  # type: ignore[arg-type]
            assert found.reason == reason, name
            assert all(map(math.isnan, found[:6]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", ["black_scholes", "black_76"])
def test_implied_volatility_comes_back_over_the_whole_range(
    kind: door.OptionKind, model: door.Model
) -> None:
    rng = random.Random(21)
    worst = 0.0
    for _ in range(2000):
        years = 10 ** rng.uniform(-4, 1)
        vol = 10 ** rng.uniform(-2.3, 1)
        depth = rng.uniform(-6, 6) * vol * math.sqrt(years)
        rate, carry = rng.uniform(-0.02, 0.1), rng.uniform(-0.02, 0.1)
        drift = 0.0 if model == "black_76" else (rate - carry) * years
        spot = 100.0
        strike = spot * math.exp(drift + depth)
        terms = {"strike": strike, "years": years, "rate": rate}
        if model == "black_76":
            ours = door.black_76_greeks(kind, future=spot, volatility=vol, **terms)
        else:
            ours = door.black_scholes_greeks(kind, spot=spot, volatility=vol, carry=carry, **terms)
        found = door.implied_volatility(kind, price=ours.price, spot=spot, carry=carry,
                                        model=model, **terms)  # fmt: skip
        # A price in doubles has rounding of its own: that over vega is all a solver can know.
        cash = strike * math.exp(-rate * years)
        rounding = 4e-14 * abs(ours.delta) * spot + 1e-15 * (ours.price + cash)
        noise = rounding / max(ours.vega * 100, 1e-300)
        if noise > 0.01 * vol:
            assert found.reason in {"", "below intrinsic", "above bound"}
            continue
        assert found.volatility is not None, (found, ours, terms, vol)
        assert abs(found.volatility - vol) <= 1e-12 * vol + 4 * noise, (terms, vol, found)
        worst = max(worst, found.iterations)
    assert worst <= 40


def test_prices_without_a_volatility_say_why() -> None:
    terms: dict[str, float] = {"spot": 100, "strike": 80, "years": 1, "rate": 0.05}
    reasons = {19.0: "below intrinsic", 100.0: "above bound", 1e9: "above bound",
               math.nan: "not a number", math.inf: "not a number",
               -1.0: "below intrinsic"}  # fmt: skip
    for price, reason in reasons.items():
        found = door.implied_volatility("call", price=price, **terms)
        assert (found.volatility, found.reason) == (None, reason)
    late = door.implied_volatility("call", price=21.0, **{**terms, "years": 0.0})
    assert late.reason == "expired"
    exact = 100 - 80 * math.exp(-0.05)
    assert door.implied_volatility("call", price=exact, **terms).volatility == pytest.approx(
        0, abs=1e-1
    )


@pytest.mark.parametrize(
    ("kind", "spot", "vol", "rate", "carry"),
    [
        ("put", 100.0, 0.3, 0.05, 0.0),
        ("put", 80.0, 0.2, 0.08, 0.02),
        ("put", 120.0, 0.6, 0.03, 0.01),
        ("call", 100.0, 0.3, 0.02, 0.07),
        ("call", 115.0, 0.25, 0.05, 0.1),
    ],
)
def test_american_options_equal_quantlib(
    kind: door.OptionKind, spot: float, vol: float, rate: float, carry: float
) -> None:
    ql = quantlib()
    today = ql.Date(15, 6, 2026)
    ql.Settings.instance().evaluationDate = today
    days = ql.Actual365Fixed()
    handles = [
        ql.YieldTermStructureHandle(ql.FlatForward(today, each, days)) for each in (carry, rate)
    ]
    surface = ql.BlackVolTermStructureHandle(
        ql.BlackConstantVol(today, ql.NullCalendar(), vol, days)
    )
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), *handles, surface)
    side = ql.Option.Call if kind == "call" else ql.Option.Put
    option = ql.VanillaOption(
        ql.PlainVanillaPayoff(side, 100.0), ql.AmericanExercise(today, today + 365)
    )
    option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process, 800, 800))
    ours = door.american_greeks(
        kind, spot=spot, strike=100.0, years=1.0, volatility=vol, rate=rate, carry=carry, steps=401
    )
    assert ours.price == pytest.approx(option.NPV(), rel=3e-4)
    assert ours.delta == pytest.approx(option.delta(), abs=2e-3)
    assert ours.gamma == pytest.approx(option.gamma(), abs=5e-4)
    assert ours.theta * 365 == pytest.approx(option.theta(), abs=2e-2)


def test_an_american_option_is_worth_at_least_exercise_and_the_european_one() -> None:
    rng = random.Random(3)
    for _ in range(60):
        kind = rng.choice(KINDS)
        terms = {"spot": rng.uniform(20, 300), "strike": 100.0, "years": 10 ** rng.uniform(-3, 0.5),
                 "volatility": 10 ** rng.uniform(-2, 0.3), "rate": rng.uniform(-0.02, 0.1),
                 "carry": rng.uniform(0, 0.1)}  # fmt: skip
        american = door.american_greeks(kind, steps=51, **terms)
        european = door.black_scholes_greeks(kind, **terms)
        now = (terms["spot"] - 100.0) * (1 if kind == "call" else -1)
        assert american.reason == "", (kind, terms)
        assert american.price >= max(european.price, now, 0.0) * (1 - 1e-12)
        assert all(map(math.isfinite, american[:6]))
    # A call without a yield is never exercised early.
    terms = {"spot": 100.0, "strike": 95.0, "years": 1.0, "volatility": 0.4, "rate": 0.05}
    both = door.american_greeks("call", **terms), door.black_scholes_greeks("call", **terms)
    assert both[0].price == pytest.approx(both[1].price, rel=1e-9)


def book(count: int) -> tuple[dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(5)
    options = {
        "spot": rng.uniform(1, 60_000, count), "strike": rng.uniform(1, 60_000, count),
        "years": rng.uniform(0, 3, count), "volatility": rng.uniform(0, 2, count),
        "rate": rng.uniform(-0.02, 0.1, count), "carry": rng.uniform(-0.02, 0.1, count),
    }  # fmt: skip
    for place, value in enumerate((math.nan, math.inf, -1.0, 0.0, 1e300, 1e-320)):
        for column, name in enumerate(options):
            options[name][(place * 6 + column) * 5 % count] = value
    options["years"][7:400:9] = 0.0
    options["volatility"][8:400:9] = 0.0
    options["strike"][9:400:9] = options["spot"][9:400:9]
    return options, rng.integers(0, 2, count).astype(np.uint8)


@pytest.mark.parametrize("level", ["scalar", "avx2", "avx512"])
@pytest.mark.parametrize("model", ["black_scholes", "black_76"])
def test_every_instruction_set_gives_the_bits_of_the_scalar_code(
    level: str, model: door.Model
) -> None:
    if level not in mark.levels():
        pytest.skip(f"this machine has no {level}")
    for count in (1, 63, 64, 65, 5000):
        options, is_call = book(count)
        found = door.greeks_columns(options, is_call, model=model, level=level)
        scalar = door.greeks_columns(options, is_call, model=model, level="scalar")
        assert found.without_value == scalar.without_value
        for name in door.COLUMNS:
            same = found.columns[name].view(np.uint64) == scalar.columns[name].view(np.uint64)
            nan = np.isnan(found.columns[name]) & np.isnan(scalar.columns[name])
            assert (same | nan).all(), name
    for row in range(0, 5000, 97):
        one = {name: float(column[row]) for name, column in options.items()}
        kind: door.OptionKind = "call" if is_call[row] else "put"
        if model == "black_76":
            one["future"] = one.pop("spot")
            del one["carry"]
            single = door.black_76_greeks(kind, **one)
        else:
            single = door.black_scholes_greeks(kind, **one)
        for name, value in zip(door.COLUMNS, single[:6], strict=True):
            batch = float(scalar.columns[name][row])
            assert value == batch or (math.isnan(value) and math.isnan(batch))


def test_columns_that_do_not_fit_are_refused() -> None:
    options, is_call = book(10)
    with pytest.raises(ValueError, match="unequal"):
        door.greeks_columns(options, is_call[:9])
    with pytest.raises(TypeError):
        door.greeks_columns({**options, "spot": options["spot"].astype(np.float32)}, is_call)
    with pytest.raises(ValueError, match="overlaps"):
        door.greeks_columns(options, is_call, out=dict.fromkeys(door.COLUMNS, options["spot"]))
    one = np.empty(10)
    with pytest.raises(ValueError, match="two columns overlap"):
        door.greeks_columns(options, is_call, out=dict.fromkeys(door.COLUMNS, one))
    for days in (0.0, math.nan, 0.5):
        with pytest.raises(ValueError, match="days_per_year"):
            door.greeks_columns(options, is_call, days_per_year=days)
    with pytest.raises(ValueError, match="no column strike"):
        door.greeks_columns({"spot": options["spot"]}, is_call)


@pytest.mark.parametrize("kind", ["Call", "C", "", "linear"])
def test_a_kind_that_is_none_is_refused_and_no_put(kind: Any) -> None:
    terms = {"spot": 100.0, "strike": 100.0, "years": 1.0}
    with pytest.raises(ValueError, match="neither call nor put"):
        door.black_scholes_greeks(kind, volatility=0.5, **terms)
    with pytest.raises(ValueError, match="neither call nor put"):
        door.american_greeks(kind, volatility=0.5, **terms)
    with pytest.raises(ValueError, match="neither call nor put"):
        door.implied_volatility(kind, price=5.0, **terms)


def test_a_price_without_time_value_is_not_below_intrinsic_by_a_rounding() -> None:
    rng = random.Random(20)
    for _ in range(3000):
        terms = {"spot": 100.0, "strike": rng.uniform(50, 150), "years": rng.uniform(0.01, 2),
                 "rate": rng.uniform(-0.05, 0.1), "carry": rng.uniform(-0.05, 0.1)}  # fmt: skip
        for kind in KINDS:
            price = door.black_scholes_greeks(kind, volatility=0.001, **terms).price
            assert door.implied_volatility(kind, price=price, **terms).reason == ""
    terms = {"spot": 100.0, "strike": 60.0, "years": 1.0}
    below = door.implied_volatility("call", price=40.0 - 1e-9, **terms)
    assert below.reason == "below intrinsic"
    assert door.implied_volatility("put", price=-1e-300, **terms).reason == "below intrinsic"
