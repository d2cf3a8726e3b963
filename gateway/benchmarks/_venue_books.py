"""Books of 1,000 instruments on one core: depth frames from a socket on loopback through the
production line, reader and book builder of OKX, as fast as they are taken."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable
from random import Random

import msgspec

from gateway.benchmarks._venue_feed import Feed, text_frame

__all__ = ["measure"]

_WANTED_PER_SECOND = 10_000  # 1,000 instruments, ten updates a second each
_LEVELS = 400  # of a snapshot's side; the depth of the channel
_CHANGES = 4  # a side and update: recorded Binance depth has 8.2 in all
_SECONDS_MAX = 120.0


async def measure(
    instruments: int, rounds: int, updates: int, progress: Callable[[str], None]
) -> dict[str, float]:
    """`rounds` bursts of `updates` updates of each instrument. A burst's rate is updates by the
    processor time of the reading thread, the kernel's share of it included: what one core carries
    whatever else this machine does."""
    from gateway_okx.books import OkxBooks

    symbols = [f"C{number:04d}-USDT-SWAP" for number in range(instruments)]
    feed = Feed(instruments)
    changed: Counter[str] = Counter()
    counters: Counter[str] = Counter()
    books = OkxBooks(
        feed.url,
        symbols,
        random=Random(1),
        counters=counters,
        on_change=lambda symbol: changed.update((symbol,)),
    )
    rates, walls, late = [], [], 0
    frames = _Frames(symbols)
    try:
        await books.start()
        feed.release(frames.snapshots())
        await _until(lambda: changed.total() == instruments)
        for number in range(rounds):
            blocks, count = frames.updates(updates)
            wanted = changed.total() + count
            begin, begin_cpu = time.perf_counter(), time.thread_time()
            feed.release(blocks)
            await _until(lambda wanted=wanted: changed.total() >= wanted)  # type: ignore[misc]
            rates.append(count / (time.thread_time() - begin_cpu))
            walls.append(count / (time.perf_counter() - begin))
            progress(f"books: {number + 1}/{rounds} {rates[-1]:,.0f} updates/s")
        late = sum(book.gaps for book in books.books.values()) + counters["unreadable_books"]
        is_live = all(book.state == "live" for book in books.books.values())
    finally:
        await books.stop()
        feed.close()
    if late or not is_live:
        raise RuntimeError(f"bench: {late} gaps in the books")
    best = max(rates)
    return {
        "instruments": instruments,
        "frame_bytes": frames.frame_bytes,
        "per_second": round(statistics.median(rates)),
        "per_second_best": round(best),
        "per_second_wall": round(statistics.median(walls)),
        "headroom": round(statistics.median(rates) / _WANTED_PER_SECOND, 3),
        "headroom_best": round(best / _WANTED_PER_SECOND, 3),
    }


class _Frames:
    """What the venue would send, each update chained to the one before."""

    def __init__(self, symbols: list[str]) -> None:
        self._symbols = symbols
        self._sequence = dict.fromkeys(symbols, 1)
        self._random = Random(7)
        self.frame_bytes = 0

    def snapshots(self) -> list[bytes]:
        bids = [[f"{50_000 - each / 10:.1f}", "1.5", "0", "3"] for each in range(_LEVELS)]
        asks = [[f"{50_000.1 + each / 10:.1f}", "1.5", "0", "3"] for each in range(_LEVELS)]
        return [self._frame(symbol, "snapshot", bids, asks, -1) for symbol in self._symbols]

    def updates(self, count: int) -> tuple[list[bytes], int]:
        blocks = []
        for _ in range(count):
            parts = [
                self._frame(symbol, "update", self._side(-1), self._side(1), self._next(symbol))
                for symbol in self._symbols
            ]
            blocks.append(b"".join(parts))
        self.frame_bytes = len(parts[0])
        return blocks, count * len(self._symbols)

    def _next(self, symbol: str) -> int:
        self._sequence[symbol] += 1
        return self._sequence[symbol] - 1

    def _side(self, sign: int) -> list[list[str]]:
        """Most changes are near the best price; one in five removes its level."""
        start = 500_000 + (sign > 0)
        ticks = {int(self._random.expovariate(0.1)) for _ in range(_CHANGES)}
        return [
            [
                f"{(start + sign * tick) // 10}.{(start + sign * tick) % 10}",
                self._random.choice(("0", "1.2", "3.45", "0.07", "120")),
                "0",
                "4",
            ]
            for tick in sorted(ticks)
        ]

    def _frame(
        self, symbol: str, action: str, bids: list[list[str]], asks: list[list[str]], previous: int
    ) -> bytes:
        row = {
            "asks": asks,
            "bids": bids,
            "ts": "1763700000000",
            "checksum": 0,
            "seqId": self._sequence[symbol],
            "prevSeqId": previous,
        }
        topic = {"channel": "books", "instId": symbol}
        return text_frame(msgspec.json.encode({"arg": topic, "action": action, "data": [row]}))


async def _until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(_SECONDS_MAX):
        while not claim():  # noqa: ASYNC110 counted while the loop reads
            await asyncio.sleep(0.002)
