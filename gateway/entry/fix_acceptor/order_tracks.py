"""Each order as it was after each event: reports are told one event at a time, while the engine's
rows are always of now. Must never be asked whether an order may trade; it remembers, no more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from gateway._core.types import format_decimal
from gateway.api.decimal_text import plain_text
from gateway.core.vocabulary import (
    FACT_REASONS,
    LIQUIDITIES,
    TERMINAL_STATES,
    CancelReason,
    word_of,
)
from gateway.entry.fix_acceptor.cancel_marks import CancelMarks
from gateway.entry.fix_acceptor.earlier_orders import EXACT, Untold, fill_price
from gateway.entry.fix_acceptor.order_event import OrderEvent

__all__ = ["OrderTracks", "Track"]

Row = dict[str, Any]
Record = dict[str, Any]  # of its own
_NOTHING = Decimal(0)
_ENDED_MAX = 65_536  # orders that ended, kept for fills that come late
_TRIGGERED_BY_LINK_HELD = 3
_ENDS = {"order_canceled": "CANCELED", "order_expired": "EXPIRED", "order_rejected": "REJECTED"}


class Track:
    """One order. Quantities are whole numbers in the instrument's scale."""

    def __init__(self, row: Row, price_scale: int, quantity_scale: int) -> None:
        self.row = row
        self.price_scale, self.quantity_scale = price_scale, quantity_scale
        self.state: str = row["state"]
        self.client_order_id: str = row["client_order_id"]
        self.price: str | None = row["price"]
        self.quantity = self.whole(row["quantity"])
        self.cumulative = self.whole(row["cumulative_quantity"])
        self.turnover = _NOTHING  # price times whole quantity
        if self.cumulative:
            self.turnover = EXACT.multiply(Decimal(row["average_price"] or 0), self.cumulative)
        self.is_cancel_pending = str(row["pending"]).startswith("cancel")
        self.is_replace_pending = str(row["pending"]).startswith("replace")
        self.unknown = ""  # cancel or replace
        self.is_entered_here = False
        self.cancel_id = ""  # 11 of the F that is pending
        self.recalled_id = ""  # the same, asked for by an earlier process and not told yet
        self.cancel_reason: CancelReason | None = None
        self.replace_id = ""
        self.fills: dict[str, tuple[int, int, Decimal]] = {}  # trade -> (sequence, whole, price)

    def whole(self, text: str) -> int:
        """A quantity as a whole number."""
        whole, _, rest = text.partition(".")
        if len(rest) > self.quantity_scale:
            return int(Decimal(text).scaleb(self.quantity_scale))
        return int(whole + rest.ljust(self.quantity_scale, "0"))

    @property
    def is_ended(self) -> bool:
        """Whether it is in a terminal state."""
        return self.state in TERMINAL_STATES

    @property
    def pending(self) -> str:
        """As in rows."""
        if self.is_cancel_pending:
            return "cancel_unknown" if self.unknown == "cancel" else "cancel"
        if self.is_replace_pending:
            return "replace_unknown" if self.unknown == "replace" else "replace"
        return ""

    def average(self) -> str | None:
        """Exact turnover divided once, as the engine divides it."""
        if not self.cumulative:
            return None
        digits = Decimal(1).scaleb(-min(self.price_scale + 8, 18))
        value = EXACT.divide(self.turnover, self.cumulative)
        return plain_text(value.quantize(digits, context=EXACT))

    def shown(self, now: Row | None, sequence: int) -> Row:
        """The row after an event; the engine's own when that is the newest it knows."""
        if now is not None and now["sequence"] == sequence:
            self._agree(now)
            return now
        scale = self.quantity_scale
        leaves = 0 if self.is_ended else max(0, self.quantity - self.cumulative)
        return self.row | {
            "client_order_id": self.client_order_id,
            "state": self.state,
            "pending": self.pending,
            "quantity": format_decimal(self.quantity, scale),
            "price": self.price,
            "cumulative_quantity": format_decimal(self.cumulative, scale),
            "leaves_quantity": format_decimal(leaves, scale),
            "average_price": self.average(),
            "sequence": sequence,
        }

    def _agree(self, now: Row) -> None:
        """The engine knows best."""
        if now is self.row:
            return  # it was made of this
        self.state, self.price = now["state"], now["price"]
        self.client_order_id = now["client_order_id"]
        self.quantity = self.whole(now["quantity"])
        if self.cumulative != self.whole(now["cumulative_quantity"]):
            self.cumulative = self.whole(now["cumulative_quantity"])
            self.turnover = EXACT.multiply(Decimal(now["average_price"] or 0), self.cumulative)


class OrderTracks:
    """Tracks by order id. `find` is the engine's row of now."""

    def __init__(
        self,
        find: Callable[[int], Row | None],
        scales: Callable[[str], tuple[int, int]],
        on_forget: Callable[[int], None] = lambda order_id: None,
    ) -> None:
        self._find, self._scales = find, scales
        self.on_forget = on_forget
        self.own_port = 0  # of the FIX door's router, as records name it
        self._tracks: dict[int, Track] = {}
        self._ended: OrderedDict[int, None] = OrderedDict()
        self._recalled: dict[int, str] = {}
        self._recalled_to = 0
        self.marks: CancelMarks | None = None
        # The engine's: client order id, quantity and price that were asked for.
        self.pending_replace: Callable[[int], tuple[str, str, str] | None] = lambda order_id: None

    def __len__(self) -> int:
        return len(self._tracks)

    def get(self, order_id: int) -> Track | None:
        """The track of an order; of one that is not tracked yet, as the engine has it now."""
        track = self._tracks.get(order_id)
        row = self._find(order_id) if track is None else None
        if row is not None:
            track = self._begin(order_id, row)
            self._recall(track)
            if track.is_ended:
                self._note_end(order_id)
        return track

    def is_entered_here(self, order_id: int) -> bool:
        """Whether this process took the order by FIX."""
        track = self._tracks.get(order_id)
        return track is not None and track.is_entered_here

    def adopt(self, row: Row, untold: Untold) -> None:
        """An order that is older than this process: as it was before the records that are still to
        be told, as far as that follows from what it is now."""
        track = self._begin(int(row["order_id"]), row)
        track.cumulative = max(0, track.cumulative - untold.filled)
        left = EXACT.subtract(track.turnover, untold.turnover)
        track.turnover = left if track.cumulative else _NOTHING
        is_end_untold = untold.filled if track.state == "FILLED" else untold.end
        if untold.is_new:
            track.state = "PENDING_NEW"
        elif is_end_untold or not track.is_ended:
            track.state = "PARTIALLY_FILLED" if track.cumulative else "NEW"
        if untold.first_of_cancel:
            track.is_cancel_pending = untold.first_of_cancel != "cancel_requested"
        elif untold.end or untold.filled:  # which ended a cancel that was pending, as it may be
            track.is_cancel_pending |= int(row["order_id"]) in self._recalled
        if untold.first_of_replace:
            track.is_replace_pending = untold.first_of_replace != "replace_requested"
        if untold.first_of_replace == "replace_requested":
            track.replace_id = ""
        elif untold.first_of_replace == "order_replaced":
            track.replace_id = track.client_order_id
        self._recall(track)

    def replay(self, record: Record) -> None:
        """What is told already, of an order of an earlier process; from its `order_new` on."""
        order_id = record["order_id"]
        if record["kind"] == "order_new":
            track = self._new(order_id, record, self._find(order_id))
        else:
            track = self._tracks.get(order_id)
        if track is None:
            return
        _Change(track, record).event(None)
        track.is_entered_here = False
        self._recall(track)

    def recall(self, cancels: Mapping[int, str], *, sequence: int) -> None:
        """11 of the newest cancel of each order, asked for by earlier processes: up to record
        `sequence`. Before `adopt`."""
        self._recalled, self._recalled_to = dict(cancels), sequence

    def _recall(self, track: Track) -> None:
        name = self._recalled.get(int(track.row["order_id"]), "")
        track.recalled_id = name
        if name and (track.is_cancel_pending or track.state == "CANCELED"):
            track.cancel_id = name

    # -- cancels asked for here -------------------------------------------------------------------

    def ask_cancel(self, track: Track, client_order_id: str) -> None:
        """Before the engine is asked by this F."""
        track.cancel_id, track.recalled_id = client_order_id, ""
        self._note_cancel(track, client_order_id)
        if self.marks is not None:
            self.marks.keep()

    def take_back_cancel(self, track: Track, before: str) -> None:
        """The engine refused; `before` is the id of the F before."""
        if self.marks is not None:
            self.marks.give_back(track.row["principal"], track.cancel_id)
        track.cancel_id = before
        self._note_cancel(track, before)

    def is_cancel_id(self, principal: str, client_order_id: str) -> bool:
        """Whether it is 11 of a cancel of this principal: then it can name no order."""
        return self.marks is not None and self.marks.is_used(principal, client_order_id)

    def is_pending_cancel(self, principal: str, client_order_id: str, *, except_of: int) -> bool:
        """Whether it is 11 of a cancel that waits for its outcome, of another order than this."""
        order_id = self.marks.order_of(principal, client_order_id) if self.marks is not None else 0
        track = self._tracks.get(order_id) if order_id != except_of else None
        return track is not None and track.cancel_id == client_order_id and not track.is_ended

    def _note_cancel(self, track: Track, client_order_id: str) -> None:
        if self.marks is not None:
            row = track.row
            self.marks.note(row["principal"], int(row["order_id"]), client_order_id)

    # -- what happens -----------------------------------------------------------------------------

    def apply(self, record: Record) -> OrderEvent | None:
        """What a record did to its order. None: nothing a report could tell."""
        order_id = record["order_id"]
        now = self._find(order_id)
        is_new = record["kind"] == "order_new"
        track = self._new(order_id, record, now) if is_new else self.get(order_id)
        if track is None:
            return None
        if record["sequence"] > self._recalled_to:
            track.recalled_id = ""
        asked = track.cancel_id
        event = _Change(track, record).event(now)
        if asked and not track.cancel_id:
            self._note_cancel(track, "")
        if track.is_ended:
            self._note_end(order_id)
        return event

    def _note_end(self, order_id: int) -> None:
        self._ended[order_id] = None
        while len(self._ended) > _ENDED_MAX:
            oldest, _ = self._ended.popitem(last=False)
            self._tracks.pop(oldest, None)
            self.on_forget(oldest)

    def _begin(self, order_id: int, row: Row) -> Track:
        track = Track(row, *self._scales(row["instrument"]))
        if track.is_replace_pending and (pending := self.pending_replace(order_id)):
            track.replace_id = pending[0]
        self._tracks[order_id] = track
        return track

    def _new(self, order_id: int, record: Record, now: Row | None) -> Track | None:
        if now is None:
            return None
        track = self._begin(order_id, now)
        track.is_entered_here = record["origin_port"] == self.own_port
        if now["sequence"] != record["sequence"]:
            track.state, track.cumulative, track.turnover = "PENDING_NEW", 0, Decimal(0)
            track.is_cancel_pending = track.is_replace_pending = False
            track.replace_id = ""
            track.quantity = record["quantity"]
            if track.price is not None:
                track.price = format_decimal(record["price"], track.price_scale)
            track.client_order_id = record.get("client_id") or str(record["client_number"])
        return track


class _Change:
    """One record on its way into a track: what it changes, and whom it is about."""

    def __init__(self, track: Track, record: Record) -> None:
        self.track, self.record = track, record
        self.client_order_id = track.client_order_id
        self.original = ""
        self.last_quantity = self.last_price = self.liquidity = self.reason = ""
        self.reference = 0
        self.cancel_reason: CancelReason | None = None
        self.is_ours = True

    def event(self, now: Row | None) -> OrderEvent:
        """Change the track, then say what happened."""
        record, kind = self.record, self.record["kind"]
        getattr(self, f"_{kind}", self._nothing)()
        return OrderEvent(
            sequence=record["sequence"],
            time_ns=record.get("venue_time_ns") or record["time_ns"],
            kind=kind,
            order=self.track.shown(now, record["sequence"]),
            record=record,
            client_order_id=self.client_order_id,
            original_client_order_id=self.original,
            last_quantity=self.last_quantity,
            last_price=self.last_price,
            liquidity=self.liquidity,
            reference=self.reference,
            reason=self.reason,
            cancel_reason=self.cancel_reason,
            is_ours=self.is_ours,
        )

    def _nothing(self) -> None:
        """A new order changes nothing more."""

    def _order_accepted(self) -> None:
        track = self.track
        if track.is_ended:
            return
        is_waiting = self.record["reason"] == FACT_REASONS["untriggered"]
        working = "PARTIALLY_FILLED" if track.cumulative else "NEW"
        track.state = "UNTRIGGERED" if is_waiting else working

    def _order_triggered(self) -> None:
        by = self.record["by_gateway"]
        if self.track.row.get("cross_ms"):
            return  # it was told as working; what was kept here goes on at its venue
        if by != _TRIGGERED_BY_LINK_HELD:
            self.track.state = "PENDING_NEW" if by else "NEW"
        else:
            self.track.state = "UNTRIGGERED"
        self._put_terms()

    def _order_unknown(self) -> None:
        track, reason = self.track, self.record["reason"]
        if reason == FACT_REASONS["unknown_outcome_cancel"]:
            track.unknown = "cancel"
            self._of_cancel()
        elif reason == FACT_REASONS["unknown_outcome_replace"]:
            track.unknown = "replace"
            self._of_replace()
        else:
            track.state = "UNKNOWN"
        self.reason = "UNKNOWN_OUTCOME"

    def _end(self) -> None:
        track, record = self.track, self.record
        if track.is_cancel_pending:
            self._of_cancel()
            self.cancel_reason = track.cancel_reason
        else:
            self.is_ours = False
        self.reason = _words(record)
        track.state = _ENDS.get(record["kind"], "REJECTED")
        if track.state == "REJECTED" and track.cumulative and track.row.get("cross_ms"):
            track.state = "CANCELED"  # a part was crossed: nobody may read it as nothing done
        track.is_cancel_pending = track.is_replace_pending = False

    _order_canceled = _order_expired = _order_rejected = _end

    def _order_not_sent(self) -> None:
        was_canceled = self.track.is_cancel_pending
        self._end()
        self.reason = self.reason or "NOT_SENT"
        was_working = was_canceled or bool(self.track.row.get("cross_ms"))
        self.track.state = "CANCELED" if was_working else "REJECTED"

    def _cancel_requested(self) -> None:
        track = self.track
        track.is_cancel_pending, track.unknown = True, ""
        track.cancel_reason = CancelReason(self.record["reason"])
        if track.cancel_reason is CancelReason.CLIENT:
            track.cancel_id = track.cancel_id or track.recalled_id
        self._of_cancel()

    def _cancel_rejected(self) -> None:
        track = self.track
        self._of_cancel()
        self.reason = _words(self.record)
        track.is_cancel_pending, track.unknown = False, ""
        track.cancel_id = track.recalled_id = ""

    def _replace_requested(self) -> None:
        track = self.track
        track.is_replace_pending, track.unknown = True, ""
        number = self.record.get("client_number")
        track.replace_id = self.record["client_id"] or (str(number) if number else "")
        self._of_replace()

    def _replace_rejected(self) -> None:
        track = self.track
        self._of_replace()
        self.reason = _words(self.record)
        track.is_replace_pending, track.unknown, track.replace_id = False, "", ""

    def _order_replaced(self) -> None:
        track = self.track
        self._of_replace()
        track.is_replace_pending = False
        track.client_order_id = track.replace_id or track.client_order_id
        track.replace_id = ""
        self._put_terms()
        if not track.is_ended and track.state != "UNTRIGGERED":
            track.state = _working(track)

    def _put_terms(self) -> None:
        """Quantity and price that are in force now; 0 = as they were."""
        track, record = self.track, self.record
        track.quantity = record["quantity"] or track.quantity
        if record["price"] and track.price is not None:
            track.price = format_decimal(record["price"], track.price_scale)

    def _order_filled(self) -> None:
        track, record = self.track, self.record
        price = fill_price(record)
        self._tell_fill(record["quantity"], price)
        track.cumulative = record["order_cumulative"]
        track.turnover = EXACT.fma(price, record["quantity"], track.turnover)
        track.fills[record["trade_id"]] = record["sequence"], record["quantity"], price
        if not track.is_ended or track.cumulative >= track.quantity:
            track.state = _working(track)

    def _fill_revised(self) -> None:
        track, record = self.track, self.record
        price, quantity = fill_price(record), int(record["quantity"])
        before = track.fills.pop(record["trade_id"], None)
        self._tell_fill(quantity, price)
        if before is None:
            return  # Of an earlier process: the engine's row says what is left.
        self.reference, was, was_at = before
        track.cumulative += quantity - was
        track.turnover = EXACT.fma(price, quantity, track.turnover)
        track.turnover = EXACT.fma(was_at, -was, track.turnover)
        if quantity:
            track.fills[record["trade_id"]] = self.reference, quantity, price

    _fill_busted = _fill_corrected = _fill_revised

    def _tell_fill(self, quantity: int, price: Decimal) -> None:
        self.last_quantity = format_decimal(quantity, self.track.quantity_scale)
        self.last_price = plain_text(price)
        liquidity = word_of(LIQUIDITIES, self.record["liquidity"])
        self.liquidity = "" if liquidity == "unknown" else liquidity

    def _of_cancel(self) -> None:
        """About the F that asked, when one did."""
        track = self.track
        self.is_ours = bool(track.cancel_id)
        if track.cancel_id:
            self.client_order_id, self.original = track.cancel_id, track.client_order_id

    def _of_replace(self) -> None:
        track = self.track
        self.is_ours = bool(track.replace_id)
        if track.replace_id:
            self.client_order_id, self.original = track.replace_id, track.client_order_id


def _working(track: Track) -> str:
    if track.cumulative >= track.quantity:
        return "FILLED"
    return "PARTIALLY_FILLED" if track.cumulative else "NEW"


def _words(record: Record) -> str:
    """The venue's own words, else the reason's."""
    if record["text"]:
        return str(record["text"])
    reason = record["reason"]
    known = reason and reason in FACT_REASONS.values()
    return word_of(FACT_REASONS, reason) if known else ""
