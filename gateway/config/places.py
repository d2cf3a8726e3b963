"""Where the daemon keeps things: the paths that settings leave open, resolved once. Must create
nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

__all__ = ["Places", "find_ring_directory", "is_on_tmpfs", "resolve"]

SYSTEM_RUNTIME = Path("/run/gateway")
# What the live program shows beside its ring; written by it alone, read by other processes.
RUN_FILE = "run.json"
COUNTERS_FILE = "counters.json"
MARKS_FILE = "marks.json"
SHARED_MEMORY = Path("/dev/shm")
MEMORY_FILE_SYSTEMS = {"tmpfs", "ramfs"}
MOUNTS = Path("/proc/self/mounts")


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Absolute paths of one gateway."""

    directory: Path  # journal segments, snapshots, keys
    ring_directory: Path  # journal ring, kill word, counters; tmpfs
    unix_socket: Path  # of the local API
    keys_file: Path  # API keys, hashes only
    cli_key_file: Path  # KEYID.SECRET of the command line, made by the daemon, mode 0600
    run_file: Path  # run.json: {"pid", "api", "unix_socket"} of the running daemon
    limits_file: Path
    shm_socket: Path = Path()  # where clients of the shared-memory door attach
    configuration_directory: Path = Path()  # secrets and TLS files are named relative to it
    tls_certificate: Path | None = None
    tls_private_key: Path | None = None


def find_ring_directory(
    name: str, environ: Mapping[str, str], user_id: int, system_runtime: Path = SYSTEM_RUNTIME
) -> Path:
    """The automatic ring directory: systemd's, else the system's when writable, else ours."""
    if given := environ.get("RUNTIME_DIRECTORY"):
        return Path(given.split(":")[0])
    if os.access(system_runtime / name, os.W_OK | os.X_OK):
        return system_runtime / name
    return SHARED_MEMORY / f"gateway-{user_id}-{name}"


def is_on_tmpfs(path: Path, mounts: Path = MOUNTS) -> bool:
    """Whether a path, or where it would be made, lies on a memory file system."""
    existing = path.absolute()
    while not existing.exists():
        existing = existing.parent
    existing = existing.resolve()
    best, kind = "", ""
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _, point, file_system, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if existing.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, file_system
    return kind in MEMORY_FILE_SYSTEMS


def resolve(
    file: Path,
    gateway: Mapping[str, str],
    api: Mapping[str, str],
    environ: Mapping[str, str],
    user_id: int,
    *,
    shm: Mapping[str, str],
) -> Places:
    """Fill in every path. `gateway`, `api` and `shm` are the text settings of those
    tables."""
    beside = file.absolute().parent
    directory = Path(gateway["directory"]).absolute()
    ring = gateway["ring_directory"]
    ring_directory = (
        Path(ring).absolute() if ring else find_ring_directory(gateway["name"], environ, user_id)
    )
    socket = api["unix_socket"]
    certificate, private_key = api["tls_certificate"], api["tls_private_key"]
    return Places(
        directory=directory,
        ring_directory=ring_directory,
        unix_socket=Path(socket).absolute() if socket else ring_directory / "api.sock",
        keys_file=directory / api["keys_file"],
        cli_key_file=directory / "cli.key",
        run_file=ring_directory / RUN_FILE,
        limits_file=beside / gateway["limits_file"],
        shm_socket=Path(shm["socket"]).absolute()
        if shm["socket"]
        else ring_directory / "port.sock",
        configuration_directory=beside,
        tls_certificate=beside / certificate if certificate else None,
        tls_private_key=beside / private_key if private_key else None,
    )
