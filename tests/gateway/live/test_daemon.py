"""The daemon's life on the engine in memory: start, serve, trade, reload, ordered stop."""

import asyncio
import json
import os
import re
import socket
import ssl
import subprocess
import types
import warnings
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from fake_engine import Engine as FakeNative
from live_world import INSTRUMENT, ScriptedAdapter
from msgspec import structs

import gateway.daemon as daemon_module
import gateway.process as process_module
from gateway.api import API_LEVEL, hookimpl
from gateway.config import ConfigError, LimitRow, load
from gateway.core.operations import Operation
from gateway.daemon import Daemon
from gateway.logs import MASK, Redactor
from gateway.process import ProcessError
from gateway.testing import until
from gateway.venues.registry import Plugins

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
    plugin.gateway_api_level = hookimpl(lambda: API_LEVEL)
    plugin.gateway_venue_name = hookimpl(lambda: "paper")

    def create(venue, settings, secrets):
        return adapter

    plugin.gateway_create_adapter = hookimpl(create)
    plugins = Plugins()
    plugins.add("paper", plugin)
    monkeypatch.setattr(daemon_module, "open_native_engine", lambda settings: engine)
    # The ring directory of these tests is an ordinary one, for a reload too.
    monkeypatch.setattr(daemon_module, "load", partial(load, is_in_memory=lambda path: True))
    monkeypatch.setattr(Plugins, "discover", classmethod(lambda cls, wanted: plugins))
    engine.adapter = adapter
    return engine


@pytest.mark.asyncio
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
    local = aiohttp.UnixConnector(path=run["unix_socket"])
    async with aiohttp.ClientSession(connector=local) as http:
        async with http.get("http://gateway/v1/limits") as answer:
            assert answer.status == 200, "the daemon's own user needs no key on the socket"
        async with http.post("http://gateway/v1/orders", json=order) as answer:
            assert answer.status == 403, "the operator does not trade"
    daemon.reload()
    daemon.stop()
    await asyncio.wait_for(life, 300)
    assert not (tmp_path / "ring" / "run.json").exists()
    assert native.adapter.port is None, "the adapter was closed"
    noted = [(Operation(number), subject) for number, _, subject, *_ in native.operations]
    files = [str(tmp_path / "gateway.toml"), str(tmp_path / "limits.toml")]
    assert [subject for kind, subject in noted if kind is Operation.CONFIGURATION_LOADED] == files
    assert [subject for kind, subject in noted if kind is Operation.CONFIGURATION_RELOADED] == files
    assert (Operation.PLUGIN_LOADED, "paper") in noted and noted[-1][0] is Operation.PLUGIN_UNLOADED
    logins = [subject for kind, subject in noted if kind is Operation.LOGGED_IN]
    assert logins == ["key demo", "key socket"], "each key once by each door"
    assert demo.split(".")[1] not in str(native.operations)


PAGE = Path(__file__).parents[3] / "docs/reference/api.md"


@pytest.mark.asyncio
async def test_the_program_of_the_page_trades_inside_the_process(
    settings, native, tmp_path, monkeypatch, capsys
):
    """The page's own words, but for the names of this configuration."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (program,) = (each for each in blocks if "InProcessClient" in each)
    program = program.replace("BTC-USDT.paper", INSTRUMENT.symbol)
    names: dict = {"__name__": "page"}
    exec(program, names)
    names["load"] = partial(load, is_in_memory=lambda path: True)
    text = CONFIG.format(directory=tmp_path).replace("accounts.main", "accounts.demo")
    text = text.replace("strategies.alpha", "strategies.demo")
    text = text.replace("principals.desk", "principals.demo")
    (tmp_path / "gateway.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    await asyncio.wait_for(names["main"](), 60)
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["working", "pending"]
    assert said[1] == "pending cancel"
    sent = [(kind, len(requests)) for kind, requests in native.adapter.sent]
    assert sent == [("new", 1), ("cancel", 1)], "said twice, sent once"


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
        await asyncio.wait_for(life, 300)


def held(native, field="credit_max"):
    return {str(row[field]) for row in native.limits()}


@pytest.mark.asyncio
async def test_a_lowered_limits_file_stands_at_the_next_start(settings, native, tmp_path):
    await started_with(tmp_path)
    write_limits(tmp_path, credit="99")
    await started_with(tmp_path)
    assert held(native) == {"99"}
    assert {row["actor"] for row in native.limits()} == {"limits.toml"}
    sequences = {row["version"] for row in native.limits()}
    await started_with(tmp_path)
    assert {row["version"] for row in native.limits()} == sequences, "the second start adds none"


@pytest.mark.asyncio
async def test_a_raised_limits_file_starts_and_raises_nothing(settings, native, tmp_path, caplog):
    await started_with(tmp_path)
    write_limits(tmp_path, credit="101")
    await started_with(tmp_path)
    assert held(native) == {"100"}
    assert "firm credit_max: journal 100, file 101 (looser): the journal stands" in caplog.text


@pytest.mark.asyncio
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


@pytest.mark.asyncio
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


@pytest.mark.asyncio
async def test_a_guard_of_the_file_is_tightened_and_never_switched_off(settings, native, tmp_path):
    await started_with(tmp_path)
    assert held(native, "loss_max") == {"off"}
    text = (tmp_path / "limits.toml").read_text()
    guards = 'credit_max = "100"\nloss_max = "50"\nrepeat_orders_max = 9\nrepeat_window_ms = 1000'
    (tmp_path / "limits.toml").write_text(text.replace('credit_max = "100"', guards))
    await started_with(tmp_path)
    assert (held(native, "loss_max"), held(native, "repeat_orders_max")) == ({"50"}, {"9"})
    off = guards.replace('"50"', '"off"').replace("= 9", "= 0")
    (tmp_path / "limits.toml").write_text(text.replace('credit_max = "100"', off))
    await started_with(tmp_path)
    assert (held(native, "loss_max"), held(native, "repeat_orders_max")) == ({"50"}, {"9"})


@pytest.mark.asyncio
async def test_a_reload_compares_limits_and_changes_none(settings, native, tmp_path, caplog):
    def reload_lower(daemon):
        write_limits(tmp_path, credit="1")
        daemon.reload()

    await started_with(tmp_path, [reload_lower])
    assert held(native) == {"100"}
    assert "file 1 (tighter): unchanged" in caplog.text


@pytest.mark.asyncio
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


@pytest.mark.asyncio
async def test_secrets_of_a_venue_are_masked_in_the_log(settings, native, tmp_path):
    secret = tmp_path / "venue.key"
    secret.touch(mode=0o600)
    secret.write_text("swordfish-77\n")
    file = tmp_path / "gateway.toml"
    table = '[venues.sim]\nadapter = "paper"\n'
    file.write_text(
        file.read_text().replace(table, f'{table}secrets = {{ key = "./venue.key" }}\n')
    )
    redactor = Redactor()
    daemon = Daemon(load(file, {}, is_in_memory=lambda path: True), {}, redactor)
    life = asyncio.create_task(daemon.run())
    await until(lambda: life.done() or daemon.url)
    daemon.stop()
    await life
    assert redactor.clean("signed with swordfish-77") == f"signed with {MASK}"


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for 127.0.0.1 beside the configuration, and its client context."""
    names = ("certificate.pem", "private_key.pem")
    file, key = (tmp_path / name for name in names)
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    words += ["-nodes", "-days", "2", "-subj", "/CN=gateway", "-keyout", str(key)]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(file)]
    subprocess.run(words, check=True, capture_output=True, timeout=300)
    key.chmod(0o600)
    return names, ssl.create_default_context(cafile=str(file))


def secure(tmp_path, names, host="127.0.0.1"):
    lines = f'host = "{host}"\ntls_certificate = "{names[0]}"\ntls_private_key = "{names[1]}"\n'
    text = CONFIG.format(directory=tmp_path).replace("[api]\n", "[api]\n" + lines)
    (tmp_path / "gateway.toml").write_text(text)
    return load(tmp_path / "gateway.toml", {}, is_in_memory=lambda path: True)


@pytest.mark.asyncio
async def test_orders_and_events_pass_over_tls(settings, native, tmp_path, certificate):
    names, trusted = certificate
    daemon = Daemon(secure(tmp_path, names), {})
    life = asyncio.create_task(daemon.run())
    try:
        await until(lambda: life.done() or (daemon.url and daemon.desk.is_trading()[0]))
        assert daemon.url.startswith("https://127.0.0.1:")
        token = (tmp_path / "data" / "demo.key").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        order = {"client_order_id": "c1", "account": "main", "instrument": INSTRUMENT.symbol}
        order |= {"strategy": "alpha", "side": "buy", "type": "limit", "time_in_force": "gtc"}
        order |= {"quantity": "1", "price": "10"}
        connector = aiohttp.TCPConnector(ssl=trusted)
        async with aiohttp.ClientSession(connector=connector) as http:
            url = daemon.url + "/v1/orders"
            async with http.post(url, json=order, headers=headers) as answer:
                assert answer.status == 201
            async with http.ws_connect(daemon.url + "/v1/ws") as session:
                await session.send_json({"op": "login", "key": token})
                assert (await session.receive_json(timeout=300))["ok"]
                again = {"op": "submit", "id": 2, "order": order | {"client_order_id": "c2"}}
                await session.send_json(again)
                assert (await session.receive_json(timeout=300))["order"]["client_order_id"] == "c2"
        await asyncio.to_thread(refuses_strangers, daemon.url)
    finally:
        daemon.stop()
        await asyncio.wait_for(life, 300)


def refuses_strangers(url):
    """A client that does not know the certificate, one of TLS 1.1, and one of plain HTTP."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    for context in (ssl.create_default_context(), old):
        with socket.create_connection(address, timeout=300) as raw, pytest.raises(ssl.SSLError):
            context.wrap_socket(raw, server_hostname="127.0.0.1").close()
    with socket.create_connection(address, timeout=300) as raw:
        raw.sendall(b"GET /v1/health/live HTTP/1.1\r\nHost: gateway\r\n\r\n")
        assert b"HTTP" not in raw.recv(1024)


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
async def test_a_listener_beyond_loopback_needs_tls(settings, tmp_path, certificate, host):
    names, _ = certificate
    assert secure(tmp_path, names, host).api.host == host
    text = CONFIG.format(directory=tmp_path).replace("[api]\n", f'[api]\nhost = "{host}"\n')
    (tmp_path / "gateway.toml").write_text(text)
    with pytest.raises(ConfigError, match="NEEDS_TLS"):
        load(tmp_path / "gateway.toml", {}, is_in_memory=lambda path: True)


@pytest.mark.parametrize(("limit", "locks"), [(None, 1), (8 << 20, 0)])
def test_memory_is_locked_where_the_limit_lets_it_hold(monkeypatch, caplog, limit, locks):
    calls = []
    monkeypatch.setattr(process_module, "memory_lock_limit_bytes", lambda: limit)
    monkeypatch.setattr(process_module, "lock_memory", lambda: calls.append(1))
    process_module.keep_in_memory()
    assert len(calls) == locks
    assert ("LimitMEMLOCK" in caplog.text) == (not locks)


@pytest.mark.asyncio
async def test_a_cpu_that_cannot_be_used_stops_the_start_before_anything_is_opened(
    settings, native, monkeypatch
):
    pinned = structs.replace(
        settings, gateway=structs.replace(settings.gateway, drive="pinned", engine_cpu=4095)
    )
    monkeypatch.setattr(daemon_module, "open_native_engine", lambda settings: pytest.fail("opened"))
    with pytest.raises(ProcessError, match="CPU_NOT_PRESENT engine on CPU 4095"):
        await Daemon(pinned, {}).run()


@pytest.mark.asyncio
async def test_memory_that_must_be_locked_and_cannot_be_stops_the_start(settings, monkeypatch):
    monkeypatch.setattr(process_module, "memory_lock_limit_bytes", lambda: 4096)
    monkeypatch.setattr(daemon_module, "open_native_engine", lambda settings: pytest.fail("opened"))
    required = structs.replace(
        settings, gateway=structs.replace(settings.gateway, lock_memory="require")
    )
    with pytest.raises(ProcessError, match="the limit is 4096 bytes"):
        await Daemon(required, {}).run()


@pytest.mark.asyncio
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
