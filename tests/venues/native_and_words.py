"""Two of the same reader of events, side by side: one may read natively, one reads in words. What
each told, refused and remembers must be the same after every event."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from gateway_binance.events import UserEvents
from gateway_binance.memory import KnownOrder, OrderMemory
from gateway_binance.spot.events import SpotEvents
from gateway_okx.facts import Facts
from gateway_okx.known_orders import KnownOrders
from gateway_okx.rows import Frame

from gateway.api import AdapterPort, VenueError
from gateway.transport import JsonReader, VenueFact, words_of

__all__ = ["OURS", "WORLDS", "BinanceWorld", "OkxWorld", "SpotWorld", "compare"]

OURS = "g001000020000011"
SECOND = "g001000020000022"


class _Asked:
    """Stands for the questions: nobody is asked here."""

    def settle(self, symbol: str) -> str:
        return "USDT"

    def quote(self, symbol: str) -> str:
        return "USDT"


class _World:
    """`lines`: every call of the port, whole; errors in their place."""

    def __init__(self, *, is_native: bool) -> None:
        self.lines: list[Any] = []
        self.natively = 0
        self._told = self._take_fact if is_native else None

    def tell(self, name: str, *values: Any, **named: Any) -> None:
        bound = inspect.signature(getattr(AdapterPort, name)).bind(self, *values, **named)
        bound.apply_defaults()
        arguments = dict(bound.arguments)
        del arguments["self"]
        self.lines.append((name, arguments))

    def _take_fact(self, fact: VenueFact) -> None:
        self.natively += 1
        again = VenueFact.unpack(fact.pack())  # as between two processes
        assert words_of(again) == words_of(fact)
        name, values, named = words_of(fact)
        self.tell(name, *values, **named)

    def feed(self, data: bytes) -> None:
        try:
            self._feed(data)
        except VenueError as error:
            self.lines.append((type(error).__name__, str(error)))

    def _feed(self, data: bytes) -> None:
        raise NotImplementedError

    def memory_rows(self) -> Any:
        raise NotImplementedError


class BinanceWorld(_World):
    def __init__(self, *, is_native: bool) -> None:
        super().__init__(is_native=is_native)
        self.memory = OrderMemory()
        _binance_orders(self.memory, "BTCUSDT")
        self.memory.remember(
            KnownOrder(
                client_order_id="g-stop", symbol="ETHUSDT", side="SELL", order_id=9,
                is_conditional=True, is_ours=True,
            )
        )  # fmt: skip
        self.reader = UserEvents(
            "main",
            self.memory,
            _Asked(),  # type: ignore[arg-type]
            tell=self.tell,
            later=lambda work: work.close(),
            on_gap=lambda reason: self.lines.append(("gap", reason)),
            told=self._told,
        )

    def _feed(self, data: bytes) -> None:
        self.reader.take(data)

    def memory_rows(self) -> Any:
        counts = {
            name: n for name, n in self.reader.counts().items() if n and "events_" not in name
        }
        return counts, self.reader.held, _orders(self.memory)


class SpotWorld(_World):
    def __init__(self, *, is_native: bool) -> None:
        super().__init__(is_native=is_native)
        self.memory = OrderMemory()
        _binance_orders(self.memory, "BTCUSDT")
        self.memory.remember(
            KnownOrder(
                client_order_id="g-replaced", symbol="BTCUSDT", side="BUY", order_id=12,
                venue_order_id=78, is_ours=True, generation=1,
            )
        )  # fmt: skip
        self.reader = SpotEvents(
            "main",
            self.memory,
            _Asked(),  # type: ignore[arg-type]
            tell=self.tell,
            on_gap=lambda reason: self.lines.append(("gap", reason)),
            told=self._told,
        )

    def _feed(self, data: bytes) -> None:
        self.reader.take(data)

    def memory_rows(self) -> Any:
        counts = {
            name: n for name, n in self.reader.counts().items() if n and "events_" not in name
        }
        return counts, _orders(self.memory)


class OkxWorld(_World):
    def __init__(self, *, is_native: bool) -> None:
        super().__init__(is_native=is_native)
        self.known = KnownOrders()
        self.known.note(OURS, "BTC-USDT-SWAP", order_id=7).awaited = "new"
        self.known.note(SECOND, "BTC-USDT-SWAP", order_id=8).awaited = "replace"
        self.known.note("g-stop", "BTC-USDT-SWAP", order_id=9, is_algo=True)
        self.known.note("person", "BTC-USDT-SWAP")
        self._frames = JsonReader(Frame, "okx private frame")
        self.reader = Facts("main", self.known, tell=self.tell, counters=Counter(), told=self._told)

    def _feed(self, data: bytes) -> None:  # as OkxSocket and the adapter do
        if self.reader.take_frame(data):
            return
        frame = self._frames.read(data)
        if frame.arg is not None and not frame.event:
            self.reader.take(frame.arg.channel, frame.data)

    def memory_rows(self) -> Any:
        orders = {name: msgspec.structs.asdict(each) for name, each in self.known._orders.items()}
        return orders, list(self.known._ended), list(self.known._foreign)


WORLDS: dict[str, Callable[..., Any]] = {
    "binance": BinanceWorld,
    "spot": SpotWorld,
    "okx": OkxWorld,
}


def _binance_orders(memory: OrderMemory, symbol: str) -> None:
    """One that no event has named, one that is linked, one of somebody else."""
    for name, order_id, number in ((OURS, 7, 0), (SECOND, 8, 77), ("person", 0, 79)):
        memory.remember(
            KnownOrder(
                client_order_id=name,
                symbol=symbol,
                side="BUY",
                order_id=order_id,
                venue_order_id=number,
                is_ours=bool(order_id),
            )
        )


def _orders(memory: OrderMemory) -> Any:
    by_client = {name: msgspec.structs.asdict(each) for name, each in memory._by_client.items()}
    by_number = {key: each.client_order_id for key, each in memory._by_venue_id.items()}
    return by_client, by_number, sorted(memory.symbols)


def compare(venue: str, events: Sequence[bytes]) -> int:
    """How many were told natively, after both have read all of them to the same effect."""
    native, words = (WORLDS[venue](is_native=each) for each in (True, False))
    for data in events:
        native.feed(data)
        words.feed(data)
        assert native.lines == words.lines, data
        assert native.memory_rows() == words.memory_rows(), data
    assert words.natively == 0
    return int(native.natively)


def text_of(document: Any, *, is_spaced: bool = False) -> bytes:
    """As a venue writes it."""
    separators = (", ", ": ") if is_spaced else (",", ":")
    return json.dumps(document, separators=separators, ensure_ascii=False).encode()
