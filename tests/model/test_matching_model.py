"""The property that the native matching engine says exactly the events of the slow model, for every
set of rules. A failing story prints its steps.
"""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matching_model import LOT, MASK, TICK, SlowBook

from gateway.matching import Event, MatchingEngine, MatchingRules

ORDERS_MAX = 64
REQUESTS = int(os.environ.get("GATEWAY_MATCHING_REQUESTS", "1000000"))
PRICE_TIME = MatchingRules()
OWNERS = 11  # where account, group and firm stand in a submit step


def operation(
    choose: random.Random, number: int, now: int, alive: list[int], is_busy: bool = False
) -> tuple[Any, ...]:
    """One call; mostly sensible, sometimes wrong. Prices lie close so that everything meets."""
    side = choose.choice(("buy", "sell"))
    price = TICK * (choose.randint(14, 22) if side == "buy" else choose.randint(20, 28))
    verb = choose.choice(("submit",) * 9 + ("market",) * 4 + ("cancel", "replace", "trade") * 3)
    if is_busy:  # Our orders meet mostly each other.
        price = TICK * choose.choice((20, 21, 21, 21, 22))
        verb = choose.choice(("submit",) * 20 + ("market", "cancel", "replace", "trade"))
    rare = choose.randint(0, 99)
    old = choose.choice(alive) if alive and choose.randint(0, 9) else choose.randint(1, number)
    if rare == 0:
        return (choose.choice(("end_day", "clear_market")),)
    if rare < 4:
        return ("advance", now + choose.randint(0, 3))
    if verb == "market":
        return ("market", side, price, choose.choice((0, 1, 4, 9, 15)))
    if verb == "trade":
        return ("trade", 5 * choose.randint(19, 23), choose.randint(1, 12), side)
    if verb == "cancel":
        return ("cancel", old)
    if verb == "replace":
        trigger = choose.choice((0, 0, 0, price))
        quantity = choose.choice((0, 2, 4, 6, 10, 20, 3))
        return ("replace", old, choose.choice((0, price, price, 101, -5)), quantity, trigger)
    type_ = choose.choice(("limit",) * 5 + ("market", "stop", "stop_limit", "stop_limit"))
    time = choose.choice(("gtc",) * 4 + ("day", "ioc", "fok", "gtd"))
    expires = now + choose.randint(0, 5) if time == "gtd" else choose.choice((0,) * 30 + (1,))
    quantity = choose.choice((2, 4, 6, 8, 10, 20, 2, 4, 6, 8, 10, 20, 5, 0))
    priced = "limit" in type_ or choose.randint(0, 3) == 0
    limit = choose.choice((price,) * 30 + (0, 101)) if priced else 0
    trigger = 5 * choose.randint(16, 26) if "stop" in type_ else choose.choice((0,) * 30 + (100,))
    post_only = choose.randint(0, 5) == 0
    order_id = old if choose.randint(0, 40) == 0 else number
    at = choose.choice((0, now))
    display = choose.choice((2, 2, 4, 4, 6) * 8 + (3, -2)) if choose.randint(0, 3) == 0 else 0
    account = choose.randint(0, 3)
    who = (account, account // 2, choose.randint(0, 1), display)
    order = (order_id, side, type_, time, quantity, limit, trigger, expires, post_only, at)
    return ("submit", *order, *who)


def tell_fast(engine: MatchingEngine, step: tuple[Any, ...]) -> list[Event]:
    verb, *rest = step
    match verb:
        case "submit":
            order_id, side, type_, time, quantity, price, trigger, expires, post_only, *more = rest
            now, account, group, firm, display = more
            return engine.submit(
                order_id,
                account,
                side,
                type_,
                quantity,
                time_in_force=time,
                price=price,
                trigger_price=trigger,
                expires_ns=expires,
                is_post_only=post_only,
                now_ns=now,
                display_quantity=display,
                group=group,
                firm=firm,
            )
        case "replace":
            order_id, price, quantity, trigger = rest
            return engine.replace(order_id, price=price, quantity=quantity, trigger_price=trigger)
        case "trade":
            return engine.market_trade(*rest)
        case "market":
            engine.set_market_level(*rest)
            return []
        case "clear_market":
            engine.clear_market()
            return []
    events: list[Event] = getattr(engine, verb)(*rest)
    return events


def tell_slow(book: SlowBook, step: tuple[Any, ...], arrivals: list[int]) -> list[Event]:
    verb, *rest = step
    book.events = []
    match verb:
        case "market":
            book.set_market_level(*rest)
        case "trade":
            book.market_trade(*rest)
        case "end_day":
            book.end_day(arrivals)
        case _:
            getattr(book, verb)(*rest)
    return book.events


def compare(
    choose: random.Random,
    steps: int,
    *,
    orders_max: int = ORDERS_MAX,
    rules: MatchingRules = PRICE_TIME,
    done: list[tuple[Any, ...]] | None = None,
    is_busy: bool = False,
) -> Iterator[Event]:
    engine = MatchingEngine(TICK, LOT, orders_max, rules)
    book = SlowBook(orders_max, rules)
    done = [] if done is None else done
    now = 0
    for number in range(1, steps + 1):
        arrivals = [row.order_id for row in engine.open_orders()]
        step = operation(choose, number, now, arrivals, is_busy)
        now = max(now, step[1] if step[0] == "advance" else 0)
        done.append(step)
        slow = tell_slow(book, step, arrivals)
        fast = tell_fast(engine, step)
        assert fast == slow, done
        assert engine.check() == "", done
        depth = engine.depth(1000)
        assert (depth.bids, depth.asks) == (book.depth("buy"), book.depth("sell")), done
        assert engine.last_price == (book.last or None), done
        ours = {r.order_id: (r.leaves, r.shown, r.queue_ahead) for r in engine.open_orders()}
        theirs = {o.order_id: (o.leaves, o.shown, o.ahead) for o in book.resting + book.waiting}
        assert ours == theirs, done
        yield from fast


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    choose=st.randoms(use_true_random=False),
    steps=st.integers(1, 60),
    rules=st.builds(
        MatchingRules,
        allocation=st.sampled_from(("price_time", "pro_rata")),
        remainder=st.sampled_from(("largest", "time")),
        allocation_min=st.sampled_from((0, 2, 4, 6)),
        self_trade=st.sampled_from(
            ("allowed", "cancel_newest", "cancel_oldest", "cancel_both", "decrement")
        ),
        self_trade_scope=st.sampled_from(("account", "group", "firm")),
        display_variance_percent=st.sampled_from((0, 50, 99)),
        display_seed=st.integers(0, MASK),
    ),
)
def test_fast_and_slow_book_agree_on_short_stories(
    choose: random.Random, steps: int, rules: MatchingRules
) -> None:
    list(compare(choose, steps, rules=rules))


@pytest.mark.parametrize("seed", range(20))
def test_fast_and_slow_book_agree_on_long_stories(seed: int) -> None:
    events = list(compare(random.Random(seed), 1200))
    seen = {event.kind for event in events} | {event.reason for event in events}
    assert {"untriggered", "triggered", "filled", "replaced", "expired", "rejected"} <= seen
    assert {"FOK_UNFILLABLE", "WOULD_CROSS", "IOC_REMAINDER", "REQUESTED"} <= seen


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scope", ["account", "group", "firm"])
@pytest.mark.parametrize("mode", ["cancel_newest", "cancel_oldest", "cancel_both", "decrement"])
@pytest.mark.parametrize("allocation", ["price_time", "pro_rata"])
def test_nobody_trades_with_himself_and_both_books_say_how(
    allocation: Any, mode: Any, scope: Any, seed: int
) -> None:
    rules = MatchingRules(allocation=allocation, self_trade=mode, self_trade_scope=scope)
    owners = {0: 0}  # of the market: nobody
    done: list[tuple[Any, ...]] = []
    events = []
    for event in compare(random.Random(seed), 500, rules=rules, done=done, is_busy=True):
        events.append(event)
        if event.kind in ("accepted", "untriggered"):
            owners[event.order_id] = done[-1][OWNERS + ("account", "group", "firm").index(scope)]
        if event.kind == "filled" and owners[event.order_id]:
            assert owners[event.order_id] != owners[event.contra_order_id]
    assert "SELF_TRADE" in {event.reason for event in events}
    assert "filled" in {event.kind for event in events}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("remainder", ["largest", "time"])
@pytest.mark.parametrize("allocation_min", [0, 4, 8])
def test_fast_and_slow_book_share_out_alike(allocation_min: int, remainder: Any, seed: int) -> None:
    rules = MatchingRules("pro_rata", remainder, allocation_min)
    events = list(compare(random.Random(seed), 600, rules=rules, is_busy=True))
    assert sum(event.kind == "filled" for event in events) > 100


@pytest.mark.parametrize("orders_max", [1, 2, 8])
def test_fast_and_slow_book_agree_when_the_table_is_often_full(orders_max: int) -> None:
    events = list(compare(random.Random(orders_max), 1000, orders_max=orders_max))
    assert "ORDERS_FULL" in {event.reason for event in events}


@pytest.mark.parametrize("seed", range(100, 110))
def test_what_is_asked_is_traded_canceled_or_still_open(seed: int) -> None:
    engine = MatchingEngine(tick=5, lot=2, orders_max=ORDERS_MAX)
    choose = random.Random(seed)
    open_quantity = 0
    for number in range(1, 501):
        before = {row.order_id: row for row in engine.open_orders()}
        step = operation(choose, number, 0, list(before))
        for event in tell_fast(engine, step):
            if event.kind in ("accepted", "untriggered"):
                open_quantity += event.quantity
            elif event.kind in ("filled", "canceled", "expired"):
                open_quantity -= event.quantity
            elif event.kind == "replaced":
                open_quantity += event.quantity - before[event.order_id].quantity
            if event.kind == "filled" and step[0] == "submit" and not event.is_maker:
                limit, side = step[6], step[2]
                if event.order_id == step[1] and limit:
                    assert event.price <= limit if side == "buy" else event.price >= limit
        assert open_quantity == sum(row.leaves for row in engine.open_orders())


@pytest.mark.slow
@pytest.mark.timeout(60 + REQUESTS // 200)
@pytest.mark.parametrize("allocation", ["price_time", "pro_rata"])
def test_a_million_requests_agree(allocation: Any) -> None:
    for seed in range(REQUESTS // 2000):
        rules = MatchingRules(
            allocation=allocation,
            self_trade=random.Random(seed).choice(("allowed", "cancel_newest", "decrement")),
            display_variance_percent=seed % 3 * 30,
        )
        list(compare(random.Random(1000 + seed), 1000, rules=rules, is_busy=seed % 2 == 0))
