"""The numbers of what comes in: which is due, which wait for their turn, which are asked for again.
The way back is outbound.py.

The expected number moves only when the session says that it is done with a message.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.transport.fix_session.gap import EarlyMessages, ResendWish
from gateway.transport.fix_session.message import FixMessage
from gateway.transport.fix_session.settings import SessionSettings
from gateway.transport.fix_session.store import SessionStore
from gateway.transport.fix_session.timers import Timers

__all__ = ["Inbound"]


class Inbound:
    """Of one session. `ask` sends a ResendRequest."""

    def __init__(
        self,
        settings: SessionSettings,
        store: SessionStore,
        timers: Timers,
        ask: Callable[[ResendWish, int], None],
    ) -> None:
        self._store, self._timers, self._send = store, timers, ask
        self._attempts_max = settings.resend_attempts_max
        self._early = EarlyMessages(queued_max=settings.queued_max, chunk=settings.resend_chunk)

    @property
    def expected(self) -> int:
        """The number that is due."""
        return self._store.next_expected

    @property
    def is_open(self) -> bool:
        """Whether an answer to a ResendRequest is awaited."""
        return self._early.is_open

    @property
    def dropped(self) -> int:
        """Early messages that found no place."""
        return self._early.dropped

    def is_idle(self) -> bool:
        """Nothing is missing, nothing waits."""
        return self._early.is_idle(self._store.next_expected)

    def advance(self, expected: int, now_ns: int) -> None:
        """Everything before `expected` is dealt with."""
        self._store.set_next_expected(expected)
        self._timers.progressed(now_ns)

    def keep(self, number: int, message: FixMessage | None, now_ns: int) -> None:
        """One that is early, None = it needs its turn alone; what is missing is asked for."""
        self._ask(self._early.add(number, message, self.expected), now_ns)

    def keep_logon(self, number: int, now_ns: int, *, is_told: bool) -> None:
        """A Logon that is early. `is_told`: by 789 the peer knows already what is missing."""
        wish = self._early.add(number, None, self.expected)
        if is_told:
            self._timers.asked(now_ns)
        else:
            self._ask(wish, now_ns)

    def next(self, now_ns: int) -> tuple[bool, FixMessage | None]:
        """(whether the number that is due waited, its message); otherwise what is missing is asked
        for, if it is time."""
        found = self._early.pop(self.expected)
        if not found[0]:
            self._ask(self._early.advanced(self.expected), now_ns)
        return found

    def is_late(self, now_ns: int) -> bool:
        """An answer is awaited, and it does not come."""
        return self._early.is_open and self._timers.is_resend_late(now_ns)

    def ask_again(self, now_ns: int) -> bool:
        """False: it was asked for often enough."""
        if self._timers.resend_attempts >= self._attempts_max:
            return False
        self._ask(self._early.again(self.expected), now_ns)
        return True

    def forget(self) -> None:
        """Nothing is awaited any more."""
        self._early.clear()

    def _ask(self, wish: ResendWish | None, now_ns: int) -> None:
        if wish is not None:
            self._timers.asked(now_ns)
            self._send(wish, now_ns)
