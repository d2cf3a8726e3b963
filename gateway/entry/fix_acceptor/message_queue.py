"""The application messages of one session, handled one at a time in their order.

A message counts as taken, for the journal, when its handler is done with it. Must never drop one
that was taken from the session: after a cut line it is finished all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from gateway.entry.fix_acceptor.context import Handler, SessionContext
from gateway.transport.fix_session import BusinessReject, FixMessage

__all__ = ["FAILED", "MessageQueue"]

_TOLD_TOGETHER = 32

log = logging.getLogger(__name__)

FAILED = BusinessReject(4, "INTERNAL: the message could not be handled")


class MessageQueue:
    """`on_done` runs after every handler: what it led to is told before its own answer, and before
    the next message. New orders in a row are told together, for that costs as much as one."""

    def __init__(self, context: SessionContext, on_done: Callable[[], None]) -> None:
        self._context, self._on_done = context, on_done
        self._waiting: deque[tuple[Handler, FixMessage, int, int]] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, handler: Handler, message: FixMessage) -> None:
        """Handle it when those before it are done."""
        number = message.number or 0
        period = self._context.store.hold(number)
        self._waiting.append((handler, message, number, period))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def __len__(self) -> int:
        return len(self._waiting)

    async def settle(self) -> None:
        """Return when everything put so far is handled."""
        while (task := self._task) is not None:
            await asyncio.shield(task)

    async def _run(self) -> None:
        untold = 0  # new orders in a row whose reports wait
        try:
            while self._waiting:
                handler, message, number, period = self._waiting.popleft()
                is_new_order = message.message_type == b"D"
                if untold and not is_new_order:
                    self._tell()
                    untold = 0
                before = self._context.store.next_outgoing
                answer = await self._handled(handler, message)
                if answer is not None:
                    self._tell()
                    untold = 0
                    self._refuse(message, answer)
                self._count(number, period, before)
                untold = untold + 1 if is_new_order and self._waiting else _TOLD_TOGETHER
                if answer is None and untold >= _TOLD_TOGETHER:
                    self._tell()
                    untold = 0
        finally:
            self._task = None

    def _count(self, number: int, period: int, before: int) -> None:
        """The message is done with. Its answer and its number are journaled together: a kill between
        them would have it answered and done again."""
        store = self._context.store
        store.release(number, period)
        if store.next_outgoing != before:
            store.mark()

    def _tell(self) -> None:
        try:
            self._on_done()
        except Exception:  # told by a later turn; what waits here must not wait for ever
            log.exception("%s: events are not told", self._context.name)

    def _refuse(self, message: FixMessage, answer: BusinessReject) -> None:
        try:
            self._context.refuse(message, answer)
        except Exception:
            log.exception("%s: message %r is not answered", self._context.name, message)

    async def _handled(self, handler: Handler, message: FixMessage) -> BusinessReject | None:
        try:
            return await handler(self._context, message)
        except Exception:  # a bug of ours: the peer learns that it failed, the log why
            log.exception("%s: message %r failed", self._context.name, message)
            self._context.counters["failed"] += 1
            return FAILED
