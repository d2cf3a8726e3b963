"""How a request proves its key: HMAC-SHA256 over timestamp, method, path and body. Both sides of
the wire use this file; it never sees a socket."""

from __future__ import annotations

import hashlib
import hmac

__all__ = ["KEY_HEADER", "SIGNATURE_HEADER", "TIMESTAMP_HEADER", "sign", "signed_headers"]

KEY_HEADER = "X-Paper-Key"
TIMESTAMP_HEADER = "X-Paper-Timestamp"  # UTC nanoseconds
SIGNATURE_HEADER = "X-Paper-Signature"


def sign(secret: str, timestamp_ns: int, method: str, path: str, body: str) -> str:
    """`path` includes the query string exactly as sent."""
    text = f"{timestamp_ns}\n{method}\n{path}\n{body}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed_headers(
    key: str, secret: str, timestamp_ns: int, method: str, path: str, *, body: str
) -> dict[str, str]:
    return {
        KEY_HEADER: key,
        TIMESTAMP_HEADER: str(timestamp_ns),
        SIGNATURE_HEADER: sign(secret, timestamp_ns, method, path, body),
    }
