"""The published contract: complete, loadable, and kept by the live door."""

import asyncio
import logging
import threading

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from live_door import ORDER, SECRET, open_door

from gateway.entry import api_messages
from gateway.entry.api_messages import WS_MESSAGES, WS_OPERATIONS
from gateway.entry.openapi import WEBSOCKET_PATH, openapi_document
from gateway.entry.routes import ROUTES


def test_every_route_is_in_the_document():
    paths = openapi_document()["paths"]
    routes = {(r.method.lower(), r.path) for r in ROUTES}
    assert routes | {("get", WEBSOCKET_PATH)} == {
        (method, path) for path, methods in paths.items() for method in methods
    }


def test_every_reference_of_the_document_exists():
    document = openapi_document()
    text = repr(document)
    names = set(document["components"]["schemas"])
    used = {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= names


def spoken(direction):
    """Schema names of one direction of the WebSocket."""
    messages = openapi_document()["paths"][WEBSOCKET_PATH]["get"]["x-websocket"][direction]
    return [each["$ref"].rpartition("/")[2] for each in messages["oneOf"]]


def test_the_document_names_every_message_of_the_websocket():
    assert spoken("send") == [kind.__name__ for kind in WS_OPERATIONS]
    assert spoken("receive") == [kind.__name__ for kind in WS_MESSAGES]
    ours = {name for name in api_messages.__all__ if name.startswith("Ws")} - {"WsOperation"}
    assert set(spoken("send")) | set(spoken("receive")) == ours
    login = openapi_document()["components"]["schemas"]["WsLogin"]
    assert login["properties"]["op"] == {"enum": ["login"]}


@pytest.mark.asyncio
async def test_the_session_says_nothing_that_the_document_does_not_know(tmp_path):
    """Login, refusal, subscriptions, an order, its replace, fill and cancel, lost notices."""
    schemas = openapi_document()["components"]["schemas"]
    seen = set()
    async with open_door(tmp_path) as door:
        socket = await door.ws()
        for number, message in enumerate(
            [
                {"op": "cancel", "order_id": "1"},
                {"op": "login", "key": f"desk.{SECRET}"},
                *({"op": "subscribe", "channel": c} for c in ("orders", "fills", "positions")),
                {"op": "submit", "order": ORDER},
            ]
        ):
            await socket.send_json({"id": number} | message)
        async with asyncio.timeout(300):
            while not (rows := door.world.native.orders()):  # noqa: ASYNC110 a real socket
                await asyncio.sleep(0.01)
        (row,) = rows
        order_id = int(row["order_id"])
        door.world.link.session.accepted(order_id, "v1")
        door.world.link.session.filled(door.world.fill(order_id, "t1", "1"))
        await door.world.sends()
        await socket.send_json({"op": "cancel", "id": 9, "order_id": row["order_id"]})
        door.world.router._port.overruns += 1
        async with asyncio.timeout(300):
            while seen != set(WS_MESSAGES):
                data = (await socket.receive()).data
                kind = next(k for k in WS_MESSAGES if fits(data, k))
                fields = schemas[kind.__name__]["properties"]
                assert set(msgspec.json.decode(data)) <= set(fields)
                seen.add(kind)
        await socket.close()
    assert seen == set(WS_MESSAGES)


def fits(data, kind):
    try:
        msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.asyncio
async def test_a_plain_request_to_the_websocket_is_told_to_upgrade(tmp_path):
    async with open_door(tmp_path) as door:
        status, answer = await door.call("GET", WEBSOCKET_PATH)
        assert (status, answer["error"]["code"]) == (426, "UPGRADE_REQUIRED")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A door in its own thread, so that a synchronous client may call it."""
    ready, stop, found = threading.Event(), asyncio.Event(), {}

    async def serve():
        async with open_door(tmp_path_factory.mktemp("door")) as door:
            found["url"], found["loop"] = door.url, asyncio.get_running_loop()
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(60)
    yield found["url"]
    found["loop"].call_soon_threadsafe(stop.set)
    thread.join(60)


SCHEMA = schemathesis.openapi.from_dict(openapi_document())
logging.getLogger("schemathesis").setLevel(logging.ERROR)


@SCHEMA.parametrize()
@settings(max_examples=10, suppress_health_check=list(HealthCheck))
def test_the_live_door_keeps_its_contract(case, served):
    key = "desk" if case.operation.path.startswith("/v1/orders") else "boss"
    headers = {"Authorization": f"Bearer {key}.{SECRET}"}
    response = case.call(base_url=served, headers=headers)
    is_full = case.operation.path == "/v1/notes" and response.status_code == 503
    assert response.status_code < 500 or "/health/" in case.path or is_full, response.text
    if case.method.upper() != case.operation.method.upper():
        assert response.status_code == 405, "a method the document does not name"
        return
    kind = response.headers.get("content-type", [""])
    assert "application/json" in kind[0], (response.status_code, response.text, kind)
    statuses = case.operation.definition.raw["responses"]
    assert str(response.status_code) in statuses, (response.status_code, response.text)
