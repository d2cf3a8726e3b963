"""Two of our sessions over a line that loses, garbles and breaks, and processes that die: in the
end each side took what the other sent, once and in order. Time is an argument; a seed tells all."""

import os
from collections import deque
from pathlib import Path
from random import Random

import pytest

from gateway._core.fix import FixFramer
from gateway.transport.fix_session import (
    FileStore,
    FixMessage,
    FixSession,
    QuietApplication,
    SessionIdentity,
    SessionSettings,
    SessionState,
)

SECOND_NS = 1_000_000_000
START_NS = 1_795_255_200 * SECOND_NS
RUNS_NOW, RUNS_NIGHTLY = 25, 1_000


class Taker(QuietApplication):
    """Remembers what it took, like a journal: also after its process died."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def on_message(self, session: FixSession, message: FixMessage, now_ns: int) -> None:
        self.taken.append(message.get(58) or b"")


class Side:
    """One process: it can die, its file and what it took remain."""

    def __init__(self, path: Path, settings: SessionSettings) -> None:
        self.path, self.settings = path, settings
        self.taker = Taker()
        self.sent: list[bytes] = []
        self.wire: dict[bytes, bytes] = {}  # number -> body of what left first under it
        self.store = FileStore(path, now_ns=START_NS)
        self.session = FixSession(settings, self.store, self.taker)
        self.framer = FixFramer()

    def die(self) -> None:
        """What was not flushed is gone, as after kill -9."""
        os.close(self.store._file)
        os.close(self.store._lock)
        self.store = FileStore(self.path, now_ns=START_NS)
        self.session = FixSession(self.settings, self.store, self.taker)

    def say(self, text: bytes, now_ns: int) -> None:
        self.session.send(b"B", [(148, b"x"), (33, b"1"), (58, text)], now_ns,
                          is_kept_when_down=True)  # fmt: skip
        self.store.flush()
        self.sent.append(text)

    def take(self) -> list[bytes]:
        """What goes on the wire; no number is used twice for other content."""
        found = self.session.take_output()  # also with nothing to say it stores what was received
        while self.session.has_output:
            found += self.session.take_output()
        for data in found:
            fields = dict(part.split(b"=", 1) for part in data[:-1].split(b"\x01"))
            if fields[b"35"] == b"B":
                kept = self.wire.setdefault(fields[b"34"], fields[b"58"])
                assert kept == fields[b"58"], "a number was used twice"
        return found


class World:
    """Both sides and the line between them."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.random = Random(seed)
        self.now_ns = START_NS
        chunk = self.random.choice((0, 0, 3))
        version = self.random.choice(("FIX.4.2", "FIX.4.4", "FIXT.1.1"))
        has_next = version != "FIX.4.2" and self.random.random() < 0.3
        self.sides = tuple(
            Side(
                directory / f"{ours}.session",
                SessionSettings(
                    identity=SessionIdentity(version, ours, theirs),
                    is_initiator=ours == "A",
                    heartbeat_s=10,
                    resend_chunk=chunk,
                    has_next_expected=has_next,
                ),
            )
            for ours, theirs in (("A", "B"), ("B", "A"))
        )
        self.flying: tuple[deque[bytes], deque[bytes]] = (deque(), deque())
        self.is_up = False
        self.count = 0

    def run(self, steps: int) -> None:
        acts = (self.say, self.carry, self.carry, self.carry, self.wait, self.lose, self.cut,
                self.kill, self.connect, self.connect)  # fmt: skip
        weights = (8, 12, 12, 12, 3, 2, 0.7, 0.4, 3, 3)
        for _ in range(steps):
            self.random.choices(acts, weights)[0]()
        self.settle()
        a, b = self.sides
        assert b.taker.taken == a.sent
        assert a.taker.taken == b.sent

    def settle(self) -> None:
        """The line is good from now on; silence shows what is missing."""
        for _ in range(400):
            self.connect()
            for side in (0, 1):
                self.collect(side)
                while self.is_up and self.flying[side]:
                    self.deliver(side)
            self.pass_time(2 * SECOND_NS)

    def say(self) -> None:
        self.count += 1
        side = self.random.choice(self.sides)
        side.say(b"message %d" % self.count, self.now_ns)

    def connect(self) -> None:
        if not self.is_up:
            self.is_up = True
            for side in self.sides:
                side.framer = FixFramer()
                side.session.connected(self.now_ns)

    def collect(self, index: int) -> None:
        self.flying[index].extend(self.sides[index].take() if self.is_up else ())

    def carry(self) -> None:
        index = self.random.randrange(2)
        self.collect(index)
        for _ in range(self.random.randrange(1, 4)):
            if self.is_up and self.flying[index]:
                self.deliver(index)

    def deliver(self, index: int, *, is_garbled: bool = False) -> None:
        data = self.flying[index].popleft()
        if is_garbled:
            data = data.replace(b"\x0134=", b"\x0143=", 1)
        other = self.sides[1 - index]
        other.framer.feed(data)
        while (frame := other.framer.next()) is not None:
            if frame.fault:
                other.session.garbled(frame.fault, self.now_ns)
            else:
                other.session.received(FixMessage.of_frame(frame), self.now_ns)
        self.collect(1 - index)
        self.end_if_closed()

    def lose(self) -> None:
        index = self.random.randrange(2)
        self.collect(index)
        if self.is_up and self.flying[index]:
            self.deliver(index, is_garbled=True)

    def wait(self) -> None:
        self.pass_time(self.random.randrange(1, 15) * SECOND_NS)

    def pass_time(self, span_ns: int) -> None:
        self.now_ns += span_ns
        if self.is_up:
            for side in self.sides:
                side.session.tick(self.now_ns)
        self.end_if_closed()

    def end_if_closed(self) -> None:
        if any(side.session.close_reason for side in self.sides) and self.is_up:
            for index in (0, 1):
                self.collect(index)
            self.cut()

    def cut(self) -> None:
        """Part of what flies still arrives."""
        if not self.is_up:
            return
        self.is_up = False
        for index in (0, 1):
            self.flying[index].clear()
            self.sides[index].session.disconnected(self.now_ns, "cut")
            self.sides[index].store.flush()

    def kill(self) -> None:
        side = self.random.choice(self.sides)
        side.die()
        for other in self.sides:
            if other is not side and other.session.state is not SessionState.DISCONNECTED:
                other.session.disconnected(self.now_ns, "the peer died")
        self.is_up = False
        for queue in self.flying:
            queue.clear()


@pytest.mark.parametrize("seed", range(RUNS_NOW))
def test_everything_arrives_once_and_in_order(seed: int, tmp_path: Path) -> None:
    World(seed, tmp_path).run(250)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(RUNS_NOW, RUNS_NIGHTLY))
def test_everything_arrives_once_and_in_order_for_long(seed: int, tmp_path: Path) -> None:
    World(seed, tmp_path).run(400)
