"""The adapter process: loads one plugin, builds its adapter from the first frame, and mirrors calls
and port. It ends with its parent; settings and secrets come over the socket alone.
"""

from __future__ import annotations

import asyncio
import ctypes
import inspect
import logging
import os
import signal
import socket
import sys
from functools import partial
from typing import Any, cast

import msgspec
import uvloop

from gateway.api import AdapterPort, RefusedError, VenueAdapter, VenueUnavailable
from gateway.market import MarketHost
from gateway.transport.venue_events import VenueFact
from gateway.venues.isolated import wire
from gateway.venues.registry import Plugins

__all__ = ["Child", "main"]

_PR_SET_PDEATHSIG = 1
_COUNTS_MAX = 256
_frame_from_host = msgspec.msgpack.Decoder(wire.FromHost)
_EMPTY = msgspec.Raw(msgspec.msgpack.encode(None))


class PortMirror:
    """The port an adapter talks to here; each call is a frame to the daemon."""

    def __init__(self, tell: Any) -> None:
        self._tell = tell
        self._signatures = {
            name: inspect.signature(getattr(AdapterPort, name)) for name in wire.EVENTS
        }

    def __getattr__(self, name: str) -> Any:
        if name not in wire.EVENTS:
            raise AttributeError(name)
        return partial(self._call, name)

    def told(self, fact: VenueFact) -> None:
        """A fact as an event reader made it crosses as it is."""
        self._tell(wire.ReadFact(fact.pack()))

    def _call(self, name: str, *values: Any, **named: Any) -> None:
        bound = self._signatures[name].bind(None, *values, **named).arguments
        del bound["self"]
        body = msgspec.Raw(msgspec.msgpack.encode(wire.EVENTS[name](**bound)))
        self._tell(wire.Event(name, body))


class LineHandler(logging.Handler):
    """Log lines go to the daemon, which masks secrets and writes them."""

    def __init__(self, tell: Any) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._tell(wire.Line(record.levelno, record.name, self.format(record)[:4_000]))
        except Exception:  # a line is never worth an adapter
            self.handleError(record)


class Child:
    """One launch of one adapter."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._port = cast("AdapterPort", PortMirror(self._tell))
        self._market: MarketHost | None = None

    async def run(self) -> None:
        """Until the daemon is gone."""
        first = _frame_from_host.decode(await wire.receive(self._reader))
        if not isinstance(first, wire.Build):
            raise wire.GarbageError(f"the first frame is {type(first).__name__}")
        self._build = first
        logging.getLogger().addHandler(LineHandler(self._tell))
        try:
            plugins = Plugins.discover(wanted={first.adapter})
            self._adapter: VenueAdapter = plugins.create_adapter(
                first.adapter, first.venue, first.settings, first.secrets
            )
        except RefusedError as error:
            self._tell(wire.Refused(error.rule))
            await self._writer.drain()
            return
        if first.market is not None:
            self._market = MarketHost(first.market, self._adapter)
        self._tell(wire.Built(first.launch, self._adapter.capabilities))
        beat = asyncio.get_running_loop().create_task(self._beat(first.beat_ms / 1_000))
        try:
            while True:
                self._take(_frame_from_host.decode(await wire.receive(self._reader)))
        except EOFError:
            pass
        finally:
            beat.cancel()

    async def _beat(self, seconds: float) -> None:
        while True:
            self._writer.write(self._packed_beat())
            await asyncio.sleep(seconds)

    def _packed_beat(self) -> bytes:
        """With what the adapter counts, when it does; an adapter may raise anything, and count what
        no frame can carry. It beats all the same."""
        counts = getattr(self._adapter, "counts", None)
        try:
            told = dict(self._market.counts()) if self._market is not None else {}
            told |= dict(counts()) if callable(counts) else {}
            rows = {str(name): int(count) for name, count in list(told.items())[:_COUNTS_MAX]}
            return wire.pack(wire.Beat(rows))
        except Exception as error:
            logging.getLogger(__name__).warning("counts(): %r", error)
            return wire.pack(wire.Beat())

    def _take(self, frame: wire.FromHost) -> None:
        if isinstance(frame, wire.GiveUp):
            if frame.number in self._calls:
                self._calls[frame.number].cancel()
        elif isinstance(frame, wire.Call):
            task = asyncio.get_running_loop().create_task(self._answer(frame))
            self._calls[frame.number] = task
            task.add_done_callback(lambda done: self._calls.pop(frame.number, None))

    async def _answer(self, call: wire.Call) -> None:
        try:
            result = await self._do(call)
            answer = wire.Answer(call.number, msgspec.Raw(msgspec.msgpack.encode(result)))
            packed = wire.pack(answer)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # an adapter may raise anything; it crosses in words
            packed = wire.pack(wire.Answer(call.number, _EMPTY, wire.words_of(error)))
        self._writer.write(packed)

    async def _do(self, call: wire.Call) -> Any:
        is_ours = (call.launch, call.epoch) == (self._build.launch, self._build.epoch)
        if call.method in wire.SENDS and not is_ours:
            raise VenueUnavailable(f"a send of launch {call.launch} and epoch {call.epoch}")
        shape, _ = wire.CALLS[call.method]
        fields = msgspec.msgpack.decode(call.arguments, type=shape)
        values = [getattr(fields, name) for name in fields.__struct_fields__]
        if call.method == "connect":
            values = [self._port]
        if call.method == "close" and self._market is not None:
            await self._market.stop()
        result = await getattr(self._adapter, call.method)(*values)
        if call.method == "connect" and self._market is not None:
            self._market.start()
        return result

    def _tell(self, frame: wire.FromChild) -> None:
        self._writer.write(wire.pack(frame))


async def _serve(descriptor: int) -> None:
    ours = socket.socket(fileno=descriptor)
    ours.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    await Child(reader, writer).run()


def main(arguments: list[str]) -> int:
    """`python -m gateway.venues.isolated.child DESCRIPTOR PARENT`."""
    descriptor, parent = int(arguments[0]), int(arguments[1])
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return 1  # it died before the line above
    # The daemon decides when an adapter stops; a signal to the whole group is for the daemon.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(descriptor))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
