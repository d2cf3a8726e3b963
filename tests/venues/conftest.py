"""Where the simulated venues are found, and the loop of every async test here."""

import sys
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent))


def pytest_asyncio_loop_factories(config, item):
    """The loop the daemon runs on; asyncio's debug mode is the business of tests/gateway."""
    return {"uvloop": uvloop.new_event_loop}
