"""One chromium for all tests of a run, on one event loop: `@scene async def test(stage, ...)`."""

import asyncio
import functools
import shutil

import pytest
import uvloop

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="page tests need chromium")


class Stage:
    """A running chromium and the loop it was started on."""

    def __init__(self):
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.runner.run(self._start())

    async def _start(self):
        async_api = pytest.importorskip(
            "playwright.async_api", reason="page tests need the package playwright"
        )
        self.driver = await async_api.async_playwright().start()
        self.chromium = await self.driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )

    async def _stop(self):
        await self.chromium.close()
        await self.driver.stop()

    def close(self):
        self.runner.run(self._stop())
        self.runner.close()


@pytest.fixture(scope="session")
def stage():
    stage = Stage()
    yield stage
    stage.close()


def scene(test):
    """A test of the stage's loop. One loop is enough here: what is tested runs in the browser."""

    @functools.wraps(test)
    def play(**fixtures):
        fixtures["stage"].runner.run(test(**fixtures))

    return play
