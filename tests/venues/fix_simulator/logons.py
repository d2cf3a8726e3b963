"""Checks the Logons of each venue with arithmetic of its own, from the venue's public document.
Says why a Logon is refused, in the neutral words of a venue."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.transport.fix_session import FixMessage

__all__ = ["Login", "LogonGate"]


class Login(NamedTuple):
    """One session that may log on. `secret` and `public_key` as the venue keeps them."""

    comp_id: str
    account: str
    key: str = ""
    secret: str = ""
    passphrase: str = ""
    public_key: Ed25519PublicKey | None = None


class LogonGate:
    """`refusal(login, logon)` is "" for who may come in."""

    def __init__(self, kind: str) -> None:
        kinds: dict[str, Callable[[Login, FixMessage], bool]] = {
            "none": lambda login, logon: True,
            "password": self._password,
            "binance": self._binance,
            "coinbase": self._coinbase,
            "deribit": self._deribit,
        }
        self._is_good = kinds[kind]
        self._newest_ms: dict[str, int] = {}
        self.checked = 0

    def refusal(self, login: Login, logon: FixMessage) -> str:
        self.checked += 1
        try:
            return "" if self._is_good(login, logon) else "Invalid credentials"
        except (KeyError, ValueError, binascii.Error, InvalidSignature):
            return "Invalid credentials"

    def _password(self, login: Login, logon: FixMessage) -> bool:
        return _text(logon, 553) == login.key and _text(logon, 554) == login.secret

    def _binance(self, login: Login, logon: FixMessage) -> bool:
        """fix-api.md: Ed25519 over 35, 49, 56, 34, 52; 95, 141=Y, 25035 needed."""
        assert login.public_key is not None
        parts = [b"A", *(_need(logon, tag) for tag in (49, 56, 34, 52))]
        raw = _need(logon, 96)
        is_whole = int(_text(logon, 95)) == len(raw) and _text(logon, 141) == "Y"
        login.public_key.verify(base64.b64decode(raw, validate=True), b"\x01".join(parts))
        is_handled = _text(logon, 25035) in {"1", "2"}
        return is_whole and is_handled and _text(logon, 553) == login.key

    def _coinbase(self, login: Login, logon: FixMessage) -> bool:
        """Order Entry 5.0: HMAC-SHA256 over 52, 35, 34, key, 56, passphrase; 34=1, three digits."""
        sent = _need(logon, 52)
        parts = [sent, b"A", _need(logon, 34), login.key.encode(), _need(logon, 56)]
        payload = b"\x01".join([*parts, login.passphrase.encode()])
        digest = hmac.new(base64.b64decode(login.secret), payload, hashlib.sha256).digest()
        is_signed = hmac.compare_digest(base64.b64encode(digest), _need(logon, 96))
        is_exact = len(sent.partition(b".")[2]) == 3 and _text(logon, 34) == "1"
        is_known = _text(logon, 553) == login.key and _text(logon, 554) == login.passphrase
        return is_signed and is_exact and is_known and _text(logon, 49) == login.key

    def _deribit(self, login: Login, logon: FixMessage) -> bool:
        """Logon(A): 96 = ms.nonce with a rising ms, 554 = base64(SHA256(96 + secret)); no 95."""
        raw = _text(logon, 96)
        stamp, _, nonce = raw.partition(".")
        is_rising = int(stamp) > self._newest_ms.get(login.key, 0)
        is_random = len(base64.b64decode(nonce, validate=True)) >= 32
        digest = hashlib.sha256((raw + login.secret).encode()).digest()
        is_signed = base64.b64encode(digest).decode() == _text(logon, 554)
        if is_rising and is_random and is_signed:
            self._newest_ms[login.key] = int(stamp)
            return _text(logon, 553) == login.key
        return False


def _need(message: FixMessage, tag: int) -> bytes:
    value = message.get(tag)
    if value is None:
        raise KeyError(tag)
    return value


def _text(message: FixMessage, tag: int) -> str:
    return _need(message, tag).decode()
