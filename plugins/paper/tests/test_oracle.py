"""Random order flow: what the venue states equals what a judge recomputes from its record."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from gateway_paper.venue.orders import Refused

BASE = {"BTCUSDT": 1000, "BTCUSD": 200, "XBTQ": 2000, "BTCSPOT": 10_000}


def act(venue: Any, random: Random) -> None:
    """One random thing that a client, the market or the operator does."""
    instrument = random.choice(sorted(BASE))
    rules = venue.exchange.listings[instrument]
    tick, lot = rules.price(rules.tick), rules.quantity(rules.lot)
    side = random.choice(("buy", "sell"))

    def price() -> str:
        return str(rules.price_text((BASE[instrument] + random.randint(-9, 9)) * tick))

    def quantity() -> str:
        return str(rules.quantity_text(random.randint(1, 40) * lot))

    choice = random.random()
    if choice < 0.25:
        offset = random.randint(1, 9) * (-1 if side == "buy" else 1)
        level = rules.price_text((BASE[instrument] + offset) * tick)
        venue.level(side, level, random.choice((quantity(), "0")), instrument)
    elif choice < 0.45:
        venue.trade(price(), quantity(), side, instrument)
    elif choice < 0.50:
        venue.now_ns += random.randint(1, 10**12)
        venue.exchange.advance()
    else:
        submit_or_change(venue, random, instrument, side, price=price, quantity=quantity)


def submit_or_change(
    venue: Any,
    random: Random,
    instrument: str,
    side: str,
    *,
    price: Callable[[], str],
    quantity: Callable[[], str],
) -> None:
    account = random.choice(("net", "hedge"))
    rows = venue.exchange.open_order_rows(account)
    if rows and random.random() < 0.3:
        name = random.choice(rows)["client_order_id"]
        try:
            if random.random() < 0.5:
                venue.exchange.cancel(account, name)
            else:
                venue.exchange.replace(account, name, quantity(), price())
        except Refused:
            pass
        return
    kind = random.choice(("limit", "limit", "limit", "market", "stop", "stop_limit"))
    hedged = account == "hedge" and instrument != "BTCSPOT"
    venue.submit(
        side,
        quantity(),
        price() if "limit" in kind else None,
        account=account,
        instrument=instrument,
        type=kind,
        time_in_force=random.choice(("gtc", "ioc", "fok", "day")),
        trigger_price=price() if "stop" in kind else None,
        leg=random.choice(("long", "short")) if hedged else "net",
        is_reduce_only=random.random() < 0.2,
    )


def assert_equal_to_record(venue: Any) -> None:
    judge, exchange = venue.judge(), venue.exchange
    stated = {
        (name, instrument, leg): venue.position(name, instrument, leg)
        for name, account in exchange.accounts.items()
        for (instrument, leg), position in account.positions.items()
        if position.quantity
    }
    spot = {key: held for key, held in judge.positions().items() if key[1] == "BTCSPOT"}
    assert stated | spot == judge.positions()
    balances = judge.balances()
    for name, account in exchange.accounts.items():
        for currency, total in account.balances.items():
            assert total == balances.get((name, currency), Fraction(0)), (name, currency)
    for (account, name), filled in judge.cumulative().items():
        row = exchange.order_row(account, name)
        assert Fraction(row["cumulative_quantity"]) == filled
        assert row["state"] == judge.orders[account, name]["state"]
    assert len(set(judge.trade_ids())) == len(judge.fills)


@pytest.mark.parametrize("seed", range(6))
def test_positions_and_balances_equal_the_fractions_of_the_record(
    memory_venue: Callable[..., Any], seed: int
) -> None:
    random = Random(seed)
    venue = memory_venue(funding_interval_s=3600)
    for _ in range(1_500):
        act(venue, random)
    assert len(venue.judge().fills) > 100
    assert venue.judge().funding
    assert_equal_to_record(venue)


@pytest.mark.parametrize("seed", range(3))
def test_a_restarted_venue_is_the_venue_before_and_goes_on(
    memory_venue: Callable[..., Any], seed: int
) -> None:
    random = Random(seed)
    venue = memory_venue()
    for _ in range(4):
        for _ in range(150):
            act(venue, random)
        before = {n: venue.exchange.open_order_rows(n) for n in venue.exchange.accounts}
        sequences = dict(venue.exchange.sequences)
        venue.open()
        assert_equal_to_record(venue)
        after = {n: venue.exchange.open_order_rows(n) for n in venue.exchange.accounts}
        by_name = {n: sorted(rows, key=str) for n, rows in before.items()}
        assert {n: sorted(rows, key=str) for n, rows in after.items()} == by_name
        assert venue.exchange.sequences == sequences
    assert_equal_to_record(venue)


def test_a_torn_last_line_is_cut_and_nothing_else(memory_venue: Callable[..., Any]) -> None:
    venue = memory_venue()
    venue.submit("buy", "1", "90")
    with venue.path.open("ab") as file:
        file.write(b'{"kind":"order","acc')
    venue.open()
    assert venue.order("c1")["state"] == "new"
    venue.submit("buy", "1", "90")
    assert len(venue.judge().orders) == 2
