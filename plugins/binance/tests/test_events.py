"""The user stream under bad input: what cannot be read opens a gap by name, the foreign is told,
what is early or doubled books nothing twice."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from gateway_binance import events
from gateway_binance.events import StreamGap, UserEvents
from gateway_binance.memory import KnownOrder, OrderMemory

from gateway.api import FillReport, VenueProtocolError

PAYLOADS = Path(__file__).parent / "payloads"
OURS = "g001000020000011"


class Asked:
    """Stands for the questions: nobody is asked here."""

    def settle(self, symbol: str) -> str:
        return "USDT"

    async def funding(self, since_ns: int) -> list[Any]:
        return []


class LateAlgoService(Asked):
    """Knows what became of a conditional order only when it is asked for the n-th time."""

    def __init__(self, knows_at: int, child: int) -> None:
        self.knows_at, self.child = knows_at, child
        self.asked = 0
        self.memory: OrderMemory | None = None

    async def algo(self, client_order_id: str) -> None:
        self.asked += 1
        assert self.memory is not None
        known = self.memory.by_client(client_order_id)
        if self.asked == self.knows_at and known is not None:
            self.memory.link(known, self.child)


class World:
    def __init__(self, follow_seconds_max: float = 5.0, asked: Asked | None = None) -> None:
        self.facts: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.gaps: list[str] = []
        self.memory = OrderMemory()
        self.work: list[Any] = []
        self.events = UserEvents(
            "main",
            self.memory,
            asked or Asked(),  # type: ignore[arg-type]
            tell=lambda fact, *values, **named: self.facts.append((fact, values, named)),
            later=self.work.append,
            on_gap=self.gaps.append,
            follow_seconds_max=follow_seconds_max,
        )

    def knows(self, name: str = OURS, **changes: Any) -> KnownOrder:
        given = {"client_order_id": name, "symbol": "BTCUSDT", "side": "SELL", "order_id": 7}
        return self.memory.remember(KnownOrder(**(given | changes)))

    def take(self, name: str, **changes: Any) -> None:
        self.events.take(text_of(name, **changes).encode())

    def names(self) -> list[str]:
        return [fact for fact, _, _ in self.facts]

    def close(self) -> None:
        self.events.clear()
        for each in self.work:
            each.close()


def text_of(name: str, **changes: Any) -> str:
    document = json.loads((PAYLOADS / f"{name}.json").read_text())
    for key, value in changes.items():
        document["o"][key] = value
        if value is None:
            del document["o"][key]
    return json.dumps(document)


def test_a_fill_of_ours_and_one_of_somebody_else() -> None:
    world = World()
    world.knows()
    world.take("order_trade_update_fill")
    world.take("order_trade_update_fill", c="web_123", i=99, t=4008)
    fills = [values[0] for fact, values, _ in world.facts if fact == "filled"]
    assert [(each.client_order_id, each.trade_id) for each in fills] == [
        (OURS, "4007"),
        ("web_123", "4008"),
    ]
    assert all(isinstance(each, FillReport) for each in fills)


def test_a_fill_is_told_as_often_as_it_comes_and_never_filtered() -> None:
    world = World()
    world.take("order_trade_update_fill")
    world.take("order_trade_update_fill")
    assert world.names() == ["filled", "filled"]


@pytest.mark.parametrize(
    "changes",
    [
        {"X": "HALF_FILLED"},  # a word nobody documented
        {"S": "BOTH"},
        {"ps": "SIDEWAYS"},
        {"L": 50000.1},  # a number where text would be exact
        {"i": "8389765000000000002"},  # text where a number belongs
        {"z": None},  # missing
        {"l": "0,004"},
        {"n": "NaN"},
        {"m": "true"},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_named_and_books_nothing(changes: dict[str, Any]) -> None:
    world = World()
    world.knows()
    with pytest.raises(VenueProtocolError) as refused:
        world.take("order_trade_update_fill", **changes)
    assert str(refused.value)
    assert world.facts == []


@pytest.mark.parametrize(
    "frame",
    ["", "<html>502</html>", '{"e":"ORDER_TRADE_UP', "[]", '{"e":1}', "null", '{"E":1}', "{{"],
)
def test_a_broken_frame_is_a_protocol_error(frame: str) -> None:
    with pytest.raises(VenueProtocolError):
        World().events.take(frame.encode())


def test_a_key_that_stands_twice_is_refused() -> None:
    text = text_of("order_trade_update_fill").replace('"l": "0.004"', '"l": "0.004", "l": "9"')
    with pytest.raises(VenueProtocolError, match="twice"):
        World().events.take(text.encode())


def test_kinds_nobody_needs_are_counted_and_passed_over() -> None:
    world = World()
    for kind in ("STRATEGY_UPDATE", "ACCOUNT_CONFIG_UPDATE", "SOMETHING_NEW"):
        world.events.take(json.dumps({"e": kind, "E": 1}).encode())
    assert world.facts == [] and world.events.counters["SOMETHING_NEW"] == 1


def account_update(*positions: dict[str, Any], reason: str = "MARGIN_TRANSFER") -> bytes:
    body = {"m": reason, "B": [], "P": list(positions)}
    return json.dumps({"e": "ACCOUNT_UPDATE", "E": 2, "T": 1, "a": body}).encode()


def held(**changes: Any) -> dict[str, Any]:
    """As in the user stream page of the USDS-M documentation."""
    row = {"s": "BTCUSDT", "pa": "-10", "ep": "6563.86000", "bep": "0", "cr": "-45.04000000"}
    return (
        row
        | {"up": "-1423.15600", "mt": "isolated", "iw": "6570.42511771", "ps": "SHORT"}
        | changes
    )


def test_positions_of_an_account_update_are_told_with_their_mode_and_what_lies_in_them() -> None:
    world = World()
    flat = held(ps="LONG", pa="0", iw="0.00000000")
    others = [held(mt="cross", iw="0"), held(mt="portfolio", iw="7"), held(mt="")]
    world.events.take(account_update(flat, held(), *others))
    told = [values[0] for name, values, _ in world.facts]
    assert [(each.leg, each.quantity, each.margin_mode, each.collateral) for each in told] == [
        ("long", "0", "isolated", "0.00000000"), ("short", "10", "isolated", "6570.42511771"),
        ("short", "10", "cross", "0"), ("short", "10", "unknown", "0"), ("short", "10", None, None),
    ]  # fmt: skip
    assert {each.venue_time_ns for each in told} == {1_000_000}
    assert {name for name, _, _ in world.facts} == {"position_seen"}


@pytest.mark.parametrize(
    "changes",
    [{"iw": "lots"}, {"iw": 5}, {"pa": "nan"}, {"ps": "UP"}, {"s": None}, {"mt": 1}],
)
def test_an_account_update_that_cannot_be_read_is_a_protocol_error(changes: dict[str, Any]) -> None:
    with pytest.raises(VenueProtocolError):
        World().events.take(account_update(held(**changes)))


def called(**changes: Any) -> bytes:
    """As in the user stream page of the USDS-M documentation."""
    row = {"s": "ETHUSDT", "ps": "LONG", "pa": "1.327", "mt": "CROSSED", "iw": "0"}
    row |= {"mp": "187.17127", "up": "-1.166074", "mm": "1.614445", **changes}
    event = {"e": "MARGIN_CALL", "E": 1587727187525, "cw": "3.16812045", "p": [row]}
    return json.dumps(event).encode()


def test_a_margin_call_is_told_position_by_position() -> None:
    world = World()
    world.events.take(called())
    world.events.take(called(mt="ISOLATED", ps="SHORT"))
    told = [values[0] for _, values, _ in world.facts]
    assert {name for name, _, _ in world.facts} == {"margin_called"}
    assert [(each.instrument, each.leg, each.margin_mode) for each in told] == [
        ("ETHUSDT", "long", "cross"), ("ETHUSDT", "short", "isolated")
    ]  # fmt: skip
    assert told[0].text == "maintenance 1.614445, mark 187.17127"
    assert told[0].venue_time_ns == 1_587_727_187_525_000_000


def test_a_margin_call_that_cannot_be_read_is_counted_and_is_no_gap() -> None:
    world = World()
    for frame in (called(mm="lots"), called(ps="UP"), b'{"e":"MARGIN_CALL","E":1}'):
        world.events.take(frame)
    assert world.facts == [] and world.gaps == []
    assert world.events.counters["unreadable_margin_calls"] == 3


def test_an_expired_listen_key_is_a_gap() -> None:
    with pytest.raises(StreamGap, match="listen key"):
        World().events.take((PAYLOADS / "listen_key_expired.json").read_bytes())


def test_a_prevented_self_trade_cancels_our_order_with_its_reason() -> None:
    world = World()
    world.knows()
    world.take("order_trade_update_stp")
    ((fact, values, named),) = world.facts
    assert (fact, values) == ("canceled", (7, "self_trade"))
    assert named["cumulative_quantity"] == "0.000"


def test_a_conditional_order_leads_to_its_child() -> None:
    world = World()
    world.knows("g001000020000012", is_conditional=True)
    world.take("algo_update_triggered")
    world.take("order_trade_update_fill", c="x-algo-1", i=8389765000000000009)
    assert world.names() == ["triggered", "filled"]
    assert world.facts[1][1][0].client_order_id == "g001000020000012"


def test_an_event_of_another_symbol_is_never_a_fact_of_our_order() -> None:
    world = World()
    ours = world.knows(is_ours=True, venue_order_id=8389765000000000002)
    number = json.loads(text_of("order_trade_update_fill"))["o"]["i"]
    world.memory.link(ours, number)
    world.take("order_trade_update_fill", s="ETHUSDT", c="web_1")  # the same number
    world.take("order_trade_update_fill", s="ETHUSDT", i=5, t=4010)  # the same name
    world.take("order_trade_update_stp", s="ETHUSDT", i=6)
    told = [values[0] for fact, values, _ in world.facts if fact == "filled"]
    assert world.names() == ["filled", "filled"]
    assert [(each.instrument, each.client_order_id) for each in told] == [
        ("ETHUSDT", "web_1"),
        ("ETHUSDT", ""),
    ]
    assert not ours.is_heard and not ours.is_done


def test_an_order_nobody_knows_waits_while_a_conditional_one_could_be_it() -> None:
    world = World()
    world.knows("g001000020000012", is_conditional=True)
    world.take("order_trade_update_fill", c="x-algo-1", i=8389765000000000009)
    assert world.facts == [] and len(world.work) == 1
    world.take("algo_update_triggered")
    assert world.names() == ["filled", "triggered"]
    assert world.facts[0][1][0].client_order_id == "g001000020000012"
    world.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("knows_at", [1, 3, 4])
async def test_a_triggered_fill_is_ours_though_the_algo_service_lags_behind(
    knows_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_RESOLVE_WAITS_S", (0.0, 0.001, 0.001, 0.001))
    service = LateAlgoService(knows_at, 8389765000000000009)
    world = World(asked=service)
    service.memory = world.memory
    world.knows("g001000020000012", is_conditional=True)
    world.take("order_trade_update_fill", c="x-algo-1", i=8389765000000000009)
    await world.work.pop()
    assert service.asked == knows_at and world.gaps == []
    assert world.facts[0][1][0].client_order_id == "g001000020000012"


@pytest.mark.asyncio
async def test_a_fill_is_foreign_only_after_the_last_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "_RESOLVE_WAITS_S", (0.0, 0.001, 0.001, 0.001))
    service = LateAlgoService(0, 0)
    world = World(asked=service)
    service.memory = world.memory
    world.knows("g001000020000012", is_conditional=True)
    world.take("order_trade_update_fill", c="web_9", i=8389765000000000009)
    await world.work.pop()
    assert service.asked == 4 and world.gaps == []
    assert [values[0].client_order_id for _, values, _ in world.facts] == ["web_9"]


def test_a_rejected_algo_order_is_told_though_its_number_is_not_known() -> None:
    world = World()
    world.knows("g001000020000012", is_conditional=True, order_id=0, is_ours=True)
    world.take("algo_update_triggered", X="REJECTED", ai="", rm="margin is insufficient")
    ((fact, (report,), _),) = world.facts
    assert fact == "order_seen"
    assert (report.client_order_id, report.state) == ("g001000020000012", "rejected")
    assert report.reason == "margin is insufficient"


def test_a_triggered_order_is_done_when_it_has_finished_and_stays_so() -> None:
    world = World()
    known = world.knows("g001000020000012", is_conditional=True)
    world.take("algo_update_triggered")
    assert not known.is_done  # its order of the matching engine lives
    world.take("algo_update_triggered", X="FINISHED")
    assert known.is_done
    world.take("algo_update_triggered")
    assert known.is_done and world.memory.waiting("BTCUSDT", "SELL") == []


@pytest.mark.asyncio
async def test_an_announced_fill_that_follows_is_booked_once_and_one_that_does_not_is_a_gap() -> (
    None
):
    world = World(follow_seconds_max=0.05)
    world.knows()
    world.events.take((PAYLOADS / "trade_lite.json").read_bytes())
    assert world.facts == []
    world.take("order_trade_update_fill")
    await asyncio.sleep(0.1)
    assert world.names() == ["filled"] and world.gaps == []
    world.events.take((PAYLOADS / "trade_lite.json").read_bytes().replace(b"4007", b"4009"))
    async with asyncio.timeout(300):
        while not world.gaps:  # noqa: ASYNC110 - a timer of the loop fills the list
            await asyncio.sleep(0.01)
    assert "4009" in world.gaps[0]


def test_funding_is_asked_for_once_however_many_positions_pay() -> None:
    world = World()
    text = (PAYLOADS / "account_update_funding.json").read_bytes()
    for _ in range(50):
        world.events.take(text)
    assert len(world.work) == 1
    world.close()
