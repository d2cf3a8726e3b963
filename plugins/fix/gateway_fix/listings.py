"""Instruments: what the settings say, and what the venue's list says of them. Must never trade what
the venue does not list, nor invent a rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from gateway.api import Instrument, PositionReport, VenueProtocolError
from gateway.transport.fix_session import Field, FixMessage
from gateway_fix.dialect import Dialect
from gateway_fix.report import number_text
from gateway_fix.settings import InstrumentSettings

__all__ = ["instruments", "listed", "positions"]

_TICK = 969


def listed(lists: Sequence[FixMessage]) -> dict[str, FixMessage]:
    """Symbol -> its entry, of every fragment of y."""
    found = {}
    for message in lists:
        if message.get(560) not in {b"0", None}:
            raise VenueProtocolError(f"the list of securities was refused: {message.get(560)!r}")
        for entry in _groups(message, 146, 55):
            found[(entry.get(55) or b"").decode("ascii", "replace")] = entry
    return found


def instruments(
    venue: str,
    configured: Sequence[InstrumentSettings],
    entries: dict[str, FixMessage] | None,
    dialect: Dialect,
) -> list[Instrument]:
    """`entries` None: the venue has no list, the settings are all there is."""
    return [_instrument(venue, each, entries, dialect) for each in configured]


def positions(messages: Sequence[FixMessage], account: str) -> list[PositionReport]:
    """AP: 702 with long (704) and short (705) quantity, for the message's instrument or its own."""
    found = []
    for message in messages:
        outer = (message.get(55) or b"").decode("ascii", "replace")
        for entry in _groups(message, 702, 703):
            symbol = (entry.get(55) or b"").decode("ascii", "replace") or outer
            long, short = number_text(entry, 704, "0"), number_text(entry, 705, "0")
            quantity = format(Decimal(long) - Decimal(short), "f")
            found.append(
                PositionReport(account=account, instrument=symbol, leg="net", quantity=quantity)
            )
    return found


def _instrument(
    venue: str,
    each: InstrumentSettings,
    entries: dict[str, FixMessage] | None,
    dialect: Dialect,
) -> Instrument:
    entry = entries.get(each.symbol) if entries is not None else FixMessage([])
    tick, lot, least = each.tick, each.lot, each.quantity_min
    if entry is not None:
        tick = number_text(entry, _TICK, tick)
        lot = number_text(entry, dialect.lot_tag, lot)
        least = number_text(entry, 562, least)
    return Instrument(
        symbol=f"{each.name or each.symbol}.{venue}",
        venue_symbol=each.symbol,
        kind=each.kind,
        base=each.base,
        quote=each.quote,
        settle=each.settle or each.quote,
        tick=tick,
        lot=lot,
        price_scale=_places(tick),
        quantity_scale=_places(lot),
        multiplier=each.multiplier,
        multiplier_scale=_places(each.multiplier),
        quantity_min=least,
        quantity_max=each.quantity_max,
        notional_min=each.notional_min,
        is_tradable=entry is not None,
    )


def _places(text: str) -> int:
    """Decimals that are needed."""
    return max(0, -int(Decimal(text).normalize().as_tuple().exponent))


def _groups(message: FixMessage, count_tag: int, first: int) -> Iterator[FixMessage]:
    """The entries behind a count, each beginning with the same field."""
    entry: list[Field] = []
    is_inside = False
    for field in message.fields:
        if field[0] == count_tag:
            is_inside = True
        elif is_inside and field[0] == first:
            if entry:
                yield FixMessage(entry)
            entry = [field]
        elif entry and field[0] != 10:
            entry.append(field)
    if entry:
        yield FixMessage(entry)
