"""One order by each of the five doors: the journal's records differ in the entry alone."""

import asyncio
import json
import os
import subprocess
import sys

import aiohttp
import pytest
from aiohttp import web
from fix_world import new_order, open_fix
from live_door import ORDER, SECRET

from gateway.entry.in_process import InProcessClient
from gateway.entry.keys import Identity
from gateway.entry.local_api import ApiLimits, LocalApi
from gateway.entry.shm_door import ShmDoor, ShmTerms
from gateway.journal import reader

WHO = Identity("k", "desk", frozenset({"read", "trade", "cancel"}))
KEY = f"desk.{SECRET}"
ENTRY = {"origin_port", "origin_sequence", "client_id", "order_id", "sequence", "time_ns", "cause"}


async def by_rest(url, http):
    headers = {"Authorization": f"Bearer {KEY}"}
    body = ORDER | {"client_order_id": "rest"}
    async with http.post(f"{url}/v1/orders", json=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()


async def by_websocket(url, http):
    async with http.ws_connect(f"{url}/v1/ws") as session:
        await session.send_json({"op": "login", "key": KEY, "id": 1})
        await session.receive_json()
        order = ORDER | {"client_order_id": "websocket"}
        await session.send_json({"op": "submit", "id": 2, "order": order})
        assert (await session.receive_json())["ok"]


MEMORY_CLIENT = """
import json, sys
from gateway.client import PortClient
path, key, order = sys.argv[1:]
with PortClient.connect(path, key) as port:
    print(port.wait(port.submit(**json.loads(order))).refusal)
"""


async def by_memory(path):
    """A process of its own, for this client waits with the interpreter in its hands."""
    order = json.dumps(ORDER | {"client_order_id": "memory"})
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MEMORY_CLIENT, str(path), KEY, order, stdout=subprocess.PIPE
    )
    try:
        told, _ = await client.communicate()
    finally:
        if client.returncode is None:
            client.kill()
    assert (client.returncode, told.strip()) == (0, b"")


async def by_fix(fix):
    client = await fix.logged_on()
    client.send("D", new_order("fix", _38=ORDER["quantity"], _44=ORDER["price"]))
    await client.until("8", _39="A")


async def by_every_door(fix, directory):
    owner = {"owner_uid": os.getuid(), "needs_wake": True}
    memory = ShmDoor(fix.world.engine, fix.world.drive, fix.keys, ShmTerms(), **owner)
    memory.open(directory / "shm.sock")
    memory.admit()
    api = LocalApi(fix.desk, fix.keys, ApiLimits())
    runner = api.runner()
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as http:
            await by_rest(url, http)
            await by_websocket(url, http)
        await by_fix(fix)
        await InProcessClient(fix.desk, WHO).submit(**ORDER | {"client_order_id": "inside"})
        await by_memory(directory / "shm.sock")
    finally:
        await memory.close()
        await api.sessions.close()
        await runner.cleanup()


@pytest.mark.asyncio
async def test_the_records_of_every_door_differ_in_the_entry_alone(ring_directory):
    async with open_fix(ring_directory) as fix:
        async with asyncio.timeout(300):
            await by_every_door(fix, ring_directory)
        rows = fix.world.native.orders()
        by_id = {int(row["order_id"]): row["client_order_id"] for row in rows}
        records = {
            by_id[int(each["order_id"])]: each
            for each in reader.decoded(
                ring_directory / "data", ring_directory=str(ring_directory / "ring")
            )
            if each["kind"] == "order_new"
        }
    assert set(records) == {"rest", "websocket", "memory", "fix", "inside"}
    first = records["rest"]
    differing = {name for each in records.values() for name in first if each[name] != first[name]}
    assert all(set(each) == set(first) for each in records.values())
    assert "origin_sequence" in differing or "origin_port" in differing
    assert differing <= ENTRY, differing
