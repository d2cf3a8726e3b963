"""Where a line or a store fails, or a peer asks too much: nothing is lost, nobody waits for ever.
The transport is the test's own, so that it can refuse to send, to close and to end."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from fix_conversation import PEER, US, peer_bytes

from gateway._core.fix import FixFramer
from gateway.testing import until
from gateway.transport.fix_session import (
    FileStore,
    FixLine,
    FixMessage,
    FixSession,
    LineLimits,
    MemoryStore,
    QuietApplication,
    SessionIdentity,
    SessionSettings,
    SessionState,
    StoreBehind,
    StoreError,
)

SECOND_NS = 1_000_000_000
NOW_NS = 1_795_255_200 * SECOND_NS
LOGON = "35=A|34=1|98=0|108=30"
NEWS = [(148, b"x"), (33, b"1")]


def new_session(store: Any = None, application: Any = None, **settings: Any) -> FixSession:
    given = SessionSettings(identity=SessionIdentity("FIX.4.4", US, PEER), **settings)
    return FixSession(given, store or MemoryStore(NOW_NS), application or QuietApplication())


def wire(*texts: str) -> bytes:
    return b"".join(peer_bytes(text, "4.4", NOW_NS) for text in texts)


def feed(session: FixSession, *texts: str) -> None:
    """All in one segment: what is answered is not taken in between."""
    framer = FixFramer()
    framer.feed(wire(*texts))
    while (frame := framer.next()) is not None:
        session.received(FixMessage.of_frame(frame), NOW_NS)


def taken(session: FixSession) -> list[str]:
    """Type and number of each message that goes out."""
    found = []
    while data := session.take_output():
        for each in data:
            fields = dict(part.split(b"=", 1) for part in each[:-1].split(b"\x01"))
            found.append(f"{fields[b'35'].decode()}{fields[b'34'].decode()}")
    return found


class Pipe(asyncio.Transport):
    """Takes what is written and holds it: the peer reads nothing unless `is_read`."""

    def __init__(self, *, is_read: bool = True) -> None:
        super().__init__()
        self.is_read, self.is_closed, self.is_cut = is_read, False, False
        self.writes: list[bytes] = []

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0 if self.is_read else sum(map(len, self.writes))

    def is_closing(self) -> bool:
        return self.is_closed or self.is_cut

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_cut = True


class Ends:
    """One line of an accepted session, and what its owner is told."""

    def __init__(self, session: FixSession, pipe: Pipe, **limits: Any) -> None:
        self.now_ns = NOW_NS
        self.told: list[str] = []
        self.line = FixLine(
            now_ns=lambda: self.now_ns,
            limits=LineLimits(**limits),
            session=session,
            on_end=lambda line, reason: self.told.append(reason),
        )
        self.line.connection_made(pipe)
        self.line.data_received(wire(LOGON))


def test_what_is_kept_while_the_line_is_down_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "one.session"
    store = FileStore(path, now_ns=NOW_NS)
    session = new_session(store)
    session.send(b"B", NEWS, NOW_NS, is_kept_when_down=True)
    feed_logon(session)
    session.close_reason = "about to close"
    session.send(b"B", NEWS, NOW_NS, is_kept_when_down=True)
    os.close(store._file)
    os.close(store._lock)
    again = FileStore(path, now_ns=NOW_NS)
    assert again.next_outgoing == 4
    again.close()


def feed_logon(session: FixSession) -> None:
    session.connected(NOW_NS)
    feed(session, LOGON)
    assert session.state is SessionState.ACTIVE


class Failing(QuietApplication):
    """Its end fails."""

    def __init__(self) -> None:
        self.logouts = 0

    def on_logout(self, session: FixSession, reason: str) -> None:
        self.logouts += 1
        raise RuntimeError("no room to remember it")


class FullStore(MemoryStore):
    """Its disk is full when a session ends."""

    def reset(self, now_ns: int) -> None:
        raise StoreError("no space left")


@pytest.mark.asyncio
@pytest.mark.parametrize("is_reset", [False, True])
async def test_the_owner_is_told_of_the_end_whatever_fails_there(is_reset: bool) -> None:
    application = Failing()
    store = FullStore(NOW_NS) if is_reset else MemoryStore(NOW_NS)
    session = new_session(store, application, is_reset_on_disconnect=is_reset)
    ends = Ends(session, Pipe())
    ends.line.connection_lost(None)
    assert ends.told == ["closed by the peer"]
    assert session.state is SessionState.DISCONNECTED and application.logouts == 1


@pytest.mark.asyncio
async def test_a_dead_peer_is_cut_although_its_last_bytes_never_leave() -> None:
    session = new_session()
    pipe = Pipe(is_read=False)
    ends = Ends(session, pipe, close_timeout_s=0.01)
    ends.now_ns += 100 * SECOND_NS
    ends.line._alarm()
    assert session.close_reason == "nothing heard for 2.4 heartbeats"
    assert pipe.is_closed and not pipe.is_cut
    await until(lambda: pipe.is_cut)
    ends.line.connection_lost(None)


def filled(count: int, size: int, **settings: Any) -> FixSession:
    session = new_session(**settings)
    for _ in range(count):
        session.send(b"B", [*NEWS, (58, b"x" * size)], NOW_NS, is_kept_when_down=True)
    return session


def test_one_take_is_bounded_by_its_bytes_not_by_its_messages() -> None:
    session = filled(40, 60_000)
    feed_logon(session)
    feed(session, "35=2|34=2|7=1|16=0")
    sizes = []
    while data := session.take_output():
        sizes.append(sum(map(len, data)))
    assert sum(sizes) > 40 * 60_000 and max(sizes) < 256 * 1024 + 65_536


@pytest.mark.asyncio
async def test_a_long_resend_leaves_the_loop_to_others_between_two_takes() -> None:
    session = filled(40, 60_000)
    pipe = Pipe()
    ends = Ends(session, pipe)
    ends.line.data_received(wire("35=2|34=2|7=1|16=0", "35=1|34=3|112=behind"))
    at_once = len(pipe.writes)
    await until(lambda: b"112=behind" in pipe.writes[-1])
    assert at_once <= 3 < len(pipe.writes)
    ends.line.connection_lost(None)


@pytest.mark.parametrize("is_logout", [False, True])
def test_a_reset_ends_the_resends_that_were_asked_for_before_it(is_logout: bool) -> None:
    session = filled(3, 10, is_reset_on_logout=is_logout)
    feed_logon(session)
    assert taken(session) == ["A4"]
    if is_logout:
        feed(session, "35=2|34=2|7=1|16=0", "35=5|34=3")
        assert taken(session) == ["55"]
    else:
        feed(session, "35=2|34=2|7=1|16=0", "35=1|34=3|112=old", f"{LOGON}|141=Y")
        assert taken(session) == ["A1"]
    assert session.queued_bytes == 0


def test_messages_behind_a_resend_leave_in_their_order() -> None:
    session = filled(2, 10)
    feed_logon(session)
    feed(session, "35=2|34=2|7=1|16=2", "35=1|34=3|112=a", "35=1|34=4|112=b")
    assert taken(session) == ["A3", "B1", "B2", "04", "05"]
    assert session.queued_bytes == 0 and not session.has_output


def test_what_waits_behind_a_resend_leaves_before_the_next_resend_says_it_again() -> None:
    session = filled(2, 10)
    feed_logon(session)
    feed(session, "35=2|34=2|7=1|16=0", "35=1|34=3|112=a", "35=2|34=4|7=1|16=0")
    assert taken(session) == ["A3", "B1", "B2", "43", "04", "B1", "B2", "43"]
    assert session.queued_bytes == 0 and not session.has_output


def test_a_reset_nobody_asked_for_is_answered_once() -> None:
    session = new_session(is_initiator=True)
    session.connected(NOW_NS)
    assert taken(session) == ["A1"]
    feed(session, f"{LOGON}|141=Y")
    assert taken(session) == ["A1"]
    for _ in range(2):
        feed(session, f"{LOGON}|141=Y")
    assert taken(session) == ["A1"], "the first is the answer, the second a new reset"
    assert session.store.next_expected == 2 and session.is_logged_on


@pytest.mark.parametrize(
    "text",
    ["35=1|34=2|112={}", "35={}|34=2", "35=1|34=2|115={}|112=x|7=1", "35=D|34=2|115={}|11=x"],
)
def test_an_answer_never_grows_with_what_the_peer_wrote(text: str) -> None:
    session = new_session()
    feed_logon(session)
    feed(session, text.format("x" * 65_000))
    sizes = [len(each) for each in session.take_output()]
    assert len(sizes) == 2 and sizes[1] < 2_000


def test_a_message_that_is_too_long_uses_no_number() -> None:
    session = new_session()
    feed_logon(session)
    with pytest.raises(ValueError, match="at most 65536"):
        session.send(b"B", [*NEWS, (58, b"x" * 65_536)], NOW_NS)
    session.send(b"B", NEWS, NOW_NS)
    assert taken(session) == ["A1", "B2"]


@pytest.mark.parametrize("is_initiator", [False, True])
def test_a_gap_at_logon_ends_the_line_when_the_peer_does_not_resend(is_initiator: bool) -> None:
    session = new_session(has_resend=False, is_initiator=is_initiator)
    session.connected(NOW_NS)
    feed(session, LOGON.replace("34=1", "34=5"))
    assert taken(session) == (["A1", "52"] if is_initiator else ["51"])
    assert session.close_reason == "MsgSeqNum too high, expecting 1 but received 5"
    assert session.store.next_expected == 1 and not session.was_logged_on


class LateStore(MemoryStore):
    """Promises nothing while it is behind."""

    is_behind = False

    def flush(self) -> None:
        if self.is_behind:
            raise StoreBehind("no room in the ring")


@pytest.mark.asyncio
async def test_a_store_that_is_behind_for_a_moment_holds_the_output_and_cuts_nothing() -> None:
    store = LateStore(NOW_NS)
    session, pipe = new_session(store), Pipe()
    ends = Ends(session, pipe)
    await until(lambda: pipe.writes)
    store.is_behind, before = True, len(pipe.writes)
    ends.line.data_received(wire("35=1|34=2|112=x"))
    session.send(b"B", NEWS, NOW_NS)
    ends.line._turn()
    ends.line._turn()
    assert len(pipe.writes) == before and not pipe.is_cut, "nothing leaves that is not stored"
    store.is_behind = False
    await until(lambda: len(pipe.writes) > before)
    said = b"".join(pipe.writes[before:])
    assert said.count(b"35=0\x01") == said.count(b"35=B\x01") == 1
    assert said.index(b"35=0\x01") < said.index(b"35=B\x01") and not pipe.is_cut


@pytest.mark.asyncio
async def test_a_store_that_stays_behind_ends_the_line() -> None:
    store = LateStore(NOW_NS)
    session, pipe = new_session(store), Pipe()
    ends = Ends(session, pipe, store_wait_s=10.0)
    store.is_behind = True
    session.send(b"B", NEWS, NOW_NS)
    ends.line._turn()
    ends.now_ns += 9 * SECOND_NS
    ends.line._turn()
    assert not pipe.is_cut
    ends.now_ns += SECOND_NS
    ends.line._turn()
    assert pipe.is_cut
    ends.line.connection_lost(None)
    assert ends.told == ["the store is behind for too long: no room in the ring"]


def test_what_is_taken_while_the_store_is_behind_is_not_lost() -> None:
    store = LateStore(NOW_NS)
    session = new_session(store)
    feed_logon(session)
    assert taken(session) == ["A1"]
    session.send(b"B", NEWS, NOW_NS)
    store.is_behind = True
    with pytest.raises(StoreBehind):
        session.take_output()
    store.is_behind = False
    assert taken(session) == ["B2"]
