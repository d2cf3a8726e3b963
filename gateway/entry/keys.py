"""API keys: who knocks. The file holds hashes only; secrets are shown once, in files of mode 0600.

A key that is missing, unknown or wrong gets one uniform refusal, in the same time.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import tomli

from gateway.api import RefusedError

__all__ = ["Identity", "KeyRing", "create_key_file", "new_token"]

_FILE_BYTES_MAX = 1 << 20
_TOKEN = re.compile(r"(?P<id>[A-Za-z0-9_-]{1,32})\.(?P<secret>[A-Za-z0-9_-]{16,128})")
_NO_DIGEST = "0" * 64
SCOPES = frozenset({"read", "trade", "cancel", "admin"})


class Identity(msgspec.Struct, frozen=True):
    """Who sent a request: key, principal and what both together may do."""

    key_id: str
    principal: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Raises RefusedError(NOT_PERMITTED) when the key lacks the scope."""
        if scope not in self.scopes:
            raise RefusedError(
                "NOT_PERMITTED",
                field="scope",
                value=" ".join(sorted(self.scopes)),
                rule=f"key {self.key_id} needs scope {scope}",
                hint=f"Use a key with the scope {scope}.",
            )


class _Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    sha256: str
    principal: str
    scopes: list[str]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    keys: dict[str, _Key] = {}


class KeyRing:
    """All keys. `reload` replaces them at once or leaves the old ones."""

    def __init__(self, path: Path, principal_scopes: Mapping[str, frozenset[str]]) -> None:
        self._path = path
        self._principal_scopes = principal_scopes
        self._keys: dict[str, _Key] = {}
        self.generation = 0
        self.reload()

    def reload(self) -> None:
        """Read the file again. Raises RefusedError(BAD_CONFIG); then nothing changed."""
        self._keys = self._read()
        self.generation += 1

    def authenticate(self, token: str) -> Identity:
        """The identity of `KEYID.SECRET`. Raises RefusedError(NOT_AUTHENTICATED)."""
        match = _TOKEN.fullmatch(token)
        key = self._keys.get(match["id"]) if match else None
        secret = match["secret"] if match else ""
        digest = hashlib.sha256(secret.encode()).hexdigest()
        is_right = hmac.compare_digest(digest, key.sha256 if key else _NO_DIGEST)
        if match is None or key is None or not is_right:
            raise RefusedError("NOT_AUTHENTICATED", rule="a valid key: Bearer KEYID.SECRET")
        return self._identity(match["id"], key)

    def still_valid(self, identity: Identity) -> bool:
        """False when the key was removed or changed since."""
        key = self._keys.get(identity.key_id)
        return key is not None and self._identity(identity.key_id, key) == identity

    def _identity(self, key_id: str, key: _Key) -> Identity:
        allowed = self._principal_scopes.get(key.principal, frozenset())
        return Identity(key_id, key.principal, frozenset(key.scopes) & allowed)

    def _read(self) -> dict[str, _Key]:
        try:
            status = self._path.stat()
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ValueError(f"mode {stat.S_IMODE(status.st_mode):04o}, required 0600")
            if status.st_size > _FILE_BYTES_MAX:
                raise ValueError(f"{status.st_size} bytes, at most {_FILE_BYTES_MAX}")
            document = tomli.loads(self._path.read_text(encoding="utf-8"))
            keys = msgspec.convert(document, _File).keys
            for key_id, key in keys.items():
                self._check(key_id, key)
        except (OSError, ValueError, msgspec.ValidationError) as error:
            raise RefusedError(
                "BAD_CONFIG", field="api.keys_file", value=self._path, rule=str(error)
            ) from error
        return keys

    def _check(self, key_id: str, key: _Key) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", key.sha256):
            raise ValueError(f"keys.{key_id}.sha256: 64 lower-case hex digits")
        if key.principal not in self._principal_scopes:
            raise ValueError(f"keys.{key_id}.principal: {key.principal!r} is not configured")
        if unknown := set(key.scopes) - SCOPES:
            raise ValueError(f"keys.{key_id}.scopes: {sorted(unknown)} not in {sorted(SCOPES)}")


def new_token(key_id: str, randomness: Callable[[int], bytes]) -> tuple[str, str]:
    """(KEYID.SECRET, hash of the secret)."""
    secret = randomness(32).hex()
    return f"{key_id}.{secret}", hashlib.sha256(secret.encode()).hexdigest()


def create_key_file(
    path: Path,
    owners: Mapping[str, tuple[str, list[str], Path]],
    randomness: Callable[[int], bytes],
) -> None:
    """First start: one key per (id -> principal, scopes, file of the token). Existing files stay:
    a key file that is there is never touched."""
    if path.exists():
        return
    lines = ["# API keys: hashes of secrets. Mode 0600. Reload with SIGHUP.\n"]
    for key_id, (principal, scopes, token_file) in owners.items():
        token, digest = new_token(key_id, randomness)
        write_private(token_file, token + "\n")
        quoted = ", ".join(f'"{scope}"' for scope in scopes)
        lines.append(
            f'\n[keys.{key_id}]\nsha256 = "{digest}"\nprincipal = "{principal}"\n'
            f"scopes = [{quoted}]\n"
        )
    write_private(path, "".join(lines))


def write_private(path: Path, text: str) -> None:
    """Write a file nobody else may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
