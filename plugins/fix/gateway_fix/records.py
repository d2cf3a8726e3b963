"""What the adapter must remember of orders and fills beyond its own life: one append-only file, a
JSON line per fact, written before it is told. FIX venues keep no list of fills; this is the list.

Must never book one execution twice, whether a report named it or a total implied it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from decimal import Context, Decimal
from pathlib import Path
from typing import Literal

import msgspec

from gateway.api import FillReport

__all__ = ["OrderRecord", "OrderTerms", "Records"]

log = logging.getLogger(__name__)
_EXACT = Context(prec=60)
_PRICE_STEP = Decimal("1e-12")
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
    terms: OrderTerms | None = None


class _Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of the file."""

    kind: Literal["order", "end", "fill", "bust"]
    client_id: str = ""
    symbol: str = ""
    side: str = ""
    exec_id: str = ""
    terms: OrderTerms | None = None
    fill: FillReport | None = None
    up_to: str = ""  # the order's cumulative quantity after the fill, as far as it is known
    is_implied: bool = False


class Records:
    """`open` first. One event loop."""

    def __init__(self, path: Path, *, is_synced: bool, oldest_ns: int) -> None:
        self._path, self._is_synced, self._oldest_ns = path, is_synced, oldest_ns
        self._file: int | None = None
        self.orders: dict[str, OrderRecord] = {}
        self._fills: dict[tuple[str, str, str], FillReport] = {}
        self._by_exec_id: dict[str, tuple[str, str, str]] = {}
        self.dropped = 0  # reports of what a total had implied before

    # The file.

    def open(self) -> None:
        """Read what is there; a torn last line is cut. ValueError for a damaged middle."""
        for known in (self.orders, self._fills, self._by_exec_id):
            known.clear()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                self._take(msgspec.json.decode(line, type=_Line))
            except msgspec.DecodeError as error:
                raise ValueError(f"{self._path}: line {number}: {error}") from None
        if whole < len(data):
            log.warning("%s: torn tail of %d bytes cut", self._path, len(data) - whole)
        os.ftruncate(self._file, whole)
        os.lseek(self._file, whole, os.SEEK_SET)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, line: _Line) -> None:
        assert self._file is not None
        data = msgspec.json.encode(line) + b"\n"
        while data:
            data = data[os.write(self._file, data) :]
        if self._is_synced:
            os.fdatasync(self._file)
        self._take(line)

    def _take(self, line: _Line) -> None:
        match line.kind:
            case "order":
                self.orders.setdefault(
                    line.client_id,
                    OrderRecord(
                        client_id=line.client_id,
                        symbol=line.symbol,
                        side=line.side,
                        terms=line.terms,
                    ),
                )
            case "end":
                if line.client_id in self.orders:
                    self.orders[line.client_id].is_ended = True
            case "fill":
                self._take_fill(line)
            case "bust":
                self._take_bust(line)

    def _take_fill(self, line: _Line) -> None:
        fill = line.fill
        assert fill is not None
        key = _key(fill)
        if fill.venue_time_ns >= self._oldest_ns:
            self._fills[key] = fill
        if line.exec_id:
            self._by_exec_id[line.exec_id] = key
        order = self._order_of(fill)
        quantity = Decimal(fill.quantity)
        if line.is_implied:
            up_to = Decimal(line.up_to)
            order.implied.append((up_to - quantity, up_to))
        order.cumulative += quantity
        order.value += quantity * Decimal(fill.price)

    def _take_bust(self, line: _Line) -> None:
        key = self._by_exec_id.get(line.exec_id)
        fill = self._fills.pop(key, None) if key else None
        if fill is not None:
            order = self._order_of(fill)
            order.cumulative -= Decimal(fill.quantity)
            order.value -= Decimal(fill.quantity) * Decimal(fill.price)

    def _order_of(self, fill: FillReport) -> OrderRecord:
        name = fill.client_order_id or f"#{fill.venue_order_id}"
        return self.orders.setdefault(
            name,
            OrderRecord(
                client_id=name,
                symbol=fill.instrument,
                side=fill.side,
                venue_id=fill.venue_order_id,
            ),
        )

    # Orders.

    def order_sent(self, client_id: str, symbol: str, side: str, terms: OrderTerms) -> bool:
        """Before a new order leaves; whether the name is new."""
        if client_id in self.orders:
            return False
        self._write(_Line(kind="order", client_id=client_id, symbol=symbol, side=side, terms=terms))
        return True

    def order_ended(self, client_id: str) -> None:
        order = self.orders.get(client_id)
        if order is not None and not order.is_ended:
            self._write(_Line(kind="end", client_id=client_id))

    def open_orders(self) -> Iterator[OrderRecord]:
        """Those whose end was never told."""
        return (each for each in list(self.orders.values()) if not each.is_ended)

    # Fills.

    def fill_told(self, fill: FillReport, exec_id: str, cumulative: str) -> bool:
        """A report named this fill; whether it is to be told. False: a total had it already."""
        key = _key(fill)
        if key in self._fills:
            return True
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
        if price <= 0:  # the venue's average is rounded more than the rest is worth
            price = Decimal(average)
        fill = msgspec.structs.replace(
            about,
            price=_text(price),
            quantity=_text(quantity),
            trade_id=f"total-{_text(up_to)}",
        )
        if _key(fill) in self._fills:
            return None
        self._write(_Line(kind="fill", fill=fill, up_to=str(up_to), is_implied=True))
        return fill

    def busted(self, exec_id: str) -> FillReport | None:
        """The fill of this ExecID never happened; what it was, None when it is not known."""
        key = self._by_exec_id.get(exec_id)
        fill = self._fills.get(key) if key else None
        if fill is not None:
            self._write(_Line(kind="bust", exec_id=exec_id))
        return fill

    def fills(self, since_ns: int) -> list[FillReport]:
        """Oldest first. Venues cut their times, some to the second: rather a few too many."""
        since_ns -= _TIME_CUT_NS
        found = [each for each in self._fills.values() if each.venue_time_ns >= since_ns]
        return sorted(found, key=lambda each: each.venue_time_ns)


def _key(fill: FillReport) -> tuple[str, str, str]:
    return fill.instrument, fill.venue_order_id, fill.trade_id


def _text(number: Decimal) -> str:
    return format(number.normalize(_EXACT), "f")
