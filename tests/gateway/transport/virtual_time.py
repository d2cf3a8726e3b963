"""An event loop whose time is a number: it jumps to the next timer instead of waiting for it."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
START_NS = 1_699_999_990_000_000_000  # A wall clock: windows turn where they do at a venue.


class _Selector(selectors.DefaultSelector):
    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("nothing is left that could ever happen")
        self.loop.now_s += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now_s = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s

    def now_ns(self) -> int:
        return START_NS + round(self.now_s * 1e9)


def run_virtual(coroutine: Coroutine[Any, Any, Result], loop: VirtualLoop | None = None) -> Result:
    """Run it to its end in virtual time."""
    loop = loop or VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(coroutine)
