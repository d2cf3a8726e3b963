"""Every kind of event of a real run lands in the audit trail: orders, fills, limits, kills,
configuration, plugins, logins good and bad, operators' commands; each with who, when and why."""

import json
import os
import signal
import tomllib
import urllib.error
import urllib.request

from click.testing import CliRunner
from real_programs import LIMIT_FIELDS, RealGateway, until

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
        urllib.request.urlopen(asked, timeout=300).close()
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    raise AssertionError("a stranger was let in")


def command_a_little(run):
    """Limits, a kill and the end of it, with the operator's key and a person's name."""
    run.key = (run.folder / "journal" / "cli.key").read_text().strip()
    person = {"actor": "anna", "reason": "a test"}
    level = {"level": "strategy", "name": "alpha"}
    fields = {"fields": {**tomllib.loads(LIMIT_FIELDS), "order_quantity_max": "50"}}
    for method, path, more in (
        ("PUT", "/v1/limits", fields), ("POST", "/v1/kill", {}), ("POST", "/v1/enable", {}),
    ):  # fmt: skip
        status, answer = run.call(method, path, {**level, **person, **more})
        assert status in (200, 202), answer


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
        command_a_little(run)
        os.kill(run.daemon.process.pid, signal.SIGHUP)
        until(
            lambda: any(row["what"] == "configuration_reloaded" for row in events_of(run)),
            what="the reload in the journal",
        )
        assert run.daemon.stop() == 0
        events = events_of(run)
        found = {row["what"] for row in events}
        assert found >= WANTED, WANTED - found
        for row in events:
            assert row["who"] and row["time_ns"] > 0 and row["sequence"] > 0, row
        last = {row["what"]: row for row in events}
        for event in ("limits_set", "kill", "enable"):
            assert (last[event]["who"], last[event]["why"]) == ("anna", "a test"), event
        for event in ("login_refused", "order_refused", "control_command", "plugin_unloaded"):
            assert last[event]["why"], event
        assert last["configuration_reloaded"]["digest"] and last["plugin_loaded"]["digest"]
        assert all(row["clock"]["source"] != "unknown" for row in events if row["what"] == "kill")
    finally:
        run.close()
