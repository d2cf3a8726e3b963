"""What happens while the daemon is dead: funding is paid, and sessions that wanted their orders
canceled at their end are gone. The next start makes up for both, once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from gateway_paper.record import read_record
from standing_desk import ORDER, Desk
from verdict import judge_replay

pytestmark = [pytest.mark.crash, pytest.mark.timeout(900)]

CLIENT = """
import asyncio, json, sys, aiohttp
async def main(url, key, orders):
    async with aiohttp.ClientSession(url) as http, http.ws_connect("/v1/ws") as socket:
        await socket.send_json({"op": "login", "key": key, "cancel_on_disconnect": True})
        assert (await socket.receive_json())["ok"]
        for number, order in enumerate(orders):
            await socket.send_json({"op": "submit", "id": number, "order": order})
            assert (await socket.receive_json())["ok"]
        print("sent", flush=True)
        await asyncio.sleep(300)
asyncio.run(main(*json.loads(sys.argv[1])))
"""


@pytest.fixture
def make_desk(closed_desk: Callable[..., Desk]) -> Callable[..., Desk]:
    """A desk that is open."""

    def make(**change: Any) -> Desk:
        desk = closed_desk(**change)
        desk.open()
        return desk

    return make


@pytest.mark.parametrize("drive", ["inline", "pinned"])
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_funding_paid_while_the_daemon_is_down_is_booked_once(
    make_desk: Callable[..., Desk], end: str, drive: str
) -> None:
    desk = make_desk(drive=drive)
    desk.buy("a")
    desk.pay_funding()  # told by the stream, and once more by the query of every later start
    desk.wait_equal(1)
    getattr(desk.gateway, end)()
    desk.pay_funding()
    desk.pay_funding()
    desk.open()
    desk.wait_equal(3)
    desk.gateway.kill()
    desk.open()
    desk.wait_equal(3)
    desk.pay_funding()
    desk.wait_equal(4)


def test_funding_paid_while_the_line_is_down_is_booked_once(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk()
    desk.buy("a")
    before = desk.gateway.get("/v1/status")["venues"][0]["counters"].get("gaps", 0)
    desk.venue.admin("action", {"action": "cut_streams"})
    desk.pay_funding()
    desk.gateway.wait(
        lambda: desk.gateway.get("/v1/status")["venues"][0]["counters"].get("gaps", 0) > before
    )
    desk.gateway.wait_trading()
    desk.wait_equal(1)


def test_funding_of_a_venue_that_was_there_before_us_is_not_booked_on_top(
    make_desk: Callable[..., Desk],
) -> None:
    """A new journal opens with the venue's balance, in which earlier payments already are."""
    desk = make_desk()
    desk.buy("a")
    desk.pay_funding()
    desk.wait_equal(1)
    desk.gateway.close()
    for path in desk.gateway.directory.iterdir():
        if path.is_file():
            path.unlink()
    desk.open()
    desk.wait_equal(1)


@pytest.mark.parametrize("drive", ["inline", "pinned"])
def test_orders_of_a_session_that_wanted_so_are_canceled_after_a_kill(
    make_desk: Callable[..., Desk], drive: str
) -> None:
    desk = make_desk(drive=drive)
    assert desk.submit("kept")[0] == 201
    own = [{**ORDER, "client_order_id": name} for name in ("own1", "own2")]
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, json.dumps([desk.gateway.url, desk.gateway.key(), own])],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert client.stdout is not None
        assert client.stdout.readline() == b"sent\n"
        for name in ("own1", "own2", "kept"):
            desk.gateway.wait(lambda name=name: desk.state(name) == "NEW")
        desk.gateway.kill()
    finally:
        client.kill()
        client.wait(60)
        client.stdout.close()
    assert len(read_record(desk.venue.record_path).open_orders()) == 3, "nobody told the venue"
    desk.venue.fault("reject", "cancel", 2)  # it is asked again
    desk.venue.fault("silent", "cancel", 1)
    desk.open()
    for name in ("own1", "own2"):
        desk.gateway.wait(lambda name=name: desk.state(name) == "CANCELED")
    assert desk.state("kept") == "NEW"
    assert len(read_record(desk.venue.record_path).open_orders()) == 1
    judge_replay(desk.gateway)


def test_the_venues_own_words_of_a_rejection_are_in_the_row_also_after_a_kill(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk()
    desk.venue.fault("reject", "submit", 1)
    assert desk.submit("no")[0] == 201
    desk.gateway.wait(lambda: desk.state("no") == "REJECTED")
    by_name = "/v1/orders/by-client-id/no"
    row = desk.gateway.get(by_name)["order"]
    assert (row["reason"], row["reason_text"]) == ("venue", "simulated_reject")
    listed = desk.gateway.get("/v1/orders?open=false")["orders"]
    assert [each["reason_text"] for each in listed] == ["simulated_reject"]
    desk.gateway.kill()
    desk.open()
    assert desk.gateway.get(by_name)["order"] == row
    assert desk.gateway.get(f"/v1/orders/{row['order_id']}")["order"] == row
    judge_replay(desk.gateway)


def test_an_ordinary_start_logs_no_error(make_desk: Callable[..., Desk]) -> None:
    """Marks come before the instruments are known; that is nothing to complain about."""
    desk = make_desk()
    log = desk.gateway.log_path.read_text().splitlines()
    assert [line for line in log if '"error"' in line.lower()] == []
