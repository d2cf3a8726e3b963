"""A FIX venue on 127.0.0.1 over the gateway's own matching engine, in the dialect of one venue.
Its fidelity is judged by clients that were not written here (test_fix_venue_clients.py).

    async with FixSimulator() as simulator:
        simulator.venue.quote("BTC-PERP", "50000", "50000.1")
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

from fault_script import FaultScript
from fix_simulator.desk import Desk
from fix_simulator.logons import Login, LogonGate
from fix_simulator.reports import Reports
from fix_simulator.venue import LISTINGS, Event, FixVenue
from fix_simulator.voices import GENERIC, Voice
from gateway_paper.venue.settings import AccountSettings, Listing

from gateway.transport.fix_session import (
    AcceptorSettings,
    Dictionary,
    FixAcceptor,
    FixSession,
    MemoryStore,
    Rules,
    SessionIdentity,
    SessionSettings,
    own_dictionary,
)

__all__ = ["ACCOUNTS", "LOGINS", "FixSimulator"]

_ADMIN = frozenset((b"0", b"1", b"2", b"3", b"4", b"5", b"A"))

ACCOUNTS = (
    AccountSettings(name="main", balances={"USD": "10000000", "BTC": "100"}),
    AccountSettings(name="other", balances={"USD": "10000000", "BTC": "100"}),
)
LOGINS = (
    Login(comp_id="DESK", account="main", key="main-key", secret="main-password"),
    Login(comp_id="SECOND", account="main", key="second-key", secret="second-password"),
    Login(comp_id="OTHER", account="other", key="other-key", secret="other-password"),
)


class _Session(FixSession):
    """Loses or spoils the bytes of single messages: the number is used, the client sees a gap."""

    faults: FaultScript

    def take_output(self) -> list[bytes]:
        return [kept for data in super().take_output() if (kept := self._under(data))]

    def _under(self, data: bytes) -> bytes:
        kind = data.partition(b"\x0135=")[2].partition(b"\x01")[0].decode()
        fault = self.faults.take(f"bytes {kind}")
        if fault is None:
            return data
        if fault.action == "lose":
            return b""
        return data.replace(b"\x0135=", b"\x0135#", 1) if fault.action == "garble" else data


def _dictionary(voice: Voice) -> Dictionary:
    """The standard in full for the generic voice; a venue with fields of its own judges itself."""
    own = own_dictionary(voice.begin_string.encode())
    if voice.name == "generic":
        return own
    admin = {kind: rule for kind, rule in own.messages.items() if kind in _ADMIN}
    return replace(own, messages=admin, standard_tag_max=4_999)


class FixSimulator:
    """One running venue. `faults` is its script, `venue` its state for the judge."""

    def __init__(
        self,
        voice: Voice = GENERIC,
        logins: Sequence[Login] = LOGINS,
        accounts: Sequence[AccountSettings] = ACCOUNTS,
        *,
        listings: Sequence[Listing] = LISTINGS,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.voice, self.faults = voice, FaultScript()
        self.venue = FixVenue(accounts, listings, now_ns=now_ns)
        self.venue.on_event, self.venue.on_market = self._event, self._market
        self.gate = LogonGate(voice.logon)
        reports = Reports(self.venue, voice)
        self.desks = {
            login.comp_id: Desk(
                self.venue, voice, reports, login=login, gate=self.gate, faults=self.faults
            )
            for login in logins
        }
        self._now_ns = now_ns
        self._acceptor: FixAcceptor | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; the sessions begin with empty stores unless `resume` keeps them."""
        for desk in self.desks.values():
            store = MemoryStore(self._now_ns())
            desk.session = self._session(desk, store)
        await self._listen()

    async def stop(self) -> None:
        if self._acceptor is not None:
            await self._acceptor.stop(timeout_s=1.0)
            self._acceptor = None
        for desk in self.desks.values():
            await desk.stop()

    async def restart(self, *, is_state_lost: bool) -> None:
        """The venue's FIX engine dies and comes back on the same port, the book untouched."""
        assert self._acceptor is not None
        for line in list(self._acceptor._lines):  # without a Logout, as a crash does
            line.cut("crash")
        await self._acceptor.stop(timeout_s=1.0)
        if is_state_lost:
            await self.start()
        else:
            await self._listen()

    def cut(self) -> None:
        """Every line, now."""
        assert self._acceptor is not None
        for line in list(self._acceptor._lines):
            line.cut("cut by the test")

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def requests(self) -> list[tuple[str, str]]:
        return [each for desk in self.desks.values() for each in desk.requests]

    # Inside.

    async def _listen(self) -> None:
        sessions = [desk.session for desk in self.desks.values() if desk.session is not None]
        settings = AcceptorSettings(port=self.port)
        self._acceptor = FixAcceptor(sessions, settings, now_ns=self._now_ns)
        await self._acceptor.start()
        self.port = self._acceptor.port

    def _session(self, desk: Desk, store: MemoryStore) -> FixSession:
        voice = self.voice
        identity = SessionIdentity(voice.begin_string, voice.server_comp_id, desk.login.comp_id)
        settings = SessionSettings(
            identity=identity,
            dictionary=_dictionary(voice),
            rules=Rules(accepts_user_fields=True),
            is_reset_on_disconnect=voice.is_reset_silent,
            time_digits=voice.time_digits,
        )
        session = _Session(settings, store, desk)
        session.faults = self.faults
        return session

    def _event(self, event: Event) -> None:
        for desk in self.desks.values():
            if desk.login.account == event.order.account:
                desk.event(event)

    def _market(self, symbol: str) -> None:
        for desk in self.desks.values():
            desk.market(symbol)
