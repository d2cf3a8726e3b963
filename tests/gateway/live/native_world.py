"""The wired world of live_world.py on the native engine, with limits everywhere."""

import shutil

from live_world import World

from gateway.core.engine import EngineSettings, open_native_engine

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
    "orders_per_second": 10_000,
    "order_burst": 10_000,
    "cancels_per_second": 1000,
    "cancel_burst": 2000,
    "open_orders_side_max": 4000,
    "duplicate_window_ms": 0,
}


def open_world(directory, orders_max=1024, idempotency_max=1024, adapter=None):
    settings = EngineSettings(
        directory=str(directory / "data"),
        ring_directory=str(directory / "ring"),
        ring_bytes=1 << 20,
        segment_bytes=1 << 20,
        orders_max=orders_max,
        idempotency_max=max(idempotency_max, orders_max),
        positions_max=64,
        is_virtual_clock=True,
    )
    for name in ("data", "ring"):
        (directory / name).mkdir(exist_ok=True)
    native = open_native_engine(settings)
    native.set_time(max(START_NS, native.now_ns()) + 1_000_000)
    world = World(native=native, adapter=adapter)
    world.engine.set_currency_rate("USDT", "1")
    if not native.limits():
        entities = [("firm", ""), ("venue", "sim"), ("account", "main"), ("strategy", "alpha")]
        for level, name in [*entities, ("instrument", "BTC-USDT.sim")]:
            world.engine.set_limits(level, name, LIMITS, actor="test", reason="start")
    return world


async def connected(directory, **capacity):
    world = open_world(directory, **capacity)
    await world.connect()
    port = world.link.session._native
    assert port.marked(1, "100", "99.9", "100.1", "100")
    await world.sends()
    return world


def power_cut(world, directory, cut):
    """The folder as the disk has it when the power goes now: what is in memory alone is gone."""
    assert world.native.wait_synced(world.native.sequence, 10_000)
    for name in ("data", "ring"):
        (cut / name).mkdir(parents=True)
    unnamed = shutil.ignore_patterns("*.tmp")  # being made right now; a start removes them anyway
    shutil.copytree(directory / "data", cut / "data", dirs_exist_ok=True, ignore=unnamed)
    return cut


async def asked_again(world):
    """What the link does every few seconds while something is unknown or in doubt."""
    if await world.link._has_unknown():
        await world.link.reconciler.resolve()
    await world.sends()
