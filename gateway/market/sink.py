"""What an adapter says of the market, put into the rows of a market file. Must never raise into an
adapter: what makes no sense is counted, and a book that makes none is a gap."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from gateway._core.market import MarketWriter

__all__ = ["MarketFileSink"]

log = logging.getLogger(__name__)
Levels = Sequence[Sequence[str]]


class MarketFileSink:
    """Implements gateway.api.MarketSink over one writer."""

    def __init__(
        self, writer: MarketWriter, rows: Mapping[str, int], now_ns: Callable[[], int]
    ) -> None:
        """`rows`: the venue's symbol -> its row in the file."""
        self.counters: Counter[str] = Counter()
        self._writer = writer
        self._rows = dict(rows)
        self._now_ns = now_ns
        self._live: set[str] = set()

    def book(
        self,
        instrument: str,
        bids: Levels,
        asks: Levels,
        *,
        sequence: int = 0,
        venue_time_ns: int = 0,
    ) -> None:
        """The book is live and looks like this."""
        row = self._row(instrument)
        if row is None:
            return
        try:
            stamp = (sequence, venue_time_ns, self._now_ns())
            is_shown = self._writer.show(row, bids, asks, *stamp)
        except (TypeError, ValueError, OverflowError) as error:
            self._refused(instrument, repr(error))
            is_shown = False
        if is_shown:
            self._live.add(instrument)
            self.counters["market_books"] += 1
        else:
            self.book_lost(instrument, "no book: levels out of order or no numbers")

    def book_lost(self, instrument: str, reason: str) -> None:
        """The book has a hole: no levels are shown until the next `book`."""
        row = self._row(instrument)
        if row is None:
            return
        if instrument in self._live:
            self._live.discard(instrument)
            self.counters["market_gaps"] += 1
            log.info("%s: book lost: %s", instrument, reason[:200])
        self._writer.lose(row, "gap", self._now_ns())

    def traded(
        self,
        instrument: str,
        price: str,
        quantity: str,
        *,
        side: str = "",
        trade_id: str = "",
        venue_time_ns: int = 0,
    ) -> None:
        """A trade of anybody."""
        time_ns = venue_time_ns or self._now_ns()
        self._put(
            instrument,
            "market_trades",
            lambda row: self._writer.trade(row, price, quantity, side, trade_id, time_ns),
        )

    def marked(self, instrument: str, price: str, *, venue_time_ns: int = 0) -> None:
        """The venue's mark price."""
        time_ns = venue_time_ns or self._now_ns()
        self._put(instrument, "market_marks", lambda row: self._writer.mark(row, price, time_ns))

    def funding_rate(
        self, instrument: str, rate: str, next_ns: int, *, venue_time_ns: int = 0
    ) -> None:
        """The rate of the running interval and when it is paid."""
        time_ns = venue_time_ns or self._now_ns()
        self._put(
            instrument,
            "market_rates",
            lambda row: self._writer.funding(row, rate, next_ns, time_ns),
        )

    def close(self) -> None:
        """Every book is lost, and what an adapter says from now on goes nowhere."""
        for instrument in self._rows:
            self.book_lost(instrument, "stopped")
        self._rows = {}

    def _put(self, instrument: str, counter: str, put: Callable[[int], bool]) -> None:
        row = self._row(instrument)
        if row is None:
            return
        try:
            is_taken = put(row)
        except (TypeError, ValueError, OverflowError) as error:
            self._refused(instrument, repr(error))
            return
        if is_taken:
            self.counters[counter] += 1
        else:
            self._refused(instrument, counter)

    def _row(self, instrument: str) -> int | None:
        row = self._rows.get(instrument)
        if row is None:
            self.counters["market_unasked"] += 1
        return row

    def _refused(self, instrument: str, what: str) -> None:
        self.counters["market_refused"] += 1
        if self.counters["market_refused"] == 1:  # the first tells what to look for
            log.warning("%s: market data refused: %s", instrument, what[:200])
