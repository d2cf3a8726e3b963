"""Waiting in tests for what has no event of its own: ends with the fact, or names it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

__all__ = ["SECONDS_MAX", "until"]

# For a loaded machine; a fact that comes ends the wait at once.
SECONDS_MAX = 300.0
_POLL_SECONDS = 0.005


async def until(
    probe: Callable[[], Any],
    what: str = "the awaited fact",
    *,
    seconds_max: float = SECONDS_MAX,
) -> Any:
    """The first true answer of `probe`, asked every 5 ms.

    Raises AssertionError with `what` after `seconds_max` seconds.
    """
    deadline = time.monotonic() + seconds_max
    while not (found := probe()):
        assert time.monotonic() < deadline, f"{what} did not come within {seconds_max:g} s"
        await asyncio.sleep(_POLL_SECONDS)
    return found
