"""A session's store whose incoming number moves in the journal only when its work is done.

The session layer goes on with the next message at once; what the journal says stays behind the
oldest message still under work. After a crash the counterparty sends those again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from gateway.core.fix_store import JournalSessionStore

__all__ = ["FlushGate", "HeldStore"]


class FlushGate(Protocol):
    """Says whether flushes wait, because messages of several sessions belong together."""

    is_closed: bool


class HeldStore:
    """Owned by one session, as the store it holds back."""

    def __init__(self, store: JournalSessionStore, gate: FlushGate) -> None:
        self._store = store
        self._gate = gate
        self._held: dict[int, None] = {}  # numbers under work, rising
        self.next_expected = store.next_expected
        self._is_keeping = False
        self.period = 0  # rises with every reset: numbers of earlier ones mean nothing

    @property
    def next_outgoing(self) -> int:
        return self._store.next_outgoing

    @property
    def created_ns(self) -> int:
        return self._store.created_ns

    def hold(self, number: int) -> int:
        """Until `release`; returns what that needs to know."""
        self._held[number] = None
        return self.period

    def release(self, number: int, period: int) -> None:
        """The message has done all it does."""
        if period != self.period or number not in self._held:
            return
        del self._held[number]
        self._advance()

    def mark(self) -> None:
        """What was kept since the last mark is journaled whole or not at all."""
        self._store.mark()

    def keep(self, *, is_keeping: bool) -> None:
        """No flush meanwhile: what is kept then joins what it belongs to, and goes with it."""
        self._is_keeping = is_keeping

    def save(self, number: int, data: bytes) -> None:
        self._store.save(number, data)

    def pages(self, first: int, last: int) -> Iterator[list[tuple[int, bytes]]]:
        return self._store.pages(first, last)

    def set_next_outgoing(self, number: int) -> None:
        self._store.set_next_outgoing(number)

    def set_next_expected(self, number: int) -> None:
        if number < self.next_expected:
            self._forget()
            self._store.set_next_expected(number)
        self.next_expected = number
        self._advance()

    def reset(self, now_ns: int) -> None:
        self._forget()
        self._store.reset(now_ns)
        self.next_expected = 1

    def flush(self) -> None:
        if not self._gate.is_closed and not self._is_keeping:
            self._store.flush()

    def close(self) -> None:
        self._store.close()

    def _advance(self) -> None:
        oldest = next(iter(self._held), self.next_expected)
        if oldest > self._store.next_expected:
            self._store.set_next_expected(min(oldest, self.next_expected))

    def _forget(self) -> None:
        self._held.clear()
        self.period += 1
