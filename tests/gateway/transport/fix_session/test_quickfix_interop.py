"""Our sessions against a real QuickFIX engine in its own process, both ways over loopback: logon,
orders, a gap, a resend after our side was killed, a sequence reset."""

import asyncio
import importlib.util
import time
import urllib.request
from pathlib import Path
from random import Random

import pytest
from quickfix_program import Program, free_port, program

from gateway.testing import until
from gateway.transport.fix_session import (
    BusinessReject,
    FileStore,
    FixInitiator,
    FixMessage,
    FixSession,
    InitiatorSettings,
    NotLoggedOn,
    QuietApplication,
    SessionIdentity,
    SessionSettings,
)

HERE = Path(__file__).parent
# An engine takes seconds to start: one version here, the others by `make nightly`.
VERSIONS = [
    "FIX.4.4",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("FIX.4.2", "FIXT.1.1")),
]
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(
        importlib.util.find_spec("quickfix") is None, reason="no wheel of quickfix-py here"
    ),
]


def write_echo_config(directory: Path, begin_string: str, port: int) -> Path:
    path = directory / "echo.toml"
    path.write_text(
        f'port = {port}\nadmin_port = 0\nsender_comp_id = "ISLD"\nstore = "{directory}/ours"\n'
        f'[[sessions]]\nbegin_string = "{begin_string}"\ntarget_comp_id = "PEER"\n',
        encoding="utf-8",
    )
    return path


async def start_echo(config: Path) -> tuple[Program, int]:
    """The echo acceptor and its admin port."""
    echo = await Program.start("-m", "gateway.testing.fix_echo", "--config", str(config))
    await echo.heard("up")
    line = next(each for each in echo.lines if each.startswith("port "))
    return echo, int(line.split()[3])


def post(admin_port: int, query: str) -> int:
    url = f"http://127.0.0.1:{admin_port}/seqnum?{query}"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=300) as answer:
        return int(answer.status)


@pytest.mark.parametrize("begin_string", VERSIONS)
async def test_a_quickfix_initiator_trades_gaps_and_survives_our_kill(
    tmp_path: Path, begin_string: str
) -> None:
    port = free_port()
    config = write_echo_config(tmp_path, begin_string, port)
    echo, admin_port = await start_echo(config)
    peer_words = (str(HERE / "quickfix_peer.py"), "initiator", str(port), str(tmp_path))
    try:
        async with program(*peer_words, begin_string) as peer:
            await peer.heard("logon")
            for identifier in ("ONE", "TWO"):
                peer.say(f"order {identifier}")
                await peer.heard("from_app", f"|11={identifier}|")
            await echo.kill()  # What was answered is in the file, whatever came after is not.
            await peer.heard("logout")
            peer.say("order AWAY")
            echo, admin_port = await start_echo(config)
            seen = await peer.heard("from_app", "|11=AWAY|")
            # A gap of ours: numbers that were never sent, asked for and filled.
            name = f"{begin_string}:ISLD->PEER"
            status = await asyncio.to_thread(
                post, admin_port, f"SESSION={name}&NEXTSENDERSEQNUM=100"
            )
            assert status == 200
            peer.say("order GAP")
            seen = await peer.heard("to_admin", "|35=2|", after=seen)
            seen = await peer.heard("from_admin", "|35=4|", "|36=", after=seen)
            await peer.heard("from_app", "|11=GAP|", after=seen - 5)
            # A gap of theirs: we ask, they fill.
            peer.say("sender 200")
            peer.say("order JUMP")
            seen = await peer.heard("from_admin", "|35=2|", after=seen)
            await peer.heard("from_app", "|11=JUMP|", after=seen - 5)
            peer.say("logout")
            await peer.heard("from_admin", "|35=5|", after=seen)
            assert not [line for line in peer.lines if "|35=3|" in line]
            numbers = [line.split("|34=")[1].split("|")[0] for line in peer.lines
                       if line.startswith("from_app") and "|43=Y|" not in line]  # fmt: skip
            assert len(numbers) == len(set(numbers)), "a number was used twice"
    finally:
        await echo.kill()


class Desk(QuietApplication):
    """Keeps what came."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.rejected: list[FixMessage] = []

    def on_message(
        self, session: FixSession, message: FixMessage, now_ns: int
    ) -> BusinessReject | None:
        self.taken.append((message.get(11) or b"").decode())
        return None

    def on_reject(self, session: FixSession, message: FixMessage) -> None:
        self.rejected.append(message)


def new_initiator(path: Path, begin_string: str, port: int, desk: Desk) -> FixInitiator:
    settings = SessionSettings(
        identity=SessionIdentity(begin_string, "DESK", "PEER"), is_initiator=True
    )
    store = FileStore(path, now_ns=time.time_ns())
    session = FixSession(settings, store, desk)
    where = InitiatorSettings(host="127.0.0.1", port=port, backoff_first_s=0.05, backoff_max_s=0.2,
                              attempts_per_minute=600)  # fmt: skip
    return FixInitiator(session, where, now_ns=time.time_ns, random=Random(1))


def send_order(session: FixSession, identifier: str) -> None:
    fields = [(11, identifier.encode()), (21, b"1"), (38, b"10"), (40, b"2"), (44, b"1.5"),
              (54, b"1"), (55, b"ABC"), (59, b"0"), (60, b"20261121-10:00:00.000")]  # fmt: skip
    session.send(b"D", fields, time.time_ns(), is_kept_when_down=True)


@pytest.mark.parametrize("begin_string", VERSIONS)
async def test_a_quickfix_acceptor_takes_our_orders_gaps_and_resets(
    tmp_path: Path, begin_string: str
) -> None:
    port, desk = free_port(), Desk()
    words = (str(HERE / "quickfix_peer.py"), "acceptor", str(port), str(tmp_path), begin_string)
    async with program(*words) as peer:
        await peer.heard("up")
        desk_line = new_initiator(tmp_path / "ours.session", begin_string, port, desk)
        session = desk_line.session
        with pytest.raises(NotLoggedOn):
            session.send(b"D", [], time.time_ns())
        desk_line.start()
        await until(lambda: session.is_logged_on)
        send_order(session, "ONE")
        await until(lambda: "ONE" in desk.taken)
        # Kept while down, delivered by their ResendRequest.
        desk_line.drop("a cut line")
        send_order(session, "AWAY")
        await until(lambda: "AWAY" in desk.taken)
        # Numbers they skip are asked for.
        peer.say("sender 300")
        send_order(session, "JUMP")
        await until(lambda: "JUMP" in desk.taken)
        # Numbers we skip are filled.
        session.set_numbers(outgoing=400)
        send_order(session, "OVER")
        await until(lambda: "OVER" in desk.taken)
        # A reset inside the session.
        session.reset(time.time_ns())
        await until(lambda: session.is_logged_on)
        send_order(session, "ANEW")
        await until(lambda: "ANEW" in desk.taken)
        await desk_line.stop()
        assert session.store.next_outgoing < 10
        assert desk.rejected == []
        assert sorted(desk.taken) == sorted({"ONE", "AWAY", "JUMP", "OVER", "ANEW"})
        session.store.close()
