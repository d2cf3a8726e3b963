"""The FIX door of a daemon, put together: its own way into the engine, its services, its people.

Its router has a port of its own, so that the journal says of each order that it came by FIX.
"""

from __future__ import annotations

import ssl
import time
from pathlib import Path

from gateway.api import RefusedError
from gateway.config import Settings
from gateway.config.fix import CounterpartySettings, FixSettings, policy_of
from gateway.config.fix_checks import added_fault, check_counterparty
from gateway.core.drive import Drive
from gateway.entry.desk import Desk
from gateway.entry.fix_acceptor.administration import FixAdministration
from gateway.entry.fix_acceptor.cancel_on_disconnect import CancelOnDisconnect
from gateway.entry.fix_acceptor.door import FixDoor, FixTerms
from gateway.entry.fix_acceptor.drop_copy import DropCopies
from gateway.entry.fix_acceptor.order_entry import OrderEntry
from gateway.entry.fix_acceptor.questions import QuestionLimits, Questions
from gateway.entry.fix_acceptor.session_file import SessionFile
from gateway.entry.keys import KeyRing
from gateway.entry.listener_tls import listener_tls
from gateway.entry.login_notes import LoginNotes
from gateway.execution.router import Router
from gateway.market import LatestBooks
from gateway.transport.fix_session import LineLimits

__all__ = ["FixEntry", "fix_tls", "question_limits"]

_SESSIONS_FILE = "fix_sessions.jsonl"


class FixEntry:
    """Everything of FIX in a daemon. `desk` is that of the other doors."""

    def __init__(
        self,
        settings: Settings,
        desk: Desk,
        drive: Drive,
        keys: KeyRing,
        logins: LoginNotes | None = None,
    ) -> None:
        engine, fix = desk.engine, settings.fix
        file = SessionFile(settings.places.directory / _SESSIONS_FILE)
        try:
            sessions = file.settings_after(fix.sessions)
        except ValueError as error:
            field = "fix.sessions"
            raise RefusedError("BAD_CONFIG", field=field, value=file, rule=str(error)) from error
        if fault := added_fault(sessions, settings):
            field, value, rule = fault
            rule = f"{rule}; the session was added at run time and stands in {_SESSIONS_FILE}"
            hint = "Change the configuration, or take the session's line out of that file."
            raise RefusedError("BAD_CONFIG", field=field, value=value, rule=rule, hint=hint)
        self._router = Router(engine, drive, name="fix")
        own_desk = Desk(engine, self._router, venues=desk.venues)
        own_desk.state = "running"  # nobody is let in before the daemon is
        self.door = FixDoor(
            engine,
            [self._router, desk.router],
            keys,
            _terms(fix, sessions, settings.places.configuration_directory),
            is_ready=lambda: desk.state == "running",
        )
        tracks, tell_events = self.door.tracks, self.door.tell_events
        tracks.own_port = self._router.port_number
        self._cancels = CancelOnDisconnect(own_desk, tracks, self.door.tell_now)
        self.door.plug(OrderEntry(own_desk, tracks, tell_events))
        self.door.plug(self._cancels)
        self.door.plug(DropCopies(engine, self.door.pump))
        books = LatestBooks(settings.places.ring_directory, time.monotonic_ns)
        self.door.plug(Questions(own_desk, question_limits(fix), books.of))
        if logins is not None:
            self.door.plug(logins)
            self.door.on_logon_refused = logins.logon_refused
        self.administration = FixAdministration(
            self.door,
            file,
            lambda wanted: next(
                ((field, expected) for field, expected, _ in check_counterparty(
                    wanted, fix, settings)),
                None,
            ),
        )  # fmt: skip

    async def start(self) -> None:
        """Tell what is left of the last life, then listen."""
        await self.door.start()

    def refuse_new(self) -> None:
        """Cancels go on."""
        self._router.refuse_new()

    async def stop(self, seconds_max: float) -> None:
        """Log everybody out; what they asked to cancel at their end is cancelled."""
        await self.door.stop(seconds_max)
        await self._cancels.settle(seconds_max)


def _terms(fix: FixSettings, sessions: dict[str, CounterpartySettings], beside: Path) -> FixTerms:
    return FixTerms(
        sender_comp_id=fix.sender_comp_id,
        sessions=sessions,
        policy=policy_of(fix),
        host=fix.host,
        port=fix.port,
        tls=fix_tls(fix, beside),
        allowed=tuple(fix.allowed),
        connections_max=fix.connections_max,
        awaited_per_address_max=fix.awaited_per_address_max,
        failed_logons_per_minute=fix.failed_logons_per_minute,
        logon_seconds_max=fix.logon_seconds_max,
        limits=LineLimits(
            message_bytes_max=fix.message_bytes_max,
            send_buffer_bytes_max=fix.send_buffer_bytes_max,
            message_timeout_s=fix.message_seconds_max,
        ),
    )


def question_limits(fix: FixSettings) -> QuestionLimits:
    """What questions may cost, as configured."""
    return QuestionLimits(
        update_interval_ms=fix.update_interval_ms,
        update_unsent_bytes_max=fix.update_unsent_bytes_max,
        fills_kept_max=fix.fills_kept_max,
        venue_subscriptions_max=fix.venue_subscriptions_max,
    )


def fix_tls(fix: FixSettings, beside: Path) -> ssl.SSLContext | None:
    """As configured; None = no certificate is. Names are relative to the folder `beside`."""
    if not fix.tls_certificate:
        return None
    authority = beside / fix.tls_client_authority if fix.tls_client_authority else None
    return listener_tls(beside / fix.tls_certificate, beside / fix.tls_private_key, authority)
