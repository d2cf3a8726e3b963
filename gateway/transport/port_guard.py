"""The port of an adapter that may be closed: facts go through while it is open, nowhere afterwards.

Must never touch a port that was given up, nor swallow a fact that no port knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.api import AdapterPort
from gateway.transport.venue_events import VenueFact, words_of

__all__ = ["PortGuard"]

_FACTS = frozenset(name for name in vars(AdapterPort) if not name.startswith("_"))


class PortGuard:
    """Between the parts of an adapter, which speak whenever something arrives, and its port, which
    may be used from `connect` to `close` only. The parts are given `tell`."""

    def __init__(self) -> None:
        self._port: AdapterPort | None = None
        self._take: Callable[[VenueFact], None] | None = None  # of a port that takes facts as read
        self._epoch_of: Callable[[], int] | None = None  # of a port that knows its epoch
        self._opened = 0

    @property
    def is_open(self) -> bool:
        return self._port is not None

    def open(self, port: AdapterPort) -> None:
        self._port = port
        self._take = getattr(port, "told", None)
        self._epoch_of = getattr(port, "epoch", None)
        self._opened += 1

    def close(self) -> None:
        self._port = self._take = self._epoch_of = None
        self._opened += 1

    def term(self) -> tuple[int, int]:
        """Another one as soon as the port was opened or closed, or the epoch of the gateway rose. A
        request of an earlier term must not leave: nobody would hear what became of it."""
        return self._opened, self._epoch_of() if self._epoch_of is not None else 0

    def tell(self, fact: str, *values: Any, **named: Any) -> None:
        """`fact`: the name of a method of AdapterPort. Silent while closed."""
        assert fact in _FACTS, f"no port knows the fact {fact!r}"
        if self._port is not None:
            getattr(self._port, fact)(*values, **named)

    def told(self, fact: VenueFact) -> None:
        """A fact as an EventReader made it; in words for a port that takes no others. Silent while
        closed."""
        if self._take is not None:
            self._take(fact)
        elif self._port is not None:
            name, values, named = words_of(fact)
            self.tell(name, *values, **named)
