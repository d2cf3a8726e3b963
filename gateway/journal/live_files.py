"""Reads what the live daemon shows beside its ring: counters and marks. Both are volatile, may be
missing or a second behind; must never be taken for the journal.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.config.places import COUNTERS_FILE, MARKS_FILE

__all__ = ["LiveFiles", "Mark"]

DECIMALS_MAX = 18
DIGITS_MAX = 18  # any such number is below the largest quantity, 2^61


class Mark(NamedTuple):
    """The price an instrument's positions are valued at, decimal text, and when it was told."""

    instrument: str
    price: str
    time_ns: int


class MarkEntry(msgspec.Struct):
    """One instrument of marks.json."""

    mark: str
    time_ns: int


_read_counters = msgspec.json.Decoder(dict[str, int]).decode
_read_marks = msgspec.json.Decoder(dict[str, MarkEntry]).decode


class LiveFiles:
    """The two files of one ring directory."""

    def __init__(self, ring_directory: Path) -> None:
        self._directory = ring_directory

    def counters(self) -> dict[str, int]:
        """What the daemon last counted; {} without a daemon."""
        try:
            return _read_counters((self._directory / COUNTERS_FILE).read_bytes())
        except (OSError, msgspec.MsgspecError):
            return {}

    def marks(self) -> list[Mark]:
        """Every usable mark the daemon last wrote; [] without a daemon."""
        return [
            Mark(name, price, time_ns)
            for name, told, time_ns in self.marks_as_told()
            if (price := _usable(told))
        ]

    def marks_as_told(self) -> list[Mark]:
        """The same to the last digit, whatever the native core can hold."""
        try:
            told = _read_marks((self._directory / MARKS_FILE).read_bytes())
        except (OSError, msgspec.MsgspecError):
            return []
        return [
            Mark(name, entry.mark, entry.time_ns)
            for name, entry in told.items()
            if entry.mark and entry.time_ns > 0
        ]


def _usable(price: str) -> str:
    """The price as the native core reads it, with the decimals and digits it can hold; "" when
    that is no price any more."""
    try:
        given = Decimal(price)
        if not given.is_finite() or given <= 0 or given.adjusted() >= DIGITS_MAX:
            return ""
        decimals = min(DECIMALS_MAX, DIGITS_MAX - max(given.adjusted(), -1) - 1)
        if -int(given.as_tuple().exponent) > decimals:
            given = given.quantize(Decimal(1).scaleb(-decimals))
        return format(given, "f") if given > 0 else ""
    except InvalidOperation:
        return ""
