"""What lies in isolated positions, by the venue's own word: from its stream and from answers to the
engine, which journals what changed. Must never touch a quantity, which fills alone make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from gateway.api import PositionReport
from gateway.core.vocabulary import EVIDENCE, LEGS
from gateway.venues.fact_lane import FactLane

__all__ = ["Collaterals"]

Row = Mapping[str, Any]
Key = tuple[str, str, str]  # account, our name of the instrument, leg


class Collaterals:
    """Of one venue. Event-loop thread only."""

    def __init__(self, lane: FactLane) -> None:
        self._lane, self._names = lane, lane.engine.names
        self._heard_ns: dict[Key, int] = {}  # when the stream told of a position last

    def seen(self, report: PositionReport) -> None:
        """A word of the stream. None of its collateral says nothing."""
        key, amount = self._read(report)
        if key is not None and amount is not None:
            self._heard_ns[key] = self._lane.engine.now_ns()
            self._tell(key, amount, report.venue_time_ns, EVIDENCE["stream"])

    def stated(
        self, account: str, reports: Iterable[PositionReport], held: Iterable[Row], asked_ns: int
    ) -> None:
        """An answer about every position of an account, asked for at `asked_ns`; `held`: rows of
        our positions, read behind the answer. A position that one of the two does not have is
        flat: it may have closed during the question. What the stream has told of one since the
        question is newer than the answer."""
        known: set[Key] = set()
        quantities: dict[Key, Decimal] = {}
        for row in held:
            place: Key = (row["account"], row["instrument"], row["leg"])
            quantities[place] = quantities.get(place, Decimal(0)) + Decimal(str(row["quantity"]))
            if row["account"] == account and row.get("collateral") is not None:
                known.add(place)
        for report in reports:
            key, amount = self._read(report)
            if key is None:
                continue
            if amount is not None and not quantities.get(key):
                amount = "0"
            if amount is not None and (key in known or amount.strip("0.")):
                self._answer(key, amount, report.venue_time_ns, asked_ns)
            known.discard(key)
        for place in sorted(known):
            self._answer(place, "0", 0, asked_ns)

    def _answer(self, key: Key, amount: str, venue_time_ns: int, asked_ns: int) -> None:
        if self._heard_ns.get(key, -1) < asked_ns:
            self._tell(key, amount, venue_time_ns, EVIDENCE["query"])

    def _read(self, report: PositionReport) -> tuple[Key | None, str | None]:
        """Whose it is and what lies in it; nothing lies in what is flat. (None, None): it names
        something unknown or cannot be read."""
        number = self._names.venue_instrument(self._lane.venue, report.instrument)
        is_known = bool(number and self._names.find("account", report.account))
        try:
            is_flat = not Decimal(report.quantity)
        except InvalidOperation:
            is_known, is_flat = False, False
        if not is_known or report.leg not in LEGS:
            if report.collateral is not None:
                words = (report.account, report.instrument, report.leg, report.quantity)
                self._lane.bad("collateral", " ".join(f"{word!r:.40}" for word in words))
            return None, None
        key = (report.account, self._names.name("instrument", number), report.leg)
        return key, "0" if is_flat and report.collateral is not None else report.collateral

    def _tell(self, key: Key, amount: str, venue_time_ns: int, evidence: int) -> None:
        account = self._names.id("account", key[0])
        instrument = self._names.id("instrument", key[1])
        fact = (account, instrument, LEGS[key[2]], amount, venue_time_ns, evidence)
        self._lane.deliver(lambda: self._lane.native.collateral(*fact))
