"""The Python door of the matching engine: words, rows, fees and refusals of nonsense."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.matching import (
    Depth,
    Event,
    FeeSchedule,
    FeeTier,
    FeeTiers,
    MatchingEngine,
    MatchingRules,
    OpenOrder,
)

E18 = Decimal(1).scaleb(-18)
EXACT = Context(prec=80)


def test_events_are_named() -> None:
    engine = MatchingEngine(tick=1, lot=1)
    assert engine.submit(1, 7, "buy", "limit", 10, price=100) == [
        Event("accepted", 1, 100, 10, 10, 0, False, "")
    ]
    assert engine.submit(2, 8, "sell", "market", 4) == [
        Event("accepted", 2, 0, 4, 4, 0, False, ""),
        Event("filled", 1, 100, 4, 6, 2, True, ""),
        Event("filled", 2, 100, 4, 0, 1, False, ""),
    ]


def test_open_orders_speak_in_words() -> None:
    engine = MatchingEngine(tick=1, lot=1)
    engine.set_market_level("buy", 100, 3)
    engine.submit(2, 7, "buy", "limit", 10, price=100, is_post_only=True)
    engine.submit(
        1, 9, "sell", "stop_limit", 4, time_in_force="gtd", price=90, trigger_price=95, expires_ns=5
    )
    assert engine.open_orders() == [
        OpenOrder(2, 7, "buy", "limit", "gtc", 100, 0, 10, 10, 3, 0, False, True, 0, 10),
        OpenOrder(1, 9, "sell", "stop_limit", "gtd", 90, 95, 4, 4, 0, 5, True, False, 0, 4),
    ]


def test_an_empty_book_has_no_prices() -> None:
    engine = MatchingEngine(tick=1, lot=1)
    assert (engine.best_bid, engine.best_ask, engine.last_price) == (None, None, None)
    assert engine.depth(5) == Depth([], [])


def test_depth_gives_the_best_levels_only() -> None:
    engine = MatchingEngine(tick=1, lot=1)
    for price in (100, 101, 102):
        engine.set_market_level("sell", price, 1)
        engine.set_market_level("buy", price - 10, 2)
    assert engine.depth(2) == Depth([(92, 2), (91, 2)], [(100, 1), (101, 1)])
    assert engine.depth(0) == Depth([], [])


@pytest.mark.parametrize("arguments", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (-1, 1, 1), (1, 1, 2**40)])
def test_an_impossible_engine_is_not_made(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        MatchingEngine(*arguments)


@pytest.mark.parametrize(
    "level", [("buy", 0, 1), ("buy", -5, 1), ("sell", 1, -1), ("sell", 2**62, 1), ("buy", 1, 2**62)]
)
def test_an_impossible_market_is_an_error(level: Any) -> None:
    engine = MatchingEngine(tick=1, lot=1)
    with pytest.raises(ValueError, match="out of range"):
        engine.set_market_level(*level)
    assert engine.check() == ""


def test_a_market_trade_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="out of range"):
        MatchingEngine(tick=1, lot=1).market_trade(100, 0, "buy")


def test_an_unknown_word_is_an_error() -> None:
    with pytest.raises(KeyError):
        MatchingEngine(tick=1, lot=1).submit(1, 1, "hold", "limit", 1)  # type: ignore[arg-type]


def test_fees_are_exact() -> None:
    fees = FeeSchedule(maker_rate="-0.0001", taker_rate="0.0005")
    assert fees.fee("123.45", is_maker=True) == "-0.012345"
    assert fees.fee("123.45", is_maker=False) == "0.061725"
    assert fees.fee("0", is_maker=False) == "0"


@given(value=st.integers(-(10**32), 10**32), rate=st.integers(-2 * 10**18, 2 * 10**18))
def test_fees_agree_with_decimal_arithmetic(value: int, rate: int) -> None:
    value_text = f"{EXACT.multiply(Decimal(value), E18):f}"
    rate_text = f"{EXACT.multiply(Decimal(rate), E18):f}"
    wanted = EXACT.multiply(Decimal(value_text), Decimal(rate_text)).quantize(
        E18, rounding=ROUND_HALF_EVEN, context=EXACT
    )
    assert Decimal(FeeSchedule(rate_text, "0").fee(value_text, is_maker=True)) == wanted


@pytest.mark.parametrize(
    ("value", "rate"),
    [("1e5", "1"), ("", "1"), ("1", "NaN"), ("1", "10"), ("0.0000000000000000001", "1")],
)
def test_fee_text_that_is_not_exact_is_refused(value: str, rate: str) -> None:
    with pytest.raises(ValueError, match=r"value is no|rate is"):
        FeeSchedule(rate, rate).fee(value, is_maker=True)


def test_fee_tiers_that_do_not_rise_from_zero_are_refused() -> None:
    rates = ("0.0001", "0.0002")
    for volumes in ([], ["1"], ["0", "5", "5"], ["0", "7", "5"]):
        with pytest.raises(ValueError, match="begin at volume 0 and rise"):
            FeeTiers([FeeTier(volume, *rates) for volume in volumes])


@pytest.mark.parametrize(
    "rules",
    [
        MatchingRules(allocation_min=-1),
        MatchingRules(display_variance_percent=100),
        MatchingRules(self_trade="never"),  # type: ignore[arg-type]
        MatchingRules(allocation="lottery"),  # type: ignore[arg-type]
    ],
)
def test_rules_out_of_range_are_an_error(rules: MatchingRules) -> None:
    with pytest.raises(ValueError, match=r"must|not in"):
        MatchingEngine(1, 1, rules=rules)


def test_a_seeded_variance_never_shows_more_than_the_display_and_repeats_itself() -> None:
    def parts(seed: int) -> list[int]:
        engine = MatchingEngine(
            1, 1, rules=MatchingRules(display_variance_percent=60, display_seed=seed)
        )
        engine.submit(1, 1, "sell", "limit", 1000, price=100, display_quantity=20)
        seen = []
        while orders := engine.open_orders():
            seen.append(orders[0].shown)
            engine.submit(len(seen) + 1, 2, "buy", "limit", orders[0].shown, price=100)
        return seen

    first = parts(1)
    assert first == parts(1)
    assert first != parts(2)
    assert sum(first) == 1000
    assert max(first) <= 20
    assert min(first[:-1]) >= 8
    assert len(set(first)) > 3


def test_every_event_kind_and_reason_has_its_place_in_the_docs() -> None:
    root = Path(__file__).parents[2]
    header = (root / "core_ext/include/gateway_core/book/match_event.hpp").read_text()
    page = (root / "docs/concepts/matching.md").read_text()
    words = re.findall(r'"(\w+)"', header)
    assert {"filled", "replace_rejected", "WOULD_CROSS", "DAY_ENDED"} <= set(words)
    assert [word for word in words if not re.search(rf"\b{word}\b", page)] == []
