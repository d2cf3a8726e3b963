"""One ExecutionReport in the words of the gateway. Pure: fields of the message go in, reports come
out. A word or number that no document allows is an error of the protocol, never a guess."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from types import MappingProxyType
from typing import NamedTuple

from gateway.api import FillReport, OrderReport, VenueProtocolError
from gateway.api.messages import (
    LiquidityName,
    OrderTypeName,
    SideName,
    TimeInForceName,
    VenueOrderState,
)
from gateway.transport.fix_session import Field, FixMessage, parse_time
from gateway_fix.dialect import Dialect
from gateway_fix.order_names import OrderNames

__all__ = ["Report", "ReportTerms", "number_text"]

_NUMBER = re.compile(rb"-?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})")
_DIGITS = Context(prec=17)
_SIDES: Mapping[bytes, SideName] = {b"1": "buy", b"2": "sell"}
_STATES: Mapping[bytes, VenueOrderState] = {
    b"0": "new",
    b"1": "partially_filled",
    b"2": "filled",
    b"3": "expired",
    b"4": "canceled",
    b"5": "new",
    b"6": "new",
    b"7": "new",
    b"8": "rejected",
    b"9": "new",
    b"A": "new",
    b"C": "expired",
    b"D": "new",
    b"E": "new",
}


def number_text(message: FixMessage, tag: int, default: str | None = None) -> str:
    """A number as the venue wrote it, in plain decimal text."""
    value = message.get(tag)
    if not value and default is not None:
        return default
    if not value or _NUMBER.fullmatch(value) is None:
        raise VenueProtocolError(f"field {tag}: {value!r} is no number")
    text = value.decode().rstrip(".")
    return f"0{text}" if text.startswith(".") else text.replace("-.", "-0.")


_TRANSACTIONS = {"1": "H", "2": "G", "3": "I"}


class ReportTerms(NamedTuple):
    """What every report of one session is read with; `settles`: symbol -> currency of its fees
    when no report tells one."""

    dialect: Dialect
    names: OrderNames
    account: str
    settles: Mapping[str, str]
    # Symbol -> whether its value is in the base, and the size of a contract.
    contracts: Mapping[str, tuple[bool, str]] = MappingProxyType({})


class Report:
    """Reads what it is asked for; each property raises VenueProtocolError for nonsense."""

    def __init__(self, message: FixMessage, terms: ReportTerms) -> None:
        self.message = message
        self._dialect, self._names, self._account, self._settles, self._contracts = terms

    def text(self, tag: int) -> str:
        return (self.message.get(tag) or b"").decode("ascii", "replace")

    # Who.

    @property
    def wire_id(self) -> str:
        """The name of the order or of the request the report is about."""
        return self.text(self._dialect.client_id_tag)

    @property
    def client_id(self) -> str:
        """The client id of the order: reports about cancels carry a name of their own in 11."""
        name = self._names.root(self.wire_id)
        if self._dialect.client_id_tag == 11 and name == self.wire_id and self.text(41):
            return self._names.root(self.text(41))
        return name

    @property
    def venue_id(self) -> str:
        found = self.text(37)
        return "" if found == "NONE" else found

    # What.

    @property
    def kind(self) -> str:
        """150; a venue that leaves it out tells a state. Up to 4.2 what became of a fill stands
        in 20."""
        return _TRANSACTIONS.get(self.text(20)) or self.text(150) or "I"

    @property
    def status(self) -> str:
        return self.text(39)

    @property
    def cumulative(self) -> str:
        return number_text(self.message, 14, "0")

    @property
    def time_ns(self) -> int:
        for tag in (60, 52):
            found = parse_time(self.message.get(tag) or b"")
            if found is not None:
                return found
        raise VenueProtocolError("neither 60 nor 52 is a time")

    @property
    def side(self) -> SideName:
        found = _SIDES.get(self.message.get(54) or b"")
        if found is None:
            raise VenueProtocolError(f"field 54: {self.text(54)!r} is no side")
        return found

    @property
    def reason(self) -> str:
        """The venue's words: its code, then 58."""
        code = self.text(self._dialect.error_tag) if self._dialect.error_tag else ""
        return f"{code} {self.text(58)}".strip()[:120]

    @property
    def is_unknown_order(self) -> bool:
        """The answer to a question about an order the venue never took. Only the venue's own words
        say so: a question that was refused for another reason has no answer."""
        said = self.text(58).lower()
        words = self._dialect.unknown_order_words
        is_said = self.text(103) == "5" or any(each in said for each in words)
        return self.status == "8" and is_said

    @property
    def is_refused_question(self) -> bool:
        """39=8 about no order at all, and not because the venue never heard of it."""
        return self.status == "8" and not self.venue_id and not self.is_unknown_order

    @property
    def is_outcome_unknown(self) -> bool:
        """The venue itself does not know what became of the request."""
        words = self.reason.split()
        known = self._dialect.unknown_outcomes
        return any(each in known for each in words) or self.text(58) in known

    @property
    def is_duplicate_name(self) -> bool:
        said = self.text(58).lower()
        return self.text(103) == "6" or any(each in said for each in self._dialect.duplicate_words)

    def state(self) -> VenueOrderState:
        found = _STATES.get(self.message.get(39) or b"")
        if found is None:
            raise VenueProtocolError(f"field 39: {self.text(39)!r} is no state")
        if found == "new" and Decimal(self.cumulative) > 0:
            return "partially_filled"
        is_stop = self.text(40) in {self._dialect.order_types.get("stop"), self._stop_limit}
        if found == "new" and is_stop and self.text(636) == "N":
            return "untriggered"
        return found

    @property
    def _stop_limit(self) -> str | None:
        return self._dialect.order_types.get("stop_limit")

    def order(self) -> OrderReport:
        """How the venue sees the order."""
        kind, span = self._order_type(), self._time_in_force()
        return OrderReport(
            client_order_id=self.client_id,
            venue_order_id=self.venue_id,
            account=self._account,
            instrument=self.text(55),
            side=self.side,
            type=kind,
            time_in_force=span,
            state=self.state(),
            quantity=number_text(self.message, 38),
            cumulative_quantity=self.cumulative,
            price=number_text(self.message, 44) if kind in {"limit", "stop_limit"} else None,
            trigger_price=number_text(self.message, 99) if self.text(99) else None,
            reason=self.reason,
            venue_time_ns=self.time_ns,
        )

    @property
    def _settle(self) -> str:
        return self._settles.get(self.text(55), "")

    def _order_type(self) -> OrderTypeName:
        word = self.text(40)
        for name, each in self._dialect.order_types.items():
            if each == word:
                return name
        raise VenueProtocolError(f"field 40: {word!r} is no order type of {self._dialect.name}")

    def _time_in_force(self) -> TimeInForceName:
        word = self.text(59)
        for name, each in self._dialect.times_in_force.items():
            if each == word:
                return name
        if not word:  # the standard's default, or the only one that can rest
            return "day" if "day" in self._dialect.times_in_force else "gtc"
        raise VenueProtocolError(f"field 59: {word!r} is no time in force of {self._dialect.name}")

    # Fills.

    def fills(self) -> list[FillReport]:
        """The executions this report names: one of its own fields, or a group of them."""
        if self._dialect.has_fills_group and self.text(1362):
            return self._fills_of_group()
        if self.kind not in {"F", "1", "2", "G"} or not self.text(32):
            return []
        quantity = number_text(self.message, 32)
        if not Decimal(quantity):
            return []
        price = number_text(self.message, 31)
        trade_id = self.text(self._dialect.fill_id_tag)
        return [self._fill(trade_id, quantity, price, self._fee(quantity, price))]

    def blank_fill(self) -> FillReport:
        """Whose fill it would be: for what a total implies."""
        return FillReport(
            client_order_id=self.client_id,
            venue_order_id=self.venue_id,
            trade_id="",
            account=self._account,
            instrument=self.text(55),
            side=self.side,
            price="0",
            quantity="0",
            fee="0",
            fee_currency=self._settle,
            venue_time_ns=self.time_ns,
        )

    def _fill(self, trade_id: str, quantity: str, price: str, fee: tuple[str, str]) -> FillReport:
        if not trade_id:
            raise VenueProtocolError(f"a fill without field {self._dialect.fill_id_tag}")
        return FillReport(
            client_order_id=self.client_id,
            venue_order_id=self.venue_id,
            trade_id=trade_id,
            account=self._account,
            instrument=self.text(55),
            side=self.side,
            price=price,
            quantity=quantity,
            fee=fee[0],
            fee_currency=fee[1],
            liquidity=self._liquidity(),
            venue_time_ns=self.time_ns,
        )

    def _liquidity(self) -> LiquidityName:
        """851: 1 added, 2 removed; 1057: whether we were the aggressor."""
        words: Mapping[str, LiquidityName] = {"1": "maker", "2": "taker"}
        sides: Mapping[str, LiquidityName] = {"N": "maker", "Y": "taker"}
        return words.get(self.text(851)) or sides.get(self.text(1057)) or "unknown"

    def _fee(self, quantity: str, price: str) -> tuple[str, str]:
        """Paid is positive. 891 = 2: a rate of what was received, in its currency."""
        if self._dialect.fee == "commission" and self.text(12):
            return self._commission(quantity, price), self.text(479) or self._settle
        if self._dialect.fee == "misc_fees" and self.text(137):
            return self._misc_fees(quantity, price)
        return "0", self._settle

    def _commission(self, quantity: str, price: str) -> str:
        """12 as 13 says: of every unit (1, 6), a rate of the value (2, 0.05 = 5 %), waived (4, 5),
        else the amount itself."""
        amount, kind = number_text(self.message, 12), self.text(13)
        if kind in {"1", "6"}:
            return _bounded(Decimal(amount) * Decimal(quantity))
        if kind == "2":
            is_inverse, multiplier = self._contracts.get(self.text(55), (False, "1"))
            worth = Decimal(price)
            if is_inverse and worth:
                worth = 1 / worth
            return _bounded(Decimal(amount) * Decimal(quantity) * Decimal(multiplier) * worth)
        return "0" if kind in {"4", "5"} else amount

    def _misc_fees(self, quantity: str, price: str) -> tuple[str, str]:
        """136: the sum of the entries in the currency of the first one."""
        entries = entries_of(self.message, 137, (138, 139, 891))
        first = self._misc_fee(entries[0], quantity, price)
        if len(entries) == 1:
            return first
        every = [self._misc_fee(each, quantity, price) for each in entries]
        total = sum((Decimal(amount) for amount, name in every if name == first[1]), Decimal(0))
        return format(total, "f"), first[1]

    def _misc_fee(self, entry: FixMessage, quantity: str, price: str) -> tuple[str, str]:
        amount = number_text(entry, 137)
        currency = (entry.get(138) or b"").decode("ascii", "replace") or self._settle
        if entry.get(891) != b"2":
            return amount, currency
        is_base = self.text(55).partition("-")[0] == currency
        size = Decimal(quantity) * (1 if is_base else Decimal(price))
        return _bounded(size * Decimal(amount)), currency

    def _fills_of_group(self) -> list[FillReport]:
        """1363 id, 1364 price, 1365 quantity, one entry behind the other."""
        entries = entries_of(self.message, 1363, (1364, 1365))
        return [self._fill_of_entry(entry) for entry in entries]

    def _fill_of_entry(self, entry: FixMessage) -> FillReport:
        trade_id = (entry.get(1363) or b"").decode("ascii", "replace")
        return self._fill(
            trade_id, number_text(entry, 1365), number_text(entry, 1364), ("0", self._settle)
        )


def entries_of(message: FixMessage, first: int, others: tuple[int, ...]) -> list[FixMessage]:
    """The entries of a group, each from its first field on."""
    entries: list[list[Field]] = []
    for each in message.fields:
        if each[0] == first:
            entries.append([each])
        elif each[0] in others and entries:
            entries[-1].append(each)
    return [FixMessage(entry) for entry in entries]


def _bounded(number: Decimal) -> str:
    """No more digits than the gateway counts with."""
    return format(_DIGITS.plus(number), "f")
