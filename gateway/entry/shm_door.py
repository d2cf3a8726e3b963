"""The door for clients in shared memory: accepts on a Unix socket, authenticates, hands out the
sealed descriptors of one port, and gives the place back when the client is gone. The requests
themselves never pass here: the engine reads them from the port.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.api import RefusedError
from gateway.core.engine import Engine
from gateway.core.refusals import describe
from gateway.core.vocabulary import SCOPES
from gateway.entry.control import listen_private
from gateway.entry.keys import Identity, KeyRing

if TYPE_CHECKING:
    from gateway.core.drive import Drive

__all__ = ["END_WORDS", "LAYOUT_VERSION", "ShmDoor", "ShmTerms"]

log = logging.getLogger(__name__)

# core_ext/include/gateway_port.h is the contract; these are its structs on the socket.
LAYOUT_VERSION: Final = 1
_MAGIC: Final = b"GWPORT01"
_LOGIN: Final = struct.Struct("<8sIIQ256s")
_WELCOME: Final = struct.Struct("<8sIIII104s")
_LOOKUP: Final = struct.Struct("<II56s")
_FOUND: Final = struct.Struct("<IIII48s")
_KINDS: Final = {1: "instrument", 2: "account", 3: "strategy", 4: "venue"}
_PEER: Final = struct.Struct("3i")  # struct ucred: process, user, group
END_WORDS: Final = {
    0: "none",
    1: "client",
    2: "bad_index",
    3: "bad_kind",
    4: "bad_length",
    5: "too_fast",
    6: "key_revoked",
    7: "stopping",
}
_CLIENT, _KEY_REVOKED, _STOPPING = 1, 6, 7
_LOGIN_SECONDS_MAX = 10.0
_BACKLOG = 16
_PACKETS_MAX = 256  # read of one client before the loop turns to others
_LOOK_SECONDS = 0.05  # how often ended ports are looked for
_STOP_SECONDS_MAX = 2.0
_ADMITTED = 0


class ShmTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the door."""

    ports_max: int = 32
    request_entries: int = 1024
    reply_entries: int = 4096
    requests_per_second: int = 0
    request_burst: int = 0


class ShmDoor:
    """All ports of the daemon. Event-loop thread only."""

    def __init__(
        self,
        engine: Engine,
        drive: Drive,
        keys: KeyRing,
        terms: ShmTerms,
        *,
        owner_uid: int,
        needs_wake: bool,
    ) -> None:
        self.engine = engine
        self.keys = keys
        self.terms = terms
        self._drive = drive
        self._owner_uid = owner_uid
        self._needs_wake = needs_wake  # the inline drive sleeps; a pinned engine polls
        self._sessions: set[_Session] = set()
        self._ending: dict[int, str] = {}  # port -> key id; its orders are still being cancelled
        self._listener: socket.socket | None = None
        self._look: asyncio.TimerHandle | None = None

    def open(self, path: Path) -> None:
        """Listen on a socket of mode 0600. New orders wait for admit()."""
        self._listener = listen_private(path, socket.SOCK_SEQPACKET)
        self._listener.listen(_BACKLOG)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._listener.fileno(), self._accept)
        self._look = loop.call_later(_LOOK_SECONDS, self._on_look)

    def admit(self) -> None:
        """The gateway runs: new orders are taken."""
        self.engine.native.admit_shared_ports(_ADMITTED)

    def refuse_new(self) -> None:
        """Take no new order and no replace any more; cancels go on."""
        self.engine.native.admit_shared_ports(describe("SHUTTING_DOWN").number)

    def check_keys(self) -> None:
        """After a reload: ports whose key changed are ended."""
        for session in tuple(self._sessions):
            if session.who is not None and not self.keys.still_valid(session.who):
                session.end(_KEY_REVOKED)

    async def close(self) -> None:
        """End every port; each one's cancel policy runs to its end, for a bounded time."""
        loop = asyncio.get_running_loop()
        if self._listener is not None:
            loop.remove_reader(self._listener.fileno())
            self._listener.close()
        for session in tuple(self._sessions):
            session.end(_STOPPING)
        deadline = loop.time() + _STOP_SECONDS_MAX
        while self._ending and loop.time() < deadline:
            await asyncio.sleep(0.01)
            self._release_ended()
        if self._look is not None:
            self._look.cancel()

    def attach(self, who: Identity, cancels_on_disconnect: bool) -> tuple[int, int, int]:
        """A port for this identity: number and two descriptors. Raises RefusedError."""
        held = sum(session.number != 0 for session in self._sessions) + len(self._ending)
        made = None
        if held < self.terms.ports_max:
            made = self.engine.native.open_shared_port(
                self.engine.names.id("principal", who.principal),
                sum(SCOPES[scope] for scope in who.scopes),
                cancels_on_disconnect=cancels_on_disconnect,
                needs_wake=self._needs_wake,
                requests_per_second=self.terms.requests_per_second,
                request_burst=self.terms.request_burst,
                request_entries=self.terms.request_entries,
                reply_entries=self.terms.reply_entries,
            )
        if made is None:
            raise RefusedError("TOO_MANY_REQUESTS", field="ports", rule="no free port")
        return made

    def forget(self, session: _Session) -> None:
        """The session's socket is closed; its port is given back when it has nothing left to do."""
        self._sessions.discard(session)
        if session.number and session.who is not None:
            self._ending[session.number] = session.who.key_id
            self._release_ended()

    def kick(self) -> None:
        """A client of the inline drive has published."""
        self._drive.kick()

    def _accept(self) -> None:
        assert self._listener is not None
        while True:
            try:
                line, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                log.error("shm door: accept: %s", error)
                return
            line.setblocking(False)
            if self._is_owner(line) and len(self._sessions) < 2 * self.terms.ports_max:
                self._sessions.add(_Session(self, line))
            else:
                line.close()

    def _is_owner(self, line: socket.socket) -> bool:
        """The kernel's word on who is on the other side; the file mode has said so before."""
        peer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        process, user, _ = _PEER.unpack(peer)
        if user == self._owner_uid:
            return True
        log.warning("shm door: process %d of user %d was turned away", process, user)
        return False

    def _on_look(self) -> None:
        self._look = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._on_look)
        if not self._sessions and not self._ending:
            return
        ended = {row["number"]: row["end"] for row in self.engine.native.shared_ports()}
        now = asyncio.get_running_loop().time()
        for session in tuple(self._sessions):
            if session.number and ended.get(session.number):
                session.end(ended[session.number])
            elif not session.number and now > session.login_until:
                session.close()
        self._release_ended()

    def _release_ended(self) -> None:
        for number, key_id in tuple(self._ending.items()):
            rows = self.engine.native.shared_ports()
            row = next((each for each in rows if each["number"] == number), None)
            if row is None or self.engine.native.release_shared_port(number):
                del self._ending[number]
                self._tell_end(number, key_id, row or {})

    def _tell_end(self, number: int, key_id: str, row: dict[str, int]) -> None:
        told = {name: row.get(name, 0) for name in ("requests", "replies", "replies_lost")}
        reason = END_WORDS.get(row.get("end", 0), "none")
        level = logging.INFO if row.get("end") in (_CLIENT, _STOPPING) else logging.WARNING
        log.log(level, "port ended", extra={"port": number, "key": key_id, "end": reason} | told)
        if row.get("orders_left"):
            log.error("port %d: %d orders could not be cancelled", number, row["orders_left"])


class _Session:
    """One client's socket, from connect to close; its port lives as long as it."""

    def __init__(self, door: ShmDoor, line: socket.socket) -> None:
        self._door = door
        self._line = line
        self.number = 0
        self.who: Identity | None = None
        loop = asyncio.get_running_loop()
        self.login_until = loop.time() + _LOGIN_SECONDS_MAX
        loop.add_reader(line.fileno(), self._on_readable)

    def end(self, why: int) -> None:
        """End the port for a reason and close the socket."""
        if self.number:
            self._door.engine.native.end_shared_port(self.number, why)
            self._door.kick()
        self.close()

    def close(self) -> None:
        """Close the socket. Idempotent."""
        if self._line.fileno() < 0:
            return
        asyncio.get_running_loop().remove_reader(self._line.fileno())
        self._line.close()
        self._door.forget(self)

    def _on_readable(self) -> None:
        is_woken = False
        try:
            for _ in range(_PACKETS_MAX):
                packet = self._line.recv(_LOGIN.size + 1)
                if not packet:
                    self.end(_CLIENT)
                    return
                if self.number and len(packet) == 1:
                    is_woken = True
                elif self.number:
                    self._on_lookup(packet)
                else:
                    self._on_login(packet)
                if self._line.fileno() < 0:
                    return
        except BlockingIOError:
            pass  # All read, or the client does not take its answers: it asked, it can wait.
        except OSError:
            self.end(_CLIENT)
            return
        if is_woken:
            self._door.kick()

    def _on_login(self, packet: bytes) -> None:
        try:
            self._welcome(*self._log_in(packet))
        except RefusedError as error:
            text = f"{error.code} {error.field}: {error.rule}".replace(" :", ":")
            number = describe(error.code).number
            self._line.send(_welcome(refusal=number, text=text))
            log.warning("shm door: login refused: %s", text)
            self.close()
        except RuntimeError as error:  # no memory or no descriptor for the lanes
            log.error("shm door: %s", error)
            self.close()

    def _log_in(self, packet: bytes) -> tuple[Identity, bool]:
        if len(packet) != _LOGIN.size:
            raise RefusedError("BAD_TYPE", field="login", rule=f"{_LOGIN.size} bytes")
        magic, version, cancels, reserved, key = _LOGIN.unpack(packet)
        if magic != _MAGIC or reserved or cancels > 1:
            raise RefusedError("BAD_TYPE", field="login", rule="the login of gateway_port.h")
        if version != LAYOUT_VERSION:
            rule = f"this gateway speaks layout {LAYOUT_VERSION}, the client {version}"
            raise RefusedError("LAYOUT_VERSION", field="layout_version", rule=rule)
        token = key.rstrip(b"\0").decode("ascii", errors="replace")
        return self._door.keys.authenticate(token, "shm"), bool(cancels)

    def _welcome(self, who: Identity, cancels_on_disconnect: bool) -> None:
        number, requests, replies = self._door.attach(who, cancels_on_disconnect)
        self.number, self.who = number, who
        # Before the answer: a client that is gone by then has had a port all the same.
        log.info("port opened", extra={"port": number, "key": who.key_id})
        try:
            principal = self._door.engine.names.id("principal", who.principal)
            message = _welcome(port=number, principal=principal)
            socket.send_fds(self._line, [message], [requests, replies])
        finally:
            os.close(requests)
            os.close(replies)

    def _on_lookup(self, packet: bytes) -> None:
        """A name's number and scales; anything else on this line ends the port."""
        if len(packet) != _LOOKUP.size:
            self.end(_CLIENT)
            return
        kind, _, padded = _LOOKUP.unpack(packet)
        name = padded.rstrip(b"\0").decode("ascii", errors="replace")
        engine = self._door.engine
        number = engine.names.find(_KINDS[kind], name) if kind in _KINDS else 0
        scales = engine.scales(name) if number and kind == 1 else (0, 0)
        self._line.send(_FOUND.pack(kind, number, *scales, name.encode()[:48]))


def _welcome(*, refusal: int = 0, port: int = 0, principal: int = 0, text: str = "") -> bytes:
    told = text.encode("ascii", errors="replace")[:103]
    return _WELCOME.pack(_MAGIC, LAYOUT_VERSION, refusal, port, principal, told)
