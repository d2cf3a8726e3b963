"""An adapter packaged by somebody else: built as a wheel, installed beside the gateway, trading in
a daemon of its own. Broken ones are named with their reason and stop nobody."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.api import API_LEVEL

pytestmark = pytest.mark.timeout(900)  # a wheel is built, three programs are started
SOURCE = Path(__file__).parent / "outside_adapter"
INSTRUMENT = "SAND-USDT.sandbox"
LEVEL = "from gateway.api import hookimpl\n@hookimpl\ndef gateway_api_level():\n    return {}\n"
NAME = "@hookimpl\ndef gateway_venue_name():\n    return {!r}\n"
CREATE = "@hookimpl\ndef gateway_create_adapter(venue, settings, secrets):\n    return None\n"
BROKEN = {
    "a_wrong_level": (LEVEL.format(99) + NAME.format("other") + CREATE, "API level 99"),
    "b_missing_hook": (
        LEVEL.format(API_LEVEL) + NAME.format("half"),
        "gateway_create_adapter is missing",
    ),
    "c_import_error": ("import no_such_module\n", "no_such_module"),
    "d_leaves": ("raise SystemExit(7)\n", "SystemExit: 7"),
    "z_same_name": (
        LEVEL.format(API_LEVEL) + NAME.format("sandbox") + CREATE,
        "is taken by plugin",
    ),
}


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the installed wheel and the broken neighbours."""
    folder = tmp_path_factory.mktemp("outside")
    source = shutil.copytree(SOURCE, folder / "source")
    pip("wheel", "--no-build-isolation", "--no-deps", "-w", str(folder / "wheels"), str(source))
    [wheel] = (folder / "wheels").glob("gateway_sandbox-1.2.3-py3-none-any.whl")
    pip("install", "--no-deps", "--no-index", "--target", str(folder / "site"), str(wheel))
    for name, (module, _) in BROKEN.items():
        (folder / "site" / f"{name}.py").write_text(module)
        info = folder / "site" / f"{name}-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(f"[gateway.plugins]\n{name} = {name}\n")
    return folder / "site"


@pytest.fixture
def sandbox(gateway, site):
    gateway.environment = {"PYTHONPATH": str(site)}
    gateway.configure("sandbox", "sandbox", drive="pinned")
    gateway.start_daemon()
    return gateway


def test_an_adapter_from_an_outside_wheel_trades_to_an_exact_position(sandbox):
    taken = sandbox.submit("buy", "2.5", instrument=INSTRUMENT)
    row = sandbox.wait_order(taken["order_id"], "FILLED")
    assert (row["cumulative_quantity"], row["average_price"]) == ("2.5", "100.1")
    resting = sandbox.submit("sell", "1", "100", instrument=INSTRUMENT, post_only=True)
    sandbox.wait_order(resting["order_id"], "NEW")
    # Our own buy meets our resting sell: two fills, a maker's and a taker's.
    cross = sandbox.submit("buy", "0.4", "100", instrument=INSTRUMENT, time_in_force="ioc")
    sandbox.wait_order(cross["order_id"], "FILLED")
    sandbox.wait_order(resting["order_id"], "PARTIALLY_FILLED")
    assert sandbox.call("DELETE", f"/v1/orders/{resting['order_id']}")[0] == 202
    row = sandbox.wait_order(resting["order_id"], "CANCELED")
    assert row["cumulative_quantity"] == "0.4"
    [position] = sandbox.call("GET", "/v1/positions")[1]["positions"]
    # Bought 2.5 at 100.1, sold 0.4 at 100 and bought them back at 100, in whatever order.
    assert position["quantity"] == "2.5"
    assert position["fees"] == "0.06205", "0.05005 as taker of 250.25, then 0.008 and 0.004 on 40"
    assert position["venue"] == "sandbox"
    refused = {"client_order_id": "x", "account": "main", "instrument": INSTRUMENT}
    refused |= {"strategy": "alpha", "side": "buy", "type": "stop", "time_in_force": "gtc"}
    refused |= {"quantity": "1", "trigger_price": "101"}
    status, answer = sandbox.call("POST", "/v1/orders", refused)
    assert (status, answer["error"]["code"]) == (422, "UNSUPPORTED_TYPE"), "not in the manifest"
    assert sandbox.daemon.stop() == 0


@pytest.mark.parametrize("place", ["running", "installed"])
def test_broken_plugins_are_listed_with_their_reason_and_stop_nobody(sandbox, site, until, place):
    arguments = ["--running", "--config", "gateway.toml"] if place == "running" else []

    def listed():
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "plugins", "--json", *arguments],
            cwd=sandbox.folder,
            env=os.environ | {"PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        rows = {row["name"]: row for row in json.loads(done.stdout)["plugins"]}
        return rows if set(BROKEN) | {"sandbox", "paper"} <= set(rows) else None

    # What no venue needs is loaded beside the running daemon, and listed when it is.
    rows = until(listed, what="every plugin in the list")
    assert (rows["sandbox"]["state"], rows["sandbox"]["version"]) == ("loaded", "1.2.3")
    if place == "running":
        assert rows["sandbox"]["capabilities"]["amend"] == "none"
    for name, (_, reason) in BROKEN.items():
        assert rows[name]["state"] == "refused"
        assert reason in rows[name]["reason"], rows[name]
    assert rows["paper"]["state"] == "loaded"
