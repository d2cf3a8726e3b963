"""gateway watch: rows as they happen, over the WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import click

from gateway.commands.connection import Connection, RunningGateway, connection_options, refusal
from gateway.commands.output import NOT_RUNNING, CommandFailure, cell, json_option, print_json

__all__ = ["command", "events"]

CHANNELS = ("orders", "fills", "positions")
NOISE = {"venue_order_id", "created_ns", "updated_ns", "principal", "sequence"}


@click.command("watch")
@click.argument("channels", nargs=-1, type=click.Choice(CHANNELS))
@click.option("--count", type=click.IntRange(1), help="End after this many rows.")
@connection_options
@json_option
def command(
    channels: tuple[str, ...],
    count: int | None,
    gateway: RunningGateway,
    as_json: bool,
) -> None:
    """Follow CHANNELS (orders, fills, positions; default all) until Ctrl-C.

    \b
    Example:
      gateway watch orders fills
    """
    connection = gateway.connect()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(follow(connection, channels or CHANNELS, count, as_json))


async def follow(
    connection: Connection, channels: tuple[str, ...], count: int | None, as_json: bool
) -> None:
    """Print events until `count` is reached or the gateway closes."""
    seen = 0
    async for event in events(connection, channels):
        print_json(event) if as_json else print_event(event)
        seen += 1
        if seen == count:
            return
    rule = "the gateway closed the connection"
    raise CommandFailure(NOT_RUNNING, "NOT_RUNNING", rule, "Look with `gateway status`.")


async def events(connection: Connection, channels: tuple[str, ...]) -> AsyncIterator[Any]:
    """Log on, subscribe, and yield every event."""
    import aiohttp

    address = "ws" + connection.url.removeprefix("http") + "/v1/ws"
    try:
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
            await socket.send_json({"op": "login", "id": 0, "key": connection.key})
            for number, channel in enumerate(channels, start=1):
                await socket.send_json({"op": "subscribe", "id": number, "channel": channel})
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return
                document = json.loads(message.data)
                if document.get("ok") is False:
                    raise refusal(0, message.data.encode())
                if "channel" in document and "ok" not in document:
                    yield document
    except aiohttp.ClientError as error:
        rule = f"nothing answers at {address}: {error}"
        raise CommandFailure(NOT_RUNNING, "NOT_RUNNING", rule, "Start it first.") from None


def print_event(event: dict[str, Any]) -> None:
    """Each row of an event on one line: channel, sequence, then what a person reads."""
    head = f"{event['channel']:<9} {event.get('sequence', '-'):>10}"
    for row in rows_of(event):
        shown = [
            f"{name}={cell(value)}"
            for name, value in row.items()
            if name not in NOISE and value not in (None, "", False)
        ]
        click.echo(f"{head}  {' '.join(shown)}")


def rows_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an event: one order or fill, a list of positions, or the bare event."""
    for name, value in event.items():
        if isinstance(value, dict):
            return [value]
        if isinstance(value, list):
            return value
        if name == "resync":
            return [{"resync": "events were lost; read the rows again"}]
    return []
