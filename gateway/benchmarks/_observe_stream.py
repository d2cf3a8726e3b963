"""What the stream's fan-out costs: changes of orders to many clients in frames. The hub, its
encoding and its sockets run in this process, the clients in another one."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop
from aiohttp import web

from gateway.journal import Row
from gateway.stream.channel import Channel
from gateway.stream.channels import CHANNELS
from gateway.stream.stream_session import StreamHub, StreamLimits

__all__ = ["measure"]

CLIENTS = 200
CHANGES_PER_SECOND = 1000
OPEN_ORDERS = 500
SECONDS = 8.0
TICK_SECONDS = 0.01
Progress = Callable[[str], None]


def measure(progress: Progress, *, is_quick: bool = False) -> dict[str, Any]:
    """Core percent of the fan-out as it is, binary, and as it would be with every frame deflated
    for each client."""
    seconds = 1.0 if is_quick else SECONDS
    found = {}
    for name, encoding, compresses in (
        ("text", "json", False),
        ("binary", "binary", False),
        ("deflated", "json", True),
    ):
        progress(f"stream_{name}")
        found[name] = uvloop.run(_run(seconds, encoding, compresses=compresses))
    text = found["text"]
    return {
        "stream_changes_per_second": text["changes_per_second"],
        "stream_core_percent": text["core_percent"],
        "stream": {"clients": CLIENTS, "frame_ms": 50, **found},
    }


def _row(number: int, step: int) -> Row:
    """As wide as an order's row."""
    now = 1_700_000_000_000_000_000 + step
    return {
        "order_id": str(9_000_000_000_000 + number), "client_order_id": f"client-{number}",
        "principal": "desk", "venue": "binance", "instrument": "BTC-USDT.binance",
        "account": "main", "strategy": "alpha", "side": "buy", "type": "limit",
        "time_in_force": "gtc", "leg": "net", "is_post_only": False, "is_reduce_only": False,
        "is_emulated": False, "is_cancel_on_disconnect": False, "is_external": False,
        "link": None, "linked_to": None, "quantity": "1.000", "price": f"{50000 + step}.1",
        "trigger_price": None, "display_quantity": None, "expires_ns": None, "state": "NEW",
        "pending": "", "cumulative_quantity": "0.000", "leaves_quantity": "1.000",
        "average_price": None, "venue_order_id": f"V{number}", "reason": "", "reason_text": "",
        "created_ns": now, "updated_ns": now, "sequence": step,
    }  # fmt: skip


async def _run(seconds: float, encoding: str, *, compresses: bool) -> dict[str, Any]:
    channels = {name: Channel(name) for name in CHANNELS}
    orders = channels["orders"]
    orders.reset({str(number): _row(number, 0) for number in range(OPEN_ORDERS)}, 1)
    hub = StreamHub(channels, "bench", StreamLimits(is_compressed=compresses))
    application = web.Application()
    application.add_routes([web.get("/v1/stream", hub.serve)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    arguments = [str(port), str(CLIENTS), encoding, "1" if compresses else "0"]
    crowd = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.benchmarks._observe_crowd", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert crowd.stdin is not None
    assert crowd.stdout is not None
    try:
        await crowd.stdout.readline()
        figures = await _feed(hub, orders, seconds)
        crowd.stdin.write(b"end\n")
        told = json.loads(await crowd.stdout.readline())
    finally:
        if crowd.returncode is None:
            crowd.terminate()
        await crowd.wait()
        await hub.close()
        await runner.cleanup()
    frames = round(seconds * 20)
    if not compresses and told["messages_min"] < 0.5 * frames:
        raise RuntimeError(f"bench: a client got {told['messages_min']} of {frames} frames")
    return {**figures, **told, "frames": frames, "messages_encoded": hub.shared.encoded}


async def _feed(hub: StreamHub, orders: Channel, seconds: float) -> dict[str, Any]:
    """Publish at the pace; what was published and the processor time of this process."""
    step, per_tick = 1, round(CHANGES_PER_SECOND * TICK_SECONDS)
    began, began_cpu = time.monotonic(), time.process_time()
    due = began
    while (now := time.monotonic()) - began < seconds:
        while due <= now:
            step += 1
            numbers = [(step * per_tick + each) % OPEN_ORDERS for each in range(per_tick)]
            orders.publish({str(number): _row(number, step) for number in numbers}, step)
            hub.wake()
            due += TICK_SECONDS
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    elapsed, used = time.monotonic() - began, time.process_time() - began_cpu
    return {
        "changes_per_second": round((step - 1) * per_tick / elapsed),
        "core_percent": round(100 * used / elapsed, 1),
    }
