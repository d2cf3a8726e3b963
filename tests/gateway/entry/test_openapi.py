"""The published contract: complete, loadable, and kept by the live door."""

import asyncio
import logging
import threading

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from live_door import SECRET, open_door

from gateway.entry.openapi import openapi_document
from gateway.entry.routes import ROUTES


def test_every_route_is_in_the_document():
    paths = openapi_document()["paths"]
    assert {(r.method.lower(), r.path) for r in ROUTES} == {
        (method, path) for path, methods in paths.items() for method in methods
    }


def test_every_reference_of_the_document_exists():
    document = openapi_document()
    text = repr(document)
    names = set(document["components"]["schemas"])
    used = {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= names


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
    assert ready.wait(10)
    yield found["url"]
    found["loop"].call_soon_threadsafe(stop.set)
    thread.join(10)


SCHEMA = schemathesis.openapi.from_dict(openapi_document())
logging.getLogger("schemathesis").setLevel(logging.ERROR)


@SCHEMA.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_live_door_keeps_its_contract(case, served):
    key = "desk" if case.operation.path.startswith("/v1/orders") else "boss"
    headers = {"Authorization": f"Bearer {key}.{SECRET}"}
    response = case.call(base_url=served, headers=headers)
    assert response.status_code < 500 or "/health/" in case.path, response.text
    if case.method.upper() != case.operation.method.upper():
        assert response.status_code == 405, "a method the document does not name"
        return
    kind = response.headers.get("content-type", [""])
    assert "application/json" in kind[0], (response.status_code, response.text, kind)
    statuses = case.operation.definition.raw["responses"]
    assert str(response.status_code) in statuses, (response.status_code, response.text)
