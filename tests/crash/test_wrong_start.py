"""Starts that a person has to hear of: the clock was days ahead, or a hole in the journal has
valid records behind it. Whole daemons, killed with -9."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from standing_desk import Desk

from gateway.journal import reader

COMPILER = which("cc") or which("gcc") or which("clang")
pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]
TEN_DAYS_S = 864_000
PAGE_BYTES = 4096


def errors(desk: Desk) -> list[str]:
    rows = map(json.loads, desk.gateway.log_path.read_text().splitlines())
    return [str(row) for row in rows if row["level"] == "error"]


def finding(desk: Desk, name: str) -> Any:
    command = [sys.executable, "-m", "gateway", "doctor", str(desk.gateway.config), "--json"]
    told = subprocess.run(command, capture_output=True, timeout=300, check=False).stdout
    (row,) = (row for row in json.loads(told)["findings"] if row["name"] == name)
    return row


def last_order(directory: Path, raw: bytes) -> int:
    """Where the newest order_new lies in the first and only segment."""
    rows = reader.decoded(directory)
    at, found = PAGE_BYTES, 0
    for row in rows:
        found = at if row["kind"] == "order_new" else found
        at += int.from_bytes(raw[at : at + 4], "little")
    return found


@pytest.mark.skipif(COMPILER is None, reason="no C compiler for the preloaded clock_gettime")
def test_after_a_start_with_the_clock_ahead_time_runs_and_it_is_told(
    closed_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    library = tmp_path / "ahead_clock.so"
    source = Path(__file__).with_name("ahead_clock.c")
    build = [str(COMPILER), "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(build, check=True, timeout=300)
    desk = closed_desk()
    desk.gateway.limits |= {"orders_per_second": 5, "order_burst": 2}
    desk.gateway.write_config()
    wrong = {**os.environ, "LD_PRELOAD": str(library), "CLOCK_AHEAD_S": str(TEN_DAYS_S)}
    desk.gateway.start(env=wrong)
    desk.gateway.wait_up()
    assert desk.status()["clock_ahead_ns"] == 0
    desk.gateway.kill()
    assert finding(desk, "journal time")["level"] == "fail"
    desk.open()
    ahead_s = desk.status()["clock_ahead_ns"] / 1e9
    assert TEN_DAYS_S - 600 < ahead_s <= TEN_DAYS_S
    assert [text for text in errors(desk) if f"{ahead_s:.3f} s ahead of the clock" in text]
    counters = json.loads((desk.gateway.ring_directory / "counters.json").read_text())
    assert counters["clock_ahead_ns"] == desk.status()["clock_ahead_ns"]
    row = finding(desk, "journal time")
    assert (row["level"], " s ahead of the clock" in row["text"]) == ("fail", True)
    for number in range(5):  # far beyond the burst: the rate limit refills
        desk.gateway.wait(lambda name=f"o{number}": desk.submit(name)[0] == 201)
    desk.gateway.wait(lambda: desk.submit("taken", price="50001")[0] == 201)
    desk.wait_state("taken", "FILLED")
    assert not desk.status()["venues"][0]["breaks"]


def test_a_hole_with_valid_records_behind_it_halts_until_a_person_enables(
    closed_desk: Callable[..., Desk],
) -> None:
    desk = closed_desk()
    desk.open()
    for name in ("a", "b", "c"):
        assert desk.submit(name)[0] == 201
        desk.wait_state(name, "NEW")
    desk.gateway.wait(
        lambda: desk.status()["counters"]["synced_sequence"] >= desk.status()["sequence"]
    )
    desk.gateway.kill()
    shutil.rmtree(desk.gateway.ring_directory)
    segment = max(desk.gateway.directory.glob("segment-*.journal"))
    raw = bytearray(segment.read_bytes())
    raw[last_order(segment.parent, raw) + 70] ^= 1
    segment.write_bytes(raw)
    code = desk.gateway
    command = [sys.executable, "-m", "gateway", "verify", str(code.directory), "--json"]
    told = subprocess.run(command, capture_output=True, timeout=300, check=False).stdout
    assert "valid records behind it" in str(json.loads(told)["faults"])
    desk.open()
    assert segment.with_suffix(".cut").exists()
    (text,) = (text for text in errors(desk) if "halted until a named person" in text)
    assert segment.with_suffix(".cut").name in text
    status, answer = desk.submit("d")
    assert (status, answer["error"]["code"]) == (422, "LATCHED")
    body = {"level": "firm", "actor": "anna", "reason": "compared with the venue"}
    assert desk.gateway.ask("POST", "/v1/enable", body, key="cli")[0] == 200
    assert desk.submit("e")[0] == 201
