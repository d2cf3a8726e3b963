"""TLS towards a venue: who cannot prove the name gets not one byte, and the failure says that
nothing was sent. Certificates are made here; the servers are on loopback."""

import asyncio
import contextlib
import datetime
import select
import ssl
import threading
import time
import warnings
from random import Random
from types import SimpleNamespace

import pytest
import pytest_asyncio
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from raw_peer import REQUEST, first_step, listener, unread_bytes
from scripted_server import ANSWER

from gateway.api import OutcomeUnknown, VenueUnavailable, outcome_of
from gateway.transport import (
    RestPool,
    SocketSettings,
    SocketShard,
    client_tls,
    http_connection,
    tls,
)

pytestmark = pytest.mark.asyncio
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
SECONDS_MAX = 300


class Authority:
    """Signs certificates of servers; `context()` trusts it alone."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench authority")])
        self.certificate = self.sign(self.name, self.key.public_key(), is_authority=True)

    def sign(self, subject, key, *, name="localhost", until=None, is_authority=False):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 10 * DAY)
            .not_valid_after(until or NOW + DAY)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256())

    def server(self, **terms):
        """A context of a server with a certificate of this authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "venue")])
        return self._context(key, self.sign(subject, key.public_key(), **terms))

    def self_signed(self):
        """The authority's own certificate, shown to those who do not know the authority."""
        return self._context(self.key, self.certificate)

    def _context(self, key, certificate):
        path = self.folder / f"{certificate.serial_number}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + secret)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def context(self):
        data = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=data)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


class Venue:
    """HTTPS and WSS behind one certificate. `requests` counts what got through."""

    def __init__(self, context):
        self.context, self.requests, self.names = context, 0, []
        context.sni_callback = lambda _line, name, _context: self.names.append(name)

    async def answer(self, request):
        self.requests += 1
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(text="ok")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    @contextlib.asynccontextmanager
    async def open(self):
        runner = web.ServerRunner(web.Server(self.answer), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.context)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()


@pytest_asyncio.fixture
async def open_venue():
    async with contextlib.AsyncExitStack() as stack:

        async def begin(context):
            return await stack.enter_async_context(Venue(context).open())

        yield begin


def pool_of(venue, tls):
    return RestPool(
        f"https://localhost:{venue.port}",
        connections=1,
        now_ns=time.time_ns,
        random=Random(1),
        tls=tls,
    )


def line_of(venue, tls, came):
    return SocketShard(
        "line",
        f"wss://localhost:{venue.port}/ws",
        SocketSettings(attempts_per_minute=600, backoff_max_s=0.1),
        random=Random(1),
        on_frame=lambda _, data: came.append(data),
        tls=tls,
    )


async def test_a_venue_that_proves_its_name_is_spoken_to_in_tls_1_2_or_later(authority, open_venue):
    venue = await open_venue(authority.server())
    venue.context.maximum_version = ssl.TLSVersion.TLSv1_2
    pool, line = pool_of(venue, authority.context()), line_of(venue, authority.context(), [])
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await pool.open()
            answer = await pool.request("GET", "/time")
            await line.start(SECONDS_MAX * 1_000)
        assert (answer.status, answer.data, line.is_up) == (200, b"ok", True)
        assert venue.requests == 2
        assert venue.names == ["localhost", "localhost"]  # the name is told in the greeting
    finally:
        await line.stop()
        await pool.close()


def wrong_name(authority):
    return authority.server(name="another.example"), authority.context()


def expired(authority):
    return authority.server(until=NOW - DAY), authority.context()


def self_signed(authority):
    return authority.self_signed(), None  # trusts what the system trusts


def too_old(authority):
    context = authority.server()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    return context, authority.context()


REFUSED = pytest.mark.parametrize(
    ("make", "word"),
    [
        (wrong_name, "mismatch"),
        (expired, "expired"),
        (self_signed, "self-signed"),
        (too_old, "."),  # how the greeting fails is the libraries' affair
    ],
    ids=["wrong_name", "expired", "self_signed", "too_old"],
)


@REFUSED
async def test_a_venue_that_does_not_prove_its_name_gets_no_request(
    authority, open_venue, make, word
):
    context, tls = make(authority)
    venue = await open_venue(context)
    pool = pool_of(venue, tls)
    async with asyncio.timeout(SECONDS_MAX):
        with pytest.raises(VenueUnavailable, match=word) as refused:
            await pool.open()
    await pool.close()
    assert not isinstance(refused.value, OutcomeUnknown)
    assert outcome_of(refused.value) == "not_sent"
    assert venue.requests == 0


async def test_a_certificate_that_expires_meanwhile_leaves_the_next_order_unsent(
    authority, open_venue
):
    venue = await open_venue(authority.server())
    pool = pool_of(venue, authority.context())
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await pool.open()
            assert (await pool.request("POST", "/order")).status == 200
            context, _ = expired(authority)
            stale = await open_venue(context)
            pool._port = stale.port  # the same name leads to another server now
            for connection in tuple(pool._idle):
                connection.close()
            with pytest.raises(VenueUnavailable, match="expired") as refused:
                while True:  # until the pool has noticed that its line is gone
                    await pool.request("POST", "/order", timeout_ms=2_000)
        assert outcome_of(refused.value) == "not_sent"
        assert stale.requests == 0
    finally:
        await pool.close()


@REFUSED
async def test_a_line_to_a_venue_that_does_not_prove_its_name_never_comes_up(
    authority, open_venue, make, word
):
    context, tls = make(authority)
    venue = await open_venue(context)
    came = []
    line = line_of(venue, tls, came)
    with pytest.raises(VenueUnavailable, match=word) as refused:
        await line.start(600)
    assert outcome_of(refused.value) == "not_sent"
    assert (venue.requests, came, line.is_up) == (0, [], False)
    with pytest.raises(VenueUnavailable):
        await line.send("order")


async def test_a_context_that_checks_nothing_is_refused_before_it_is_used(authority):
    blind = authority.context()
    blind.check_hostname = False
    nameless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nameless.check_hostname, nameless.verify_mode = False, ssl.CERT_NONE
    old = authority.context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1_1
    for context in (blind, nameless, old):
        with pytest.raises(ValueError, match="TLS context"):
            RestPool("https://localhost:1", now_ns=time.time_ns, random=Random(1), tls=context)
        with pytest.raises(ValueError, match="TLS context"):
            client_tls(context)
    assert client_tls().minimum_version >= ssl.TLSVersion.TLSv1_2
    assert client_tls().check_hostname


async def test_the_authorities_of_the_system_are_read_once_and_for_no_line_in_the_clear(
    monkeypatch,
):
    read, loads = ssl.create_default_context, []

    def counted():
        loads.append(1)
        return read()

    monkeypatch.setattr(ssl, "create_default_context", counted)
    tls._of_the_system.cache_clear()

    def line(url):
        return SocketShard(
            "line", url, SocketSettings(), random=Random(1), on_frame=lambda line, data: None
        )

    line("ws://localhost:1")
    assert loads == []
    for number in range(3):
        line(f"wss://localhost:{number}")
    assert loads == [1]
    assert client_tls() is client_tls()


async def test_the_bytes_leave_at_once_within_tls(authority):
    with listener() as opened:
        port = opened.getsockname()[1]
        pool = pool_of(SimpleNamespace(port=port), authority.context())
        opening = asyncio.create_task(pool.open())
        plain, _ = await asyncio.to_thread(opened.accept)
        secured = await asyncio.to_thread(authority.server().wrap_socket, plain, server_side=True)
        await opening
        with secured:
            secured.settimeout(60)
            assert unread_bytes(secured) == 0
            with first_step(pool):
                assert unread_bytes(secured) > len(REQUEST)
                assert secured.recv(65_536).startswith(REQUEST)
        await pool.close()


async def test_a_request_longer_than_every_buffer_arrives_whole_within_tls(authority):
    async def measure(request):
        sizes = [len(part) async for part in request.content.iter_any()]
        return web.Response(text=str(sum(sizes)))

    venue = Venue(authority.server())
    venue.answer = measure
    async with venue.open():
        pool = pool_of(venue, authority.context())
        await pool.open()
        for _ in range(2):
            answer = await pool.request("POST", "/batch", body="x" * 4_000_000)
            assert answer.data == b"4000000"
        assert pool.row()["opened"] == 1
        await pool.close()


STRAY = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nstray"


async def test_a_stray_answer_within_tls_is_never_that_to_the_next_order(authority):
    """It lies in the kernel, and the loop has not read it when the next order is sent."""
    go, is_there = threading.Event(), threading.Event()

    def serve(opened):
        for is_straying in (True, False):
            plain, _ = opened.accept()
            plain.settimeout(60)
            peer = authority.server().wrap_socket(plain, server_side=True)
            with peer, contextlib.suppress(OSError):
                while peer.recv(65_536):
                    peer.sendall(ANSWER)
                    if is_straying and go.wait(60):
                        peer.sendall(STRAY)
                        is_there.set()

    with listener() as opened:
        venue = threading.Thread(target=serve, args=(opened,))
        venue.start()
        pool = pool_of(SimpleNamespace(port=opened.getsockname()[1]), authority.context())
        async with asyncio.timeout(300):
            await pool.open()
            assert (await pool.request("POST", "/first")).status == 200
            go.set()
            assert is_there.wait(60)  # nothing runs on the loop meanwhile
            answer = await pool.request("POST", "/order")
        assert (answer.status, answer.data) == (200, b"ok")
        assert pool.row()["lost"] == 1
        await pool.close()
        venue.join(20)


async def test_a_line_with_unread_bytes_that_turn_out_harmless_is_used(authority):
    """Such as a session ticket: the loop reads it, and the line is as good as it was."""
    venue = Venue(authority.server())
    async with venue.open():
        pool = pool_of(venue, authority.context())
        await pool.open()
        [connection] = pool._idle
        polls = [[(0, select.POLLIN)]] * 4

        class Poll:
            def poll(self, wait):
                return polls.pop() if polls else []

        connection._poll = Poll()
        answer = await pool.request("POST", "/order")
        assert answer.status == 200 and polls == []
        assert pool.row()["opened"] == 1 and pool.row()["lost"] == 0
        await pool.close()


async def test_a_line_that_was_cut_before_the_handshake_fails_without_noise(authority):
    loop, noise = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: noise.append(context))
    with listener() as opened:
        transport, handler = await loop.create_connection(
            lambda: http_connection._Handler(loop), *opened.getsockname()
        )
        transport.abort()
        with pytest.raises(ConnectionResetError, match="before the handshake"):
            await http_connection._secured(
                loop, transport, handler, authority.context(), "localhost"
            )
        await asyncio.sleep(0.01)
    assert noise == []
