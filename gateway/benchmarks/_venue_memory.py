"""Whether memory stays flat over an hour of a busy desk, run as fast as it goes: orders out and
answered, their user events, questions, and depth updates into books. The bounded memories of the
adapter and the engine are filled before the first reading, so that only a leak can grow."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.benchmarks._machine import resident_mib
from gateway.benchmarks._venue_desk import new_order
from gateway.benchmarks._venue_events import binance_frame
from gateway.benchmarks._venue_loopback import LoopbackVenue
from gateway.benchmarks._venue_sender import BinanceDesk
from gateway.core.vocabulary import TERMINAL_STATES
from gateway.transport import BookBuilder, BookUpdate, JsonReader

__all__ = ["measure"]

# One hour of a desk: ten orders, a question and a hundred depth updates a second.
_HOUR = {"orders": 36_000, "questions": 3_600, "depth_updates": 360_000}
_BOOKS = 100
_IN_FLIGHT = 32
_FILLS = 2  # of each order; the second one ends it
_PARTS = 20
_IDS_READ = 16_384  # as many ids the session keeps
_ORDERS_MAX = 2_048  # kept by the engine and by the adapter: less than the warm-up has
_SECONDS_MAX = 60.0


class _DepthEvent(msgspec.Struct, frozen=True):
    """depthUpdate of USD-M."""

    symbol: str = msgspec.field(name="s")
    first: int = msgspec.field(name="U")
    last: int = msgspec.field(name="u")
    previous: int = msgspec.field(name="pu")
    bids: list[tuple[str, str]] = msgspec.field(name="b")
    asks: list[tuple[str, str]] = msgspec.field(name="a")


async def measure(
    directory: str,
    ring: str,
    hours: float,
    seconds_max: float,
    progress: Callable[[str], None],
    *,
    warm_hours: float = 0.06,
) -> dict[str, Any]:
    """Resident MiB before and after. Ends early at `seconds_max` and says how much it did.
    `warm_hours`, twice, come before the first reading."""
    run = _Run(directory, ring)
    await run.start()
    try:
        run.fill_memories()
        for _ in range(2):
            await run.part(warm_hours)
        return await run.hour(hours, seconds_max, progress)
    finally:
        await run.close()


class _Run:
    def __init__(self, directory: str, ring: str) -> None:
        self._venue = LoopbackVenue()
        self._place = (directory, ring)
        self._numbers = 0
        self._trades = self._events = 0
        self._room = asyncio.Semaphore(_IN_FLIGHT)
        self._frames = JsonReader(_DepthEvent, "depthUpdate", has_unique_keys=False)
        self._books = {f"C{at:03d}USDT": BookBuilder("previous_update") for at in range(_BOOKS)}
        self._last = 1
        self.done = dict.fromkeys(_HOUR, 0)

    async def start(self) -> None:
        await self._venue.start()
        self._desk = BinanceDesk(*self._place, self._venue, orders_max=_ORDERS_MAX)
        self._venue.on_order = self._tell
        await self._desk.start()
        for book in self._books.values():
            levels = [(f"{100 + at}.5", "1") for at in range(200)]
            asks = [(f"{400 + at}.5", "1") for at in range(200)]
            book.snapshot(BookUpdate(bids=levels, asks=asks, first=1, last=1, previous=0))

    async def close(self) -> None:
        await self._desk.close()
        self._venue.stop()

    def fill_memories(self) -> None:
        """Of ids; those of orders are filled by the orders of the warm-up."""
        ids = self._desk.desk.session.ids
        for number in range(_IDS_READ):
            ids.decode(ids.encode((1 << 51) | (1 << 50) | number))

    async def hour(
        self, hours: float, seconds_max: float, progress: Callable[[str], None]
    ) -> dict[str, Any]:
        self.done, self._events = dict.fromkeys(_HOUR, 0), 0
        gc.collect()
        begin, began = resident_mib(), time.monotonic()
        samples = [begin]
        for part in range(_PARTS):
            await self.part(hours / _PARTS)
            samples.append(resident_mib())
            progress(f"memory: {part + 1}/{_PARTS} {samples[-1]['anonymous']:.1f} MiB")
            if time.monotonic() - began > seconds_max:
                break
        gc.collect()
        end = resident_mib()
        return {
            "hours": round(self.done["orders"] / _HOUR["orders"], 3),
            **self.done,
            "user_events": self._events,
            "seconds": round(time.monotonic() - began, 1),
            "resident_mib": {
                "start": round(begin["anonymous"], 1),
                "end": round(end["anonymous"], 1),
                "max": round(max(each["anonymous"] for each in (*samples, end)), 1),
                "start_with_files": round(begin["all"], 1),
                "end_with_files": round(end["all"], 1),
            },
            "growth_percent": round((end["anonymous"] / begin["anonymous"] - 1) * 100, 2),
        }

    async def part(self, hours: float) -> None:
        """A share of the hour: orders in flight together, books in between."""
        counts = {name: max(1, round(count * hours)) for name, count in _HOUR.items()}
        rounds = max(1, min(20, counts["orders"] // 20))
        for _ in range(rounds):
            orders = max(1, counts["orders"] // rounds)
            await asyncio.gather(*(self._trade() for _ in range(orders)))
            self._desk.outbound.expire()  # the link does so a few times a second
            for _ in range(max(1, counts["questions"] // rounds)):
                await self._ask()
            for _ in range(max(1, counts["depth_updates"] // rounds // _BOOKS)):
                self._move_books()

    async def _trade(self) -> None:
        """One order until the engine has it as filled."""
        async with self._room:
            self._numbers += 1
            side = "buy" if self._numbers % 2 else "sell"
            desk = self._desk.desk
            order = new_order(self._numbers, desk.symbol, side)
            submitted = await desk.router.submit(order)
            order_id = int(submitted.order["order_id"])
            async with asyncio.timeout(_SECONDS_MAX):
                while not self._is_over(order_id):  # noqa: ASYNC110 engine facts wake nobody here
                    await asyncio.sleep(0)
            self.done["orders"] += 1

    def _is_over(self, order_id: int) -> bool:
        """Filled; or, where this machine stood still for too long, not sent."""
        row = self._desk.desk.engine.order(order_id)
        return row is None or row["state"] in TERMINAL_STATES

    def _tell(self, terms: dict[str, str], number: int) -> None:
        """What the user stream says of an order that was taken: NEW, then its fills."""
        self._venue.arrivals.clear()
        frames = [binance_frame(terms["newClientOrderId"], number, 0, 0, side=terms["side"])]
        for fill in range(_FILLS):
            self._trades += 1
            frames.append(
                binance_frame(
                    terms["newClientOrderId"],
                    number,
                    self._trades,
                    (fill + 1) * 5,
                    side=terms["side"],
                    quantity="0.005",
                    is_last=fill == _FILLS - 1,
                )
            )
        self._events += len(frames)
        loop = asyncio.get_running_loop()
        for frame in frames:
            loop.call_soon(self._desk.events.take, frame)

    async def _ask(self) -> None:
        """An order by its id, and every third time what is open and what is held."""
        self.done["questions"] += 1
        await self._desk.questions.order_by_number("BTCUSDT", 8_000_000 + self._venue.orders)
        if self.done["questions"] % 3 == 0:
            await self._desk.questions.open_orders()
            await self._desk.questions.positions()

    def _move_books(self) -> None:
        """One update of every book, from its bytes."""
        previous, self._last = self._last, self._last + 10
        for at, (symbol, book) in enumerate(self._books.items()):
            price = 100 + (self._last // 10 + at) % 190
            row = {
                "e": "depthUpdate", "E": 1, "T": 1, "s": symbol, "U": previous + 1, "u": self._last,
                "pu": previous, "b": [[f"{price}.5", "2.5"], [f"{price + 1}.5", "0"]],
                "a": [[f"{price + 300}.5", "0.7"], [f"{price + 301}.5", "0"]],
            }  # fmt: skip
            event = self._frames.read(msgspec.json.encode(row))
            is_taken = book.update(
                BookUpdate(
                    bids=event.bids,
                    asks=event.asks,
                    first=event.first,
                    last=event.last,
                    previous=event.previous,
                )
            )
            if not is_taken:
                raise RuntimeError(f"bench: {symbol}: {book.reason}")
            self.done["depth_updates"] += 1
