"""Holds every conversation of tests/fix_scripts: against the machine, time being an argument, and
those without a clock over real sockets too."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from fix_conversation import (
    PEER,
    SECOND_NS,
    US,
    VERSIONS,
    Conversation,
    compare,
    dialled,
    expanded,
    peer_bytes,
    read_conversations,
)

from gateway._core.fix import FixFramer
from gateway.testing.fix_echo import EchoApplication
from gateway.transport.fix_session import (
    AcceptorSettings,
    FixAcceptor,
    FixMessage,
    FixSession,
    MemoryStore,
    Rules,
    Schedule,
    SessionIdentity,
    SessionSettings,
    SessionState,
)

ALL = read_conversations()
START_NS = 1_795_255_200 * SECOND_NS  # 2026-11-21T10:00:00Z, a Saturday


def settings_of(conversation: Conversation) -> SessionSettings:
    """From the `role` and `setting` lines."""
    given: dict[str, Any] = {}
    for _, line in conversation.lines:
        word, _, rest = line.partition(" ")
        if word == "role":
            given["is_initiator"] = rest == "initiator"
        elif word == "setting":
            name, _, value = rest.partition("=")
            given[name] = setting_value(name, value)
    identity = SessionIdentity(VERSIONS[conversation.version], US, PEER)
    return SessionSettings(identity=identity, names_version_on_business_reject=True, **given)


def setting_value(name: str, value: str) -> Any:
    if name == "schedule":
        start, end = value.split("-")
        return Schedule(start_time=start, end_time=end)
    if name == "rules":
        return Rules(**dict.fromkeys(value.split(), True))
    if value in {"yes", "no"}:
        return value == "yes"
    return float(value) if "." in value else int(value)


class MachinePlayer:
    """Holds a conversation with the state machine alone."""

    def __init__(self, conversation: Conversation) -> None:
        self.version = conversation.version
        self.session = FixSession(
            settings_of(conversation), MemoryStore(START_NS), EchoApplication()
        )
        self.now_ns = START_NS
        self.output: list[bytes] = []

    def play(self, lines: list[tuple[int, str]]) -> None:
        is_begun = False
        for number, line in lines:
            word, _, rest = line.partition(" ")
            if word in {"role", "setting"}:
                continue
            if not is_begun and word not in {"connect", "outgoing", "expected"}:
                self.connect()
                is_begun = True
            is_begun = is_begun or word == "connect"
            try:
                self.step(word, expanded(rest, self.version))
            except AssertionError as error:
                raise AssertionError(f"line {number}: {line}: {error}") from error
        self.nothing_left()

    def step(self, word: str, rest: str) -> None:
        if word == "<":
            self.collect()
            assert self.output, "nothing was sent"
            compare(self.output.pop(0), rest, self.version, self.now_ns)
            return
        self.nothing_left()
        match word:
            case ">":
                self.feed(peer_bytes(rest, self.version, self.now_ns))
            case "raw":
                self.feed(rest.replace("|", "\x01").encode("latin-1"))
            case "wait":
                self.wait(int(float(rest) * SECOND_NS))
            case "closed":
                assert self.session.close_reason is not None, "the line is still open"
                self.session.disconnected(self.now_ns, self.session.close_reason)
            case "connect":
                self.connect()
            case "drop":
                self.session.disconnected(self.now_ns, "dropped")
            case "outgoing":
                self.session.set_numbers(outgoing=int(rest))
            case "expected":
                self.session.set_numbers(expected=int(rest))
            case "send":
                self.send(rest)
            case "logout":
                self.session.logout(rest, self.now_ns)
            case "reset":
                self.session.reset(self.now_ns)
            case _:
                raise AssertionError(f"no such step: {word}")

    def connect(self) -> None:
        self.session.connected(self.now_ns)
        self.framer = FixFramer()

    def feed(self, data: bytes) -> None:
        self.framer.feed(data)
        while (frame := self.framer.next()) is not None:
            if frame.fault:
                self.session.garbled(frame.fault, self.now_ns)
            else:
                message = FixMessage.of_frame(frame)
                self.session.received(message, self.now_ns)

    def wait(self, span_ns: int) -> None:
        """Time passes from alarm to alarm, as a line would do it."""
        end_ns = self.now_ns + span_ns
        while (due_ns := self.session.next_tick_ns()) is not None and due_ns <= end_ns:
            if self.session.close_reason is not None:
                break
            self.now_ns = max(self.now_ns + 1, due_ns)
            self.session.tick(self.now_ns)
            self.collect()
        self.now_ns = end_ns

    def send(self, rest: str) -> None:
        fields = [(int(tag), value.encode()) for tag, _, value in
                  (each.partition("=") for each in rest.split("|"))]  # fmt: skip
        kind = dict(fields)[35]
        self.session.send(kind, fields[1:], self.now_ns, is_kept_when_down=True)

    def collect(self) -> None:
        while self.session.has_output:
            self.output += self.session.take_output()

    def nothing_left(self) -> None:
        self.collect()
        assert self.output == [], "more was sent than expected"


@pytest.mark.parametrize("conversation", ALL, ids=lambda each: f"{each.version} {each.name}")
def test_a_conversation_with_the_machine(conversation: Conversation) -> None:
    MachinePlayer(conversation).play(conversation.lines)


class SocketPlayer:
    """Holds a conversation over a loopback connection. Its clock runs, from the same moment."""

    def __init__(self, conversation: Conversation) -> None:
        self.version = conversation.version
        self.ahead_ns = START_NS - time.time_ns()
        self.session = FixSession(
            settings_of(conversation), MemoryStore(START_NS), EchoApplication()
        )
        self.framer = FixFramer()

    def now_ns(self) -> int:
        return time.time_ns() + self.ahead_ns

    async def play(self, lines: list[tuple[int, str]]) -> None:
        acceptor = FixAcceptor([self.session], AcceptorSettings(), now_ns=self.now_ns)
        await acceptor.start()
        self.port = acceptor.port
        self.writer: asyncio.StreamWriter | None = None
        try:
            for number, line in lines:
                word, _, rest = line.partition(" ")
                if word not in {"setting", "outgoing", "expected", "connect"} and not self.writer:
                    await self.connect()
                try:
                    async with asyncio.timeout(300):
                        await self.step(word, expanded(rest, self.version))
                except (AssertionError, TimeoutError) as error:
                    raise AssertionError(f"line {number}: {line}: {error!r}") from error
        finally:
            if self.writer is not None:
                self.writer.close()
            await acceptor.stop()

    async def connect(self) -> None:
        self.framer = FixFramer()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def step(self, word: str, rest: str) -> None:
        match word:
            case "setting":
                return
            case "<":
                compare(await self.next(), rest, self.version, self.now_ns())
            case ">":
                assert self.writer is not None
                self.writer.write(peer_bytes(rest, self.version, self.now_ns()))
            case "raw":
                assert self.writer is not None
                self.writer.write(rest.replace("|", "\x01").encode("latin-1"))
            case "closed":
                await self.closed()
            case "connect":
                await self.connect()
            case "outgoing":
                self.session.set_numbers(outgoing=int(rest))
            case "expected":
                self.session.set_numbers(expected=int(rest))
            case _:
                raise AssertionError(f"no such step: {word}")

    async def next(self) -> bytes:
        while (frame := self.framer.next()) is None:
            data = await self.reader.read(65536)
            assert data, "the line was closed"
            self.framer.feed(data)
        assert not frame.fault
        return frame.data

    async def closed(self) -> None:
        """No more than what was expected, then the end."""
        assert self.framer.next() is None
        with suppress(ConnectionResetError):
            assert await self.reader.read(65536) == b""
        assert self.writer is not None
        self.writer.close()
        self.writer = None
        async with asyncio.timeout(300):
            while self.session.state is not SessionState.DISCONNECTED:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


BY_SOCKET = [each for each in ALL if each.is_timeless and each.version == "5.0"]


@pytest.mark.asyncio
@pytest.mark.parametrize("conversation", BY_SOCKET, ids=lambda each: f"{each.version} {each.name}")
async def test_a_conversation_over_a_socket(conversation: Conversation) -> None:
    await SocketPlayer(conversation).play(conversation.lines)


DIALLED = [found for each in ALL if (found := dialled(each)) is not None]


@pytest.mark.parametrize("conversation", DIALLED, ids=lambda each: f"{each.version} {each.name}")
def test_a_conversation_with_the_machine_that_dialled(conversation: Conversation) -> None:
    MachinePlayer(conversation).play(conversation.lines)


def test_both_sides_hold_rejects_numbers_time_gap_fill_and_resets() -> None:
    for version in VERSIONS:
        files = Counter(each.name.split(":")[0] for each in DIALLED if each.version == version)
        least = {"rejects": 5, "numbers": 10, "time": 8, "resend": 7, "reset": 7}
        assert all(files[name] >= n for name, n in least.items()), files


def test_the_clauses_are_held_in_every_version() -> None:
    for version in VERSIONS:
        assert len([each for each in ALL if each.version == version]) >= 60, version
