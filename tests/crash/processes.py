"""The real daemon and the real venue as processes that may be killed at any instant. Every process
ends by its own pid, and the ring directory in shared memory goes with it."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# What a loaded machine may take; every wait ends as soon as its fact is there.
START_SECONDS_MAX = 300.0
WAIT_SECONDS_MAX = 300.0
ADMIN_KEY = "admin-of-the-test"
INSTRUMENTS = (
    {"symbol": "BTCUSDT", "name": "BTC-USDT-PERP", "kind": "linear", "base": "BTC",
     "quote": "USDT", "settle": "USDT", "tick": "0.1", "lot": "0.001", "start_price": "50000"},
    {"symbol": "BTCUSD", "name": "BTC-USD-PERP", "kind": "inverse", "base": "BTC",
     "quote": "USD", "settle": "BTC", "tick": "0.5", "lot": "1", "multiplier": "10",
     "start_price": "50000", "level_quantity": "50"},
    {"symbol": "XBTQ", "name": "XBT-Q", "kind": "quanto", "base": "ETH", "quote": "USD",
     "settle": "BTC", "tick": "0.05", "lot": "1", "multiplier": "0.000001",
     "maker_rate": "-0.00025", "start_price": "2000", "level_quantity": "100"},
    {"symbol": "ETHSPOT", "name": "ETH-USDT", "kind": "spot", "base": "ETH", "quote": "USDT",
     "settle": "USDT", "tick": "0.01", "lot": "0.0001", "fee_currency": "base_on_buy",
     "start_price": "2000", "level_quantity": "20"},
)  # fmt: skip
WIDE_LIMITS: Mapping[str, str | int] = {
    "order_quantity_max": "100000", "order_notional_max": "100000000",
    "position_long_max": "1000000", "position_short_max": "1000000",
    "gross_exposure_max": "1000000000", "net_exposure_max": "1000000000",
    "credit_max": "1000000000", "collar_bps": 5000, "reference_age_ms_max": 10000,
    "orders_per_second": 100000, "order_burst": 100000, "cancels_per_second": 100000,
    "cancel_burst": 100000, "open_orders_side_max": 20000, "duplicate_window_ms": 0,
}  # fmt: skip


def toml(value: Any) -> str:
    """A value as TOML; JSON text is TOML for all we write, tables apart."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


def lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {toml(value)}\n" for key, value in table.items())


class VenueProcess:
    """The paper venue; after a kill it comes back on the same port."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.record_path = directory / "record.jsonl"
        self.port = 0
        self._config = directory / "paper.toml"
        self._process: subprocess.Popen[bytes] | None = None
        head = {"record": "record.jsonl", "admin_key": ADMIN_KEY, "market": "generator"} | settings
        text = lines(head) + '[[accounts]]\nname = "main"\n'
        text += 'balances = { USDT = "1000000", BTC = "50", ETH = "500" }\n'
        text += '[[keys]]\nkey = "k"\nsecret = "s"\n'
        if head["market"] != "recorded":
            text += "".join("[[instruments]]\n" + lines(each) for each in INSTRUMENTS)
        self._config.write_text(text)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        assert self._process is None
        command = [sys.executable, "-m", "gateway_paper", "--config", str(self._config)]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS_MAX)
        assert ready, "the venue did not come up"
        self.port = json.loads(self._process.stdout.readline())["port"]

    def kill(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(WAIT_SECONDS_MAX)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def admin(self, path: str, body: Mapping[str, Any]) -> Any:
        """One call of the venue's own administration, e.g. to arm a fault."""
        headers = {"X-Paper-Admin": ADMIN_KEY}
        status, answer = call(self.url, "POST", f"/v1/admin/{path}", body, headers)
        assert status == 200, answer
        return answer

    def fault(self, name: str, operation: str, count: int | None = None) -> None:
        self.admin("faults", {"fault": name, "operation": operation, "count": count})


class GatewayProcess:
    """`gateway run` on its own directories. `url` is empty while it does not answer."""

    def __init__(self, directory: Path, venue_url: str, **change: Any) -> None:
        self.root = directory
        self.directory = directory / "var"
        self.ring_directory = (
            Path("/dev/shm") / f"gateway-test-{os.getpid()}-{secrets.token_hex(4)}"
        )
        self.config = directory / "gateway.toml"
        self.log_path = directory / "gateway.log"
        self.limits: dict[str, str | int] = dict(WIDE_LIMITS)
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0  # monotonic time of the last start
        self._venue_url = venue_url
        self.change: dict[str, Any] = {"strategies": ["s"], "durability": "process"} | change
        for name, secret in (("paper.key", "k"), ("paper.secret", "s")):
            (directory / name).write_text(secret)
            (directory / name).chmod(0o600)
        self.write_config()

    def write_config(self) -> None:
        """Both files as the settings stand now."""
        change = self.change
        head = {
            "directory": str(self.directory),
            "ring_directory": str(self.ring_directory),
            "drive": change.get("drive", "inline"),
            "shutdown_orders": change.get("shutdown_orders", "keep"),
        }
        everything = {"accounts": "all", "strategies": "all", "instruments": "all"}
        venue = {"url": self._venue_url, "timeout_ms": change.get("timeout_ms", 1000)}
        rates = {"USD": "1", "USDT": "1", "BTC": "50000", "ETH": "2000"} | change.get("rates", {})
        tables: dict[str, Mapping[str, Any]] = {
            "gateway": head,
            "journal": {"segment_mib": 1, "ring_mib": 1} | change.get("journal", {}),
            "api": {"port": 0},
            "log": {"file": str(self.log_path), "level": change.get("log_level", "info")},
            "venues.paper": {
                "adapter": "paper",
                "settings": venue,
                "secrets": {"key": "paper.key", "secret": "paper.secret"},
            }
            | change.get("venue", {}),
            "accounts.main": {"venue": "paper", "durability": change["durability"]},
            "principals.trader": {"scopes": ["read", "trade", "cancel"]} | everything,
            "principals.operator": {"scopes": ["read", "cancel", "admin"]} | everything,
            "principals.night-desk": {"scopes": ["read", "risk"]} | everything,
            "currencies": rates,
        } | {f"strategies.{name}": {} for name in change["strategies"]}
        text = "".join(f"[{name}]\n{lines(table)}" for name, table in tables.items())
        self.config.write_text(text)
        levels = ("instrument.default", "strategy.default", "account.default", "venue.default")
        self.config.with_name("limits.toml").write_text(
            "".join(f"[{level}]\n{lines(self.limits)}" for level in (*levels, "firm"))
        )

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "gateway", "run", str(self.config)]

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, **popen: Any) -> None:
        """Begin starting; `look` tells when it answers."""
        assert self.process is None
        self.started = time.monotonic()
        with (self.root / "stderr.txt").open("ab") as errors:
            self.process = subprocess.Popen(self.command, stderr=errors, **popen)

    def look(self) -> str:
        """The address when this very process answers, else ""."""
        if not self.url and self.process is not None:
            assert self.process.poll() is None, self.complaint()
            try:
                run = json.loads((self.ring_directory / "run.json").read_text())
            except (OSError, ValueError):
                return ""
            if run["pid"] == self.process.pid:
                self.url = run["api"]
        return self.url

    def wait_up(self) -> float:
        """Wait for the first answer; seconds since the start."""
        deadline = self.started + START_SECONDS_MAX
        while not self.look():
            assert time.monotonic() < deadline, self.complaint()
            time.sleep(0.002)
        status, _ = call(self.url, "GET", "/v1/health/live")
        assert status == 200
        return time.monotonic() - self.started

    def complaint(self) -> str:
        """What the daemon last said, for a failing test."""
        said = (self.root / "stderr.txt").read_text()[-2000:]
        log = self.log_path.read_text()[-2000:] if self.log_path.exists() else ""
        return f"the daemon does not run:\n{said}\n{log}"

    def kill(self) -> None:
        """SIGKILL, whatever it is doing."""
        self.url = ""
        if self.process is not None:
            self.process.kill()
            self.process.wait(WAIT_SECONDS_MAX)
            self.process = None

    def stop(self, seconds_max: float = WAIT_SECONDS_MAX) -> int:
        """SIGTERM and the exit code."""
        assert self.process is not None
        self.url = ""
        self.process.terminate()
        code = self.process.wait(seconds_max)
        self.process = None
        return code

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.ring_directory, ignore_errors=True)

    def key(self, name: str = "demo") -> str:
        return (self.directory / f"{name}.key").read_text().strip()

    def ask(self, method: str, path: str, body: Any = None, key: str = "demo") -> tuple[int, Any]:
        """One REST call with the trader's (demo) or the operator's (cli) key."""
        return call(self.url, method, path, body, {"Authorization": f"Bearer {self.key(key)}"})

    def get(self, path: str) -> Any:
        status, answer = self.ask("GET", path)
        assert status == 200, answer
        return answer

    def wait(self, is_reached: Any, seconds_max: float = WAIT_SECONDS_MAX) -> Any:
        """Poll until `is_reached()` is true; returns what it said."""
        deadline = time.monotonic() + seconds_max
        while not (said := is_reached()):
            assert time.monotonic() < deadline, (self.get("/v1/status"), self.complaint())
            time.sleep(0.02)
        return said

    def wait_trading(self, seconds_max: float = WAIT_SECONDS_MAX) -> None:
        """Reconciled, so new orders flow where nothing is halted."""

        def is_reconciled() -> bool:
            status = self.get("/v1/status")
            return bool(status["ready"] and all(each["reconciled"] for each in status["venues"]))

        self.wait(is_reconciled, seconds_max)


def call(
    url: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    """One JSON request: (status, document)."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url + path, data, {"Content-Type": "application/json", **(headers or {})}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS_MAX) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
