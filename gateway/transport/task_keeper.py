"""Work an adapter does beside what it was asked for: started here, ended with the adapter.

Must never leave a task behind, nor let one fail unseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from gateway.api import VenueError

__all__ = ["TaskKeeper", "side_by_side"]


async def side_by_side(requests: Sequence[Awaitable[None]]) -> None:
    """All of them, to their ends; then the first failure is raised. One goes at once: a task of its
    own would wait for a turn of the event loop, and an order with it."""
    if len(requests) == 1:
        await requests[0]
    else:
        for failure in await asyncio.gather(*requests, return_exceptions=True):
            if failure is not None:
                raise failure


class TaskKeeper:
    """Event loop only. `on_error`: told what the venue made fail (VenueError); any other exception
    is a mistake of ours and goes to the loop's handler when the task ends."""

    def __init__(self, on_error: Callable[[VenueError], None]) -> None:
        self._on_error = on_error
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        # A task that is canceled before its first step never began the work.
        task.add_done_callback(lambda _: work.close())

    async def cancel_all(self) -> None:
        """Until none is left, those included that were started meanwhile. The caller itself is
        spared when it is one of them: it would wait for its own end."""
        own = asyncio.current_task()
        while tasks := [task for task in self._tasks if task is not own]:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler(
                {"message": "work of an adapter failed", "exception": error, "task": task}
            )

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except VenueError as error:
            self._on_error(error)
