"""Books of OKX: the `books` channel of some instruments, 400 levels, each chained by seqId and
prevSeqId and, where OKX still sends one, sealed by a checksum. What does not follow is subscribed
again, which brings a new snapshot. Beside the contract: nothing here trades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from random import Random

from gateway.api import VenueProtocolError
from gateway.transport.book import BookBuilder, BookUpdate
from gateway_okx.rest import read_rows
from gateway_okx.rows import BookRow, Frame
from gateway_okx.stream import OkxSocket
from gateway_okx.translate import time_ns

__all__ = ["OkxBooks"]


class OkxBooks:
    """`books[symbol]` is live or says why not. `on_change(symbol)` after every update of one;
    `on_lost(symbol, reason)` when it has a hole."""

    def __init__(
        self,
        socket_url: str,
        symbols: Iterable[str],
        *,
        random: Random,
        counters: Counter[str],
        on_change: Callable[[str], None] = lambda _: None,
        on_lost: Callable[[str, str], None] = lambda symbol, reason: None,
        silence_max_s: float = 20.0,
    ) -> None:
        self.books = {symbol: BookBuilder("checksum") for symbol in symbols}
        self._counters = counters
        self.times_ns: dict[str, int] = {}  # of the newest update, by the venue's clock
        self._on_change = on_change
        self._on_lost = on_lost
        self._socket = OkxSocket(
            f"{socket_url}/public",
            [_topic(symbol) for symbol in self.books],
            login=None,
            on_frame=self._on_frame,
            on_up=lambda: None,
            on_down=self._on_down,
            random=random,
            counters=counters,
            silence_max_s=silence_max_s,
        )

    async def start(self) -> None:
        await self._socket.start()

    async def stop(self) -> None:
        await self._socket.stop()

    def _on_frame(self, frame: Frame) -> None:
        if frame.arg is None or frame.arg.channel != "books":
            return
        symbol = frame.arg.instrument
        book = self.books.get(symbol)
        if book is None:
            self._counters["books_unasked"] += 1
            return
        was_live = book.state == "live"
        try:
            for row in read_rows(frame.data, BookRow, "books"):
                _apply(book, row)
                self.times_ns[symbol] = time_ns(row.time_ms, "ts") if row.time_ms else 0
        except VenueProtocolError as error:
            self._counters["unreadable_books"] += 1
            book.lose(str(error))
        if book.state == "live":
            self._on_change(symbol)
        elif was_live:
            self._counters["book_gaps"] += 1
            self._on_lost(symbol, book.reason)
            self._socket.ask_again(_topic(symbol))

    def _on_down(self, reason: str) -> None:
        for symbol, book in self.books.items():
            book.lose(reason)
            self._on_lost(symbol, reason)


def _topic(symbol: str) -> dict[str, str]:
    return {"channel": "books", "instId": symbol}


def _apply(book: BookBuilder, row: BookRow) -> None:
    update = BookUpdate(
        bids=row.bids,
        asks=row.asks,
        last=row.sequence,
        previous=row.previous,
        checksum=row.checksum or None,
    )
    if row.previous == -1:
        book.snapshot(update)
    else:
        book.update(update)
