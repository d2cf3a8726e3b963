"""Both event loops for every async test, and the helpers of the live rooms."""

import asyncio
import sys
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent / "live"))


def debug_loop():
    """asyncio in debug mode: slow callbacks and unawaited coroutines show."""
    loop = asyncio.SelectorEventLoop()
    loop.set_debug(True)
    return loop


def pytest_asyncio_loop_factories(config, item):
    """Every async test runs under uvloop and under asyncio debug."""
    return {"uvloop": uvloop.new_event_loop, "asyncio_debug": debug_loop}
