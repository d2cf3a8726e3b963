"""Every way through the doors and to the venue leaves its duration, also when it ends badly."""

import pytest
from live_door import ORDER, SECRET, open_door
from live_world import World

from gateway.api import OutcomeUnknown
from gateway.telemetry import REST, SUBMIT, VENUE_ROUND_TRIP, WEBSOCKET

pytestmark = pytest.mark.asyncio


async def test_a_rest_order_is_measured_from_its_request_to_the_venue(tmp_path):
    async with open_door(tmp_path) as door:
        recorded = door.world.engine.measurement.recorded
        recorded.clear()
        status, answer = await door.call("POST", "/v1/orders", body=ORDER)
        assert status == 201
        await door.world.sends()
        order_id = int(answer["order"]["order_id"])
        assert (SUBMIT, order_id) in recorded
        assert (VENUE_ROUND_TRIP, order_id) in recorded
        assert recorded.count((REST, 0)) == 1


async def test_a_refused_request_is_measured_too(tmp_path):
    async with open_door(tmp_path) as door:
        recorded = door.world.engine.measurement.recorded
        recorded.clear()
        status, _ = await door.call("GET", "/v1/orders", key=None)
        assert (status, recorded) == (401, [(REST, 0)])


async def test_each_operation_of_a_session_is_measured_and_the_session_is_not(tmp_path):
    async with open_door(tmp_path) as door:
        recorded = door.world.engine.measurement.recorded
        recorded.clear()
        socket = await door.ws()
        await socket.send_json({"op": "login", "id": 1, "key": f"desk.{SECRET}"})
        assert (await socket.receive_json())["ok"] is True
        await socket.send_json({"op": "nonsense", "id": 2})
        assert (await socket.receive_json())["ok"] is False
        await socket.close()
        assert recorded.count((WEBSOCKET, 0)) == 2
        assert (REST, 0) not in recorded


async def test_a_call_of_the_adapter_that_fails_is_measured():
    world = World()
    await world.connect()
    world.adapter.on_submit = OutcomeUnknown("cut")
    order_id = await world.submit()
    assert (VENUE_ROUND_TRIP, order_id) in world.engine.measurement.recorded
    world.close()
