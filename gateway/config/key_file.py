"""The file of API keys, which the daemon and the observer both read: hashes of secrets, never a
secret. A file that others may read, or with anything unexpected in it, is refused as a whole.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import stat
from pathlib import Path

import msgspec
import tomli

__all__ = ["ApiKey", "read_key_file", "secret_digest"]

FILE_BYTES_MAX = 1 << 20
SCOPES = frozenset({"read", "trade", "cancel", "admin", "override", "risk"})


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One key: whose it is, what it may do, and how its secret is recognised."""

    sha256: str
    principal: str
    scopes: frozenset[str]

    def takes(self, secret: str) -> bool:
        """Whether this is the secret; takes the same time for a wrong one."""
        return hmac.compare_digest(secret_digest(secret), self.sha256)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    keys: dict[str, ApiKey] = {}


def secret_digest(secret: str) -> str:
    """What the file holds instead of the secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def read_key_file(path: Path) -> dict[str, ApiKey]:
    """Key id -> key. Raises OSError, or ValueError naming what is wrong."""
    status = path.stat()
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(f"mode {stat.S_IMODE(status.st_mode):04o}, required 0600")
    if status.st_size > FILE_BYTES_MAX:
        raise ValueError(f"{status.st_size} bytes, at most {FILE_BYTES_MAX}")
    try:
        keys = msgspec.convert(tomli.loads(path.read_text(encoding="utf-8")), _File).keys
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    for key_id, key in keys.items():
        if not re.fullmatch(r"[0-9a-f]{64}", key.sha256):
            raise ValueError(f"keys.{key_id}.sha256: 64 lower-case hex digits")
        if unknown := key.scopes - SCOPES:
            raise ValueError(f"keys.{key_id}.scopes: {sorted(unknown)} not in {sorted(SCOPES)}")
    return keys
