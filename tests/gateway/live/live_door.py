"""A served local API around a World, and a client for it."""

import contextlib
import hashlib

import aiohttp
from live_world import World

from gateway.entry.keys import KeyRing, write_private
from gateway.entry.local_api import ApiLimits, LocalApi

SECRET = "s" * 32
SCOPES = {
    "desk": frozenset({"read", "trade", "cancel"}),
    "boss": frozenset({"read", "cancel", "admin"}),
    "risk-watch": frozenset({"read", "risk"}),
}
KEYS = {
    "desk": ("desk", ["read", "trade", "cancel"]),
    "reader": ("desk", ["read"]),
    "canceller": ("desk", ["cancel"]),
    "boss": ("boss", ["read", "cancel", "admin"]),
    "raised": ("desk", ["admin"]),
    "watch": ("risk-watch", ["read", "risk"]),
}
ORDER = {
    "client_order_id": "c1",
    "account": "main",
    "instrument": "BTC-USDT.sim",
    "strategy": "alpha",
    "side": "buy",
    "type": "limit",
    "time_in_force": "gtc",
    "quantity": "2",
    "price": "100",
}


def write_keys(path, keys=KEYS):
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    lines = [
        f'[keys.{key_id}]\nsha256 = "{digest}"\nprincipal = "{who}"\nscopes = {scopes!r}\n'
        for key_id, (who, scopes) in keys.items()
    ]
    write_private(path, "\n".join(lines))


class Door:
    def __init__(self, world, api, url, http):
        self.world, self.api, self.url, self.http = world, api, url, http

    async def call(self, method, path, *, key="desk", body=None, **more):
        headers = {"Authorization": f"Bearer {key}.{SECRET}"} if key else {}
        kind = "data" if isinstance(body, bytes) else "json"
        if body is not None:
            more[kind] = body
        async with self.http.request(method, self.url + path, headers=headers, **more) as answer:
            return answer.status, await answer.json()

    async def ws(self):
        return await self.http.ws_connect(self.url + "/v1/ws")


@contextlib.asynccontextmanager
async def open_door(directory, limits=None, page_origins=()):
    """A reconciled world behind a door on a port the kernel chose."""
    from aiohttp import web

    world = World()
    await world.connect()
    keys_file = directory / "keys.toml"
    write_keys(keys_file)
    keys = KeyRing(keys_file, SCOPES)
    api = LocalApi(world.desk, keys, limits or ApiLimits(), page_origins=page_origins)
    runner = api.runner()
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as http:
        yield Door(world, api, f"http://127.0.0.1:{port}", http)
    await api.sessions.close()
    await runner.cleanup()
    world.close()
