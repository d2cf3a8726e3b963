"""A client of the observer's stream in a thread of its own. It keeps the rows of its channels as
docs/reference/stream.md says, comes back by sequence when its line is cut, and notes what it held
at each sequence. What the stream may not do ends it, with the reason in `fault`."""

import asyncio
import threading
from collections import Counter, defaultdict

import aiohttp
import msgspec
from real_programs import until
from replayed import HELD, held

from gateway.stream.channels import key_of

SECONDS_MAX = 300
# What a line that is cut anywhere may end with, also within the handshake.
CUTS = (aiohttp.ClientError, ConnectionError, asyncio.TimeoutError)
DECODERS = {
    aiohttp.WSMsgType.TEXT: msgspec.json.decode,
    aiohttp.WSMsgType.BINARY: msgspec.msgpack.decode,
}
STALE = frozenset({"resume_too_old", "too_far_behind", "journal_reopened"})


class MergedStream:
    """Begins with the block and ends with it; `connections` counts lines that were opened."""

    def __init__(self, key, url, channels, encoding="json"):
        self.tables = {}
        self.sequences = {}
        self.streams = {}
        self.reasons = defaultdict(list)  # channel -> reasons of its snapshots
        self.resumed = Counter()  # channel -> resumes that were answered by a delta
        self.told = defaultdict(set)  # (channel, sequence) -> what was held there
        self.messages = 0
        self.connections = 0
        self.fault = None
        self._key, self._url, self._encoding = key, url, encoding
        self._channels = tuple(channels)
        self._owed, self._parts, self._claims = {}, {}, {}
        self._ends, self._breaks = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join(SECONDS_MAX)
        assert not self._thread.is_alive(), "the client did not end"

    def come_again(self, url=None, changes=None):
        """Leave, and come back by sequence; returns once every channel was answered. `changes`:
        what it claims to hold, by field and channel."""
        self._url, self._claims = url or self._url, changes or {}
        count = self.connections
        self._breaks.set()
        self.wait(lambda: self.connections > count and not self._owed, "an answer on each channel")

    def wait(self, probe, what):
        """The first true answer of `probe`, unless the stream did what it may not."""

        def checked():
            assert self.fault is None, self.fault
            return probe()

        return until(checked, what=what)

    def rows(self, channel):
        return list(self.tables[channel].values())

    def _run(self):
        try:
            asyncio.run(self._follow())
        except BaseException as fault:
            self.fault = repr(fault)

    async def _follow(self):
        headers = {"Authorization": f"Bearer {self._key}"}
        async with aiohttp.ClientSession(headers=headers) as http:
            while not self._ends.is_set():
                try:
                    await self._read(http)
                except CUTS:
                    await asyncio.sleep(0.01)

    async def _read(self, http):
        """One line, until it is cut or left."""
        async with http.ws_connect(f"{self._url}/v1/stream") as socket:
            self._breaks.clear()
            # Half a batch is no state to resume from.
            self._parts.clear()
            self._owed = {name: name in self.streams for name in self._channels}
            self.connections += 1
            for name in self._channels:
                await socket.send_json(self._request(name))
            while not (self._ends.is_set() or self._breaks.is_set()):
                try:
                    message = await socket.receive(timeout=0.05)
                except TimeoutError:
                    continue
                if message.type not in DECODERS:
                    return
                self._take(DECODERS[message.type](message.data), message.type)

    def _request(self, channel):
        request = {"op": "subscribe", "channel": channel, "encoding": self._encoding}
        if channel in self.streams:
            sequence, stream = (
                self._claims.get(name, held)[channel]
                for name, held in (("sequences", self.sequences), ("streams", self.streams))
            )
            request |= {"resume": sequence, "stream": stream}
        return request

    def _take(self, message, kind):
        is_binary = kind is aiohttp.WSMsgType.BINARY
        assert is_binary == (self._encoding == "binary"), "the asked encoding"
        assert message["type"] in ("snapshot", "delta"), message
        self.messages += 1
        channel = message["channel"]
        parts = self._parts.setdefault(channel, [])
        parts.append(message)
        if not message["has_more"]:
            self._merge(channel, self._parts.pop(channel))

    def _merge(self, channel, parts):
        first = parts[0]
        assert all(part["type"] == "delta" for part in parts[1:]), channel
        is_resume = self._owed.pop(channel, None)
        if first["type"] == "snapshot":
            self._begin(channel, first, is_resume=is_resume)
        else:
            assert is_resume is not False, f"{channel}: a delta to who holds nothing"
            self.resumed[channel] += is_resume is True
        table = dict(self.tables.get(channel, {}))
        for part in parts:
            table.update((key_of(channel, row), row) for row in part["rows"])
            for key in part.get("removed", ()):
                table.pop(key, None)  # it may have come and gone between two messages
        sequence = parts[-1]["sequence"]
        assert sequence >= self.sequences.get(channel, 0), f"{channel} goes back to {sequence}"
        self.tables[channel], self.sequences[channel] = table, sequence
        if channel in HELD:
            self.told[channel, sequence].add(held(channel, table.values()))

    def _begin(self, channel, snapshot, *, is_resume):
        """Who held something is told that it is everything anew, and why."""
        held = channel in self.streams
        reason = snapshot["reason"]
        assert snapshot["is_fresh"] == held == (reason in STALE), (channel, is_resume, snapshot)
        self.reasons[channel].append(reason)
        self.tables[channel] = {}
        self.sequences.pop(channel, None)
        self.streams[channel] = snapshot["stream"]
