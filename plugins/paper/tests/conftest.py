"""Fixtures: a venue in memory on a virtual clock, and the real venue process on real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_paper.adapter import PaperAdapter
from gateway_paper.record import VenueRecord, read_record
from gateway_paper.venue.exchange import Exchange
from gateway_paper.venue.market import LevelSet, Traded
from gateway_paper.venue.orders import SubmitBody
from gateway_paper.venue.record import Record
from gateway_paper.venue.settings import AccountSettings, Listing, VenueSettings

sys.path.insert(0, str(Path(__file__).parent))  # paper_under_test.py, for test modules

# How long a fact may take on a loaded machine; every wait ends as soon as the fact is there.
SECONDS_MAX = 300.0

LISTINGS = (
    Listing(symbol="BTCUSDT", name="BTC-USDT", kind="linear", base="BTC", quote="USDT",
            settle="USDT", tick="0.1", lot="0.001"),
    Listing(symbol="BTCUSD", name="BTC-USD", kind="inverse", base="BTC", quote="USD",
            settle="BTC", tick="0.5", lot="1", multiplier="10"),
    Listing(symbol="XBTQ", name="XBT-Q", kind="quanto", base="ETH", quote="USD", settle="BTC",
            tick="0.05", lot="1", multiplier="0.000001", maker_rate="-0.00025"),
    Listing(symbol="BTCSPOT", name="BTC-SPOT", kind="spot", base="BTC", quote="USDT",
            settle="USDT", tick="0.01", lot="0.00001", fee_currency="base_on_buy"),
)  # fmt: skip


class MemoryVenue:
    """An exchange with a clock that the test moves, writing a real record file."""

    def __init__(
        self, path: Path, *, listing: dict[str, Any] | None = None, **settings: Any
    ) -> None:
        """`listing` changes the first instrument."""
        self.path = path
        self.listings = (msgspec.structs.replace(LISTINGS[0], **(listing or {})), *LISTINGS[1:])
        self.now_ns = 1_700_000_000_000_000_000
        given: dict[str, Any] = {
            "accounts": (
                AccountSettings(name="net", balances={"USDT": "1000"}),
                AccountSettings(name="hedge", is_hedge_mode=True),
            )
        }
        self.settings = VenueSettings(record=str(path), **(given | settings))
        self.events: list[dict[str, Any]] = []
        self._count = 0
        self.open()

    def open(self) -> None:
        """Start, or start again from the record."""
        self.record = Record(self.path)
        self.exchange = Exchange(
            self.settings, self.listings, now_ns=lambda: self.now_ns, sink=self._take
        )
        self.exchange.restore(list(self.record.read()))
        self.record.write(
            [
                {
                    "kind": "start",
                    "instruments": [_builtins(listing) for listing in self.listings],
                    "accounts": [_builtins(account) for account in self.settings.accounts],
                }
            ]
        )

    def _take(self, rows: list[dict[str, Any]]) -> None:
        self.record.write(rows)
        self.events += rows

    def submit(self, side: str, quantity: str, price: str | None = None, **more: Any) -> Any:
        self._count += 1
        body = {
            "account": "net",
            "client_order_id": f"c{self._count}",
            "instrument": "BTCUSDT",
            "side": side,
            "type": "limit" if price else "market",
            "time_in_force": "gtc" if price else "ioc",
            "quantity": quantity,
            "price": price,
        }
        return self.exchange.submit(SubmitBody(**(body | more)))

    def level(self, side: str, price: str, quantity: str, instrument: str = "BTCUSDT") -> None:
        rules = self.exchange.listings[instrument]
        change = LevelSet(instrument, side, rules.price(price), rules.quantity(quantity))
        self.exchange.apply_market([change])

    def trade(self, price: str, quantity: str, side: str, instrument: str = "BTCUSDT") -> None:
        rules = self.exchange.listings[instrument]
        change = Traded(instrument, rules.price(price), rules.quantity(quantity), side)
        self.exchange.apply_market([change])

    def order(self, client_order_id: str, account: str = "net") -> dict[str, Any]:
        return self.exchange.order_row(account, client_order_id)

    def position(self, account: str, instrument: str, leg: str) -> Fraction:
        rules = self.exchange.listings[instrument]
        held = self.exchange.accounts[account].signed_quantity(instrument, leg)
        return Fraction(held, 10**rules.quantity_scale)

    def judge(self) -> VenueRecord:
        return read_record(self.path)


def _builtins(struct: Any) -> dict[str, Any]:
    import msgspec

    built: dict[str, Any] = msgspec.to_builtins(struct)
    return built


@pytest.fixture
def memory_venue(tmp_path: Path) -> Callable[..., MemoryVenue]:
    return lambda **settings: MemoryVenue(tmp_path / "record.jsonl", **settings)


class VenueProcess:
    """The real process, started as an operator starts it."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.record_path = directory / "record.jsonl"
        self.port = 0
        lines = {"record": "record.jsonl", "admin_key": "test-admin", "market": "manual"}
        text = "".join(f"{k} = {json.dumps(v)}\n" for k, v in (lines | settings).items())
        accounts = "".join(
            f'[[accounts]]\nname = "{name}"\nbalances = {{ USDT = "1000" }}\n' for name in "AB"
        )
        keys = '[[keys]]\nkey = "k"\nsecret = "s"\n[[keys]]\nkey = "kb"\nsecret = "sb"\n'
        keys += 'accounts = ["B"]\n'
        rules = (
            '[[instruments]]\nsymbol = "BTCUSDT"\nname = "BTC-USDT"\nkind = "linear"\n'
            'base = "BTC"\nquote = "USDT"\nsettle = "USDT"\ntick = "0.1"\nlot = "0.001"\n'
        )
        self._config = directory / "paper.toml"
        self._config.write_text(text + accounts + keys + rules)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Again on the same port after the first time, as a restarted venue comes back."""
        command = [sys.executable, "-m", "gateway_paper", "--config", str(self._config)]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], SECONDS_MAX)
        assert ready, "the venue did not come up"
        said = json.loads(self._process.stdout.readline())
        assert said["up"] is True
        self.port = said["port"]

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._end()

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._end()

    def _end(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        code = self._process.wait(SECONDS_MAX)
        self._process.stdout.close()
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None:
            self.kill()

    async def admin(self, path: str, body: dict[str, Any]) -> Any:
        return await asyncio.to_thread(self._admin, path, body)

    def _admin(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{self.url}/v1/admin/{path}",
            json.dumps(body).encode(),
            {"X-Paper-Admin": "test-admin", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=SECONDS_MAX) as answer:
            return json.load(answer)

    async def market(self, **body: Any) -> Any:
        return await self.admin("market", {"instrument": "BTCUSDT", **body})

    async def fault(self, name: str, operation: str = "submit", count: int | None = 1) -> None:
        await self.admin("faults", {"fault": name, "operation": operation, "count": count})

    def judge(self) -> VenueRecord:
        return read_record(self.record_path)


@pytest.fixture
def venue_process(tmp_path: Path) -> Iterator[Callable[..., VenueProcess]]:
    started: list[VenueProcess] = []

    def start(**settings: Any) -> VenueProcess:
        venue = VenueProcess(tmp_path, **settings)
        started.append(venue)
        venue.start()
        return venue

    yield start
    for venue in started:
        venue.close()


class RecordingPort:
    """An AdapterPort that remembers every fact in order."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values, **named: self.facts.append((name, values, named))

    def names(self, order_id: int | None = None) -> list[str]:
        return [
            name
            for name, values, _ in self.facts
            if name != "marked" and (order_id is None or values[:1] == (order_id,))
        ]

    def values(self, fact: str) -> list[Any]:
        return [values[0] if values else None for name, values, _ in self.facts if name == fact]

    async def wait(self, is_reached: Callable[[], Any]) -> None:
        deadline = time.monotonic() + SECONDS_MAX
        while not is_reached():
            assert time.monotonic() < deadline, [f for f in self.facts if f[0] != "marked"]
            await asyncio.sleep(0.01)

    async def wait_fact(self, name: str, count: int = 1) -> None:
        await self.wait(lambda: len(self.values(name)) >= count)


@pytest.fixture
def port() -> RecordingPort:
    return RecordingPort()


@pytest.fixture
def make_adapter() -> Callable[..., PaperAdapter]:
    def make(url: str, **settings: Any) -> PaperAdapter:
        given = {"url": url, "accounts": ["A", "B"], "timeout_ms": 20_000, "silence_max_s": 60.0}
        return PaperAdapter("paper", given | settings, {"key": "k", "secret": "s"})

    return make


@pytest.fixture
def connected(make_adapter: Callable[..., PaperAdapter], port: RecordingPort) -> Any:
    """`async with connected(venue) as adapter`: it tells `port`, and is closed in any case."""

    @asynccontextmanager
    async def connect(venue: VenueProcess, **settings: Any) -> AsyncIterator[PaperAdapter]:
        adapter = make_adapter(venue.url, **settings)
        await adapter.connect(port)
        try:
            yield adapter
        finally:
            await adapter.close()

    return connect


@pytest.fixture
def project_root() -> Path:
    return Path(os.environ.get("GATEWAY_PROJECT_ROOT", Path(__file__).parents[3]))
