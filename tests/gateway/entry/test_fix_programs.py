"""The FIX door of a real daemon: the guide's counterparty, every door beside it, and kills."""

import json
import random
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
import simplefix
from real_programs import RealGateway, until

from gateway.client import PortClient
from gateway.transport.fix_session import format_time

ROOT = Path(__file__).parents[3]
INSTRUMENT = "BTC-USDT.paper"
SECONDS_MAX = 300
FIX = """
[shm]
enabled = true
ports_max = 4
[fix]
enabled = true
port = 0
[fix.sessions.fund]
target_comp_id = "FUND"
principal = "desk"
accounts = ["main"]
strategies = ["alpha"]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = RealGateway(tmp_path_factory.mktemp("fix"))
    made.start_paper()
    file = made.folder / "gateway.toml"
    file.write_text(file.read_text() + FIX)
    made.start_daemon()
    made.submit("buy", "0.001")  # a price is here
    yield made
    made.close()


def place(world):
    host, _, port = json.loads((world.ring / "run.json").read_text())["fix"].rpartition(":")
    return host, int(port)


def test_the_guides_counterparty_logs_on_and_trades(world, tmp_path):
    guide = (ROOT / "docs/guides/fix_quick_start.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    program = program.replace('(1, "demo")', '(1, "main")')  # as this world calls its account
    (tmp_path / "quick.py").write_text(program)
    host, port = place(world)
    done = subprocess.run(
        [sys.executable, "quick.py", host, str(port), world.key],
        cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "logon A" in done.stdout and "working " in done.stdout, done.stdout
    order_id = re.search(r"working (\d+)", done.stdout)[1]
    assert world.order(order_id)["client_order_id"] == "quick-1"


def command(world, *arguments):
    """What `gateway fix-sessions` prints as JSON, with the operator's key."""
    line = [sys.executable, "-m", "gateway", "fix-sessions", "--config", "gateway.toml", "--json"]
    done = subprocess.run(
        [*line, *arguments], cwd=world.folder, capture_output=True, text=True,
        timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_person_adds_and_disables_a_session_from_the_command_line(world):
    person = ("--actor", "anna", "--reason", "new client")
    settings = ("--setting", "target_comp_id=COPY", "--setting", "principal=desk")
    settings += ("--setting", "kind=drop_copy", "--setting", "heartbeat_seconds_max=20")
    begin, end = (time.strftime("%H:%M", time.gmtime(time.time() + 3600 * n)) for n in (6, 7))
    hours = f'{{start_time = "{begin}", end_time = "{end}", time_zone = "UTC"}}'
    settings += ("--setting", f"schedule={hours}", "--setting", "reset_at_start=false")
    added = command(world, "--add", "copy", *settings, *person)["fix_session"]
    assert (added["session"], added["enabled"]) == ("FIX.4.4:GATEWAY->COPY", True)
    assert added["is_session_time"] is False
    assert command(world, "--disable", "copy", *person)["fix_session"]["enabled"] is False
    rows = {row["name"]: row for row in command(world)["fix_sessions"]}
    assert {"fund", "copy"} <= set(rows)
    assert (rows["copy"]["kind"], rows["copy"]["enabled"]) == ("drop_copy", False)
    written = (world.folder / "journal" / "fix_sessions.jsonl").read_text().splitlines()
    assert [json.loads(line)["action"] for line in written] == ["add", "disable"]


class Counterparty:
    """A session of its own making: keeps its numbers and its messages, resends orders, and asks
    for what it missed. `told` is every application message by its number."""

    def __init__(self, world):
        self.world = world
        self.sent = {}
        self.number, self.expected = 1, 1
        self.told = {}

    def logon(self):
        self.line = socket.create_connection(place(self.world), timeout=SECONDS_MAX)
        self.parser = simplefix.FixParser()
        key, _, secret = self.world.key.partition(".")
        self.send("A", [(98, 0), (108, 30), (553, key), (554, secret)])

    def send(self, kind, fields, *, number=None, original=None):
        message, now = simplefix.FixMessage(), format_time(time.time_ns()).decode()
        if number is None:
            number, self.number = self.number, self.number + 1
            self.sent[number] = (kind, fields, now)
        head = [(8, "FIX.4.4"), (35, kind), (34, number), (49, "FUND"), (52, now), (56, "GATEWAY")]
        again = [(43, "Y"), (122, original)] if original else []
        for tag, value in (*head, *again, *fields):
            message.append_pair(tag, value)
        self.line.sendall(message.encode())

    def order(self, name, price):
        self.send("D", [
            (11, name), (1, "main"), (55, INSTRUMENT), (54, 1), (38, "0.01"), (40, 2),
            (44, price), (59, 1), (60, format_time(time.time_ns()).decode()),
        ])  # fmt: skip

    def read(self, seconds):
        """Take what comes within a time; False when the line is gone."""
        self.line.settimeout(seconds)
        try:
            data = self.line.recv(65536)
        except TimeoutError:
            return True
        except OSError:
            return False
        self.parser.append_buffer(data)
        while (message := self.parser.get_message()) is not None:
            self.take({int(tag): value.decode() for tag, value in reversed(message.pairs)})
        return bool(data)

    def take(self, message):
        number, kind = int(message[34]), message[35]
        if kind == "2":
            self.resend(int(message[7]))
        if kind == "1":
            self.send("0", [(112, message[112])])
        if kind == "4" and number <= self.expected:
            self.expected = max(self.expected, int(message[36]))
            return
        content = {t: v for t, v in message.items() if t not in (8, 9, 10, 43, 52, 97, 122)}
        if kind in ("8", "9", "j", "3"):
            known = self.told.setdefault(number, content)
            assert known == content, f"number {number} was used twice: {known} {content}"
        if number == self.expected:
            self.expected += 1
            while self.expected in self.told:
                self.expected += 1
        elif number > self.expected and kind != "2" and message.get(43) != "Y":
            self.send("2", [(7, self.expected), (16, 0)])

    def resend(self, first):
        """Orders again with their numbers, everything else as one gap."""
        start = first
        for number in range(first, self.number):
            kind, fields, original = self.sent[number]
            if kind != "D":
                continue
            if number > start:
                self.fill(start, number)
            self.send("D", fields, number=number, original=original)
            start = number + 1
        if start < self.number:
            self.fill(start, self.number)

    def fill(self, number, new_number):
        now = format_time(time.time_ns()).decode()
        self.send("4", [(123, "Y"), (36, new_number)], number=number, original=now)


@pytest.mark.parametrize("kills", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_kills_lose_no_order_double_none_and_use_no_number_twice(world, kills):
    chance = random.Random(kills)
    peer = Counterparty(world)
    first_number = world.call("GET", "/v1/fix-sessions")[1]["fix_sessions"][0]
    peer.number, peer.expected = first_number["next_expected"], first_number["next_outgoing"]
    names = []
    for life in range(kills):
        peer.logon()
        until(lambda: peer.read(0.01) and not peer.world.call("GET", "/v1/fix-sessions")[1][
            "fix_sessions"][0]["is_gap_open"], what="no gap")  # fmt: skip
        ends = time.monotonic() + chance.uniform(0.05, 0.3)
        while time.monotonic() < ends:
            names.append(f"k{kills}-{life}-{len(names)}")
            peer.order(names[-1], f"{48000 - len(names)}.0")
            peer.read(0.002)
        world.daemon.kill()
        while peer.read(0.05) and time.monotonic() < ends + SECONDS_MAX:
            pass
        peer.line.close()
        world.start_daemon()
        world.submit("buy", "0.001")  # a price is here again before the counterparty is
    peer.logon()

    def acknowledged():
        peer.read(0.02)
        told = {each.get(11) for each in peer.told.values() if each.get(39) in ("A", "0")}
        return set(names) <= told

    until(acknowledged, what="every order is acknowledged")
    rows = world.call("GET", "/v1/orders?open=true&limit=10000")[1]["orders"]
    ours = [
        row["client_order_id"] for row in rows if row["client_order_id"].startswith(f"k{kills}-")
    ]
    assert sorted(ours) == sorted(names), "each order once, none lost"
    ids = [each[17] for each in peer.told.values() if each[35] == "8" and each[150] != "I"]
    assert len(ids) == len(set(ids)), "no report is told twice"
    at_venue = [json.loads(line) for line in
                (world.folder / "venue_record.jsonl").read_text().splitlines()]  # fmt: skip
    placed = [row["client_order_id"] for row in at_venue if row.get("kind") == "order"]
    assert len(placed) == len(set(placed)), "nothing was sent to the venue twice"
    peer.send("5", [])
    peer.line.close()


@pytest.mark.asyncio
async def test_the_same_intent_through_every_door_is_one_order(world):
    body = {"account": "main", "instrument": INSTRUMENT, "strategy": "alpha", "side": "buy"}
    body |= {"type": "limit", "time_in_force": "gtc", "quantity": "0.010", "price": "47000.0"}
    run = json.loads((world.ring / "run.json").read_text())
    ids = {}
    one, two = (f"{name}-{time.time_ns()}" for name in ("one", "two"))
    status, answer = world.call("POST", "/v1/orders", body | {"client_order_id": one})
    assert status == 201
    ids["rest"] = answer["order"]["order_id"]
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{world.url}/v1/ws") as session:
        await session.send_json({"op": "login", "key": world.key})
        await session.receive_json()
        order = body | {"client_order_id": one}
        await session.send_json({"op": "submit", "id": 1, "order": order})
        while (told := await session.receive_json()).get("id") != 1:
            pass
        ids["websocket"] = told["order"]["order_id"]
    with PortClient.connect(run["shm_socket"], world.key) as port:
        request = port.submit(
            client_order_id=one, instrument=INSTRUMENT, account="main", strategy="alpha",
            side="buy", type="limit", time_in_force="gtc", quantity="0.010", price="47000.0",
        )  # fmt: skip
        ids["memory"] = str(port.wait(request).order_id)
    ids["fix"] = by_fix(world, one, is_again=True)[37]
    assert len(set(ids.values())) == 1, ids
    # And an order of each door is recorded alike but for its way in and its names.
    by_fix(world, two, is_again=False)
    rows = world.call("GET", "/v1/orders?open=true&limit=10000")[1]["orders"]
    pair = [row for row in rows if row["client_order_id"] in (one, two)]
    own = {"order_id", "client_order_id", "venue_order_id", "created_ns", "updated_ns", "sequence"}
    alike = [{name: row[name] for name in row if name not in own | {"state"}} for row in pair]
    assert len(alike) == 2 and alike[0] == alike[1]
    records = [each for each in journal(world) if each["kind"] == "order_new"
               and each.get("client_id") in (one, two)]  # fmt: skip
    differing = {name for name in records[0] if records[0][name] != records[1][name]}
    entry = {"origin_port", "origin_sequence", "client_id", "order_id", "sequence", "time_ns"}
    assert "origin_port" in differing
    assert differing <= entry | {"cause", "reference_price", "reference_age_ms"}, differing


def by_fix(world, name, *, is_again):
    """The report of an order by FIX."""
    peer = Counterparty(world)
    row = world.call("GET", "/v1/fix-sessions")[1]["fix_sessions"][0]
    peer.number, peer.expected = row["next_expected"], row["next_outgoing"]
    peer.logon()
    until(lambda: peer.read(0.02) and peer.expected > row["next_outgoing"], what="the logon")
    more = [(97, "Y")] if is_again else []
    fields = [
        *more, (11, name), (1, "main"), (55, INSTRUMENT), (54, 1), (38, "0.010"), (40, 2),
        (44, "47000.0"), (59, 1), (60, format_time(time.time_ns()).decode()),
    ]  # fmt: skip
    peer.send("D", fields)

    def found():
        peer.read(0.02)
        return [each for each in peer.told.values() if each.get(11) == name and 37 in each]

    report = until(found, what="the report")[0]
    peer.send("5", [])
    until(lambda: not peer.read(0.02), what="the end of the line")
    peer.line.close()
    return report


def journal(world):
    """Every record, as the command line prints it."""
    command = [sys.executable, "-m", "gateway", "journal", "cat", "journal", "--json"]
    command += ["--ring-directory", str(world.ring)]
    done = subprocess.run(
        command, cwd=world.folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
