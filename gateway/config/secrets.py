"""Secrets are files that nobody else can read. A secret written into the configuration is refused,
and no message of this module ever quotes one."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.config.faults import Faults

__all__ = [
    "check_secret_file",
    "check_secrets",
    "check_venue_secrets",
    "read_secrets",
    "secret_path",
]

CREDENTIALS = "$CREDENTIALS_DIRECTORY/"
PATH_STARTS = ("/", "./", "../", "$CREDENTIALS_DIRECTORY/")
SECRET_BYTES_MAX = 65536
SECRET_KEY = re.compile(
    r"(^|_)(secret|password|passphrase|passwd|token|api_key|apikey|private_key)($|_)", re.IGNORECASE
)
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def secret_path(value: str, beside: Path, environ: Mapping[str, str]) -> Path:
    """The file a secret's setting names."""
    if value.startswith(CREDENTIALS):
        return Path(environ.get("CREDENTIALS_DIRECTORY", "/")) / value.removeprefix(CREDENTIALS)
    return beside / value


def check_venue_secrets(
    venues: Mapping[str, Any], beside: Path, environ: Mapping[str, str], faults: Faults
) -> None:
    """Note every secret in clear, missing, or readable by others, of all venues."""
    for venue, table in venues.items():
        if isinstance(table, dict):
            check_secrets(table, f"venues.{venue}", beside, environ, faults)


def check_secrets(
    table: Mapping[str, Any], path: str, beside: Path, environ: Mapping[str, str], faults: Faults
) -> None:
    """The same for one table with `settings` and `secrets`."""
    secrets = table.get("secrets", {})
    if isinstance(secrets, dict):
        for name, value in secrets.items():
            if isinstance(value, str):
                _check_secret(value, f"{path}.secrets.{name}", beside, environ, faults)
    _check_settings(table.get("settings", {}), f"{path}.settings", faults)


def _check_secret(
    value: str, path: str, beside: Path, environ: Mapping[str, str], faults: Faults
) -> None:
    if value.startswith(CREDENTIALS) and not environ.get("CREDENTIALS_DIRECTORY"):
        expected = "$CREDENTIALS_DIRECTORY to be set (LoadCredential in the unit)"
        faults.add("SECRET_MISSING", path, expected, value)
        return
    file = secret_path(value, beside, environ)
    is_path = value.startswith(PATH_STARTS) or ("/" in value and _exists(file.parent))
    if not is_path and not _exists(file):
        faults.add("INLINE_SECRET", path, "the path of a file of mode 0600 that holds the secret")
        return
    check_secret_file(
        file, path, faults, is_systemd=value.startswith(CREDENTIALS), is_shown=is_path
    )


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # A long secret is no possible file name.
        return False


def check_secret_file(
    file: Path, path: str, faults: Faults, *, is_systemd: bool = False, is_shown: bool = True
) -> None:
    """Note a secret file that is absent, no file, too large or open to others."""
    shown = str(file) if is_shown else None
    if not file.is_file():
        faults.add("SECRET_MISSING", path, "an existing file", shown)
        return
    status = file.stat()
    if status.st_size > SECRET_BYTES_MAX:
        faults.add("OUT_OF_RANGE", path, f"a file of at most {SECRET_BYTES_MAX} bytes", shown)
    # systemd guards its credentials directory itself, partly by access lists.
    if not is_systemd and status.st_mode & OTHERS:
        mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
        faults.add("SECRET_MODE", path, f"mode 0600 (chmod 600 {file})", mode)


def _check_settings(table: Any, path: str, faults: Faults) -> None:
    """A key of an adapter's free table that is called like a secret belongs under secrets."""
    if isinstance(table, list):
        for entry in table:
            _check_settings(entry, path, faults)
    if not isinstance(table, dict):
        return
    for key, value in table.items():
        if isinstance(value, str) and value and SECRET_KEY.search(key):
            faults.add("INLINE_SECRET", f"{path}.{key}", "a file named under secrets instead")
        else:
            _check_settings(value, f"{path}.{key}", faults)


def read_secrets(
    secrets: Mapping[str, str], beside: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """Name -> secret text without its last line end. Call only for checked settings."""
    return {
        name: secret_path(value, beside, environ).read_text(encoding="utf-8").rstrip("\r\n")
        for name, value in secrets.items()
    }
