"""Fresh directories for one section of a bench, removed behind it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.benchmarks import _machine

if TYPE_CHECKING:
    from gateway._core.bench import Place

__all__ = [
    "SUSTAINED_SECONDS",
    "directories",
    "place",
    "remove_left_over",
    "scale_of",
    "shared_memory_free_bytes",
]

_MEMORY_FILES = Path("/dev/shm")
SUSTAINED_SECONDS = 10.0
_OWNED = re.compile(r"gateway-bench-(?P<process>[0-9]+)-.+")


def scale_of(is_quick: bool) -> float:
    """Of the counts."""
    return 0.01 if is_quick else 1.0


@contextmanager
def directories(*, is_in_memory: bool = False) -> Iterator[tuple[str, str]]:
    """One on a disk (or in memory), one in shared memory where there is some; named by
    this process, so that the next bench removes what one that was killed has left."""
    memory_files = _MEMORY_FILES if _MEMORY_FILES.is_dir() else None
    for root in (_MEMORY_FILES, Path(tempfile.gettempdir())):
        remove_left_over(root)
    prefix = f"gateway-bench-{os.getpid()}-"
    with (
        tempfile.TemporaryDirectory(
            prefix=prefix, dir=memory_files if is_in_memory else None
        ) as directory,
        tempfile.TemporaryDirectory(prefix=prefix, dir=memory_files) as ring,
    ):
        yield directory, ring


def shared_memory_free_bytes() -> int:
    """0 = there is none."""
    return shutil.disk_usage(_MEMORY_FILES).free if _MEMORY_FILES.is_dir() else 0


def remove_left_over(root: Path, processes: Path = Path("/proc")) -> None:
    """Directories of benches whose process is gone."""
    for path in root.glob("gateway-bench-*"):
        named = _OWNED.fullmatch(path.name)
        if named and path.is_dir() and not (processes / named["process"]).exists():
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def place(
    name: str,
    progress: Callable[[str], None],
    *,
    is_quick: bool,
    is_in_memory: bool = False,
) -> Iterator[Place]:
    """Where one section runs; says afterwards how long it took."""
    from gateway._core import bench as native

    started = time.monotonic()
    with directories(is_in_memory=is_in_memory) as (directory, ring):
        yield native.Place(
            directory,
            ring,
            *_machine.cpu_pair(),
            seconds=0.3 if is_quick else SUSTAINED_SECONDS,
            scale=scale_of(is_quick),
        )
    progress(f"{name}: {time.monotonic() - started:.1f} s")
