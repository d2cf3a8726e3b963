"""Who turns the engine. Inline: this event loop. Pinned: a native thread that wakes us.

Both offer the same three calls, so nothing else knows which one runs. Neither ever blocks the loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gateway._core.engine import Engine as NativeEngine

__all__ = ["Drive", "InlineDrive", "PinnedDrive", "Wakeable"]

Watcher = Callable[[], None]
# One kick turns at most this often before it gives the loop back to the sockets.
_ROUNDS_MAX = 64


class Wakeable(Protocol):
    """A port that can wake a sleeping reader."""

    def wake_fd(self) -> int:
        """An eventfd."""
        ...


class Drive(Protocol):
    """Moves commands and facts through the engine and tells watchers that something happened."""

    def watch(self, port: Wakeable, watcher: Watcher) -> None:
        """Call `watcher` whenever the port may have something to read."""
        ...

    def kick(self) -> None:
        """A command was queued: have it processed as soon as possible."""
        ...

    def soon(self) -> None:
        """Facts were queued: have them processed once per loop turn."""
        ...

    async def settle(self) -> None:
        """Return when everything queued so far has been applied."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class InlineDrive:
    """The event loop turns the engine: after each command at once, for facts once per loop turn."""

    def __init__(self, native: NativeEngine, *, tick_seconds: float = 0.005) -> None:
        self._native = native
        self._watchers: list[Watcher] = []
        self._is_running = False
        self._is_wanted = False
        self._soon: asyncio.Handle | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._tick_seconds = tick_seconds

    def start(self) -> None:
        """Turn also while nothing is queued: timers and the kill word are polled by turns."""
        self._tick = asyncio.get_running_loop().call_later(self._tick_seconds, self._on_tick)

    def watch(self, port: Wakeable, watcher: Watcher) -> None:
        """Watchers run after every turn that did something."""
        self._watchers.append(watcher)

    def kick(self) -> None:
        """Turn until nothing waits. A call from inside a watcher joins the running one."""
        self._is_wanted = True
        if self._is_running:
            return
        self._is_running = True
        try:
            for _ in range(_ROUNDS_MAX):
                self._is_wanted = False
                done = self._native.turn()
                for watcher in self._watchers:
                    watcher()
                if not done and not self._is_wanted:
                    return
        finally:
            self._is_running = False
        self.soon()

    def soon(self) -> None:
        """Schedule one kick for this loop turn."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._on_soon)

    async def settle(self) -> None:
        """Turn now and let watchers' own callbacks run."""
        self.kick()
        await asyncio.sleep(0)
        self.kick()

    def close(self) -> None:
        """Stop the tick; a last kick has been the caller's business."""
        for handle in (self._soon, self._tick):
            if handle is not None:
                handle.cancel()
        self._soon = self._tick = None
        self._watchers.clear()

    def _on_soon(self) -> None:
        self._soon = None
        self.kick()

    def _on_tick(self) -> None:
        self.start()
        self.kick()


class PinnedDrive:
    """A native thread turns the engine; eventfds wake this loop."""

    def __init__(self, native: NativeEngine) -> None:
        self._native = native
        self._watched: dict[int, Watcher] = {}

    def watch(self, port: Wakeable, watcher: Watcher) -> None:
        """Run the watcher whenever the port's eventfd is readable."""
        descriptor = port.wake_fd()
        os.set_blocking(descriptor, False)
        self._watched[descriptor] = watcher
        asyncio.get_running_loop().add_reader(descriptor, self._on_wake, descriptor)

    def kick(self) -> None:
        """The engine thread polls; nothing to do."""

    def soon(self) -> None:
        """The engine thread polls; nothing to do."""

    async def settle(self) -> None:
        """Two whole turns later everything queued before has been applied."""
        target = self._native.beat() + 2
        for _ in range(5_000):
            if self._native.beat() >= target:
                return
            await asyncio.sleep(0.001)
        raise TimeoutError("the engine did not turn for 5 s")

    def close(self) -> None:
        """Stop reading eventfds."""
        loop = asyncio.get_running_loop()
        for descriptor in self._watched:
            loop.remove_reader(descriptor)
        self._watched.clear()

    def _on_wake(self, descriptor: int) -> None:
        try:
            os.eventfd_read(descriptor)
        except BlockingIOError:
            return
        self._watched[descriptor]()
