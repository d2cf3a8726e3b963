"""Where helpers of several rooms are found. Once per session: shared-memory directories of test
runs and benches that were cut short are removed, and a native module that was made of other sources
than these ends the run, for its faults would be late and strange."""

import hashlib
import re
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))
# No test is about its own speed, nor about that of its examples.
settings.register_profile("gateway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gateway")

SHARED_MEMORY = Path("/dev/shm")
CORE_EXT = Path(__file__).parents[1] / "core_ext"
OWNED = re.compile(r"gateway-(?:test|bench)-(?P<pid>[0-9]+)-.+")


def remove_stale(root: Path, processes: Path = Path("/proc")) -> list[str]:
    """Remove the directories whose run, named by its process id, is gone; returns their names."""
    removed = []
    for path in root.glob("gateway-*-*"):
        named = OWNED.fullmatch(path.name)
        if named and path.is_dir() and not (processes / named["pid"]).exists():
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path.name)
    return sorted(removed)


def source_digest(root: Path) -> str:
    """What core_ext/source_digest.cmake writes into the native module."""
    kinds = (".cpp", ".hpp", ".h", ".def")
    sources = sorted(
        path.relative_to(root).as_posix() for path in root.rglob("*") if path.suffix in kinds
    )
    lines = [
        f"{each} {hashlib.sha256((root / each).read_bytes()).hexdigest()}\n" for each in sources
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def pytest_sessionstart(session: pytest.Session) -> None:
    from gateway import _core

    remove_stale(SHARED_MEMORY)
    if getattr(_core, "SOURCE_DIGEST", "") != source_digest(CORE_EXT):
        pytest.exit("gateway._core was built from other sources: run `make install`", returncode=3)
