"""What is remembered of an order is one object, and ids of the venue count within their symbol."""

from __future__ import annotations

from typing import Any

from gateway_binance.memory import KnownOrder, OrderMemory


def order(name: str = "g1", **changes: Any) -> KnownOrder:
    given = {"client_order_id": name, "symbol": "BTCUSDT", "side": "SELL"}
    return KnownOrder(**(given | changes))


def test_an_order_stays_one_object_whoever_tells_of_it() -> None:
    memory = OrderMemory()
    sent = memory.remember(order(order_id=7, is_ours=True, price="50000"))
    audited = memory.remember(order(venue_order_id=11, price="50000.0", is_heard=True))
    assert audited is sent is memory.by_client("g1") is memory.by_venue_id("BTCUSDT", 11)
    assert (sent.order_id, sent.is_ours, sent.is_heard, sent.price) == (7, True, True, "50000.0")


def test_a_name_used_again_for_the_next_order_is_not_the_order_that_has_ended() -> None:
    memory = OrderMemory()
    ended = memory.remember(order(order_id=7, is_ours=True, venue_order_id=11, is_done=True))
    fresh = memory.remember(order(order_id=8, is_ours=True))
    assert fresh is not ended and not fresh.is_done and not fresh.venue_order_id
    assert memory.by_client("g1") is fresh and memory.by_venue_id("BTCUSDT", 11) is ended


def test_an_end_is_not_undone_by_a_row_that_was_read_before_it() -> None:
    memory = OrderMemory()
    known = memory.remember(order(order_id=7, is_done=True))
    memory.remember(order(venue_order_id=11))
    assert known.is_done


def test_one_id_on_two_symbols_is_two_orders() -> None:
    memory = OrderMemory()
    ours = memory.remember(order(order_id=7, is_ours=True, venue_order_id=11))
    other = memory.remember(order("web_1", symbol="ETHUSDT", venue_order_id=11))
    assert memory.by_venue_id("BTCUSDT", 11) is ours
    assert memory.by_venue_id("ETHUSDT", 11) is other


def test_our_name_on_another_symbol_does_not_take_the_place_of_ours() -> None:
    memory = OrderMemory()
    ours = memory.remember(order(order_id=7, is_ours=True, venue_order_id=11))
    memory.remember(order(symbol="ETHUSDT", venue_order_id=12))
    assert memory.by_client("g1") is ours and ours.venue_order_id == 11
    assert memory.by_client("g1", "ETHUSDT") is None and memory.by_venue_id("ETHUSDT", 12) is None
    assert memory.is_namesake("g1", "ETHUSDT") and not memory.is_namesake("g1", "BTCUSDT")


def test_only_conditional_orders_that_may_still_trigger_there_are_waiting() -> None:
    memory = OrderMemory()
    waiting = memory.remember(order("a", is_conditional=True))
    linked = memory.remember(order("b", is_conditional=True))
    ended = memory.remember(order("c", is_conditional=True))
    memory.remember(order("d", is_conditional=True, side="BUY"))
    memory.remember(order("e"))
    memory.link(linked, 11)
    ended.is_done = True
    assert memory.waiting("BTCUSDT", "SELL") == [waiting]
    memory.link(waiting, 12)
    assert memory.waiting("BTCUSDT", "SELL") == []
    assert memory.waiting("ETHUSDT", "SELL") == []


def test_the_ids_that_a_replaced_order_had_are_known_for_a_while_and_then_forgotten() -> None:
    memory = OrderMemory(orders_max=1_024)
    known = memory.remember(order(order_id=7, is_ours=True, venue_order_id=1))
    working = memory.remember(order("g2", order_id=8, is_ours=True, venue_order_id=5_000))
    for number in range(2, 4_001):
        memory.link(known, number)
    ids = [number for number in range(1, 4_001) if memory.by_venue_id("BTCUSDT", number)]
    assert len(ids) <= 2_048 and ids[-2:] == [3_999, 4_000]
    assert memory.by_venue_id("BTCUSDT", 5_000) is working


def test_the_ids_of_orders_whose_name_was_used_again_are_forgotten_too() -> None:
    memory = OrderMemory(orders_max=1_024)
    for number in range(1, 4_001):
        memory.remember(order(order_id=number, is_ours=True, venue_order_id=number)).is_done = True
    ids = [number for number in range(1, 4_001) if memory.by_venue_id("BTCUSDT", number)]
    assert len(ids) <= 2_048 and ids[-1] == 4_000
