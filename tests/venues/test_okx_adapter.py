"""The adapter of OKX against the simulated venue, under the real runtime."""

import shutil
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from okx_desk import SWAP, desk, eventually

pytestmark = pytest.mark.asyncio


@pytest.fixture
def directory():
    folder = Path(tempfile.mkdtemp(prefix="gateway-test-okx-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def test_an_order_lives_and_every_step_is_told(directory):
    async with desk(directory) as made:
        order_id = await made.submit()
        row = await made.reaches(order_id, "NEW")
        (venue_id,) = made.simulator.sent_with(made.client_id(order_id))
        assert row["venue_order_id"] == venue_id
        await made.replace(order_id, quantity="3", price="49500")
        row = await made.reaches(order_id, "NEW")
        await eventually(lambda: made.row(order_id)["price"] == "49500")
        assert Decimal(made.row(order_id)["quantity"]) == 3
        made.simulator.venue.trade(SWAP, "49500", "1", "sell")
        row = await made.reaches(order_id, "PARTIALLY_FILLED")
        assert Decimal(row["cumulative_quantity"]) == 1
        await made.cancel(order_id)
        row = await made.reaches(order_id, "CANCELED")
        assert row["reason"] == "requested"
        assert made.position() == 1
