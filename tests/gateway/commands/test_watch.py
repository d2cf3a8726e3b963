"""`gateway watch` over a real WebSocket: logs on, subscribes, prints rows, ends cleanly."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from click.testing import CliRunner, Result

from gateway.__main__ import root

ORDER = {"order_id": "42", "state": "NEW", "quantity": "0.5", "price": None, "sequence": 7}
EVENTS = [
    {"channel": "orders", "sequence": 7, "order": ORDER},
    {"channel": "positions", "sequence": 8, "positions": [{"account": "a"}, {"account": "b"}]},
]


class SocketDoor:
    """A WebSocket door that knows one key and sends EVENTS after the last subscription."""

    def __init__(self, subscriptions: int) -> None:
        self.subscriptions = subscriptions
        self.heard: list[dict[str, Any]] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._is_open = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    async def _handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            self.heard.append(asked)
            if asked["op"] == "login" and asked["key"] != "CLI.swordfish":
                error = {"code": "NOT_AUTHENTICATED", "rule": "wrong"}
                await socket.send_json({"id": asked["id"], "ok": False, "error": error})
                continue
            await socket.send_json({"id": asked["id"], "ok": True, "channel": "x"})
            if len(self.heard) == 1 + self.subscriptions:
                for event in EVENTS:
                    await socket.send_json(event)
                await socket.close()
        return socket

    def _serve(self) -> None:
        async def start() -> web.AppRunner:
            app = web.Application()
            app.router.add_get("/v1/ws", self._handle)
            runner = web.AppRunner(app, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.port = runner.addresses[0][1]
            self._is_open.set()
            return runner

        runner = self._loop.run_until_complete(start())
        self._loop.run_forever()
        self._loop.run_until_complete(asyncio.wait_for(runner.cleanup(), 60))
        self._loop.close()

    def __enter__(self) -> "SocketDoor":
        self._thread.start()
        assert self._is_open.wait(60)
        return self

    def __exit__(self, *cause: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)


@pytest.fixture
def door() -> Iterator[SocketDoor]:
    with SocketDoor(subscriptions=1) as door:
        yield door


def watch(door: SocketDoor, tmp_path: Path, *words: str, key: str = "CLI.swordfish") -> Result:
    key_file = tmp_path / "key"
    key_file.write_text(key, encoding="ascii")
    key_file.chmod(0o600)
    where = ["--url", f"http://127.0.0.1:{door.port}", "--key-file", str(key_file)]
    return CliRunner().invoke(root, ["watch", *words, *where])


def test_rows_are_printed_until_the_count_is_reached(door: SocketDoor, tmp_path: Path) -> None:
    result = watch(door, tmp_path, "orders", "--count", "2")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "orders             7  order_id=42 state=NEW quantity=0.5",
        "positions          8  account=a",
        "positions          8  account=b",
    ]
    assert [asked["op"] for asked in door.heard] == ["login", "subscribe"]


def test_events_come_as_json_lines(door: SocketDoor, tmp_path: Path) -> None:
    result = watch(door, tmp_path, "orders", "--count", "2", "--json")
    assert [json.loads(line) for line in result.output.splitlines()] == EVENTS


def test_a_closed_connection_is_told_as_not_running(door: SocketDoor, tmp_path: Path) -> None:
    result = watch(door, tmp_path, "orders")
    assert result.exit_code == 3
    assert "closed the connection" in result.output


def test_a_wrong_key_is_refused_and_not_shown(door: SocketDoor, tmp_path: Path) -> None:
    result = watch(door, tmp_path, "orders", key="CLI.trout")
    assert result.exit_code == 4
    assert "NOT_AUTHENTICATED" in result.output and "trout" not in result.output


def test_nobody_listening_is_exit_code_3(tmp_path: Path, door: SocketDoor) -> None:
    door.port = 1
    assert watch(door, tmp_path, "orders").exit_code == 3
