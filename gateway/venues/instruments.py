"""Instruments as the venue lists them against ours: new rules become a new version, and what may
not change or has vanished is named. Touches no order."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from gateway.api import Instrument, RefusedError, VenueProtocolError
from gateway.core.engine import Engine
from gateway.venues.breaks import Finding

__all__ = ["define_instruments", "held_though_missing", "instrument_of_row"]

log = logging.getLogger(__name__)

# The engine counts in these; it refuses a definition that moves one (REGISTRY_CONFLICT).
_FIXED = (
    "kind",
    "base",
    "quote",
    "settle",
    "price_scale",
    "quantity_scale",
    "multiplier",
    "multiplier_scale",
)


def define_instruments(
    engine: Engine, venue: str, told: Sequence[object]
) -> tuple[list[Finding], list[Finding]]:
    """Define all that the venue told. A rule the engine cannot change leaves the old one in force
    and is a finding; so is, apart from those, an instrument of ours the venue no longer lists,
    which takes no new orders from then on."""
    rows = {
        str(row["name"]): row
        for row in engine.native.registry("instrument")
        if row["venue"] == venue
    }
    findings: list[Finding] = []
    seen: set[str] = set()
    for each in told:
        if not isinstance(each, Instrument):
            raise VenueProtocolError(f"{venue}: instruments() gave {each!r:.200}")
        seen.add(each.symbol)
        try:
            engine.define_instrument(venue, each)
        except RefusedError as error:
            findings.append(_changed(venue, each, rows.get(each.symbol), error))
    return findings, [_vanished(engine, venue, rows[name]) for name in rows if name not in seen]


async def held_though_missing(engine: Engine, missing: Sequence[Finding]) -> list[Finding]:
    """Those of an instrument in which something is held or open. Expiries and delistings leave many
    others behind, with nothing for anybody to settle."""
    if not missing:
        return []
    positions = await engine.positions()
    alive = {row["instrument"] for row in positions if Decimal(str(row["quantity"]))}
    async for page in engine.order_pages():
        alive.update(row["instrument"] for row in page)
    return [each for each in missing if each.instrument in alive]


def instrument_of_row(row: Mapping[str, Any]) -> Instrument:
    """The registered rules as an adapter would tell them."""
    values = {name: row[name] for name in Instrument.__struct_fields__ if name in row}
    return Instrument(symbol=str(row["name"]), **values)


def _changed(
    venue: str, told: Instrument, row: Mapping[str, Any] | None, error: RefusedError
) -> Finding:
    log.error("%s: %s: definition refused: %s", venue, told.symbol, error)
    ours = {name: str(row[name]) for name in _FIXED if name in row} if row else {}
    theirs = {name: str(getattr(told, name)) for name in _FIXED}
    names = [name for name in ours if ours[name] != theirs[name]] or [error.field]
    return Finding(
        kind="instrument_changed",
        instrument=told.symbol,
        subject=",".join(names),
        ours=" ".join(f"{name}={ours.get(name, '')}" for name in names),
        theirs=" ".join(f"{name}={theirs.get(name, error.value)}" for name in names),
        evidence=(f"venue symbol {told.venue_symbol}",),
        text=f"{told.symbol}: {error.code} {', '.join(names)}: {error.rule}"[:300],
    )


def _vanished(engine: Engine, venue: str, row: Mapping[str, Any]) -> Finding:
    if row.get("is_tradable"):
        fresh = msgspec.structs.replace(instrument_of_row(row), is_tradable=False)
        engine.define_instrument(venue, fresh)
        log.warning("%s: %s is no longer listed: no new orders", venue, fresh.symbol)
    name = str(row["name"])
    return Finding(
        kind="instrument_missing",
        instrument=name,
        ours="registered",
        theirs="not listed",
        evidence=(f"venue symbol {row['venue_symbol']}",),
        text=f"{name}: the venue no longer lists it",
    )
