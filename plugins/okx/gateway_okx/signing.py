"""How a request and a login prove their key (docs-v5, REST authentication and WebSocket login, read
2026-03). Must never show a secret: not by repr, not in an error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.transport.signing import HmacKey

__all__ = ["Signer"]


class Signer:
    """One API key with its passphrase. `is_demo`: the key belongs to demo trading, whose requests
    carry a header more."""

    __slots__ = ("_fixed", "_key", "_passphrase", "_second", "_second_text", "_secret")

    def __init__(self, key: str, secret: str, passphrase: str, *, is_demo: bool = False) -> None:
        self._key = key
        self._secret = HmacKey(secret)
        self._passphrase = passphrase
        self._second, self._second_text = -1, ""  # the calendar is asked once a second
        self._fixed = {
            "OK-ACCESS-KEY": key,
            "OK-ACCESS-PASSPHRASE": passphrase,
            **({"x-simulated-trading": "1"} if is_demo else {}),
        }

    def __repr__(self) -> str:
        return "Signer(hidden)"

    def headers(self, method: str, path: str, body: str, now_ns: int) -> dict[str, str]:
        """`path` with its query, exactly as it will be sent. `now_ns` is the venue's time."""
        stamp = self.stamp(now_ns)
        signature = self._secret.base64(f"{stamp}{method}{path}{body}")
        return {**self._fixed, "OK-ACCESS-TIMESTAMP": stamp, "OK-ACCESS-SIGN": signature}

    def stamp(self, now_ns: int) -> str:
        """2020-12-08T09:08:57.715Z."""
        second, rest = divmod(now_ns // 1_000_000, 1_000)
        if second != self._second:
            self._second = second
            self._second_text = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}."
        return f"{self._second_text}{rest:03d}Z"

    def login(self, now_ns: int) -> dict[str, Any]:
        """The login message of a private or business socket; its time is in seconds."""
        stamp = str(now_ns // 1_000_000_000)
        item = {
            "apiKey": self._key,
            "passphrase": self._passphrase,
            "timestamp": stamp,
            "sign": self._secret.base64(f"{stamp}GET/users/self/verify"),
        }
        return {"op": "login", "args": [item]}
