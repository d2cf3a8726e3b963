"""What OKX lists: instruments as the gateway names them, the numbers the socket wants, and the
price steps of options. Must never drop an instrument that orders or positions may still name."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from gateway.api import Instrument, VenueProtocolError
from gateway_okx import translate
from gateway_okx.rest import OkxRest
from gateway_okx.rows import InstrumentRow, TickBandsRow
from gateway_okx.settings import OkxSettings

__all__ = ["Listings"]

log = logging.getLogger(__name__)


class Listings:
    """Of one venue, as `settings` wants them."""

    def __init__(
        self, venue: str, rest: OkxRest, settings: OkxSettings, counters: Counter[str]
    ) -> None:
        self._venue = venue
        self._rest = rest
        self._settings = settings
        self._counters = counters
        self._listed: dict[str, Instrument] = {}
        self._vanished: set[str] = set()  # of these what the venue lists no longer
        self._kinds: dict[str, str] = {}
        self._codes: dict[str, int] = {}
        self._bands: dict[str, list[translate.TickBand]] = {}

    async def ask(self) -> list[Instrument]:
        """All of them. Listings that make no sense are counted and left out; one that vanished
        stays known, not tradable."""
        found: dict[str, Instrument] = {}
        for query in self._queries():
            for raw in await self._rest.get(
                "public/instruments", query, msgspec.Raw, is_public=True
            ):
                listed = self._read(raw)
                if listed is not None and self._settings.wants(listed.venue_symbol):
                    found[listed.venue_symbol] = listed
        vanished = self._listed.keys() - found.keys()
        for symbol in vanished:
            if symbol not in self._vanished:
                self._counters["instruments_vanished"] += 1
                log.error("%s: %s is not listed any more", self._venue, symbol)
            found[symbol] = msgspec.structs.replace(self._listed[symbol], is_tradable=False)
        for family in self._settings.option_families:
            await self._ask_bands(family)
        self._listed, self._vanished = found, vanished
        return list(found.values())

    def is_news(self, data: Sequence[msgspec.Raw]) -> bool:
        """A push may repeat what is known: only what differs is news."""
        read = [self._read(raw) for raw in data]
        return any(
            listed is not None
            and self._settings.wants(listed.venue_symbol)
            and self._listed.get(listed.venue_symbol) != listed
            for listed in read
        )

    def listed(self) -> Sequence[Instrument]:
        """What there are prices of: not what has vanished. A subscription of that is refused."""
        return [each for name, each in self._listed.items() if name not in self._vanished]

    def kind_of(self, symbol: str) -> str:
        """By the listings; before them and after a delisting by the spelling."""
        return self._kinds.get(symbol) or _spelled_kind(symbol)

    def code_of(self, symbol: str) -> int | None:
        """Its number, for orders over the socket."""
        return self._codes.get(symbol)

    def off_tick(self, symbol: str, price: str | None) -> str:
        """Why an option has no such price, or "". The listed tick is the smallest of its bands, so
        the gateway's own check lets through what the venue would reject."""
        if price is None or self.kind_of(symbol) != "OPTION":
            return ""
        step = translate.tick_at(self._bands.get("-".join(symbol.split("-")[:2]), ()), price)
        if step is None or Decimal(price) % Decimal(step) == 0:
            return ""
        return f"price {price} of {symbol} is off the tick {step} of its band"

    def _queries(self) -> list[dict[str, str]]:
        """Options are asked for by family (docs-v5, get instruments, copy of 2026-06-15)."""
        plain: list[dict[str, str]] = [
            {"instType": kind} for kind in self._settings.kinds if kind != "OPTION"
        ]
        families = self._settings.option_families
        return plain + [{"instType": "OPTION", "instFamily": family} for family in families]

    async def _ask_bands(self, family: str) -> None:
        """docs-v5, get option tick bands, copy of 2026-06-15. Bands that cannot be read leave those
        that are known: the venue judges the price as well."""
        query = {"instType": "OPTION", "instFamily": family}
        try:
            rows = await self._rest.get(
                "public/instrument-tick-bands", query, TickBandsRow, is_public=True
            )
            self._bands |= {row.family: translate.tick_bands(row) for row in rows}
        except VenueProtocolError as error:
            self._counters["unreadable_tick_bands"] += 1
            log.warning("%s: the tick bands of %s are left out: %s", self._venue, family, error)

    def _read(self, raw: msgspec.Raw) -> Instrument | None:
        try:
            row = msgspec.json.decode(raw, type=InstrumentRow)
            self._kinds[row.symbol] = row.kind
            if row.code is not None:
                self._codes[row.symbol] = row.code
            return translate.instrument(self._venue, row)
        except (msgspec.DecodeError, VenueProtocolError) as error:
            self._counters["unreadable_listings"] += 1
            log.warning("%s: a listing is left out: %s", self._venue, error)
            return None


def _spelled_kind(symbol: str) -> str:
    """BTC-USDT, BTC-USDT-SWAP, BTC-USD-261225, BTC-USD-261225-50000-C."""
    parts = symbol.split("-")
    if parts[-1] == "SWAP":
        return "SWAP"
    return {2: "SPOT", 3: "FUTURES"}.get(len(parts), "OPTION")
