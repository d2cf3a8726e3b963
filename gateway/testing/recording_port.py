"""An AdapterPort that remembers every fact in order. It decides nothing."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from gateway.api import AdapterPort

__all__ = ["Fact", "RecordingPort"]

# Every wait ends as soon as the fact is there; this only bounds a failure on a loaded machine.
SECONDS_MAX = 300.0


class Fact(NamedTuple):
    """One call of the adapter."""

    name: str
    values: tuple[Any, ...]
    named: dict[str, Any]

    def get(self, name: str, place: int) -> Any:
        """One argument, however it was passed; None when it was not."""
        return self.named.get(name, self.values[place] if place < len(self.values) else None)


class RecordingPort:
    """Stands where the gateway stands. Calls after `close` are remembered apart."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.after_close: list[Fact] = []
        self._is_closed = False

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)

        fact = getattr(AdapterPort, name)  # no such fact: AttributeError, as in the gateway

        def take(*values: Any, **named: Any) -> None:
            inspect.signature(fact).bind(self, *values, **named)
            into = self.after_close if self._is_closed else self.facts
            into.append(Fact(name, values, named))

        return take

    def close(self) -> None:
        """From now on the adapter must be silent."""
        self._is_closed = True

    def of(self, *names: str) -> list[Fact]:
        """Facts of these names."""
        return [fact for fact in self.facts if fact.name in names]

    def about(self, order_id: int, *names: str) -> list[Fact]:
        """Facts about one order; without names all of them."""
        return [
            fact
            for fact in self.facts
            if (not names or fact.name in names) and fact.get("order_id", 0) == order_id
        ]

    def seen(self, client_order_id: str) -> list[Any]:
        """The venue's views of one order, as the stream told them."""
        return [
            report
            for fact in self.of("order_seen")
            if (report := fact.get("report", 0)).client_order_id == client_order_id
        ]

    def fills(self) -> list[Any]:
        """Fills as reported, repetitions included."""
        return [fact.get("fill", 0) for fact in self.of("filled")]

    async def until(self, probe: Callable[[], Any], what: str) -> Any:
        """The first true answer of `probe`. Raises AssertionError with what was said instead."""
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            if found := probe():
                return found
            if time.monotonic() > deadline:
                said = [(fact.name, fact.values) for fact in self.facts if fact.name != "marked"]
                raise AssertionError(f"{what} did not come; told were {said[-8:]}")
            await asyncio.sleep(0.005)
