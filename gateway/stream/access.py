"""Who may read: API keys of the daemon's key file, and short sessions for the page. Secrets are
compared as hashes and never logged; nothing here can grant more than reading."""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from gateway.config.key_file import ApiKey, read_key_file, secret_digest
from gateway.stream.authority import EVERYTHING, NOTHING, Authority

__all__ = ["AUTHORITY", "Access", "KeyFile", "is_own_origin"]

SESSIONS_MAX = 64  # people looking at one page
SESSION_SECONDS = 12 * 3600
READ = "read"
# What a guarded request may see; absent = nothing was checked, nothing is shown.
AUTHORITY: web.RequestKey[Authority] = web.RequestKey("authority", Authority)
logger = logging.getLogger("gateway.observer")


class KeyFile:
    """The daemon's key file, read again when it changed: a key added or revoked counts at once.
    An absent file means that only page sessions can read. A key reads when its own scopes and its
    principal's say so; `readers` are the principals that may, None = all."""

    def __init__(self, path: Path, readers: frozenset[str] | None = None) -> None:
        self._path = path
        self._readers = readers
        self._version: object = None
        self._keys: Mapping[str, ApiKey] = {}

    def keys(self) -> Mapping[str, ApiKey]:
        version = self._stamp()
        if version != self._version:
            self._version = version
            self._keys = {} if version is None else self._read()
        return self._keys

    def _stamp(self) -> tuple[int, int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)

    def _read(self) -> Mapping[str, ApiKey]:
        try:
            keys = read_key_file(self._path)
        except (OSError, ValueError) as error:
            # Closed rather than open: a file that cannot be read admits nobody.
            logger.warning("%s: no key is accepted: %s", self._path, error)
            return {}
        readers = self._readers
        return {
            name: key for name, key in keys.items() if readers is None or key.principal in readers
        }


def _random_token() -> str:
    return secrets.token_urlsafe(32)


class Session(NamedTuple):
    """What a page was let in by; without a key it was the printed address."""

    ends_at: float
    key_id: str = ""
    key: ApiKey | None = None


@dataclass(slots=True)
class Access:
    """Decides whether a request may read."""

    keys: Callable[[], Mapping[str, ApiKey]]
    monotonic: Callable[[], float]
    random_token: Callable[[], str] = _random_token
    cookie: str = "gateway_observer"
    # Principal -> what it may see; None = every principal sees everything.
    authorities: Mapping[str, Authority] | None = None
    _page_tokens: set[str] = field(default_factory=set)
    _sessions: OrderedDict[str, Session] = field(default_factory=OrderedDict)

    def new_page_token(self) -> str:
        """A token that opens one session, once. Only its hash is kept."""
        token = self.random_token()
        self._page_tokens.add(secret_digest(token))
        return token

    def redeem(self, token: str) -> str | None:
        """A session for an unused page token: who started the observer sees everything."""
        digest = secret_digest(token)
        if digest not in self._page_tokens:
            return None
        self._page_tokens.discard(digest)
        return self._open_session("", None)

    def open_session(self, text: str) -> str | None:
        """A session for KEYID.SECRET, as long as that key stands; None = it may not read."""
        key_id = text.partition(".")[0]
        key = self.keys().get(key_id)
        return None if self.of_key(text) is None else self._open_session(key_id, key)

    def _open_session(self, key_id: str, key: ApiKey | None) -> str:
        session = self.random_token()
        while len(self._sessions) >= SESSIONS_MAX:
            self._sessions.popitem(last=False)
        ends_at = self.monotonic() + SESSION_SECONDS
        self._sessions[secret_digest(session)] = Session(ends_at, key_id, key)
        return session

    def of_key(self, text: str) -> Authority | None:
        """What KEYID.SECRET may see; None = it is no key with the scope read."""
        key_id, _, secret = text.partition(".")
        key = self.keys().get(key_id)
        return None if key is None or not key.takes(secret) else self._of(key)

    def _of(self, key: ApiKey) -> Authority | None:
        if READ not in key.scopes:
            return None
        if self.authorities is None:
            return EVERYTHING
        return self.authorities.get(key.principal, NOTHING)

    def of_session(self, session: str) -> Authority | None:
        """What it may see now: a key that was revoked or changed ends its sessions."""
        found = self._sessions.get(secret_digest(session))
        if found is None or self.monotonic() >= found.ends_at:
            return None
        if found.key is None:
            return EVERYTHING
        return self._of(found.key) if self.keys().get(found.key_id) == found.key else None

    def of_request(self, request: web.Request) -> Authority | None:
        """What this request may see; None = it may not read at all."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            authority = self.of_key(key.strip())
            if authority is not None:
                return authority
        return self.of_session(request.cookies.get(self.cookie, ""))


def is_own_origin(request: web.Request, own: frozenset[str]) -> bool:
    """Whether a browser's request comes from our own page. Programs send no Origin."""
    origin = request.headers.get("Origin")
    return origin is None or origin.lower() in own
