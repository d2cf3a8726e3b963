"""A PostgreSQL of its own for tests: the installed programs, a temporary directory, a Unix socket
in it, no port. It ends by its process id, with whatever it holds."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

__all__ = ["PostgresServer", "find_programs"]

DEBIAN_PLACES = "/usr/lib/postgresql/*/bin"
START_SECONDS_MAX = 300.0


def find_programs() -> Path | None:
    """Where initdb and postgres lie, the newest version; None = they are not installed."""
    places = sorted(
        Path("/").glob(DEBIAN_PLACES.lstrip("/")), key=lambda path: path.parent.name.zfill(4)
    )
    found = shutil.which("initdb")
    return next((each for each in reversed(places) if (each / "initdb").exists()), None) or (
        Path(found).resolve().parent if found else None
    )


class PostgresServer:
    """Started and ended as often as a test likes; a context manager that leaves nothing behind."""

    user = "gateway"

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.directory = Path(tempfile.mkdtemp(prefix="gateway-postgres-"))
        self.password = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        # The server refuses to run as root.
        self._owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None

    @property
    def dsn(self) -> str:
        """Without the password."""
        return f"host={self.directory} dbname=postgres user={self.user}"

    def __enter__(self) -> PostgresServer:
        password_file = self.directory / "password"
        password_file.write_text(self.password)
        self._give(self.directory)
        self._give(password_file)
        subprocess.run(
            [
                self._programs / "initdb", "-D", self._data, "-U", self.user, "-N", "-E", "UTF8",
                "--locale=C", "--auth=scram-sha-256", f"--pwfile={password_file}",
            ],
            check=True, capture_output=True, cwd=self.directory, timeout=120, **self._as_owner,
        )  # fmt: skip
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self) -> None:
        """Returns when it takes connections."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres", "-D", self._data, "-k", self.directory, "-F",
                    "-c", "listen_addresses=", "-c", "max_connections=20",
                    "-c", "shared_buffers=16MB",
                ],
                stdout=log, stderr=log, cwd=self.directory, **self._as_owner,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.directory / "log").read_text()[-2000:])
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends its sessions first, SIGQUIT is as a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS_MAX)
            self._process = None

    def _is_ready(self) -> bool:
        """The server writes its pid file in steps: it may be absent, empty or half written."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return bool(lines) and lines[-1].strip() == "ready"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _give(self, path: Path) -> None:
        if self._owner is not None:
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    @property
    def _as_owner(self) -> dict[str, Any]:
        if self._owner is None:
            return {}
        return {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": []}
