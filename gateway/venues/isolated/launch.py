"""One launch of an adapter process: its socket, its calls on the way, its end. What was sent and
got no answer before the end has no known outcome; what was never written was never sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.api import (
    AdapterPort,
    Capabilities,
    OutcomeUnknown,
    VenueProtocolError,
    VenueUnavailable,
)
from gateway.market import MarketTerms
from gateway.transport.venue_events import VenueFact, tell
from gateway.venues.isolated import wire

__all__ = ["Launch", "LaunchTerms", "start_launch"]

log = logging.getLogger(__name__)

_frame_from_child = msgspec.msgpack.Decoder(wire.FromChild)
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_BEATS_PER_SILENCE = 5
# A child that does not read what it is told: nothing more is written, so nothing more is sent.
_UNREAD_BYTES_MAX = 4 << 20
_STDERR_LINES_MAX = 200  # of one launch; what a dying process says, not a log
_END_SECONDS = 2.0
# What the child inherits: enough to find its interpreter, packages and certificates.
_ENVIRONMENT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONHASHSEED"),
)


class LaunchTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How adapter processes of one venue are started and watched."""

    venue: str
    adapter: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    epoch: int
    silence_ms_max: int = 5_000
    memory_mib_max: int = 1_024
    start_seconds_max: float = 30.0
    market: MarketTerms | None = None
    command: Sequence[str] = (sys.executable, "-m", "gateway.venues.isolated.child")

    def __repr__(self) -> str:
        """Without the secrets, wherever it is shown."""
        return f"LaunchTerms(venue={self.venue!r}, adapter={self.adapter!r})"


class Launch:
    """A running adapter process. Event-loop thread only."""

    def __init__(
        self,
        number: int,
        terms: LaunchTerms,
        process: asyncio.subprocess.Process,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.number = number
        self.manifest: Capabilities | None = None
        self.port: AdapterPort | None = None
        self.is_gap_open = False  # the process said so and has not taken it back
        self.counts: dict[str, int] = {}  # of its adapter, as it last told
        self.ended = ""  # why; "" while it runs
        self.on_end: Callable[[str], None] = lambda reason: None
        self._terms = terms
        self._process = process
        self._reader, self._writer = streams
        self._calls: dict[int, tuple[str, asyncio.Future[Any]]] = {}
        self._numbers = 0
        self._heard = 0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def sends(self) -> int:
        """Sends without an answer of the process."""
        return sum(method in wire.SENDS for method, _ in self._calls.values())

    async def build(self) -> Capabilities:
        """Hand over who it is; the manifest. Raises VenueError with the reason."""
        terms = self._terms
        beat_ms = max(20, terms.silence_ms_max // _BEATS_PER_SILENCE)
        who = (terms.venue, terms.adapter, dict(terms.settings), dict(terms.secrets))
        build = wire.Build(self.number, terms.epoch, beat_ms, *who, terms.market)
        self._writer.write(wire.pack(build))
        while True:
            frame = self._decode(await wire.receive(self._reader))
            if isinstance(frame, wire.Refused):
                raise VenueUnavailable(frame.reason)
            if isinstance(frame, wire.Built) and frame.launch == self.number:
                self.manifest = frame.manifest
                break
            if not isinstance(frame, wire.Line):
                raise wire.GarbageError(f"{type(frame).__name__} before the manifest")
            self._log(frame)
        loop = asyncio.get_running_loop()
        self._tasks += [loop.create_task(self._read()), loop.create_task(self._watch())]
        return self.manifest

    def read_stderr(self) -> None:
        """Begin to pass on what the process writes beside its socket, its last words too: this
        ends with the process and not before."""
        self._last_words = asyncio.get_running_loop().create_task(self._pass_on_stderr())

    async def call(self, method: str, *values: Any) -> Any:
        """One call of the adapter. Raises what it raised; OutcomeUnknown when the process ended
        after the call was written."""
        if self.ended:
            raise VenueUnavailable(f"adapter process: {self.ended}")
        if self._writer.transport.get_write_buffer_size() > _UNREAD_BYTES_MAX:
            raise VenueUnavailable("the adapter process does not read")
        shape, returns = wire.CALLS[method]
        body = msgspec.Raw(msgspec.msgpack.encode(shape(*values)))
        self._numbers += 1
        number = self._numbers
        frame = wire.Call(number, self.number, self._terms.epoch, method, body)
        packed = wire.pack(frame)
        future = asyncio.get_running_loop().create_future()
        self._calls[number] = (method, future)
        self._writer.write(packed)
        try:
            result = await future
        except asyncio.CancelledError:
            if not self.ended:
                self._writer.write(wire.pack(wire.GiveUp(number)))
            raise
        finally:
            self._calls.pop(number, None)
        try:
            return msgspec.msgpack.decode(result, type=returns)
        except msgspec.DecodeError as error:
            raise VenueProtocolError(f"{method}() answered nonsense: {error}") from error

    def end(self, reason: str) -> None:
        """Kill it now; every call on its way ends."""
        if self.ended:
            return
        self.ended = reason
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._writer.close()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        for method, future in list(self._calls.values()):
            if not future.done():
                future.set_exception(_lost(method, reason))
        self.on_end(reason)

    async def close(self, seconds: float) -> None:
        """Orderly: the adapter disconnects first."""
        self.on_end = lambda reason: None
        if not self.ended and self.manifest is not None:
            try:
                async with asyncio.timeout(seconds):
                    await self.call("close")
            except Exception as error:  # whatever a broken adapter does, its process ends
                log.warning("%s: adapter close: %r", self._terms.venue, error)
        self.end("closed")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()

    async def wait_ended(self) -> None:
        """Until the operating system has it back."""
        await self._process.wait()

    async def _read(self) -> None:
        try:
            while True:
                self._take(self._decode(await wire.receive(self._reader)))
        except EOFError:
            self.end("the process ended")
        except wire.GarbageError as error:
            self.end(f"garbage: {error}"[:200])

    def _take(self, frame: wire.FromChild) -> None:
        self._heard += 1
        match frame:
            case wire.Event():
                self._event(frame)
            case wire.ReadFact():
                self._read_fact(frame)
            case wire.Answer():
                waiting = self._calls.get(frame.number)
                if waiting is not None and not waiting[1].done():
                    if frame.error:
                        waiting[1].set_exception(wire.error_of(frame.error))
                    else:
                        waiting[1].set_result(frame.result)
            case wire.Line():
                self._log(frame)
            case wire.Beat():
                self.counts = frame.counts
            case _:
                raise wire.GarbageError(f"{type(frame).__name__} after the start")

    def _event(self, frame: wire.Event) -> None:
        if frame.name not in wire.EVENTS:
            raise wire.GarbageError(f"event {frame.name!r:.40}")
        try:
            told = msgspec.msgpack.decode(frame.arguments, type=wire.EVENTS[frame.name])
        except msgspec.DecodeError as error:
            raise wire.GarbageError(f"event {frame.name}: {error}") from error
        if self.port is not None and not self.ended:
            fields = {name: getattr(told, name) for name in told.__struct_fields__}
            if frame.name in ("gap_opened", "maintenance", "gap_closed"):
                self.is_gap_open = frame.name != "gap_closed"
            getattr(self.port, frame.name)(**fields)

    def _read_fact(self, frame: wire.ReadFact) -> None:
        try:
            fact = VenueFact.unpack(frame.packed)
        except ValueError as error:
            raise wire.GarbageError(str(error)) from error
        if self.port is not None and not self.ended:
            tell(self.port, fact)

    def _decode(self, body: bytes) -> wire.FromChild:
        try:
            frame: wire.FromChild = _frame_from_child.decode(body)
            return frame
        except msgspec.DecodeError as error:
            raise wire.GarbageError(str(error)[:160]) from error

    def _log(self, line: wire.Line) -> None:
        level = min(max(line.level, logging.DEBUG), logging.ERROR)
        log.log(level, "%s: adapter process: %s: %s", self._terms.venue, line.logger, line.text)

    async def _watch(self) -> None:
        """Ends it when it is silent or too large. Silence is counted in our own turns: a daemon
        that was stopped for a while has heard nothing either."""
        tick = self._terms.silence_ms_max / 1_000 / _BEATS_PER_SILENCE
        silent = heard = 0
        while True:
            await asyncio.sleep(tick)
            silent = 0 if self._heard != heard else silent + 1
            heard = self._heard
            if silent > _BEATS_PER_SILENCE:
                self.end(f"silent for {self._terms.silence_ms_max} ms")
                return
            if (held := self._memory_mib()) > self._terms.memory_mib_max:
                self.end(f"holds {held} MiB, at most {self._terms.memory_mib_max}")
                return

    def _memory_mib(self) -> int:
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return 0  # it is ending; the socket tells
        return int(pages) * _PAGE_BYTES >> 20

    async def _pass_on_stderr(self) -> None:
        stream = self._process.stderr
        assert stream is not None
        for _ in range(_STDERR_LINES_MAX):
            try:
                line = await stream.readline()
            except ValueError:  # longer than the reader's buffer
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            log.warning("%s: adapter process: %.1000s", self._terms.venue, text)


def _lost(method: str, reason: str) -> Exception:
    text = f"adapter process: {reason}"
    return OutcomeUnknown(text) if method in wire.SENDS else VenueUnavailable(text)


async def start_launch(
    number: int, terms: LaunchTerms, environ: Mapping[str, str] | None = None
) -> Launch:
    """Start a process and build its adapter. Raises VenueError; nothing is left running then."""
    inherited = os.environ if environ is None else environ
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(*terms.command, str(theirs.fileno()), str(os.getpid())),
                pass_fds=(theirs.fileno(),),
                env={name: inherited[name] for name in _ENVIRONMENT if name in inherited},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
    except OSError as error:
        ours.close()
        raise VenueUnavailable(f"adapter process not started: {error}") from error
    ours.setblocking(False)
    streams = await asyncio.open_unix_connection(sock=ours)
    launch = Launch(number, terms, process, streams)
    launch.read_stderr()
    try:
        async with asyncio.timeout(terms.start_seconds_max):
            await launch.build()
    except BaseException as error:
        launch.end(f"not built: {error!r}"[:200])
        await launch.wait_ended()
        if isinstance(error, EOFError | TimeoutError):
            raise VenueUnavailable(f"adapter process: {error!r}") from error
        raise
    return launch
