"""Every way in of a daemon, opened and closed together: HTTP and WebSocket over TCP and over a Unix
socket, shared memory, FIX. Decides about no order: behind each of them stands the same desk.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from gateway.config import Settings
from gateway.core.drive import Drive, InlineDrive
from gateway.entry.control import open_unix_socket
from gateway.entry.desk import Desk
from gateway.entry.fix_acceptor.opening import FixEntry
from gateway.entry.keys import Identity, KeyRing
from gateway.entry.listener_tls import listener_tls
from gateway.entry.live_notes import LiveNotes
from gateway.entry.local_api import ApiLimits, LocalApi
from gateway.entry.page_origins import page_origins_of
from gateway.entry.shm_door import ShmDoor, ShmTerms

__all__ = ["Doors"]


class Doors:
    """Their life in order: `open`, `admit`, `refuse_new`, `close`. Event-loop thread only."""

    def __init__(
        self,
        settings: Settings,
        desk: Desk,
        drive: Drive,
        keys: KeyRing,
        *,
        notes: LiveNotes,
        operator: Identity,
    ) -> None:
        """`operator` is who this user is on the Unix socket; without a principal nobody."""
        self.url = ""
        self._settings, self._desk, self._drive, self._keys = settings, desk, drive, keys
        self._notes = notes
        self._api = LocalApi(
            desk,
            keys,
            _api_limits(settings),
            owner=operator if operator.principal else None,
            owner_uid=os.getuid(),
            page_origins=page_origins_of(settings.api.page_origins, settings.observer.port),
        )
        self._runner = self._api.runner()
        self._shm: ShmDoor | None = None
        self._fix: FixEntry | None = None
        self._unix_socket = settings.places.unix_socket
        self._own_socket: Path | None = None

    async def open(self, passed: Sequence[socket.socket] = ()) -> None:
        """Listen everywhere. `passed`: sockets that systemd listens on for us."""
        self._open_shm()
        await self._runner.setup()
        await self._listen([each for each in passed if each.family != socket.AF_UNIX])
        await self._listen_local([each for each in passed if each.family == socket.AF_UNIX])
        await self._open_fix()

    def admit(self) -> dict[str, str]:
        """The gateway runs: orders may come. Where each door is found, by its name in run.json."""
        found = {"api": self.url, "unix_socket": str(self._unix_socket)}
        if self._shm is not None:
            self._shm.admit()
            found["shm_socket"] = str(self._settings.places.shm_socket)
        if self._fix is not None:
            found["fix"] = f"{self._settings.fix.host}:{self._fix.door.port}"
        return found

    def check_keys(self) -> None:
        """After a reload: whoever's key changed is shown out."""
        self._api.sessions.check_keys()
        if self._shm is not None:
            self._shm.check_keys()
        if self._fix is not None:
            self._fix.door.check_keys()

    def counts(self) -> dict[str, int]:
        """For the counters file."""
        return self._fix.door.counts() if self._fix is not None else {}

    def refuse_new(self) -> None:
        """The doors with a way of their own into the engine take no new order; cancels go on."""
        if self._shm is not None:
            self._shm.refuse_new()
        if self._fix is not None:
            self._fix.refuse_new()

    async def close(self, fix_seconds_max: float) -> None:
        """Show everybody out, then listen no more. FIX counterparties get so long to log out."""
        await self._api.sessions.close()
        if self._fix is not None:
            await self._fix.stop(fix_seconds_max)
        if self._shm is not None:
            await self._shm.close()
            self._settings.places.shm_socket.unlink(missing_ok=True)
        await self._runner.cleanup()
        if self._own_socket is not None:
            self._own_socket.unlink(missing_ok=True)

    def _open_shm(self) -> None:
        """Clients in shared memory, when the configuration lets them."""
        if not self._settings.shm.enabled:
            return
        self._shm = ShmDoor(
            self._desk.engine,
            self._drive,
            self._keys,
            _shm_terms(self._settings),
            owner_uid=os.getuid(),
            needs_wake=isinstance(self._drive, InlineDrive),
        )
        self._shm.open(self._settings.places.shm_socket)

    async def _open_fix(self) -> None:
        """FIX counterparties, when the configuration lets them; they come in once we are ready."""
        if not self._settings.fix.enabled:
            return
        logins = self._notes.logins
        self._fix = FixEntry(self._settings, self._desk, self._drive, self._keys, logins)
        self._fix.administration.on_command = self._notes.command
        self._desk.fix = self._fix.administration
        await self._fix.start()

    async def _listen(self, passed: Sequence[socket.socket]) -> None:
        """The TCP side: systemd's socket when it passed one, else our own."""
        api, context = self._settings.api, _tls(self._settings)
        site: web.BaseSite
        if passed:
            passed[0].setblocking(False)
            site = web.SockSite(self._runner, passed[0], ssl_context=context)
        else:
            site = web.TCPSite(self._runner, api.host, api.port, ssl_context=context)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if context else 'http'}://{shown}:{port}"

    async def _listen_local(self, passed: Sequence[socket.socket]) -> None:
        """The Unix side: systemd's socket when it passed one, else our own, which we remove."""
        if passed:
            passed[0].setblocking(False)
            self._unix_socket = Path(str(passed[0].getsockname()))
            await web.SockSite(self._runner, passed[0]).start()
        else:
            await open_unix_socket(self._runner, self._unix_socket)
            self._own_socket = self._unix_socket


def _api_limits(settings: Settings) -> ApiLimits:
    api = settings.api
    return ApiLimits(
        body_bytes_max=api.body_bytes_max,
        sessions_max=api.sessions_max,
        session_queue_max=api.session_queue_max,
        subscriptions_max=api.subscriptions_max,
        requests_per_second=api.requests_per_second,
        request_burst=api.request_burst,
        request_seconds_max=api.request_seconds_max,
    )


def _shm_terms(settings: Settings) -> ShmTerms:
    shm, api = settings.shm, settings.api
    return ShmTerms(
        ports_max=shm.ports_max,
        request_entries=shm.request_entries,
        reply_entries=shm.reply_entries,
        requests_per_second=api.requests_per_second,
        request_burst=api.request_burst,
    )


def _tls(settings: Settings) -> ssl.SSLContext | None:
    places = settings.places
    if places.tls_certificate is None or places.tls_private_key is None:
        return None
    return listener_tls(places.tls_certificate, places.tls_private_key)
