"""Profit in the reporting currency against an oracle that values every booking by itself, in
fractions: causes are their total exactly, and rates that moved are `fx` and nothing else."""

from decimal import Context, Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from gateway.analytics.dated_profit import BOOKED, DatedProfit, fresh_rates
from gateway.analytics.exposure import Rate
from gateway.analytics.waterfall import CAUSES, waterfall_rows

KEY = ("main", "alpha", "EUR")
EXACT = Context(prec=100)
NEAR = Fraction(6, 2 * 10**18)  # six causes, each rounded once at 18 decimals

money = st.decimals("-999999999", "999999999", places=18, allow_nan=False)
rates = st.decimals("0.00000001", "99999", places=8, allow_nan=False)
bookings = st.tuples(st.sampled_from(BOOKED), money)


def rate_of(number):
    return {"EUR": Rate(number, 7)}


@given(st.lists(st.one_of(bookings, rates), max_size=30), rates, money)
def test_each_booking_keeps_the_rate_of_its_time_and_fx_is_the_rest(steps, last, unrealised):
    dated, booked = DatedProfit(), dict.fromkeys(BOOKED, Decimal(0))
    expected, waiting, rate = dict.fromkeys(BOOKED, Fraction(0)), [], None
    for step in [*steps, last, ("fees", Decimal(-3))]:
        if isinstance(step, tuple):
            cause, amount = step
            booked[cause] = EXACT.add(booked[cause], amount)
            waiting.append((cause, Fraction(amount)))
            continue
        for cause, amount in waiting:  # what came before the first rate takes the first one
            expected[cause] += amount * Fraction(step if rate is None else rate)
        waiting, rate = [], step
        dated.turn({KEY: dict(booked)}, rate_of(step))
    told = dated.report(KEY, booked, unrealised, Rate(last, 7))
    expected["fees"] += -3 * Fraction(last)
    expected["price"] += Fraction(unrealised) * Fraction(last)
    whole = (sum(map(Fraction, booked.values())) + Fraction(unrealised)) * Fraction(last)
    assert sum(Fraction(told[cause]) for cause in CAUSES) == Fraction(told["total"])
    assert abs(Fraction(told["total"]) - whole) <= NEAR
    for cause in ("price", "carry", "fees", "slippage"):
        assert abs(Fraction(told[cause]) - expected[cause]) <= NEAR
    assert abs(Fraction(told["other"]) - Fraction(told["rounding"]) - expected["other"]) <= NEAR
    assert abs(Fraction(told["fx"]) - (whole - sum(expected.values()))) <= NEAR
    assert abs(Fraction(told["rounding"])) <= 2 * NEAR
    assert all(-told[name].as_tuple().exponent <= 18 for name in (*CAUSES, "total", "rounding"))


def test_a_rate_that_moved_is_fx_and_one_said_again_is_not():
    dated, earned = DatedProfit(), dict.fromkeys(BOOKED, Decimal(0)) | {"price": Decimal(100)}
    dated.turn({}, rate_of(Decimal("1.10")))
    dated.turn({KEY: earned}, rate_of(Decimal("1.10")))
    assert dated.report(KEY, earned, Decimal(0), Rate(Decimal("1.10"), 7))["fx"] == 0
    dated.turn({KEY: earned}, rate_of(Decimal("1.25")))
    told = dated.report(KEY, earned | {"fees": Decimal(-4)}, Decimal(8), Rate(Decimal("1.25"), 9))
    assert {name: told[name] for name in (*CAUSES, "total", "rate_time_ns")} == {
        "price": 120, "carry": 0, "fees": -5, "fx": 15, "slippage": 0, "other": 0,
        "total": 130, "rate_time_ns": 9,
    }  # fmt: skip


def test_a_currency_that_loses_its_rate_reports_nothing_until_it_has_one_again():
    dated, earned = DatedProfit(), dict.fromkeys(BOOKED, Decimal(0)) | {"price": Decimal(10)}
    dated.turn({KEY: earned}, rate_of(Decimal(2)))  # earned before any rate: worth 2 each
    dated.turn({KEY: earned}, {})
    assert dated.report(KEY, earned, Decimal(0), None) is None
    more = earned | {"price": Decimal(15)}
    dated.turn({KEY: more}, rate_of(Decimal(3)))
    told = dated.report(KEY, more, Decimal(0), Rate(Decimal(3), 7))
    assert (told["price"], told["fx"], told["total"]) == (35, 10, 45)


def test_what_18_decimals_cannot_hold_is_named_rounding_and_part_of_other():
    earned = dict.fromkeys(BOOKED, Decimal("0.000000000000000001"))
    told = DatedProfit().report(KEY, earned, Decimal(0), Rate(Decimal("0.4"), 7))
    assert (told["total"], told["price"]) == (Decimal("2E-18"), 0)
    assert told["other"] == told["rounding"] == Decimal("2E-18")


def test_a_missing_rate_and_one_too_old_leave_a_row_out_by_name():
    now_ns, day_ms = 10 * 86_400 * 10**9, 86_400_000
    said = {"EUR": Rate(Decimal("1.1"), 0), "USD": Rate(Decimal(1), 0),
            "BTC": Rate(Decimal(9), now_ns - 1)}  # fmt: skip
    fresh = fresh_rates(said, now_ns, 7 * day_ms, "USD")
    assert set(fresh) == {"USD", "BTC"}
    assert fresh_rates(said, now_ns, 0, "USD") == said
    earned = [{"account": "main", "strategy": "alpha", "currency": currency,
               "purpose": "realised", "balance": "-5"} for currency in ("EUR", "BTC")]  # fmt: skip
    coins, euros = waterfall_rows(earned, [], 1, rates=fresh)
    assert (euros["total"], euros["reporting"], euros["excluded"]) == ("5", None, ["rate:EUR"])
    assert (coins["reporting"]["total"], coins["reporting"]["rate"]) == ("45", "9")
    assert (coins["reporting"]["rate_time_ns"], coins["excluded"]) == (now_ns - 1, [])
