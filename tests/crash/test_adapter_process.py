"""The adapter in a process of its own, on the real daemon and the real venue: it is killed, hangs,
or is exchanged in the middle of an order, and no order is lost or doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from gateway_paper.record import read_record
from processes import WAIT_SECONDS_MAX
from standing_desk import Desk, Row

pytestmark = [pytest.mark.crash, pytest.mark.timeout(900)]

# A silence that a loaded machine does not make; where silence is the fault, a short one.
ISOLATED = {"isolation": "process", "process_silence_ms_max": 20_000}
IMPATIENT = ISOLATED | {"process_silence_ms_max": 3_000}


@pytest.fixture
def desk(request: pytest.FixtureRequest, closed_desk: Callable[..., Desk]) -> Desk:
    made = closed_desk(venue=ISOLATED, drive=getattr(request, "param", "inline"))
    made.open()
    return made


def venue_row(desk: Desk) -> Row:
    row: Row = desk.status()["venues"][0]
    return row


def child_of(desk: Desk) -> int:
    return int(venue_row(desk)["process"]["pid"])


def is_alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def wait_relaunched(desk: Desk, old: int) -> Row:
    desk.gateway.wait(lambda: child_of(desk) not in (0, old))
    desk.gateway.wait_trading()
    assert not is_alive(old)
    return venue_row(desk)


def judge(desk: Desk, *client_order_ids: str) -> None:
    """Each intent reached the venue exactly once, and both sides say the same."""
    record = read_record(desk.venue.record_path)
    assert max(Counter(record.orders_seen()).values()) == 1
    assert len(record.orders) == len(client_order_ids)
    theirs = Counter(row["state"] for row in record.orders.values())
    ours = Counter(desk.state(each).lower() for each in client_order_ids)
    assert ours == theirs
    # A comparison in the middle of a fill may have named it; the next one does not.
    desk.gateway.wait(lambda: venue_row(desk)["breaks"] == [])


@pytest.mark.parametrize("desk", ["inline", "pinned"], indirect=True)
def test_a_killed_adapter_process_in_the_middle_of_an_order(desk: Desk) -> None:
    first = child_of(desk)
    assert first != desk.gateway.pid
    assert desk.submit("resting")[0] == 201
    desk.wait_state("resting", "NEW")
    desk.venue.fault("ack_drop", "submit", 1)
    assert desk.submit("lost")[0] == 201
    desk.gateway.wait(lambda: len(read_record(desk.venue.record_path).orders) == 2)
    os.kill(first, signal.SIGKILL)
    row = wait_relaunched(desk, first)
    assert row["process"]["launches"] == 2
    desk.wait_state("lost", "NEW")
    desk.wait_state("resting", "NEW")
    assert desk.submit("after", price="50001")[0] == 201
    desk.wait_state("after", "FILLED")
    judge(desk, "resting", "lost", "after")


def test_an_adapter_process_that_hangs_is_ended_and_its_order_is_settled(
    closed_desk: Callable[..., Desk],
) -> None:
    desk = closed_desk(venue=IMPATIENT)
    desk.open()
    first = child_of(desk)
    os.kill(first, signal.SIGSTOP)
    assert desk.submit("held")[0] == 201
    assert desk.gateway.get("/v1/status")["live"], "the daemon itself goes on"
    wait_relaunched(desk, first)
    # It never reached the venue: that is proved once the acceptance window is over.
    desk.wait_state("held", "CANCELED")
    assert desk.submit("next")[0] == 201
    desk.wait_state("next", "NEW")
    record = read_record(desk.venue.record_path)
    assert len(record.orders) == 1


@pytest.mark.parametrize("desk", ["pinned"], indirect=True)
def test_a_hand_over_keeps_every_order_and_loses_no_fill(desk: Desk) -> None:
    first = child_of(desk)
    for number in range(3):
        assert desk.submit(f"k{number}", price=f"4900{number}")[0] == 201
        desk.wait_state(f"k{number}", "NEW")
    status, answer = desk.gateway.ask("POST", "/v1/venues/paper/restart-adapter", key="cli")
    assert (status, answer) == (200, {"venue": "paper", "breaks": []})
    row = wait_relaunched(desk, first)
    assert (row["process"]["launches"], row["process"]["last_end"]) == (2, "handed over")
    assert desk.gateway.ask("DELETE", f"/v1/orders/{desk.order('k0')['order_id']}")[0] == 202
    desk.wait_state("k0", "CANCELED")
    assert desk.submit("k3", price="50001")[0] == 201
    desk.wait_state("k3", "FILLED")
    judge(desk, "k0", "k1", "k2", "k3")
    assert venue_row(desk)["counters"].get("unknown_outcomes", 0) == 0


def test_an_adapter_process_ends_with_a_killed_daemon(closed_desk: Callable[..., Desk]) -> None:
    desk = closed_desk(venue=ISOLATED)
    desk.open()
    child = child_of(desk)
    assert desk.submit("a")[0] == 201
    desk.gateway.kill()
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    desk.open()
    desk.wait_state("a", "NEW", "CANCELED")
    assert desk.gateway.stop() == 0


def test_no_secret_is_in_the_arguments_or_the_environment_of_the_process(
    closed_desk: Callable[..., Desk],
) -> None:
    desk = closed_desk(venue=ISOLATED)
    for name in ("key", "secret"):
        (desk.gateway.root / f"paper.{name}").write_text({"key": "k", "secret": "s"}[name])
    desk.open()
    child = Path(f"/proc/{child_of(desk)}")
    names = {each.partition(b"=")[0] for each in (child / "environ").read_bytes().split(b"\0")}
    assert not {name for name in names if name.startswith((b"GATEWAY", b"CRED", b"NOTIFY"))}
    arguments = (child / "cmdline").read_bytes().split(b"\0")
    assert arguments[1:3] == [b"-m", b"gateway.venues.isolated.child"]
    assert all(each.isdigit() for each in arguments[3:5])
    assert desk.gateway.stop() == 0


def test_an_adapter_that_its_process_cannot_build_stops_the_start_by_name(
    closed_desk: Callable[..., Desk],
) -> None:
    desk = closed_desk(venue=ISOLATED | {"settings": {"url": "ftp://nowhere"}})
    ended = subprocess.run(
        desk.gateway.command, capture_output=True, timeout=120, check=False, text=True
    )
    assert ended.returncode == 4
    assert "BAD_CONFIG venues.paper.settings=paper" in ended.stderr
    assert "url: an http(s) address is needed" in ended.stderr
