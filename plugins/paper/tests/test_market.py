"""Markets: determinism of the generator, continuity and looping of the recording."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from gateway_paper.venue.market import BookCleared, LevelSet, Traded
from gateway_paper.venue.market_generator import GeneratedMarket
from gateway_paper.venue.market_recorded import RecordedMarket, find_recorded_data, read_listings
from gateway_paper.venue.settings import Listing

from gateway.matching import MatchingEngine

LISTING = Listing(
    symbol="BTCUSDT", name="BTC-USDT", kind="linear", base="BTC", quote="USDT", settle="USDT",
    tick="0.1", lot="0.001",
)  # fmt: skip
OTHER = Listing(
    symbol="ETHUSDT", name="ETH-USDT", kind="linear", base="ETH", quote="USDT", settle="USDT",
    tick="0.01", lot="0.01",
)  # fmt: skip


def test_one_seed_gives_one_market_however_time_is_sliced() -> None:
    whole = GeneratedMarket([LISTING], seed=7, step_ms=100).advance(4_000_000_000)
    sliced, market, random, now = [], GeneratedMarket([LISTING], seed=7, step_ms=100), Random(1), 0
    while now < 4_000_000_000:
        now = min(now + random.randint(1, 300_000_000), 4_000_000_000)
        sliced += market.advance(now)
    assert sliced == whole
    assert GeneratedMarket([LISTING], seed=8, step_ms=100).advance(4_000_000_000) != whole


def test_another_instrument_does_not_disturb_a_walk() -> None:
    alone = GeneratedMarket([LISTING], seed=7, step_ms=100).advance(4_000_000_000)
    both = GeneratedMarket([OTHER, LISTING], seed=7, step_ms=100).advance(4_000_000_000)
    assert [change for change in both if change.instrument == "BTCUSDT"] == alone


def test_the_generated_book_is_two_sided_and_never_crossed() -> None:
    market, book = GeneratedMarket([LISTING], seed=3, step_ms=100), {"buy": {}, "sell": {}}
    trades = 0
    for step in range(400):
        for change in market.advance(step * 100_000_000):
            if isinstance(change, LevelSet):
                side: dict[int, int] = book[change.side]
                side[change.price] = change.quantity
                if not change.quantity:
                    del side[change.price]
            trades += isinstance(change, Traded)
        assert len(book["buy"]) == len(book["sell"]) == 10
        assert max(book["buy"]) < min(book["sell"])
    assert trades > 100


@pytest.fixture
def recording(project_root: Path) -> Path:
    folder = find_recorded_data(project_root)
    if folder is None:
        pytest.skip("no recorded venue traffic (GATEWAY_RECORDED_DATA)")
    return folder


def test_recorded_book_is_never_crossed_and_loops(recording: Path) -> None:
    listings = {listing.symbol: listing for listing in read_listings(recording)}
    assert sorted(listings) == ["AKROUSDT", "CTKUSDT", "KEEPUSDT", "SUSHIUSDT"]
    market = RecordedMarket(recording, listings)
    first = market.advance(market.duration_ns - 1)
    second = market.advance(2 * market.duration_ns - 1)
    assert second == first
    assert sum(isinstance(change, BookCleared) for change in first) == 4
    assert sum(isinstance(change, Traded) for change in first) > 80


def test_recorded_trades_fill_our_order_behind_the_queue(recording: Path) -> None:
    listings = {listing.symbol: listing for listing in read_listings(recording)}
    rules = listings["SUSHIUSDT"]
    market = RecordedMarket(recording, listings)
    engine = MatchingEngine(rules.price(rules.tick), rules.quantity(rules.lot))
    fills: list[Any] = []
    for number, step in enumerate(range(0, 65_000_000_000, 500_000_000)):
        for change in market.advance(step):
            if change.instrument != "SUSHIUSDT":
                continue
            if isinstance(change, LevelSet):
                engine.set_market_level(change.side, change.price, change.quantity)
            elif isinstance(change, Traded):
                fills += engine.market_trade(change.price, change.quantity, change.aggressor)
            else:
                engine.clear_market()
        if number == 0:
            assert (engine.best_bid, engine.best_ask) == (7611, 7612)
            engine.submit(1, 1, "buy", "limit", 10, price=7611)
    assert [event.kind for event in fills if event.kind == "filled"]


def test_a_break_in_the_recording_is_refused_by_name(recording: Path, tmp_path: Path) -> None:
    for name in ("exchange_info.txt", "http.txt"):
        (tmp_path / name).write_bytes((recording / name).read_bytes())
    lines = (recording / "ws.txt").read_text().splitlines(keepends=True)
    updates = [
        number
        for number, line in enumerate(lines)
        if "depthUpdate" in line and json.loads(line.partition(": ")[2])["data"]["s"] == "KEEPUSDT"
    ]
    del lines[updates[50]]
    (tmp_path / "ws.txt").write_text("".join(lines))
    listings = {listing.symbol: listing for listing in read_listings(tmp_path)}
    with pytest.raises(ValueError, match=r"KEEPUSDT: update .* does not follow"):
        RecordedMarket(tmp_path, listings)
