"""Files that appear whole or not at all: a temporary name, synced, renamed, the directory synced.
What carries a temporary name belongs to a run that was interrupted."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.history.faults import ArchiveFault

__all__ = [
    "TEMPORARY",
    "held_alone",
    "locked",
    "make_directory",
    "publish",
    "remove_temporary",
    "sync_directory",
    "temporary_of",
    "write_file",
]

TEMPORARY = ".tmp"
_LOCK = ".lock"
_SYNCS_MAX = 8  # threads that wait for the disk at once; a file system commits them together
# Called with the name of the step before each of them; the tests stop the process there.
Step = Callable[[str], None]


@contextlib.contextmanager
def locked(archive: Path) -> Iterator[None]:
    """Only one program at a time changes an archive; questions need no lock. ArchiveFault: another
    one does."""
    make_directory(archive)
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


def temporary_of(target: Path) -> Path:
    """What a file is called until it is whole and synced."""
    return target.with_name(target.name + TEMPORARY)


def publish(targets: Sequence[Path], step: Step) -> None:
    """Gives written files their names, durably: every one is synced before the first is renamed,
    and every directory before this returns. Those of one sort are synced at the same time."""
    for target in targets:
        step(f"sync {target.name}")
    _at_once(_sync, [temporary_of(target) for target in targets])
    for target in targets:
        step(f"rename {target.name}")
        temporary_of(target).rename(target)
    directories = sorted({target.parent for target in targets})
    for directory in directories:
        step(f"directory {directory.name}")
    _at_once(sync_directory, directories)


def make_directory(directory: Path) -> None:
    """Makes it and what leads to it. Every new name is durable when this returns: the sync of a
    file below does not carry those above it."""
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for made in reversed(missing):
        sync_directory(made.parent)


def write_file(target: Path, data: bytes, step: Step) -> None:
    """A small file, whole."""
    temporary_of(target).write_bytes(data)
    publish([target], step)


def _at_once(sync: Callable[[Path], None], paths: Sequence[Path]) -> None:
    """OSError: one of them was not synced."""
    if len(paths) == 1:
        return sync(paths[0])
    with ThreadPoolExecutor(_SYNCS_MAX, thread_name_prefix="sync") as threads:
        for done in [threads.submit(sync, path) for path in paths]:
            done.result()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
