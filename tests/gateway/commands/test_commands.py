"""The command line against a listening HTTP server: what is sent, what is printed, how it fails."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.__main__ import COMMANDS, root

ROOT = Path(__file__).parents[3]
ORDER = {"order_id": "42", "client_order_id": "a-1", "state": "NEW", "quantity": "0.5"}
LIMIT_TEXT = ("order_quantity_max", "order_notional_max", "position_long_max")


class Api:
    """Answers by (method, path) and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, Any, str]] = []

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        size = int(handler.headers.get("Content-Length") or 0)
        body = json.loads(handler.rfile.read(size)) if size else None
        key = handler.headers.get("Authorization") or ""
        self.asked.append((handler.command, handler.path, body, key))
        route = (handler.command, handler.path.split("?")[0])
        status, answer = self.answers.get(route, (404, {"error": {"code": "NOT_FOUND"}}))
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


class Desk:
    """A configuration directory beside a listening API, and the command line to call."""

    def __init__(self, tmp_path: Path, api: Api, port: int) -> None:
        self.api, self.directory, self.ring = api, tmp_path / "data", tmp_path / "ring"
        self.config = tmp_path / "gateway.toml"
        self.key_file = self.directory / "cli.key"
        for path in (self.directory, self.ring):
            path.mkdir()
        text = (ROOT / "conf/gateway.toml").read_text(encoding="utf-8")
        text = text.replace('"var/gateway"', f'"{self.directory}"')
        ring = f'ring_directory = "{self.ring}"'
        self.config.write_text(text.replace('ring_directory = ""', ring), encoding="utf-8")
        limits = (ROOT / "conf/limits.toml").read_text(encoding="utf-8")
        (tmp_path / "limits.toml").write_text(limits, encoding="utf-8")
        self.key_file.write_text("CLI.swordfish\n", encoding="ascii")
        self.key_file.chmod(0o600)
        self.run_with(os.getpid(), port)

    def run_with(self, process_id: int, port: int) -> None:
        run = {"pid": process_id, "api": f"http://127.0.0.1:{port}", "observer": ""}
        (self.ring / "run.json").write_text(json.dumps(run), encoding="utf-8")

    def call(self, *words: str) -> Result:
        return CliRunner().invoke(root, [*words, "--config", str(self.config)])


@pytest.fixture
def api() -> Iterator[tuple[Api, int]]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"
        timeout = 10  # A client that says nothing does not hold the server.

        def do_GET(self) -> None:
            api.handle(self)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield api, server.server_port
        server.shutdown()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def desk(tmp_path: Path, api: tuple[Api, int], monkeypatch: pytest.MonkeyPatch) -> Desk:
    # The test's ring lies wherever temporary files lie; its place is not the subject here.
    from gateway.config import checks

    monkeypatch.setattr(checks.check_places, "__defaults__", (lambda path: True,))
    load = __import__("gateway.config.load", fromlist=["load"]).load
    monkeypatch.setitem(load.__kwdefaults__, "is_in_memory", lambda path: True)
    return Desk(tmp_path, *api)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = CliRunner().invoke(root, [name, "--help"])
    assert result.exit_code == 0
    assert f"gateway {name}" in result.output.split("Example:")[1]


def test_the_overview_names_every_command_and_the_exit_codes() -> None:
    output = CliRunner().invoke(root, ["--help"]).output
    assert all(f"  {name} " in output for name in COMMANDS)
    assert "3 not running, 4 refused" in output


def test_an_order_is_sent_once_with_the_private_key(desk: Desk) -> None:
    desk.api.answers["POST", "/v1/orders"] = (201, {"order": ORDER})
    words = ["submit", "buy", "0.5", "BTC-USDT.paper", "--price", "60000", "--post-only"]
    result = desk.call(*words, "--account", "demo", "--strategy", "demo", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == {"order": ORDER}
    ((method, path, body, key),) = desk.api.asked
    assert (method, path, key) == ("POST", "/v1/orders", "Bearer CLI.swordfish")
    assert body.pop("client_order_id").startswith("cli-")
    assert body == {
        "side": "buy",
        "quantity": "0.5",
        "instrument": "BTC-USDT.paper",
        "type": "limit",
        "time_in_force": "gtc",
        "price": "60000",
        "account": "demo",
        "strategy": "demo",
        "post_only": True,
    }


@pytest.mark.parametrize(
    ("prices", "kind", "time_in_force"),
    [
        ([], "market", "ioc"),
        (["--price", "1"], "limit", "gtc"),
        (["--trigger-price", "1"], "stop", "ioc"),
        (["--price", "1", "--trigger-price", "1"], "stop_limit", "gtc"),
        (["--price", "1", "--time-in-force", "fok"], "limit", "fok"),
    ],
)
def test_the_prices_choose_the_order_type(
    desk: Desk, prices: list[str], kind: str, time_in_force: str
) -> None:
    desk.api.answers["POST", "/v1/orders"] = (201, {"order": ORDER})
    words = ["submit", "sell", "1", "X", "--account", "a", "--strategy", "s", *prices]
    assert desk.call(*words).exit_code == 0
    body = desk.api.asked[0][2]
    assert (body["type"], body["time_in_force"]) == (kind, time_in_force)


def test_a_refusal_of_the_gateway_is_exit_code_4_with_its_hint(desk: Desk) -> None:
    error = {"code": "POSITION_LIMIT", "field": "quantity", "value": "9", "rule": "too much"}
    desk.api.answers["POST", "/v1/orders"] = (422, {"error": error})
    words = ["submit", "buy", "9", "X", "--account", "a", "--strategy", "s"]
    result = desk.call(*words)
    assert result.exit_code == 4
    assert "POSITION_LIMIT quantity: too much (given 9)" in result.output
    assert "gateway explain POSITION_LIMIT" in result.output
    document = json.loads(desk.call(*words, "--json").output)
    assert set(document["error"]) == {"code", "field", "value", "rule", "hint"}


def test_orders_and_positions_are_tables_or_json(desk: Desk) -> None:
    desk.api.answers["GET", "/v1/orders"] = (200, {"orders": [ORDER]})
    desk.api.answers["GET", "/v1/positions"] = (200, {"positions": []})
    assert "order id  client order id" in desk.call("orders").output
    assert json.loads(desk.call("orders", "--json", "--all").output)["orders"] == [ORDER]
    assert [path for _, path, _, _ in desk.api.asked] == [
        "/v1/orders?open=true&limit=100",
        "/v1/orders?open=false&limit=100",
    ]
    assert desk.call("positions").output == "No positions.\n"


def test_status_shows_state_and_venues(desk: Desk) -> None:
    venue = {"name": "paper", "state": "reconciled", "reconciled": True}
    status = {"state": "trading", "sequence": 7, "venues": [venue]}
    desk.api.answers["GET", "/v1/status"] = (200, status)
    output = desk.call("status").output
    assert "state     trading" in output and "paper  reconciled  yes" in output


def test_one_order_is_canceled_by_either_id(desk: Desk) -> None:
    desk.api.answers["DELETE", "/v1/orders/42"] = (202, {"order": ORDER})
    desk.api.answers["GET", "/v1/orders/by-client-id/a%2F1"] = (200, {"order": ORDER})
    assert desk.call("cancel", "42").exit_code == 0
    assert desk.call("cancel", "--client-order-id", "a/1").exit_code == 0
    assert [entry[1] for entry in desk.api.asked] == [
        "/v1/orders/42",
        "/v1/orders/by-client-id/a%2F1",
        "/v1/orders/42",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("cancel", "--all"),
        ("kill", "firm", "--actor", "a", "--reason", "r"),
        ("enable", "firm", "--actor", "a", "--reason", "r"),
    ],
)
def test_destructive_commands_need_yes_without_a_terminal(desk: Desk, words: list[str]) -> None:
    result = desk.call(*words)
    assert result.exit_code == 4
    assert "NOT_CONFIRMED" in result.output and "--yes" in result.output
    assert desk.api.asked == []


def test_kill_and_mass_cancel_say_what_was_done(desk: Desk) -> None:
    desk.api.answers["DELETE", "/v1/orders"] = (202, {"cancels_sent": 3, "cancels_refused": 1})
    left = {"cancels_pending": 1, "cancels_refused": 4, "waiting": {"VENUE_QUEUE_FULL": 7}}
    desk.api.answers["POST", "/v1/kill"] = (200, {"cancels_sent": 2} | left)
    result = desk.call("cancel", "--all", "--account", "demo", "--yes")
    assert result.output == "3 cancels sent, 1 refused\n"
    assert desk.api.asked[0][1] == "/v1/orders?account=demo"
    result = desk.call("kill", "account", "demo", "--actor", "a", "--reason", "r", "--yes")
    assert result.output.splitlines()[0] == (
        "account demo is halted, 2 cancels, 1 were being canceled, 4 are not yours to cancel, "
        "7 wait (VENUE_QUEUE_FULL)"
    )
    assert desk.api.asked[1][2] == {
        "level": "account",
        "name": "demo",
        "actor": "a",
        "reason": "r",
        "cancel": True,
    }


def test_a_kill_that_keeps_orders_says_so_on_the_wire(desk: Desk) -> None:
    desk.api.answers["POST", "/v1/kill"] = (200, {"sequence": 9, "cancels_sent": 0})
    words = ["kill", "firm", "--actor", "a", "--reason", "r", "--keep-orders", "--yes"]
    assert desk.call(*words).output.splitlines() == [
        "firm is halted",
        "Lift it with `gateway enable firm --actor NAME --reason TEXT`.",
    ]
    assert desk.api.asked[0][2]["cancel"] is False


def test_limits_apply_sends_only_the_rows_that_differ(desk: Desk, tmp_path: Path) -> None:
    from gateway.config import load_limits

    limits = load_limits(tmp_path / "limits.toml")
    firm, account = limits.row("firm"), limits.row("account", "demo")
    assert firm and account
    same = {"level": "firm", "name": "firm", **firm.fields(), "credit_max": "20000000.0000"}
    other = {"level": "account", "name": "demo", **account.fields(), "collar_bps": 100}
    desk.api.answers["GET", "/v1/limits"] = (200, {"limits": [same, other]})
    desk.api.answers["PUT", "/v1/limits"] = (200, {})
    words = ["limits", "apply", str(tmp_path / "limits.toml"), "--actor", "a", "--reason", "r"]
    assert desk.call(*words).exit_code == 4
    result = desk.call(*words, "--yes", "--json")
    change = {"level": "account", "name": "demo", "limit": "collar_bps", "now": 100, "new": 500}
    assert json.loads(result.output) == {"changes": [change]}
    sent = [entry[2] for entry in desk.api.asked if entry[0] == "PUT"]
    wanted = {"level": "account", "name": "demo", "fields": account.fields()}
    assert sent == [wanted | {"actor": "a", "reason": "r"}]


def test_a_gateway_that_is_not_there_is_exit_code_3(desk: Desk) -> None:
    desk.run_with(2**22 + 1, 9)
    assert desk.call("status").exit_code == 3
    desk.run_with(os.getpid(), 1)
    result = desk.call("orders", "--json")
    assert (result.exit_code, json.loads(result.output)["error"]["code"]) == (3, "NOT_RUNNING")
    (desk.ring / "run.json").unlink()
    assert "gateway run" in desk.call("status").output


def test_a_key_file_that_others_can_read_is_refused(desk: Desk) -> None:
    desk.key_file.chmod(0o644)
    result = desk.call("status")
    assert result.exit_code == 4
    assert "SECRET_MODE" in result.output and "swordfish" not in result.output
    assert desk.api.asked == []


@pytest.mark.parametrize("answer", [b"<html>", b"", b"[]", b'{"error": 1}'])
def test_an_error_without_an_error_object_is_failed_and_not_a_crash(
    desk: Desk, answer: bytes
) -> None:
    desk.api.answers["GET", "/v1/status"] = (500, answer)
    result = desk.call("status")
    assert result.exit_code == 1
    assert "BAD_ANSWER" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["orders", "--limit", "-1"],
        ["orders", "--limt", "1"],
        ["submit", "hold", "1", "X"],
        ["submit", "buy", "-1", "X", "--account", "a", "--strategy", "s"],
        ["submit", "buy", "1", "X"],
        ["cancel"],
        ["cancel", "1", "--all"],
        ["cancel", "abc"],
        ["cancel", "1", "--account", "a"],
        ["kill", "desk"],
        ["kill", "account", "--actor", "a", "--reason", "r", "--yes"],
        ["kill", "firm", "x", "--actor", "a", "--reason", "r", "--yes"],
        ["verify", "/nowhere/at/all"],
        ["replay"],
        ["status", "--url", "ftp://x", "--key-file", "{key}"],
        ["bench", "nothing"],
    ],
)
def test_wrong_usage_is_exit_code_2_and_asks_nobody(desk: Desk, words: list[str]) -> None:
    words = [word.replace("{key}", str(desk.key_file)) for word in words]
    result = CliRunner().invoke(root, words)
    assert result.exit_code == 2, result.output
    assert desk.api.asked == []


def test_check_lists_every_fault_and_refuses(desk: Desk) -> None:
    assert CliRunner().invoke(root, ["check", str(desk.config)]).exit_code == 0
    text = desk.config.read_text(encoding="utf-8").replace("instance = 1 ", "instnce = 0 ")
    desk.config.write_text(text + "EUR = 1\n", encoding="utf-8")
    result = CliRunner().invoke(root, ["check", str(desk.config), "--json"])
    assert result.exit_code == 4
    faults = json.loads(result.output)["error"]["faults"]
    assert [fault["code"] for fault in faults] == ["UNKNOWN_KEY", "WRONG_TYPE"]
    assert faults[0]["nearest"] == "instance" and faults[0]["line"] > 0


def test_config_show_names_the_origin_of_each_value(desk: Desk) -> None:
    result = CliRunner().invoke(
        root, ["config", "show", str(desk.config)], env={"GATEWAY_API_PORT": "9100"}
    )
    line = next(line for line in result.output.splitlines() if line.startswith("api.port"))
    assert line.split(maxsplit=2)[1:] == ["9100", "environment GATEWAY_API_PORT"]
    schema = CliRunner().invoke(root, ["config", "schema"]).output
    assert "GatewaySettings" in json.loads(schema)["$defs"]


def test_doctor_looks_at_machine_and_files(desk: Desk) -> None:
    desk.key_file.chmod(0o640)
    result = CliRunner().invoke(root, ["doctor", str(desk.config), "--json"])
    findings = {row["name"]: row for row in json.loads(result.output)["findings"]}
    assert result.exit_code == 1
    assert findings["command line key"]["level"] == "fail"
    assert findings["command line key"]["hint"].startswith("chmod 600")
    assert findings["processors"]["level"] in {"ok", "warn"}
    assert findings["configuration"]["level"] == "ok"
    assert findings["pinned processors"] == {
        "level": "ok", "name": "pinned processors", "text": "none asked", "hint": ""
    }  # fmt: skip
    assert findings["memory nodes"]["text"].startswith("node ")
    assert findings["transport epoll"]["level"] == "ok"
    assert "slot" in findings["transport af_xdp"]["text"]
    assert "slot" in findings["transport dpdk"]["text"]


def test_doctor_names_a_cpu_that_cannot_be_used_by_its_code(desk: Desk) -> None:
    text = desk.config.read_text(encoding="utf-8")
    text = text.replace('drive = "inline"', 'drive = "pinned"').replace(
        "engine_cpu = -1", "engine_cpu = 4095"
    )
    desk.config.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(root, ["doctor", str(desk.config), "--json"])
    findings = {row["name"]: row for row in json.loads(result.output)["findings"]}
    assert result.exit_code == 1
    assert findings["pinned processors"]["level"] == "fail"
    assert findings["pinned processors"]["text"].startswith("CPU_NOT_PRESENT engine on CPU 4095")


def test_explain_knows_refusals_and_faults() -> None:
    found = json.loads(CliRunner().invoke(root, ["explain", "position_limit", "--json"]).output)
    assert (found["number"], found["http_status"], found["exit_code"]) == (86, 422, 4)
    assert "No setting" in CliRunner().invoke(root, ["explain", "UNKNOWN_KEY"]).output
    result = CliRunner().invoke(root, ["explain", "POSITION_LIMITS"])
    assert result.exit_code == 1 and "POSITION_LIMIT`" in result.output


def test_breaks_are_listed_and_one_is_resolved_by_a_named_person(desk: Desk) -> None:
    row = {
        "id": "88e436774bb65f06",
        "venue": "paper",
        "kind": "position_differs",
        "text": "differs",
    }
    desk.api.answers["GET", "/v1/breaks"] = 200, {"breaks": [row]}
    assert "88e436774bb65f06" in desk.call("breaks").output
    assert json.loads(desk.call("breaks", "--all", "--json").output) == {"breaks": [row]}
    assert [each[1] for each in desk.api.asked] == ["/v1/breaks?open=true", "/v1/breaks?open=false"]
    path = "/v1/breaks/88e436774bb65f06/resolve"
    desk.api.answers["POST", path] = 200, {"break": row}
    words = ("breaks", "--resolve", "88e436774bb65f06", "--actor", "anna")
    assert desk.call(*words).exit_code == 2
    result = desk.call(*words, "--reason", "dust")
    assert (result.exit_code, "is resolved" in result.output) == (0, True)
    assert desk.api.asked[-1][:3] == ("POST", path, {"actor": "anna", "reason": "dust"})
    path = "/v1/breaks/88e436774bb65f06/adopt"
    desk.api.answers["POST", path] = 200, {"break": row}
    words = ("breaks", "--adopt", "88e436774bb65f06", "--actor", "anna", "--reason", "old")
    assert desk.call(*words).exit_code == 2, "a price is needed"
    assert desk.call(*words, "--price", "91.25").exit_code == 2, "and what is taken over"
    result = desk.call(*words, "--quantity", "-3", "--price", "91.25", "--strategy", "alpha")
    assert (result.exit_code, "is booked" in result.output) == (0, True)
    wish = {"actor": "anna", "reason": "old", "quantity": "-3", "price": "91.25"}
    wish["strategy"] = "alpha"
    assert desk.api.asked[-1][:3] == ("POST", path, wish)


@pytest.mark.parametrize("name", ["reconcile", "restart-adapter"])
def test_a_venue_is_compared_or_handed_over_on_demand(desk: Desk, name: str) -> None:
    path = f"/v1/venues/paper/{name}"
    answer = {"venue": "paper", "breaks": ["main USDT: venue - ours = 1"]}
    desk.api.answers["POST", path] = 200, answer
    result = desk.call(name, "paper")
    assert result.exit_code == 0
    assert "open breaks: 1" in result.output
    assert "venue - ours = 1" in result.output
    assert desk.api.asked[-1][:3] == ("POST", path, None)
    assert json.loads(desk.call(name, "paper", "--json").output) == answer
