"""The list of instruments as every product has it: one that is odd must not hide the others, and
one that vanished is told as no longer tradable."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from gateway.api import Instrument, VenueProtocolError
from gateway.transport import JsonReader
from gateway_binance.messages import ExchangeInfo, ListedRow

__all__ = ["read_listing"]

log = logging.getLogger(__name__)


Listed = TypeVar("Listed", bound=ListedRow)


def read_listing(
    venue: str,
    info: ExchangeInfo,
    reader: JsonReader[Listed],
    translated: Callable[[str, Listed], Instrument],
    *,
    wanted: tuple[str, ...],
    before: Mapping[str, Listed],
) -> tuple[list[Instrument], dict[str, Listed], int]:
    """(instruments, their rows by symbol, how many could not be read). `wanted`: () = every one;
    `before`: the rows of the last time. Raises VenueProtocolError for one that never was there."""
    found: dict[str, Listed] = {}
    instruments: list[Instrument] = []
    bad_rows = 0
    for raw in info.symbols:
        try:
            row = reader.read(bytes(raw))
            if wanted and row.symbol not in wanted:
                continue
            instruments.append(translated(venue, row))
            found[row.symbol] = row
        except VenueProtocolError as error:
            bad_rows += 1
            log.error("%s: an instrument cannot be read: %s", venue, error)
    for symbol in sorted(set(wanted) - set(found)):
        gone = before.get(symbol)
        if gone is None:
            raise VenueProtocolError(f"the venue has no instrument {symbol}")
        log.error("%s: %s has vanished from the list of instruments", venue, symbol)
        found[symbol] = msgspec.structs.replace(gone, status="VANISHED")
        instruments.append(translated(venue, found[symbol]))
    return instruments, found, bad_rows
