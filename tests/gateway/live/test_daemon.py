"""The daemon's life on the engine in memory: start, serve, trade, reload, ordered stop."""

import asyncio
import json
import os
import types
from functools import partial

import aiohttp
import pytest
from fake_engine import Engine as FakeNative
from live_world import INSTRUMENT, ScriptedAdapter

import gateway.daemon as daemon_module
from gateway.api import hookimpl
from gateway.config import LimitRow, load
from gateway.daemon import Daemon
from gateway.venues.registry import Plugins

pytestmark = pytest.mark.asyncio

CONFIG = """
[gateway]
directory = "{directory}/data"
ring_directory = "{directory}/ring"
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
    # The ring directory of these tests is an ordinary one, for a reload too.
    monkeypatch.setattr(daemon_module, "load", partial(load, is_in_memory=lambda path: True))
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


async def started_with(tmp_path, changes=()):
    """One whole life of a daemon whose limits file was written before."""
    settings = load(tmp_path / "gateway.toml", {}, is_in_memory=lambda path: True)
    daemon = Daemon(settings, {})
    life = asyncio.create_task(daemon.run())
    await until(lambda: life.done() or (daemon.url and daemon.desk.is_trading()[0]))
    try:
        for change in changes:
            change(daemon)
    finally:
        daemon.stop()
        await asyncio.wait_for(life, 10)


def held(native, field="credit_max"):
    return {str(row[field]) for row in native.limits()}


async def test_a_lowered_limits_file_stands_at_the_next_start(settings, native, tmp_path):
    await started_with(tmp_path)
    write_limits(tmp_path, credit="99")
    await started_with(tmp_path)
    assert held(native) == {"99"}
    assert {row["actor"] for row in native.limits()} == {"limits.toml"}
    sequences = {row["version"] for row in native.limits()}
    await started_with(tmp_path)
    assert {row["version"] for row in native.limits()} == sequences, "the second start adds none"


async def test_a_raised_limits_file_starts_and_raises_nothing(settings, native, tmp_path, caplog):
    await started_with(tmp_path)
    write_limits(tmp_path, credit="101")
    await started_with(tmp_path)
    assert held(native) == {"100"}
    assert "firm credit_max: journal 100, file 101 (looser): the journal stands" in caplog.text


async def test_limits_that_a_person_lowered_outlive_a_restart_with_the_old_file(
    settings, native, tmp_path
):
    def lower(daemon):
        fields = dict.fromkeys(LimitRow.__struct_fields__)
        (row,) = (row for row in native.limits() if row["level"] == "firm")
        fields = {name: row[name] for name in fields} | {"credit_max": "5"}
        daemon.engine.set_limits("firm", "", fields, actor="anna", reason="incident")

    await started_with(tmp_path, [lower])
    await started_with(tmp_path)
    (row,) = (row for row in native.limits() if row["level"] == "firm")
    assert (row["credit_max"], row["actor"]) == ("5", "anna")


async def test_each_field_is_tightened_for_itself(settings, native, tmp_path):
    """The file is tighter in one field and looser in two: one value of each side stands."""

    def change(daemon):
        for row in native.limits():
            row["collar_bps"], row["duplicate_window_ms"] = 400, 50

    await started_with(tmp_path, [change])
    text = (tmp_path / "limits.toml").read_text()
    (tmp_path / "limits.toml").write_text(text.replace('credit_max = "100"', 'credit_max = "7.50"'))
    await started_with(tmp_path)
    assert (held(native), held(native, "collar_bps")) == ({"7.50"}, {"400"})
    assert held(native, "duplicate_window_ms") == {"50"}, "a longer window is the tighter one"


async def test_a_reload_compares_limits_and_changes_none(settings, native, tmp_path, caplog):
    def reload_lower(daemon):
        write_limits(tmp_path, credit="1")
        daemon.reload()

    await started_with(tmp_path, [reload_lower])
    assert held(native) == {"100"}
    assert "file 1 (tighter): unchanged" in caplog.text


async def test_a_bad_reload_changes_nothing(settings, native, tmp_path, caplog):
    found = []

    def break_keys(daemon):
        token = (tmp_path / "data" / "demo.key").read_text().strip()
        (tmp_path / "data" / "keys.toml").write_text("[keys.demo]\nsha256 = 1\n")
        caplog.clear()
        daemon.reload()
        found.append(daemon._keys.authenticate(token).principal)

    await started_with(tmp_path, [break_keys])
    assert "reload refused" in caplog.text and "NOT_TMPFS" not in caplog.text
    assert found == ["desk"]
