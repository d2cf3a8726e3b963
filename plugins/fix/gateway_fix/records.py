"""What the adapter must remember of orders and fills beyond its own life: one append-only file, a
JSON line per fact, written before it is told. FIX venues keep no list of fills; this is the list.
What is past its history is left out when the file is opened.

Must never book one execution twice, whether a report named it or a total implied it.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from gateway.api import FillReport
from gateway.api.decimal_text import plain_text
from gateway_fix.order_names import has_our_shape

__all__ = ["Change", "OrderRecord", "OrderTerms", "Records"]

log = logging.getLogger(__name__)
_EXACT = Context(prec=60)
# A price a total implies: no more digits than the gateway counts with.
_PRICE_STEP, _PRICE_DIGITS = Decimal("1e-12"), Context(prec=17)
_DEAD_LINES_MIN = 100
_LATE_NS = 86_400_000_000_000  # how late a report about an ended order may be
_TIME_CUT_NS = 1_000_000_000


class OrderTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a replace must say again, and few venues tell."""

    type: str
    time_in_force: str
    trigger_price: str | None = None
    display_quantity: str | None = None
    expires_ns: int | None = None
    is_post_only: bool = False
    is_reduce_only: bool = False


class OrderRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is needed to ask for an order again, and what of it is booked. Numbers are text."""

    client_id: str
    symbol: str
    side: str
    venue_id: str = ""
    cumulative: Decimal = Decimal(0)  # booked
    value: Decimal = Decimal(0)  # price times quantity of what is booked
    implied: list[tuple[Decimal, Decimal]] = []  # (above, up to) booked from totals alone
    is_ended: bool = False
    ended_ns: int = 0  # the oldest time that mattered when it ended
    is_ours: bool = True
    terms: OrderTerms | None = None


class Change(NamedTuple):
    """A fill that never happened, or as it was corrected; revisions of one fill rise."""

    fill: FillReport
    revision: int


class _Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of the file. `is_kept`: the order's numbers have it already."""

    kind: Literal["order", "end", "fill", "bust", "correct"]
    client_id: str = ""
    symbol: str = ""
    side: str = ""
    exec_id: str = ""
    terms: OrderTerms | None = None
    fill: FillReport | None = None
    up_to: str = ""  # the order's cumulative quantity after the fill, as far as it is known
    is_implied: bool = False
    by: str = ""  # ExecID of the report that changed a fill
    revision: int = 1
    record: OrderRecord | None = None
    is_kept: bool = False
    ended_ns: int = 0


_Key = tuple[str, str, str]


class Records:
    """`open` first. One event loop; one process, by a lock."""

    def __init__(self, path: Path, *, is_synced: bool, oldest_ns: Callable[[], int]) -> None:
        self._path, self._is_synced, self._oldest_ns = path, is_synced, oldest_ns
        self._file: int | None = None
        self._lock: int | None = None
        self._size = 0
        # Ours by client id. Names of others may be used again: those by the venue's id.
        self.orders: dict[str, OrderRecord] = {}
        self._fills: dict[_Key, FillReport] = {}
        self._by_exec_id: dict[str, _Key] = {}
        self._changes: dict[str, tuple[_Line, FillReport]] = {}
        self._busted: set[_Key] = set()
        self.dropped = 0  # reports of what a total had implied before

    # The file.

    def open(self) -> None:
        """Read what is there; a torn last line is cut. ValueError for a damaged middle, OSError
        when another process has it."""
        self.close()
        for known in (self.orders, self._fills, self._by_exec_id, self._changes, self._busted):
            known.clear()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            self._lock = os.open(self._path.with_name(self._path.name + ".lock"), flags, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file = os.open(self._path, flags, 0o600)
            self._recover(self._file)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for each in (self._file, self._lock):
            if each is not None:
                os.close(each)
        self._file = self._lock = None

    def _recover(self, file: int) -> None:
        data = self._path.read_bytes()
        self._size = data.rfind(b"\n") + 1
        lines = data[: self._size].splitlines()
        for number, line in enumerate(lines, 1):
            try:
                self._take(msgspec.json.decode(line, type=_Line))
            except msgspec.DecodeError as error:
                raise ValueError(f"{self._path}: line {number}: {error}") from None
        if self._size < len(data):
            log.warning("%s: torn tail of %d bytes cut", self._path, len(data) - self._size)
        os.ftruncate(file, self._size)
        self._forget_old()
        kept = [msgspec.json.encode(each) + b"\n" for each in self._kept()]
        if len(lines) - len(kept) >= max(_DEAD_LINES_MIN, len(kept)):
            self._rewrite(b"".join(kept))

    def _rewrite(self, data: bytes) -> None:
        """The same without what no question needs; in one rename."""
        fresh = self._path.with_name(self._path.name + ".new")
        file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_all(file, data, 0)
            os.fsync(file)
            fresh.replace(self._path)
        except BaseException:
            os.close(file)
            raise
        assert self._file is not None
        os.close(self._file)
        self._file, self._size = file, len(data)

    def _kept(self) -> Iterator[_Line]:
        """What is known, in as many lines as it needs."""
        for key, order in self.orders.items():
            yield _Line(kind="order", client_id=key, record=order)
        for fill in self._fills.values():
            yield _Line(kind="fill", fill=fill, is_kept=True)
        for exec_id, key in self._by_exec_id.items():  # of a corrected fill more than one
            yield _Line(kind="fill", fill=self._fills[key], exec_id=exec_id, is_kept=True)
        for line, fill in self._changes.values():
            yield msgspec.structs.replace(line, fill=fill, is_kept=True)

    def _write(self, line: _Line) -> None:
        """OSError leaves the file as it was before: part of a line is no line."""
        assert self._file is not None
        data = msgspec.json.encode(line) + b"\n"
        try:
            _write_all(self._file, data, self._size)
            if self._is_synced:
                os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)
        self._take(line)

    def _take(self, line: _Line) -> None:
        match line.kind:
            case "order":
                self._take_order(line)
            case "end":
                if line.client_id in self.orders:
                    self.orders[line.client_id].is_ended = True
                    self.orders[line.client_id].ended_ns = line.ended_ns
            case "fill":
                self._take_fill(line)
            case "bust" | "correct":
                self._take_change(line)

    def _take_order(self, line: _Line) -> None:
        record = line.record or OrderRecord(
            client_id=line.client_id, symbol=line.symbol, side=line.side, terms=line.terms
        )
        self.orders.setdefault(line.client_id, record)

    def _take_fill(self, line: _Line) -> None:
        fill = line.fill
        assert fill is not None
        key = _key(fill)
        self._fills[key] = fill
        if line.exec_id:
            self._by_exec_id[line.exec_id] = key
        if line.is_kept:
            return
        order = self._order_of(fill)
        if line.is_implied:
            up_to = Decimal(line.up_to)
            order.implied.append((up_to - Decimal(fill.quantity), up_to))
        _count(order, fill, 1)

    def _take_change(self, line: _Line) -> None:
        key = self._by_exec_id.get(line.exec_id)
        before = self._fills.get(key) if key else None
        if line.is_kept and line.fill is not None:
            before, key = line.fill, _key(line.fill)
        if before is None or key is None:
            return
        now = line.fill if line.kind == "correct" and line.fill is not None else before
        self._changes[line.by or line.exec_id] = (line, now)
        if line.kind == "bust":
            self._fills.pop(key, None)
            self._busted.add(key)
        else:
            self._fills[key] = now
            self._by_exec_id[line.by] = key
        if not line.is_kept:
            order = self._order_of(before)
            _count(order, before, -1)
            if line.kind == "correct":
                _count(order, now, 1)

    def _key_of_order(self, client_id: str, venue_id: str) -> str:
        known = self.orders.get(client_id)
        if known is not None and known.is_ours:
            return client_id
        return f"#{venue_id or client_id}"

    def _order_of(self, fill: FillReport) -> OrderRecord:
        return self.orders.setdefault(
            self._key_of_order(fill.client_order_id, fill.venue_order_id),
            OrderRecord(
                client_id=fill.client_order_id,
                symbol=fill.instrument,
                side=fill.side,
                venue_id=fill.venue_order_id,
                is_ours=False,
            ),
        )

    def _forget_old(self) -> None:
        """Fills older than the history whose orders do not work any more, then ended orders of
        which no fill is left."""
        oldest_ns = self._oldest_ns()
        needed: set[str] = set()
        for key, fill in list(self._fills.items()):
            name = self._key_of_order(fill.client_order_id, fill.venue_order_id)
            order = self.orders.get(name)
            is_open = order is not None and order.is_ours and not order.is_ended
            if is_open or fill.venue_time_ns >= oldest_ns:
                needed.add(name)
            else:
                del self._fills[key]
        for by, (_, fill) in list(self._changes.items()):
            if fill.venue_time_ns < oldest_ns:
                del self._changes[by]
                self._busted.discard(_key(fill))
        for exec_id, key in list(self._by_exec_id.items()):
            if key not in self._fills:
                del self._by_exec_id[exec_id]
        for name, order in list(self.orders.items()):
            is_past = order.is_ended and oldest_ns > order.ended_ns + _LATE_NS
            if name not in needed and (is_past or not order.is_ours):
                del self.orders[name]

    # Orders.

    def order_sent(self, client_id: str, symbol: str, side: str, terms: OrderTerms) -> bool:
        """Before a new order leaves; whether the name is new."""
        if client_id in self.orders:
            return False
        self._write(_Line(kind="order", client_id=client_id, symbol=symbol, side=side, terms=terms))
        return True

    def order_ended(self, client_id: str, venue_id: str = "") -> None:
        """Never raises: an end that could not be written costs a question."""
        key = self._key_of_order(client_id, venue_id)
        order = self.orders.get(key)
        if order is None or order.is_ended:
            return
        try:
            self._write(_Line(kind="end", client_id=key, ended_ns=self._oldest_ns()))
        except OSError as error:
            log.error("%s: %s", self._path, error)

    def has(self, client_id: str) -> bool:
        """Whether this order of ours stands here; any name of others may."""
        return client_id in self.orders or not has_our_shape(client_id)

    def open_orders(self) -> Iterator[OrderRecord]:
        """Those whose end was never told."""
        return (each for each in list(self.orders.values()) if not each.is_ended)

    # Fills.

    def fill_told(self, fill: FillReport, exec_id: str, cumulative: str) -> bool:
        """A report named this fill; whether it is to be told. False: a total had it already."""
        key = _key(fill)
        if key in self._fills:
            return True
        if key in self._busted:
            return False
        order = self._order_of(fill)
        if cumulative and order.implied:
            up_to = Decimal(cumulative)
            above = up_to - Decimal(fill.quantity)
            if any(above < end and start < up_to for start, end in order.implied):
                self.dropped += 1
                return False
        self._write(_Line(kind="fill", fill=fill, exec_id=exec_id, up_to=cumulative))
        return True

    def implied(self, total: str, average: str, about: FillReport) -> FillReport | None:
        """The venue's total of an order is more than its fills: the fill that makes it equal, or
        None. `about` says whose; its price, quantity and id are made here."""
        order = self._order_of(about)
        up_to = Decimal(total)
        quantity = up_to - order.cumulative
        if quantity <= 0:
            return None
        value = _EXACT.multiply(Decimal(average), up_to) - order.value
        price = _EXACT.divide(value, quantity).quantize(_PRICE_STEP, context=_EXACT)
        price = _PRICE_DIGITS.plus(price)
        if price <= 0:  # the venue's average is rounded more than the rest is worth
            price = Decimal(average)
        fill = msgspec.structs.replace(
            about,
            price=plain_text(price),
            quantity=plain_text(quantity),
            trade_id=f"total-{plain_text(up_to)}",
        )
        if _key(fill) in self._fills:
            return None
        self._write(_Line(kind="fill", fill=fill, up_to=str(up_to), is_implied=True))
        return fill

    def busted(self, exec_id: str, by: str) -> Change | None:
        """The fill of this ExecID never happened, says the report `by`; what it was, None when it
        is not known. Told again, the same again: the end may have come before it was told."""
        key = self._by_exec_id.get(exec_id)
        if by not in self._changes and key in self._fills:
            revision = self._next_revision(key)
            self._write(_Line(kind="bust", exec_id=exec_id, by=by, revision=revision))
        return self._change(by)

    def corrected(self, exec_id: str, by: str, fill: FillReport) -> Change | None:
        """The fill of this ExecID happened with other numbers: one line says both."""
        key = self._by_exec_id.get(exec_id)
        before = self._fills.get(key) if key else None
        if by not in self._changes and before is not None and key is not None:
            now = msgspec.structs.replace(
                fill,
                trade_id=before.trade_id,
                instrument=before.instrument,
                venue_order_id=before.venue_order_id,
            )
            revision = self._next_revision(key)
            self._write(_Line(kind="correct", exec_id=exec_id, by=by, fill=now, revision=revision))
        return self._change(by)

    def _change(self, by: str) -> Change | None:
        found = self._changes.get(by)
        return None if found is None else Change(found[1], found[0].revision)

    def _next_revision(self, key: _Key | None) -> int:
        return 1 + sum(_key(fill) == key for _, fill in self._changes.values())

    def fills(self, since_ns: int) -> list[FillReport]:
        """Oldest first. Venues cut their times, some to the second: rather a few too many."""
        self._forget_old()
        since_ns -= _TIME_CUT_NS
        found = [each for each in self._fills.values() if each.venue_time_ns >= since_ns]
        return sorted(found, key=lambda each: each.venue_time_ns)


def _count(order: OrderRecord, fill: FillReport, sign: int) -> None:
    """What is booked of the order, with or without this fill."""
    order.cumulative += sign * Decimal(fill.quantity)
    order.value += sign * Decimal(fill.quantity) * Decimal(fill.price)


def _write_all(file: int, data: bytes, offset: int) -> None:
    while data:
        count = os.pwrite(file, data, offset)
        data, offset = data[count:], offset + count


def _key(fill: FillReport) -> _Key:
    return fill.instrument, fill.venue_order_id, fill.trade_id
