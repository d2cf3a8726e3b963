"""The application messages of one session, handled one at a time in their order.

A message counts as taken, for the journal, when its handler is done with it. Must never drop one
that was taken from the session: after a cut line it is finished all the same. Must never hold more
than a bounded number: before that the session stops reading.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from gateway.entry.fix_acceptor.context import Handler, SessionContext
from gateway.transport.fix_session import BusinessReject, FixMessage

__all__ = ["FAILED", "RISK_TYPES", "MessageQueue", "barred"]

RISK_TYPES = frozenset((b"D", b"E", b"G"))
_TOLD_TOGETHER = 32
_HANDLED_AT_ONCE = 32  # then the others have their turn
_WAITING_MAX = 256  # with one read of the socket on top
_WAITING_LOW = 64

log = logging.getLogger(__name__)

FAILED = BusinessReject(4, "INTERNAL: the message could not be handled")


def barred(context: SessionContext, message: FixMessage) -> BusinessReject | None:
    """The answer to what takes new risk, from who may no longer."""
    if message.message_type not in RISK_TYPES or not context.why_barred:
        return None
    return BusinessReject(4, f"NOT_PERMITTED: {context.why_barred}")


class MessageQueue:
    """`on_done` runs after handled messages: what they led to is told before an answer, and before
    the next message. New orders in a row are told together, for that costs as much as one."""

    def __init__(self, context: SessionContext, on_done: Callable[[], None]) -> None:
        self._context, self._on_done = context, on_done
        self._waiting: deque[tuple[Handler, FixMessage, int, int]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._put = self._done = 0
        self._settling: deque[tuple[int, asyncio.Future[int]]] = deque()

    def put(self, handler: Handler, message: FixMessage) -> None:
        """Handle it when those before it are done."""
        number = message.number or 0
        period = self._context.store.hold(number)
        self._waiting.append((handler, message, number, period))
        self._put += 1
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        session = self._context.session
        if len(self._waiting) > _WAITING_MAX and not session.is_paused:
            session.pause(self._context.now_ns(), is_paused=True)

    def __len__(self) -> int:
        return len(self._waiting)

    async def settle(self) -> int:
        """Return when everything put so far is handled, whatever comes behind it; when that was."""
        if self._task is None or self._done == self._put:
            return self._context.now_ns()
        settled: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._settling.append((self._put, settled))
        return await settled

    async def end(self) -> None:
        """Handle no more: what waits does not count as taken, and is sent again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

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
                if self._done % _HANDLED_AT_ONCE == 0:
                    await asyncio.sleep(0)
        finally:
            self._task = None
            self._read_on(0)
            self._settle(self._put)

    def _count(self, number: int, period: int, before: int) -> None:
        """The message is done with. Its answer and its number are journaled together: a kill
        between them would have it answered and done again."""
        store = self._context.store
        store.release(number, period)
        if store.next_outgoing != before:
            store.mark()
        self._done += 1
        self._settle(self._done)
        self._read_on(len(self._waiting))

    def _settle(self, done: int) -> None:
        while self._settling and self._settling[0][0] <= done:
            _, settled = self._settling.popleft()
            if not settled.done():
                settled.set_result(self._context.now_ns())

    def _read_on(self, waiting: int) -> None:
        session = self._context.session
        if session.is_paused and waiting <= _WAITING_LOW:
            session.pause(self._context.now_ns(), is_paused=False)

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
        if answer := barred(self._context, message):
            return answer
        try:
            return await handler(self._context, message)
        except Exception:  # a bug of ours: the peer learns that it failed, the log why
            log.exception("%s: message %r failed", self._context.name, message)
            self._context.counters["failed"] += 1
            return FAILED
