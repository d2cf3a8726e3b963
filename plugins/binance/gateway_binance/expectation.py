"""What the venue took by an answer and the stream has not told of yet. A line that stands and tells
nothing is found out by nothing else: the account may well be quiet for hours."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from gateway_binance.memory import KnownOrder

__all__ = ["Expectation"]

_EXPECTED_MAX = 10_000


class Expectation:
    """`on_gap(reason)` when the stream is silent about an order for longer than allowed."""

    def __init__(
        self, seconds_max: float, counters: Counter[str], on_gap: Callable[[str], None]
    ) -> None:
        self._seconds_max = seconds_max
        self._counters = counters
        self._on_gap = on_gap
        self.expected: dict[str, asyncio.TimerHandle] = {}

    def expect(self, order: KnownOrder) -> None:
        """The venue took this order, so the stream must tell of it soon."""
        name = order.client_order_id
        if order.is_heard or name in self.expected or len(self.expected) >= _EXPECTED_MAX:
            return
        loop = asyncio.get_running_loop()
        self.expected[name] = loop.call_later(self._seconds_max, self._unheard, name)

    def hear(self, order: KnownOrder) -> None:
        """The stream has told of it."""
        order.is_heard = True
        handle = self.expected.pop(order.client_order_id, None)
        if handle is not None:
            handle.cancel()

    def clear(self) -> None:
        """The stream starts anew: reconciliation settles what was open."""
        for handle in self.expected.values():
            handle.cancel()
        self.expected.clear()

    def _unheard(self, name: str) -> None:
        if self.expected.pop(name, None) is not None:
            self._counters["orders_not_told"] += 1
            self._on_gap(f"order {name} was taken and the stream did not tell of it")
