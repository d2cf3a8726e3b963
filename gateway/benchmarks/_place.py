"""Fresh directories for one section of a bench, removed behind it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.benchmarks import _machine

if TYPE_CHECKING:
    from gateway._core.bench import Place

__all__ = ["SUSTAINED_SECONDS", "place", "scale_of"]

_MEMORY_FILES = Path("/dev/shm")
SUSTAINED_SECONDS = 10.0


def scale_of(is_quick: bool) -> float:
    """Of the counts."""
    return 0.01 if is_quick else 1.0


@contextmanager
def place(name: str, progress: Callable[[str], None], *, is_quick: bool) -> Iterator[Place]:
    """Where one section runs; says afterwards how long it took."""
    from gateway._core import bench as native

    memory_files = _MEMORY_FILES if _MEMORY_FILES.is_dir() else None
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="gateway-bench-") as directory,
        tempfile.TemporaryDirectory(prefix="gateway-bench-", dir=memory_files) as ring,
    ):
        yield native.Place(
            directory,
            ring,
            *_machine.cpu_pair(),
            seconds=0.3 if is_quick else SUSTAINED_SECONDS,
            scale=scale_of(is_quick),
        )
    progress(f"{name}: {time.monotonic() - started:.1f} s")
