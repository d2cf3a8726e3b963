"""The risk watch as a desk runs it: a real venue, a real gateway, the watch as a process with a
key. The mark walks from safe to liquidation and back, people and kills interfere, and what the gate
does is read from its own API and journal."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from flat_margin import flat_margin
from processes import WAIT_SECONDS_MAX, call
from standing_desk import Desk

from gateway.journal import reader

pytestmark = [pytest.mark.crash, pytest.mark.timeout(900)]

Row = dict[str, Any]
NAME = "BTC-USDT-PERP.paper"
POLICY = """
actor = "night-desk"
interval_ms = {interval_ms}
mark_age_ms_max = 20000
tell_again_seconds = 5
"""
# Long 100 at 50,001, a balance of a million: maintenance 5 P, equity 1,000,000 + 100 (P - 50,001).
# The mark of the venue is one above the price.
SAFE, WARNED, CALLED, LIQUIDATED = "50000", "42800", "42400", "42000"
STATES = {SAFE: "ok", WARNED: "warning", CALLED: "call", LIQUIDATED: "liquidation"}


class WatchedDesk(Desk):
    """A desk whose account is on margin, with a watch beside it that may be killed."""

    def __init__(self, directory: Path, **change: Any) -> None:
        super().__init__(directory, **change)
        self.folder = directory
        self.watch: subprocess.Popen[bytes] | None = None
        flat_margin(directory / "margin.toml", NAME)
        self.set_interval(200)

    def set_interval(self, interval_ms: int, more: str = "") -> None:
        text = POLICY.format(interval_ms=interval_ms) + more
        (self.folder / "policy.toml").write_text(text)

    def quote(self) -> None:
        self.price(SAFE)

    def price(self, price: str) -> None:
        """The market is one below and one above, thousand deep."""
        self.told_price = int(price)
        levels = [["buy", str(int(price) - 1), "1000"], ["sell", str(int(price) + 1), "1000"]]
        body = {"instrument": "BTCUSDT", "is_cleared": True, "levels": levels}
        self.venue.admin("market", body)

    def words(self, key: str = "risk_watch") -> list[str]:
        gateway = self.gateway
        return [
            sys.executable, "-m", "gateway", "risk-watch", str(gateway.directory),
            "--ring-directory", str(gateway.ring_directory),
            "--brackets", str(self.folder / "margin.toml"),
            "--policy", str(self.folder / "policy.toml"),
            "--config", str(gateway.config), "--act",
            "--key-file", str(gateway.directory / f"{key}.key"),
        ]  # fmt: skip

    def start_watch(self) -> None:
        with (self.folder / "watch.txt").open("ab") as said:
            self.watch = subprocess.Popen(self.words(), stdout=said, stderr=said)

    def said(self) -> str:
        return (self.folder / "watch.txt").read_text()

    def kill_watch(self) -> None:
        if self.watch is not None:
            self.watch.kill()
            self.watch.wait(WAIT_SECONDS_MAX)
            self.watch = None

    def doing(self) -> Row:
        """What the watch says of itself; {} before its first turn."""
        for path in self.gateway.ring_directory.glob("risk_watch.????????.json"):
            found: Row = json.loads(path.read_text())
            return found
        return {}

    def wait(self, is_reached: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while not (said := is_reached()):
            assert time.monotonic() < deadline, (what, self.doing(), self.said()[-2000:])
            assert self.watch is None or self.watch.poll() is None, self.said()[-2000:]
            time.sleep(0.02)
        return said

    def is_price_shown(self) -> bool:
        """The gateway shows the price of now to other processes, which it does once a second."""
        try:
            shown = json.loads((self.gateway.ring_directory / "marks.json").read_text())
        except FileNotFoundError:
            return False
        return NAME in shown and abs(float(shown[NAME]["mark"]) - self.told_price) <= 1

    def wait_looks(self, count: int) -> None:
        """So many whole looks from now on, at prices that are told now. It has to look often."""
        self.wait(self.is_price_shown, "the price in the gateway's file")
        pid = self.watch.pid if self.watch else 0
        at = self.doing()
        first = at["looks"] if at.get("pid") == pid else 0
        self.wait(
            lambda: self.doing().get("pid") == pid and self.doing()["looks"] >= first + count + 1,
            "looks",
        )
        assert not self.doing()["is_failing"], self.said()[-2000:]

    def account(self) -> Row:
        """Its trading state; {} before anybody set one."""
        rows = self.gateway.get("/v1/trading-states")["trading_states"]
        return next((row for row in rows if row["level"] == "account"), {})

    def wait_account(self, state: str) -> Row:
        self.wait(lambda: self.account().get("state") == state, f"account {state}")
        return self.account()

    def told(self, level: str, name: str) -> Row:
        rows = self.gateway.get("/v1/limits")["limits"]
        return next(row for row in rows if (row["level"], row["name"]) == (level, name))

    def refusal(self, client_order_id: str, **change: Any) -> str:
        status, answer = self.submit(client_order_id, price="30000", **change)
        assert status in (201, 422), answer
        return "" if status == 201 else str(answer["error"]["code"])

    def enable(self) -> None:
        body = {"level": "account", "name": "main", "actor": "anna", "reason": "I know"}
        status, answer = self.gateway.ask("POST", "/v1/enable", body, key="cli")
        assert status == 200, answer

    def records(self) -> list[Row]:
        place = str(self.gateway.ring_directory)
        return list(reader.decoded(self.gateway.directory, ring_directory=place))

    def notes(self) -> list[str]:
        """Subjects of what the watch noted, in order; that its key logged in is none of its."""
        return [
            each["subject"] for each in self.records()
            if each["kind"] == "operation_noted" and each["operation_actor"] == "night-desk"
            and not each["subject"].startswith("key ")
        ]  # fmt: skip

    def close(self) -> None:
        self.kill_watch()
        super().close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[WatchedDesk]:
    """Open, long 100."""
    made = WatchedDesk(tmp_path)
    try:
        made.open()
        assert made.submit("first", quantity="100", price="50001")[0] == 201
        made.wait_state("first", "FILLED")
        yield made
    finally:
        made.close()


def test_an_account_passes_from_safe_to_liquidation_and_back(desk: WatchedDesk) -> None:
    desk.start_watch()
    desk.wait(lambda: float(desk.told("account", "main")["margin_headroom"] or 0), "headroom")
    headroom = float(desk.told("account", "main")["margin_headroom"])
    coins = 50 * 50_000 + 500 * 2_000  # at the rates of the gateway's configuration
    assert headroom == pytest.approx(1_000_000 - 500_010 + coins, abs=5_000)  # fees, and the mark
    desk.wait(lambda: desk.told("instrument", NAME)["delta"], "greeks of one unit")
    assert float(desk.told("instrument", NAME)["delta"]) == pytest.approx(50_001, abs=5)
    assert (desk.account().get("state", "active"), desk.refusal("safe")) == ("active", "")

    desk.price(WARNED)
    desk.wait(lambda: "margin main USDT ok to warning" in desk.notes(), "a warning")
    assert desk.account().get("state", "active") == "active"

    desk.price(CALLED)
    row = desk.wait_account("reducing")
    assert (row["actor"], row["reason"].split()[:3]) == ("night-desk", ["margin", "USDT", "call"])
    assert desk.refusal("opens") == "REDUCE_ONLY_STATE"
    sell = {"side": "sell", "quantity": "1", "price": "42399", "reduce_only": True}
    assert desk.submit("reduces", **sell)[0] == 201
    desk.wait_state("reduces", "FILLED")

    desk.price(LIQUIDATED)
    desk.wait(lambda: "margin main USDT call to liquidation" in desk.notes(), "a liquidation")
    assert desk.doing()["reduced"] == ["account:main"]

    desk.price(SAFE)
    row = desk.wait_account("active")
    assert row["actor"] == "night-desk"
    assert desk.refusal("opens-again") == ""
    desk.wait_looks(2)
    assert desk.doing()["reduced"] == [] and desk.doing()["lag_records"] is not None
    assert desk.watch is not None
    desk.watch.terminate()
    assert desk.watch.wait(WAIT_SECONDS_MAX) == 0, desk.said()
    assert desk.doing() == {}, "an ordered end leaves no status"
    assert (desk.notes()[0], desk.notes()[-1]) == ("night-desk begins", "night-desk ends")
    records = [each for each in desk.records() if each["kind"] == "trading_state_set"]
    ours = [each["state"] for each in records if each["state_actor"] == "night-desk"]
    assert len(ours) == 2, "reduced once and lifted once"


def test_who_enables_is_respected_through_kills_until_it_gets_worse(desk: WatchedDesk) -> None:
    desk.start_watch()
    desk.price(CALLED)
    desk.wait_account("reducing")
    desk.wait_looks(2)
    desk.enable()
    assert desk.account()["state"] == "active"
    desk.wait_looks(3)
    assert desk.account()["state"] == "active"
    for _ in range(2):
        desk.kill_watch()
        desk.start_watch()
        desk.wait_looks(3)
        assert (desk.account()["state"], desk.account()["actor"]) == ("active", "anna")
    desk.price(LIQUIDATED)
    assert desk.wait_account("reducing")["reason"].split()[2] == "liquidation"


def test_the_gateway_is_killed_and_the_watch_goes_on_by_itself(desk: WatchedDesk) -> None:
    desk.start_watch()
    desk.price(CALLED)
    desk.wait_account("reducing")
    desk.wait_looks(1)
    assert desk.watch is not None
    pid = desk.watch.pid
    desk.gateway.kill()
    # What it would tell is due every five seconds, and then there is nobody.
    desk.wait(lambda: desk.doing()["is_failing"], "a failure that is told")
    for _ in range(2):
        desk.gateway.start()
        desk.gateway.wait_up()
        desk.gateway.wait_trading()
        desk.wait_account("reducing")
        desk.price(SAFE)
        desk.wait_account("active")
        desk.price(CALLED)
        desk.wait_account("reducing")
        desk.gateway.kill()
    assert desk.watch.poll() is None and desk.watch.pid == pid
    assert desk.said().count("NOT_RUNNING") <= 6, "told once a minute, not at every look"


def test_killed_while_the_gateway_is_down_it_lifts_what_it_had_reduced(desk: WatchedDesk) -> None:
    desk.start_watch()
    desk.price(CALLED)
    desk.wait_account("reducing")
    desk.kill_watch()
    desk.gateway.kill()
    refused = subprocess.run(desk.words(), capture_output=True, timeout=300, check=False)
    assert (refused.returncode, refused.stderr.count(b"\n")) == (3, 2), refused.stderr
    desk.gateway.start()
    desk.gateway.wait_up()
    desk.gateway.wait_trading()
    desk.start_watch()
    desk.price(SAFE)
    desk.wait_account("active")


def test_a_key_without_the_scope_ends_it_with_one_clear_error(desk: WatchedDesk) -> None:
    done = subprocess.run(desk.words("demo"), capture_output=True, timeout=300, check=False)
    assert done.returncode == 4, done.stderr
    text = done.stderr.decode()
    assert text.startswith("NOT_PERMITTED") and "scope risk or admin" in text
    assert text.count("\n") == 2, "the error and its hint"


def test_its_own_scope_is_enough_and_an_admin_key_still_works(desk: WatchedDesk) -> None:
    for key in ("risk_watch", "cli"):
        words = [*desk.words(key), "--count", "1"]
        done = subprocess.run(words, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    token = (desk.gateway.directory / "risk_watch.key").read_text().strip()
    body = {"level": "account", "name": "main", "actor": "night-desk", "reason": "no"}
    for path in ("/v1/enable", "/v1/kill"):
        answer = call(desk.gateway.url, "POST", path, body, {"Authorization": f"Bearer {token}"})
        assert (answer[0], answer[1]["error"]["code"]) == (403, "NOT_PERMITTED")


def test_another_actor_than_the_principal_of_its_key_ends_it(desk: WatchedDesk) -> None:
    policy = desk.folder / "policy.toml"
    policy.write_text(policy.read_text().replace("night-desk", "anna"))
    done = subprocess.run(desk.words(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 4, done.stderr
    assert b"acts as its principal night-desk" in done.stderr


def test_a_journal_directory_that_does_not_exist_is_a_usage_error(desk: WatchedDesk) -> None:
    words = [each.replace(str(desk.gateway.directory), "/nowhere") for each in desk.words()]
    done = subprocess.run(words, capture_output=True, timeout=300, check=False)
    assert done.returncode == 2 and b"/nowhere" in done.stderr


def test_a_second_watch_with_the_same_memory_is_refused(desk: WatchedDesk) -> None:
    desk.start_watch()
    desk.wait_looks(1)
    done = subprocess.run(desk.words(), capture_output=True, timeout=300, check=False)
    assert (done.returncode, done.stderr.split(b":")[0]) == (4, b"WATCH_BUSY"), done.stderr
    other = [*desk.words(), "--memory", str(desk.folder / "other.json"), "--count", "1"]
    done = subprocess.run(other, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    desk.kill_watch()  # the lock falls with its holder
    desk.start_watch()
    desk.wait_looks(1)


def test_headroom_follows_a_fill_and_not_the_interval(
    desk: WatchedDesk, figures: list[str]
) -> None:
    desk.set_interval(60_000, 'tell_change = "0.000001"')
    desk.start_watch()
    desk.wait(lambda: float(desk.told("account", "main")["margin_headroom"] or 0), "headroom")
    for number in range(10):
        before = desk.told("account", "main")["margin_headroom"]
        desk.submit(f"more{number}", quantity="1", price="50001")
        desk.wait_state(f"more{number}", "FILLED")
        desk.wait(
            lambda before=before: desk.told("account", "main")["margin_headroom"] != before,
            "another headroom",
        )
    delays_ms, fill_ns = [], 0
    for record in desk.records():
        if record["kind"] == "order_filled":
            fill_ns = fill_ns or record["time_ns"]
        elif record["kind"] == "risk_measured" and record["margin_headroom_e4"] and fill_ns:
            delays_ms.append((record["time_ns"] - fill_ns) / 1e6)
            fill_ns = 0
    assert len(delays_ms) >= 10
    assert max(delays_ms[1:]) < 10_000, "far below the interval"
    told = f"median {median(delays_ms[1:]):.0f} ms, worst {max(delays_ms[1:]):.0f} ms"
    figures.append(f"risk watch: headroom told behind {len(delays_ms) - 1} fills: {told}")


def test_it_stops_in_order_in_the_middle_of_its_wait(desk: WatchedDesk) -> None:
    desk.set_interval(60_000)
    desk.start_watch()
    desk.wait(lambda: float(desk.told("account", "main")["margin_headroom"] or 0), "headroom")
    desk.wait(lambda: desk.told("instrument", NAME)["delta"], "greeks of one unit")
    assert desk.watch is not None
    began = time.monotonic()
    desk.watch.send_signal(signal.SIGINT)
    assert desk.watch.wait(WAIT_SECONDS_MAX) == 0
    assert time.monotonic() - began < 30, "far below the interval"
    memory = json.loads((desk.gateway.directory / "risk_watch.json").read_text())
    assert memory["memory"]["told"].keys() == {"account:main", f"instrument:{NAME}"}
