"""One FIX session to the venue: its dialect's terms, its durable store, its life. Hands application
messages on, and says when the line is up or down.

Must never resend an order on its own: what the venue asks for again is filled, never repeated.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from gateway.api import VenueUnavailable
from gateway.transport import client_tls
from gateway.transport.fix_session import (
    BusinessReject,
    Dictionary,
    Field,
    FileStore,
    FixInitiator,
    FixMessage,
    FixSession,
    InitiatorSettings,
    NotLoggedOn,
    QuietApplication,
    Rules,
    Section,
    SessionIdentity,
    SessionSettings,
    StoreError,
    own_dictionary,
)
from gateway_fix.dialect import Dialect
from gateway_fix.logon import LogonSigner

__all__ = ["FixLink", "LinkTerms", "Listener"]

log = logging.getLogger(__name__)
_ADMIN = (b"0", b"1", b"2", b"3", b"4", b"5", b"A")
_TAG_MAX = 4_999
_POLL_SECONDS = 0.005
# Our words when the venue's number is too low, and every engine's when ours is.
_THEIRS_TOO_LOW = re.compile(r"MsgSeqNum too low, expecting \d+ but received \d+$")
_OURS_TOO_LOW = re.compile(r"refused by the peer: .*too low, expecting (\d{1,12}) ")
_BACKOFF_FIRST_S, _BACKOFF_MAX_S = 0.2, 15.0


class LinkTerms(NamedTuple):
    """Where to, and as whom."""

    host: str
    port: int
    has_tls: bool
    server_name: str
    sender_comp_id: str
    target_comp_id: str
    store: Path
    heartbeat_s: int
    logon_fields: Mapping[str, str]
    is_synced: bool
    connect_timeout_s: float
    follows_lost_numbers: bool


class Listener(NamedTuple):
    """Who is told. Never raises."""

    up: Callable[[], None]
    down: Callable[[str], None]
    message: Callable[[FixMessage], None]
    # (number of ours, its reason): a session Reject.
    rejected: Callable[[int, str], None]


class _Session(FixSession):
    """Says how a line ended that never was logged on."""

    after_line: Callable[[str], None]

    def disconnected(self, now_ns: int, reason: str) -> None:
        super().disconnected(now_ns, reason)
        self.after_line(reason)


class FixLink(QuietApplication):
    """`start` until the first Logon, then it keeps itself up until `stop`."""

    def __init__(
        self,
        dialect: Dialect,
        terms: LinkTerms,
        signer: LogonSigner,
        listener: Listener,
        *,
        now_ns: Callable[[], int],
        random: Random,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._dialect, self.terms, self._signer = dialect, terms, signer
        self._listener, self._now_ns, self._random = listener, now_ns, random
        self._tls = tls
        self._identity = SessionIdentity(
            dialect.begin_string,
            terms.sender_comp_id,
            terms.target_comp_id,
            is_sender_hidden=dialect.is_sender_the_key,
        )
        self._session: FixSession | None = None
        self._initiator: FixInitiator | None = None
        self.ups = 0

    # Life.

    async def start(self, timeout_s: float) -> None:
        """Dial and log on. Raises VenueUnavailable; the line is then not tried any more."""
        try:
            store = FileStore(
                self.terms.store,
                now_ns=self._now_ns(),
                is_synced=self.terms.is_synced,
                is_numbers_only=True,  # nothing is repeated, and reports are known again
            )
        except StoreError as error:
            raise VenueUnavailable(str(error)) from None
        self._session = _Session(self._settings(), store, self)
        self._session.after_line = self._follow
        if self._dialect.reset == "silent":
            self._session.reset(self._now_ns())
        self._initiator = FixInitiator(
            self._session, self._where(), now_ns=self._now_ns, random=self._random
        )
        self._initiator.start()
        try:
            async with asyncio.timeout(timeout_s):
                while not self.is_up:
                    if self._initiator.reason:
                        raise VenueUnavailable(f"{self._identity}: {self._initiator.reason}")
                    await asyncio.sleep(_POLL_SECONDS)
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise VenueUnavailable(f"{self._identity}: no Logon in {timeout_s} s") from None
            raise

    def _follow(self, reason: str) -> None:
        """The line ended before a Logon over numbers: take those the other side can go on with.
        Which messages were lost does not matter then: orders are asked about one by one."""
        session = self._session
        if session is None or session.was_logged_on or not self.terms.follows_lost_numbers:
            return
        if _THEIRS_TOO_LOW.match(reason):
            log.error("%s: the venue lost its numbers: both begin anew", self._identity)
            session.reset(self._now_ns())
        elif (wanted := _OURS_TOO_LOW.search(reason)) is not None:
            number = int(wanted[1])
            if number > session.store.next_outgoing:
                log.error("%s: we lost our numbers: ours goes on at %d", self._identity, number)
                session.set_numbers(outgoing=number)

    async def stop(self) -> None:
        """Log out and forget the line."""
        initiator, self._initiator = self._initiator, None
        session, self._session = self._session, None
        if initiator is not None:
            await initiator.stop()
        if session is not None:
            session.store.close()

    @property
    def is_up(self) -> bool:
        return self._session is not None and self._session.is_logged_on

    @property
    def received(self) -> int:
        """Messages of the venue so far: silence is when it stands still."""
        return 0 if self._session is None else self._session.counts["received"]

    def drop(self, reason: str) -> None:
        """The line is no longer good: cut it, and dial again."""
        if self._initiator is not None:
            self._initiator.drop(reason)

    def send(self, message_type: bytes, fields: Sequence[Field]) -> int:
        """The number it has. Raises VenueUnavailable when nothing left."""
        if self._session is None:
            raise VenueUnavailable("not connected")
        try:
            return self._session.send(message_type, fields, self._now_ns())
        except NotLoggedOn as error:
            raise VenueUnavailable(str(error)) from None

    def row(self) -> dict[str, Any]:
        """For counters."""
        return {} if self._initiator is None else self._initiator.row()

    # What the session asks.

    def fill_logon(
        self, session: FixSession, header: Mapping[int, bytes], body: list[Field]
    ) -> list[Field]:
        signed = self._signer.fields(header)
        raw = dict(signed).get(96)
        if raw is not None and self._dialect.has_raw_data_length:
            signed = [
                *(each for each in signed if each[0] != 96),
                (95, b"%d" % len(raw)),
                (96, raw),
            ]
        own = {**self._dialect.logon_fields, **self.terms.logon_fields}
        extra = [(int(tag), value.encode()) for tag, value in own.items()]
        found = {tag for tag, _ in [*signed, *extra]}
        kept = [each for each in body if each[0] not in found]
        ordered = sorted([*kept, *signed, *extra], key=lambda each: each[0])
        return ordered

    def on_logon(self, session: FixSession) -> None:
        self.ups += 1
        self._listener.up()

    def on_logout(self, session: FixSession, reason: str) -> None:
        self._listener.down(reason)

    def on_message(
        self, session: FixSession, message: FixMessage, now_ns: int
    ) -> BusinessReject | None:
        self._listener.message(message)
        return None

    def on_reject(self, session: FixSession, message: FixMessage) -> None:
        number = message.get(45) or b""
        text = (message.get(58) or b"").decode("ascii", "replace")
        reason = f"reject {(message.get(373) or b'').decode('ascii', 'replace')} {text}".strip()
        self._listener.rejected(int(number) if number.isdigit() else 0, reason[:120])

    def may_resend(self, session: FixSession, message: FixMessage, now_ns: int) -> bool:
        return False

    # Made once.

    def _where(self) -> InitiatorSettings:
        tls = client_tls(self._tls) if self.terms.has_tls else None
        return InitiatorSettings(
            host=self.terms.host,
            port=self.terms.port,
            tls=tls,
            server_name=self.terms.server_name,
            connect_timeout_s=self.terms.connect_timeout_s,
            backoff_first_s=_BACKOFF_FIRST_S,
            backoff_max_s=_BACKOFF_MAX_S,
        )

    def _settings(self) -> SessionSettings:
        dialect = self._dialect
        return SessionSettings(
            identity=self._identity,
            is_initiator=True,
            dictionary=_dictionary(dialect),
            rules=Rules(accepts_user_fields=True, accepts_empty_values=True),
            heartbeat_s=self.terms.heartbeat_s,
            default_appl_ver_id=dialect.application_version,
            logon_timeout_s=self.terms.connect_timeout_s,
            logout_timeout_s=min(2.0, self.terms.connect_timeout_s),
            is_reset_on_logon=dialect.reset == "logon",
            is_reset_on_disconnect=dialect.reset == "silent",
            has_resend=dialect.has_resend,
            time_digits=dialect.time_digits,
        )


def _dictionary(dialect: Dialect) -> Dictionary:
    """Session messages as the standard has them; what a venue puts into application messages is
    judged where it is read."""
    own = own_dictionary(dialect.begin_string.encode())
    places = dict(own.header.members)
    for tag in dialect.header_tags:
        places.setdefault(tag, len(places))
    messages = {kind: own.messages[kind] for kind in _ADMIN}
    if not dialect.needs_encrypt_method:
        logon = messages[b"A"]
        required = tuple(tag for tag in logon.required if tag != 98)
        messages[b"A"] = Section(logon.name, logon.members, required, logon.groups)
    admin_tags = frozenset(places) | own.trailer.all_tags
    admin_tags = admin_tags.union(*(each.all_tags for each in messages.values()))
    return replace(
        own,
        header=Section(own.header.name, places, own.header.required, own.header.groups),
        messages=messages,
        fields={tag: rule for tag, rule in own.fields.items() if tag in admin_tags},
        standard_types=own.standard_types | {each.encode() for each in dialect.message_types},
        standard_tag_max=_TAG_MAX,
    )
