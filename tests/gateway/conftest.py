"""Both event loops for every async test, and the helpers of the live rooms."""

import asyncio
import sys
from pathlib import Path

import pytest
import uvloop

sys.path.insert(0, str(Path(__file__).parent / "live"))


class DebugPolicy(asyncio.DefaultEventLoopPolicy):
    """asyncio in debug mode: slow callbacks and unawaited coroutines show."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()
        loop.set_debug(True)
        return loop


@pytest.fixture(params=["uvloop", "asyncio_debug"])
def event_loop_policy(request):
    return uvloop.EventLoopPolicy() if request.param == "uvloop" else DebugPolicy()
