"""Files that appear whole or not at all: a temporary name, synced, renamed, the directory synced.
What carries a temporary name belongs to a run that was interrupted."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.history.faults import ArchiveFault

__all__ = [
    "TEMPORARY",
    "held_alone",
    "locked",
    "publish",
    "remove_temporary",
    "sync_directory",
    "write_file",
]

TEMPORARY = ".tmp"
_LOCK = ".lock"
# Called with the name of the step before each of them; the tests stop the process there.
Step = Callable[[str], None]


@contextlib.contextmanager
def locked(archive: Path) -> Iterator[None]:
    """Only one program at a time changes an archive; questions need no lock. ArchiveFault: another
    one does."""
    archive.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(held_alone(archive / _LOCK))
        except BlockingIOError:
            text = f"another program is changing {archive}"
            raise ArchiveFault("ARCHIVE_BUSY", text) from None
        yield


@contextlib.contextmanager
def held_alone(lock: Path) -> Iterator[None]:
    """The lock of the kernel on this file, which is made and stays; it falls with its holder.
    BlockingIOError: another program holds it."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)  # unlocks


def publish(temporary: Path, target: Path, step: Step) -> None:
    """Gives a written file its name, durably."""
    step(f"sync {target.name}")
    descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    step(f"rename {target.name}")
    temporary.rename(target)
    step(f"directory of {target.name}")
    sync_directory(target.parent)


def write_file(target: Path, data: bytes, step: Step) -> None:
    """A small file, whole."""
    temporary = target.with_name(target.name + TEMPORARY)
    temporary.write_bytes(data)
    publish(temporary, target, step)


def sync_directory(directory: Path) -> None:
    """Makes names in it durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_temporary(directory: Path) -> int:
    """Deletes what an interrupted run left; how many files."""
    left = [path for path in directory.rglob(f"*{TEMPORARY}") if path.is_file()]
    for path in left:
        path.unlink()
    return len(left)
