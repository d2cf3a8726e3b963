"""gateway.analytics: greeks of a book, limits on them, its decay, and what an expiry pays."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest

from gateway.analytics.decay import decay_path
from gateway.analytics.expiry import (
    DAY_NS,
    Window,
    expiry_ns,
    settlement_of,
    trading_days,
    years_between,
)
from gateway.analytics.portfolio_greeks import (
    GreekLimits,
    Market,
    OptionFacts,
    Quote,
    breaches,
    portfolio_greeks,
    unit_greeks_command,
)
from gateway.valuation.greeks import american_greeks, black_76_greeks, black_scholes_greeks

NOW = 1_780_000_000 * 10**9
FACTS = {
    "CALL": OptionFacts("BTC", "call", 60_000, NOW + 90 * DAY_NS, 0.1, "USD"),
    "PUT": OptionFacts("BTC", "put", 50_000, NOW + 30 * DAY_NS, 0.1, "USD", "black_76"),
    "EARLY": OptionFacts("ETH", "put", 3_000, NOW + 60 * DAY_NS, 1.0, "EUR", is_american=True),
    "BTC-PERP": OptionFacts("BTC", "linear", multiplier=0.01),
    "OLD": OptionFacts("BTC", "call", 60_000, NOW),
    "BLIND": OptionFacts("BTC", "call", 60_000, NOW + DAY_NS),
    "DARK": OptionFacts("SOL", "call", 100, NOW + DAY_NS),
    "STALE": OptionFacts("XRP", "call", 1, NOW + DAY_NS),
    "FOREIGN": OptionFacts("BTC", "linear", currency="JPY"),
}
MARKET = Market(
    underlyings={"BTC": Quote(55_000.0), "ETH": Quote(2_800.0), "XRP": Quote(1.0, 70_000)},
    volatilities={"CALL": 0.6, "PUT": 0.7, "EARLY": 0.8, "STALE": 0.5, "OLD": 0.5},
    currencies={"USD": 1.0, "EUR": 1.25},
    rate=0.03,
    carries={"BTC": 0.01},
    betas={"BTC": 1.0, "ETH": 1.5},
    benchmark_price=55_000.0,
)


def held(instrument: str, quantity: str) -> dict[str, Any]:
    return {"account": "desk", "strategy": "s", "instrument": instrument, "quantity": quantity}


BOOK = [held("CALL", "20"), held("PUT", "-7"), held("EARLY", "3"), held("BTC-PERP", "-40")]


def test_sums_are_units_times_size_times_currency() -> None:
    found = portfolio_greeks(BOOK, FACTS, MARKET, NOW)
    call = black_scholes_greeks(
        "call", spot=55_000, strike=60_000, years=90 / 365, volatility=0.6, rate=0.03, carry=0.01
    )
    put = black_76_greeks(
        "put", future=55_000, strike=50_000, years=30 / 365, volatility=0.7, rate=0.03
    )
    early = american_greeks(
        "put", spot=2_800, strike=3_000, years=60 / 365, volatility=0.8, rate=0.03
    )
    assert found.excluded == []
    total = found.total
    assert total.vega == pytest.approx(call.vega * 2 - put.vega * 0.7 + early.vega * 3 * 1.25)
    assert total.theta == pytest.approx(call.theta * 2 - put.theta * 0.7 + early.theta * 3 * 1.25)
    bitcoin = (call.delta * 2 - put.delta * 0.7 - 0.4) * 55_000
    ether = early.delta * 3 * 2_800 * 1.25
    assert total.delta_cash == pytest.approx(bitcoin + ether)
    assert total.beta_delta == pytest.approx((bitcoin + 1.5 * ether) / 55_000)
    parts = found.by_underlying
    assert parts["BTC"].delta_cash == pytest.approx(bitcoin)
    assert math.fsum(part.vega for part in parts.values()) == pytest.approx(total.vega)
    assert math.fsum(part.gamma_cash for part in parts.values()) == pytest.approx(total.gamma_cash)


def test_what_cannot_be_valued_is_named_and_left_out() -> None:
    names = ("OLD", "BLIND", "DARK", "STALE", "FOREIGN", "NOBODY")
    found = portfolio_greeks([*BOOK, *(held(name, "1") for name in names)], FACTS, MARKET, NOW)
    assert {each.instrument: each.reason for each in found.excluded} == {
        "OLD": "expired",
        "BLIND": "no volatility",
        "DARK": "no mark of SOL",
        "STALE": "the mark of XRP is 70000 ms old",
        "FOREIGN": "no rate of JPY",
        "NOBODY": "what it is is not known",
    }
    assert found.total == portfolio_greeks(BOOK, FACTS, MARKET, NOW).total
    wild = MARKET._replace(volatilities={**MARKET.volatilities, "CALL": 1e9})
    assert portfolio_greeks(BOOK, FACTS, wild, NOW).excluded[0].reason == "no value at these terms"


def test_a_sum_beyond_its_limit_is_a_breach() -> None:
    total = portfolio_greeks(BOOK, FACTS, MARKET, NOW).total
    assert breaches(total, GreekLimits()) == []
    found = breaches(total, GreekLimits(delta_cash=abs(total.delta_cash) / 2, vega=1e9))
    assert [(each.name, each.value) for each in found] == [("delta_cash", total.delta_cash)]
    assert breaches(total._replace(vega=math.nan), GreekLimits(vega=1.0))[0].name == "vega"


def test_greeks_of_one_unit_become_an_ordinary_command() -> None:
    told = unit_greeks_command("CALL", 0.5, 1e-5, 12.25, "observer")
    assert told == {
        "level": "instrument",
        "name": "CALL",
        "fields": {"delta": "0.50000000", "gamma": "0.00001000", "vega": "12.25000000"},
        "actor": "observer",
    }
    with pytest.raises(ValueError, match="gamma is nan"):
        unit_greeks_command("CALL", 0.5, math.nan, 1.0, "observer")


def test_the_first_step_of_decay_is_theta_to_first_order() -> None:
    path = decay_path(BOOK, FACTS, MARKET, NOW, 2)
    first, second, third = path.points
    step = second.value - first.value
    assert step == pytest.approx(first.theta, rel=0.02)
    # The mean of the thetas on both ends is the step to second order.
    assert step == pytest.approx((first.theta + second.theta) / 2, rel=0.002)
    assert third.value - second.value == pytest.approx((second.theta + third.theta) / 2, rel=0.002)


def test_a_path_runs_through_expiries_to_what_exercise_pays() -> None:
    rows = [held("CALL", "20"), held("PUT", "-7")]
    market = MARKET._replace(underlyings={"BTC": Quote(64_000.0)})
    path = decay_path([*rows, held("BLIND", "1")], FACTS, market, NOW, 91)
    assert [each.reason for each in path.excluded] == ["no volatility"]
    last = path.points[-1]
    assert (last.value, last.settled, last.theta) == (8_000.0, 8_000.0, 0.0)
    # Nothing jumps where an option ends: time value is gone by then.
    steps = [b.value - a.value for a, b in zip(path.points, path.points[1:], strict=False)]
    assert max(map(abs, steps)) < 500
    with pytest.raises(ValueError, match="days"):
        decay_path(rows, FACTS, market, NOW, -1)


def test_a_flat_row_nobody_knows_is_no_obstacle_to_a_path() -> None:
    path = decay_path([held("SOMETHING", "0"), held("CALL", "20")], FACTS, MARKET, NOW, 1)
    assert path == decay_path([held("CALL", "20")], FACTS, MARKET, NOW, 1)


def test_a_wrong_kind_and_a_mark_of_tomorrow_are_named_and_left_out() -> None:
    facts = {"ODD": OptionFacts("BTC", "Call", 60_000, NOW + DAY_NS)}
    market = MARKET._replace(volatilities={"ODD": 0.5, "CALL": 0.6})
    found = portfolio_greeks([held("ODD", "1")], facts, market, NOW)
    assert [each.reason for each in found.excluded] == ["Call is no kind"]
    early = market._replace(underlyings={"BTC": Quote(55_000.0, -1)})
    found = portfolio_greeks([held("CALL", "1")], FACTS, early, NOW)
    assert [each.reason for each in found.excluded] == ["the mark of BTC is from the future"]


@pytest.mark.parametrize(
    ("kind", "price", "quantity", "outcome", "cash"),
    [  # Deribit, Options, Example 1 to 4: strike 10,000 USD, paid in BTC.
        ("call", "12500", "1", "exercised", "0.2"),
        ("put", "5000", "1", "exercised", "1"),
        ("put", "10001", "-1", "worthless", "0"),
        ("call", "9999", "-1", "worthless", "0"),
        ("call", "12500", "-3", "assigned", "-0.6"),
    ],
)
def test_an_option_paid_in_its_coin_follows_the_examples_of_deribit(
    kind: Any, price: str, quantity: str, outcome: str, cash: str
) -> None:
    found = settlement_of(kind, quantity=quantity, price=price, strike="10000", is_in_coin=True)
    assert (found.outcome, found.cash) == (outcome, cash)
    assert float(found.closed_quantity) == -float(quantity)


def test_futures_settle_their_gain_since_entry() -> None:
    linear = settlement_of("future", quantity="-2", price="90", entry="100", multiplier="0.5")
    assert linear == ("settled", "10", "2")
    inverse = settlement_of(
        "future", quantity="1000", price="12500", entry="10000", multiplier="10", is_in_coin=True
    )
    assert inverse.cash == "0.2"
    for wrong in ("0", "-1", "nan"):
        with pytest.raises(ValueError, match="no settlement"):
            settlement_of("call", quantity="1", price=wrong, strike="1")


def test_an_expiry_follows_the_clock_of_its_zone() -> None:
    deribit = expiry_ns(date(2026, 6, 26), Window(8))
    assert deribit == int(datetime(2026, 6, 26, 8, tzinfo=UTC).timestamp()) * 10**9
    winter = expiry_ns(date(2026, 1, 16), Window(16, 0, "America/New_York"))
    summer = expiry_ns(date(2026, 7, 17), Window(16, 0, "America/New_York"))
    assert (winter // 10**9 // 3600 % 24, summer // 10**9 // 3600 % 24) == (21, 20)
    with pytest.raises(ValueError, match="has no 02:30"):
        expiry_ns(date(2026, 3, 8), Window(2, 30, "America/New_York"))
    twice = expiry_ns(date(2026, 11, 1), Window(1, 30, "America/New_York"))
    assert twice == int(datetime(2026, 11, 1, 5, 30, tzinfo=UTC).timestamp()) * 10**9


def test_years_are_counted_in_calendar_time_or_trading_days() -> None:
    friday = int(datetime(2026, 7, 3, 12, tzinfo=UTC).timestamp()) * 10**9
    assert years_between(friday, friday + 3 * DAY_NS) == pytest.approx(3 / 365)
    assert years_between(friday, friday + 3 * DAY_NS, holidays=()) == pytest.approx(1 / 252)
    assert years_between(friday, friday - 1) == 0.0
    assert trading_days(date(2026, 7, 3), date(2026, 7, 13), {date(2026, 7, 6)}) == 5
