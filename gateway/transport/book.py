"""A venue's depth as one book: snapshot plus updates, each of which must follow the one before.

Must never show a book with a hole in it: what does not follow is a gap, and the book is unknown
until a new snapshot. Prices are exact integers; the venue's own text is kept beside them.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple
from zlib import crc32

from gateway.api import VenueProtocolError
from gateway.api.capabilities import BookRuleName

__all__ = ["BookBuilder", "BookLevel", "BookState", "BookUpdate"]

BookState = Literal["empty", "live", "gap"]
Rows = Iterable[Sequence[str]]  # (price, quantity, whatever the venue says beside)
_CHECKED_LEVELS: Final = 25
_BUFFERED_MAX: Final = 2_000
_SCALE_MAX: Final = 18
_LEVELS_MAX: Final = 100_000


class BookLevel(NamedTuple):
    """One price, in the venue's own text."""

    price: str
    quantity: str


class BookUpdate(NamedTuple):
    """One message of a depth stream. What the rule does not use stays None.

    update_ranges: `first`, `last`. previous_update: `first`, `last`, `previous`. checksum: `last`,
    `previous` and, where the venue still sends one, `checksum`. snapshots: `last` if there is one.
    """

    bids: Rows
    asks: Rows
    last: int = 0
    first: int | None = None
    previous: int | None = None
    checksum: int | None = None


class _Side:
    """One side: the best price stands last in `ranks`, so that changes near it move little."""

    def __init__(self, sign: int, scale: int) -> None:
        self._sign = sign  # 1 for bids, -1 for asks: a better price has the higher rank
        self._scale = scale
        self.ranks: list[int] = []
        self.levels: dict[int, BookLevel] = {}

    def replace(self, rows: Rows) -> None:
        self.ranks, self.levels = [], {}
        for row in rows:
            if not _is_nothing(row[1]):
                self.levels[self._rank(row[0])] = BookLevel(row[0], row[1])
        self.ranks = sorted(self.levels)

    def change(self, rows: Rows) -> None:
        levels, ranks = self.levels, self.ranks
        for row in rows:
            price, quantity = row[0], row[1]
            rank = self._rank(price)
            if _is_nothing(quantity):
                # A removal of what is not there is normal: it lay beyond the snapshot's depth.
                if levels.pop(rank, None) is not None:
                    del ranks[bisect_left(ranks, rank)]
            else:
                if rank not in levels:
                    insort(ranks, rank)
                levels[rank] = BookLevel(price, quantity)

    def top(self, count: int) -> list[BookLevel]:
        return [self.levels[rank] for rank in reversed(self.ranks[-count:])] if count else []

    def _rank(self, price: str) -> int:
        whole, _, fraction = price.partition(".")
        if len(fraction) > self._scale:
            fraction, cut = fraction[: self._scale], fraction[self._scale :]
            if cut.strip("0"):
                raise VenueProtocolError(f"price {price[:40]} has over {self._scale} decimals")
        digits = whole + fraction.ljust(self._scale, "0")
        if not (whole and digits.isascii() and digits.isdigit()) or len(digits) > 40:
            raise VenueProtocolError(f"{price[:40]!r} is no price")
        return self._sign * int(digits)


def _is_nothing(quantity: str) -> bool:
    """Whether a level is removed. Raises VenueProtocolError for what is no quantity."""
    if not (quantity.isascii() and quantity.replace(".", "", 1).isdigit()):
        raise VenueProtocolError(f"{quantity[:40]!r} is no quantity")
    return not quantity.strip("0.")


class BookBuilder:
    """The book of one instrument under the rule its venue declares.

    update_ranges (Binance Spot, web-socket-streams.md, read 2026-11): `u` up to the book's number
    is old; `U` beyond its next number is a gap.
    previous_update (Binance USD-M, "How to manage a local order book correctly", read 2026-11): `u`
    below lastUpdateId is old; the first one holds lastUpdateId, or its `pu` is not beyond it (both
    occur: dev.binance.vision/t/updateid/4072); then each `pu` is the `u` before.
    checksum (OKX v5, order book channel, read 2026-11): `prevSeqId` is the `seqId` before, -1 on a
    snapshot; `seqId` may fall at maintenance. CRC32 of the best 25 a side where it is not 0: OKX
    announced on 2026-05-21 that from 2026-06-23 on the field is always 0 and means nothing.
    snapshots: every message is the whole book.

    A book that began with a snapshot of n levels is complete to its n-th level. `on_gap(reason)` is
    called when a live book is lost: fetch a snapshot. Updates are kept from then on, so that one
    that is older than the newest update still closes the gap.
    """

    def __init__(
        self,
        rule: BookRuleName,
        *,
        price_scale: int = _SCALE_MAX,
        on_gap: Callable[[str], None] | None = None,
        buffered_max: int = _BUFFERED_MAX,
    ) -> None:
        if rule == "none":
            raise ValueError("the venue declares no book")
        self._rule = rule
        self._on_gap = on_gap
        self._bids, self._asks = _Side(1, price_scale), _Side(-1, price_scale)
        self._buffered: deque[BookUpdate] = deque(maxlen=buffered_max)
        self._is_first = False  # nothing followed the snapshot yet
        self.state: BookState = "empty"
        self.last = 0  # the venue's number of what the book shows
        self.gaps = 0
        self.reason = ""  # of the last gap

    @property
    def needs_snapshot(self) -> bool:
        """Whether only a snapshot can help."""
        return self.state != "live"

    def snapshot(self, found: BookUpdate) -> bool:
        """The whole book, from a query or from the stream itself. True when the book is live: with
        updates of the buffer that do not follow it, a newer snapshot is needed."""
        self._fill(_Side.replace, found)
        self.last, self._is_first, self.state = found.last, True, "live"
        waiting, self._buffered = self._buffered, deque(maxlen=self._buffered.maxlen)
        if self._rule == "checksum":
            waiting.clear()  # it came in the stream itself: what lies before it is older
            self._verify(found.checksum)
        for update in waiting:
            self.update(update)
        return self.state == "live"

    def update(self, found: BookUpdate) -> bool:
        """The next message of the stream. True when the book shows it; False when it was old, is
        kept for a snapshot, or opened a gap."""
        if self._rule == "snapshots":
            return self._is_newer(found) and self.snapshot(found)
        if self._rule == "checksum" and found.previous == -1:
            return self.snapshot(found)
        if self.state != "live":
            self._buffered.append(found)
            return False
        fault = self._fault(found)
        if fault is None:
            return False
        if fault:
            self.lose(fault)
            self._buffered.append(found)
            return False
        self._fill(_Side.change, found)
        self.last, self._is_first = found.last, False
        return self._verify(found.checksum)

    def _fill(self, how: Callable[[_Side, Rows], None], found: BookUpdate) -> None:
        try:
            how(self._bids, found.bids)
            how(self._asks, found.asks)
            if max(len(self._bids.ranks), len(self._asks.ranks)) > _LEVELS_MAX:
                raise VenueProtocolError(f"over {_LEVELS_MAX} levels")
        except VenueProtocolError as error:
            self.lose(str(error))  # half of it may be in the book
            raise

    def lose(self, reason: str) -> None:
        """The book is not to be trusted: a hole, a cut line, a venue that says so."""
        self._buffered.clear()
        if self.state == "gap":
            return
        was_live, self.state, self.reason = self.state == "live", "gap", reason
        self.gaps += was_live
        if was_live and self._on_gap is not None:
            self._on_gap(reason)

    def best(self) -> tuple[BookLevel | None, BookLevel | None]:
        """Best bid and best ask; both None unless the book is live."""
        if self.state != "live":
            return None, None
        bids, asks = self._bids, self._asks
        return (
            bids.levels[bids.ranks[-1]] if bids.ranks else None,
            asks.levels[asks.ranks[-1]] if asks.ranks else None,
        )

    def depth(self, levels: int) -> tuple[list[BookLevel], list[BookLevel]]:
        """The best bids and asks, best first; empty unless the book is live."""
        if self.state != "live":
            return [], []
        return self._bids.top(levels), self._asks.top(levels)

    def _fault(self, found: BookUpdate) -> str | None:
        """Why an update does not follow: "" = it does, None = it is older than the book."""
        first, last, previous = found.first, found.last, found.previous
        if self._rule == "checksum":
            if previous is None:
                raise VenueProtocolError("an update without prevSeqId")
            if previous == self.last:
                return ""
            return None if last == self.last else f"{previous} does not follow {self.last}"
        if first is None or first > last:
            raise VenueProtocolError(f"an update from {first} to {last}")
        if self._rule == "update_ranges":
            if last <= self.last:
                return None
            return "" if first <= self.last + 1 else f"{first} does not follow {self.last}"
        if previous is None:
            raise VenueProtocolError("an update without pu")
        if last < self.last or (last == self.last and not self._is_first):
            return None
        follows = previous == self.last
        if self._is_first:
            follows = previous <= self.last or first <= self.last
        return "" if follows else f"{previous} does not follow {self.last}"

    def _is_newer(self, found: BookUpdate) -> bool:
        return self.state != "live" or not found.last or found.last > self.last

    def _verify(self, checksum: int | None) -> bool:
        """Compare with what the venue computed over the same book; 0 and None say nothing."""
        if not checksum:
            return True
        found = self._checksum()
        if found == checksum & 0xFFFFFFFF:
            return True
        self.lose(f"the checksum is {checksum & 0xFFFFFFFF} at the venue and {found} here")
        return False

    def _checksum(self) -> int:
        """bid:quantity:ask:quantity:... of the best levels in the venue's own text; where one side
        is shorter the other goes on alone."""
        bids, asks = self._bids.top(_CHECKED_LEVELS), self._asks.top(_CHECKED_LEVELS)
        parts: list[str] = []
        for at in range(max(len(bids), len(asks))):
            for side in (bids, asks):
                parts += side[at] if at < len(side) else ()
        return crc32(":".join(parts).encode())
