"""The margin mode of positions and what lies in isolated ones, by the venue's own word: from its
stream and from answers to the engine, which journals what changed. Must never touch a quantity,
which fills alone make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from gateway.api import PositionReport
from gateway.core.vocabulary import EVIDENCE, LEGS, VENUE_MARGIN_MODES
from gateway.venues.fact_lane import FactLane

__all__ = ["Collaterals"]

Row = Mapping[str, Any]
Key = tuple[str, str, str]  # account, our name of the instrument, leg


class _Word(NamedTuple):
    """What a report says of a position."""

    key: Key
    mode: str | None
    amount: str | None  # None = nothing is said, of the mode neither
    venue_time_ns: int = 0


class Collaterals:
    """Of one venue. Event-loop thread only."""

    def __init__(self, lane: FactLane) -> None:
        self._lane, self._names = lane, lane.engine.names
        self._heard_ns: dict[Key, int] = {}  # when the stream told of a position last
        self._crossed: set[Key] = set()  # told as cross by the last word

    def seen(self, report: PositionReport) -> None:
        """A word of the stream. None of mode and collateral says nothing."""
        word = self._read(report)
        if word is not None and word.amount is not None:
            self._heard_ns[word.key] = self._lane.engine.now_ns()
            self._tell(word, EVIDENCE["stream"])

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
            word = self._read(report)
            if word is None:
                continue
            if word.amount is not None and not quantities.get(word.key):
                word = word._replace(amount="0")
            if word.mode is not None or word.key in known or (word.amount or "").strip("0."):
                self._answer(word, asked_ns)
            known.discard(word.key)
        for place in sorted(known):
            self._answer(_Word(place, None, "0"), asked_ns)

    def _answer(self, word: _Word, asked_ns: int) -> None:
        if word.amount is not None and self._heard_ns.get(word.key, -1) < asked_ns:
            self._tell(word, EVIDENCE["query"])

    def _read(self, report: PositionReport) -> _Word | None:
        """Nothing lies in what is flat; nothing is known to lie where only a mode is told. None: it
        names something unknown or cannot be read."""
        number = self._names.venue_instrument(self._lane.venue, report.instrument)
        is_known = bool(number and self._names.find("account", report.account))
        try:
            is_flat = not Decimal(report.quantity)
        except InvalidOperation:
            is_known, is_flat = False, False
        is_word = report.margin_mode in VENUE_MARGIN_MODES
        if not is_known or report.leg not in LEGS or not is_word:
            if (report.collateral or "").strip("0.") or not is_word:
                words = (report.account, report.instrument, report.leg, report.quantity)
                self._lane.bad("collateral", " ".join(f"{word!r:.40}" for word in words))
            return None
        is_said = report.collateral is not None or report.margin_mode is not None
        key = (report.account, self._names.name("instrument", number), report.leg)
        amount = report.collateral
        if is_said and (is_flat or amount is None):
            amount = "0"
        return _Word(key, report.margin_mode, amount, report.venue_time_ns)

    def _tell(self, word: _Word, evidence: int) -> None:
        """A stream repeats a cross position with every fill: nothing but another word changes that
        one, so it is told once. An answer is always told, for the engine may have refused that."""
        if word.mode != "cross":
            self._crossed.discard(word.key)
        elif word.key in self._crossed and evidence == EVIDENCE["stream"]:
            return
        else:
            self._crossed.add(word.key)
        account = self._names.id("account", word.key[0])
        instrument = self._names.id("instrument", word.key[1])
        where = (account, instrument, LEGS[word.key[2]])
        amount, told_ns = word.amount or "", word.venue_time_ns
        mode = VENUE_MARGIN_MODES[word.mode]
        self._lane.deliver(
            lambda: self._lane.native.collateral(*where, amount, told_ns, evidence, mode)
        )
