"""Signs what is sent, byte for byte: HMAC-SHA256 or Ed25519 over the percent-encoded query
("Request Security", USDS-M futures general info, 2026-10). Shows no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from gateway.transport import Ed25519Key, HmacKey

__all__ = ["Signer", "query_text"]

_PLAIN = re.compile(r"[A-Za-z0-9_.~=&-]*")


def query_text(parameters: Mapping[str, str]) -> str:
    """name=value&..., percent-encoded, in the order given. Most orders hold nothing to encode, as
    one look at the text shows; a value with a sign of ours in it does not pass for that."""
    text = "&".join([f"{name}={value}" for name, value in parameters.items()])
    count = len(parameters)
    if _PLAIN.fullmatch(text) and text.count("=") == count and text.count("&") == count - 1:
        return text
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())


class Signer:
    """One API key. The secret is an HMAC secret, or an Ed25519 private key in PEM form."""

    __slots__ = ("_ed25519", "_hmac", "api_key")

    def __init__(self, api_key: str, secret: str) -> None:
        self.api_key = api_key
        is_pem = "-----BEGIN" in secret
        self._ed25519 = Ed25519Key.from_pem(secret) if is_pem else None
        self._hmac = None if is_pem else HmacKey(secret)

    def __repr__(self) -> str:
        return "Signer(hidden)"

    def signed(self, query: str, timestamp_ms: int, acceptance_window_ms: int) -> str:
        """The query with time, window and signature behind it."""
        stamp = f"recvWindow={acceptance_window_ms}&timestamp={timestamp_ms}"
        text = f"{query}&{stamp}" if query else stamp
        signature = self.signature(text)
        return f"{text}&signature={signature if self._hmac else quote(signature, safe='')}"

    def signature(self, text: str) -> str:
        """Of a text as it stands: hexadecimal by HMAC, base64 by Ed25519."""
        if self._hmac is not None:
            return self._hmac.hex(text)
        assert self._ed25519 is not None
        return self._ed25519.sign_base64(text)
