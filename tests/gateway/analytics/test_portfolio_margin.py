"""Portfolio margin: the worst of the grid is what a slow grid finds, add-ons are those of the
document's examples, and rows of margin ask for what it says, as an estimate."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.analytics.greek_book import GreekInput
from gateway.analytics.portfolio_margin import portfolio_rows, with_portfolio
from gateway.valuation.greeks import black_76_greeks
from gateway.valuation.margin import MarkPrice
from gateway.valuation.option_terms import OptionBook, OptionSettings, PortfolioRule

NOW = int(datetime(2026, 6, 11, 8, tzinfo=UTC).timestamp()) * 10**9  # 15 days before expiry
YEARS, SPOT = 15 / 365, 50_000.0
RULE = PortfolioRule(source="a document", date="2021", price_range="0.1", price_steps=4,
                     volatility_range="0.38", volatility_power="0.3", short_option="0.01",
                     offset_futures="0.01", initial_factor="1.3")  # fmt: skip
SETTINGS = OptionSettings(portfolio={"rule": RULE}, accounts={"main": "rule"})
CALL, PUT = "BTC-26JUN26-50000-C", "BTC-26JUN26-50000-P"


def instrument(name: str, kind: str, **more: str) -> dict[str, Any]:
    row = {"name": name, "venue": "deribit", "venue_symbol": name, "kind": kind, "base": "BTC",
           "quote": "BTC", "settle": "BTC", "multiplier": "1"}  # fmt: skip
    return row | more


INSTRUMENTS = [
    instrument(CALL, "linear"),
    instrument(PUT, "linear"),
    instrument("BTC-PERPETUAL", "inverse", quote="USD", multiplier="10"),
    instrument("BTC-25DEC26", "inverse", quote="USD", multiplier="10"),
]


def premium(kind: Any, spot: float, volatility: float) -> float:
    """In coins."""
    found = black_76_greeks(kind, future=spot, strike=50_000, years=YEARS, volatility=volatility)
    return found.price / spot


MARKS = {
    CALL: MarkPrice(f"{premium('call', SPOT, 0.6):.15f}", 0),
    PUT: MarkPrice(f"{premium('put', SPOT, 0.6):.15f}", 0),
    "BTC-PERPETUAL": MarkPrice("50000", 0),
    "BTC-25DEC26": MarkPrice("50000", 0),
}


def held(name: str, quantity: str, account: str = "main") -> dict[str, Any]:
    return {"account": account, "strategy": "s", "instrument": name, "quantity": quantity,
            "margin_mode": "cross"}  # fmt: skip


def rows(*positions: dict[str, Any], marks: Any = MARKS) -> list[dict[str, Any]]:
    given = GreekInput(positions, INSTRUMENTS, OptionBook(SETTINGS, INSTRUMENTS), marks,
                       {"USD": 1.0, "BTC": SPOT}, NOW, 10_000)  # fmt: skip
    return portfolio_rows(given)


def test_the_worst_of_the_grid_is_what_a_slow_grid_finds() -> None:
    (row,) = rows(held(CALL, "-10"), held(PUT, "4"), held("BTC-PERPETUAL", "20000"))
    change = 0.38 * (30 / 15) ** 0.3
    worst = 0.0
    for step, way in itertools.product(range(-4, 5), (-1, 0, 1)):
        spot, volatility = SPOT * (1 + 0.025 * step), 0.6 * (1 + way * change)
        profit = -10 * (premium("call", spot, volatility) - premium("call", SPOT, 0.6))
        profit += 4 * (premium("put", spot, volatility) - premium("put", SPOT, 0.6))
        profit += 200_000 * (1 / SPOT - 1 / spot)
        worst = min(worst, profit)
    assert float(row["loss"]) == pytest.approx(-worst, rel=1e-6)
    # Call -10 and put +4 of one strike: six are sold net, 0.01 of a coin each.
    assert float(row["short_options"]) == pytest.approx(0.06)
    assert float(row["maintenance"]) == pytest.approx(-worst + 0.06, rel=1e-6)
    assert float(row["initial"]) == pytest.approx(1.3 * (-worst + 0.06), rel=1e-6)


def test_offsetting_futures_ask_for_their_share_alone() -> None:
    # The document's example: 100 coins long in one future, 100 short in another: 1 % of 100.
    (row,) = rows(held("BTC-PERPETUAL", "500000"), held("BTC-25DEC26", "-500000"))
    assert (row["loss"], row["offset_futures"], row["maintenance"]) == ("0", "1", "1")


def test_a_hedge_asks_for_less_than_its_parts_and_other_accounts_have_no_row() -> None:
    (alone,) = rows(held(CALL, "-10"), held(CALL, "-10", "other"))
    (hedged,) = rows(held(CALL, "-10"), held("BTC-PERPETUAL", "25000"))
    assert float(hedged["maintenance"]) < float(alone["maintenance"])
    assert alone["volatility_move"] == "up"


def test_rows_of_margin_ask_for_what_it_says_as_an_estimate() -> None:
    portfolio = [{"account": "main", "currency": "BTC", "initial": "1.3", "maintenance": "1",
                  "source": "a document (2021)", "excluded": []}]  # fmt: skip
    row = {"account": "main", "currency": "BTC", "equity": "3", "initial": "9", "maintenance": "8",
           "initial_orders": "0", "partial_ratio": None, "is_balance_known": True,
           "ratio": "2.6", "headroom": "-6", "state": "liquidation", "excluded": [],
           "estimates": []}  # fmt: skip
    told, other = with_portfolio([row, {**row, "currency": "USD"}], portfolio)
    assert other == {**row, "currency": "USD"}
    assert (told["headroom"], told["ratio"], told["state"]) == ("1.7", "0.333333333334", "ok")
    assert told["estimates"] == ["portfolio margin: a document (2021)"]
    (working,) = with_portfolio([{**row, "initial_orders": "0.5"}], portfolio)
    assert (working["initial"], working["headroom"]) == ("1.8", "1.2"), "orders ask for theirs too"
    hidden = {**row, "equity": None, "ratio": None, "partial_ratio": "2", "excluded": ["X"]}
    (partial,) = with_portfolio([hidden], portfolio)
    assert partial["partial_ratio"] == "0.25", "the same equity under an eighth of the maintenance"
    (broke,) = with_portfolio([{**row, "equity": "-1"}], portfolio)
    assert (broke["ratio"], broke["state"]) == (None, "liquidation")
    portfolio[0]["excluded"] = ["X: no mark of X"]
    (unsure,) = with_portfolio([row], portfolio)
    assert (unsure["state"], unsure["excluded"]) == ("unknown", ["X: no mark of X"])


def test_what_has_no_value_under_the_shocks_is_named() -> None:
    given = GreekInput([held(CALL, "-1"), held("BTC-PERPETUAL", "5000")], INSTRUMENTS,
                       OptionBook(SETTINGS, INSTRUMENTS), MARKS, {}, NOW, 10_000,
                       {CALL: 90.0})  # fmt: skip
    (row,) = portfolio_rows(given)
    assert row["excluded"] == [f"{CALL}: no value under the shocks"]
    assert float(row["maintenance"]) == pytest.approx(1 / 0.9 - 1), "one coin, ten percent down"


def test_no_rate_of_a_currency_changes_it() -> None:
    given = GreekInput([held(CALL, "-1")], INSTRUMENTS, OptionBook(SETTINGS, INSTRUMENTS), MARKS,
                       {}, NOW, 10_000)  # fmt: skip
    assert portfolio_rows(given) == rows(held(CALL, "-1"))


def test_headroom_keeps_every_digit_of_the_equity() -> None:
    portfolio = [{"account": "main", "currency": "USD", "initial": "1", "maintenance": "1",
                  "source": "a document (2021)", "excluded": []}]  # fmt: skip
    row = {"account": "main", "currency": "USD", "equity": "12345678902.123456789012345678",
           "excluded": [], "estimates": [], "initial_orders": "0",
           "is_balance_known": True}  # fmt: skip
    (told,) = with_portfolio([row], portfolio)
    assert told["headroom"] == "12345678901.123456789012345678"


def test_what_has_no_mark_is_named() -> None:
    (row,) = rows(
        held(CALL, "-1"), held(PUT, "-1"), marks={**MARKS, PUT: MarkPrice("0.02", 60_000)}
    )
    assert row["excluded"] == [f"{PUT}: its mark is 60000 ms old"]
