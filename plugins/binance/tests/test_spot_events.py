"""Events of Binance Spot under bad input: what cannot be read opens a gap by name, the foreign is
told, an order that made room for its replacement has not ended."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gateway_binance.events import StreamGap
from gateway_binance.memory import KnownOrder, OrderMemory
from gateway_binance.spot.events import SpotEvents

from gateway.api import FillReport, OrderReport, VenueProtocolError

OURS = "g001000020000011"
# The example of user-data-stream.md (binance-spot-api-docs, read 2026-11), with a name of ours.
REPORT = {
    "e": "executionReport", "E": 1499405658658, "s": "ETHBTC", "c": OURS, "S": "BUY", "o": "LIMIT",
    "f": "GTC", "q": "1.00000000", "p": "0.10264410", "P": "0.00000000", "F": "0.00000000",
    "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 4293153, "l": "0.00000000",
    "z": "0.00000000", "L": "0.00000000", "n": "0", "N": None, "T": 1499405658657, "t": -1,
    "I": 8641984, "w": True, "m": False, "M": False, "O": 1499405658657, "Z": "0.00000000",
    "Y": "0.00000000", "Q": "0.00000000", "W": 1499405658657, "V": "NONE",
}  # fmt: skip
FILL = {
    "x": "TRADE",
    "X": "FILLED",
    "l": "1.00000000",
    "z": "1.00000000",
    "L": "0.10264410",
    "t": 9,
}


class Asked:
    """Stands for the questions: nobody is asked here."""

    def quote(self, symbol: str) -> str:
        return "BTC"


class World:
    def __init__(self) -> None:
        self.facts: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.memory = OrderMemory()
        self.events = SpotEvents(
            "main",
            self.memory,
            Asked(),  # type: ignore[arg-type]
            tell=lambda fact, *values, **named: self.facts.append((fact, values, named)),
            on_gap=lambda reason: None,
        )

    def knows(self, **changes: Any) -> KnownOrder:
        given = {"client_order_id": OURS, "symbol": "ETHBTC", "side": "BUY", "order_id": 7}
        return self.memory.remember(KnownOrder(is_ours=True, **(given | changes)))

    def take(self, **changes: Any) -> None:
        document = {key: value for key, value in (REPORT | changes).items() if value is not ...}
        self.events.take(json.dumps(document).encode())

    def names(self) -> list[str]:
        return [fact for fact, _, _ in self.facts]


def test_an_order_of_ours_is_taken_filled_and_done() -> None:
    world = World()
    known = world.knows()
    world.take()
    world.take(**FILL, n="0.00100000", N="BNB", m=True)
    assert world.names() == ["accepted", "filled"] and known.is_done
    fill = world.facts[-1][1][0]
    assert isinstance(fill, FillReport)
    assert (fill.client_order_id, fill.trade_id, fill.price) == (OURS, "9", "0.10264410")
    assert (fill.fee, fill.fee_currency, fill.liquidity) == ("0.00100000", "BNB", "maker")


def test_a_fill_without_a_commission_has_none_in_the_quote_coin() -> None:
    world = World()
    world.take(**FILL)
    fill = world.facts[0][1][0]
    assert (fill.fee, fill.fee_currency) == ("0", "BTC")


def test_a_canceled_order_goes_by_the_name_that_the_cancel_took_from_it() -> None:
    world = World()
    world.knows(venue_order_id=4293153)
    world.take(x="CANCELED", X="CANCELED", c="somebodys-cancel", C=OURS)
    (fact,) = world.facts
    assert (fact[0], fact[1]) == ("canceled", (7, "requested"))


def test_an_order_that_made_room_for_its_replacement_has_not_ended() -> None:
    world = World()
    known = world.knows(venue_order_id=4293153, price="0.10264410", quantity="1")
    world.take(x="CANCELED", X="CANCELED", c=f"{OURS}//r1", C=OURS)
    world.take(c=f"{OURS}//1", i=4293154, p="0.10000000")
    assert world.names() == ["replaced", "accepted"]
    assert (known.venue_order_id, known.generation, known.is_done) == (4293154, 1, False)
    world.take(x="CANCELED", X="CANCELED", c=f"{OURS}//r1", C=OURS)  # told again
    world.take(**FILL, c=f"{OURS}//1", i=4293154)
    assert world.names() == ["replaced", "accepted", "filled"]
    assert world.facts[-1][1][0].client_order_id == OURS


def test_an_order_that_nobody_remembers_has_not_ended_by_making_room_either() -> None:
    world = World()
    world.take(x="CANCELED", X="CANCELED", c=f"{OURS}//r1", C=OURS)
    assert world.facts == []
    world.take(c=f"{OURS}//1", i=4293154, p="0.10000000")
    ((fact, (report,), _),) = world.facts
    assert (fact, report.client_order_id, report.state) == ("order_seen", OURS, "new")
    assert (report.venue_order_id, report.price) == ("4293154", "0.10000000")


def test_a_replacement_that_was_refused_ends_the_order() -> None:
    world = World()
    known = world.knows(venue_order_id=4293153)
    world.take(x="CANCELED", X="CANCELED", c=f"{OURS}//r1", C=OURS)
    world.take(x="REJECTED", X="REJECTED", c=f"{OURS}//1", i=-1, r="-2010")
    (fact,) = world.facts
    assert (fact[0], fact[1]) == ("canceled", (7, "venue_decision"))
    assert known.is_done and known.venue_order_id == 4293153


def test_a_stop_waits_triggers_and_works_under_one_id() -> None:
    world = World()
    known = world.knows(is_waiting=True)
    stop = {"o": "STOP_LOSS_LIMIT", "P": "0.10000000"}
    world.take(**stop, w=False)
    assert known.is_waiting and world.facts[0][2]["is_untriggered"] is True
    world.take(**stop)
    assert not known.is_waiting and world.names() == ["accepted", "accepted", "triggered"]


@pytest.mark.parametrize(
    ("execution", "status", "told", "reason"),
    [
        ("EXPIRED", "EXPIRED", "expired", "time_in_force"),
        ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", "canceled", "self_trade"),
    ],
)
def test_what_the_venue_ends_is_named(execution: str, status: str, told: str, reason: str) -> None:
    world = World()
    world.knows()
    world.take(x=execution, X=status)
    assert [(fact, values) for fact, values, _ in world.facts] == [(told, (7, reason))]


def test_an_order_of_somebody_else_is_a_view_under_its_own_name() -> None:
    world = World()
    world.take(c="web_1")
    report = world.facts[0][1][0]
    assert isinstance(report, OrderReport)
    assert (report.client_order_id, report.state, report.price) == ("web_1", "new", "0.10264410")


def test_the_name_of_ours_on_another_symbol_is_somebody_elses() -> None:
    world = World()
    world.knows(symbol="BTCUSDT")
    world.take()
    assert world.names() == []
    world.take(**FILL)
    assert world.facts[0][1][0].client_order_id == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"X": "BEWITCHED"},
        {"x": "BEWITCHED"},
        {"S": "HOLD"},
        {"q": 1.0},
        {"q": "1e3"},
        {"q": "nan"},
        {"i": "4293153"},
        {"T": ...},
        {"s": None},
    ],
)
def test_what_nobody_documented_is_named_and_never_guessed(changes: dict[str, Any]) -> None:
    world = World()
    if "x" in changes:
        world.knows()
    with pytest.raises(VenueProtocolError):
        world.take(**changes)
        raise AssertionError(world.facts)


@pytest.mark.parametrize("kind", ["eventStreamTerminated", "serverShutdown"])
def test_a_stream_that_ends_is_a_gap(kind: str) -> None:
    with pytest.raises(StreamGap):
        World().events.take(json.dumps({"e": kind, "E": 1}).encode())


@pytest.mark.parametrize("kind", ["outboundAccountPosition", "balanceUpdate", "listStatus", "new"])
def test_kinds_nobody_needs_are_counted_and_passed_over(kind: str) -> None:
    world = World()
    world.events.take(json.dumps({"e": kind, "E": 1}).encode())
    assert world.facts == [] and world.events.counters[kind] == 1
