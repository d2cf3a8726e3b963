"""Both event loops for every async test, and where the worlds of the rooms are found."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

sys.path[:0] = [
    str(Path(__file__).parent / room)
    for room in (
        "core",
        "analytics",
        "history",
        "live",
        "stream",
        "observer",
        "transport/fix_session",
    )
]


def debug_loop():
    """asyncio in debug mode: slow callbacks and unawaited coroutines show."""
    loop = asyncio.SelectorEventLoop()
    loop.set_debug(True)
    return loop


def pytest_asyncio_loop_factories(config, item):
    """Every async test runs under uvloop and under asyncio debug, but for those with a QuickFIX
    engine, which takes seconds to start, and those that say so."""
    if "quickfix" in item.path.name or item.get_closest_marker("one_loop"):
        return {"uvloop": uvloop.new_event_loop}
    return {"uvloop": uvloop.new_event_loop, "asyncio_debug": debug_loop}


@pytest.fixture
def ring_directory() -> Iterator[Path]:
    """A directory of the shared-memory file system, gone after the test."""
    folder = Path(tempfile.mkdtemp(prefix=f"gateway-test-{os.getpid()}-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
