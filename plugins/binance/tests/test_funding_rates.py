"""Rates of fundings are asked for once per symbol, within the limit of that question."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from gateway_binance.capabilities import FUNDING_RATE_LIMIT, capabilities
from gateway_binance.funding_rates import FundingRates
from gateway_binance.messages import FundingRateRow
from gateway_binance.rest import BinanceRest
from gateway_binance.signing import Signer

from gateway.api import VenueRateLimited
from gateway.transport import Lane

HOUR_MS = 3_600_000
NOW_MS = 1_795_000_000_000 // HOUR_MS * HOUR_MS
pytestmark = pytest.mark.asyncio


class Venue(BinanceRest):
    """The real budget before a list of fundings instead of a wire."""

    def __init__(self, rows: list[FundingRateRow], *, capacity: int = 500) -> None:
        limits = capabilities("binance", acceptance_window_ms=500, timeout_ms=500).rate_limits
        limits = tuple(
            msgspec.structs.replace(each, capacity=capacity)
            if each.name == FUNDING_RATE_LIMIT
            else each
            for each in limits
        )
        super().__init__(
            "http://127.0.0.1:1",
            Signer("key", "secret"),
            product="usdm",
            timeout_ms=500,
            acceptance_window_ms=500,
            account="main",
            limits=limits,
            now_ns=lambda: NOW_MS * 1_000_000,
            random=Random(1),
        )
        self.rows = rows
        self.asked: list[str] = []

    async def _question(
        self, method: str, target: str, reader: Any, turn: Any, lane: Lane = "query"
    ) -> Any:
        self.asked.append(target)
        terms = dict(each.split("=") for each in target.partition("?")[2].split("&"))
        start, end = int(terms["startTime"]), int(terms["endTime"])
        rows = [each for each in self.rows if each.symbol == terms["symbol"]]
        found = [each for each in rows if start <= each.funding_time <= end]
        return found[: int(terms["limit"])]


def fundings(symbol: str, hours: int) -> list[FundingRateRow]:
    """One an hour, oldest first, each with a rate of its own."""
    return [
        FundingRateRow(symbol=symbol, funding_time=NOW_MS - ago * HOUR_MS, funding_rate=f"0.{ago}")
        for ago in range(hours, 0, -1)
    ]


async def test_all_payments_of_a_symbol_are_one_question_and_none_the_second_time() -> None:
    venue = Venue(fundings("BTCUSDT", 200) + fundings("ETHUSDT", 200))
    rates = FundingRates(venue)
    payments = [(s, NOW_MS - ago * HOUR_MS) for s in ("BTCUSDT", "ETHUSDT") for ago in (150, 7, 1)]
    told = await rates.of(payments, is_needed=True)
    assert [told[each] for each in payments] == ["0.150", "0.7", "0.1"] * 2
    assert len(venue.asked) == 2
    assert await rates.of(payments, is_needed=True) == told
    assert len(venue.asked) == 2


async def test_more_than_a_page_of_fundings_is_read_to_its_end() -> None:
    venue = Venue(fundings("BTCUSDT", 1_500))
    told = await FundingRates(venue).of(
        [("BTCUSDT", NOW_MS - ago * HOUR_MS) for ago in (1_400, 1)], is_needed=True
    )
    assert list(told.values()) == ["0.1400", "0.1"] and len(venue.asked) == 2


async def test_a_funding_that_is_not_listed_yet_is_asked_for_again() -> None:
    venue = Venue(fundings("BTCUSDT", 8))
    rates = FundingRates(venue)
    await rates.of([("BTCUSDT", NOW_MS)], is_needed=True)
    venue.rows.append(FundingRateRow(symbol="BTCUSDT", funding_time=NOW_MS + 3, funding_rate="0.5"))
    assert await rates.of([("BTCUSDT", NOW_MS)], is_needed=True) == {("BTCUSDT", NOW_MS): "0.5"}


async def test_nothing_is_asked_beyond_the_limit_and_only_hedge_mode_fails_by_it() -> None:
    symbols = [f"S{number}USDT" for number in range(30)]
    venue = Venue([row for each in symbols for row in fundings(each, 3)], capacity=20)
    payments = [(each, NOW_MS - HOUR_MS) for each in symbols]
    rates = FundingRates(venue)
    told = await rates.of(payments, is_needed=False)
    assert 0 < len(venue.asked) <= 20
    assert list(told.values()).count("0") == 30 - len(venue.asked)
    with pytest.raises(VenueRateLimited):
        await rates.of(payments, is_needed=True)
    assert len(venue.asked) <= 20


async def test_the_manifest_declares_the_limit_of_the_question() -> None:
    limits = capabilities("binance", acceptance_window_ms=500, timeout_ms=500).rate_limits
    (limit,) = [each for each in limits if each.name == FUNDING_RATE_LIMIT]
    assert (limit.scope, limit.capacity, limit.window_ms) == ("ip", 500, 300_000)
