"""How a Logon proves its key, by the name a dialect gives. Each gets the finished header (34, 49,
52, 56) and says the fields of the body. Must never show a secret, nor use a nonce twice."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Final, Protocol

from gateway.transport import Ed25519Key, HmacKey, Nonces
from gateway.transport.fix_session import Field

__all__ = ["LOGONS", "LogonSigner", "NeededSecrets"]

NeededSecrets = tuple[str, ...]
_SOH = b"\x01"


class LogonSigner(Protocol):
    """What signs the Logons of one session."""

    def fields(self, header: Mapping[int, bytes]) -> list[Field]:
        """Of the body, without 95."""


class _Open:
    """Names are enough."""

    def fields(self, header: Mapping[int, bytes]) -> list[Field]:
        return []


class _Password:
    """553 and 554 as they are."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._word: Callable[[], str] = lambda: secrets["password"]
        self._key = secrets["key"]

    def fields(self, header: Mapping[int, bytes]) -> list[Field]:
        return [(553, self._key.encode()), (554, self._word().encode())]


class _BinanceEd25519:
    """96 = base64 of the signature over 35, 49, 56, 34, 52, joined by SOH (fix-api.md, "How to sign
    Logon", read 2026-11-21)."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._key = secrets["key"]
        self._private = Ed25519Key.from_pem(secrets["private_key"])

    def fields(self, header: Mapping[int, bytes]) -> list[Field]:
        payload = _SOH.join([b"A", header[49], header[56], header[34], header[52]])
        signature = base64.b64encode(self._private.sign(payload))
        return [(553, self._key.encode()), (96, signature)]


class _CoinbaseHmac:
    """96 = base64 of HMAC-SHA256 with the decoded secret over 52, 35, 34, 49, 56 and the
    passphrase, joined by SOH (Order Entry Messages 5.0, Logon, read 2026-11-21)."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._key = secrets["key"]
        try:
            self._hmac = HmacKey(base64.b64decode(secrets["secret"], validate=True))
        except ValueError:
            raise ValueError("secret: base64 is needed") from None
        self._phrase: Callable[[], str] = lambda: secrets["passphrase"]

    def fields(self, header: Mapping[int, bytes]) -> list[Field]:
        phrase = self._phrase().encode()
        payload = _SOH.join([header[52], b"A", header[34], header[49], header[56], phrase])
        signature = base64.b64encode(self._hmac.digest(payload))
        return [(553, self._key.encode()), (554, phrase), (96, signature)]


class _DeribitNonce:
    """96 = `<ms>.<base64 of 32 random bytes>`, the ms strictly rising; 554 = base64 of SHA-256 over
    96 and the secret (fix-api/production/logon, read 2026-11-21)."""

    def __init__(
        self, secrets: Mapping[str, str], now_ns: Callable[[], int], random: Random
    ) -> None:
        self._key = secrets["key"]
        self._secret: Callable[[], str] = lambda: secrets["secret"]
        self._times, self._random = Nonces(now_ns), random

    def fields(self, header: Mapping[int, bytes]) -> list[Field]:
        nonce = base64.b64encode(self._random.randbytes(32))
        raw = b"%d.%b" % (self._times.next(), nonce)
        digest = hashlib.sha256(raw + self._secret().encode()).digest()
        return [(553, self._key.encode()), (554, base64.b64encode(digest)), (96, raw)]


_Make = Callable[[Mapping[str, str], Callable[[], int], Random], LogonSigner]
# Name -> the secrets it needs, and how it is made. `random` must be one that nobody can foretell.
LOGONS: Final[Mapping[str, tuple[NeededSecrets, _Make]]] = {
    "none": ((), lambda secrets, now_ns, random: _Open()),
    "password": (("key", "password"), lambda secrets, now_ns, random: _Password(secrets)),
    "binance_ed25519": (
        ("key", "private_key"),
        lambda secrets, now_ns, random: _BinanceEd25519(secrets),
    ),
    "coinbase_hmac": (
        ("key", "secret", "passphrase"),
        lambda secrets, now_ns, random: _CoinbaseHmac(secrets),
    ),
    "deribit_nonce": (("key", "secret"), _DeribitNonce),
}
