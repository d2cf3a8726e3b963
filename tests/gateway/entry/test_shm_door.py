"""The shared-memory door of a real daemon: a C client, a Python client, both drives, hostile
clients and dead ones."""

import array
import asyncio
import contextlib
import json
import mmap
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from real_programs import RealGateway, until

from gateway.api import RefusedError
from gateway.client import PortClient, PortEnded, ReplyKind
from gateway.core.vocabulary import RecordKind

ROOT = Path(__file__).parents[3]
INSTRUMENT = "BTC-USDT.paper"
LOGIN = struct.Struct("<8sIIQ256s")


def start(folder, drive):
    world = RealGateway(folder)
    world.start_paper()
    text = (folder / "gateway.toml").read_text().replace('drive = "inline"', f'drive = "{drive}"')
    text = text.replace("requests_per_second = 10000\nrequest_burst = 10000\n", "")
    (folder / "gateway.toml").write_text(text + "\n[shm]\nenabled = true\nports_max = 4\n")
    world.start_daemon()
    world.socket = json.loads((world.ring / "run.json").read_text())["shm_socket"]
    wait_for_prices(world)
    return world


def wait_for_prices(world):
    """The venue trades before its first price is here; until then the gate refuses."""
    body = {"client_order_id": "first", "account": "main", "instrument": INSTRUMENT}
    body |= {"strategy": "alpha", "side": "buy", "type": "limit", "time_in_force": "gtc"}
    body |= {"quantity": "0.001", "price": "48000.0"}
    until(lambda: world.call("POST", "/v1/orders", body)[0] in (200, 201), what="a price")
    order_id = world.call("GET", "/v1/orders/by-client-id/first")[1]["order"]["order_id"]
    world.call("DELETE", f"/v1/orders/{order_id}")
    world.wait_order(order_id, "CANCELED")


@pytest.fixture(scope="module", params=["inline", "pinned"])
def world(request, tmp_path_factory):
    made = start(tmp_path_factory.mktemp(f"shm-{request.param}"), request.param)
    yield made
    made.close()


@pytest.fixture
def client(world):
    """A port of its own, once the venue has ended what the test before asked to cancel."""
    until(lambda: not world.call("GET", "/v1/status")[1]["open_orders"], what="no open order")
    with PortClient.connect(world.socket, world.key) as made:
        seen.clear()
        yield made


seen = []  # every event of the test's client
numbers = iter(range(1, 1_000_000))


def submit(client, **changes):
    order = {
        "client_order_id": f"shm-{next(numbers)}",
        "instrument": INSTRUMENT,
        "account": "main",
        "strategy": "alpha",
        "side": "buy",
        "type": "limit",
        "time_in_force": "gtc",
        "quantity": "0.010",
        "price": "49000.0",
    }
    return client.submit(**(order | changes))


def next_of(client, kind, order_id):
    """The first event of this kind about the order."""

    def look():
        seen.extend(client.replies())
        found = [each for each in seen if (each.kind, each.order_id) == (kind, order_id)]
        return found[0] if found else None

    return until(look, what=f"{kind!r} of order {order_id}")


def held_ports(world):
    """Ports the daemon says are open: logged opens minus ends."""
    text = world.daemon.text()
    return text.count('"port opened"') - text.count('"port ended"')


def wait_for_free_ports(world, but=0):
    until(lambda: held_ports(world) == but, what="ports given back")


def test_the_socket_is_private_and_named_in_run_json(world):
    assert Path(world.socket).stat().st_mode & 0o777 == 0o600


def test_an_order_is_acknowledged_accepted_and_cancelled(world, client):
    verdict = client.wait(submit(client))
    assert (verdict.kind, verdict.refusal) == (RecordKind.ORDER_NEW, "")
    assert next_of(client, RecordKind.ORDER_ACCEPTED, verdict.order_id).state == "NEW"
    row = world.order(verdict.order_id)
    assert (row["principal"], row["quantity"], row["price"]) == ("desk", "0.01", "49000")
    assert str(client.price(verdict)) == "49000.0"
    asked = client.wait(client.cancel(verdict.order_id))
    assert asked.kind == RecordKind.CANCEL_REQUESTED
    assert next_of(client, RecordKind.ORDER_CANCELED, verdict.order_id).state == "CANCELED"
    late = client.wait(client.cancel(verdict.order_id))
    assert late.refusal == "TOO_LATE_TO_CANCEL"


def test_a_fill_comes_back_with_quantity_and_value(client):
    request = submit(client, type="market", time_in_force="ioc", price="")
    verdict = client.wait(request)
    filled = next_of(client, RecordKind.ORDER_FILLED, verdict.order_id)
    assert filled.cumulative > 0
    assert filled.value_e18 > 0
    assert str(client.quantity(filled, filled.cumulative)) == "0.010"


def test_an_order_is_replaced_through_the_port(client):
    verdict = client.wait(submit(client))
    next_of(client, RecordKind.ORDER_ACCEPTED, verdict.order_id)
    changed = client.replace(verdict.order_id, instrument=INSTRUMENT, price="48999.0")
    assert client.wait(changed).kind == RecordKind.REPLACE_REQUESTED
    replaced = next_of(client, RecordKind.ORDER_REPLACED, verdict.order_id)
    assert str(client.price(replaced)) == "48999.0"
    client.wait(client.cancel(verdict.order_id))


def test_one_intent_through_rest_and_shared_memory_is_one_order(world, client):
    name = f"both-{next(numbers)}"
    first = client.wait(submit(client, client_order_id=name))
    body = {"quantity": "0.010", "price": "49000.0", "client_order_id": name}
    full = {"account": "main", "instrument": INSTRUMENT, "strategy": "alpha", "side": "buy"}
    full |= {"type": "limit", "time_in_force": "gtc"} | body
    status, answer = world.call("POST", "/v1/orders", full)
    assert (status, answer["order"]["order_id"]) == (200, str(first.order_id))
    again = client.wait(submit(client, client_order_id=name))
    assert again.is_known_already
    other = client.wait(submit(client, client_order_id=name, quantity="0.011"))
    assert other.refusal == "ID_CONFLICT"
    client.wait(client.cancel(first.order_id))


def test_an_order_is_recorded_alike_whichever_door_it_came_through(world, client):
    by_memory = client.wait(submit(client)).order_id
    next_of(client, RecordKind.ORDER_ACCEPTED, by_memory)
    by_rest = world.submit("buy", "0.010", "49000.0")["order_id"]
    # Events of the principal's orders come to the port too, whichever door they came through.
    next_of(client, RecordKind.ORDER_ACCEPTED, int(by_rest))
    own = {"order_id", "client_order_id", "venue_order_id", "created_ns", "updated_ns", "sequence"}
    rows = [world.order(order_id) for order_id in (by_memory, by_rest)]
    alike = [{name: row[name] for name in row if name not in own} for row in rows]
    assert alike[0] == alike[1]
    assert client.wait(client.mass_cancel(strategy="alpha")).current == 2


@contextlib.asynccontextmanager
async def listening(world):
    """A session that subscribed to orders and fills: `hear(order_id)` waits for events of it."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{world.url}/v1/ws") as session,
        asyncio.timeout(300),
    ):
        for operation in (
            {"op": "login", "key": world.key},
            {"op": "subscribe", "channel": "orders"},
            {"op": "subscribe", "channel": "fills"},
        ):
            await session.send_json(operation)
            while "ok" not in (answer := await session.receive_json()):
                pass
            assert answer["ok"], answer

        async def hear(order_id, is_last):
            """(channel, state) of the order's events until `is_last(channel, row)`."""
            told = []
            while True:
                event = await session.receive_json()
                if event["order"]["order_id"] != str(order_id):
                    continue
                told.append((event["channel"], event["order"]["state"]))
                if is_last(event["channel"], event["order"]):
                    return told

        yield hear


@pytest.mark.asyncio
async def test_a_session_of_the_principal_hears_of_orders_by_shared_memory(world, client):
    async with listening(world) as hear:
        resting = (await asyncio.to_thread(client.wait, submit(client))).order_id
        told = await hear(resting, lambda _, row: row["state"] == "NEW")
        assert told[-1] == ("orders", "NEW") and told[0][0] == "orders"
        await asyncio.to_thread(client.wait, client.cancel(resting))
        told = await hear(resting, lambda _, row: row["state"] == "CANCELED")
        assert told[-1] == ("orders", "CANCELED")
        taking = submit(client, type="market", time_in_force="ioc", price="")
        filled = (await asyncio.to_thread(client.wait, taking)).order_id
        told = await hear(filled, lambda channel, _: channel == "fills")
        assert told[-1] == ("fills", "FILLED")


def test_a_refusal_is_the_gate_s_with_its_numbers(client):
    refused = client.wait(submit(client, quantity="101"))
    assert (refused.kind, refused.refusal) == (RecordKind.ORDER_REFUSED, "MAX_ORDER_QUANTITY")
    assert refused.limit > 0
    with pytest.raises(RefusedError, match="PRECISION"):
        submit(client, price="1.2345")
    with pytest.raises(RefusedError, match="UNKNOWN_ACCOUNT"):
        submit(client, account="nobody")


def test_open_orders_are_told_again_and_cancelled_together(client):
    ids = {client.wait(submit(client)).order_id for _ in range(3)}
    for order_id in ids:
        next_of(client, RecordKind.ORDER_ACCEPTED, order_id)
    end = client.wait(client.query_all())
    images = [each for each in client.replies() if each.kind == ReplyKind.ORDER_IMAGE]
    assert end.kind == ReplyKind.IMAGES_END
    assert ids <= {each.order_id for each in images}
    assert end.current == len(images)
    swept = client.wait(client.mass_cancel(account="main", instrument=INSTRUMENT))
    assert swept.current >= 3
    for order_id in ids:
        next_of(client, RecordKind.ORDER_CANCELED, order_id)


def test_a_wrong_key_a_wrong_version_and_a_crowd_are_refused_by_name(world):
    wait_for_free_ports(world)
    with pytest.raises(RefusedError, match="NOT_AUTHENTICATED"):
        PortClient.connect(world.socket, "demo.0123456789abcdef0123456789abcdef")
    for version, code in ((2, b"LAYOUT_VERSION"), (1, b"BAD_TYPE")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
            line.connect(world.socket)
            size = LOGIN.size if version == 2 else 100
            line.send(LOGIN.pack(b"GWPORT01", version, 0, 0, world.key.encode())[:size])
            assert code in line.recv(256)
    held = [PortClient.connect(world.socket, world.key) for _ in range(4)]
    with pytest.raises(RefusedError, match="TOO_MANY_REQUESTS"):
        PortClient.connect(world.socket, world.key)
    for each in held:
        each.close()
    wait_for_free_ports(world)


def test_the_c_client_compiles_strictly_submits_and_cancels(world, tmp_path):
    compiler = shutil.which("gcc") or shutil.which("cc")
    assert compiler, "a C compiler built the gateway"
    program = tmp_path / "port_client"
    source = Path(__file__).with_name("port_client.c")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2"]
    include = f"-I{ROOT / 'core_ext' / 'include'}"
    subprocess.run([compiler, *flags, include, str(source), "-o", str(program)], check=True)
    words = [world.socket, world.key, INSTRUMENT, "main", "alpha", "490000", "10"]
    done = subprocess.run(
        [program, *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [int(line[0]) for line in lines] == [30, 40, 32, 42]
    assert len({line[1] for line in lines}) == 1
    row = world.order(lines[0][1])
    assert (row["client_order_id"], row["state"]) == ("from-c", "CANCELED")


LIFE = """
import sys, time
from gateway.client import PortClient
client = PortClient.connect(sys.argv[1], sys.argv[2], cancel_on_disconnect=True)
order = dict(instrument="BTC-USDT.paper", account="main", strategy="alpha", side="buy",
             type="limit", time_in_force="gtc", quantity="0.010", price="49000.0")
first = client.wait(client.submit(client_order_id=sys.argv[3], **order))
print(first.order_id, flush=True)
number = 0
while True:  # killed somewhere in here
    number += 1
    client.submit(client_order_id=f"{sys.argv[3]}-{number}", **order)
    client.replies()
    time.sleep(0.002)
"""


def test_a_client_killed_in_the_middle_has_its_orders_cancelled_and_its_port_freed(world):
    name = f"life-{next(numbers)}"
    victim = subprocess.Popen(
        [sys.executable, "-c", LIFE, world.socket, world.key, name], stdout=subprocess.PIPE
    )
    first = victim.stdout.readline()
    assert first, "the client ended by itself"
    order_id = first.strip().decode()
    until(lambda: world.call("GET", f"/v1/orders/by-client-id/{name}-5")[0] == 200)
    victim.send_signal(signal.SIGKILL)
    victim.wait(60)
    victim.stdout.close()
    world.wait_order(order_id, "CANCELED")

    def is_empty():
        rows = world.call("GET", "/v1/orders?open=true&limit=1000")[1]["orders"]
        return not [row for row in rows if row["client_order_id"].startswith(name)]

    until(is_empty, what="no open order of the dead client")
    wait_for_free_ports(world)
    with PortClient.connect(world.socket, world.key) as other:
        assert other.wait(other.ping()).kind == ReplyKind.PONG


@contextlib.contextmanager
def raw_port(world):
    """Socket, descriptors and both lanes of a port, without any client code between."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.connect(world.socket)
        line.send(LOGIN.pack(b"GWPORT01", 1, 0, 0, world.key.encode()))
        _, files, _, _ = socket.recv_fds(line, 256, 4)
        assert len(files) == 2
        lanes = [mmap.mmap(each, 0) for each in files]
        try:
            yield line, files, lanes
        finally:
            for lane, file in zip(lanes, files, strict=True):
                lane.close()
                os.close(file)


def jump_ahead(lane):
    lane[128:136] = b"\xff" * 8


def write_garbage(lane):
    lane[256:] = os.urandom(len(lane) - 256)
    lane[256:258] = b"\xee\xee"
    lane[128:136] = struct.pack("<Q", 1)


def claim_seven_entries(lane):
    lane[256:260] = b"\x06\x00\x07\x00"
    lane[128:136] = struct.pack("<Q", 1)


@pytest.mark.parametrize(
    ("word", "attack"),
    [("bad_index", jump_ahead), ("bad_kind", write_garbage), ("bad_length", claim_seven_entries)],
)
def test_a_hostile_client_ends_its_own_port_and_nothing_else(world, client, word, attack):
    before = world.call("GET", "/v1/status")[1]["state_hash"]
    with raw_port(world) as (line, _, lanes):
        attack(lanes[0])
        line.send(b"\0")  # the inline drive is woken, the pinned one looks by itself
        until(lambda: f'"end":"{word}"' in world.daemon.text(), what=word)
        assert line.recv(64) == b""
        assert client.wait(client.ping()).kind == ReplyKind.PONG
    assert world.call("GET", "/v1/status")[1]["state_hash"] == before


def test_the_lanes_cannot_be_truncated_or_grown_under_the_engine(world, client):
    with raw_port(world) as (_, files, _):
        for each in files:
            for size in (0, 1 << 20):
                with pytest.raises(OSError, match="not permitted"):
                    os.ftruncate(each, size)
        assert client.wait(client.ping()).kind == ReplyKind.PONG


def test_packets_that_are_no_lookups_end_the_port_of_their_sender(world, client):
    with raw_port(world) as (line, _, _):
        line.send(b"x" * 65)
        assert line.recv(64) == b""
    assert client.wait(client.ping()).kind == ReplyKind.PONG


def test_descriptors_that_a_client_sends_are_not_kept(world, client):
    wait_for_free_ports(world, but=1)
    files_of = Path(f"/proc/{world.daemon.process.pid}/fd")
    held = len(list(files_of.iterdir()))
    with raw_port(world) as (line, _, _):
        mine = array.array("i", [line.fileno()])
        line.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, mine)])
    until(lambda: len(list(files_of.iterdir())) <= held, what="no new file")
    assert client.wait(client.ping()).kind == ReplyKind.PONG


def test_a_revoked_key_ends_its_port(world):
    keys = world.folder / "journal" / "keys.toml"
    kept = keys.read_text()
    with PortClient.connect(world.socket, world.key) as doomed:
        keys.write_text(kept.split("[keys.demo]")[0])
        world.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: doomed.end == "key_revoked", what="the end of the port")
        with pytest.raises(PortEnded):
            doomed.wait(doomed.ping(), 0.5)
    keys.write_text(kept)
    world.daemon.process.send_signal(signal.SIGHUP)

    def is_back():
        try:
            PortClient.connect(world.socket, world.key).close()
        except RefusedError:
            return False
        return True

    until(is_back, what="the key again")


def test_an_orderly_stop_ends_ports_and_removes_the_socket(tmp_path):
    world = start(tmp_path, "inline")
    try:
        with PortClient.connect(world.socket, world.key) as client:
            assert world.daemon.stop() == 0
            until(lambda: client.end == "stopping", what="the end of the port")
        assert not Path(world.socket).exists()
        with pytest.raises(OSError, match=r"No such file|refused"):
            PortClient.connect(world.socket, world.key)
    finally:
        world.close()


def test_a_killed_gateway_is_noticed_and_its_orders_are_asked_for_after_a_new_attach(tmp_path):
    world = start(tmp_path, "inline")
    try:
        with PortClient.connect(world.socket, world.key) as client:
            kept = client.wait(submit(client)).order_id
            next_of(client, RecordKind.ORDER_ACCEPTED, kept)
            world.daemon.kill()
            with pytest.raises(PortEnded, match="gone"):
                client.wait(client.ping(), 300)
        world.start_daemon()
        world.key = (tmp_path / "journal" / "demo.key").read_text().strip()
        with PortClient.connect(world.socket, world.key) as client:
            end = client.wait(client.query_all())
            images = [each.order_id for each in client.replies()]
            assert (end.current, images) == (1, [kept])
            client.wait(client.cancel(kept))
            next_of(client, RecordKind.ORDER_CANCELED, kept)
    finally:
        world.close()


def test_after_a_kill_the_next_start_cancels_what_the_port_wanted_cancelled_and_no_more(tmp_path):
    world = start(tmp_path, "inline")
    try:
        with PortClient.connect(world.socket, world.key) as keeps:
            kept = keeps.wait(submit(keeps)).order_id
            next_of(keeps, RecordKind.ORDER_ACCEPTED, kept)
            with PortClient.connect(world.socket, world.key, cancel_on_disconnect=True) as client:
                own = client.wait(submit(client)).order_id
                next_of(client, RecordKind.ORDER_ACCEPTED, own)
                world.daemon.kill()
        world.start_daemon()
        world.key = (tmp_path / "journal" / "demo.key").read_text().strip()
        world.wait_order(own, "CANCELED")
        assert world.order(kept)["state"] == "NEW"
    finally:
        world.close()


def test_without_the_setting_nothing_listens(tmp_path):
    world = RealGateway(tmp_path)
    try:
        world.start_paper()
        world.start_daemon()
        assert "shm_socket" not in json.loads((world.ring / "run.json").read_text())
        assert not (world.ring / "port.sock").exists()
    finally:
        world.close()


def test_the_door_answers_while_time_passes(world, client):
    for _ in range(20):
        passed = client.round_trip_ns(60)
        assert passed is not None
        time.sleep(0.001)
