"""The same wiring on the native engine: an order out, fills back, a crash, a settlement."""

import pytest
from live_world import BalanceReport, World

from gateway.api import OutcomeUnknown
from gateway.core.engine import EngineSettings, open_native_engine

pytestmark = pytest.mark.asyncio
START_NS = 1_700_000_000_000_000_000
LIMITS = {
    "order_quantity_max": "1000",
    "order_notional_max": "1000000",
    "position_long_max": "5000",
    "position_short_max": "5000",
    "gross_exposure_max": "5000000",
    "net_exposure_max": "5000000",
    "credit_max": "5000000",
    "collar_bps": 5000,
    "reference_age_ms_max": 60_000,
    "orders_per_second": 1000,
    "order_burst": 2000,
    "cancels_per_second": 1000,
    "cancel_burst": 2000,
    "open_orders_side_max": 200,
    "duplicate_window_ms": 0,
}


def open_world(directory):
    settings = EngineSettings(
        directory=str(directory / "data"),
        ring_directory=str(directory / "ring"),
        ring_bytes=1 << 20,
        segment_bytes=1 << 20,
        orders_max=1024,
        idempotency_max=1024,
        positions_max=64,
        is_virtual_clock=True,
    )
    for name in ("data", "ring"):
        (directory / name).mkdir(exist_ok=True)
    native = open_native_engine(settings)
    native.set_time(max(START_NS, native.now_ns()) + 1_000_000)
    world = World(native=native)
    world.engine.set_currency_rate("USDT", "1")
    if not native.limits():
        entities = [("firm", ""), ("venue", "sim"), ("account", "main"), ("strategy", "alpha")]
        for level, name in [*entities, ("instrument", "BTC-USDT.sim")]:
            world.engine.set_limits(level, name, LIMITS, actor="test", reason="start")
    return world


async def connected(directory):
    world = open_world(directory)
    await world.connect()
    port = world.link.session._native
    assert port.marked(1, "100", "99.9", "100.1", "100")
    await world.sends()
    return world


@pytest.fixture
def directory(tmp_path_factory):
    import shutil
    import tempfile
    from pathlib import Path

    path = Path(tempfile.mkdtemp(prefix="gateway-test-", dir="/dev/shm"))
    yield path
    shutil.rmtree(path)


async def test_an_order_fills_and_the_position_is_exact(directory):
    world = await connected(directory)
    order_id = await world.submit()
    assert world.state(order_id) == "PENDING_NEW"
    assert await world.submit() == order_id, "the same intent is the same order"
    world.link.session.accepted(order_id, "v1")
    world.link.session.filled(world.fill(order_id, "t1", "0.5", venue_order_id="v1"))
    world.link.session.filled(world.fill(order_id, "t1", "0.5", venue_order_id="v1"))
    world.link.session.filled(world.fill(order_id, "t2", "1.5", venue_order_id="v1"))
    await world.sends()
    assert world.state(order_id) == "FILLED"
    quantities = [row["quantity"] for row in world.native.positions()]
    assert [float(quantity) for quantity in quantities] == [2.0]
    world.close()
    world.native.stop()


async def test_an_unknown_order_is_settled_after_a_restart(directory):
    world = await connected(directory)
    world.adapter.on_submit = OutcomeUnknown("cut")
    lost = await world.submit("c1")
    found = await world.submit("c2", price="99")
    assert [world.state(each) for each in (lost, found)] == ["UNKNOWN", "UNKNOWN"]
    report = world.report(found, "new", price="99")
    world.close()
    world.native.stop()
    again = open_world(directory)
    again.adapter.open = [report]
    again.adapter.by_client = {report.client_order_id: report}
    again.adapter.balance = [BalanceReport(account="main", currency="USDT", total="1000")]
    again.advance(5_000)
    await again.connect()
    assert (again.state(lost), again.state(found)) == ("CANCELED", "NEW")
    before = again.native.state_hash()
    await again.reconcile()
    assert again.native.state_hash()[1] == before[1], "the second run changes nothing"
    assert [float(row["total"]) for row in again.native.balances()] == [1000.0]
    again.close()
    again.native.stop()
