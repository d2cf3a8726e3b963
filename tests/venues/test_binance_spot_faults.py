"""The fault x phase matrix of Binance Spot: submit, cancel, replace and reduce, each under
everything that can go wrong on the wire."""

import pytest
from binance_fault_cells import ON_THE_SOCKET, OVERLOAD, PHASES, fault, judged, unheard
from binance_spot_world import spot_world

pytestmark = pytest.mark.asyncio

ORDER = {
    "submit": "POST /api/v3/order",
    "cancel": "DELETE /api/v3/order",
    "replace": "POST /api/v3/order/cancelReplace",
    "reduce": "PUT /api/v3/order/amend/keepPriority",
}
SOCKET = {
    "submit": "WS order.place",
    "cancel": "WS order.cancel",
    "replace": "WS order.cancelReplace",
    "reduce": "WS order.amend.keepPriority",
}
# Of Spot no document says that any 5xx has done nothing (rest-api.md, HTTP return codes, 2026-11).
CLOSED = '{"code":-1,"msg":"Service Unavailable."}'
SPOT_PHASES = PHASES | {
    "closed_executed": fault("execute_then_error", body=CLOSED),
    "overload_and_events_lost": unheard("execute_then_error", body=OVERLOAD),
}
# Those that differ most from what the shared parts are proved by on USD-M; all of them by night.
SUBMITTED = (
    "late_ack",
    "ack_and_events_lost",
    "5xx_executed",
    "repeated_by_a_proxy",
    "stream_ended",
    "closed_executed",
    "overload_and_events_lost",
)
REPLACED = ("before_send", "after_send", "ack_lost", "late_ack", "ack_and_events_lost",
            "5xx_not_executed", "late_and_events_lost", "events_lost", "event_late")  # fmt: skip


async def test_no_order_is_doubled_or_lost():
    await judged(spot_world, ORDER["submit"], "submit", SUBMITTED, of=SPOT_PHASES)


async def test_no_replaced_order_is_doubled_or_lost():
    await judged(spot_world, ORDER["replace"], "replace", REPLACED)


@pytest.mark.slow
@pytest.mark.parametrize("operation", list(ORDER))
async def test_no_order_is_doubled_or_lost_in_any_phase(operation):
    await judged(spot_world, ORDER[operation], operation, list(SPOT_PHASES), of=SPOT_PHASES)


@pytest.mark.slow
@pytest.mark.parametrize("operation", list(SOCKET))
async def test_no_order_over_the_socket_is_doubled_or_lost(operation):
    await judged(spot_world, SOCKET[operation], operation, ON_THE_SOCKET, "websocket")
