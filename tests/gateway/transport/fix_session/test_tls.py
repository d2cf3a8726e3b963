"""Sessions over TLS: both sides show a certificate, and its name decides about the session."""

import asyncio
import ssl
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from certificates import Authority

from gateway.transport.fix_session import (
    AcceptorSettings,
    FixAcceptor,
    FixInitiator,
    FixSession,
    InitiatorSettings,
    MemoryStore,
    Peer,
    QuietApplication,
    SessionIdentity,
    SessionSettings,
)


def session(ours: str, theirs: str, *, is_initiator: bool) -> FixSession:
    identity = SessionIdentity("FIX.4.4", ours, theirs)
    settings = SessionSettings(identity=identity, is_initiator=is_initiator)
    return FixSession(settings, MemoryStore(time.time_ns()), QuietApplication())


def initiator(authority: Authority, port: int, certificate: str, server_name: str) -> FixInitiator:
    where = InitiatorSettings(
        host="127.0.0.1",
        port=port,
        tls=authority.context(certificate, is_server=False),
        server_name=server_name,
        backoff_first_s=0.01,
        backoff_max_s=0.02,
        attempts_per_minute=6000,
    )
    there = session("DESK", "GATE", is_initiator=True)
    return FixInitiator(there, where, now_ns=time.time_ns, random=Random(1))


@pytest.mark.asyncio
async def test_certificates_decide_who_gets_in(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    asked: list[str] = []

    def admits(here: FixSession, peer: Peer) -> bool:
        asked.append(peer.certificate_name)
        return peer.certificate_name == "desk.test"

    here = session("GATE", "DESK", is_initiator=False)
    tls = authority.context("gate.test", is_server=True)
    settings = AcceptorSettings(tls=tls)
    acceptor = FixAcceptor([here], settings, now_ns=time.time_ns, admits=admits)
    await acceptor.start()
    try:
        for certificate, server_name, is_good in (
            ("desk.test", "gate.test", True),
            ("other.test", "gate.test", False),
            ("desk.test", "imposter.test", False),
        ):
            line = initiator(authority, acceptor.port, certificate, server_name)
            line.start()
            async with asyncio.timeout(300):
                while not line.session.is_logged_on and line.attempts < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            assert line.session.is_logged_on == is_good, line.reason
            if server_name == "imposter.test":
                assert "imposter.test" in line.reason
            await line.stop()
    finally:
        await acceptor.stop()
    assert set(asked) == {"desk.test", "other.test"}


def unverified(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def nameless(context: ssl.SSLContext) -> None:
    context.check_hostname = False


def outdated(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings(action="ignore"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1


@pytest.mark.parametrize(
    ("weaken", "what"),
    [(unverified, "host name"), (nameless, "host name"), (outdated, "TLS 1.2")],
)
def test_an_initiator_takes_no_context_that_lets_a_stranger_in(
    tmp_path: Path, weaken: Callable[[ssl.SSLContext], None], what: str
) -> None:
    context = Authority(tmp_path).context("desk.test", is_server=False)
    weaken(context)
    where = InitiatorSettings(host="127.0.0.1", port=1, tls=context)
    there = session("DESK", "GATE", is_initiator=True)
    with pytest.raises(ValueError, match=what):
        FixInitiator(there, where, now_ns=time.time_ns, random=Random(1))


def tls_acceptor(tmp_path: Path, **settings: Any) -> FixAcceptor:
    tls = Authority(tmp_path).context("gate.test", is_server=True)
    given = AcceptorSettings(tls=tls, **settings)
    here = session("GATE", "DESK", is_initiator=False)
    return FixAcceptor([here], given, now_ns=time.time_ns)


async def is_closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(300):
        try:
            return await reader.read(1) == b""
        except ConnectionResetError:
            return True


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "limits",
    [{"allowed": ("10.0.0.0/8",)}, {"connections_max": 1}, {"awaited_per_address_max": 1}],
)
async def test_who_is_not_welcome_costs_no_handshake(
    tmp_path: Path, limits: dict[str, Any]
) -> None:
    acceptor = tls_acceptor(tmp_path, logon_timeout_s=300, **limits)
    await acceptor.start()
    try:
        silent = await asyncio.open_connection("127.0.0.1", acceptor.port)
        refused = await asyncio.open_connection("127.0.0.1", acceptor.port)
        assert await is_closed(refused[0]), "nobody said a word of TLS"
        for _, writer in (silent, refused):
            writer.close()
    finally:
        await acceptor.stop()


@pytest.mark.asyncio
async def test_a_handshake_ends_in_time_and_counts_as_a_failure(tmp_path: Path) -> None:
    acceptor = tls_acceptor(tmp_path, logon_timeout_s=0.05, failed_logons_per_minute=1)
    await acceptor.start()
    try:
        for _ in range(2):  # the second is cut at once
            reader, writer = await asyncio.open_connection("127.0.0.1", acceptor.port)
            assert await is_closed(reader)
            writer.close()
        assert acceptor.row()["connections"] == 0
    finally:
        await acceptor.stop()
