"""Every kind of event of a real run lands in the audit trail: orders, fills, limits, kills,
configuration, plugins, logins good and bad, operators' commands; each with who, when and why."""

import json
import os
import signal
import urllib.error
import urllib.request

from click.testing import CliRunner
from real_programs import RealGateway, until

from gateway.__main__ import root

WANTED = {
    "order_new", "order_filled", "order_refused", "cancel_requested", "limits_set", "guards_set",
    "kill", "enable", "configuration_loaded", "configuration_reloaded", "plugin_loaded",
    "plugin_unloaded", "logged_in", "login_refused", "control_command", "clock_quality",
    "venue_state",
}  # fmt: skip


def events_of(run):
    """The rows of an export of the run's journal, which proves itself and its words."""
    target = run.folder / f"audit-{run.numbers}.jsonl"
    run.numbers += 1
    words = ["audit", "export", str(run.folder / "journal"), "--ring-directory", str(run.ring)]
    ended = CliRunner().invoke(root, [*words, "--out", str(target)])
    assert ended.exit_code == 0, ended.output
    checked = CliRunner().invoke(root, ["audit", "check", str(target)])
    assert checked.exit_code == 0, checked.output
    bodies = (json.loads(line)["body"] for line in target.read_bytes().splitlines())
    return [body["row"] for body in bodies if "row" in body]


def knock(run, key):
    """A stranger at the door."""
    asked = urllib.request.Request(
        run.url + "/v1/positions", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        urllib.request.urlopen(asked, timeout=60).close()
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    raise AssertionError("a stranger was let in")


def test_every_kind_of_event_of_a_real_run_is_in_the_export(tmp_path):
    run = RealGateway(tmp_path)
    try:
        run.start_paper()
        run.start_daemon()
        run.wait_order(run.submit("buy", "0.01")["order_id"], "FILLED")
        resting = run.submit("buy", "0.01", "40000", type="limit")["order_id"]
        run.wait_order(resting, "NEW")
        run.call("DELETE", f"/v1/orders/{resting}")
        run.wait_order(resting, "CANCELED")
        refused = {
            "client_order_id": "much", "account": "main", "instrument": "BTC-USDT.paper",
            "strategy": "alpha", "side": "buy", "type": "market", "time_in_force": "ioc",
            "quantity": "1000",
        }  # fmt: skip
        assert run.call("POST", "/v1/orders", refused)[0] == 422
        assert knock(run, "nobody.knows") == 401
        operator = (run.folder / "journal").glob("*.key")
        run.keys = {path.name: path.read_text().strip() for path in operator}
        run_operators_commands(run)
        os.kill(run.daemon.process.pid, signal.SIGHUP)
        until(
            lambda: any(row["event"] == "configuration_reloaded" for row in events_of(run)),
            what="the reload in the journal",
        )
        assert run.daemon.stop() == 0
        events = events_of(run)
        found = {row["event"] for row in events}
        assert found >= WANTED, WANTED - found
        for row in events:
            assert row["who"] and row["time_ns"] > 0 and row["sequence"] > 0, row
        why = {row["event"]: row["why"] for row in events}
        for event in ("limits_set", "kill", "enable", "login_refused", "order_refused"):
            assert why[event], event
        assert any("error" in json.dumps(row) or "bound_ns" in json.dumps(row) for row in events)
    finally:
        run.close()


def run_operators_commands(run):
    """Limits, a kill and the end of it, by the person's name over the Unix socket."""
