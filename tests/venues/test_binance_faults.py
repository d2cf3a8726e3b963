"""The fault x phase matrix of Binance USD-M: submit, cancel, replace and batch, each under
everything that can go wrong on the wire."""

import pytest
from binance_fault_cells import CHOSEN, ON_THE_SOCKET, PHASES, judged
from binance_world import binance_world

pytestmark = pytest.mark.asyncio

ORDER = {
    "submit": "POST /fapi/v1/order",
    "cancel": "DELETE /fapi/v1/order",
    "replace": "PUT /fapi/v1/order",
    "batch": "POST /fapi/v1/batchOrders",
}
SOCKET = {"submit": "WS order.place", "cancel": "WS order.cancel", "replace": "WS order.modify"}


async def test_no_new_order_is_doubled_or_lost():
    await judged(binance_world, ORDER["submit"], "submit", list(PHASES))


@pytest.mark.parametrize("operation", ["cancel", "replace", "batch"])
async def test_no_order_is_doubled_or_lost(operation):
    await judged(binance_world, ORDER[operation], operation, CHOSEN)


async def test_no_order_over_the_socket_is_doubled_or_lost():
    await judged(binance_world, SOCKET["submit"], "submit", ON_THE_SOCKET, "websocket")


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["cancel", "replace"])
async def test_no_cancel_or_replace_over_the_socket_is_doubled_or_lost(operation):
    await judged(binance_world, SOCKET[operation], operation, ON_THE_SOCKET, "websocket")


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["cancel", "replace", "batch"])
async def test_no_order_is_doubled_or_lost_in_any_phase(operation):
    await judged(
        binance_world,
        ORDER[operation],
        operation,
        [phase for phase in PHASES if phase not in CHOSEN],
    )
