"""The disk of a whole daemon stops answering, for as long as the test wants: each durability level
does what it promises, and goes on when the disk is back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from processes import GatewayProcess
from standing_desk import Desk

COMPILER = which("cc") or which("gcc") or which("clang")
pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(600),
    pytest.mark.skipif(COMPILER is None, reason="no C compiler for the preloaded fdatasync"),
]


class HeldGateway(GatewayProcess):
    """Its fdatasync waits while `held` exists."""

    def __init__(self, library: Path, held: Path, *arguments: Any, **change: Any) -> None:
        super().__init__(*arguments, **change)
        self._environment = {**os.environ, "LD_PRELOAD": str(library), "HELD_SYNC": str(held)}

    def start(self, **popen: Any) -> None:
        super().start(env=self._environment, **popen)


class HeldDesk(Desk):
    def __init__(self, directory: Path, durability: str, window_ms: int) -> None:
        super().__init__(directory)
        library = directory / "held_sync.so"
        source = Path(__file__).with_name("held_sync.c")
        assert COMPILER is not None
        subprocess.run(
            [COMPILER, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"],
            check=True, timeout=300,
        )  # fmt: skip
        self.held = directory / "held"
        self.gateway = HeldGateway(
            library, self.held, directory, self.venue.url, timeout_ms=2000,
            durability=durability, journal={"disk_async_window_ms": window_ms},
        )  # fmt: skip

    def is_stored(self) -> bool:
        status = self.status()
        return bool(status["counters"]["synced_sequence"] >= status["sequence"])

    def close(self) -> None:
        self.held.unlink(missing_ok=True)
        super().close()


@pytest.fixture
def open_desk(tmp_path: Path) -> Iterator[Any]:
    made: list[HeldDesk] = []

    def make(durability: str, window_ms: int = 2000) -> HeldDesk:
        made.append(HeldDesk(tmp_path, durability, window_ms))
        made[-1].open()
        return made[-1]

    yield make
    for desk in made:
        desk.close()


def test_a_disk_async_account_trades_within_the_window_and_is_refused_beyond_it(
    open_desk: Any,
) -> None:
    desk: HeldDesk = open_desk("disk_async")
    desk.gateway.wait(desk.is_stored)
    assert desk.submit("before")[0] == 201
    desk.wait_state("before", "NEW")  # the venue heard of it without waiting for any disk
    desk.held.touch()
    numbers = iter(range(100_000))
    answers: list[tuple[int, Any]] = []

    def is_refused() -> bool:
        answers.append(desk.submit(f"o{next(numbers)}", price=f"{48000 + len(answers) % 900}"))
        return answers[-1][0] != 201

    desk.gateway.wait(is_refused)
    status, answer = answers[-1]
    assert (status, answer["error"]["code"]) == (503, "JOURNAL_BEHIND")
    # What was taken within the window went to the venue; cancels still do.
    order_id = desk.order("before")["order_id"]
    assert desk.gateway.ask("DELETE", f"/v1/orders/{order_id}")[0] == 202
    desk.wait_state("before", "CANCELED")
    assert not desk.is_stored()
    desk.held.unlink()
    desk.gateway.wait(desk.is_stored)
    assert desk.submit("after")[0] == 201
    desk.wait_state("after", "NEW")
    assert desk.gateway.stop() == 0


def test_a_disk_account_s_order_reaches_the_venue_only_after_the_disk(open_desk: Any) -> None:
    desk: HeldDesk = open_desk("disk")
    desk.gateway.wait(desk.is_stored)
    desk.held.touch()
    status, answer = desk.submit("a")
    assert (status, answer["order"]["state"]) == (201, "PENDING_NEW")
    assert desk.submit("b")[0] == 201
    order_id = desk.order("b")["order_id"]
    assert desk.gateway.ask("DELETE", f"/v1/orders/{order_id}")[0] == 202
    assert desk.order("b")["state"] == "CANCELED"  # it was never sent
    desk.held.unlink()
    desk.wait_state("a", "NEW")
    assert desk.order("b")["venue_order_id"] == ""
    assert desk.gateway.stop() == 0
