"""The daemon serves the Unix socket that systemd made, beside its own TCP port."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

SECONDS_MAX = 300.0
LAUNCHER = (
    "import os, sys\n"
    "os.dup2(int(sys.argv[1]), 3)\n"
    "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1', 'LISTEN_FDNAMES': 'api'}\n"
    "os.execv(sys.executable, [sys.executable, '-m', 'gateway', 'run', sys.argv[2]])\n"
)
CONFIG = """\
[gateway]
directory = "{directory}"
ring_directory = "{ring}"
[api]
port = 0
[journal]
ring_mib = 1
segment_mib = 1
"""


def ask(path: str) -> bytes:
    """The answer of the health address on the Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(SECONDS_MAX)
        client.connect(path)
        client.sendall(b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: client.recv(4096), b""))


def test_a_unix_socket_of_systemd_is_served_and_left_in_place(tmp_path: Path) -> None:
    ring = Path("/dev/shm") / f"gateway-test-{os.getpid()}-{secrets.token_hex(4)}"
    path = str(ring / "api.sock")  # the place where the daemon would make its own
    ring.mkdir()
    (tmp_path / "limits.toml").write_text("")
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIG.format(directory=tmp_path / "var", ring=ring))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        descriptor = listener.fileno()
        with (tmp_path / "log").open("wb") as log:
            daemon = subprocess.Popen(
                [sys.executable, "-c", LAUNCHER, str(descriptor), str(file)],
                pass_fds=[descriptor],
                stderr=log,
            )
        try:
            assert b'"ok":true' in ask(path)
            deadline = time.monotonic() + SECONDS_MAX
            while not (ring / "run.json").is_file() and time.monotonic() < deadline:
                time.sleep(0.02)
            run = json.loads((ring / "run.json").read_text())
            assert run["unix_socket"] == path
            assert run["api"].startswith("http://127.0.0.1:")
            daemon.terminate()
            assert daemon.wait(SECONDS_MAX) == 0, (tmp_path / "log").read_text()
            assert Path(path).is_socket(), "the socket is systemd's to remove"
        finally:
            daemon.kill()
            daemon.wait()
            shutil.rmtree(ring, ignore_errors=True)
