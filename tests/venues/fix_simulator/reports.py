"""Execution reports and the other answers of the simulated venue, as fields, in the voice of one
venue. Pure: an order and an event go in, fields come out."""

from __future__ import annotations

import itertools
from fractions import Fraction

from fix_simulator.venue import Event, FixVenue, VenueOrder, text_of
from fix_simulator.voices import Voice

from gateway.transport.fix_session import Field, format_time

__all__ = ["Reports"]

_SIDES = {"buy": "1", "sell": "2"}
_TYPES = {"market": "1", "limit": "2", "stop": "3", "stop_limit": "4"}
_TIMES = {"day": "0", "gtc": "1", "ioc": "3", "fok": "4", "gtd": "6"}
_STATES = {
    "new": "0",
    "untriggered": "0",
    "partially_filled": "1",
    "filled": "2",
    "canceled": "4",
    "expired": "C",
    "rejected": "8",
}


class Reports:
    """One per venue: ExecIDs are unique within it."""

    def __init__(self, venue: FixVenue, voice: Voice) -> None:
        self._venue, self._voice = venue, voice
        self._serials = itertools.count(1)

    def exec_id(self) -> str:
        return f"E{next(self._serials)}"

    def of_event(self, event: Event) -> list[Field]:
        """8 about what happened."""
        order = event.order
        fields = self._about(order, event.kind, event.name, event.original)
        if event.fill is not None:
            fields |= self._fill_fields(event)
        if event.reason:
            fields[58] = event.reason
        return self._written(fields, event)

    def of_status(self, order: VenueOrder, **more: str) -> list[Field]:
        """8 that answers H or AF: 150=I."""
        fields = self._about(order, "I", order.names[-1], "")
        return self._written(fields | {int(tag[1:]): value for tag, value in more.items()})

    def unknown_order(self, name: str, symbol: str, **more: str) -> list[Field]:
        """8 that says: never heard of it."""
        fields = {37: "NONE", 17: self.exec_id(), 150: "I", 39: "8", 103: "5", 11: name}
        fields |= {55: symbol or "NA", 54: "1", 151: "0", 14: "0", 6: "0", 58: "Unknown order"}
        fields[60] = self._now()
        return self._written(fields | {int(tag[1:]): value for tag, value in more.items()})

    def rejection(self, name: str, symbol: str, side: str, reason: str, text: str) -> list[Field]:
        """8 for a new order that is not taken."""
        fields = {37: "NONE", 17: self.exec_id(), 150: "8", 39: "8", 103: reason, 58: text}
        fields |= {11: name, 55: symbol, 54: side, 151: "0", 14: "0", 6: "0", 60: self._now()}
        if self._voice.is_client_id_in_41:
            fields |= {41: name, 11: "0"}
        return self._written(fields)

    def cancel_reject(
        self, request: dict[int, str], order: VenueOrder | None, reason: str, text: str, to: str
    ) -> list[Field]:
        """9."""
        state = "8" if order is None else _STATES[order.state]
        fields = {37: "NONE" if order is None else order.venue_id, 39: state, 434: to}
        fields |= {11: request.get(11, "0"), 41: request.get(41, "0"), 102: reason, 58: text}
        return self._written(fields | {60: self._now()})

    # Inside.

    def _about(self, order: VenueOrder, kind: str, name: str, original: str) -> dict[int, str]:
        body, leaves = order.body, Fraction(0) if order.is_done else order.quantity - order.filled
        fields = {
            37: order.venue_id,
            11: name,
            41: original,
            17: self.exec_id(),
            150: kind,
            39: _STATES[order.state],
            1: order.account,
            55: body.instrument,
            54: _SIDES[body.side],
            38: text_of(order.quantity),
            40: _TYPES[body.type],
            44: order.price or "",
            99: body.trigger_price or "",
            59: _TIMES[body.time_in_force],
            151: text_of(leaves),
            14: text_of(order.filled),
            6: text_of(order.average),
            60: format_time(order.time_ns or self._venue.now_ns(), 6).decode(),
        }
        if body.type in ("stop", "stop_limit"):
            fields[636] = "Y" if order.is_triggered else "N"
        if self._voice.is_client_id_in_41:
            fields |= {11: order.venue_id, 41: order.names[0]}
        return fields

    def _fill_fields(self, event: Event) -> dict[int, str]:
        row, voice = event.fill, self._voice
        assert row is not None
        fields = {31: row["price"], 32: row["quantity"]}
        # The report tells the order as it was when this fill happened, not after later ones.
        fields |= {14: row["cumulative_quantity"], 39: _STATES[row["state"]]}
        fields[851] = "1" if row["liquidity"] == "maker" else "2"
        if voice.trade_id_tag == 17:
            fields[17] = row["trade_id"]
        elif voice.trade_id_tag == 1003:
            fields |= {1003: row["trade_id"], 1057: "N" if row["liquidity"] == "maker" else "Y"}
            del fields[851]
        if voice.fee == "commission":
            fields |= {12: row["fee"], 13: "3", 479: row["fee_currency"]}
        return fields

    def _written(self, fields: dict[int, str], event: Event | None = None) -> list[Field]:
        """Ascending, groups behind their count; what is empty is left out."""
        row = event.fill if event is not None else None
        voice = self._voice
        if row is not None and voice.has_fills_group:
            for tag in (31, 32, 851):
                fields.pop(tag, None)
            fields[150] = "I"
        found = [(tag, value.encode()) for tag, value in sorted(fields.items()) if value]
        if row is not None and voice.fee == "misc_fees":
            group = [(136, "1"), (137, row["fee"]), (138, row["fee_currency"]), (139, "4")]
            found += [(tag, value.encode()) for tag, value in group]
        if row is not None and voice.has_fills_group:
            group = [(1362, "1"), (1363, row["trade_id"]), (1364, row["price"])]
            found += [(t, v.encode()) for t, v in [*group, (1365, row["quantity"])]]
        return found

    def _now(self) -> str:
        return format_time(self._venue.now_ns(), 6).decode()
