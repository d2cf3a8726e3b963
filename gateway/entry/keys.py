"""API keys: who knocks. The file holds hashes only; secrets are shown once, in files of mode 0600.

A key that is missing, unknown or wrong gets one uniform refusal, in the same time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from gateway.api import RefusedError
from gateway.config.key_file import ApiKey, read_key_file, secret_digest

__all__ = ["WATCHING", "Identity", "KeyRing", "create_key_file", "new_token"]

WATCHING = {"read", "risk"}  # all that a key of the risk watch may do

_TOKEN = re.compile(r"(?P<id>[A-Za-z0-9_-]{1,32})\.(?P<secret>[A-Za-z0-9_-]{16,128})")
_NO_KEY = ApiKey(sha256="0" * 64, principal="", scopes=frozenset())


class Identity(msgspec.Struct, frozen=True):
    """Who sent a request: key, principal and what both together may do."""

    key_id: str
    principal: str
    scopes: frozenset[str]

    def require(self, *scopes: str) -> None:
        """Raises RefusedError(NOT_PERMITTED) when the key has none of the scopes."""
        if self.scopes.isdisjoint(scopes):
            wanted = " or ".join(scopes)
            raise RefusedError(
                "NOT_PERMITTED",
                field="scope",
                value=" ".join(sorted(self.scopes)),
                rule=f"key {self.key_id} needs scope {wanted}",
                hint=f"Use a key with the scope {wanted}.",
            )


# door, id of the key ("" = none of ours), peer, whose it is (None = not taken)
OnLogin = Callable[[str, str, str, Identity | None], None]


def _unheard(door: str, key: str, peer: str, who: Identity | None) -> None:
    """Nobody listens."""


class KeyRing:
    """All keys. `reload` replaces them at once or leaves the old ones."""

    def __init__(self, path: Path, principal_scopes: Mapping[str, frozenset[str]]) -> None:
        self._path = path
        self._principal_scopes = principal_scopes
        self._keys: dict[str, ApiKey] = {}
        self.generation = 0
        self.on_login: OnLogin = _unheard
        self.reload()

    def reload(self) -> None:
        """Read the file again. Raises RefusedError(BAD_CONFIG); then nothing changed."""
        self._keys = self._read()
        self.generation += 1

    def authenticate(self, token: str, door: str = "", peer: str = "") -> Identity:
        """The identity of `KEYID.SECRET`. Raises RefusedError(NOT_AUTHENTICATED). `door` and `peer`
        are for who listens; without a door nobody is told."""
        match = _TOKEN.fullmatch(token)
        key = self._keys.get(match["id"], _NO_KEY) if match else _NO_KEY
        is_right = key.takes(match["secret"] if match else "")
        if match is None or key is _NO_KEY or not is_right:
            if door:  # a name that is no key's may be anything, a secret too: it is not told
                known = match["id"] if match is not None and key is not _NO_KEY else ""
                self.on_login(door, known, peer, None)
            raise RefusedError("NOT_AUTHENTICATED", rule="a valid key: Bearer KEYID.SECRET")
        who = self._identity(match["id"], key)
        if door:
            self.on_login(door, who.key_id, peer, who)
        return who

    def scopes_of(self, principal: str) -> frozenset[str]:
        """What a principal may do at most."""
        return self._principal_scopes.get(principal, frozenset())

    def of(self, key_id: str) -> Identity | None:
        """Whose key this is now."""
        key = self._keys.get(key_id)
        return None if key is None else self._identity(key_id, key)

    def still_valid(self, identity: Identity) -> bool:
        """False when the key was removed or changed since."""
        key = self._keys.get(identity.key_id)
        return key is not None and self._identity(identity.key_id, key) == identity

    def _identity(self, key_id: str, key: ApiKey) -> Identity:
        allowed = self._principal_scopes.get(key.principal, frozenset())
        return Identity(key_id, key.principal, key.scopes & allowed)

    def _read(self) -> dict[str, ApiKey]:
        try:
            keys = read_key_file(self._path)
            for key_id, key in keys.items():
                if key.principal not in self._principal_scopes:
                    raise ValueError(
                        f"keys.{key_id}.principal: {key.principal!r} is not configured"
                    )
        except (OSError, ValueError) as error:
            raise RefusedError(
                "BAD_CONFIG", field="api.keys_file", value=self._path, rule=str(error)
            ) from error
        return keys


def new_token(key_id: str, randomness: Callable[[int], bytes]) -> tuple[str, str]:
    """(KEYID.SECRET, hash of the secret)."""
    secret = randomness(32).hex()
    return f"{key_id}.{secret}", secret_digest(secret)


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
