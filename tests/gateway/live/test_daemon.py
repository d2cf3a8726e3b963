"""The daemon's life on the engine in memory: start, serve, trade, reload, ordered stop."""

import asyncio
import json
import os
import types

import aiohttp
import pytest
from fake_engine import Engine as FakeNative
from live_world import INSTRUMENT, ScriptedAdapter
from msgspec import structs

import gateway.daemon as daemon_module
from gateway.api import RefusedError, hookimpl
from gateway.config import load
from gateway.daemon import Daemon
from gateway.process import ProcessError
from gateway.venues.registry import Plugins

pytestmark = pytest.mark.asyncio

CONFIG = """
[gateway]
directory = "{directory}/data"
ring_directory = "{directory}/ring"
lock_memory = "no"  # the process of the tests is not the daemon's to lock
[api]
port = 0
[venues.sim]
adapter = "paper"
[accounts.main]
venue = "sim"
[strategies.alpha]
[principals.desk]
scopes = ["read", "trade", "cancel"]
[principals.boss]
scopes = ["read", "cancel", "admin"]
[currencies]
USDT = "1"
"""
ROW = """
order_quantity_max = "1000"
order_notional_max = "1000000"
position_long_max = "5000"
position_short_max = "5000"
gross_exposure_max = "5000000"
net_exposure_max = "5000000"
credit_max = "{credit}"
collar_bps = 500
reference_age_ms_max = 5000
orders_per_second = 1000
order_burst = 2000
cancels_per_second = 1000
cancel_burst = 2000
open_orders_side_max = 200
duplicate_window_ms = 0
"""


def write_limits(directory, credit="100"):
    tables = ["instrument.default", "strategy.default", "account.default", "venue.default", "firm"]
    text = "".join(f"[{table}]{ROW.format(credit=credit)}\n" for table in tables)
    (directory / "limits.toml").write_text(text)


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "gateway.toml").write_text(CONFIG.format(directory=tmp_path))
    write_limits(tmp_path)
    return load(tmp_path / "gateway.toml", {}, is_in_memory=lambda path: True)


@pytest.fixture
def native(monkeypatch):
    engine, adapter = FakeNative(), ScriptedAdapter()
    plugin = types.ModuleType("made")
    plugin.gateway_api_level = hookimpl(lambda: 0)
    plugin.gateway_venue_name = hookimpl(lambda: "paper")

    def create(venue, settings, secrets):
        return adapter

    plugin.gateway_create_adapter = hookimpl(create)
    plugins = Plugins()
    plugins.add("paper", plugin)
    monkeypatch.setattr(daemon_module, "open_native_engine", lambda settings: engine)
    monkeypatch.setattr(Plugins, "discover", classmethod(lambda cls: plugins))
    engine.adapter = adapter
    return engine


async def until(claim):
    async with asyncio.timeout(10):
        while not claim():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_daemon_starts_trades_and_stops(settings, native, tmp_path):
    daemon = Daemon(settings, {})
    life = asyncio.create_task(daemon.run())
    await until(lambda: life.done() or (daemon.url and daemon.desk.is_trading()[0]))
    run = json.loads((tmp_path / "ring" / "run.json").read_text())
    assert run["pid"] == os.getpid()
    assert run["api"] == daemon.url
    assert len(native.limits()) == 5, "firm, venue, account, strategy, instrument"
    order = {"client_order_id": "c1", "account": "main", "instrument": INSTRUMENT.symbol}
    order |= {"strategy": "alpha", "side": "buy", "type": "limit", "time_in_force": "gtc"}
    order |= {"quantity": "1", "price": "10"}
    demo = (tmp_path / "data" / "demo.key").read_text().strip()
    headers = {"Authorization": f"Bearer {demo}"}
    async with aiohttp.ClientSession() as http:
        async with http.post(daemon.url + "/v1/orders", json=order, headers=headers) as answer:
            assert answer.status == 201
        async with http.get(daemon.url + "/v1/status", headers=headers) as answer:
            status = await answer.json()
    assert (status["state"], status["open_orders"], status["trading"]) == ("running", 1, True)
    socket = aiohttp.UnixConnector(path=run["unix_socket"])
    async with aiohttp.ClientSession(connector=socket) as http:
        async with http.get("http://gateway/v1/limits") as answer:
            assert answer.status == 200, "the daemon's own user needs no key on the socket"
        async with http.post("http://gateway/v1/orders", json=order) as answer:
            assert answer.status == 403, "the operator does not trade"
    daemon.reload()
    daemon.stop()
    await asyncio.wait_for(life, 10)
    assert not (tmp_path / "ring" / "run.json").exists()
    assert native.adapter.port is None, "the adapter was closed"


async def test_a_limits_file_that_raises_risk_stops_the_start(settings, native, tmp_path):
    daemon = Daemon(settings, {})
    life = asyncio.create_task(daemon.run())
    await until(lambda: life.done() or (daemon.url and daemon.desk.is_trading()[0]))
    daemon.stop()
    await life
    write_limits(tmp_path, credit="101")
    raised = load(tmp_path / "gateway.toml", {}, is_in_memory=lambda path: True)
    with pytest.raises(RefusedError, match="differences") as refused:
        await Daemon(raised, {}).run()
    assert refused.value.code == "BAD_CONFIG"
    assert "credit_max: journal 100, file 101" in refused.value.hint
    write_limits(tmp_path, credit="99")
    lowered = load(tmp_path / "gateway.toml", {}, is_in_memory=lambda path: True)
    again = Daemon(lowered, {})
    life = asyncio.create_task(again.run())
    await until(lambda: life.done() or (again.url and again.desk.is_trading()[0]))
    again.stop()
    await life
    assert {row["credit_max"] for row in native.limits()} == {"100"}, "the journal wins"


async def test_a_bad_reload_changes_nothing(settings, native, tmp_path):
    daemon = Daemon(settings, {})
    life = asyncio.create_task(daemon.run())
    await until(lambda: life.done() or (daemon.url and daemon.desk.is_trading()[0]))
    token = (tmp_path / "data" / "demo.key").read_text().strip()
    (tmp_path / "data" / "keys.toml").write_text("[keys.demo]\nsha256 = 1\n")
    daemon.reload()
    assert daemon._keys.authenticate(token).principal == "desk"
    daemon.stop()
    await asyncio.wait_for(life, 10)


async def test_a_cpu_that_cannot_be_used_stops_the_start_before_anything_is_opened(
    settings, native, monkeypatch
):
    pinned = structs.replace(
        settings, gateway=structs.replace(settings.gateway, drive="pinned", engine_cpu=4095)
    )
    monkeypatch.setattr(daemon_module, "open_native_engine", lambda settings: pytest.fail("opened"))
    with pytest.raises(ProcessError, match="CPU_NOT_PRESENT engine on CPU 4095"):
        await Daemon(pinned, {}).run()


async def test_memory_that_must_be_locked_and_cannot_be_stops_the_start(settings, monkeypatch):
    def refuse():
        raise ProcessError("memory cannot be locked")

    monkeypatch.setattr(daemon_module, "lock_memory", refuse)
    monkeypatch.setattr(daemon_module, "open_native_engine", lambda settings: pytest.fail("opened"))
    required = structs.replace(
        settings, gateway=structs.replace(settings.gateway, lock_memory="require")
    )
    with pytest.raises(ProcessError, match="cannot be locked"):
        await Daemon(required, {}).run()


async def test_the_engine_is_warmed_up_before_the_doors_open(settings, native, monkeypatch):
    seen = []
    monkeypatch.setattr(native, "warm_up", seen.append)
    daemon = Daemon(settings, {})

    async def doors():
        assert seen == [settings.gateway.warm_up_orders] == [2000]
        raise ProcessError("far enough")

    monkeypatch.setattr(daemon, "_open_doors", doors)
    with pytest.raises(ProcessError, match="far enough"):
        await daemon.run()
