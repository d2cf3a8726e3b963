"""gateway risk-watch over a real journal: it says what it would do, does it with its key when it is
told to act, and outlives a gateway that refuses."""

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from flat_margin import flat_margin

from gateway.__main__ import root
from gateway.analytics import watch_memory
from gateway.analytics.risk_watch import Command
from gateway.commands import risk_watch, risk_watch_run
from gateway.commands.output import CommandFailure
from gateway.commands.risk_watch_run import send_all


@pytest.fixture
def desk(world, tmp_path):
    """Long ten at 100 on a balance of 200, at a mark that calls for margin."""
    world.fact("balance", world.account, world.usd, "200", 1, "start")
    world.fill(0, "10", "100", instrument=world.perpetual, venue_order="a")
    told = {"BTC-PERP": {"mark": "84.9", "time_ns": time.time_ns()}}
    Path(world.ring, "marks.json").write_text(json.dumps(told))
    flat_margin(tmp_path / "margin.toml", "BTC-PERP")
    (tmp_path / "policy.toml").write_text('actor = "night-desk"\ninterval_ms = 100\n')
    (tmp_path / "watch.key").write_text("watch.secret")
    (tmp_path / "watch.key").chmod(0o600)
    return world


@pytest.fixture
def live_api():
    """Takes every request with the status it is told to; remembers them."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            began = time.monotonic()
            time.sleep(server.delay_seconds)
            key = self.headers["Authorization"]
            server.taken.append((self.command, self.path, key, body))
            text = b'{"sequence": 1}'
            if server.status != 200:
                text = json.dumps({"error": {"code": server.code, "rule": "later"}}).encode()
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            server.answered.append((began, time.monotonic()))

        do_PUT = do_POST = answer

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.taken, server.status, server.code = [], 200, "JOURNAL_BEHIND"
    server.answered, server.delay_seconds = [], 0.0
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def call(world, tmp_path, *words):
    place = [world.journal, "--ring-directory", world.ring]
    files = ["--brackets", str(tmp_path / "margin.toml"), "--policy", str(tmp_path / "policy.toml")]
    return CliRunner().invoke(root, ["risk-watch", *place, *files, *words])


def test_without_act_it_says_what_it_would_do(desk, tmp_path):
    result = call(desk, tmp_path, "--count", "1", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["is_sent"] is False and told["accounts"][0]["state"] == "call"
    first, note, *rest = told["commands"]
    assert (first["path"], first["body"]["state"]) == ("/v1/trading-states", "reducing")
    assert (first["body"]["name"], first["body"]["actor"]) == ("main", "night-desk")
    assert note["path"] == "/v1/notes"
    bodies = {each["body"]["name"]: each["body"]["fields"] for each in rest}
    assert {each["path"] for each in rest} == {"/v1/measures"}
    assert bodies["main"] == {"margin_headroom": "-35.9000"}  # 200 - 151 - 84.9
    assert bodies["BTC-PERP"]["delta"] == "84.90000000"
    plain = call(desk, tmp_path, "--count", "1")
    assert "main USD: ok to call" in plain.stdout and "would send POST" in plain.stdout


def test_it_acts_with_its_own_key_once_and_again_after_a_refusal(desk, tmp_path, live_api):
    url = f"http://127.0.0.1:{live_api.server_address[1]}"
    where = ("--act", "--url", url, "--key-file", str(tmp_path / "watch.key"))
    live_api.status = 503
    result = call(desk, tmp_path, *where, "--count", "2")
    assert result.exit_code == 0 and "JOURNAL_BEHIND" in result.stderr
    states = [each for each in live_api.taken if each[1] == "/v1/trading-states"]
    assert len(states) == 2, "refused, so asked for again"
    live_api.taken.clear()
    live_api.status = 200
    assert call(desk, tmp_path, *where, "--count", "2").exit_code == 0
    states = [each for each in live_api.taken if each[1] == "/v1/trading-states"]
    assert len(states) == 1 and states[0][2] == "Bearer watch.secret"
    assert {each[1] for each in live_api.taken} == {
        "/v1/trading-states", "/v1/notes", "/v1/measures",
    }  # fmt: skip


@pytest.fixture
def act(desk, tmp_path, live_api):
    """Runs the watch against the API; (result, the states it asked for)."""
    url = f"http://127.0.0.1:{live_api.server_address[1]}"

    def run(*words):
        live_api.taken.clear()
        where = ("--act", "--url", url, "--key-file", str(tmp_path / "watch.key"))
        result = call(desk, tmp_path, *where, *words)
        asked = [each[3]["state"] for each in live_api.taken if each[1] == "/v1/trading-states"]
        return result, asked

    return run


def test_its_memory_lies_beside_the_journal_and_a_restart_asks_for_nothing_twice(
    act, desk, live_api
):
    assert act("--count", "1")[1] == ["reducing"]
    memory = Path(desk.journal, "risk_watch.json")
    kept = memory.read_bytes()
    assert act("--count", "2")[1] == []
    notes = [each[3]["subject"] for each in live_api.taken if each[1] == "/v1/notes"]
    assert notes == ["night-desk begins", "night-desk ends"], "no change is noted twice"
    memory.write_bytes(kept[: len(kept) // 2])
    result, asked = act("--count", "1")
    assert (result.exit_code, asked) == (0, ["reducing"])
    assert result.stderr.count("counts as none: it is damaged") == 1
    assert act("--count", "1")[1] == [], "it was written anew"


def test_the_memory_of_another_journal_counts_as_none(act, desk, open_world, tmp_path):
    assert act("--count", "1")[1] == ["reducing"]
    other = open_world("other")
    other.pass_time(1)
    Path(other.journal, "risk_watch.json").write_bytes(
        Path(desk.journal, "risk_watch.json").read_bytes()
    )
    other.fact("balance", other.account, other.usd, "200", 1, "start")
    other.fill(0, "10", "100", instrument=other.perpetual, venue_order="a")
    assert other.engine.sequence == desk.engine.sequence
    told = Path(desk.ring, "marks.json").read_bytes()
    Path(other.ring, "marks.json").write_bytes(told)
    desk.journal, desk.ring = other.journal, other.ring
    result, asked = act("--count", "1")
    assert asked == ["reducing"], result.output
    assert "which it names, is another one in this journal" in result.stderr


def test_a_memory_of_an_end_that_the_journal_lost_counts_as_none(act, desk):
    assert act("--count", "1")[1] == ["reducing"]
    memory = Path(desk.journal, "risk_watch.json")
    document = json.loads(memory.read_text())
    document["point"]["sequence"] += 1_000
    memory.write_text(json.dumps(document, separators=(",", ":")))
    result, asked = act("--count", "1")
    assert asked == ["reducing"]
    assert f"does not hold record {document['point']['sequence']}" in result.stderr


def test_a_dry_run_reads_the_memory_and_leaves_no_trace(act, desk, tmp_path):
    act("--count", "1")
    before = {path: path.read_bytes() for path in Path(desk.journal).glob("risk_watch*")}
    told = json.loads(call(desk, tmp_path, "--count", "1", "--json").stdout)
    assert [each["path"] for each in told["commands"]] == ["/v1/measures"] * 2
    assert {path: path.read_bytes() for path in Path(desk.journal).glob("risk_watch*")} == before
    assert not list(Path(desk.ring).glob("risk_watch*"))


def test_a_memory_that_cannot_be_written_is_told_and_stops_nothing(act, tmp_path, monkeypatch):
    def write_file(*words):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watch_memory, "write_file", write_file)
    result, asked = act("--count", "2", "--memory", str(tmp_path / "memory.json"))
    assert (result.exit_code, asked) == (0, ["reducing"])
    assert result.stderr.count("memory.json was not written") == 1
    result, asked = act("--memory", str(tmp_path / "nowhere" / "memory.json"))
    assert (result.exit_code, asked) == (1, []) and "BAD_TARGET" in result.stderr


@pytest.mark.parametrize("code", ["NOT_PERMITTED", "NOT_AUTHENTICATED"])
def test_a_key_that_is_no_good_ends_it_at_once(act, live_api, code):
    live_api.status, live_api.code = 403, code
    result, asked = act()
    assert (result.exit_code, asked) == (4, [])
    assert len(live_api.taken) == 1 and result.stderr.startswith(code)


def test_a_service_manager_hears_that_it_lives(act, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert act("--count", "2")[0].exit_code == 0
        heard = []
        with contextlib.suppress(BlockingIOError):
            while True:
                heard.append(listener.recv(4096).decode())
    assert any(each.startswith("READY=1\nSTATUS=at record ") for each in heard)
    assert "WATCHDOG=1" in heard and heard[-1].startswith("STOPPING=1")


class Silent:
    """A watch that is told what failed, and an API that does not answer from some command on."""

    def __init__(self, code):
        self.code, self.failed_paths, self.tried = code, [], 0

    def failed(self, command):
        self.failed_paths.append(command.path)

    def send(self, command):
        self.tried += 1
        if command.path == "/v1/measures":
            raise CommandFailure(1, self.code, "no answer")


def test_what_was_not_taken_for_any_other_reason_is_not_done_either():
    watch = Silent("")

    def send(command):
        raise OSError("anything")

    with pytest.raises(OSError, match="anything"):
        send_all(watch, [Command("POST", "/v1/notes", {})] * 3, send, [].append)
    assert len(watch.failed_paths) == 3


@pytest.mark.parametrize("code", ["UNKNOWN_OUTCOME", "NOT_RUNNING"])
def test_what_stands_behind_a_command_without_an_answer_waits_for_new_numbers(code):
    watch = Silent(code)
    commands = [Command("POST", "/v1/notes", {}), *[Command("PUT", "/v1/measures", {})] * 50]
    told = []
    assert send_all(watch, commands, watch.send, told.append) == 1
    assert (watch.tried, len(watch.failed_paths)) == (2, 50)
    assert told[-1] == "left for the next look: 49 commands"
    late = Silent("JOURNAL_BEHIND")
    assert send_all(late, commands, late.send, told.append, lambda: late.tried > 3) == 1
    assert (late.tried, len(late.failed_paths)) == (4, 50)


def test_a_gateway_that_comes_back_elsewhere_is_found():
    class Running:
        asked, address = [], "old"

        def connector(self, seconds_max):
            def connect():
                where = self.address
                return SimpleNamespace(request=lambda *words: self.asked.append(where))

            return connect

    running = Running()
    send = risk_watch._sender(running)
    running.address = "new"
    send(Command("POST", "/v1/notes", {}))
    assert running.asked == ["new"]


def test_a_look_that_fails_does_not_end_the_watch(desk, tmp_path, monkeypatch):
    looks = []

    def input_of(*words):
        looks.append(words)
        raise ArithmeticError("not a number")

    monkeypatch.setattr(risk_watch_run, "input_of", input_of)
    result = call(desk, tmp_path, "--count", "3")
    assert result.exit_code == 0 and len(looks) == 3
    assert result.stderr.count("this look failed: ArithmeticError") == 1, "told once a minute"


def test_what_had_no_mark_is_looked_at_again_within_a_second(desk, tmp_path):
    (tmp_path / "policy.toml").write_text('actor = "night-desk"\ninterval_ms = 60000\n')
    marks = Path(desk.ring, "marks.json")
    marks.unlink()
    began = time.monotonic()
    result = call(desk, tmp_path, "--count", "3", "--json")
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 3
    assert time.monotonic() - began < 30, "half of one interval, for two waits"


def test_a_turn_that_waited_for_answers_rests_no_longer_than_the_interval(desk, tmp_path, live_api):
    """A look may take a third of the time, but waiting for the gateway is no work."""
    live_api.status, live_api.delay_seconds = 503, 0.4  # refused, so each turn asks again
    url = f"http://127.0.0.1:{live_api.server_address[1]}"
    where = ("--act", "--url", url, "--key-file", str(tmp_path / "watch.key"))
    assert call(desk, tmp_path, *where, "--count", "2").exit_code == 0
    waited = [later[0] - before[1] for before, later in
              zip(live_api.answered, live_api.answered[1:], strict=False)]  # fmt: skip
    turn_seconds = 0.4 * len([path for _, path, *_ in live_api.taken if path != "/v1/notes"]) / 2
    assert turn_seconds >= 1.2, "long enough to tell an interval of 0.1 s from twice the turn"
    assert max(waited) < turn_seconds, "without the bound it would rest for twice that"


def test_wrong_words_are_usage_errors(desk, tmp_path):
    (tmp_path / "policy.toml").write_text('call = "1.5"\n')
    result = call(desk, tmp_path, "--count", "1")
    assert result.exit_code == 2 and "--policy" in result.output
