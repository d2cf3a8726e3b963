"""The real programs of one gateway as child processes: paper venue, daemon, observer. Talks to
127.0.0.1 only, on ports of the kernel's choice, and ends by pid what it started."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

READY_SECONDS_MAX = 300  # on a loaded machine; a wait ends as soon as its fact is there

VENUE = """
record = "venue_record.jsonl"
market = "generator"
seed = 1
step_ms = 50
mark_interval_ms = 50
[[accounts]]
name = "main"
balances = { USDT = "1000000" }
[[keys]]
key = "venue-key"
secret = "venue-secret"
[[instruments]]
symbol = "BTCUSDT"
name = "BTC-USDT"
kind = "linear"
base = "BTC"
quote = "USDT"
settle = "USDT"
tick = "0.1"
lot = "0.001"
start_price = "50000"
level_quantity = "20"
"""

GATEWAY = """
[gateway]
directory = "journal"
ring_directory = "{ring}"
limits_file = "limits.toml"
drive = "{drive}"
[journal]
ring_mib = {ring_mib}
segment_mib = 1
[api]
port = 0
requests_per_second = 10000
request_burst = 10000
[observer]
port = 0
[venues.{venue}]
adapter = "{adapter}"
isolation = "in_process"
settings = {settings}
secrets = {secrets}
[accounts.main]
venue = "{venue}"
[strategies.alpha]
[principals.desk]
scopes = ["read", "trade", "cancel"]
[principals.operator]
scopes = ["read", "cancel", "admin"]
[currencies]
USDT = "1"
"""

LIMIT_FIELDS = """
order_quantity_max = "100"
order_notional_max = "1000000"
position_long_max = "5000"
position_short_max = "5000"
gross_exposure_max = "5000000"
net_exposure_max = "5000000"
credit_max = "5000000"
collar_bps = 500
reference_age_ms_max = 60000
orders_per_second = 10000
order_burst = 10000
cancels_per_second = 10000
cancel_burst = 10000
open_orders_side_max = 2000
duplicate_window_ms = 0
"""
LEVELS = ("instrument.default", "strategy.default", "account.default", "venue.default", "firm")


def until(probe, seconds_max=READY_SECONDS_MAX, what="the awaited state"):
    """The first true answer of `probe`."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come within {seconds_max} s")


class Program:
    """One child process; its output goes to a file."""

    def __init__(self, name, arguments, folder, environment=None):
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | (environment or {}),
            )

    def text(self):
        return self.log.read_text(errors="replace")

    def json_lines(self):
        whole, _, _ = self.text().rpartition("\n")  # the last line may be half written
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def wait_for(self, probe, what):
        def checked():
            assert self.process.poll() is None, f"{self.name} ended:\n{self.text()[-2000:]}"
            return probe()

        return until(checked, what=f"{self.name}: {what}")

    def kill(self):
        self.process.kill()
        self.process.wait(READY_SECONDS_MAX)

    def stop(self):
        self.process.terminate()
        return self.process.wait(READY_SECONDS_MAX)


class RealGateway:
    """Configuration, programs and REST calls of one gateway."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.ring = Path("/dev/shm") / f"gateway-test-{os.getpid()}-{secrets.token_hex(6)}"
        self.programs = []
        self.environment = {}
        self.ring_mib = 4
        self.numbers = 0

    def start_paper(self):
        (self.folder / "venue.toml").write_text(VENUE)
        self.venue = self._start("venue", ["gateway_paper", "--config", "venue.toml"])
        said = self.venue.wait_for(self.venue.json_lines, "its address")
        for name, text in (("venue.key", "venue-key"), ("venue.secret", "venue-secret")):
            path = self.folder / name
            path.write_text(text)
            path.chmod(0o600)
        self.configure(
            "paper",
            "paper",
            f'{{ url = "http://127.0.0.1:{said[0]["port"]}" }}',
            '{ key = "venue.key", secret = "venue.secret" }',
        )

    def configure(self, venue, adapter, settings="{}", secret_files="{}", drive="inline"):
        text = GATEWAY.format(
            ring=self.ring,
            ring_mib=self.ring_mib,
            venue=venue,
            adapter=adapter,
            settings=settings,
            secrets=secret_files,
            drive=drive,
        )
        (self.folder / "gateway.toml").write_text(text)
        limits = "".join(f"[{level}]{LIMIT_FIELDS}\n" for level in LEVELS)
        (self.folder / "limits.toml").write_text(limits)

    def start_observer_first(self):
        """The observer waits for a journal; the daemon will know its page by its address."""
        self.observer = self._start("observer", ["gateway", "observe", "gateway.toml"])
        self.observer_url = self.page_address().partition("/#")[0]
        path = self.folder / "gateway.toml"
        named = f'[api]\npage_origins = ["{self.observer_url}"]\n'
        path.write_text(path.read_text().replace("[api]\n", named))

    def start_daemon(self):
        (self.ring / "run.json").unlink(missing_ok=True)
        self.daemon = self._start("daemon", ["gateway", "run", "gateway.toml"])
        run = self.daemon.wait_for(lambda: self._json(self.ring / "run.json"), "run.json")
        self.url = run["api"]
        self.key = (self.folder / "journal" / "demo.key").read_text().strip()
        self.daemon.wait_for(lambda: self.call("GET", "/v1/status")[1]["trading"], "trading")

    def start_observer(self):
        (self.ring / "observe.json").unlink(missing_ok=True)
        self.observer = self._start("observer", ["gateway", "observe", "gateway.toml"])
        run = self.observer.wait_for(lambda: self._json(self.ring / "observe.json"), "its address")
        self.observer_url = run["url"]
        self.observer.wait_for(lambda: self.observe("status")["ready"], "ready")

    def page_address(self):
        def told():
            whole, _, _ = self.observer.text().rpartition("\n")
            return [line.split()[1] for line in whole.splitlines() if line.startswith("page ")]

        return self.observer.wait_for(told, "its page")[0]

    def call(self, method, path, body=None, url=None):
        """(status, answer) of the daemon, or of the program at `url`."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request((url or self.url) + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=READY_SECONDS_MAX) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def observe(self, what):
        return self.call("GET", f"/v1/{what}", url=self.observer_url)[1]

    def submit(self, side, quantity, price=None, instrument="BTC-USDT.paper", **changes):
        """The order's row; market IOC without a price."""
        self.numbers += 1
        body = {
            "client_order_id": f"c{self.numbers}",
            "account": "main",
            "instrument": instrument,
            "strategy": "alpha",
            "side": side,
            "type": "limit" if price else "market",
            "time_in_force": "gtc" if price else "ioc",
            "quantity": quantity,
        }
        body |= ({"price": price} if price else {}) | changes

        def taken():
            # Ready to trade is not yet priced: the venue's first mark may still be on its way.
            status, answer = self.call("POST", "/v1/orders", body)
            if status == 422 and answer["error"]["code"] == "STALE_PRICE":
                return None
            assert status == 201, answer
            return answer

        answer = until(taken, what="an order is taken")
        return answer["order"]

    def order(self, order_id):
        status, answer = self.call("GET", f"/v1/orders/{order_id}")
        assert status == 200, answer
        return answer["order"]

    def wait_order(self, order_id, *states):
        return until(
            lambda: next((row for row in [self.order(order_id)] if row["state"] in states), None),
            what=f"order {order_id} in {states}",
        )

    def settled(self):
        """The observer's status once it stands at the daemon's sequence, with equal hashes."""

        def equal():
            live = self.call("GET", "/v1/status")[1]
            seen = self.observe("status?state_hash=true")
            return (live, seen) if live["sequence"] == seen.get("sequence") else None

        live, seen = until(equal, what="equal sequences")
        assert seen["state_hash"] == live["state_hash"]
        return live

    def close(self):
        for program in self.programs:
            if program.process.poll() is None:
                program.kill()
        shutil.rmtree(self.ring, ignore_errors=True)

    def _start(self, name, arguments):
        program = Program(name, arguments, self.folder, self.environment)
        self.programs.append(program)
        return program

    def _json(self, path):
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError):
            return None


@contextmanager
def all_started(folder):
    """Paper venue, daemon and observer, up; ended with the block."""
    run = RealGateway(folder)
    try:
        run.start_paper()
        run.start_daemon()
        run.start_observer()
        yield run
    finally:
        run.close()
