"""What is known of orders is bounded, and what this process sent is not forgotten for others."""

from __future__ import annotations

import pytest
from gateway_okx import known_orders
from gateway_okx.known_orders import KnownOrders


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> KnownOrders:
    monkeypatch.setattr(known_orders, "_FOREIGN_MAX", 3)
    monkeypatch.setattr(known_orders, "_ENDED_MAX", 2)
    return KnownOrders()


def test_orders_of_others_are_forgotten_oldest_first_and_own_ones_never(
    known: KnownOrders,
) -> None:
    known.note("own", "BTC-USDT", order_id=1)
    for number in range(10):
        known.note(f"#{number}", "BTC-USDT", is_algo=True, algo_id=str(number))
    assert known.size == 4
    assert known.get("own")
    assert known.get("#9")
    assert known.get("#6") is None


def test_an_order_of_others_that_a_request_names_counts_as_own(known: KnownOrders) -> None:
    known.note("#1", "BTC-USDT")
    known.note("#1", "BTC-USDT", order_id=1)
    for number in range(2, 10):
        known.note(f"#{number}", "BTC-USDT")
    assert known.get("#1")


def test_what_has_ended_is_bounded_by_itself_and_noting_it_again_revives_nothing(
    known: KnownOrders,
) -> None:
    for number in range(10):
        known.end(known.note(f"#{number}", "BTC-USDT"))
    known.note("#9", "BTC-USDT", child_id="c9")
    assert known.size == 2
    for number in range(10, 20):
        known.note(f"#{number}", "BTC-USDT")
    assert known.size == 5
    assert known.get("#9")


def test_an_end_that_an_answer_told_leaves_a_request_on_its_way_open(known: KnownOrders) -> None:
    order = known.note("own", "BTC-USDT", order_id=1)
    order.awaited = "cancel"
    known.end_unless_awaited(order)
    assert (order.is_ended, order.awaited) == (False, "cancel")
