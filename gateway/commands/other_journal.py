"""Where what-if writes the other world's journal: room is asked for before, and whatever ends the
command leaves nothing half-made behind. Never writes into a directory that holds something."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.commands.output import FAILED, CommandFailure
from gateway.config.places import is_on_tmpfs

__all__ = ["journal_to_make"]

_ENDS = (signal.SIGTERM, signal.SIGHUP)
_MEMORY = Path("/proc/meminfo")


def _free_bytes(place: Path) -> int:
    """Of the disk, or of the machine's memory where that is less: a file on tmpfs takes it."""
    free = shutil.disk_usage(place).free
    if not is_on_tmpfs(place):
        return free
    lines = _MEMORY.read_text(encoding="ascii").splitlines()
    available = next(line for line in lines if line.startswith("MemAvailable:"))
    return min(free, int(available.split()[1]) * 1024)


@contextlib.contextmanager
def journal_to_make(
    keep: Path | None, source: Path, free_bytes_of: Callable[[Path], int] = _free_bytes
) -> Iterator[tuple[Path, Path]]:
    """Where the other journal lies, and its ring, which is gone afterwards. CommandFailure: less
    room than `source` takes."""
    with _ended_by_signals(), tempfile.TemporaryDirectory(prefix="gateway-whatif-") as scratch:
        ring = Path(scratch) / "ring"
        ring.mkdir()
        if keep is not None:
            with _kept(keep):
                _need_room(keep, source, free_bytes_of)
                yield keep, ring
            return
        out = Path(scratch) / "journal"
        out.mkdir()
        _need_room(out, source, free_bytes_of)
        yield out, ring


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A lost terminal or a time limit ends Python at once otherwise, and nothing is tidied up."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = [(number, signal.signal(number, end)) for number in _ENDS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextlib.contextmanager
def _kept(keep: Path) -> Iterator[None]:
    was_there = keep.exists()
    if was_there and any(keep.iterdir()):
        rule = f"{keep} holds files already"
        raise CommandFailure(FAILED, "BAD_TARGET", rule, "Name a new directory.", field="keep")
    keep.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(keep, ignore_errors=True)
        if was_there:
            keep.mkdir(exist_ok=True)
        raise


def _need_room(out: Path, source: Path, free_bytes_of: Callable[[Path], int]) -> None:
    # What segments really take: they are as long as they may become.
    sizes = [path.stat() for path in source.glob("segment-*.journal")]
    wanted = sum(min(each.st_size, each.st_blocks * 512) for each in sizes)
    free = free_bytes_of(out)
    if free < wanted:
        rule = f"{out.parent} has room for {free} bytes, and the other journal takes {wanted}"
        hint = "Name a directory on a larger disk with --keep, or set TMPDIR."
        raise CommandFailure(FAILED, "BAD_TARGET", rule, hint, field="keep")
