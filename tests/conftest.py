"""Where helpers of several rooms are found. Once per session: shared-memory directories of test
runs and benches that were cut short are removed."""

import re
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

SHARED_MEMORY = Path("/dev/shm")
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


def pytest_sessionstart(session: pytest.Session) -> None:
    remove_stale(SHARED_MEMORY)
