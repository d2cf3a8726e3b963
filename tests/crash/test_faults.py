"""One fault at a time, on the real daemon and the real venue: silence, absence, two daemons, lost
memory, flipped bits, a full disk, and the ways to end."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from gateway_paper.record import read_record
from processes import GatewayProcess
from standing_desk import ORDER, Desk, Row

from gateway.venues.client_order_ids import ClientOrderIds

pytestmark = [pytest.mark.crash, pytest.mark.timeout(900)]


@pytest.fixture
def desk(closed_desk: Callable[..., Desk]) -> Desk:
    made = closed_desk()
    made.open()
    return made


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        capture_output=True, timeout=200, check=False, text=True,
    )  # fmt: skip


def test_an_order_nobody_answers_is_unknown_and_keeps_its_exposure_reserved(
    closed_desk: Callable[..., Desk],
) -> None:
    desk = closed_desk()
    desk.gateway.limits["position_long_max"] = "1.5"
    desk.gateway.write_config()
    desk.open()
    desk.venue.fault("silent", "submit", 1)
    desk.venue.fault("silent", "query")
    assert desk.submit("a")[0] == 201
    desk.wait_state("a", "UNKNOWN")
    status, answer = desk.submit("b")
    error = answer["error"]
    assert (status, error["code"]) == (422, "POSITION_LIMIT")
    assert Decimal(error["would_be"]) > Decimal(error["limit"]) == Decimal("1.5")
    assert Decimal(error["working"]) == 1
    assert desk.order("a")["state"] == "UNKNOWN"
    assert desk.status()["unknown_orders"] == 1
    # The venue answers again: it has never heard of the order, asked late enough to be proof.
    desk.venue.admin("action", {"action": "clear_faults"})
    assert desk.wait_state("a", "CANCELED")["cumulative_quantity"] == "0"
    assert desk.submit("b")[0] == 201
    desk.wait_state("b", "NEW")
    assert len(read_record(desk.venue.record_path).orders) == 1


@pytest.mark.parametrize("fault", ["ack_drop", "execute_error_500", "execute_disconnect"])
def test_an_executed_order_whose_answer_is_lost_is_found_and_counted_once(
    desk: Desk, fault: str
) -> None:
    desk.venue.fault(fault, "submit", 1)
    assert desk.submit("a", price="50001", quantity="0.5")[0] == 201
    row = desk.wait_state("a", "FILLED")
    assert row["cumulative_quantity"] == "0.5"
    assert desk.submit("a", price="50001", quantity="0.5") == (200, {"order": row})
    record = read_record(desk.venue.record_path)
    assert (len(record.orders_seen()), len(record.fills)) == (1, 1)
    assert desk.gateway.get("/v1/positions")["positions"][0]["quantity"] == "0.5"


def test_a_stream_that_stays_away_does_not_hide_what_happened(desk: Desk) -> None:
    """The answer is lost and so are the events: the gap is seen, the query finds the order."""
    desk.venue.fault("execute_error_500", "submit", 1)
    desk.venue.fault("stream_drop", "stream", 2)
    assert desk.submit("a", price="50001", quantity="0.5")[0] == 201
    desk.submit("b", side="sell", price="51000")
    desk.wait_state("a", "FILLED")
    desk.wait_state("b", "NEW")
    assert len(read_record(desk.venue.record_path).fills) == 1


def test_without_its_venue_new_orders_are_refused_and_cancels_are_taken(desk: Desk) -> None:
    assert desk.submit("a")[0] == 201
    desk.wait_state("a", "NEW")
    desk.gateway.kill()
    desk.venue.kill()
    desk.gateway.start()
    desk.gateway.wait_up()
    status, answer = desk.submit("b")
    assert (status, answer["error"]["code"]) in [(503, "VENUE_DOWN"), (503, "NOT_RECONCILED")]
    order_id = desk.order("a")["order_id"]
    assert desk.gateway.ask("DELETE", f"/v1/orders/{order_id}")[0] == 202
    assert desk.gateway.ask("GET", "/v1/health/live")[0] == 200
    assert desk.gateway.ask("GET", "/v1/health/trading")[0] == 503
    desk.venue.start()
    desk.quote()
    desk.gateway.wait_trading()
    desk.gateway.wait(lambda: not desk.order("a")["pending"])
    if desk.order("a")["state"] != "CANCELED":  # the cancel found nobody; the next one does
        assert desk.gateway.ask("DELETE", f"/v1/orders/{order_id}")[0] == 202
        desk.wait_state("a", "CANCELED")
    assert read_record(desk.venue.record_path).open_orders() == {}


def test_a_second_daemon_on_the_same_directory_refuses_and_the_first_goes_on(desk: Desk) -> None:
    second = run("run", str(desk.gateway.config))
    assert second.returncode == 1
    assert str(desk.gateway.directory) in second.stderr
    assert str(desk.gateway.pid) in second.stderr, second.stderr
    assert desk.gateway.look()
    assert desk.submit("a")[0] == 201


def test_without_the_ring_the_disk_is_recovered_and_the_venue_tells_the_rest(desk: Desk) -> None:
    """As after a reboot. What the disk did not get is adopted from the venue, never guessed."""
    gateway = desk.gateway
    assert desk.submit("kept")[0] == 201
    desk.wait_state("kept", "NEW")
    gateway.wait(lambda: _is_synced(desk.status()))
    before = gateway.root / "before"
    shutil.copytree(gateway.directory, before)
    assert desk.submit("lost", price="49100")[0] == 201
    desk.wait_state("lost", "NEW")
    assert desk.submit("traded", price="50001", quantity="0.25")[0] == 201
    desk.wait_state("traded", "FILLED")
    lost_ids = {desk.order(name)["order_id"] for name in ("lost", "traded")}
    epoch = desk.status()["epoch"]
    gateway.kill()
    shutil.rmtree(gateway.ring_directory)
    for segment in gateway.directory.glob("segment-*"):  # the superblock was durable before
        segment.unlink()
    for segment in before.glob("segment-*"):
        shutil.copy(segment, gateway.directory / segment.name)
    desk.open()
    assert desk.status()["epoch"] > epoch
    assert desk.order("kept")["state"] == "NEW"
    assert desk.gateway.ask("GET", "/v1/orders/by-client-id/lost")[0] == 404
    rows = gateway.get("/v1/orders?open=true")["orders"]
    adopted = [row for row in rows if row["client_order_id"] != "kept"]
    assert [(row["price"], row["strategy"]) for row in adopted] == [("49100", "EXTERNAL")]
    held = gateway.get("/v1/positions")["positions"]
    assert [(row["strategy"], row["quantity"]) for row in held] == [("EXTERNAL", "0.25")]
    status, answer = desk.submit("fresh")
    assert status == 201
    assert answer["order"]["order_id"] not in lost_ids
    status, answer = gateway.ask("DELETE", "/v1/orders")
    assert (status, answer) == (202, {"cancels_sent": 3, "cancels_refused": 0})
    gateway.wait(lambda: desk.status()["open_orders"] == 0)
    assert read_record(desk.venue.record_path).open_orders() == {}


def test_at_level_disk_the_venue_sees_nothing_that_the_loss_of_the_ring_can_take(
    closed_desk: Callable[..., Desk],
) -> None:
    desk = closed_desk(durability="disk")
    ids = ClientOrderIds(1, length_max=64, pattern=r"[A-Za-z0-9_-]+")
    for life in range(4):
        desk.open()
        for number in range(12):
            assert desk.submit(f"o{life}-{number}", price=f"{48000 + number}")[0] == 201
        if life == 3:  # whatever the earlier kills caught, the venue has seen these
            for number in range(12):
                desk.wait_state(f"o{life}-{number}", "NEW")
        desk.gateway.kill()
        shutil.rmtree(desk.gateway.ring_directory)
    desk.open()
    known = {row["order_id"] for row in desk.gateway.get("/v1/orders?open=false")["orders"]}
    seen = {str(ids.decode(name)) for _, name in read_record(desk.venue.record_path).orders}
    assert len(seen) > 4
    assert seen <= known
    assert "adopted_orders" not in desk.status()["venues"][0]["counters"]


def _is_synced(status: Row) -> bool:
    return bool(status["counters"]["synced_sequence"] >= status["sequence"])


def test_a_flipped_bit_in_a_sealed_segment_is_named_and_stops_the_start(desk: Desk) -> None:
    gateway = desk.gateway
    assert desk.submit("a")[0] == 201
    desk.wait_state("a", "NEW")
    for _ in range(2):
        assert gateway.stop() == 0
        gateway.start()
        gateway.wait_up()
        gateway.wait_trading()
    assert gateway.stop() == 0
    segment = min(gateway.directory.glob("segment-*.journal"))
    content = bytearray(segment.read_bytes())
    content[4096 + 700] ^= 0x10
    segment.write_bytes(content)
    where = [str(gateway.directory), "--ring-directory", str(gateway.ring_directory)]
    verified = run("verify", *where)
    assert verified.returncode == 1
    assert "offset" in verified.stdout
    assert segment.name in verified.stdout or " 1 " in verified.stdout, verified.stdout
    shutil.rmtree(gateway.ring_directory)
    started = run("run", str(gateway.config))
    assert started.returncode == 1
    for word in ("segment", "offset", "sequence"):
        assert word in started.stderr, started.stderr


def test_a_full_disk_refuses_new_orders_serves_cancels_and_recovers(
    closed_desk: Callable[..., Desk],
) -> None:
    desk = closed_desk()
    gateway = desk.gateway
    gateway.directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(gateway.directory)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip("no permission to mount a small file system")
    try:
        desk.open()
        assert desk.submit("a")[0] == 201
        desk.wait_state("a", "NEW")
        filler = gateway.directory / "filler"
        _fill(filler)
        assert asyncio.run(_press(gateway)) == "JOURNAL_BEHIND"
        _fill(filler)
        status, answer = desk.submit("b")
        assert (status, answer["error"]["code"]) == (503, "JOURNAL_BEHIND")
        order_id = desk.order("a")["order_id"]
        assert gateway.ask("DELETE", f"/v1/orders/{order_id}")[0] == 202
        desk.wait_state("a", "CANCELED")
        filler.unlink()
        gateway.wait(lambda: desk.submit("b")[0] in (200, 201))
        desk.wait_state("b", "NEW")
        gateway.kill()
        desk.open()
        assert desk.order("a")["state"] == "CANCELED"
        assert desk.order("b")["state"] == "NEW"
        assert gateway.stop() == 0
    finally:
        gateway.kill()
        subprocess.run(["umount", str(gateway.directory)], check=False)


REFUSED = {"MAX_ORDER_NOTIONAL", "JOURNAL_BEHIND"}


def _fill(filler: Path) -> None:
    """Take every byte of the file system."""
    with filler.open("ab", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


async def _press(gateway: GatewayProcess) -> str:
    """Mostly orders that the gate refuses and journals, until one it would take is refused too."""
    async with aiohttp.ClientSession(gateway.url) as http, http.ws_connect("/v1/ws") as socket:
        await socket.send_json({"op": "login", "key": gateway.key()})
        await socket.receive_json()
        for number in range(400):
            good = {**ORDER, "client_order_id": f"g{number}"}
            bad = {**ORDER, "client_order_id": f"b{number}", "quantity": "99999"}
            for order in [bad] * 100 + [good]:
                await socket.send_json({"op": "submit", "id": 1, "order": order})
            answers = [await socket.receive_json() for _ in range(101)]
            assert {each["error"]["code"] for each in answers[:100]} <= REFUSED
            if not answers[100]["ok"]:
                return str(answers[100]["error"]["code"])
    return ""


@pytest.mark.parametrize("policy", ["cancel", "keep"])
def test_an_orderly_stop_does_with_open_orders_what_the_policy_says(
    closed_desk: Callable[..., Desk], policy: str
) -> None:
    desk = closed_desk(shutdown_orders=policy)
    desk.open()
    for name in "abc":
        assert desk.submit(name)[0] == 201
        desk.wait_state(name, "NEW")
    assert desk.gateway.stop() == 0
    left = len(read_record(desk.venue.record_path).open_orders())
    assert left == (0 if policy == "cancel" else 3)
    desk.open()
    state = "CANCELED" if policy == "cancel" else "NEW"
    assert [desk.order(name)["state"] for name in "abc"] == [state] * 3
    assert desk.status()["open_orders"] == left


CLIENT = """
import asyncio, json, sys, aiohttp
async def main(url, key, cancels, order):
    async with aiohttp.ClientSession(url) as http, http.ws_connect("/v1/ws") as socket:
        await socket.send_json({"op": "login", "key": key, "cancel_on_disconnect": cancels})
        assert (await socket.receive_json())["ok"]
        await socket.send_json({"op": "submit", "id": 1, "order": order})
        assert (await socket.receive_json())["ok"]
        print("sent", flush=True)
        await asyncio.sleep(300)
asyncio.run(main(*json.loads(sys.argv[1])))
"""


@pytest.mark.parametrize("is_cancelling", [True, False])
def test_the_orders_of_a_client_that_dies_follow_its_session_policy(
    desk: Desk, is_cancelling: bool
) -> None:
    assert desk.submit("other")[0] == 201
    order = {**ORDER, "client_order_id": "own"}
    arguments = [desk.gateway.url, desk.gateway.key(), is_cancelling, order]
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, json.dumps(arguments)], stdout=subprocess.PIPE
    )
    try:
        assert client.stdout is not None
        assert client.stdout.readline() == b"sent\n"
        desk.wait_state("own", "NEW")
    finally:
        client.kill()
        client.wait(60)
        client.stdout.close()
    if is_cancelling:
        desk.wait_state("own", "CANCELED")
    else:
        time.sleep(0.3)
        assert desk.order("own")["state"] == "NEW"
    assert desk.order("other")["state"] == "NEW"


def test_a_reload_with_a_fault_leaves_the_old_settings(desk: Desk) -> None:
    gateway = desk.gateway
    good = gateway.config.read_text()
    gateway.config.write_text(good + "[api]\nport = 0\ncolor = 1\n")
    os.kill(gateway.pid, signal.SIGHUP)
    gateway.wait(lambda: "reload refused" in gateway.log_path.read_text())
    assert desk.submit("a")[0] == 201
    raised = gateway.limits | {"position_long_max": "2000000"}
    gateway.limits, kept = raised, gateway.limits
    gateway.write_config()
    os.kill(gateway.pid, signal.SIGHUP)
    gateway.wait(lambda: "file 2000000 (looser): unchanged" in gateway.log_path.read_text())
    gateway.wait(lambda: "reloaded keys" in gateway.log_path.read_text())
    assert {row["position_long_max"] for row in gateway.get("/v1/limits")["limits"]} == {"1000000"}
    gateway.limits = kept
    gateway.write_config()
    os.kill(gateway.pid, signal.SIGHUP)
    gateway.wait(lambda: gateway.log_path.read_text().count("reloaded keys") >= 2)
    assert desk.submit("b")[0] == 201
