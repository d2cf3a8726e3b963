"""Connections: hostile peers, slow readers, TLS names, passwords in logs, stops and reconnects."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from fix_conversation import PEER, US, peer_bytes

from gateway.testing import until
from gateway.testing.fix_echo import EchoApplication
from gateway.transport.fix_session import (
    AcceptorSettings,
    FileStore,
    FixAcceptor,
    FixInitiator,
    FixMessage,
    FixSession,
    InitiatorSettings,
    LineLimits,
    MemoryStore,
    QuietApplication,
    SessionIdentity,
    SessionSettings,
    SessionState,
)

LOGON = "35=A|34=1|98=0|108=30"
pytestmark = pytest.mark.asyncio


def new_session(
    application: Any = None, *, target: str = PEER, store: Any = None, **settings: Any
) -> FixSession:
    identity = SessionIdentity("FIX.4.4", US, target)
    given = SessionSettings(identity=identity, **settings)
    kept = store or MemoryStore(time.time_ns())
    return FixSession(given, kept, application or EchoApplication())


def logon_as(name: str) -> str:
    return LOGON.replace("34=1|", f"34=1|49={name}|")


def wire(text: str) -> bytes:
    return peer_bytes(text, "4.4", time.time_ns())


@asynccontextmanager
async def listening(*sessions: FixSession, **settings: Any) -> AsyncIterator[FixAcceptor]:
    acceptor = FixAcceptor(sessions, AcceptorSettings(**settings), now_ns=time.time_ns)
    await acceptor.start()
    try:
        yield acceptor
    finally:
        await acceptor.stop(timeout_s=0.05)
        while Client.writers:
            writer = Client.writers.pop()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


class Client:
    """A peer that writes what it likes. `listening` closes it."""

    writers: ClassVar[list[asyncio.StreamWriter]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.writers.append(writer)
        self.seen = b""

    @classmethod
    async def dial(cls, acceptor: FixAcceptor, *texts: str) -> "Client":
        client = cls(*await asyncio.open_connection("127.0.0.1", acceptor.port))
        for text in texts:
            client.writer.write(wire(text))
        return client

    async def heard(self, word: bytes) -> None:
        async with asyncio.timeout(300):
            while word not in self.seen:
                data = await self.reader.read(65536)
                assert data, f"closed before {word!r}: {self.seen!r}"
                self.seen += data

    async def closed(self) -> bytes:
        """Everything until the end."""
        async with asyncio.timeout(300):
            with suppress(ConnectionResetError):
                while data := await self.reader.read(65536):
                    self.seen += data
        self.writer.close()
        return self.seen


async def test_a_second_line_is_refused_and_the_first_lives_on() -> None:
    async with listening(new_session()) as acceptor:
        first = await Client.dial(acceptor, LOGON)
        await first.heard(b"\x0135=A\x01")
        second = await Client.dial(acceptor, LOGON)
        assert await second.closed() == b""
        first.writer.write(wire("35=1|34=2|112=alive"))
        await first.heard(b"112=alive")
        assert acceptor.refused == 1


async def test_many_sessions_share_a_port_and_come_and_go_at_run_time() -> None:
    sessions = [new_session(target=f"TW{each}") for each in range(5)]
    async with listening(*sessions) as acceptor:
        clients = [await Client.dial(acceptor, logon_as(f"TW{each}")) for each in range(5)]
        for each, client in enumerate(clients):
            await client.heard(b"56=TW%d\x01" % each)
        late = new_session(target="LATE")
        acceptor.add(late)
        with pytest.raises(ValueError, match="twice"):
            acceptor.add(late)
        client = await Client.dial(acceptor, logon_as("LATE"))
        await client.heard(b"35=A\x01")
        acceptor.remove(late.identity)
        await client.heard(b"58=disabled\x01")
        client.writer.write(wire("35=5|34=2|49=LATE"))
        await client.closed()
        again = await Client.dial(acceptor, logon_as("LATE"))
        assert await again.closed() == b""


async def test_a_peer_that_does_not_read_is_cut_with_the_reason(caplog) -> None:
    limits = LineLimits(send_buffer_bytes_max=200_000)
    session = new_session()
    with caplog.at_level(logging.INFO):
        async with listening(session, limits=limits) as acceptor:
            client = await Client.dial(acceptor, LOGON)
            await client.heard(b"35=A\x01")
            filler = b"x" * 4000
            for number in range(4000):
                if session.state is not SessionState.ACTIVE:
                    break
                session.send(b"B", [(148, b"flood"), (33, b"1"), (58, filler)], time.time_ns())
                if number % 20 == 0:
                    await asyncio.sleep(0)
            await until(lambda: session.state is SessionState.DISCONNECTED)
            client.writer.close()
    assert "slow reader" in caplog.text


async def test_a_burst_of_ours_does_not_cut_a_peer_that_reads() -> None:
    session = new_session()
    limits = LineLimits(send_buffer_bytes_max=200_000)
    async with listening(session, limits=limits) as acceptor:
        client = await Client.dial(acceptor, LOGON)
        await client.heard(b"35=A\x01")
        for _ in range(150):  # 600 kB in one turn of the loop
            session.send(b"B", [(148, b"x"), (33, b"1"), (58, b"x" * 4000)], time.time_ns())
        session.send(b"B", [(148, b"last"), (33, b"1"), (58, b"x")], time.time_ns())
        await client.heard(b"148=last\x01")
        assert session.is_logged_on


async def test_too_much_that_is_not_read_for_a_while_is_cut(caplog) -> None:
    caplog.set_level(logging.INFO)
    limits = LineLimits(send_buffer_bytes_max=200_000, slow_reader_s=0.05)
    session = new_session()
    async with listening(session, limits=limits) as acceptor:
        client = await Client.dial(acceptor, LOGON)
        await client.heard(b"35=A\x01")
        while session.queued_bytes < 250_000:  # the kernel's buffers are full
            session.send(b"B", [(148, b"x"), (33, b"1"), (58, b"x" * 4000)], time.time_ns())
            await asyncio.sleep(0)
        assert session.is_logged_on, "it may read on"
        await until(lambda: session.state is SessionState.DISCONNECTED)
        client.writer.close()
    assert "slow reader" in caplog.text


class CountedStore(MemoryStore):
    """Knows how far its pages were read."""

    read = 0

    def pages(self, first: int, last: int) -> Iterator[list[tuple[int, bytes]]]:
        for page in super().pages(first, last):
            self.read += 1
            yield page


async def test_a_million_numbers_are_filled_a_page_at_a_time_while_others_are_answered() -> None:
    store = CountedStore(time.time_ns())
    busy, other = new_session(store=store), new_session(target="B")
    news = [(148, b"x"), (33, b"1"), (58, b"y")]
    for number in (400_000, 1_000_000):
        store.set_next_outgoing(number)
        busy.send(b"B", news, time.time_ns(), is_kept_when_down=True)
    takes = []
    take, busy.take_output = busy.take_output, lambda: takes.append(store.read) or take()
    async with listening(busy, other) as acceptor:
        asker = await Client.dial(acceptor, LOGON)
        await asker.heard(b"\x0135=A\x01")
        between = await Client.dial(acceptor, logon_as("B"))
        await between.heard(b"\x0135=A\x01")
        asker.writer.write(wire("35=2|34=2|7=1|16=0"))
        await until(lambda: store.read > 0)
        between.writer.write(wire("35=1|34=2|49=B|112=between"))
        await between.heard(b"112=between")
        pages = 1 + 1_000_001 // 4096
        assert store.read < pages, "the whole range came first"
        await asker.heard(b"36=1000002")
    assert store.read == pages
    assert all(after - before <= 2 for before, after in pairwise([*takes, store.read]))
    kinds = [each.split(b"\x01")[0] for each in asker.seen.split(b"\x0135=")[1:]]
    assert kinds == [b"A", b"4", b"B", b"4", b"B", b"4"]
    assert all(fill in asker.seen for fill in (b"\x0136=400000\x01", b"\x0136=1000000\x01"))


async def test_junk_without_end_is_cut_and_does_not_grow() -> None:
    session = new_session()
    async with listening(session) as acceptor:
        client = await Client.dial(acceptor, LOGON)
        await client.heard(b"35=A\x01")
        client.writer.write(b"no message at all " * 10_000)
        await client.closed()
        assert session.state is SessionState.DISCONNECTED


async def test_a_message_that_never_ends_is_cut() -> None:
    session = new_session()
    async with listening(session, limits=LineLimits(message_timeout_s=0.05)) as acceptor:
        client = await Client.dial(acceptor, LOGON)
        await client.heard(b"35=A\x01")
        client.writer.write(b"8=FIX.4.4\x019=100\x0135=0\x01")
        await client.closed()


async def test_bytes_that_come_one_by_one_are_a_message() -> None:
    async with listening(new_session()) as acceptor:
        client = await Client.dial(acceptor)
        for each in wire(LOGON):
            client.writer.write(bytes([each]))
            await client.writer.drain()
        await client.heard(b"35=A\x01")


async def test_who_says_nothing_is_disconnected_in_time() -> None:
    async with listening(new_session(), logon_timeout_s=0.05) as acceptor:
        clients = [await Client.dial(acceptor) for _ in range(50)]
        for client in clients:
            assert await client.closed() == b""
        await until(lambda: acceptor.row()["connections"] == 0)


async def test_addresses_connections_and_failures_are_limited() -> None:
    async with listening(new_session(), allowed=("10.0.0.0/8",)) as acceptor:
        assert await (await Client.dial(acceptor, LOGON)).closed() == b""
    async with listening(new_session(), allowed=("127.0.0.0/8",), connections_max=1) as acceptor:
        first = await Client.dial(acceptor, LOGON)
        await first.heard(b"35=A\x01")
        assert await (await Client.dial(acceptor, LOGON)).closed() == b""
    async with listening(new_session(), failed_logons_per_minute=2) as acceptor:
        for _ in range(2):
            await (await Client.dial(acceptor, logon_as("WHO"))).closed()
        assert await (await Client.dial(acceptor, LOGON)).closed() == b""


async def test_lines_without_a_logon_are_few_and_count_as_failures() -> None:
    async with listening(new_session(), awaited_per_address_max=2) as acceptor:
        waiting = [await Client.dial(acceptor) for _ in range(2)]
        await until(lambda: acceptor.row()["connections"] == 2)
        assert await (await Client.dial(acceptor, LOGON)).closed() == b""
        waiting[0].writer.write(wire(LOGON))
        await waiting[0].heard(b"35=A\x01")
        await Client.dial(acceptor)  # in its place
        await until(lambda: acceptor.row()["connections"] == 3)
    async with listening(
        new_session(), failed_logons_per_minute=1, logon_timeout_s=0.05
    ) as acceptor:
        assert await (await Client.dial(acceptor)).closed() == b""
        assert await (await Client.dial(acceptor, LOGON)).closed() == b""


async def test_a_session_that_is_up_does_not_shut_out_its_neighbours() -> None:
    sessions = (new_session(), new_session(target="NEXT"))
    async with listening(*sessions, failed_logons_per_minute=1) as acceptor:
        first = await Client.dial(acceptor, LOGON)
        await first.heard(b"35=A\x01")
        for _ in range(3):
            assert await (await Client.dial(acceptor, LOGON)).closed() == b""
        neighbour = await Client.dial(acceptor, logon_as("NEXT"))
        await neighbour.heard(b"35=A\x01")


class Guarded(QuietApplication):
    """Wants a password, and fails when it is told to."""

    def check_logon(self, session: FixSession, logon: FixMessage) -> str | None:
        return None if logon.get(554) == b"open sesame" else "Logon refused"

    def on_message(self, session: FixSession, message: FixMessage, now_ns: int) -> None:
        raise RuntimeError("the lane is full")


async def test_a_wrong_password_gets_a_neutral_text_and_stands_in_no_log(caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        async with listening(new_session(Guarded())) as acceptor:
            client = await Client.dial(acceptor, f"{LOGON}|553=desk|554=hunter2")
            seen = await client.closed()
            assert b"58=Logon refused\x01" in seen and b"hunter2" not in seen
            other = await Client.dial(acceptor, f"{logon_as('WHO')}|553=desk|554=hunter2")
            assert await other.closed() == b""
    assert "hunter2" not in caplog.text and "554=***" in caplog.text


async def test_a_message_the_application_did_not_take_is_not_counted() -> None:
    session = new_session(Guarded())
    async with listening(session) as acceptor:
        client = await Client.dial(acceptor, f"{LOGON}|554=open sesame")
        await client.heard(b"35=A\x01")
        client.writer.write(wire("35=D|34=2|11=A|21=1|40=1|54=1|55=X|60=20261121-10:00:00"))
        await client.closed()
        await until(lambda: session.state is SessionState.DISCONNECTED)
        assert session.store.next_expected == 2


async def test_a_long_resend_is_delivered_whole_and_in_order() -> None:
    session = new_session()
    async with listening(session) as acceptor:
        for number in range(1, 3001):
            session.send(b"B", [(148, b"n%d" % number)], time.time_ns(), is_kept_when_down=True)
        client = await Client.dial(acceptor, LOGON)
        await client.heard(b"35=A\x01")
        client.writer.write(wire("35=2|34=2|7=1|16=0"))
        client.writer.write(wire("35=1|34=3|112=behind"))
        await client.heard(b"112=behind\x01")
        heads = [int(part.split(b"\x01")[0][1:]) for part in client.seen.split(b"148=")[1:]]
        assert heads == list(range(1, 3001))
        assert client.seen.index(b"n3000") < client.seen.index(b"112=behind")


async def test_an_initiator_comes_back_after_a_cut_with_its_numbers(tmp_path: Path) -> None:
    here = new_session()
    identity = SessionIdentity("FIX.4.4", PEER, US)
    settings = SessionSettings(identity=identity, is_initiator=True)
    store = FileStore(tmp_path / "desk.session", now_ns=time.time_ns())
    taken: list[bytes] = []

    class Desk(QuietApplication):
        def on_message(self, session: FixSession, message: FixMessage, now_ns: int) -> None:
            taken.append(message.get(11) or b"")

    there = FixSession(settings, store, Desk())
    async with listening(here) as acceptor:
        where = InitiatorSettings(host="127.0.0.1", port=acceptor.port, backoff_first_s=0.01,
                                  backoff_max_s=0.02, attempts_per_minute=6000)  # fmt: skip
        desk = FixInitiator(there, where, now_ns=time.time_ns, random=Random(1))
        desk.start()
        await until(lambda: there.is_logged_on)
        order = [(21, b"1"), (40, b"1"), (54, b"1"), (55, b"X"), (60, b"20261121-10:00:00")]
        for name in (b"ONE", b"TWO"):
            there.send(b"D", [(11, name), *order], time.time_ns())
        await until(lambda: taken == [b"ONE", b"TWO"])
        desk.drop("cut")
        there.send(b"D", [(11, b"THREE"), *order], time.time_ns(), is_kept_when_down=True)
        await until(lambda: taken == [b"ONE", b"TWO", b"THREE"])
        assert desk.attempts >= 2
        await desk.stop()
        assert there.state is SessionState.DISCONNECTED
    store.close()
