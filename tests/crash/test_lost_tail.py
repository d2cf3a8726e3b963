"""A bracket of a real daemon whose last moments are lost with the power: its entry executed, its
exits left, and what became of them is at the venue alone. Nothing leaves twice, and no position
stands without its protection."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from gateway_paper.record import read_record
from standing_desk import ORDER, Desk, Row
from verdict import judge_orders, judge_replay

pytestmark = [pytest.mark.crash, pytest.mark.timeout(400)]

EXITS: dict[str, Row] = {
    "profit": {"side": "sell", "price": "50500"},
    "stop": {"side": "sell", "type": "stop", "price": None, "trigger_price": "48000"},
}
NAMES = ("entry", *EXITS)


def bracket(desk: Desk) -> None:
    """Its entry rests at the venue."""
    legs = {"entry": {}, **EXITS}
    rows = [{**ORDER, "client_order_id": name, **change} for name, change in legs.items()]
    bodies = [{key: each for key, each in row.items() if each is not None} for row in rows]
    body = {"link": "bracket", "orders": bodies}
    assert desk.gateway.ask("POST", "/v1/linked-orders", body)[0] == 201
    desk.wait_state("entry", "NEW")


def move(desk: Desk, levels: list[list[str]], *trades: list[str]) -> None:
    desk.venue.admin("market", {"instrument": "BTCUSDT", "levels": levels, "trades": list(trades)})


def enter(desk: Desk) -> None:
    """The entry executes, and both exits work at the venue."""
    move(desk, [["buy", "49999", "0"]], ["49000", "1", "sell"])
    desk.wait_state("entry", "FILLED")
    desk.quote()
    desk.gateway.wait(lambda: all(desk.order(name)["venue_order_id"] for name in EXITS))


def stored(desk: Desk) -> bool:
    status = desk.status()
    return bool(status["counters"]["synced_sequence"] >= status["sequence"])


def cut_power(desk: Desk, keep: Any) -> None:
    """The disk is as it was when `keep` was copied; the superblock was durable before."""
    gateway = desk.gateway
    gateway.kill()
    shutil.rmtree(gateway.ring_directory)
    for segment in gateway.directory.glob("segment-*"):
        segment.unlink()
    for segment in keep.glob("segment-*"):
        shutil.copy(segment, gateway.directory / segment.name)


def judge(desk: Desk) -> None:
    rows = desk.gateway.get("/v1/orders?open=false")["orders"]
    judge_orders(read_record(desk.venue.record_path), {int(row["order_id"]): row for row in rows})
    judge_replay(desk.gateway)
    (status,) = desk.status()["venues"]
    assert status["breaks"] == []


def states(desk: Desk) -> list[str]:
    return [desk.state(name) for name in NAMES]


@pytest.fixture
def desk(closed_desk: Callable[..., Desk]) -> Desk:
    made = closed_desk()
    made.open()
    return made


@pytest.fixture
def cut(desk: Desk) -> Callable[[Callable[[], None]], None]:
    """Runs what happens in the moments that are lost, and starts again without them."""

    def lose(moments: Callable[[], None]) -> None:
        bracket(desk)
        desk.gateway.wait(lambda: stored(desk))
        keep = desk.gateway.root / "keep"
        shutil.copytree(desk.gateway.directory, keep)
        enter(desk)
        moments()
        cut_power(desk, keep)
        desk.open()

    return lose


def test_exits_that_work_at_the_venue_go_on_protecting(
    desk: Desk, cut: Callable[[Callable[[], None]], None]
) -> None:
    cut(lambda: None)
    desk.wait_state("entry", "FILLED")
    assert states(desk) == ["FILLED", "NEW", "UNTRIGGERED"]
    assert [desk.order(name)["pending"] for name in NAMES] == ["", "", ""]
    judge(desk)
    move(desk, [["sell", "50001", "0"]], ["50500", "1", "buy"])
    desk.wait_state("profit", "FILLED")
    desk.wait_state("stop", "CANCELED")
    assert desk.gateway.get("/v1/positions")["positions"][0]["quantity"] == "0"
    judge(desk)


def test_what_an_exit_executed_ends_the_other_one(
    desk: Desk, cut: Callable[[Callable[[], None]], None]
) -> None:
    def moments() -> None:
        move(desk, [["sell", "50001", "0"]], ["50500", "1", "buy"])
        desk.wait_state("profit", "FILLED")
        desk.quote()

    cut(moments)
    desk.wait_state("stop", "CANCELED")
    assert states(desk) == ["FILLED", "FILLED", "CANCELED"]
    assert desk.gateway.get("/v1/positions")["positions"][0]["quantity"] == "0"
    judge(desk)


def test_exits_that_ended_there_end_here_and_never_leave_again(
    desk: Desk, cut: Callable[[Callable[[], None]], None]
) -> None:
    def moments() -> None:
        order_id = desk.order("profit")["order_id"]
        assert desk.gateway.ask("DELETE", f"/v1/orders/{order_id}")[0] == 202
        desk.wait_state("profit", "CANCELED")
        desk.wait_state("stop", "CANCELED")

    cut(moments)
    desk.wait_state("profit", "CANCELED")
    desk.wait_state("stop", "CANCELED")
    assert states(desk) == ["FILLED", "CANCELED", "CANCELED"]
    assert desk.gateway.get("/v1/positions")["positions"][0]["quantity"] == "1"
    judge(desk)
