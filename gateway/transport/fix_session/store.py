"""What a session must remember: two numbers, when it began, and what it sent. In memory here; on
disk in `file_store`; other stores stand behind the same protocol.

The order is the promise: a message is saved before its bytes go out, and the incoming number is
advanced only when the application has the message.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Protocol

__all__ = ["MemoryStore", "SessionStore", "StoreBehind", "StoreError", "number_pages"]

_NUMBERS_AT_ONCE = 4096


class StoreError(Exception):
    """The store cannot promise what it is for; nothing may be sent."""


class StoreBehind(StoreError):
    """Not yet: what was changed stays changed, and a later flush may promise it."""


class SessionStore(Protocol):
    """Owned by one session. Every change counts from the next `flush` on, which comes before the
    bytes of that loop turn go out and may raise StoreError."""

    @property
    def next_outgoing(self) -> int:
        """MsgSeqNum of the next message we send."""

    @property
    def next_expected(self) -> int:
        """MsgSeqNum we wait for."""

    @property
    def created_ns(self) -> int:
        """When both numbers were 1."""

    def save(self, number: int, data: bytes) -> None:
        """Keep what is sent under this number and go on with the next."""

    def pages(self, first: int, last: int) -> Iterator[list[tuple[int, bytes]]]:
        """The messages still kept, in order; numbers without a message are left out. Each page is
        a bounded piece of work, and may be empty."""

    def set_next_outgoing(self, number: int) -> None: ...

    def set_next_expected(self, number: int) -> None: ...

    def reset(self, now_ns: int) -> None:
        """Both numbers 1, no messages: a new period."""

    def flush(self) -> None:
        """What was changed survives the end of this process from here on."""

    def close(self) -> None: ...


def number_pages(first: int, last: int) -> Iterator[range]:
    """The numbers first to last in pieces that are looked up in a moment."""
    for begin in range(first, last + 1, _NUMBERS_AT_ONCE):
        yield range(begin, min(begin + _NUMBERS_AT_ONCE, last + 1))


class MemoryStore:
    """For tests and for sessions that begin anew with every start."""

    def __init__(self, created_ns: int = 0) -> None:
        self.next_outgoing = 1
        self.next_expected = 1
        self.created_ns = created_ns
        self._messages: dict[int, bytes] = {}

    def save(self, number: int, data: bytes) -> None:
        self._messages[number] = data
        self.next_outgoing = number + 1

    def range(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """All pages in a row."""
        return chain.from_iterable(self.pages(first, last))

    def pages(self, first: int, last: int) -> Iterator[list[tuple[int, bytes]]]:
        for numbers in number_pages(first, last):
            yield [(each, self._messages[each]) for each in numbers if each in self._messages]

    def set_next_outgoing(self, number: int) -> None:
        self.next_outgoing = number

    def set_next_expected(self, number: int) -> None:
        self.next_expected = number

    def reset(self, now_ns: int) -> None:
        self.next_outgoing = self.next_expected = 1
        self.created_ns = now_ns
        self._messages.clear()

    def flush(self) -> None:
        """Nothing survives anyway."""

    def close(self) -> None:
        """Nothing is held."""
