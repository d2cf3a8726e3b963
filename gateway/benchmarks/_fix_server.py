"""The far end of the FIX bench, a program of its own: sessions of our session layer over the
journal, and an engine whose gate, journal and venue ring every order passes. One report an order.

`python -m gateway.benchmarks._fix_server DIRECTORY RING_DIRECTORY SESSIONS [CERTIFICATE KEY]`
prints its port, answers lines on stdin (`memory`) and ends with stdin.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from gateway.benchmarks._limits import WIDE
from gateway.core.engine import EngineSettings, open_native_engine
from gateway.core.fix_store import FixJournal
from gateway.transport.fix_codec import FixCodec, FixRequest, decode_request
from gateway.transport.fix_session import (
    AcceptorSettings,
    BusinessReject,
    FixAcceptor,
    FixMessage,
    FixSession,
    QuietApplication,
    SessionIdentity,
    SessionSettings,
)

if TYPE_CHECKING:
    from gateway.core.native import ClientPort, Engine, VenuePort

__all__ = ["GATEWAY", "SECRET", "Definitions", "answer_questions", "client_name", "open_engine"]

GATEWAY = "GATEWAY"
SECRET = "bench-secret-of-no-value"
_SIDES = {"buy": 1, "sell": 2}
_LIMIT, _GTC, _RECORD_REFUSED = 2, 1, 31


def client_name(number: int) -> str:
    """CompID of a client."""
    return f"CLIENT{number}"


class Definitions:
    """One venue, one instrument, one account; `clients` principals, wide limits everywhere."""

    def __init__(self, native: Engine, clients: int) -> None:
        currency = native.define_currency("USDT")
        native.set_currency_rate(currency, "1")
        self.venue = native.define_venue("bench", True, 0xFF, 0xFF, 3, 1, 5000)
        self.instrument = native.define_instrument(
            self.venue, "BTC-USDT", "BTCUSDT", 2, currency, currency, currency, 2, 3, 0,
            "0.01", "0.001", "1", "0.001", "0", "0", True,
        )  # fmt: skip
        self.account = native.define_account(self.venue, "main", 1, False, 1)
        self.strategy = native.define_strategy("quotes")
        self.principals = [
            native.define_principal(client_name(number), 15, None, None, None)
            for number in range(clients)
        ]
        levels = ((0, self.instrument), (1, self.strategy), (2, self.account), (3, self.venue),
                  (4, 0))  # fmt: skip
        for level, number in levels:
            native.set_limits(level, number, WIDE, "bench", "bench")


class Desk(QuietApplication):
    """Orders of all sessions into one engine; a turn for each turn of the loop, as the doors do."""

    def __init__(self, native: Engine) -> None:
        self._native = native
        self._defined = Definitions(native, 1)
        self._port: ClientPort = native.open_client_port("bench", 65_536)
        self._venue: VenuePort = native.open_venue_port(self._defined.venue, 65_536)
        self._asked: dict[int, tuple[FixSession, FixRequest]] = {}
        self._codecs: dict[SessionIdentity, FixCodec] = {}
        self._is_turn_due = False
        self._venue.session(2, "")
        self._mark()

    def _mark(self) -> None:
        self._venue.marked(self._defined.instrument, "60000", "59999", "60001", "60000")
        self._native.turn()

    async def keep_marked(self) -> None:
        """Reference prices age."""
        while True:
            await asyncio.sleep(5)
            self._mark()

    def on_message(
        self, session: FixSession, message: FixMessage, now_ns: int
    ) -> BusinessReject | None:
        order = decode_request(message.data)
        if order is None or order.fault or order.quantity is None:
            return BusinessReject(3, "the bench takes good orders alone")
        known = self._defined
        request = self._port.submit(
            known.principals[0], f"{session.identity.target_comp_id}.{order.client_order_id}",
            known.instrument, known.account, known.strategy, _SIDES[order.side], _LIMIT, _GTC,
            order.quantity, order.price or "",
        )  # fmt: skip
        self._asked[request] = session, order
        if not self._is_turn_due:
            self._is_turn_due = True
            asyncio.get_running_loop().call_soon(self._turn)
        return None

    def _turn(self) -> None:
        """Gate, journal and venue ring for all of them, then their reports."""
        self._is_turn_due = False
        self._native.turn()
        while notices := self._port.notices():
            for sequence, request, order_id, _, refusal, *_ in notices:
                self._report(request, order_id, refusal, sequence)
        while self._venue.take():
            pass

    def _report(self, request: int, order_id: int, refusal: int, sequence: int) -> None:
        found = self._asked.pop(request, None)
        if found is None:
            return
        session, order = found
        row = self._native.order(order_id)
        if refusal or row is None:
            raise RuntimeError(f"bench: an order was refused, code {refusal}")
        now_ns = time.time_ns()
        codec = self._codec(session.identity)

        def build(number: int) -> bytes:
            return codec.execution_report(
                row, "new", sequence=number, sending_time_ns=now_ns,
                execution_id=f"e{sequence}", transact_time_ns=now_ns,
                client_order_id=order.client_order_id,
            )  # fmt: skip

        session.send(b"8", build, now_ns, is_kept_when_down=True)

    def _codec(self, identity: SessionIdentity) -> FixCodec:
        codec = self._codecs.get(identity)
        if codec is None:
            codec = self._codecs[identity] = FixCodec(
                begin_string=identity.begin_string,
                sender=identity.sender_comp_id,
                target=identity.target_comp_id,
            )
        return codec


def open_engine(directory: str, ring_directory: str) -> Engine:
    """Large enough for the orders of one turn of the bench."""
    return open_native_engine(
        EngineSettings(
            directory=directory,
            ring_directory=ring_directory,
            ring_bytes=32 << 20,
            orders_max=65_536,
            idempotency_max=131_072,
            positions_max=1_024,
        )
    )


async def _serve(directory: str, ring_directory: str, sessions: int, tls: list[str]) -> None:
    native = open_engine(directory, ring_directory)
    try:
        desk = Desk(native)
        journal = FixJournal(native)
        acceptor = FixAcceptor(
            (_session(number, journal, desk) for number in range(sessions)),
            AcceptorSettings(tls=_context(tls)),
            now_ns=time.time_ns,
        )
        await acceptor.start()
        marking = asyncio.get_running_loop().create_task(desk.keep_marked())
        print(acceptor.port, flush=True)
        await answer_questions()
        marking.cancel()
        await acceptor.stop(0.2)
    finally:
        native.stop()


async def answer_questions() -> None:
    """Until stdin ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line.strip() == "memory":
            print(_resident_bytes(), flush=True)


def _session(number: int, journal: FixJournal, desk: Desk) -> FixSession:
    identity = SessionIdentity("FIX.4.4", GATEWAY, client_name(number))
    store = journal.open(str(identity), now_ns=time.time_ns())
    return FixSession(SessionSettings(identity=identity), store, desk)


def _context(tls: list[str]) -> ssl.SSLContext | None:
    if not tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    return context


def _resident_bytes() -> int:
    rows = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return 1024 * sum(int(row.split()[1]) for row in rows if row.startswith("Private_"))


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]))
